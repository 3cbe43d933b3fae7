#include "node/pids_limit.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "io/file.h"

namespace leat::node {
namespace {

constexpr int64_t kShare = 4, kLeast = 1024, kUsualPidMax = 32'768;

std::optional<int64_t> NumberIn(const std::string& path) {
  const auto text = io::ReadFile(path);
  const auto number = text ? ParseInt(Trim(*text)) : Result<int64_t>(text.error());
  return number && *number > 0 ? std::optional(*number) : std::nullopt;
}

}  // namespace

int64_t PodPidsLimit(const PidLimitFiles& files) {
  std::vector<std::string> paths = files.cgroup_max;
  paths.push_back(files.threads_max);
  int64_t most = NumberIn(files.pid_max).value_or(kUsualPidMax);
  for (const std::string& path : paths) most = std::min(most, NumberIn(path).value_or(most));
  return std::max(kLeast, most / kShare);
}

}  // namespace leat::node
