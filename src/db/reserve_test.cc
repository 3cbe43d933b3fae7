// What a full disk still allows.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "db/database.h"
#include "io/file.h"

namespace leat::db {
namespace {

const char kTable[] = "CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID";

#define CHECK_OR_EXIT(condition)                       \
  if (!(condition)) {                                  \
    fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
    return 1;                                          \
  }

// In a child with a mount namespace of its own, `body` on a tmpfs of 16 MiB.
void OnASmallDisk(const std::function<int(const std::string&)>& body) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small tmpfs";
  const io::TempDir dir;
  const pid_t child = fork();
  if (child == 0) {
    const bool mounted = unshare(CLONE_NEWNS) == 0 &&
                         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("leat-test", dir.path().c_str(), "tmpfs", 0, "size=16m") == 0;
    _exit(mounted ? body(dir.path()) : 99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// Takes every byte that is free, as a pod without a limit does.
void TakeAll(const std::string& dir) {
  const auto fd = io::Open(dir + "/taken", O_WRONLY | O_CREAT | O_APPEND);
  const std::string piece(4096, 'x');
  while (write(fd->get(), piece.data(), piece.size()) > 0) {
  }
}

int64_t FreeBytes(const std::string& dir) {
  struct statvfs info {};
  statvfs(dir.c_str(), &info);
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

std::unique_ptr<Database> Open(const std::string& dir) {
  auto opened = Database::Open({.path = dir + "/leat.db", .migrations = {kTable}});
  if (!opened) fprintf(stderr, "%s\n", opened.error().message.c_str());
  return opened ? std::move(*opened) : nullptr;
}

Status Put(Database& db, int key, Space space = Space::kOrdinary) {
  const std::string value(1000, 'v');
  return db.Write(
      [&](Connection& c) {
        return c.Prepare("INSERT OR REPLACE INTO t VALUES (?1, ?2)")
            .Bind(1, std::to_string(key))
            .Bind(2, value)
            .Run();
      },
      space);
}

Status Delete(Database& db, int key) {
  return db.Write(
      [&](Connection& c) {
        return c.Prepare("DELETE FROM t WHERE key = ?1").Bind(1, std::to_string(key)).Run();
      },
      Space::kReserve);
}

int64_t Count(Database& db) {
  int64_t count = -1;
  (void)db.Read([&](Connection& c) -> Status {
    Statement& s = c.Prepare("SELECT count(*) FROM t");
    if (auto row = s.Step(); !row) return row.error();
    count = s.Int(0);
    return {};
  });
  return count;
}

int DeleteOnAFullDisk(const std::string& dir) {
  auto db = Open(dir);
  CHECK_OR_EXIT(db);
  for (int key = 0; key < 500; ++key) CHECK_OR_EXIT(Put(*db, key));
  TakeAll(dir);
  CHECK_OR_EXIT(FreeBytes(dir) == 0);
  const Status refused = Put(*db, 1000);
  CHECK_OR_EXIT(refused.error().code == Code::kExhausted);
  CHECK_OR_EXIT(refused.error().message.find("free some space") != std::string::npos);
  for (int key = 0; key < 200; ++key) {
    CHECK_OR_EXIT(Delete(*db, key));
    TakeAll(dir);
  }
  CHECK_OR_EXIT(Count(*db) == 300);
  db.reset();
  TakeAll(dir);
  for (int round = 0; round < 3; ++round) {  // stop and start
    db = Open(dir);
    CHECK_OR_EXIT(db);
    CHECK_OR_EXIT(Count(*db) == 300 - round);
    TakeAll(dir);
    CHECK_OR_EXIT(Put(*db, 300 + round, Space::kReserve));
    CHECK_OR_EXIT(Delete(*db, 300 + round));
    db.reset();
    TakeAll(dir);
  }
  CHECK_OR_EXIT(io::Remove(dir + "/taken"));
  db = Open(dir);
  CHECK_OR_EXIT(Put(*db, 1000));
  CHECK_OR_EXIT(Count(*db) == 298);
  return 0;
}

TEST(Reserve, OnAFullDiskOneCanDeleteStopAndStart) { OnASmallDisk(DeleteOnAFullDisk); }

int StartAfterACrash(const std::string& dir) {
  const pid_t child = fork();
  if (child == 0) {
    auto db = Open(dir);
    for (int key = 0; key < 500; ++key)
      if (!Put(*db, key)) _exit(1);
    TakeAll(dir);
    for (int key = 0; key < 50; ++key)
      if (!Delete(*db, key)) _exit(2);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_OR_EXIT(WIFSIGNALED(status));
  TakeAll(dir);
  const auto db = Open(dir);
  CHECK_OR_EXIT(db);
  CHECK_OR_EXIT(Count(*db) == 450);
  CHECK_OR_EXIT(Delete(*db, 60));
  return 0;
}

TEST(Reserve, OnAFullDiskOneCanStartAfterACrash) { OnASmallDisk(StartAfterACrash); }

int FillUpAgain(const std::string& dir) {
  auto db = Open(dir);
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < 100; ++key) CHECK_OR_EXIT(Put(*db, round * 100 + key));
    TakeAll(dir);
    for (int key = 0; key < 40; ++key) CHECK_OR_EXIT(Delete(*db, round * 100 + key));
    CHECK_OR_EXIT(io::Remove(dir + "/taken"));
  }
  CHECK_OR_EXIT(Count(*db) == 180);
  return 0;
}

TEST(Reserve, IsFilledUpAgainWhenThereIsRoom) { OnASmallDisk(FillUpAgain); }

}  // namespace
}  // namespace leat::db
