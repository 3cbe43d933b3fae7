// A file of packed small objects, as a crash or a sick disk left it. What is given out has the
// checksum that its record says; what comes in beside it is there, also after a restart.
//
// Input: flags (1: the headers' checksums are mended; 2: the bytes', too; 4: a restart), then the
// file.
#include <cstring>

#include "blocks/segments.h"
#include "hash/hash.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::blocks;

namespace {

// Of a record, as the header of segments.h has it.
constexpr size_t kHeader = 48;
constexpr size_t kSize = 8;
constexpr size_t kId = 16;

void Mend(std::string& bytes, bool contents) {
  for (size_t at = 0; at + kHeader <= bytes.size();) {
    char* const record = bytes.data() + at;
    std::memcpy(record, "LSEG", 4);
    uint32_t size;
    std::memcpy(&size, record + kSize, sizeof size);
    const size_t room = bytes.size() - at - kHeader;
    if (contents && size <= room) {
      const uint32_t crc = hash::Crc32c({record + kHeader, size});
      std::memcpy(record + 12, &crc, sizeof crc);
    }
    const uint32_t crc = hash::Crc32c({record + kSize, kId + 16 - kSize});
    std::memcpy(record + 4, &crc, sizeof crc);
    if (size > room) return;
    at += kHeader + (size + 7) / 8 * 8;
  }
}

void Use(Segments& segments) {
  std::vector<ObjectId> ids;
  segments.Each([&](const ObjectId& id, uint32_t) { ids.push_back(id); });
  LEAT_CHECK(ids.size() == segments.objects(), "what is counted is there");
  for (const ObjectId& id : ids) {
    const auto size = segments.SizeOf(id);
    const auto read = segments.Read(id);
    LEAT_CHECK(bool(size), "what is told has a size");
    LEAT_CHECK(read || read.error().code == Code::kCorrupt, "a readable file is no other error");
    const bool whole = read && read->has_value();
    LEAT_CHECK(whole == segments.Has(id), "what is rotten is gone");
    if (whole) LEAT_CHECK((*read)->size() == *size, "an object is whole");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t flags = fuzz::TakeFlags(data, size);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if ((flags & 1) != 0) Mend(bytes, (flags & 2) != 0);
  const std::string dir = fuzz::ScratchDirectory() + "/cache";
  LEAT_CHECK(io::RemoveTree(dir) && io::MakeDirs(dir + "/segments"), "a directory is made");
  LEAT_CHECK(bool(io::WriteFile(dir + "/segments/00000001.seg", bytes)), "a segment is made");

  auto segments = Segments::Open(dir);
  LEAT_CHECK(bool(segments), "a bad segment is left out");
  Use(**segments);
  const ObjectId id = ObjectId::Of("s", "k", "e", 5);
  if ((*segments)->IsFull(5)) LEAT_CHECK(bool((*segments)->Begin()), "a segment can be begun");
  const Status appended = (*segments)->Append(id, "fresh");
  LEAT_CHECK(bool(appended), "there is room");
  const bool was_there = bytes.find(std::string(id.bytes.begin(), id.bytes.end())) != bytes.npos;
  if ((flags & 4) != 0) {
    segments = Segments::Open(dir);
    LEAT_CHECK(bool(segments), "it opens again");
    Use(**segments);
  }
  const auto read = (*segments)->Read(id);
  LEAT_CHECK(was_there || (read && *read && **read == "fresh"), "what was put in is there");
  for (const uint32_t number : (*segments)->Numbers()) (*segments)->RemoveSegment(number);
  LEAT_CHECK((*segments)->objects() == 0, "nothing is left of removed segments");
  return 0;
}
