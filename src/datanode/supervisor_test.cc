#include "datanode/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "datanode/control_client.h"
#include "io/unix_socket.h"

namespace leat::datanode {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// A supervisor on a thread of its own, with scripted workers (testing/scripted_worker.h).
class SupervisorTest : public testing::Test {
 protected:
  void Start(const std::string& mode = "normal") {
    auto taken = Supervisor::Take({.directory = dir_.path(),
                                   .worker = {"/proc/self/exe", "scripted-worker", mode},
                                   .least_delay = milliseconds(10),
                                   .most_delay = milliseconds(80),
                                   .log = log_,
                                   .max_log_bytes = 1000});
    ASSERT_TRUE(taken) << taken.error().message;
    supervisor_.emplace(std::move(*taken));
    thread_ = std::jthread([this](const std::stop_token& stop) {
      supervisor_->Run(stop);
      ended_ = true;
    });
  }

  // Ends it as SIGTERM does.
  void Stop() {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
    supervisor_.reset();
  }

  ~SupervisorTest() override { Stop(); }

  Result<json::Value> Ask(const json::Value& request) {
    return AskDataNode(ControlSocketOf(dir_.path()), request, [](const json::Value&) {}, {});
  }
  json::Value MustAsk(const json::Value& request) {
    auto reply = Ask(request);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : json::Value();
  }
  pid_t WorkerPid() { return static_cast<pid_t>(MustAsk(json::Object({{"op", "pid"}})).AsInt()); }
  void KillWorker(int signal = SIGKILL) {
    const pid_t pid = WorkerPid();
    ASSERT_GT(pid, 1);
    ASSERT_EQ(kill(pid, signal), 0);
    while (kill(pid, 0) == 0) std::this_thread::yield();  // until it is reaped: the test's time-out
  }
  bool EndsWithin(seconds limit) {
    const auto until = steady_clock::now() + limit;
    while (!ended_ && steady_clock::now() < until) std::this_thread::yield();
    return ended_;
  }

  io::TempDir dir_;
  std::string log_;
  std::optional<Supervisor> supervisor_;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;
};

json::Value Keep(const std::string& name, const std::string& text) {
  return json::Object({{"op", "keep"}, {"name", name}, {"text", text}});
}

json::Value Left() { return json::Object({{"op", "left"}}); }

TEST_F(SupervisorTest, WhatAKilledWorkerKeptComesBackWithItsDescriptors) {
  Start();
  const std::string file = dir_.path() + "/kept";
  ASSERT_TRUE(io::WriteFile(file, "bytes behind a descriptor"));
  MustAsk(Keep("text only", "a\nb"));
  MustAsk(Keep("mount:/with file", "spec").Set("file", file));
  ASSERT_TRUE(io::Remove(file));
  KillWorker();
  const json::Value left = MustAsk(Left());
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left["text only"]["text"].Str(), "a\nb");
  EXPECT_EQ(left["mount:/with file"]["text"].Str(), "spec");
  EXPECT_EQ(left["mount:/with file"]["files"][0].Str(), "bytes behind a descriptor");
}

TEST_F(SupervisorTest, KeepReplacesAndForgetForgets) {
  Start();
  MustAsk(Keep("a", "old"));
  MustAsk(Keep("b", "gone"));
  MustAsk(Keep("a", "new"));
  MustAsk(json::Object({{"op", "forget"}, {"name", "b"}}));
  MustAsk(json::Object({{"op", "forget"}, {"name", "never was"}}));
  KillWorker();
  const json::Value left = MustAsk(Left());
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left["a"]["text"].Str(), "new");
}

TEST_F(SupervisorTest, KeptThingsOutliveManyWorkers) {
  Start();
  MustAsk(Keep("a", "text"));
  for (int i = 0; i < 5; ++i) {
    KillWorker();
    EXPECT_EQ(MustAsk(Left())["a"]["text"].Str(), "text") << "after death " << i + 1;
  }
}

TEST_F(SupervisorTest, ADeathByTheCachesDiskIsToldAsSuch) {
  testing::internal::CaptureStderr();
  Start();
  KillWorker(SIGBUS);
  (void)WorkerPid();  // of the next one
  KillWorker();
  (void)WorkerPid();
  Stop();
  const std::string log = testing::internal::GetCapturedStderr();
  const size_t told = log.find("the disk of the cache");
  EXPECT_NE(told, std::string::npos) << log;
  EXPECT_NE(log.find(dir_.path(), told), std::string::npos) << log;
  EXPECT_EQ(log.find("the disk of the cache", told + 1), std::string::npos) << "of SIGKILL, too";
}

TEST_F(SupervisorTest, MessagesThatMakeNoSenseChangeNothing) {
  Start();
  MustAsk(Keep("a", "text"));
  MustAsk(json::Object({{"op", "garble"}}));
  MustAsk(Keep("b", "after it"));
  KillWorker();
  const json::Value left = MustAsk(Left());
  EXPECT_EQ(left.size(), 2u);
  EXPECT_EQ(left["a"]["text"].Str(), "text");
  EXPECT_EQ(left["b"]["text"].Str(), "after it");
}

TEST_F(SupervisorTest, WhatIsKeptHasABoundThatTheWorkerIsTold) {
  Start();
  const int64_t taken = MustAsk(json::Object({{"op", "flood"}})).AsInt();
  EXPECT_GT(taken, 300);
  EXPECT_LE(taken * 100'000, static_cast<int64_t>(kMaxKeptBytes));
  KillWorker();
  EXPECT_EQ(static_cast<int64_t>(MustAsk(Left()).size()), taken);
}

TEST_F(SupervisorTest, NamesAndTextsBeyondTheLimitsAreRefused) {
  Start();
  EXPECT_EQ(Ask(Keep("", "x")).error().code, Code::kInvalid);
  EXPECT_EQ(Ask(Keep(std::string(9000, 'n'), "x")).error().code, Code::kInvalid);
  EXPECT_EQ(Ask(Keep("a", std::string(121u << 10, 't'))).error().code, Code::kTooLarge);
}

TEST_F(SupervisorTest, AClientThatComesWhileThereIsNoWorkerWaitsForTheNext) {
  Start();
  const pid_t first = WorkerPid();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const pid_t second = WorkerPid();
  EXPECT_GT(second, 1);
}

TEST_F(SupervisorTest, EndsWithAWorkerThatEndedWellAndLeftNothing) {
  Start();
  MustAsk(json::Object({{"op", "end"}, {"status", 0}}));
  ASSERT_TRUE(EndsWithin(seconds(10)));
  Stop();
  EXPECT_FALSE(io::Exists(ControlSocketOf(dir_.path())));
}

TEST_F(SupervisorTest, GoesOnWhileDescriptorsAreKeptWhateverTheWorkersStatus) {
  Start();
  MustAsk(Keep("mount:/m", "spec").Set("file", "/dev/null"));
  const pid_t first = WorkerPid();
  MustAsk(json::Object({{"op", "end"}, {"status", 0}}));
  pid_t next = WorkerPid();
  while (next == first) next = WorkerPid();
  EXPECT_EQ(MustAsk(Left())["mount:/m"]["text"].Str(), "spec");
}

TEST_F(SupervisorTest, AWorkerThatFailsIsStartedAgain) {
  Start();
  const pid_t first = WorkerPid();
  MustAsk(json::Object({{"op", "end"}, {"status", 1}}));
  pid_t next = WorkerPid();
  while (next == first) next = WorkerPid();
  EXPECT_FALSE(ended_);
}

TEST_F(SupervisorTest, WorkersThatDieAtOnceDoNotKeepItFromEnding) {
  Start("stillborn");
  Stop();
  EXPECT_TRUE(ended_);
}

TEST_F(SupervisorTest, ADirectoryHasOneSupervisor) {
  Start();
  const auto second = Supervisor::Take({.directory = dir_.path(), .worker = {"/bin/true"}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_NE(second.error().message.find(std::to_string(getpid())), std::string::npos);
}

TEST_F(SupervisorTest, TheWorkerLivesOnWhenItsSupervisorStops) {
  Start();
  const pid_t worker = WorkerPid();
  Stop();
  // It is our child, and ends by itself once it sees its socket closed.
  int status = 0;
  EXPECT_EQ(waitpid(worker, &status, 0), worker);
  EXPECT_TRUE(WIFEXITED(status));
}

TEST_F(SupervisorTest, ALongLogIsCutAndWhatWasInItKept) {
  log_ = dir_.path() + "/log";
  ASSERT_TRUE(io::WriteFile(log_, std::string(5000, 'l')));
  Start();
  WorkerPid();  // something happens
  KillWorker();
  WorkerPid();
  EXPECT_EQ(io::ReadFile(log_ + ".1").value_or(""), std::string(5000, 'l'));
  EXPECT_EQ(io::ReadFile(log_).value_or("absent"), "");
}

}  // namespace
}  // namespace leat::datanode
