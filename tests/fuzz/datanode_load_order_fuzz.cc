// The order of a load, and the index files and TFRecord headers that it leads to: every part lies
// within its file.
//
// Input: the length of the index (1 byte, in units of 4), the index, and the order.
#include <algorithm>

#include "datanode/load_order.h"
#include "datanode/record_index.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::datanode;

namespace {

const Manifest& Files() {
  static const std::shared_ptr<const Manifest> manifest = [] {
    ManifestBuilder builder("s3://b/", nullptr);
    builder.Add({.key = "a", .size = 10240});
    builder.Add({.key = "d/b c", .size = 1 << 20});
    builder.Add({.key = "a#1", .size = 7});
    const std::string file = fuzz::ScratchDirectory() + "/manifest";
    LEAT_CHECK(bool(builder.Write(file, 0)), "a manifest is written");
    return *Manifest::Open(file);
  }();
  return *manifest;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const size_t length = std::min<size_t>(fuzz::TakeFlags(data, size) * 4, size);
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view index = all.substr(0, length);
  (void)RecordLength(index.substr(0, kRecordHeader));
  const FindRecords records = [&](uint32_t file, uint64_t) {
    auto found = ParseRecordIndex(index, "a.idx", Files().At(file).size);
    if (found) {
      for (const Extent& record : *found)
        LEAT_CHECK(record.length > 0 && record.offset + record.length <= Files().At(file).size,
                   "a record lies in its file");
    }
    return found;
  };
  (void)records(*Files().FindPath("a"), 0);
  const auto parts = ReadOrder(Files(), 0, fuzz::FileOf("order", all.substr(length)), records, {});
  if (!parts) return 0;
  for (const FilePart& part : *parts)
    LEAT_CHECK(part.offset + part.length <= Files().At(part.index).size, "a part lies in its file");
  return 0;
}
