// Whole lines out of a log that comes in pieces.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace leat::api {

// The most of one line of a log; what goes beyond is dropped up to its end. It bounds what a
// container without newlines can make a reader hold, and is what CloudWatch takes as one event.
inline constexpr size_t kMaxLogLine = 256 << 10;

// For one thread.
class LogLines {
 public:
  // `take` gets each line, without its newline, and returns false when it wants no more.
  explicit LogLines(std::function<bool(std::string_view line)> take) : take_(std::move(take)) {}

  // The log's next piece, cut anywhere; false once `take` wants no more.
  bool Add(std::string_view piece);
  // The log's end: gives a last line that has no newline.
  bool End();

 private:
  const std::function<bool(std::string_view line)> take_;
  std::string begun_;  // of the present line, at most kMaxLogLine
};

}  // namespace leat::api
