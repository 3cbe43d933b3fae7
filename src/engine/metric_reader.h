// Keeps the metrics of running jobs up to date with their logs.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/object_client.h"
#include "awsserver/log_store.h"
#include "awsserver/training_run.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "engine/job.h"
#include "engine/metric_lines.h"

namespace leat::engine {

// While a job runs, its metrics are looked up this often.
inline constexpr std::chrono::seconds kReadMetricsEvery{5};

// The log is the truth: what is kept here is how far it was read, so that a line is read once, and
// after a restart all is read again. Calls for different runs may overlap, those for one may not.
class MetricReader {
 public:
  MetricReader(awsserver::LogStore& logs, Clock& clock) : logs_(logs), clock_(clock) {}

  struct Reading {
    bool complete = true;  // all lines that were there have been read
    json::Value points;    // as MetricLines::Points, once complete; null when there are none
    std::optional<std::chrono::nanoseconds> again_after;  // unset: the job has no metrics
    std::vector<std::string> mistakes;  // of the definitions, told at a run's first reading
  };
  // Reads at most 10,000 more lines of each stream, and none while the last reading is younger than
  // kReadMetricsEvery, unless that one was incomplete or the job is at its end.
  Reading Read(const json::Value& run, const Job& job, const std::vector<std::string>& streams,
               bool at_end);
  void Forget(const api::ObjectName& run);

 private:
  struct Progress {
    Progress(std::string run_uid, const Job& job)
        : uid(std::move(run_uid)), group(awsserver::TrainingLogs(job.region)), lines(job) {}
    const std::string uid;
    const awsserver::LogGroup group;
    MetricLines lines;
    std::map<std::string, awsserver::LogCursor> read_to;  // by stream
    bool complete = false;
    MonoTime next{};
  };
  // True when the stream has no more lines for now.
  bool ReadStream(Progress& progress, const std::string& stream);

  awsserver::LogStore& logs_;
  Clock& clock_;
  Mutex mu_;
  std::map<api::ObjectName, std::shared_ptr<Progress>> runs_ GUARDED_BY(mu_);
};

}  // namespace leat::engine
