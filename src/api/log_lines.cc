#include "api/log_lines.h"

#include <algorithm>

namespace leat::api {

bool LogLines::Add(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (end == std::string_view::npos || !begun_.empty())
      begun_ += part.substr(0, kMaxLogLine - std::min(kMaxLogLine, begun_.size()));
    if (end == std::string_view::npos) return true;
    const bool more = take_(begun_.empty() ? part.substr(0, kMaxLogLine) : begun_);
    begun_.clear();
    if (!more) return false;
    piece.remove_prefix(end + 1);
  }
  return true;
}

bool LogLines::End() {
  if (begun_.empty()) return true;
  const bool more = take_(begun_);
  begun_.clear();
  return more;
}

}  // namespace leat::api
