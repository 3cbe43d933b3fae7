#include "db/writer.h"

#include <sqlite3.h>

#include "base/log.h"
#include "db/open.h"

namespace leat::db {
namespace {

constexpr size_t kMaxQueued = 1024;
constexpr int kCopyAtPages = 1000;  // 4 MB
constexpr int kCopyAtPagesWhenShort = 50;
constexpr int64_t kLogPageBytes = 4096 + 24;
constexpr int kRestartAtPages = 8000;  // 32 MB
constexpr int kPatienceMs = 100;
constexpr int kTries = 10;
constexpr int kBusyTimeoutMs = 5000;

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, const std::string& path)
    : path_(path),
      connection_(std::move(connection)),
      reserve_(path),
      restart_at_pages_(kRestartAtPages) {
  // In place of the automatic checkpoint, which would run while the callers still wait.
  sqlite3_wal_hook(
      connection_->handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  reserve_.Fill(*connection_, LogBytes());
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

Writer::~Writer() {
  thread_ = {};
  sqlite3* handle = connection_->handle();
  sqlite3_wal_hook(handle, nullptr, nullptr);
  int log = 0;
  int copied = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, &log, &copied);
  const bool folded = code == SQLITE_OK && log == copied;
  // SQLite would remove the log now; but its blocks are what the next start on a full disk needs.
  if (folded) sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  connection_.reset();
  if (folded) EmptyLog(path_);
}

Status Writer::Write(const std::function<Status(Connection&)>& work, Space space) {
  LEAT_CHECK(std::this_thread::get_id() != thread_.get_id(), "Write called from inside work");
  Job job{.work = &work, .space = space};
  std::future<Status> result = job.done.get_future();
  {
    MutexLock lock(mu_);
    ++waiting_;
    while (queue_.size() >= kMaxQueued) changed_.Wait(mu_);
    --waiting_;
    queue_.push_back(std::move(job));
    changed_.NotifyAll();
  }
  return result.get();
}

size_t Writer::Queued() {
  MutexLock lock(mu_);
  return queue_.size();
}

void Writer::Loop(const std::stop_token& stop) {
  while (true) {
    std::vector<Job> batch;
    {
      MutexLock lock(mu_);
      changed_.Wait(mu_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS { return !queue_.empty(); });
      // Only when stopping: those who were promised room still get it.
      while (queue_.empty() && waiting_ > 0) changed_.Wait(mu_);
      if (queue_.empty()) return;
      batch.swap(queue_);
      if (waiting_ > 0) changed_.NotifyAll();
    }
    std::span<Job> rest(batch);
    while (!rest.empty()) {
      disk_is_short_ = reserve_.DiskIsShort();
      const size_t ran = RunTransaction(rest);
      RunAgainFromReserve(rest.first(ran));
      for (Job& job : rest.first(ran)) job.done.set_value(std::move(job.result));
      rest = rest.subspan(ran);
    }
    KeepLogShort();
    if (!disk_is_short_) reserve_.Fill(*connection_, LogBytes());
  }
}

size_t Writer::RunTransaction(std::span<Job> batch) {
  const Status begun = connection_->Prepare("BEGIN IMMEDIATE").Run();
  if (!begun) {
    for (Job& job : batch) job.result = begun.error();
    return batch.size();
  }
  size_t ran = 0;
  Status committed;
  while (ran < batch.size() && committed) {
    Job& job = batch[ran++];
    RunJob(job, batch.size() == 1);
    // After some errors SQLite rolls back the whole transaction, with the earlier jobs in it.
    if (IsOver())
      committed = Error{job.result ? Code::kInternal : job.result.error().code,
                        "a write that shared this transaction undid it: " +
                            (job.result ? "it ended it itself" : job.result.error().message)};
  }
  if (committed) committed = Commit();
  if (!committed)
    for (Job& job : batch.first(ran))
      if (job.result) job.result = committed.error();
  return ran;
}

void Writer::RunAgainFromReserve(std::span<Job> jobs) {
  for (Job& job : jobs) {
    const bool again =
        job.space == Space::kReserve && !job.result && job.result.error().code == Code::kExhausted;
    if (!again) continue;
    job.result = {};
    RunTransaction({&job, 1});
  }
}

void Writer::RunJob(Job& job, bool alone) {
  if (disk_is_short_ && job.space == Space::kOrdinary) {
    job.result = reserve_.Refusal();
    return;
  }
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

void Writer::KeepLogShort() {
  if (log_pages_ < (disk_is_short_ ? kCopyAtPagesWhenShort : kCopyAtPages)) return;
  // Copying disturbs nobody, but the log begins anew only when no reader needs it. Where readers
  // overlap without a gap that moment never comes by itself, so a long log waits for it; new
  // readers meanwhile use the database, not the log.
  const bool restart = log_pages_ >= restart_at_pages_;
  const int code = restart ? RestartLog() : CopyLog(SQLITE_CHECKPOINT_PASSIVE);
  const bool busy = (code & 0xFF) == SQLITE_BUSY;
  // A reader that will not end must not cost each commit our patience.
  if (restart) restart_at_pages_ = busy ? log_pages_ + kRestartAtPages : kRestartAtPages;
  const bool stuck = code != SQLITE_OK && !busy;
  if (stuck && !log_is_stuck_)
    LogWarning("database log cannot be copied back; it grows",
               {{"error", SqliteError(connection_->handle(), code)}});
  log_is_stuck_ = stuck;
}

int64_t Writer::LogBytes() const { return log_pages_ * kLogPageBytes; }

int Writer::CopyLog(int mode) {
  return sqlite3_wal_checkpoint_v2(connection_->handle(), "main", mode, nullptr, nullptr);
}

int Writer::RestartLog() {
  sqlite3* handle = connection_->handle();
  // Many short waits: SQLite waits for the slot of an old reader to be free, and does not see when
  // readers of the newest state, who are no hindrance, keep it taken. Asking again does.
  sqlite3_busy_timeout(handle, kPatienceMs);
  int code = SQLITE_BUSY;
  for (int tries = 0; tries < kTries && (code & 0xFF) == SQLITE_BUSY; ++tries)
    code = CopyLog(SQLITE_CHECKPOINT_RESTART);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return code;
}

}  // namespace leat::db
