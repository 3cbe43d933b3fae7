// The files of one container's log, <path> being the one that is written: of at most kLogFileSize
// bytes each, at every moment, and at most kOldLogFiles behind it.
//
// conmon itself begins the next file when a line would not fit: it opens <path>.tmp and renames it
// to <path>, so that what was there before is lost, unless it has another name. So each file has
// one from its birth, "<path>.20261122-041024", and a file with such a name lies ready as
// <path>.tmp before it is needed.
#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::node {

constexpr uint64_t kLogFileSize = 10_MiB;
constexpr size_t kOldLogFiles = 4;

// The files that have been written, open for reading, oldest first. conmon may begin new ones
// meanwhile, so that they are to be told apart by inode and not by name.
std::vector<io::UniqueFd> OpenLogFiles(const std::string& log_path);

// Names the file that is written if it has none, makes the next one if there is none, and removes
// those that are too old. What conmon wrote since and replaced again itself is lost.
Status AdvanceLog(const std::string& log_path, WallTime now);

// Whether its file is larger than it may be, as a holder that an earlier Leat started lets it grow,
// and has the name by which it is kept when the holder is told to begin the next one.
bool MayBeginNextFile(const std::string& log_path);

// With the names that its files have.
Status RemoveLog(const std::string& log_path);

// Advances logs as soon as conmon begins another file of them. Nothing is lost as long as this
// comes sooner than that file is full. Thread-safe.
class LogRotation {
 public:
  explicit LogRotation(Clock& clock);
  // Before the log's container starts: its first two files are there when this returns.
  void Begin(const std::string& log_path);
  // One whose container runs already; again does no harm. A log is followed until its directory
  // goes.
  void Follow(const std::string& log_path);

 private:
  void Run(const std::stop_token& stop);
  void ReadEvents();
  void Advance(const std::string& log_path);

  Clock& clock_;
  io::UniqueFd inotify_;
  Mutex mu_;
  std::map<int, std::string> dirs_ GUARDED_BY(mu_);  // by watch
  std::set<std::string> due_ GUARDED_BY(mu_);  // for the thread, so that no two advance one log
  std::jthread thread_;
};

}  // namespace leat::node
