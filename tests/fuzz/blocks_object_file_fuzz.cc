// What an earlier process left of a large object: the .chunks file beside it. Nothing is given out
// but chunks whose bytes have their checksum, and those absent can be filled.
//
// Input: flags (1: the header is mended; 2: the marks' second halves say "present"; 4: a chunk is
// filled; 8: a large object), a number of
// pages at which the second half of the file lies (a hole is before it), the object's size (4
// bytes), and the .chunks file.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "blocks/object_file.h"
#include "hash/hash.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::blocks;

namespace {

constexpr size_t kHeader = 64;
constexpr uint64_t kLargest = 3 * kChunkSize + 5;
constexpr uint64_t kManyChunks = 5000 * kChunkSize;  // whose marks are read in pieces
constexpr uint64_t kChecked = 3;                     // chunks: it takes time

void Mend(std::string& bytes, const ObjectId& id, uint64_t size) {
  if (bytes.size() < kHeader) return;
  std::string header("LEATCHK1");
  const auto put = [&](const auto& value) {
    header.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(static_cast<uint32_t>(kChunkSize));
  put(uint32_t{0});
  header.append(id.bytes.begin(), id.bytes.end());
  put(size);
  header.resize(kHeader - 4);
  put(hash::Crc32c(header));
  bytes.replace(0, kHeader, header);
}

void Use(ObjectFile& file) {
  LEAT_CHECK(file.present_chunks() <= file.chunks(), "no more chunks than there are");
  LEAT_CHECK(file.present_bytes() <= file.size(), "no more bytes than there are");
  static std::string buffer(kChunkSize, '\0');
  uint64_t checked = 0;
  for (uint64_t chunk = 0; chunk < file.chunks(); ++chunk) {
    if (file.Has(chunk) ? ++checked > kChecked : chunk > kChecked) continue;
    const auto read = file.Read(chunk * kChunkSize, buffer);
    LEAT_CHECK(read && *read <= file.size() - chunk * kChunkSize, "no more than is there");
    LEAT_CHECK((*read > 0) == file.Has(chunk), "what is not given out is absent");
    // The data file is a hole: only a mark with the checksum of zeros can have survived.
    LEAT_CHECK(*read == 0 || buffer[0] == '\0', "bytes from nowhere");
    LEAT_CHECK(std::memcmp(buffer.data(), buffer.data() + 1, buffer.size() - 1) == 0, "nor here");
  }
  const uint64_t before = file.present_chunks();
  if (checked <= kChecked)
    LEAT_CHECK(file.VerifyAll().value_or(1) == 0 && file.present_chunks() == before,
               "once is enough");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t flags = fuzz::TakeFlags(data, size);
  const uint64_t pages = fuzz::TakeFlags(data, size);
  uint64_t object_size = 0;
  for (int n = 0; n < 4; ++n) object_size = object_size << 8 | fuzz::TakeFlags(data, size);
  object_size = object_size % kLargest + ((flags & 8) != 0 ? kManyChunks : 0);
  std::string marks(reinterpret_cast<const char*>(data), size);
  const ObjectId id = ObjectId::Of("s", "k", "e", 1);
  if ((flags & 1) != 0) Mend(marks, id, object_size);
  for (size_t at = kHeader; (flags & 2) != 0 && at + 8 <= marks.size(); at += 8)
    std::memcpy(marks.data() + at + 4, "HEAT", 4);

  const std::string dir = fuzz::ScratchDirectory() + "/cache";
  const std::string path = ObjectFile::DataPath(dir, id);
  const std::string base = path.substr(0, path.rfind('.'));
  LEAT_CHECK(io::RemoveTree(dir) && io::MakeDirs(base.substr(0, base.rfind('/'))), "a directory");
  LEAT_CHECK(
      io::WriteFile(path, "") && truncate(path.c_str(), static_cast<off_t>(object_size)) == 0,
      "a data file");
  const size_t half = std::min(marks.size(), kHeader + 16);
  LEAT_CHECK(bool(io::WriteFile(base + ".chunks", marks.substr(0, half))), "a file of marks");
  if (half < marks.size()) {
    const auto fd = io::Open(base + ".chunks", O_WRONLY);
    const auto at = static_cast<off_t>(std::max<uint64_t>(half, pages * 4096));
    LEAT_CHECK(fd && io::PWriteAll(fd->get(), marks.substr(half), at), "the rest of it");
  }
  const auto file = ObjectFile::Open(dir, id);
  if (!file) return 0;
  Use(**file);
  if ((flags & 4) == 0 || object_size == 0) return 0;
  static const std::string kBytes(kChunkSize, 'x');
  const std::string_view bytes = std::string_view(kBytes).substr(0, object_size);
  LEAT_CHECK(bool((*file)->Fill(0, bytes)), "a chunk is filled");
  std::string buffer(bytes.size(), '\0');
  LEAT_CHECK((*file)->Read(0, buffer).value_or(0) == bytes.size() && buffer == bytes,
             "and is there");
  return 0;
}
