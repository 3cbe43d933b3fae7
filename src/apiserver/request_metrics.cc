#include "apiserver/request_metrics.h"

namespace leat::apiserver {
namespace {

std::string Number(double value) {
  std::string text = std::to_string(value);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

void RequestMetrics::Count(std::string_view verb, std::string_view resource, int status,
                           std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  MutexLock lock(mu_);
  ++counts_[{std::string(verb), std::string(resource), status}];
  Durations& durations = durations_[std::string(verb)];
  ++durations.count;
  durations.sum += seconds;
  for (size_t i = 0; i < kBuckets.size(); ++i) {
    if (seconds > kBuckets[i]) continue;
    ++durations.buckets[i];
    break;
  }
}

std::string RequestMetrics::Render() const {
  std::string text =
      "# HELP apiserver_request_total Requests answered.\n# TYPE apiserver_request_total counter\n";
  MutexLock lock(mu_);
  for (const auto& [key, count] : counts_) {
    const auto& [verb, resource, status] = key;
    text += "apiserver_request_total{verb=\"" + verb + "\",resource=\"" + resource + "\",code=\"" +
            std::to_string(status) + "\"} " + std::to_string(count) + "\n";
  }
  const std::string name = "apiserver_request_duration_seconds";
  text += "# HELP " + name + " Time to answer, watches and followed logs left out.\n# TYPE " +
          name + " histogram\n";
  for (const auto& [verb, durations] : durations_) {
    const std::string label = "{verb=\"" + verb + "\"";
    int64_t cumulative = 0;
    for (size_t i = 0; i < kBuckets.size(); ++i) {
      cumulative += durations.buckets[i];
      text += name + "_bucket" + label + ",le=\"" + Number(kBuckets[i]) + "\"} " +
              std::to_string(cumulative) + "\n";
    }
    text += name + "_bucket" + label + ",le=\"+Inf\"} " + std::to_string(durations.count) + "\n";
    text += name + "_sum" + label + "} " + Number(durations.sum) + "\n";
    text += name + "_count" + label + "} " + std::to_string(durations.count) + "\n";
  }
  return text;
}

}  // namespace leat::apiserver
