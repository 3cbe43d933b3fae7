#include "algorithms/training_log.h"

#include <cstdio>
#include <string>

#include "io/file.h"

namespace leat::algorithms {

void TrainingLog::Line(std::string_view text) {
  const Status written = io::WriteAll(fd_, std::string(text) + "\n");
  static_cast<void>(written);
}

void TrainingLog::Info(std::string_view text) {
  Line("[" + FormatUtc(clock_.Now(), "%Y-%m-%d:%H:%M:%S") + ":INFO] " + std::string(text));
}

void TrainingLog::Error(std::string_view text) {
  Line("[" + FormatUtc(clock_.Now(), "%Y-%m-%d:%H:%M:%S") + ":ERROR] " + std::string(text));
}

void TrainingLog::Stamped(std::string_view text) {
  Line("[" + FormatUtc(clock_.Now(), "%H:%M:%S") + "] " + std::string(text));
}

void TrainingLog::Round(int round, const std::vector<MetricValue>& values) {
  std::string line = "[" + std::to_string(round) + "]";
  for (const MetricValue& metric : values) {
    char number[32];
    std::snprintf(number, sizeof number, "%g", metric.value);
    line += "#011" + metric.name + ":" + number;
  }
  Line(line);
}

}  // namespace leat::algorithms
