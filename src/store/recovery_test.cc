// What survives crashes, full disks and restarts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "base/strings.h"
#include "db/database.h"
#include "io/fd.h"
#include "io/file.h"
#include "store/store.h"
#include "store/testing/watch_log.h"

namespace leat::store {
namespace {

using namespace std::chrono_literals;

// Runs `body` in a child that ends with its result, without destructors: a crash that loses what
// is only in memory. Returns the exit code. To be called while this process has one thread.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The child: each writer repeats create, update, delete-every-second over its own names and
// reports each acknowledged step. The state after k steps is therefore known.
constexpr int kWriters = 4;

struct Acknowledged {
  int32_t writer;
  int32_t step;
  Revision revision;
};

Key KeyOf(int round, int writer, int object) {
  return Pod(std::to_string(object), std::to_string(round) + "-" + std::to_string(writer));
}

Result<EntryPtr> TakeStep(Store& store, int round, int writer, int step, Revision last) {
  const Key key = KeyOf(round, writer, step / 3);
  if (step % 3 == 0) return store.Put(key, 0, Numbered(step));
  if (step % 3 == 2 && step / 3 % 2 == 0) return store.Delete(key, last);
  return store.Put(key, last, Numbered(step));
}

std::map<std::string, int64_t> StateAfter(int steps) {
  std::map<std::string, int64_t> state;
  for (int step = 0; step < steps; ++step) {
    if (step % 3 == 2 && step / 3 % 2 == 0)
      state.erase(std::to_string(step / 3));
    else
      state[std::to_string(step / 3)] = step;
  }
  return state;
}

[[noreturn]] void WriteForEver(const std::string& path, int round, int pipe) {
  RealClock clock;
  const auto store = MustOpen({.path = path, .history_changes = 100'000}, clock);
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < kWriters; ++writer)
    writers.emplace_back([&, writer] {
      Revision last = 0;
      for (int step = 0;; ++step) {
        const auto done = TakeStep(*store, round, writer, step, last);
        LEAT_CHECK(done, done.error().message);
        last = (*done)->revision;
        const Acknowledged record{writer, step, last};
        LEAT_CHECK(write(pipe, &record, sizeof record) == sizeof record, "parent is gone");
      }
    });
  writers.clear();
  _exit(0);
}

// What the killed child had been promised.
std::vector<Acknowledged> KillAfter(int acknowledged, const std::string& path, int round) {
  int ends[2];
  LEAT_CHECK(pipe(ends) == 0, "pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    WriteForEver(path, round, ends[1]);
  }
  const io::UniqueFd from_child(ends[0]);
  close(ends[1]);
  std::vector<Acknowledged> records;
  for (Acknowledged record; read(ends[0], &record, sizeof record) == sizeof record;) {
    records.push_back(record);
    if (static_cast<int>(records.size()) == acknowledged) kill(child, SIGKILL);
  }
  waitpid(child, nullptr, 0);
  return records;
}

void ExpectPromisesKept(Store& store, int round, const std::vector<Acknowledged>& records) {
  std::vector<int> steps(kWriters, 0);
  for (const Acknowledged& record : records) {
    ASSERT_EQ(record.step, steps[record.writer]);
    ++steps[record.writer];
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    std::map<std::string, int64_t> state;
    const Listing listing = store.List({.type = "pods", .ns = KeyOf(round, writer, 0).ns});
    for (const EntryPtr& entry : listing.entries)
      state[entry->key.name] = entry->value["n"].AsInt();
    // The step under way when it was killed may have been written or not.
    EXPECT_TRUE(state == StateAfter(steps[writer]) || state == StateAfter(steps[writer] + 1))
        << "writer " << writer << " after " << steps[writer] << " steps";
  }
}

TEST(Recovery, AfterKillEveryAcknowledgedWriteIsThereAndNoRevisionComesAgain) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  Revision highest = 1;
  for (int round = 0; round < 4; ++round) {
    const auto records = KillAfter(1 + static_cast<int>(random() % 400), path, round);
    FakeClock clock;
    const auto store = MustOpen({.path = path, .history_changes = 100'000}, clock);
    ExpectPromisesKept(*store, round, records);

    const auto log = std::make_shared<WatchLog>();
    const auto watch = store->Watch("pods", {}, highest, log);
    ASSERT_TRUE(watch) << watch.error().message;
    std::map<Revision, Change> history;
    for (const Change& change : log->Changes()) {
      EXPECT_GT(change.entry->revision, highest);
      highest = change.entry->revision;
      history[highest] = change;
    }
    for (const Acknowledged& record : records) {
      ASSERT_TRUE(history.contains(record.revision)) << record.revision;
      const bool deletes = record.step % 3 == 2 && record.step / 3 % 2 == 0;
      EXPECT_EQ(history[record.revision].entry->value["n"].AsInt(), record.step - deletes);
    }
    const auto next = store->Put({"marks", "", std::to_string(round)}, 0, Numbered(0));
    ASSERT_TRUE(next);
    EXPECT_GT((*next)->revision, highest);
    highest = (*next)->revision;
  }
}

Options WithLeases(const std::string& path) { return {.path = path, .relaxed_types = {"leases"}}; }
const Key kLease{"leases", "", "l"};

TEST(Recovery, ALostRelaxedWriteExpiresItsWatchersAndItsRevisionNeverReturns) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  const int lost = InChild([&]() -> int {
    FakeClock clock;
    const auto store = MustOpen(WithLeases(path), clock);
    const auto put = store->Put(kLease, 0, Numbered(1));
    if (!put || !store->Get(kLease)) _exit(0);
    _exit(static_cast<int>((*put)->revision));
  });
  ASSERT_GT(lost, 1);
  FakeClock clock;
  const auto store = MustOpen(WithLeases(path), clock);
  EXPECT_FALSE(store->Get(kLease));
  EXPECT_GE(store->CurrentRevision(), lost);
  const auto log = std::make_shared<WatchLog>();
  const auto leases = store->Watch("leases", {}, lost, log);
  ASSERT_FALSE(leases);
  EXPECT_EQ(leases.error().code, Code::kExpired);
  EXPECT_TRUE(store->Watch("pods", {}, lost, log));
  EXPECT_TRUE(store->Watch("leases", {}, store->CurrentRevision(), log));
  EXPECT_GT((*store->Put(kLease, 0, Numbered(2)))->revision, lost);
}

json::Value LeaseOf(const char* holder, const char* time) {
  return json::Object({{"spec", json::Object({{"holderIdentity", holder}, {"renewTime", time}})}});
}

TEST(Recovery, ALeaseThatWasTakenStaysTakenAndOnlyARenewalMayBeLost) {
  const io::TempDir dir;
  const Options options{.path = dir.path() + "/db", .relaxed_renewals = {"leases"}};
  ASSERT_EQ(InChild([&]() -> int {
              FakeClock clock;
              const auto store = MustOpen(options, clock);
              const auto made = store->Put(kLease, 0, LeaseOf("", "1"));
              if (!made) _exit(1);
              const auto taken = store->Put(kLease, (*made)->revision, LeaseOf("b", "2"));
              if (!taken) _exit(2);
              _exit(store->Put(kLease, (*taken)->revision, LeaseOf("b", "3")) ? 0 : 3);
            }),
            0);
  FakeClock clock;
  const auto lease = MustOpen(options, clock)->Get(kLease);
  ASSERT_TRUE(lease);
  EXPECT_EQ((*lease)->value["spec"]["holderIdentity"].AsString(), "b");
  EXPECT_EQ((*lease)->value["spec"]["renewTime"].AsString(), "2");
}

TEST(Recovery, ARelaxedWriteReachesTheDiskWithTheNextOne) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  ASSERT_EQ(InChild([&]() -> int {
              FakeClock clock;
              const auto store = MustOpen(WithLeases(path), clock);
              const bool done =
                  store->Put(kLease, 0, Numbered(1)) && store->Put(Pod("a"), 0, Numbered(1));
              _exit(done ? 0 : 1);
            }),
            0);
  FakeClock clock;
  EXPECT_TRUE(MustOpen(WithLeases(path), clock)->Get(kLease));
}

TEST(Recovery, RelaxedWritesAreBoundedInMemoryAndKeptByACleanEnd) {
  const io::TempDir dir;
  FakeClock clock;
  Revision last = 0;
  {
    const auto store = MustOpen(WithLeases(dir.path() + "/db"), clock);
    for (int i = 0; i < 3'000; ++i) {
      const auto put = store->Put(kLease, last, Numbered(i));
      ASSERT_TRUE(put);
      last = (*put)->revision;
    }
    const auto log = std::make_shared<WatchLog>();
    ASSERT_TRUE(store->Watch("leases", {}, 1, log));
    EXPECT_EQ(log->Changes().size(), 3'000u);
  }
  const auto store = MustOpen(WithLeases(dir.path() + "/db"), clock);
  EXPECT_EQ((*store->Get(kLease))->revision, last);
  EXPECT_EQ(store->CurrentRevision(), last);
}

TEST(Recovery, RelaxedWritesReachTheDiskWithinASecond) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    RealClock clock;
    const auto store = MustOpen(WithLeases(path), clock);
    LEAT_CHECK(store->Put(kLease, 0, Numbered(1)), "put");
    LEAT_CHECK(write(ready[1], "x", 1) == 1, "report");
    pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const auto on_disk = [&] {
    auto text = io::ReadFile(path + "-wal");
    return text && text->find("\"n\":1") != std::string::npos;
  };
  while (!on_disk() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(on_disk());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(Recovery, RevisionsOfLostWritesNeverReturnHoweverManyThereWere) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db", note = dir.path() + "/last";
  ASSERT_EQ(InChild([&]() -> int {
              FakeClock clock;
              const auto store = MustOpen(WithLeases(path), clock);
              Revision last = 0;
              for (int i = 0; i < 12'000; ++i) {  // more than are reserved at a time
                const auto put = store->Put(kLease, last, Numbered(i));
                if (!put) _exit(1);
                last = (*put)->revision;
              }
              _exit(io::WriteFile(note, std::to_string(last)) ? 0 : 1);
            }),
            0);
  FakeClock clock;
  const auto store = MustOpen(WithLeases(path), clock);
  EXPECT_GE(store->CurrentRevision(), *ParseInt(*io::ReadFile(note)));
}

TEST(Recovery, AnObjectThatCannotBeReadStopsTheStartAndIsNamed) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  FakeClock clock;
  ASSERT_TRUE(MustOpen({.path = path}, clock)->Put(Pod("a"), 0, Numbered(1)));
  {
    auto database = db::Database::Open({.path = path, .migrations = {""}});
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->Write([](db::Connection& connection) {
      return connection.Execute("UPDATE objects SET value = '{\"n\":'");
    }));
  }
  const auto opened = Store::Open({.path = path}, clock);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_NE(opened.error().message.find("pods default/a"), std::string::npos);
}

TEST(Recovery, ALargeObjectIsThereAgainAfterARestart) {
  const io::TempDir dir;
  const std::string path = dir.path() + "/db";
  FakeClock clock;
  const size_t size = 65u << 20;  // beyond what a parser takes unless told otherwise
  json::Value big = Numbered(1);
  big.Set("text", std::string(size, 'x'));
  ASSERT_TRUE(MustOpen({.path = path}, clock)->Put(Pod("big"), 0, big));
  const auto opened = Store::Open({.path = path}, clock);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*(*opened)->Get(Pod("big")))->value["text"].AsString().size(), size);
}

#define CHECK_OR_EXIT(condition)                                 \
  if (!(condition)) {                                            \
    std::fprintf(stderr, "line %d: " #condition "\n", __LINE__); \
    return 1;                                                    \
  }

// Of writers that queue up for one key, each must be told that its own write failed.
bool AllFail(Store& store, const Key& key, const json::Value& value) {
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i)
      writers.emplace_back([&] {
        const auto put = store.Put(key, 0, value);
        if (!put && put.error().code == Code::kExhausted) ++failed;
      });
  }
  return failed == 4;
}

// In a child, so that the mount is gone with it, whatever happens.
int FillTheDisk(const std::string& dir) {
  CHECK_OR_EXIT(unshare(CLONE_NEWNS) == 0);
  CHECK_OR_EXIT(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  CHECK_OR_EXIT(mount("leat-test", dir.c_str(), "tmpfs", 0, "size=4m") == 0);
  const std::string ballast = dir + "/ballast";
  CHECK_OR_EXIT(io::WriteFile(ballast, std::string(2 << 20, 'x')));
  FakeClock clock;
  const Options options{.path = dir + "/db", .relaxed_types = {"leases"}};
  auto store = MustOpen(options, clock);
  const auto log = std::make_shared<WatchLog>();
  auto watch = store->Watch("pods", {}, 1, log);
  CHECK_OR_EXIT(watch);
  json::Value big = Numbered(0);
  big.Set("text", std::string(50'000, 'y'));
  int written = 0;
  Result<EntryPtr> put = EntryPtr();
  for (; written < 1'000 && put; ++written) put = store->Put(Pod(std::to_string(written)), 0, big);
  --written;
  CHECK_OR_EXIT(!put);
  std::fprintf(stderr, "%s\n", put.error().message.c_str());
  CHECK_OR_EXIT(put.error().code == Code::kExhausted);
  CHECK_OR_EXIT(!store->Get(Pod(std::to_string(written))));
  CHECK_OR_EXIT(static_cast<int>(log->Changes().size()) == written);
  CHECK_OR_EXIT(static_cast<int>(store->List({.type = "pods"}).entries.size()) == written);
  CHECK_OR_EXIT(AllFail(*store, Pod("contended"), big));
  CHECK_OR_EXIT(store->Put(kLease, 0, Numbered(1)));  // waits in memory
  CHECK_OR_EXIT(store->Get(kLease));
  // Deleting works, at once and by way of a finalizer, beside writes that are refused.
  CHECK_OR_EXIT(store->Delete(Pod("0"), (*store->Get(Pod("0")))->revision));
  json::Value doomed = Numbered(1);
  doomed.Mut("metadata").Set("deletionTimestamp", "2026-01-01T00:00:00Z");
  const auto marked = store->Put(Pod("1"), (*store->Get(Pod("1")))->revision, doomed);
  CHECK_OR_EXIT(marked);
  CHECK_OR_EXIT(store->Delete(Pod("1"), (*marked)->revision));
  CHECK_OR_EXIT(!store->Put(Pod("refused"), 0, big));
  CHECK_OR_EXIT(AllFail(*store, Pod("contended"), big));
  const Revision before = store->CurrentRevision();

  CHECK_OR_EXIT(static_cast<int>(log->Changes().size()) == written + 3);

  // So does stopping and starting again.
  watch->reset();
  store.reset();
  store = MustOpen(options, clock);
  CHECK_OR_EXIT(store->CurrentRevision() >= before);
  CHECK_OR_EXIT(store->Get(kLease));
  CHECK_OR_EXIT(!store->Get(Pod("0")));
  CHECK_OR_EXIT(!store->Get(Pod("1")));
  CHECK_OR_EXIT(store->Get(Pod("2")));

  CHECK_OR_EXIT(io::Remove(ballast));
  put = store->Put(Pod(std::to_string(written)), 0, big);
  CHECK_OR_EXIT(put);
  CHECK_OR_EXIT((*put)->revision > before);
  store.reset();
  store = MustOpen(options, clock);
  CHECK_OR_EXIT(store->Get(kLease));
  CHECK_OR_EXIT(static_cast<int>(store->List({.type = "pods"}).entries.size()) == written - 1);
  return 0;
}

TEST(Recovery, AFullDiskFailsTheWriteAndChangesNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small tmpfs";
  const io::TempDir dir;
  EXPECT_EQ(InChild([&] { return FillTheDisk(dir.path()); }), 0);
}

}  // namespace
}  // namespace leat::store
