#include "db/readers.h"

#include "db/open.h"

namespace leat::db {
namespace {

constexpr int kMaxReaders = 8;

Status ReadOnce(Connection& connection, const std::function<Status(Connection&)>& read) {
  Status begun = connection.Prepare("BEGIN").Run();
  if (!begun) return begun;
  Status result = read(connection);
  connection.ResetStatements();  // a half-read one would keep the snapshot
  Status ended = connection.Prepare("COMMIT").Run();
  if (result && !ended) return ended;
  return result;
}

}  // namespace

Status ReaderPool::Read(const std::function<Status(Connection&)>& read) {
  Result<std::unique_ptr<Connection>> connection = Take();
  Status result = connection ? ReadOnce(**connection, read) : connection.error();
  GiveBack(connection ? *std::move(connection) : nullptr);
  return result;
}

Result<std::unique_ptr<Connection>> ReaderPool::Take() {
  {
    MutexLock lock(mu_);
    while (in_use_ >= kMaxReaders) given_back_.Wait(mu_);
    ++in_use_;
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return OpenForReading(path_);
}

void ReaderPool::GiveBack(std::unique_ptr<Connection> connection) {
  MutexLock lock(mu_);
  --in_use_;
  if (connection) idle_.push_back(std::move(connection));
  given_back_.NotifyOne();
}

}  // namespace leat::db
