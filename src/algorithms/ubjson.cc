#include "algorithms/ubjson.h"

#include <cstddef>
#include <cstdint>

namespace leat::algorithms {
namespace {

constexpr int kMaxDepth = 64;

// Skips over values; every Skip returns false when the text is wrong or ends too early.
class Skipper {
 public:
  explicit Skipper(std::string_view rest) : rest_(rest) {}

  bool SkipValue(int depth) { return !rest_.empty() && SkipValue(Take(), depth); }
  bool AtEnd() const { return rest_.empty(); }

 private:
  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool SkipBytes(uint64_t n) {
    if (n > rest_.size()) return false;
    rest_.remove_prefix(n);
    return true;
  }

  // The size of a number or character of that type; 0 for all other types.
  static size_t FixedSize(char type) {
    switch (type) {
      case 'i':
      case 'U':
      case 'C':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }

  // An integer that counts something: big-endian, not negative.
  bool TakeCount(uint64_t& count) {
    if (rest_.empty()) return false;
    const char type = Take();
    const size_t size = FixedSize(type);
    if (size == 0 || type == 'C' || type == 'd' || type == 'D' || size > rest_.size()) return false;
    count = 0;
    for (size_t i = 0; i < size; ++i) count = count << 8 | static_cast<uint8_t>(rest_[i]);
    const bool negative = type != 'U' && (static_cast<uint8_t>(rest_.front()) & 0x80) != 0;
    return !negative && SkipBytes(size);
  }

  bool SkipString() {
    uint64_t length = 0;
    return TakeCount(length) && SkipBytes(length);
  }

  bool SkipValue(char type, int depth) {
    if (depth > kMaxDepth) return false;
    if (const size_t size = FixedSize(type)) return SkipBytes(size);
    switch (type) {
      case 'Z':
      case 'T':
      case 'F':
        return true;
      case 'S':
        return SkipString();
      case '[':
        return SkipItems(']', depth);
      case '{':
        return SkipItems('}', depth);
      default:
        return false;
    }
  }

  // What is between the brackets; both forms may say their item's type and count in advance.
  bool SkipItems(char end, int depth) {
    const bool object = end == '}';
    char type = 0;
    if (rest_.starts_with('$')) {
      if (rest_.size() < 3 || rest_[2] != '#') return false;
      type = rest_[1];
      rest_.remove_prefix(2);
    }
    if (rest_.starts_with('#')) {
      Take();
      uint64_t count = 0;
      if (!TakeCount(count) || count > rest_.size()) return false;  // an item has a byte at least
      const size_t size = FixedSize(type);
      if (size > 0 && !object) return count <= rest_.size() / size && SkipBytes(count * size);
      for (; count > 0; --count) {
        if (rest_.empty() || (object && !SkipString())) return false;
        if (type != 0 ? !SkipValue(type, depth + 1) : !SkipValue(depth + 1)) return false;
      }
      return true;
    }
    while (!rest_.starts_with(end)) {
      if (object && !SkipString()) return false;
      if (!SkipValue(depth + 1)) return false;
    }
    Take();
    return true;
  }

  std::string_view rest_;
};

}  // namespace

bool IsWholeUbjson(std::string_view bytes) {
  Skipper skipper(bytes);
  return bytes.starts_with('{') && skipper.SkipValue(0) && skipper.AtEnd();
}

}  // namespace leat::algorithms
