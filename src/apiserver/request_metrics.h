// Counts of requests for /metrics.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "base/mutex.h"

namespace leat::apiserver {

// Thread-safe.
class RequestMetrics {
 public:
  // One answered request. `resource` is a served type's plural, or "" for other paths, so that
  // clients cannot make up series.
  void Count(std::string_view verb, std::string_view resource, int status,
             std::chrono::nanoseconds duration) EXCLUDES(mu_);
  // Prometheus text, under the names that dashboards for Kubernetes know.
  std::string Render() const EXCLUDES(mu_);

 private:
  static constexpr std::array<double, 8> kBuckets = {0.001, 0.005, 0.025, 0.1, 0.25, 1, 5, 30};
  struct Durations {
    std::array<int64_t, kBuckets.size()> buckets{};  // not cumulative
    int64_t count = 0;
    double sum = 0;
  };
  mutable Mutex mu_;
  std::map<std::tuple<std::string, std::string, int>, int64_t> counts_ GUARDED_BY(mu_);
  std::map<std::string, Durations, std::less<>> durations_ GUARDED_BY(mu_);  // by verb
};

}  // namespace leat::apiserver
