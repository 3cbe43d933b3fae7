// Metrics in the lines of a job's log: by the job's own definitions and, for Leat's XGBoost, by the
// form of its lines. Pure functions of the lines.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/pattern.h"
#include "awsserver/log_store.h"
#include "engine/job.h"
#include "json/value.h"

namespace leat::engine {

// What is known of a metric: its newest number.
struct MetricPoint {
  double value = 0;
  int64_t timestamp_ms = 0;  // of the line that said it
};

// Reads the metrics of one job. Not thread-safe.
class MetricLines {
 public:
  explicit MetricLines(const Job& job);

  // False when no line can tell a metric: then nothing need be read.
  bool any() const { return built_in_ || !definitions_.empty(); }
  // The definitions that cannot be used, each with the reason.
  const std::vector<std::string>& mistakes() const { return mistakes_; }
  // Takes the numbers of a line. A number counts when its line is not older than the one known.
  void Read(const awsserver::LogEvent& line);
  // [{metricName, value, timestamp}], sorted by name: status.finalMetricDataList of a run.
  json::Value Points() const;

 private:
  struct Definition {
    std::string name;
    std::shared_ptr<const api::Pattern> regex;
  };
  void ReadXgboostRound(const awsserver::LogEvent& line);
  void Take(std::string_view name, std::string_view number, int64_t timestamp_ms);

  const bool built_in_;
  std::vector<Definition> definitions_;
  std::vector<std::string> mistakes_;
  std::map<std::string, MetricPoint, std::less<>> points_;
};

// True for the names of SageMaker's XGBoost images, which Leat's own XGBoost serves unless the
// image catalogue (src/node) says otherwise.
bool IsBuiltInXgboost(std::string_view image);

}  // namespace leat::engine
