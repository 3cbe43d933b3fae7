// A manifest file, which is mapped and believed once its checksums are right: whatever else it
// says, nothing outside of it is read, and every walk over it ends.
//
// Input: flags (1: the checksums are mended; 2: the lengths, too), then the file.
#include <cstddef>
#include <cstring>

#include "datanode/manifest.h"
#include "datanode/manifest_format.h"
#include "hash/hash.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::datanode;

namespace {

void Mend(std::string& bytes, bool lengths) {
  ManifestHeader header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (lengths) {
    const uint64_t room = bytes.size() - sizeof header;
    const uint64_t each = sizeof(ManifestRecord) + (header.has_order ? sizeof(uint32_t) : 0);
    std::memcpy(header.magic, kManifestMagic, sizeof header.magic);
    header.entries = static_cast<uint32_t>(header.entries % (room / each + 1));
    header.texts = room - header.entries * each;
  }
  header.crc32c = hash::Crc32c(std::string_view(bytes).substr(sizeof header));
  const std::string_view before(reinterpret_cast<const char*>(&header),
                                offsetof(ManifestHeader, header_crc32c));
  header.header_crc32c = hash::Crc32c(before);
  std::memcpy(bytes.data(), &header, sizeof header);
}

void Walk(const Manifest& manifest) {
  LEAT_CHECK(manifest.size() > 0 && manifest.At(0).kind == Kind::kDirectory, "there is a root");
  uint64_t bytes = 0;
  for (uint32_t index = 0; index < manifest.size(); ++index) {
    const ManifestEntry entry = manifest.At(index);
    for (const char c : std::string(entry.name) + std::string(entry.etag)) bytes += c == 'x';
    bytes += manifest.PathOf(index).size();
    const auto found = manifest.FindId(entry.id);
    LEAT_CHECK(!found || *found < manifest.size(), "an id is that of an entry");
    if (entry.kind != Kind::kDirectory) continue;
    for (uint32_t n = 0; n < entry.children; ++n)
      LEAT_CHECK(manifest.At(entry.first + n).parent == index, "children know their parent");
    (void)manifest.Find(index, "name");
  }
  (void)manifest.FindPath("a/b");
  (void)manifest.FindId(UINT64_MAX);
  for (const SkippedKey& skipped : manifest.skipped()) bytes += skipped.key.size();
  LEAT_CHECK(bytes + manifest.source().size() < UINT64_MAX, "all of it has been read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t flags = fuzz::TakeFlags(data, size);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if ((flags & 1) != 0) Mend(bytes, (flags & 2) != 0);
  if (const auto manifest = Manifest::Open(fuzz::FileOf("manifest", bytes))) Walk(**manifest);
  return 0;
}
