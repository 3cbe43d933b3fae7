// PodLogs: the seam between the API server, which serves pods/log, and the node, which has the
// files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/result.h"

namespace leat::api {

struct PodLogOptions {
  std::string container;  // "": the only one; kInvalid lists the choices when there are several
  bool follow = false;
  bool previous = false;    // of the container's last finished run
  bool timestamps = false;  // each line starts with its RFC 3339 time stamp
  std::optional<int64_t> tail_lines;
  std::optional<WallTime> since;
  std::optional<int64_t> limit_bytes;
};

class PodLogs {
 public:
  virtual ~PodLogs() = default;
  // Gives `sink` the log in pieces, a long line in several (LogLines joins them); sink returns
  // false to stop. Without follow, until the present end; with it, until the container has ended
  // for good, or stop. Blocks. kNotFound: no such pod or container; kInvalid: it has not started
  // yet ("container \"x\" in pod
  // \"y\" is waiting to start: PodInitializing").
  virtual Status Read(const ObjectName& pod, const PodLogOptions& options,
                      const std::function<bool(std::string_view)>& sink,
                      const std::stop_token& stop) = 0;
};

}  // namespace leat::api
