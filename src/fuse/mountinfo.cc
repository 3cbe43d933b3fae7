#include "fuse/mountinfo.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/strings.h"
#include "io/file.h"

namespace leat::fuse {
namespace {

std::string Unescape(std::string_view text) {
  const auto digit = [&](size_t at, char most) {
    return at < text.size() && text[at] >= '0' && text[at] <= most;
  };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && digit(i + 1, '3') && digit(i + 2, '7') && digit(i + 3, '7')) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::optional<MountEntry> ParseMountLine(std::string_view line) {
  // id parent major:minor root mountpoint options [optional...] - type source super-options
  const std::vector<std::string_view> parts = Split(line, ' ');
  size_t dash = 6;
  while (dash < parts.size() && parts[dash] != "-") ++dash;
  if (dash + 2 >= parts.size()) return std::nullopt;
  return MountEntry{.device = std::string(parts[2]),
                    .mountpoint = Unescape(parts[4]),
                    .type = Unescape(parts[dash + 1]),
                    .source = Unescape(parts[dash + 2])};
}

std::vector<MountEntry> ReadMounts() {
  std::vector<MountEntry> mounts;
  const Result<std::string> text = io::ReadFile("/proc/self/mountinfo");
  if (!text) return mounts;
  for (const std::string_view line : Split(*text, '\n'))
    if (std::optional<MountEntry> entry = ParseMountLine(line)) mounts.push_back(std::move(*entry));
  return mounts;
}

std::optional<MountEntry> MountAt(const std::string& path) {
  std::optional<MountEntry> top;
  for (MountEntry& entry : ReadMounts())
    if (entry.mountpoint == path) top = std::move(entry);
  return top;
}

std::string ResolvePath(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.ok()) return "";
  std::array<char, PATH_MAX> buffer;
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  const ssize_t length = ::readlink(link.c_str(), buffer.data(), buffer.size());
  return length > 0 ? std::string(buffer.data(), static_cast<size_t>(length)) : "";
}

}  // namespace leat::fuse
