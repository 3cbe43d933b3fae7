#include "node/pod_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "base/strings.h"
#include "io/file.h"
#include "node/log_rotation.h"

namespace leat::node {
namespace {

constexpr size_t kBlock = 64 << 10;
constexpr std::chrono::milliseconds kFollowStep{50};

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

// Where the last `lines` lines of a file begin; `have` becomes how many of them it has.
off_t TailOffset(int fd, int64_t lines, int64_t& have) {
  struct stat at {};
  have = 0;
  if (fstat(fd, &at) != 0 || lines <= 0) return at.st_size;
  off_t position = at.st_size;
  char block[kBlock];
  while (position > 0) {
    const auto size = static_cast<size_t>(std::min<off_t>(position, kBlock));
    position -= static_cast<off_t>(size);
    if (pread(fd, block, size, position) != static_cast<ssize_t>(size)) return 0;
    for (size_t i = size; i-- > 0;) {
      // Each newline but the last one has a line behind it.
      const bool starts = block[i] == '\n' && position + static_cast<off_t>(i) + 1 < at.st_size;
      if (starts && ++have == lines) return position + static_cast<off_t>(i) + 1;
    }
  }
  if (at.st_size > 0) ++have;
  return 0;
}

ino_t InodeOf(int fd) {
  struct stat at {};
  return fstat(fd, &at) == 0 ? at.st_ino : 0;
}

// The file that was begun after this one; if rotation has removed this one, the oldest that is
// left. Not ok() when it is the newest.
io::UniqueFd Successor(const std::string& log_path, ino_t inode) {
  std::vector<io::UniqueFd> files = OpenLogFiles(log_path);
  for (size_t i = 0; i < files.size(); ++i)
    if (InodeOf(files[i].get()) == inode)
      return i + 1 < files.size() ? std::move(files[i + 1]) : io::UniqueFd();
  return files.empty() ? io::UniqueFd() : std::move(files.front());
}

// The file to begin with, set to where to begin. Not ok() when there is none yet.
io::UniqueFd First(const LogRead& read) {
  std::vector<io::UniqueFd> files = OpenLogFiles(read.log_path);
  if (files.empty()) return {};
  if (!read.options.tail_lines) return std::move(files.front());
  // Newest first, until the files together hold as many lines as were asked for.
  int64_t wanted = *read.options.tail_lines;
  for (size_t i = files.size(); i-- > 0;) {
    int64_t have = 0;
    const off_t start = TailOffset(files[i].get(), wanted, have);
    wanted -= have;
    if (wanted > 0 && i > 0) continue;
    (void)lseek(files[i].get(), start, SEEK_SET);
    return std::move(files[i]);
  }
  return {};
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

Status ReadLog(const LogRead& read, const std::stop_token& stop) {
  Filter filter(read.options, read.sink);
  const auto take = [&](std::string_view line) { return filter.Take(line); };
  RealClock clock;
  io::UniqueFd first = First(read);
  while (!first.ok() && read.options.follow && read.running() && clock.SleepFor(kFollowStep, stop))
    first = First(read);  // conmon is about to make it
  if (!first.ok()) return {};
  LineReader file(std::move(first));
  while (!stop.stop_requested()) {
    // Both asked before the drain: what was written before a container's end, or before its next
    // file was begun, is in this one by then.
    const bool running = read.options.follow && read.running();
    io::UniqueFd next = Successor(read.log_path, InodeOf(file.fd()));
    if (!file.Drain(take)) return {};
    if (next.ok())
      file = LineReader(std::move(next));
    else if (!running)
      return {};
    else
      clock.SleepFor(kFollowStep, stop);
  }
  return {};
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

}  // namespace leat::node
