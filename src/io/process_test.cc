#include "io/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <tuple>

#include "base/strings.h"
#include "io/file.h"
#include "io/testing/descriptors.h"
#include "io/unix_socket.h"
#include "io/wait.h"

namespace leat::io {
namespace {

using namespace std::chrono_literals;

SpawnOptions Shell(const std::string& script) { return SpawnOptions{.argv = {"sh", "-c", script}}; }

Result<RunResult> RunShell(const std::string& script) { return io::Run(Shell(script), 30s); }

bool IsAlive(pid_t pid) { return kill(pid, 0) == 0; }

TEST(Run, CollectsBothOutputsAndTheExitCode) {
  const Result<RunResult> result = RunShell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit.code, 7);
  EXPECT_EQ(result->exit.signal, 0);
  EXPECT_FALSE(result->exit.ok());
}

TEST(Run, TellsTheSignalThatKilled) {
  const Result<RunResult> result = RunShell("kill -TERM $$");
  EXPECT_EQ(result->exit.signal, SIGTERM);
  EXPECT_FALSE(result->exit.ok());
}

TEST(Run, CollectsMoreThanAPipeHolds) {
  const Result<RunResult> result =
      RunShell("head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2; echo last >&2");
  EXPECT_EQ(result->out.size(), 3'000'000u);
  EXPECT_EQ(result->err.size(), 64u << 10);
  EXPECT_TRUE(result->err.ends_with("last\n"));
}

TEST(Run, RefusesEndlessOutput) {
  EXPECT_EQ(RunShell("cat /dev/zero").error().code, Code::kTooLarge);
}

TEST(Run, KillsWhatTakesTooLong) {
  const Result<RunResult> result = io::Run(Shell("exec sleep 60"), 50ms);
  EXPECT_EQ(result.error().code, Code::kTimeout);
  EXPECT_EQ(result.error().message, "run sh: not done after 50 ms; it was killed");
}

TEST(Run, EndsWhenStopIsRequested) {
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(io::Run(Shell("exec sleep 60"), 60s, source.get_token()).error().code,
            Code::kCancelled);
}

TEST(Run, DoesNotWaitForGrandchildrenThatKeepTheOutputOpen) {
  const Result<RunResult> result = RunShell("sleep 60 & echo $!");
  ASSERT_TRUE(result) << result.error().message;
  const int64_t pid = *ParseInt(Trim(result->out));
  EXPECT_EQ(kill(static_cast<pid_t>(pid), SIGKILL), 0);
}

TEST(Run, GivesNullInputByDefault) { EXPECT_EQ(RunShell("cat; echo done")->out, "done\n"); }

TEST(Spawn, ReportsAProgramThatIsNotThere) {
  const Result<Process> by_name = Process::Spawn({.argv = {"no-such-program"}});
  EXPECT_EQ(by_name.error().code, Code::kNotFound);
  EXPECT_NE(by_name.error().message.find("'no-such-program'"), std::string::npos);
  const Result<Process> by_path = Process::Spawn({.argv = {"/no/such/program"}});
  EXPECT_EQ(by_path.error().code, Code::kNotFound);
  EXPECT_EQ(by_path.error().message, "start /no/such/program: No such file or directory");
}

TEST(Spawn, ReportsADirectoryThatIsNotThereAndAFileThatIsNoProgram) {
  SpawnOptions options = Shell("true");
  options.dir = "/no/such/dir";
  EXPECT_EQ(Process::Spawn(options).error().code, Code::kNotFound);
  EXPECT_EQ(Process::Spawn({.argv = {"/etc/passwd"}}).error().code, Code::kForbidden);
}

TEST(Spawn, SetsDirectoryAndEnvironment) {
  SpawnOptions options = Shell("pwd; echo $LEAT_A; echo ${HOME-unset}");
  options.dir = "/usr";
  options.env = {{"LEAT_A", "b=c"}, {"HOME", "/nest"}};
  EXPECT_EQ(io::Run(options, 30s)->out, "/usr\nb=c\n/nest\n");
  options.clear_env = true;
  options.env = {};
  EXPECT_EQ(io::Run(options, 30s)->out, "/usr\n\nunset\n");
}

TEST(Spawn, PassesExactlyTheChosenDescriptors) {
  TempDir dir;
  ASSERT_TRUE(WriteFile(dir.path() + "/a", "A"));
  ASSERT_TRUE(WriteFile(dir.path() + "/b", "B"));
  UniqueFd a = *Open(dir.path() + "/a", O_RDONLY);
  UniqueFd b = *Open(dir.path() + "/b", O_RDONLY);
  const UniqueFd stray(dup(a.get()));  // without CLOEXEC, as careless libraries do
  const std::string fds = "/proc/self/fd";
  SpawnOptions options = Shell("cat " + fds + "/" + std::to_string(b.get()) + " " + fds + "/" +
                               std::to_string(a.get()) + "; ls " + fds + " | wc -l");
  options.fds = {{a.get(), b.get()}, {b.get(), a.get()}};  // swapped
  // 0, 1, 2, the two, and the one that ls holds on the directory.
  EXPECT_EQ(io::Run(options, 30s)->out, "AB6\n");
}

TEST(Spawn, ResetsSignalsThatWeIgnoreOrBlock) {
  const auto before = signal(SIGPIPE, SIG_IGN);
  sigset_t term;
  sigset_t old;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &old);
  const Result<RunResult> result = RunShell("grep -E 'Sig(Blk|Ign)' /proc/self/status");
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  signal(SIGPIPE, before);
  EXPECT_EQ(result->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Spawn, NewSessionLeadsItself) {
  SpawnOptions options = Shell("cut -d' ' -f6 /proc/$$/stat; echo $$");
  options.new_session = true;
  const Result<RunResult> result = io::Run(options, 30s);
  const auto lines = Split(result->out, '\n');
  EXPECT_EQ(lines[0], lines[1]);
}

TEST(Process, WaitForGivesUpAndLeavesTheChild) {
  Result<Process> child = Process::Spawn(Shell("exec sleep 60"));
  ASSERT_TRUE(child);
  EXPECT_EQ(child->WaitFor(1ms).error().code, Code::kTimeout);
  EXPECT_TRUE(IsAlive(child->pid()));
  ASSERT_TRUE(child->Kill(SIGTERM));
  EXPECT_EQ(child->Wait()->signal, SIGTERM);
  EXPECT_EQ(child->Kill(SIGTERM).error().code, Code::kNotFound);
  EXPECT_EQ(child->Wait().error().code, Code::kInvalid);
}

TEST(Process, AStopWakesTheWait) {
  Result<Process> child = Process::Spawn(Shell("exec sleep 60"));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(child->Wait(source.get_token()).error().code, Code::kCancelled);
  EXPECT_TRUE(IsAlive(child->pid()));
}

TEST(Process, KillWakesAWaitInAnotherThread) {
  Result<Process> child = Process::Spawn(Shell("exec sleep 60"));
  std::jthread killer([&] { EXPECT_TRUE(child->Kill(SIGKILL)); });
  EXPECT_EQ(child->Wait()->signal, SIGKILL);
}

TEST(Process, DestructionKillsUnlessLetGo) {
  pid_t killed = 0;
  pid_t kept = 0;
  {
    Result<Process> a = Process::Spawn(Shell("exec sleep 60"));
    Result<Process> b = Process::Spawn(Shell("exec sleep 60"));
    killed = a->pid();
    kept = b->pid();
    Process moved = *std::move(a);
    b->LetGo();
  }
  EXPECT_FALSE(IsAlive(killed));
  ASSERT_TRUE(IsAlive(kept));
  kill(kept, SIGKILL);
}

TEST(Spawn, HoldsUnderManyThreads) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 15; ++i) {
        const std::string text = std::to_string(t * 100 + i);
        const Result<RunResult> result = io::Run({.argv = {"echo", text}}, 30s);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ(result->out, text + "\n");
      }
    });
}

TEST(FindProgram, LooksOnThePath) {
  EXPECT_TRUE(FindProgram("sh")->starts_with('/'));
  EXPECT_EQ(*FindProgram("/bin/sh"), "/bin/sh");
  EXPECT_EQ(FindProgram("/bin/no-such").error().code, Code::kNotFound);
  EXPECT_EQ(FindProgram("").error().code, Code::kNotFound);
}

class PollTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = SocketPair();
    ASSERT_TRUE(pair);
    std::tie(ours_, theirs_) = std::move(*pair);
    fds_[0] = {ours_.get(), POLLIN, 0};
  }
  Code EndOfWaiting() {
    std::stop_source stop;
    const std::jthread stopper([&] { stop.request_stop(); });
    const auto ready = Poll(fds_, std::nullopt, stop.get_token());
    return ready ? Code::kInternal : ready.error().code;
  }

  UniqueFd ours_, theirs_;
  pollfd fds_[1];
};

TEST_F(PollTest, ReturnsZeroAtTheDeadline) {
  EXPECT_EQ(*Poll(fds_, std::chrono::steady_clock::now() + 1ms), 0);
  const std::stop_source never;
  EXPECT_EQ(*Poll(fds_, std::chrono::steady_clock::now() + 1ms, never.get_token()), 0);
}

TEST_F(PollTest, AStopEndsIt) {
  EXPECT_EQ(EndOfWaiting(), Code::kCancelled);
  std::stop_source before;
  before.request_stop();
  EXPECT_EQ(Poll(fds_, std::nullopt, before.get_token()).error().code, Code::kCancelled);
}

TEST_F(PollTest, WhatIsReadyComesBeforeAStop) {
  ASSERT_TRUE(SendMessage(theirs_.get(), "x"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(*Poll(fds_, std::nullopt, stop.get_token()), 1);
  EXPECT_EQ(fds_[0].revents, POLLIN);
}

TEST_F(PollTest, NeedsNoDescriptor) {
  const NoDescriptorsLeft none;
  EXPECT_EQ(EndOfWaiting(), Code::kCancelled);
  const std::stop_source never;
  EXPECT_EQ(*Poll(fds_, std::chrono::steady_clock::now() + 1ms, never.get_token()), 0);
  ASSERT_TRUE(SendMessage(theirs_.get(), "x"));
  EXPECT_EQ(*Poll(fds_, std::nullopt, never.get_token()), 1);
}

}  // namespace
}  // namespace leat::io
