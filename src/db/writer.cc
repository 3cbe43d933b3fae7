#include "db/writer.h"

#include <sqlite3.h>

#include "base/log.h"
#include "db/open.h"

namespace leat::db {
namespace {

constexpr size_t kMaxQueued = 1024;
constexpr int kCopyAtPages = 1000;     // 4 MB
constexpr int kRestartAtPages = 8000;  // 32 MB
constexpr int kReaderPatienceMs = 200;
constexpr int kBusyTimeoutMs = 5000;

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), restart_at_pages_(kRestartAtPages) {
  // In place of the automatic checkpoint, which would run while the callers still wait.
  sqlite3_wal_hook(
      connection_->handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

Writer::~Writer() {
  thread_.request_stop();
  thread_.join();
  MutexLock lock(mu_);
  while (callers_ > 0) changed_.Wait(mu_);  // they have their results but still hold our mutex
}

Status Writer::Write(const std::function<Status(Connection&)>& work) {
  LEAT_CHECK(std::this_thread::get_id() != thread_.get_id(), "Write called from inside work");
  Job job{.work = &work};
  MutexLock lock(mu_);
  ++callers_;
  while (queue_.size() >= kMaxQueued) changed_.Wait(mu_);
  queue_.push_back(&job);
  changed_.NotifyAll();
  while (!job.done) job.finished.Wait(mu_);
  if (--callers_ == 0) changed_.NotifyAll();
  return std::move(job.result);
}

size_t Writer::Queued() {
  MutexLock lock(mu_);
  return queue_.size();
}

void Writer::Loop(const std::stop_token& stop) {
  while (true) {
    std::vector<Job*> batch;
    {
      MutexLock lock(mu_);
      changed_.Wait(mu_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS { return !queue_.empty(); });
      // Only when stopping: who is inside Write already may still want to queue.
      while (queue_.empty() && callers_ > 0) changed_.Wait(mu_);
      if (queue_.empty()) return;
      batch.assign(queue_.begin(), queue_.end());
      queue_.clear();
      changed_.NotifyAll();
    }
    std::span<Job*> rest(batch);
    while (!rest.empty()) {
      const size_t ran = RunTransaction(rest);
      Finish(rest.first(ran));
      rest = rest.subspan(ran);
    }
    KeepLogShort();
  }
}

size_t Writer::RunTransaction(std::span<Job*> batch) {
  const Status begun = connection_->Prepare("BEGIN IMMEDIATE").Run();
  if (!begun) {
    for (Job* job : batch) job->result = begun.error();
    return batch.size();
  }
  size_t ran = 0;
  Status committed;
  while (ran < batch.size() && committed) {
    Job& job = *batch[ran++];
    RunJob(job, batch.size() == 1);
    // After some errors SQLite rolls back the whole transaction, with the earlier jobs in it.
    if (IsOver())
      committed = Error{job.result ? Code::kInternal : job.result.error().code,
                        "a write that shared this transaction undid it: " +
                            (job.result ? "it ended it itself" : job.result.error().message)};
  }
  if (committed) committed = Commit();
  if (!committed)
    for (Job* job : batch.first(ran))
      if (job->result) job->result = committed.error();
  return ran;
}

void Writer::RunJob(Job& job, bool alone) {
  const auto run = [&](const char* sql) { return connection_->Prepare(sql).Run(); };
  // A lone job needs no savepoint: when it fails, everything is rolled back, and that is itself.
  if (!alone) job.result = run("SAVEPOINT job");
  if (!job.result) return;
  job.result = (*job.work)(*connection_);
  connection_->ResetStatements();
  if (IsOver()) return;
  if (alone) {
    if (!job.result) (void)run("ROLLBACK");
    return;
  }
  Status ended = job.result ? Status() : run("ROLLBACK TO job");
  if (ended) ended = run("RELEASE job");
  if (!ended) (void)run("ROLLBACK");  // one job cannot be told from the others: none may stay
}

bool Writer::IsOver() const { return sqlite3_get_autocommit(connection_->handle()) != 0; }

Status Writer::Commit() {
  Status committed = connection_->Prepare("COMMIT").Run();
  if (!committed && !IsOver()) (void)connection_->Prepare("ROLLBACK").Run();
  return committed;
}

void Writer::Finish(std::span<Job*> jobs) {
  MutexLock lock(mu_);
  for (Job* job : jobs) {
    job->done = true;
    job->finished.NotifyOne();  // under the lock: once it is seen, the job is gone
  }
}

void Writer::KeepLogShort() {
  if (log_pages_ < kCopyAtPages) return;
  sqlite3* handle = connection_->handle();
  // Copying disturbs nobody, but the log begins anew only when no reader needs it. Where readers
  // overlap without a gap that moment never comes by itself, so a long log waits for it; new
  // readers meanwhile use the database, not the log.
  const bool restart = log_pages_ >= restart_at_pages_;
  if (restart) sqlite3_busy_timeout(handle, kReaderPatienceMs);
  const int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(handle, "main", mode, nullptr, nullptr);
  if (restart) sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  const bool busy = (code & 0xFF) == SQLITE_BUSY;
  // A reader that will not end must not cost each commit our patience.
  if (restart) restart_at_pages_ = busy ? log_pages_ + kRestartAtPages : kRestartAtPages;
  const bool stuck = code != SQLITE_OK && !busy;
  if (stuck && !log_is_stuck_)
    LogWarning("database log cannot be copied back; it grows",
               {{"error", SqliteError(handle, code)}});
  log_is_stuck_ = stuck;
}

}  // namespace leat::db
