// Names of cached objects.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace leat::blocks {

// The cache's unit of filling, checking and evicting within an object, in bytes. The last chunk of
// an object is shorter.
inline constexpr uint64_t kChunkSize = 1 << 20;
// Objects below this are packed into segments, and are cached whole or not at all.
inline constexpr uint64_t kPackedBelow = 256 << 10;

// One version of one object: the first 16 bytes of SHA-256 over the endpoint, the URL, the entity
// tag and the size. Equal ids have equal bytes behind them.
struct ObjectId {
  std::array<uint8_t, 16> bytes{};
  static ObjectId Of(std::string_view endpoint, std::string_view url, std::string_view etag,
                     uint64_t size);
  std::string ToHex() const;  // 32 digits
  auto operator<=>(const ObjectId&) const = default;
};

}  // namespace leat::blocks

template <>
struct std::hash<leat::blocks::ObjectId> {
  size_t operator()(const leat::blocks::ObjectId& id) const noexcept {
    size_t value;  // already a hash
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
