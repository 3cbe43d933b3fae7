// A recursive-descent reader. Children are collected on two stacks that the whole parse shares and
// move into their array or object when it closes: each container is allocated once, at its size.
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/strings.h"
#include "base/utf8.h"
#include "json/value.h"

namespace leat::json {
namespace {

constexpr int kMaxDepth = 200;
// The paths may be far longer than the text, so there are bounds to what is told of duplicates.
constexpr size_t kMaxDuplicates = 100;
constexpr size_t kMaxPath = 1024;

// Where the reader stands in the tree; lives on the call stack.
struct Place {
  const Place* parent = nullptr;
  const std::string* key = nullptr;  // nullptr: `index` in an array
  size_t index = 0;
  int depth = 0;
};

// "a.b[3].c", cut off once it is long enough.
void AppendPath(const Place& place, std::string* path) {
  if (!place.parent) return;
  AppendPath(*place.parent, path);
  if (path->size() > kMaxPath) return;
  if (!place.key) {
    *path += "[" + std::to_string(place.index) + "]";
  } else {
    if (!path->empty()) *path += '.';
    path->append(*place.key, 0, kMaxPath + 1);
  }
}

std::string PathOf(const Place& place) {
  std::string path;
  AppendPath(place, &path);
  if (path.size() <= kMaxPath) return path;
  size_t end = kMaxPath - 3;
  while ((path[end] & 0xC0) == 0x80) --end;  // not within a character
  return path.substr(0, end) + "...";
}

// Each Read... returns false when the text is wrong; what and where are then in problem_ and at_.
class Parser {
 public:
  Parser(std::string_view text, std::vector<std::string>* duplicates)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), duplicates_(duplicates) {}

  Result<Value> Run() {
    Value value;
    if (!ReadValue(Place{}, &value)) return Problem();
    SkipBlanks();
    if (at_ == end_) return value;
    Fail("unexpected text after the value");
    return Problem();
  }

 private:
  bool Fail(const char* problem) {
    problem_ = problem;
    return false;
  }

  Error Problem() const {
    const std::string_view before(begin_, static_cast<size_t>(at_ - begin_));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {Code::kInvalid, "JSON line " + std::to_string(line) + ", column " +
                                std::to_string(before.size() - line_start + 1) + ": " + problem_};
  }

  void SkipBlanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  // Skips blanks and takes the character if it comes next.
  bool Take(char c) {
    SkipBlanks();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool ReadValue(const Place& place, Value* out) {
    SkipBlanks();
    if (at_ == end_) return Fail("the text ends where a value is expected");
    switch (*at_) {
      case '{':
        return ReadObject(place, out);
      case '[':
        return ReadArray(place, out);
      case '"': {
        std::string text;
        if (!ReadString(&text)) return false;
        *out = Value(std::move(text));
        return true;
      }
      case 't':
        return ReadWord("true", true, out);
      case 'f':
        return ReadWord("false", false, out);
      case 'n':
        return ReadWord("null", nullptr, out);
      default:
        return ReadNumber(out);
    }
  }

  bool ReadWord(std::string_view word, Value meaning, Value* out) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word))
      return Fail("a value is expected");
    at_ += word.size();
    *out = std::move(meaning);
    return true;
  }

  bool ReadArray(const Place& place, Value* out) {
    if (place.depth == kMaxDepth) return Fail("nested deeper than 200 levels");
    ++at_;
    const size_t first = items_.size();
    Place inner{.parent = &place, .depth = place.depth + 1};
    if (!Take(']')) {
      do {
        Value item;
        if (!ReadValue(inner, &item)) return false;
        items_.push_back(std::move(item));
        ++inner.index;
      } while (Take(','));
      if (!Take(']')) return Fail("',' or ']' is expected in the array");
    }
    const auto from = items_.begin() + static_cast<ptrdiff_t>(first);
    *out = Value(ArrayItems(std::make_move_iterator(from), std::make_move_iterator(items_.end())));
    items_.resize(first);
    return true;
  }

  bool ReadObject(const Place& place, Value* out) {
    if (place.depth == kMaxDepth) return Fail("nested deeper than 200 levels");
    ++at_;
    const size_t first = members_.size();
    bool sorted = true;
    if (!Take('}')) {
      do {
        Member member;
        SkipBlanks();
        if (at_ == end_ || *at_ != '"') return Fail("a string is expected as the member's key");
        if (!ReadString(&member.key)) return false;
        if (!Take(':')) return Fail("':' is expected after the key");
        const Place inner{.parent = &place, .key = &member.key, .depth = place.depth + 1};
        if (!ReadValue(inner, &member.value)) return false;
        sorted = sorted && (members_.size() == first || members_.back().key < member.key);
        members_.push_back(std::move(member));
      } while (Take(','));
      if (!Take('}')) return Fail("',' or '}' is expected in the object");
    }
    if (!sorted) SortMembers(first, place);
    const auto from = members_.begin() + static_cast<ptrdiff_t>(first);
    *out = Value(
        ObjectMembers(std::make_move_iterator(from), std::make_move_iterator(members_.end())));
    members_.erase(from, members_.end());
    return true;
  }

  // Sorts the members from `first` on; of equal keys only the last stays.
  void SortMembers(size_t first, const Place& place) {
    const auto from = members_.begin() + static_cast<ptrdiff_t>(first);
    std::stable_sort(from, members_.end(),
                     [](const Member& a, const Member& b) { return a.key < b.key; });
    auto kept = from;
    for (auto next = from + 1; next != members_.end(); ++next) {
      if (next->key != kept->key) {
        if (++kept != next) *kept = std::move(*next);
        continue;
      }
      kept->value = std::move(next->value);
      if (!duplicates_ || duplicates_->size() == kMaxDuplicates) continue;
      std::string path = PathOf(Place{.parent = &place, .key = &kept->key});
      if (duplicates_->empty() || duplicates_->back() != path)
        duplicates_->push_back(std::move(path));
    }
    members_.erase(kept + 1, members_.end());
  }

  bool ReadString(std::string* out) {
    ++at_;
    const char* run = at_;
    bool ascii = true;
    for (;; ++at_) {
      if (at_ == end_) return Fail("the text ends within a string");
      const unsigned char c = static_cast<unsigned char>(*at_);
      if (c >= 0x20 && c != '"' && c != '\\') {
        ascii = ascii && c < 0x80;
        continue;
      }
      if (c < 0x20) return Fail("control character in a string; write it as an escape");
      out->append(run, at_);
      if (c == '"') break;
      if (!ReadEscape(out)) return false;
      run = at_ + 1;
    }
    ++at_;
    return ascii || IsUtf8(*out) || Fail("the string that ends here is not UTF-8");
  }

  // From the backslash to the last character of the escape.
  bool ReadEscape(std::string* out) {
    if (++at_ == end_) return Fail("the text ends within a string");
    constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (const size_t name = kNames.find(*at_); name != std::string_view::npos) {
      *out += kMeanings[name];
      return true;
    }
    uint32_t c = 0, low = 0;
    if (*at_ != 'u') return Fail("unknown escape in a string");
    if (!ReadHex4(&c)) return Fail("four hexadecimal digits are expected after \\u");
    if (c >= 0xDC00 && c < 0xE000) return Fail("second half of a surrogate pair without its first");
    if (c >= 0xD800 && c < 0xDC00) {
      const bool pair = end_ - at_ > 6 && at_[1] == '\\' && at_[2] == 'u';
      if (pair) at_ += 2;
      if (!pair || !ReadHex4(&low) || low < 0xDC00 || low >= 0xE000)
        return Fail("first half of a surrogate pair without its second");
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(c, out);
    return true;
  }

  // From the 'u' to the last of four digits.
  bool ReadHex4(uint32_t* out) {
    if (end_ - at_ < 5) return false;
    const auto [stop, error] = std::from_chars(at_ + 1, at_ + 5, *out, 16);
    if (error != std::errc() || stop != at_ + 5) return false;
    at_ += 4;
    return true;
  }

  bool SkipDigits() {
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != first;
  }

  bool ReadNumber(Value* out) {
    const char* const first = at_;
    if (*at_ == '-') ++at_;
    const char* const digits = at_;
    if (!SkipDigits()) return Fail(at_ == first ? "a value is expected" : "a digit is expected");
    if (*digits == '0' && at_ - digits > 1) return Fail("a number must not begin with 0");
    bool whole = true;
    if (at_ != end_ && *at_ == '.') {
      whole = false;
      ++at_;
      if (!SkipDigits()) return Fail("a digit is expected after the decimal point");
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false;
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!SkipDigits()) return Fail("a digit is expected in the exponent");
    }
    int64_t integer = 0;
    if (whole && std::from_chars(first, at_, integer).ec == std::errc()) {
      *out = integer;
      return true;
    }
    double number = 0;
    if (std::from_chars(first, at_, number).ec != std::errc()) {
      // from_chars does not tell too large (an error) from too small (zero); strtod does.
      number = std::strtod(std::string(first, at_).c_str(), nullptr);
      if (number > 1 || number < -1) return Fail("the number that ends here is too large");
    }
    *out = number;
    return true;
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  const char* problem_ = "";
  std::vector<std::string>* const duplicates_;
  ArrayItems items_;
  ObjectMembers members_;
};

}  // namespace

Result<Value> Parse(std::string_view text, size_t max_bytes, std::vector<std::string>* duplicates) {
  if (text.size() > max_bytes)
    return Error{Code::kTooLarge, "JSON of " + std::to_string(text.size()) + " bytes; at most " +
                                      std::to_string(max_bytes)};
  return Parser(text, duplicates).Run();
}

}  // namespace leat::json
