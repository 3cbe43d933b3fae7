// The thread that makes all writes. Internal to this module.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "db/database.h"
#include "db/reserve.h"

namespace leat::db {

// Group commit: while one transaction is being made durable, new writes gather in the queue; the
// next transaction takes them all. So a lone writer pays one fsync and waits for nobody, and a
// hundred share one. Each write runs in a savepoint of its own and fails alone; only a failed
// commit, or an error at which SQLite rolls everything back (disk full), fails all that shared it.
class Writer {
 public:
  Writer(std::unique_ptr<Connection> connection, const std::string& path);
  // Finishes what is queued, and folds the log into the database; readers must be gone.
  ~Writer();

  Status Write(const std::function<Status(Connection&)>& work, Space space = Space::kOrdinary);
  size_t Queued();  // waiting for the next transaction; for tests

 private:
  struct Job {
    const std::function<Status(Connection&)>* work;  // the caller's, who waits for `done`
    Space space = Space::kOrdinary;
    Status result;
    std::promise<Status> done;
  };

  void Loop(const std::stop_token& stop);
  // Runs the first jobs of `batch` in one transaction, at least one of them, and returns how many.
  size_t RunTransaction(std::span<Job> batch);
  void RunJob(Job& job, bool alone);
  // Runs those that the full disk of others has failed once more, each alone.
  void RunAgainFromReserve(std::span<Job> jobs);
  bool IsOver() const;  // no transaction is open
  Status Commit();
  // Copies the log back into the database so that the log can begin anew.
  void KeepLogShort();
  int64_t LogBytes() const;
  int CopyLog(int mode);
  int RestartLog();

  const std::string path_;
  std::unique_ptr<Connection> connection_;
  Reserve reserve_;
  bool disk_is_short_ = false;
  int log_pages_ = 0;          // the log's length after the latest commit
  int restart_at_pages_;       // length at which we wait for readers, to begin it anew
  bool log_is_stuck_ = false;  // reported once

  Mutex mu_;
  CondVar changed_;
  std::vector<Job> queue_ GUARDED_BY(mu_);
  int waiting_ GUARDED_BY(mu_) = 0;  // threads that wait for room in the queue
  std::jthread thread_;
};

}  // namespace leat::db
