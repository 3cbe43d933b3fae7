// Real containers: needs root, runc and conmon.
#include "node/runc_runtime.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/ids.h"
#include "io/file.h"
#include "io/process.h"
#include "node/conmon.h"
#include "node/testing/no_objects.h"

namespace leat::node {
namespace {

using namespace std::chrono_literals;

class RuncRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    runtime_ =
        MakeRuncRuntime({.dir = dir_.path() + "/rt", .programs_dir = "/nonexistent"}, catalogue_);
    if (const Status ready = runtime_->Ready(); !ready) GTEST_SKIP() << ready.error().message;
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/hosts", "127.0.0.1 localhost\n", 0644));
    ASSERT_TRUE(runtime_->RunSandbox(Sandbox()));
  }
  // As after a restart of Leat.
  void Restart() {
    runtime_.reset();
    runtime_ =
        MakeRuncRuntime({.dir = dir_.path() + "/rt", .programs_dir = "/nonexistent"}, catalogue_);
    ASSERT_TRUE(runtime_->Ready());
    const Status settled = runtime_->SettleStarts();
    ASSERT_TRUE(settled) << settled.error().message;
  }
  std::string Bundle() const { return dir_.path() + "/rt/sandboxes/" + uid_ + "/c_0"; }
  void TearDown() override {
    if (!runtime_->Ready()) return;
    (void)runtime_->StopSandbox(uid_);
    (void)runtime_->RemoveSandbox(uid_);
  }

  SandboxConfig Sandbox() const {
    return {.pod_uid = uid_,
            .ns = "default",
            .pod_name = "p",
            .hostname = "p",
            .hosts_file = dir_.path() + "/hosts"};
  }
  ContainerConfig Shell(const std::string& script) {
    return {.name = "c",
            .image = *catalogue_.Resolve("leat.dev/host"),
            .argv = {"/bin/sh", "-c", script},
            .env = {{"PATH", "/usr/bin:/bin:/usr/sbin:/sbin"}},
            .log_path = dir_.path() + "/log"};
  }
  ContainerStatus Finish(const std::string& id) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
      const auto all = runtime_->ListContainers(uid_);
      EXPECT_TRUE(all);
      for (const ContainerStatus& status : *all)
        if (status.id == id && status.state == ContainerState::kExited) return status;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << id << " does not end";
        return {};
      }
      runtime_->AwaitChange(1s, {});
    }
  }
  // The texts of the log's lines.
  std::string Log() const {
    std::string text;
    const std::string log = *io::ReadFile(dir_.path() + "/log");
    for (size_t at = 0; at < log.size();) {
      const size_t end = log.find('\n', at);
      const size_t tag = log.find(" F ", at);
      text += log.substr(tag + 3, end - tag - 2);
      at = end + 1;
    }
    return text;
  }
  std::string Output(const std::string& script) {
    const auto id = runtime_->StartContainer(uid_, Shell(script));
    EXPECT_TRUE(id) << id.error().message;
    if (!id) return "";
    Finish(*id);
    return Log();
  }

  io::TempDir dir_;
  NoObjects no_objects_;
  RealClock clock_;
  ImageCatalogue catalogue_{no_objects_, clock_};
  const std::string uid_ = NewUuid();
  std::unique_ptr<ContainerRuntime> runtime_;
};

TEST_F(RuncRuntimeTest, KnowsTheExitCodeAndKeepsTheLog) {
  const auto id = runtime_->StartContainer(uid_, Shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(id) << id.error().message;
  const ContainerStatus status = Finish(*id);
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_FALSE(status.oom_killed);
  EXPECT_LE(status.started_at, status.finished_at);
  EXPECT_EQ(Log(), "out\nerr\n");
}

TEST_F(RuncRuntimeTest, AContainerSeesNothingOfTheHostsPrivateFiles) {
  EXPECT_EQ(
      Output("ls -A /root /home /var/lib 2>&1 | grep -v '^/' | grep -v '^ls:' | grep .; "
             "cat /etc/shadow 2>/dev/null; ls " +
             dir_.path() +
             " 2>/dev/null; "
             "touch /usr/x 2>/dev/null && echo writable; mount -t tmpfs x /mnt 2>/dev/null && echo "
             "mounted; "
             "grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status; ps -e | wc -l"),
      "NoNewPrivs:\t1\nSeccomp:\t2\n4\n");
}

TEST_F(RuncRuntimeTest, AContainerCannotReadOthersPackets) {
  const std::string script = R"(python3 -c '
import socket as s
for name, kind, protocol in [("AF_PACKET", s.SOCK_RAW, 0x300), ("AF_INET", s.SOCK_RAW, 1),
                             ("AF_NETLINK", s.SOCK_RAW, 12), ("AF_VSOCK", s.SOCK_STREAM, 0),
                             ("AF_INET", s.SOCK_DGRAM, 0), ("AF_INET6", s.SOCK_STREAM, 0),
                             ("AF_UNIX", s.SOCK_STREAM, 0)]:
  try: s.socket(getattr(s, name), kind, protocol); print(name, "opens")
  except OSError as refused: print(name, refused.errno)
print(s.if_nameindex()[0][1])')";
  EXPECT_EQ(Output(script),
            "AF_PACKET 1\nAF_INET 1\nAF_NETLINK 1\nAF_VSOCK 1\nAF_INET opens\nAF_INET6 opens\n"
            "AF_UNIX opens\nlo\n");
}

TEST_F(RuncRuntimeTest, AReadOnlyVolumeIsReadOnlyInAllItsDepth) {
  const std::string volume = dir_.path() + "/volume";
  ASSERT_TRUE(io::MakeDirs(volume + "/inner"));
  ASSERT_EQ(mount("tmpfs", (volume + "/inner").c_str(), "tmpfs", 0, nullptr), 0);
  ContainerConfig config =
      Shell("for d in /v /v/inner; do touch $d/x 2>/dev/null && echo $d; done; :");
  config.mounts = {{.host_path = volume, .container_path = "/v", .read_only = true}};
  const auto id = runtime_->StartContainer(uid_, config);
  EXPECT_TRUE(id) << id.error().message;
  if (id) Finish(*id);
  EXPECT_EQ(umount2((volume + "/inner").c_str(), MNT_DETACH), 0);
  EXPECT_EQ(Log(), "");
}

TEST_F(RuncRuntimeTest, ATerminatedContainerMayEndInItsOwnWay) {
  const auto id = runtime_->StartContainer(
      uid_, Shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"));
  ASSERT_TRUE(id);
  while (!io::Exists(dir_.path() + "/log") || io::ReadFile(dir_.path() + "/log")->empty())
    runtime_->AwaitChange(50ms, {});
  ASSERT_TRUE(runtime_->Terminate(*id));
  EXPECT_EQ(Finish(*id).exit_code, 7);
}

TEST_F(RuncRuntimeTest, OneThatIgnoresSigtermIsKilled) {
  const auto id =
      runtime_->StartContainer(uid_, Shell("trap '' TERM; while :; do sleep 0.1; done"));
  ASSERT_TRUE(id);
  ASSERT_TRUE(runtime_->Kill(*id));
  EXPECT_EQ(Finish(*id).exit_code, 137);
}

TEST_F(RuncRuntimeTest, ANewRuntimeFindsWhatTheOneBeforeLeft) {
  const auto id = runtime_->StartContainer(uid_, Shell("sleep 1000"));
  ASSERT_TRUE(id);
  runtime_.reset();
  runtime_ =
      MakeRuncRuntime({.dir = dir_.path() + "/rt", .programs_dir = "/nonexistent"}, catalogue_);
  EXPECT_EQ(*runtime_->ListSandboxes(), std::vector<std::string>{uid_});
  const auto all = runtime_->ListContainers(uid_);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().state, ContainerState::kRunning);
  ASSERT_TRUE(runtime_->Kill(*id));
}

TEST_F(RuncRuntimeTest, AStartThatEndedBeforeConmonIsForgotten) {
  ASSERT_TRUE(io::MakeDirs(Bundle()));
  ASSERT_TRUE(io::WriteFile(Bundle() + "/meta.json", "{}"));
  ASSERT_EQ(runtime_->ListContainers(uid_)->size(), 1u);
  Restart();
  EXPECT_TRUE(runtime_->ListContainers(uid_)->empty());
}

TEST_F(RuncRuntimeTest, AStartThatEndedBeforeConmonCanBeKilledAtOnce) {
  for (const bool kill : {true, false}) {
    ASSERT_TRUE(io::MakeDirs(Bundle()));
    ASSERT_TRUE(io::WriteFile(Bundle() + "/meta.json", "{}"));
    const std::string id = runtime_->ListContainers(uid_)->front().id;
    const Status done = kill ? runtime_->Kill(id) : runtime_->Terminate(id);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_TRUE(runtime_->ListContainers(uid_)->empty());
  }
}

TEST_F(RuncRuntimeTest, AStartThatEndedAfterRuncsRuns) {
  const auto id = runtime_->StartContainer(uid_, Shell("sleep 1000"));
  ASSERT_TRUE(id);
  ASSERT_TRUE(io::Remove(Bundle() + "/started"));
  Restart();
  const auto all = runtime_->ListContainers(uid_);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().state, ContainerState::kRunning);
  ASSERT_TRUE(runtime_->Kill(*id));
}

TEST_F(RuncRuntimeTest, AStartThatEndedBeforeRuncsIsForgottenAndCanBeRepeated) {
  const auto id = runtime_->StartContainer(uid_, Shell("echo ran"));
  ASSERT_TRUE(id);
  Finish(*id);
  ASSERT_EQ(io::Run({.argv = {"runc", "--root", dir_.path() + "/rt/runc", "delete", *id}}, 10s)
                ->exit.code,
            0);
  for (const std::string& file :
       {dir_.path() + "/rt/exits/" + *id, Bundle() + "/started", ConmonPidFile(Bundle())})
    ASSERT_TRUE(io::Remove(file));
  const std::string sockets = dir_.path() + "/s";
  ASSERT_TRUE(io::MakeDirs(sockets));
  const auto made = LaunchConmon({.id = *id,
                                  .bundle = Bundle(),
                                  .log_path = dir_.path() + "/log",
                                  .exit_dir = dir_.path() + "/rt/exits",
                                  .socket_dir = sockets,
                                  .runc_root = dir_.path() + "/rt/runc"});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(runtime_->ListContainers(uid_)->front().state, ContainerState::kCreated);
  Restart();
  EXPECT_TRUE(runtime_->ListContainers(uid_)->empty());
  EXPECT_FALSE(io::Exists(dir_.path() + "/rt/exits/" + *id));
  const auto again = runtime_->StartContainer(uid_, Shell("exit 4"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(Finish(*again).exit_code, 4);
}

TEST_F(RuncRuntimeTest, SaysWhyACommandCannotRun) {
  ContainerConfig config = Shell("");
  config.argv = {"/no/such/program"};
  const auto id = runtime_->StartContainer(uid_, config);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().message,
            "exec: \"/no/such/program\": stat /no/such/program: no such file or directory");
  const auto all = runtime_->ListContainers(uid_);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().exit_code, 128);
  EXPECT_EQ(all->front().error, id.error().message);
}

TEST_F(RuncRuntimeTest, LeavesNothingInRun) {
  const std::string id = *runtime_->StartContainer(uid_, Shell("true"));
  Finish(id);
  const std::string table = *io::ReadFile("/proc/self/mounts");
  const size_t end = table.find("/" + uid_ + "/ipc");
  ASSERT_NE(end, std::string::npos);
  const size_t start = table.rfind(' ', end) + 1;
  const std::string dir = table.substr(start, end - start);
  ASSERT_TRUE(io::Exists(dir));
  ASSERT_TRUE(runtime_->StopSandbox(uid_));
  ASSERT_TRUE(runtime_->RemoveSandbox(uid_));
  runtime_.reset();
  EXPECT_FALSE(io::Exists(dir)) << dir;
  Restart();
}
TEST_F(RuncRuntimeTest, OutOfMemoryIsSeen) {
  ContainerConfig config = Shell("exec tail /dev/zero");
  config.memory_bytes = 16 << 20;
  const auto id = runtime_->StartContainer(uid_, config);
  ASSERT_TRUE(id) << id.error().message;
  const ContainerStatus status = Finish(*id);
  EXPECT_EQ(status.exit_code, 137);
  EXPECT_TRUE(status.oom_killed);
}

TEST_F(RuncRuntimeTest, WhatContainersShareEndsWithTheirSandbox) {
  const auto mounts = [&] {
    size_t count = 0;
    const std::string table = *io::ReadFile("/proc/self/mounts");
    for (size_t at = table.find(uid_); at != std::string::npos; at = table.find(uid_, at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(mounts(), 4u);
  ASSERT_TRUE(runtime_->RunSandbox(Sandbox()));
  EXPECT_EQ(mounts(), 4u);
  SandboxConfig with_dirs = Sandbox();
  const std::string shared = RunDir(dir_.path() + "/rt") + "/" + uid_ + "/shared";
  with_dirs.message_dirs = {shared + "/messages/c", shared + "/messages/d"};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(runtime_->RunSandbox(with_dirs));
    EXPECT_EQ(mounts(), 6u);
  }
  const std::string full(2 << 20, 'x');
  EXPECT_FALSE(io::WriteFile(shared + "/messages/c/0", full));
  EXPECT_TRUE(io::WriteFile(shared + "/messages/d/0", "fits"));
  EXPECT_FALSE(io::WriteFile(shared + "/hosts", full));
  EXPECT_TRUE(io::WriteFile(shared + "/messages/d/1", "fits"));
  ASSERT_TRUE(runtime_->StopSandbox(uid_));
  EXPECT_EQ(mounts(), 0u);
  ASSERT_TRUE(runtime_->StopSandbox(uid_));
}

TEST_F(RuncRuntimeTest, ALostContainerCountsAsKilled) {
  const auto id = runtime_->StartContainer(uid_, Shell("sleep 1000"));
  ASSERT_TRUE(id);
  (void)io::Run({.argv = {"pkill", "-9", "-f", "conmon.*" + uid_}}, 10s);
  const ContainerStatus status = Finish(*id);
  EXPECT_EQ(status.exit_code, 137);
  EXPECT_TRUE(status.lost);
}

}  // namespace
}  // namespace leat::node
