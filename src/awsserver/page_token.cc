#include "awsserver/page_token.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

constexpr size_t kChecksumDigits = 8;

std::string Checksum(std::string_view name) { return fmt::format("{:08x}", hash::Crc32c(name)); }

}  // namespace

std::string PageToken(std::string_view last_name) {
  return Base64Encode(Checksum(last_name) + std::string(last_name));
}

std::optional<std::string> ReadPageToken(std::string_view token) {
  const auto text = Base64Decode(token);
  if (!text || text->size() <= kChecksumDigits) return std::nullopt;
  std::string name = text->substr(kChecksumDigits);
  if (text->substr(0, kChecksumDigits) != Checksum(name)) return std::nullopt;
  return name;
}

}  // namespace leat::awsserver
