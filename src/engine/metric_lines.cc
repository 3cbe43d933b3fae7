#include "engine/metric_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/strings.h"

namespace leat::engine {
namespace {

// Between the values of a round's line; a tab in the container's own words.
constexpr std::string_view kTab = "#011";

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

MetricLines::MetricLines(const Job& job) : built_in_(IsBuiltInXgboost(job.image)) {
  for (const MetricDefinition& metric : job.metrics) {
    auto regex = api::Pattern::Compile(metric.regex);
    if (regex)
      definitions_.push_back({metric.name, std::move(*regex)});
    else
      mistakes_.push_back(fmt::format(
          "metric {} cannot be read from the log: {}. Use RE2's syntax (no look-around, no "
          "back-references) with one group around the number",
          metric.name, regex.error().message));
  }
}

void MetricLines::Read(const awsserver::LogEvent& line) {
  for (const Definition& definition : definitions_)
    if (const auto number = definition.regex->Capture(line.message))
      Take(definition.name, *number, line.timestamp_ms);
  if (built_in_) ReadXgboostRound(line);
}

// "[3]#011train-merror:0.01#011validation-merror:0.02" says train:merror and validation:merror.
void MetricLines::ReadXgboostRound(const awsserver::LogEvent& line) {
  auto parts = Cut(line.message, kTab);
  if (!parts || !parts->first.starts_with('[') || !parts->first.ends_with(']') ||
      !IsDigits(parts->first.substr(1, parts->first.size() - 2)))
    return;
  for (std::string_view rest = parts->second; !rest.empty();) {
    const auto next = Cut(rest, kTab);
    const std::string_view entry = next ? next->first : rest;
    rest = next ? next->second : std::string_view();
    const auto data_and_more = Cut(entry, "-");
    const size_t colon = entry.rfind(':');
    if (!data_and_more || colon == std::string_view::npos) continue;
    const size_t dash = data_and_more->first.size();
    if (colon < dash) continue;
    Take(fmt::format("{}:{}", data_and_more->first, entry.substr(dash + 1, colon - dash - 1)),
         entry.substr(colon + 1), line.timestamp_ms);
  }
}

void MetricLines::Take(std::string_view name, std::string_view number, int64_t timestamp_ms) {
  const auto value = ParseDouble(Trim(number));
  if (!value || !std::isfinite(*value)) return;  // JSON has no other numbers
  auto known = points_.find(name);
  if (known == points_.end())
    points_.emplace(name, MetricPoint{*value, timestamp_ms});
  else if (timestamp_ms >= known->second.timestamp_ms)
    known->second = {*value, timestamp_ms};
}

json::Value MetricLines::Points() const {
  json::Value list = json::Array();
  for (const auto& [name, point] : points_)
    list.Push(json::Object(
        {{"metricName", name},
         {"value", point.value},
         {"timestamp", FormatTimeMicro(WallTime(std::chrono::milliseconds(point.timestamp_ms)))}}));
  return list;
}

bool IsBuiltInXgboost(std::string_view image) {
  if (image.starts_with("leat.dev/xgboost")) return true;
  const size_t slash = image.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view registry = image.substr(0, slash);
  std::string_view repository = image.substr(slash + 1);
  if (const auto tagged = Cut(repository, ":")) repository = tagged->first;
  return (repository == "xgboost" || repository == "sagemaker-xgboost") &&
         registry.find(".dkr.ecr.") != std::string_view::npos &&
         registry.ends_with(".amazonaws.com");
}

}  // namespace leat::engine
