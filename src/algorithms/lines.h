// Walking over the lines of a text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace leat::algorithms {

// The lines of a text, without their ends (LF or CRLF). The view must outlive the cursor.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  // The next line that has anything but blanks on it; false at the end of the text.
  bool Next(std::string_view& line) {
    while (!rest_.empty()) {
      const void* newline = std::memchr(rest_.data(), '\n', rest_.size());
      const size_t length =
          newline ? static_cast<size_t>(static_cast<const char*>(newline) - rest_.data())
                  : rest_.size();
      line = rest_.substr(0, length);
      rest_.remove_prefix(std::min(rest_.size(), length + 1));
      number_ = next_number_++;
      while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.find_first_not_of(" \t") != std::string_view::npos) return true;
    }
    return false;
  }
  uint64_t number() const { return number_; }  // of the line last returned, from 0

 private:
  std::string_view rest_;
  uint64_t next_number_ = 0;
  uint64_t number_ = 0;
};

inline size_t CountLineEnds(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Text from a data file made fit for an error message: quoted, cut at 40 bytes, unprintable bytes
// as \xNN.
std::string Quoted(std::string_view text);

}  // namespace leat::algorithms
