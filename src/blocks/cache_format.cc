#include "blocks/cache_format.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

// Since 2 objects are called by their own URL.
constexpr std::string_view kFormat = "2\n";

constexpr size_t kMostPinBytes = 1 << 30;

bool IsDirectory(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool IsObjectName(const std::string& group, const std::string& name) {
  const size_t dot = std::min(name.find('.'), name.size());
  const auto id = ParseId(std::string_view(name).substr(0, dot));
  return id && name.substr(0, dot) == id->ToHex() && name.starts_with(group) &&
         (name.substr(dot) == ".data" || name.substr(dot) == ".chunks");
}

bool IsSegmentName(const std::string& name) {
  const auto number = ParseInt(name.substr(0, name.find('.')));
  if (!number || *number <= 0) return false;
  const std::string segment = fmt::format("{:08}.seg", *number);
  return name == segment || name == segment + ".new";
}

// Removes those files of a directory, and the directory if it is empty then. Whether there were
// any.
Result<bool> RemoveFiles(const std::string& directory,
                         const std::function<bool(const std::string& name)>& which) {
  if (!IsDirectory(directory)) return false;
  const auto names = io::ListDir(directory);
  if (!names) return names.error();
  bool removed = false;
  for (const std::string& name : *names) {
    if (!which(name)) continue;
    if (auto gone = io::Remove(directory + "/" + name); !gone) return gone.error();
    removed = true;
  }
  (void)::rmdir(directory.c_str());
  return removed;
}

Result<bool> RemoveObjects(const std::string& directory) {
  if (!IsDirectory(directory)) return false;
  const auto groups = io::ListDir(directory);
  if (!groups) return groups.error();
  bool removed = false;
  for (const std::string& group : *groups) {
    if (group.size() != 2) continue;
    const auto some = RemoveFiles(directory + "/" + group, [&](const std::string& name) {
      return IsObjectName(group, name);
    });
    if (!some) return some.error();
    removed = removed || *some;
  }
  (void)::rmdir(directory.c_str());
  return removed;
}

Error NotOurs(const std::string& file) {
  return {Code::kInvalid, file +
                              ": was not written by leat, which needs a file of this name here: "
                              "move it away, or give another cache directory"};
}

}  // namespace

std::optional<ObjectId> ParseId(std::string_view hex) {
  const auto bytes = HexDecode(hex);
  ObjectId id;
  if (!bytes || bytes->size() != id.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), id.bytes.begin());
  return id;
}

std::optional<PinWish> ParsePin(std::string_view line) {
  const auto parts = Cut(line, " ");
  const auto id = parts ? ParseId(parts->first) : std::nullopt;
  const auto size = parts ? ParseInt(parts->second) : Result<int64_t>(-1);
  if (!id || !size || *size < 0) return std::nullopt;
  return PinWish{.id = *id, .size = static_cast<uint64_t>(*size)};
}

Result<std::string> ReadPins(const std::string& directory) {
  auto text = io::ReadFile(directory + "/pins", kMostPinBytes);
  if (!text && text.error().code == Code::kNotFound) return std::string();
  return text;
}

Status BeginFormat(const std::string& directory) {
  const auto format = io::ReadFile(directory + "/format");
  if (format && *format == kFormat) return {};
  if (!format && format.error().code != Code::kNotFound) return format.error();
  if (format && !format->empty() && !ParseInt(Trim(*format))) return NotOurs(directory + "/format");
  const auto pins = ReadPins(directory);
  if (!pins) return pins.error();
  if (!format) {  // then it need not be a cache
    for (std::string_view line : Split(*pins, '\n')) {
      if (!line.empty() && !ParsePin(line)) return NotOurs(directory + "/pins");
    }
  }
  const auto objects = RemoveObjects(directory + "/objects");
  if (!objects) return objects.error();
  const auto segments = RemoveFiles(directory + "/segments", IsSegmentName);
  if (!segments) return segments.error();
  if (auto removed = io::Remove(directory + "/pins"); !removed) return removed;
  if (*objects || *segments || !pins->empty()) {
    LogWarning("the cache is of another version of leat: what it held is dropped, pins included",
               {{"directory", directory}});
  }
  // A disk that is full now may take it the next time.
  if (auto written = io::WriteFileAtomic(directory + "/format", kFormat); !written) {
    LogWarning("what is cached now will be dropped by the next process",
               {{"error", written.error()}});
  }
  return {};
}

}  // namespace leat::blocks
