#include "blocks/object_id.h"

#include <algorithm>

#include "base/strings.h"
#include "hash/hash.h"

namespace leat::blocks {

ObjectId ObjectId::Of(std::string_view endpoint, std::string_view url, std::string_view etag,
                      uint64_t size) {
  // Lengths first, so that no two lists of parts look alike.
  std::string text;
  for (std::string_view part : {endpoint, url, etag}) {
    text += std::to_string(part.size()) + ":";
    text += part;
  }
  text += std::to_string(size);
  const std::string digest = hash::Digest(hash::Algorithm::kSha256, text);
  ObjectId id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

std::string ObjectId::ToHex() const {
  return HexEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace leat::blocks
