// The training container's log, in the words and forms that people, `kubectl smlogs` and the
// metric definitions of tuning jobs expect.
#pragma once

#include <string_view>
#include <vector>

#include "algorithms/evaluation.h"
#include "base/clock.h"

namespace leat::algorithms {

// Each call writes one line with one write(2), so that it is out when the call returns. A line
// that cannot be written is lost: training goes on. Times are in UTC.
class TrainingLog {
 public:
  // The clock must outlive the log; the descriptor is borrowed.
  TrainingLog(Clock& clock, int fd) : clock_(clock), fd_(fd) {}

  void Info(std::string_view text);     // "[2020-01-29:01:19:40:INFO] Running standalone ..."
  void Error(std::string_view text);    // "[2020-01-29:01:19:40:ERROR] ..."
  void Stamped(std::string_view text);  // "[01:19:41] S3DistributionType set as FullyReplicated"
  // "[0]#011train-merror:0.2#011validation-merror:0.21". The #011 is literal: the container's
  // tabs come so out of its syslog, and all metric regexes say it.
  void Round(int round, const std::vector<MetricValue>& values);
  void Line(std::string_view text);

 private:
  Clock& clock_;
  const int fd_;
};

}  // namespace leat::algorithms
