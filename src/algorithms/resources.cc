#include "algorithms/resources.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>

#include "base/strings.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

std::string ReadOrEmpty(const std::string& path) {
  auto text = io::ReadFile(path, 1u << 20);
  return text ? *text : std::string();
}

// Calls `visit` with every directory whose limit for `controller` ("cpu") holds for this process:
// its own cgroup and all above, in both hierarchies. Inside a cgroup namespace the path that
// /proc shows may not exist; the mount's root is then our own.
void VisitCgroups(const std::string& root, std::string_view controller,
                  const std::function<void(const std::string&)>& visit) {
  const std::string table = ReadOrEmpty(root + "/proc/self/cgroup");
  for (const std::string_view line : Split(table, '\n')) {
    const auto id = Cut(line, ":");
    const auto names = id ? Cut(id->second, ":") : std::nullopt;
    if (!names) continue;
    const auto controllers = Split(names->first, ',');
    const bool v2 = names->first.empty();
    if (!v2 && std::find(controllers.begin(), controllers.end(), controller) == controllers.end())
      continue;
    const std::string mount = root + "/sys/fs/cgroup" + (v2 ? "" : "/" + std::string(controller));
    for (std::string path(names->second); !path.empty() && path != "/";
         path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/')))
      visit(mount + path);
    visit(mount);
  }
}

double NumberIn(std::string_view text) {
  return ParseDouble(Trim(text)).value_or(std::numeric_limits<double>::infinity());
}

double CpuQuota(const std::string& root) {
  double quota = std::numeric_limits<double>::infinity();
  VisitCgroups(root, "cpu", [&](const std::string& dir) {
    if (const std::string v2 = ReadOrEmpty(dir + "/cpu.max"); !v2.empty()) {
      if (const auto cut = Cut(Trim(v2), " "))  // "max 100000" or "150000 100000"
        quota = std::min(quota, NumberIn(cut->first) / NumberIn(cut->second));
      return;
    }
    const double micros = NumberIn(ReadOrEmpty(dir + "/cpu.cfs_quota_us"));
    if (micros > 0)  // -1 is no quota
      quota = std::min(quota, micros / NumberIn(ReadOrEmpty(dir + "/cpu.cfs_period_us")));
  });
  return quota;
}

}  // namespace

int CoresAvailable(const std::string& root) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  int cores = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  const double quota = CpuQuota(root);
  if (quota < cores) cores = static_cast<int>(std::ceil(quota));
  return std::max(cores, 1);
}

uint64_t MemoryAvailable(const std::string& root) {
  double bytes = std::numeric_limits<double>::infinity();
  const std::string info = ReadOrEmpty(root + "/proc/meminfo");
  for (const std::string_view line : Split(info, '\n'))
    if (const auto cut = Cut(line, ":"); cut && cut->first == "MemAvailable") {
      const std::string_view kib = Trim(cut->second);
      bytes = NumberIn(kib.substr(0, kib.find(' '))) * 1024;
    }
  VisitCgroups(root, "memory", [&](const std::string& dir) {
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"})
      bytes = std::min(bytes, NumberIn(ReadOrEmpty(dir + file)));
  });
  return std::isfinite(bytes) ? static_cast<uint64_t>(bytes) : 0;
}

}  // namespace leat::algorithms
