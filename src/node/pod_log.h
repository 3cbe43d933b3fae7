// Reading the CRI logs that conmon writes: "<RFC 3339 time> stdout|stderr F|P <text>".
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/pod_logs.h"
#include "base/clock.h"
#include "base/result.h"

namespace leat::node {

struct LogLine {
  std::string_view time;  // RFC 3339
  std::string_view text;
  bool partial = false;  // 'P': goes on in the next line, without a newline
};
// kInvalid for a line that is not in CRI form.
Result<LogLine> ParseLogLine(std::string_view line);

struct LogRead {
  std::string log_path;
  api::PodLogOptions options;
  // False once the container has ended, so that a follower stops after the last line. Asked often.
  std::function<bool()> running;
  std::function<bool(std::string_view)> sink;
};

// Gives the sink the log as PodLogs::Read promises. Follows through rotation.
Status ReadLog(const LogRead& read, const std::stop_token& stop);

// The last lines, at most `max_lines` and `max_bytes`, as text: for termination messages.
std::string LogTail(const std::string& log_path, int max_lines, size_t max_bytes);

}  // namespace leat::node
