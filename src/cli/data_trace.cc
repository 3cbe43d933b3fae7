#include "cli/data_trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "cli/data_node_access.h"
#include "cli/data_tables.h"
#include "cli/mount_flags.h"
#include "cli/trace_file.h"
#include "datanode/json_bytes.h"
#include "io/fd.h"
#include "io/file.h"

namespace leat::cli {
namespace {

constexpr size_t kMostTraceBytes = 1ull << 30;
constexpr size_t kMostOpenFiles = 64;  // of a thread: the trace does not say when files were closed

struct TraceFlags {
  std::string mountpoint;
  std::string file;
  double seconds = 60;
  bool fast = false;
};

int Record(const TraceFlags& flags) {
  const auto found = FindInMount(flags.mountpoint);
  if (!found) return Fail(found.error());
  const auto file = io::Open(flags.file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file) return Fail(file.error());
  Status written = io::WriteAll(file->get(), "# leat access trace 1\n");
  // As they come, so that a trace that is broken off is one up to there.
  const auto write = [&](const json::Value& progress) {
    std::string lines;
    for (const json::Value& named : progress["files"].Items())
      lines += fmt::format("file {} {}\n", named["id"].AsInt(),
                           Printable(datanode::BytesFromJson(named["path"])));
    lines += progress["lines"].AsString();
    if (written) written = io::WriteAll(file->get(), lines);
  };
  const auto done = Ask(found->control,
                        json::Object({{"op", "trace"},
                                      {"mountpoint", datanode::BytesToJson(found->mountpoint)},
                                      {"milliseconds", int64_t(flags.seconds * 1000)}}),
                        write, {});
  if (!done) return Fail(done.error());
  if (!written) return Fail(written.error().Within(flags.file));
  const int64_t lost = (*done)["lost"].AsInt();
  std::printf(
      "%lld events in %s%s\n", static_cast<long long>((*done)["events"].AsInt()),
      flags.file.c_str(),
      lost > 0 ? fmt::format("; {} more came too fast and are left out", lost).c_str() : "");
  return 0;
}

// Thread-safe.
class Replayed {
 public:
  std::atomic<uint64_t> opens = 0, reads = 0, bytes = 0, errors = 0;

  // The first few are told.
  void Fail(const std::string& message) EXCLUDES(mu_) {
    constexpr uint64_t kMostTold = 3;
    if (++errors > kMostTold) return;
    MutexLock lock(mu_);
    std::fprintf(stderr, "leat: %s\n", Printable(message).c_str());
  }

 private:
  Mutex mu_;  // one line at a time
};

// What one thread of the trace did.
class Replayer {
 public:
  Replayer(const Trace& trace, const std::string& mountpoint, Replayed& count)
      : trace_(trace), mountpoint_(mountpoint), count_(count) {}

  // `begin`: when the trace began, for this run; nothing is waited for with `fast`.
  void Play(const std::vector<TraceEvent>& events, MonoTime begin, bool fast) {
    RealClock clock;
    for (const TraceEvent& event : events) {
      const auto early = begin + event.at - clock.Monotonic();
      if (!fast && early > early.zero()) clock.SleepFor(early, {});
      Step(event);
    }
  }

 private:
  struct OpenFile {
    uint64_t file = 0;
    io::UniqueFd fd;
  };

  void Step(const TraceEvent& event) {
    const int fd = event.open ? Open(event.file) : Find(event.file);
    if (fd < 0 || event.open) return;
    buffer_.resize(std::max(buffer_.size(), std::min<size_t>(event.size, 64u << 20)));
    const ssize_t got = pread(fd, buffer_.data(), std::min<size_t>(event.size, buffer_.size()),
                              static_cast<off_t>(event.offset));
    ++count_.reads;
    if (got < 0)
      count_.Fail(io::ErrnoError(errno, "read " + PathOf(event.file)).message);
    else
      count_.bytes += static_cast<uint64_t>(got);
  }

  int Find(uint64_t file) {
    for (const OpenFile& open : open_)
      if (open.file == file) return open.fd.get();
    return Open(file);  // it was opened before the trace began, or by another thread
  }

  // "" when the trace does not name it.
  std::string PathOf(uint64_t file) const {
    const auto path = trace_.paths.find(file);
    return path == trace_.paths.end() ? "" : mountpoint_ + "/" + path->second;
  }

  // -1 when it failed, which is counted.
  int Open(uint64_t file) {
    const std::string path = PathOf(file);
    auto fd = path.empty()
                  ? Result<io::UniqueFd>(Error{
                        Code::kInvalid, fmt::format("the trace has no path of its file {}", file)})
                  : io::Open(path, O_RDONLY);
    if (!fd) {
      count_.Fail(fd.error().message);
      return -1;
    }
    ++count_.opens;
    open_.push_front({.file = file, .fd = std::move(*fd)});
    if (open_.size() > kMostOpenFiles) open_.pop_back();
    return open_.front().fd.get();
  }

  const Trace& trace_;
  const std::string& mountpoint_;
  Replayed& count_;
  std::deque<OpenFile> open_;  // opened last first
  std::vector<char> buffer_;
};

int Replay(const TraceFlags& flags) {
  const auto text = io::ReadFile(flags.file, kMostTraceBytes);
  if (!text) return Fail(text.error());
  const auto trace = ParseTrace(*text, flags.file);
  if (!trace) return Fail(trace.error());
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Replayed count;
  const MonoTime begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (const auto& [number, events] : trace->threads)
      threads.emplace_back([&trace, &flags, &count, &events, begin] {
        Replayer(*trace, flags.mountpoint, count).Play(events, begin, flags.fast);
      });
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%zu threads: %llu opens, %llu reads, %s in %.2f s, %s/s; %llu errors\n",
              trace->threads.size(), static_cast<unsigned long long>(count.opens),
              static_cast<unsigned long long>(count.reads), HumanBytes(count.bytes).c_str(),
              seconds,
              HumanBytes(static_cast<uint64_t>(static_cast<double>(count.bytes) / seconds)).c_str(),
              static_cast<unsigned long long>(count.errors));
  return count.errors > 0 ? 1 : 0;
}

}  // namespace

void AddDataTrace(CLI::App& data, Run& run) {
  const auto flags = std::make_shared<TraceFlags>();
  CLI::App* trace = data.add_subcommand("trace", "Record the opens and reads of a mount");
  trace->add_option("MOUNTPOINT", flags->mountpoint, "The mount")->required();
  trace->add_option("--output", flags->file, "The file to write")->required();
  trace->add_option("--seconds", flags->seconds, "For how long")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  trace->callback([flags, &run] { run = [flags] { return Record(*flags); }; });

  CLI::App* replay =
      data.add_subcommand("replay", "Open and read again what a trace has, by as many threads");
  replay->add_option("FILE", flags->file, "What `leat data trace` wrote")->required();
  replay->add_option("MOUNTPOINT", flags->mountpoint, "Where the files are; any directory")
      ->required();
  replay->add_flag("--fast", flags->fast, "As fast as it goes, not at the trace's times");
  replay->callback([flags, &run] { run = [flags] { return Replay(*flags); }; });
}

}  // namespace leat::cli
