#include "node/pod_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "base/bytes.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::node {
namespace {

constexpr uint64_t kRotateAt = 10_MiB;
constexpr size_t kKeepOld = 4;
constexpr size_t kBlock = 64 << 10;
constexpr std::chrono::milliseconds kFollowStep{50};

std::string DirOf(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Turns CRI lines into what the caller asked for: stamps, `since`, tail and byte limits.
class Filter {
 public:
  Filter(const api::PodLogOptions& options, const std::function<bool(std::string_view)>& sink)
      : options_(options), sink_(sink) {}

  // False when the caller has enough. Lines before `since` are dropped.
  bool Take(std::string_view raw) {
    const auto line = ParseLogLine(raw);
    if (!line) return true;
    if (options_.since) {
      const auto time = ParseTime(line->time);
      if (time && *time < *options_.since) return true;
    }
    std::string out;
    if (options_.timestamps && !in_partial_) out = std::string(line->time) + " ";
    out += line->text;
    if (!line->partial) out += '\n';
    in_partial_ = line->partial;
    if (options_.limit_bytes) {
      const auto left = static_cast<size_t>(std::max<int64_t>(0, *options_.limit_bytes - given_));
      if (out.size() > left) {
        sink_(std::string_view(out).substr(0, left));
        return false;
      }
      given_ += static_cast<int64_t>(out.size());
    }
    return sink_(out);
  }

 private:
  const api::PodLogOptions& options_;
  const std::function<bool(std::string_view)>& sink_;
  bool in_partial_ = false;
  int64_t given_ = 0;
};

// Reads whole lines from one open file as it grows.
class LineReader {
 public:
  explicit LineReader(io::UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  // Every complete line up to the present end; false when `take` wants no more.
  bool Drain(const std::function<bool(std::string_view)>& take) {
    char block[kBlock];
    for (;;) {
      const ssize_t got = read(fd_.get(), block, sizeof block);
      if (got <= 0) return true;
      pending_.append(block, static_cast<size_t>(got));
      size_t start = 0;
      for (size_t end; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1)
        if (!take(std::string_view(pending_).substr(start, end - start))) return false;
      pending_.erase(0, start);
    }
  }

 private:
  io::UniqueFd fd_;
  std::string pending_;
};

// Where the last `lines` lines of a file begin.
off_t TailOffset(int fd, int64_t lines) {
  struct stat at {};
  if (fstat(fd, &at) != 0 || lines <= 0) return at.st_size;
  off_t position = at.st_size;
  int64_t newlines = 0;
  char block[kBlock];
  while (position > 0) {
    const auto size = static_cast<size_t>(std::min<off_t>(position, kBlock));
    position -= static_cast<off_t>(size);
    if (pread(fd, block, size, position) != static_cast<ssize_t>(size)) return 0;
    for (size_t i = size; i-- > 0;)
      if (block[i] == '\n' && ++newlines > lines) return position + static_cast<off_t>(i) + 1;
  }
  return 0;
}

int64_t CountLines(const std::string& path) {
  auto fd = io::Open(path, O_RDONLY);
  if (!fd) return 0;
  int64_t lines = 0;
  LineReader(std::move(*fd)).Drain([&](std::string_view) { return ++lines, true; });
  return lines;
}

}  // namespace

Result<LogLine> ParseLogLine(std::string_view line) {
  const Error wrong{Code::kInvalid, "not a CRI log line"};
  const auto time = Cut(line, " ");
  if (!time) return wrong;
  const auto stream = Cut(time->second, " ");
  if (!stream || (stream->first != "stdout" && stream->first != "stderr")) return wrong;
  const auto tag = Cut(stream->second, " ");
  if (!tag) return wrong;
  return LogLine{.time = time->first, .text = tag->second, .partial = tag->first.starts_with('P')};
}

std::vector<std::string> LogFiles(const std::string& log_path) {
  std::vector<std::string> files;
  const std::string dir = DirOf(log_path), name = NameOf(log_path);
  const auto entries = io::ListDir(dir);
  for (const std::string& entry : entries ? *entries : std::vector<std::string>())
    if (entry.starts_with(name + ".")) files.push_back(dir + "/" + entry);  // sorted: oldest first
  files.push_back(log_path);
  return files;
}

Status ReadLog(const LogRead& read, const std::stop_token& stop) {
  Filter filter(read.options, read.sink);
  const auto take = [&](std::string_view line) { return filter.Take(line); };
  std::vector<std::string> files = LogFiles(read.log_path);
  off_t start = 0;
  if (read.options.tail_lines) {
    // Newest first, until the files together hold as many lines as were asked for.
    int64_t wanted = *read.options.tail_lines;
    while (files.size() > 1) {
      const int64_t have = CountLines(files.back());
      if (have >= wanted) break;
      std::vector<std::string> older(files.begin(), files.end() - 1);
      int64_t missing = wanted - have;
      size_t first = older.size();
      while (first > 0 && missing > 0) {
        const int64_t lines = CountLines(older[--first]);
        if (lines >= missing) break;
        missing -= lines;
      }
      auto fd = io::Open(older[first], O_RDONLY);
      if (fd) start = TailOffset(fd->get(), missing);
      files.erase(files.begin(), files.begin() + static_cast<ptrdiff_t>(first));
      wanted = -1;
      break;
    }
    if (wanted >= 0) {
      files.erase(files.begin(), files.end() - 1);
      auto fd = io::Open(files[0], O_RDONLY);
      if (fd) start = TailOffset(fd->get(), wanted);
    }
  }
  for (size_t i = 0; i + 1 < files.size(); ++i) {
    auto fd = io::Open(files[i], O_RDONLY);
    if (!fd) continue;  // rotated away meanwhile
    (void)lseek(fd->get(), std::exchange(start, 0), SEEK_SET);
    if (!LineReader(std::move(*fd)).Drain(take)) return {};
  }
  RealClock clock;
  auto fd = io::Open(read.log_path, O_RDONLY);
  while (!fd && fd.error().code == Code::kNotFound && read.options.follow && read.running() &&
         clock.SleepFor(kFollowStep, stop))
    fd = io::Open(read.log_path, O_RDONLY);  // conmon is about to make it
  if (!fd && fd.error().code != Code::kNotFound) return fd.error();
  if (!fd) return {};
  (void)lseek(fd->get(), start, SEEK_SET);
  LineReader current(std::move(*fd));
  for (;;) {
    // Asked before the drain: what a container wrote before its end is in the file by then.
    const bool running = read.options.follow && read.running();
    if (!current.Drain(take) || !running || stop.stop_requested()) return {};
    struct stat open_file {
    }, named_file{};
    if (fstat(current.fd(), &open_file) == 0 && stat(read.log_path.c_str(), &named_file) == 0 &&
        open_file.st_ino != named_file.st_ino) {
      if (!current.Drain(take)) return {};
      if (auto next = io::Open(read.log_path, O_RDONLY); next)
        current = LineReader(std::move(*next));
      continue;
    }
    clock.SleepFor(kFollowStep, stop);
  }
}

std::string LogTail(const std::string& log_path, int max_lines, size_t max_bytes) {
  std::string text;
  api::PodLogOptions options;
  options.tail_lines = max_lines;
  (void)ReadLog({.log_path = log_path,
                 .options = options,
                 .running = [] { return false; },
                 .sink = [&](std::string_view piece) { return text += piece, true; }},
                {});
  if (text.size() > max_bytes) text.erase(0, text.size() - max_bytes);
  return text;
}

Result<bool> RotateLog(const std::string& log_path, WallTime now) {
  struct stat at {};
  if (stat(log_path.c_str(), &at) != 0 || static_cast<uint64_t>(at.st_size) < kRotateAt)
    return false;
  const std::string aside = log_path + "." + FormatUtc(now, "%Y%m%d-%H%M%S");
  if (io::Exists(aside)) return false;  // not twice in one second
  if (auto moved = io::Rename(log_path, aside); !moved) return moved.error();
  std::vector<std::string> files = LogFiles(log_path);
  files.pop_back();
  while (files.size() > kKeepOld) {
    if (auto removed = io::Remove(files.front()); !removed) return removed.error();
    files.erase(files.begin());
  }
  return true;
}

}  // namespace leat::node
