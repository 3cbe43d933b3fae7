#include "db/database.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <thread>

#include "db/open.h"
#include "db/writer.h"
#include "io/file.h"

namespace {

std::atomic<int> sync_error = 0;  // of every fdatasync, unless 0

}  // namespace

// Before libc's.
extern "C" int fdatasync(int fd) {
  errno = sync_error;
  return errno != 0 ? -1 : static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace leat::db {
namespace {

const char kTable[] = "CREATE TABLE t (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID";

Status Put(Connection& c, std::string_view key, int64_t value = 1) {
  return c.Prepare("INSERT INTO t VALUES (?1, ?2)").Bind(1, key).Bind(2, value).Run();
}

std::function<Status(Connection&)> Putting(std::string key) {
  return [key](Connection& c) { return Put(c, key); };
}

// The bytes of its pages, as the header counts them.
size_t PagesIn(const std::string& file) {
  size_t pages = 0;
  for (size_t at = 28; at < 32; ++at) pages = pages << 8 | static_cast<unsigned char>(file[at]);
  return pages * 4096;
}

class DatabaseTest : public ::testing::Test {
 protected:
  Options MakeOptions() const {
    return {.path = path_, .migrations = {kTable}, .full_sync = false};
  }
  void Open() {
    Result<std::unique_ptr<Database>> opened = Database::Open(MakeOptions());
    ASSERT_TRUE(opened) << opened.error().message;
    db_ = *std::move(opened);
  }
  int64_t CountIn(Connection& c) {
    Statement& s = c.Prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(s.Step());
    return s.Int(0);
  }
  int64_t Count() {
    int64_t count = -1;
    EXPECT_TRUE(db_->Read([&](Connection& c) -> Status {
      count = CountIn(c);
      return {};
    }));
    return count;
  }
  // The error of opening, which must leave the file as it is.
  Error Refusal() {
    const std::string before = *io::ReadFile(path_);
    Result<std::unique_ptr<Database>> opened = Database::Open(MakeOptions());
    EXPECT_FALSE(opened);
    EXPECT_EQ(*io::ReadFile(path_), before);
    return opened ? Error{} : opened.error();
  }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/leat.db";
  std::unique_ptr<Database> db_;
};

TEST_F(DatabaseTest, KeepsWhatWasWrittenAcrossReopening) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  db_.reset();
  Open();
  EXPECT_EQ(Count(), 1);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((path_ + "-wal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(DatabaseTest, OnceClosedTheFileAloneIsABackup) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  db_.reset();
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/backup", *io::ReadFile(path_)));
  Open();
  ASSERT_TRUE(db_->Write(Putting("b")));
  db_.reset();
  // Put back in place, beside the log of what came after it.
  ASSERT_TRUE(io::Rename(dir_.path() + "/backup", path_));
  Open();
  EXPECT_EQ(Count(), 1);
}

TEST_F(DatabaseTest, AnotherProcessFindsItLocked) {
  int opened[2];
  ASSERT_EQ(pipe(opened), 0);
  const pid_t child = fork();  // before this process opens it: SQLite's state is not for children
  if (child == 0) {
    close(opened[1]);
    char ready = 0;
    sqlite3* other = nullptr;
    const bool locked =
        read(opened[0], &ready, 1) == 1 && sqlite3_open(path_.c_str(), &other) == SQLITE_OK &&
        sqlite3_exec(other, "SELECT * FROM t", nullptr, nullptr, nullptr) == SQLITE_BUSY;
    _exit(locked ? 0 : 1);
  }
  close(opened[0]);
  Open();
  EXPECT_EQ(write(opened[1], "x", 1), 1);
  close(opened[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(DatabaseTest, RefusesToBeginAnewWhereItWasBefore) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  db_.reset();
  const std::string whole = *io::ReadFile(path_);
  for (const bool is_missing : {false, true}) {
    ASSERT_TRUE(is_missing ? io::Remove(path_) : io::WriteFile(path_, ""));
    const auto opened = Database::Open(MakeOptions());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kCorrupt);
    EXPECT_NE(opened.error().message.find(is_missing ? "it is missing" : "it is empty"),
              std::string::npos)
        << opened.error().message;
    EXPECT_NE(opened.error().message.find(path_ + ".mark"), std::string::npos);
    EXPECT_NE(opened.error().message.find("restore a backup"), std::string::npos);
    EXPECT_EQ(io::Exists(path_), !is_missing);
  }
  ASSERT_TRUE(io::WriteFile(path_, whole));
  Open();
  EXPECT_EQ(Count(), 1);
}

TEST_F(DatabaseTest, ALogWithoutItsDatabaseIsKept) {
  const std::string log(8192, '7');
  ASSERT_TRUE(io::WriteFile(path_ + "-wal", log));
  const auto opened = Database::Open(MakeOptions());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_EQ(*io::ReadFile(path_ + "-wal"), log);
}

TEST_F(DatabaseTest, WhatToDoToBeginAnewIsItsOwnersToSay) {
  Open();
  db_.reset();
  ASSERT_TRUE(io::Remove(path_));
  Options options = MakeOptions();
  options.begin_anew = "ask its owner";
  const auto opened = Database::Open(options);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.ends_with("or, to begin anew, ask its owner"))
      << opened.error().message;
}

TEST_F(DatabaseTest, AllTypesComeBackAsTheyWere) {
  Open();
  const std::string zeros("a\0b", 3);
  ASSERT_TRUE(db_->Write([&](Connection& c) -> Status {
    Status made = c.Execute("CREATE TABLE all_types (id INTEGER PRIMARY KEY, a, b, c, d)");
    if (!made) return made;
    Statement& s = c.Prepare("INSERT INTO all_types (a, b, c, d) VALUES (?1, ?2, ?3, ?4)");
    Status put = s.Bind(1, INT64_MIN).Bind(2, zeros).BindBlob(3, {}).BindNull(4).Run();
    EXPECT_EQ(c.Changes(), 1);
    EXPECT_EQ(c.LastInsertId(), 1);
    return put;
  }));
  ASSERT_TRUE(db_->Read([&](Connection& c) -> Status {
    Statement& s = c.Prepare("SELECT a, b, c, d FROM all_types");
    EXPECT_TRUE(*s.Step());
    EXPECT_EQ(s.Int(0), INT64_MIN);
    EXPECT_EQ(s.Text(1), zeros);
    EXPECT_EQ(s.Blob(2), "");
    EXPECT_FALSE(s.IsNull(2));
    EXPECT_TRUE(s.IsNull(3));
    EXPECT_EQ(s.Text(3), "");
    EXPECT_FALSE(*s.Step());
    return {};
  }));
}

TEST_F(DatabaseTest, AStatementForgetsItsBindingsAndPosition) {
  Open();
  ASSERT_TRUE(db_->Write([](Connection& c) -> Status {
    for (const char* key : {"a", "b"})
      if (Status put = Put(c, key); !put) return put;
    EXPECT_EQ(c.Prepare("INSERT INTO t VALUES (?1, ?2)").Bind(2, 3).Run().error().code,
              Code::kInvalid);  // key is NULL now
    EXPECT_TRUE(*c.Prepare("SELECT key FROM t ORDER BY key").Step());
    Statement& again = c.Prepare("SELECT key FROM t ORDER BY key");
    EXPECT_TRUE(*again.Step());
    EXPECT_EQ(again.Text(0), "a");
    return {};
  }));
}

TEST_F(DatabaseTest, AFailedWriteLeavesNothing) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  const Status twice = db_->Write([](Connection& c) -> Status {
    Status put = Put(c, "b");
    return put ? Put(c, "a") : put;
  });
  EXPECT_EQ(twice.error().code, Code::kAlreadyExists);
  EXPECT_NE(twice.error().message.find(path_), std::string::npos);
  const Status own = db_->Write([](Connection& c) -> Status {
    Status put = Put(c, "c");
    return put ? Error{Code::kConflict, "mine"} : put;
  });
  EXPECT_EQ(own.error().message, "mine");
  EXPECT_EQ(Count(), 1);
}

TEST_F(DatabaseTest, AReadSeesOneSnapshot) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  ASSERT_TRUE(db_->Read([&](Connection& c) -> Status {
    EXPECT_EQ(CountIn(c), 1);
    std::jthread([&] { EXPECT_TRUE(db_->Write(Putting("b"))); }).join();
    EXPECT_EQ(CountIn(c), 1);
    return {};
  }));
  EXPECT_EQ(Count(), 2);
}

TEST_F(DatabaseTest, AHalfFinishedReadDoesNotPinItsSnapshot) {
  Open();
  for (const char* key : {"a", "b"}) ASSERT_TRUE(db_->Write(Putting(key)));
  ASSERT_TRUE(db_->Read([](Connection& c) -> Status {
    EXPECT_TRUE(*c.Prepare("SELECT key FROM t").Step());
    return {};
  }));
  ASSERT_TRUE(db_->Write(Putting("c")));
  EXPECT_EQ(Count(), 3);
}

TEST_F(DatabaseTest, ReadersCannotWrite) {
  Open();
  const Status status = db_->Read([](Connection& c) { return Put(c, "a"); });
  EXPECT_EQ(status.error().code, Code::kForbidden);
}

TEST_F(DatabaseTest, MoreReadersThanConnectionsTakeTurns) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 20; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(Count(), 1);
    });
}

TEST_F(DatabaseTest, NoWriteOfManyThreadsIsLost) {
  Open();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const Status put = db_->Write(Putting(std::to_string(t) + "/" + std::to_string(i)));
        ASSERT_TRUE(put) << put.error().message;
      }
    });
  threads.clear();
  EXPECT_EQ(Count(), 1600);
  db_.reset();
  Open();
  EXPECT_EQ(Count(), 1600);
}

TEST_F(DatabaseTest, AnotherPurposesDatabaseIsLeftAlone) {
  {
    Options other = MakeOptions();
    other.migrations = {"CREATE TABLE t (key TEXT, other INTEGER)"};
    ASSERT_TRUE(Database::Open(other));
  }
  const Error error = Refusal();
  EXPECT_EQ(error.code, Code::kCorrupt);
  EXPECT_NE(error.message.find("it has no t.value"), std::string::npos) << error.message;
}

TEST_F(DatabaseTest, AnotherProgramsDatabaseIsLeftAlone) {
  sqlite3* foreign = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &foreign), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(foreign, "CREATE TABLE bookmarks (url TEXT)", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(foreign);
  const Error error = Refusal();
  EXPECT_EQ(error.code, Code::kCorrupt);
  EXPECT_NE(error.message.find("it has bookmarks.url"), std::string::npos) << error.message;
}

TEST_F(DatabaseTest, ForeignKeysHold) {
  Open();
  const Status status = db_->Write([](Connection& c) -> Status {
    Status made = c.Execute("CREATE TABLE child (parent TEXT REFERENCES t(key))");
    return made ? c.Execute("INSERT INTO child VALUES ('nobody')") : made;
  });
  EXPECT_EQ(status.error().code, Code::kInvalid);
}

TEST_F(DatabaseTest, MigratesStepByStepAndOnlyOnce) {
  Open();
  ASSERT_TRUE(db_->Write(Putting("a")));
  db_.reset();
  Options options = MakeOptions();
  options.migrations.push_back("ALTER TABLE t ADD COLUMN extra INTEGER DEFAULT 5");
  options.migrations.push_back("UPDATE t SET extra = extra + 1 -- to six");
  for (int opened = 0; opened < 2; ++opened) {
    auto db = Database::Open(options);
    ASSERT_TRUE(db) << db.error().message;
    ASSERT_TRUE((*db)->Read([](Connection& c) -> Status {
      Statement& s = c.Prepare("SELECT extra FROM t");
      EXPECT_TRUE(*s.Step());
      EXPECT_EQ(s.Int(0), 6);
      return {};
    }));
  }
}

TEST_F(DatabaseTest, AFailedMigrationChangesNothing) {
  Options options = MakeOptions();
  options.migrations.push_back("INSERT INTO t VALUES ('x', 1); INSERT INTO no_such VALUES (1)");
  const auto failed = Database::Open(options);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("to version 2"), std::string::npos);
  Open();
  EXPECT_EQ(Count(), 0);
}

TEST_F(DatabaseTest, RefusesAFileOfANewerLeat) {
  Options options = MakeOptions();
  options.migrations.push_back("CREATE TABLE later (x)");
  ASSERT_TRUE(Database::Open(options));
  const Error error = Refusal();
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_NE(error.message.find("schema version 2"), std::string::npos);
}

TEST_F(DatabaseTest, RefusesGarbageAndLeavesItUntouched) {
  for (const std::string& garbage : {std::string(8192, 'x'), std::string("short")}) {
    ASSERT_TRUE(io::WriteFile(path_, garbage));
    const Error error = Refusal();
    EXPECT_EQ(error.code, Code::kCorrupt);
    EXPECT_NE(error.message.find(path_), std::string::npos);
    EXPECT_NE(error.message.find("left untouched"), std::string::npos);
    EXPECT_EQ(io::ListDir(dir_.path())->size(), 1u);
  }
}

TEST_F(DatabaseTest, RefusesATruncatedFileAndLeavesItUntouched) {
  Open();
  ASSERT_TRUE(db_->Write(Putting(std::string(20'000, 'k'))));
  db_.reset();
  const std::string file = *io::ReadFile(path_);
  const std::string whole = file.substr(0, PagesIn(file));  // behind them is the reserve
  for (const size_t size : {whole.size() - 1, whole.size() - 4096, size_t{4096}, size_t{512}}) {
    ASSERT_TRUE(io::WriteFile(path_, whole.substr(0, size)));
    EXPECT_EQ(Refusal().code, Code::kCorrupt) << size;
  }
}

TEST_F(DatabaseTest, RefusesADamagedSchemaAndLeavesItUntouched) {
  Open();
  db_.reset();
  const std::string whole = *io::ReadFile(path_);
  for (const auto& [at, bytes] : {std::pair<size_t, std::string>{100, std::string(200, '\xFF')},
                                  {44, std::string("\0\0\0\x63", 4)},
                                  {16, std::string("\0\3", 2)}}) {
    std::string damaged = whole;
    damaged.replace(at, bytes.size(), bytes);
    ASSERT_TRUE(io::WriteFile(path_, damaged));
    EXPECT_EQ(Refusal().code, Code::kCorrupt) << at;
  }
}

TEST_F(DatabaseTest, DamageFurtherInIsAnErrorOfTheReadThatMeetsIt) {
  Open();
  for (int i = 0; i < 500; ++i)
    ASSERT_TRUE(db_->Write(Putting(std::string(100, 'k') + std::to_string(i))));
  db_.reset();
  std::string bytes = *io::ReadFile(path_);
  bytes.replace(4096, bytes.size() - 4096, std::string(bytes.size() - 4096, '\xFF'));
  ASSERT_TRUE(io::WriteFile(path_, bytes));
  Open();
  const Status read =
      db_->Read([](Connection& c) { return c.Prepare("SELECT sum(value) FROM t").Run(); });
  EXPECT_EQ(read.error().code, Code::kCorrupt);
  EXPECT_NE(read.error().message.find(path_), std::string::npos);
}

TEST_F(DatabaseTest, NamesTheDirectoryThatIsMissing) {
  Options options = MakeOptions();
  options.path = dir_.path() + "/absent/leat.db";
  const auto opened = Database::Open(options);
  EXPECT_EQ(opened.error().code, Code::kNotFound);
  EXPECT_NE(opened.error().message.find(options.path), std::string::npos);
}

TEST_F(DatabaseTest, TheLogStaysShortUnderOverlappingReaders) {
  Open();
  // Each reader begins before the other ends and stays for several writes, so that the log is never
  // without one.
  const char kSlow[] =
      "WITH RECURSIVE n(i) AS (SELECT count(*) * 0 FROM t UNION ALL SELECT i + 1 FROM n) "
      "SELECT i FROM n LIMIT 20000";
  std::atomic<bool> stop = false;
  std::atomic<int> round = 0;
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r)
    readers.emplace_back([&] {
      while (!stop)
        EXPECT_TRUE(db_->Read([&](Connection& c) -> Status {
          const int mine = ++round;
          do {
            if (Status read = c.Prepare(kSlow).Run(); !read) return read;
          } while (!stop && round == mine);
          return {};
        }));
    });
  const std::string blob(100'000, 'b');
  int64_t longest = 0;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(db_->Write([&](Connection& c) { return Put(c, std::to_string(i) + blob); }));
    struct stat info {};
    if (stat((path_ + "-wal").c_str(), &info) == 0)
      longest = std::max<int64_t>(longest, info.st_size);
  }
  stop = true;
  readers.clear();
  EXPECT_LT(longest, 48 << 20);  // of 100 MB written
}

TEST_F(DatabaseTest, AStoppedCheckEndsEarlyAndIsNoDamage) {
  Open();
  for (int i = 0; i < 500; ++i)
    ASSERT_TRUE(db_->Write(Putting(std::string(100, 'k') + std::to_string(i))));
  std::stop_source stop;
  EXPECT_TRUE(db_->CheckPages(stop.get_token()));
  stop.request_stop();
  // It began, and had it come to its end, it would be well.
  EXPECT_EQ(db_->CheckPages(stop.get_token()).error().code, Code::kCancelled);
  EXPECT_TRUE(db_->CheckPages());
}

// As on a network share or under a quota: the writes are taken, the fsync says that they had no
// room.
TEST_F(DatabaseTest, ACommitWhoseFsyncFailsIsNotToldAsNotWritten) {
  Options options = MakeOptions();
  options.full_sync = true;
  for (const int error : {ENOSPC, EDQUOT}) {
    const std::string key = std::to_string(error);
    db_ = *Database::Open(options);
    ASSERT_TRUE(db_->Write(Putting("before " + key)));
    sync_error = error;
    const Status put = db_->Write(Putting(key));
    const std::string file = *io::ReadFile(path_), log = *io::ReadFile(path_ + "-wal");
    sync_error = 0;
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, Code::kInternal);
    const int64_t count = Count();
    db_.reset();
    // Had it crashed just now, the next start would have found the row.
    options.path = path_ + key;
    ASSERT_TRUE(io::WriteFile(options.path, file));
    ASSERT_TRUE(io::WriteFile(options.path + "-wal", log));
    db_ = *Database::Open(options);
    EXPECT_EQ(Count(), count + 1);
    db_.reset();
    options.path = path_;
  }
}

// Writes that gather while the writer is busy with one that waits for them.
class WriterTest : public DatabaseTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(CheckFile(MakeOptions()));
    Result<std::unique_ptr<Connection>> connection = OpenForWriting(MakeOptions());
    ASSERT_TRUE(connection) << connection.error().message;
    writer_ = std::make_unique<Writer>(*std::move(connection), path_);
  }
  // Queues the works in this order behind a write that ends once all are there.
  std::vector<Status> WriteTogether(const std::vector<std::function<Status(Connection&)>>& works) {
    std::vector<Status> results(works.size());
    std::latch all_queued(1);
    std::latch busy(1);
    std::vector<std::jthread> threads;
    threads.emplace_back([&] {
      EXPECT_TRUE(writer_->Write([&](Connection&) -> Status {
        busy.count_down();
        all_queued.wait();
        return {};
      }));
    });
    busy.wait();
    for (size_t i = 0; i < works.size(); ++i) {
      threads.emplace_back([&, i] { results[i] = writer_->Write(works[i]); });
      while (writer_->Queued() <= i) std::this_thread::yield();
    }
    all_queued.count_down();
    threads.clear();
    return results;
  }
  std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    EXPECT_TRUE(writer_->Write([&](Connection& c) -> Status {
      Statement& s = c.Prepare("SELECT key FROM t ORDER BY key");
      while (*s.Step()) keys.emplace_back(s.Text(0));
      return {};
    }));
    return keys;
  }

  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, OneFailingWriteOfAGroupIsRolledBackAlone) {
  const std::vector<Status> results = WriteTogether({
      Putting("a"),
      [](Connection& c) -> Status {
        Status put = Put(c, "b");
        return put ? Error{Code::kConflict, "mine"} : put;
      },
      Putting("c"),
      Putting("a"),
  });
  EXPECT_TRUE(results[0]);
  EXPECT_EQ(results[1].error().message, "mine");
  EXPECT_TRUE(results[2]);
  EXPECT_EQ(results[3].error().code, Code::kAlreadyExists);
  EXPECT_EQ(Keys(), (std::vector<std::string>{"a", "c"}));
}

TEST_F(WriterTest, AFailedCommitFailsAllThatSharedIt) {
  ASSERT_TRUE(writer_->Write([](Connection& c) {
    return c.Execute("CREATE TABLE child (p TEXT REFERENCES t(key) DEFERRABLE INITIALLY DEFERRED)");
  }));
  const std::vector<Status> results = WriteTogether({
      Putting("a"),
      [](Connection& c) { return c.Execute("INSERT INTO child VALUES ('nobody')"); },
      [](Connection&) -> Status {
        return Error{Code::kConflict, "mine"};
      },
  });
  EXPECT_EQ(results[0].error().code, Code::kInvalid);
  EXPECT_EQ(results[1].error().code, Code::kInvalid);
  EXPECT_EQ(results[2].error().message, "mine");
  EXPECT_EQ(Keys(), std::vector<std::string>{});
  EXPECT_TRUE(writer_->Write(Putting("later")));
}

TEST_F(WriterTest, AWriteThatUndoesTheTransactionFailsThoseBeforeItOnly) {
  const std::vector<Status> results = WriteTogether({
      Putting("before"),
      [](Connection& c) -> Status {
        Status undone = c.Execute("ROLLBACK");  // as SQLite does by itself after some errors
        return undone ? Error{Code::kExhausted, "no space"} : undone;
      },
      Putting("after"),
  });
  EXPECT_EQ(results[0].error().code, Code::kExhausted);
  EXPECT_NE(results[0].error().message.find("no space"), std::string::npos);
  EXPECT_EQ(results[1].error().message, "no space");
  EXPECT_TRUE(results[2]);
  EXPECT_EQ(Keys(), std::vector<std::string>{"after"});
}

TEST_F(WriterTest, AFullDiskIsExhaustedAndTheWriterGoesOn) {
  ASSERT_TRUE(
      writer_->Write([](Connection& c) { return c.Execute("PRAGMA max_page_count = 20"); }));
  const std::vector<Status> results =
      WriteTogether({Putting("a"), Putting(std::string(1 << 20, 'b')), Putting("c")});
  EXPECT_EQ(results[1].error().code, Code::kExhausted);
  EXPECT_NE(results[1].error().message.find("free some space"), std::string::npos);
  // Whether SQLite undid the one statement or all: what was acknowledged is there.
  std::vector<std::string> acknowledged;
  if (results[0]) acknowledged.push_back("a");
  if (results[2]) acknowledged.push_back("c");
  EXPECT_EQ(Keys(), acknowledged);
  EXPECT_TRUE(writer_->Write(Putting("d")));
}

TEST_F(WriterTest, ABlockedDiskLockFailsTheGroupAndNotTheWriter) {
  Result<std::unique_ptr<Connection>> other = OpenForWriting(MakeOptions());
  ASSERT_TRUE(other);
  ASSERT_TRUE(writer_->Write([](Connection& c) { return c.Execute("PRAGMA busy_timeout = 1"); }));
  ASSERT_TRUE((*other)->Execute("BEGIN IMMEDIATE"));
  EXPECT_EQ(writer_->Write(Putting("a")).error().code, Code::kUnavailable);
  ASSERT_TRUE((*other)->Execute("COMMIT"));
  EXPECT_TRUE(writer_->Write(Putting("a")));
}

TEST_F(WriterTest, DestructionFinishesWhatIsQueued) {
  std::latch inside(1);
  std::latch go(1);
  std::vector<std::jthread> threads;
  threads.emplace_back([&, writer = writer_.get()] {
    EXPECT_TRUE(writer->Write([&](Connection& c) -> Status {
      inside.count_down();
      go.wait();
      return Put(c, "a");
    }));
  });
  inside.wait();
  threads.emplace_back([writer = writer_.get()] { EXPECT_TRUE(writer->Write(Putting("b"))); });
  while (writer_->Queued() == 0) std::this_thread::yield();
  threads.emplace_back([&] { writer_.reset(); });
  go.count_down();
  threads.clear();
  Open();
  EXPECT_EQ(Count(), 2);
}

}  // namespace
}  // namespace leat::db
