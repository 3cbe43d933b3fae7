#include "fuse/mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "fuse/fusermount.h"
#include "fuse/mountinfo.h"
#include "fuse/session.h"
#include "fuse/testing/served_mount.h"
#include "io/process.h"

namespace leat::fuse {
namespace {

TEST(MountInfo, LinesAreTakenApartAndUnescaped) {
  const auto entry = ParseMountLine(
      R"(36 35 0:57 / /mnt/a\040b\134c\011d rw,noatime shared:1 master:2 - fuse.leat s3://b/x\040y/ ro,user_id=0)");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->device, "0:57");
  EXPECT_EQ(entry->mountpoint, "/mnt/a b\\c\td");
  EXPECT_EQ(entry->type, "fuse.leat");
  EXPECT_EQ(entry->source, "s3://b/x y/");
  EXPECT_EQ(ParseMountLine("36 35 0:57 / /mnt ro - ext4 /dev/vda rw")->type, "ext4");
  for (const char* wrong : {"", "36 35 0:57 / /mnt ro", "36 35 0:57 / /mnt ro - ext4", "- - - - -"})
    EXPECT_FALSE(ParseMountLine(wrong)) << wrong;
  EXPECT_EQ(ParseMountLine(R"(1 2 0:5 / /a\9\04 ro - t s x)")->mountpoint, R"(/a\9\04)");
}

TEST(MountInfo, CommasAndBackslashesInOptionsAreEscaped) {
  EXPECT_EQ(EscapeOption("s3://a,b\\c"), "s3://a\\,b\\\\c");
}

std::vector<MemoryFile> OneFile(OpenMode mode = OpenMode::kCached) {
  return {{.name = "file", .mode = mode, .bytes = "bytes"}};
}

class MountTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = WhyNoMounts();
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
};

TEST_F(MountTest, AMountIsSeenWithItsSourceAndItsState) {
  ServedMount mount(OneFile());
  const std::optional<MountEntry> entry = MountAt(mount.mountpoint());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->type, "fuse.leat");
  EXPECT_EQ(entry->source, "test://a,b c");
  const std::vector<std::string> all = LeatMounts();
  EXPECT_NE(std::find(all.begin(), all.end(), mount.mountpoint()), all.end());
  EXPECT_EQ(StateOf(mount.mountpoint()), MountState::kAlive);
  EXPECT_EQ(StateOf(mount.mountpoint() + "/../mount point"), MountState::kAlive);
  EXPECT_EQ(StateOf("/"), MountState::kNone);
  EXPECT_EQ(StateOf("/nonexistent"), MountState::kNone);
  EXPECT_EQ(Mount({.source = "x", .mountpoint = mount.mountpoint()}).error().code,
            Code::kAlreadyExists);
}

TEST_F(MountTest, AMountWithoutAWorkerIsAliveAndOneWithoutHoldersIsDead) {
  ServedMount mount(OneFile());
  mount.KillWorker();
  EXPECT_EQ(StateOf(mount.mountpoint()), MountState::kAlive) << "a successor may come";
  mount.ForgetDevices();
  EXPECT_EQ(StateOf(mount.mountpoint()), MountState::kDead);
  struct stat info {};
  EXPECT_NE(stat(mount.Path("file").c_str(), &info), 0);
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_TRUE(Unmount(mount.mountpoint(), false));
  EXPECT_EQ(StateOf(mount.mountpoint()), MountState::kNone);
}

TEST_F(MountTest, UnmountingAnswersBusyUnlessLazyAndOpenFilesGoOn) {
  ServedMount mount(OneFile(OpenMode::kDirect));
  Result<io::UniqueFd> fd = io::Open(mount.Path("file"), O_RDONLY);
  ASSERT_TRUE(fd) << fd.error().message;
  EXPECT_EQ(Unmount(mount.mountpoint(), false).error().code, Code::kConflict);
  EXPECT_TRUE(Unmount(mount.mountpoint(), true));
  EXPECT_EQ(Unmount(mount.mountpoint(), true).error().code, Code::kNotFound);
  EXPECT_EQ(io::ReadFd(fd->get()).value(), "bytes");
}

TEST_F(MountTest, ASessionEndsWhenItsMountIsGone) {
  const io::TempDir dir;
  Result<io::UniqueFd> device = Mount({.source = "x", .mountpoint = dir.path()});
  ASSERT_TRUE(device) << device.error().message;
  Result<Session::Connection> connection = Session::Connect(std::move(*device), {.threads = 3});
  ASSERT_TRUE(connection) << connection.error().message;
  EXPECT_EQ(connection->devices.size(), 3u);
  MemoryFilesystemState state;
  MemoryFilesystem filesystem({{.name = "file", .bytes = "bytes"}}, 0, state);
  Session session(std::move(*connection), filesystem, {.threads = 3});
  session.Start();
  EXPECT_EQ(io::ReadFile(dir.path() + "/file").value(), "bytes");
  EXPECT_TRUE(Unmount(dir.path(), false));
  session.Wait({});
}

TEST_F(MountTest, ReadAheadIsSetThroughTheBackingDevice) {
  ServedMount mount(OneFile());
  const Status set = SetReadAhead(mount.mountpoint(), 4096);
  ASSERT_TRUE(set) << set.error().message;
  const std::string device = MountAt(mount.mountpoint())->device;
  EXPECT_EQ(*io::ReadFile("/sys/class/bdi/" + device + "/read_ahead_kb"), "4096\n");
  EXPECT_EQ(SetReadAhead("/nonexistent", 1).error().code, Code::kNotFound);
}

TEST_F(MountTest, MountpointsThatAreNoneAreRefused) {
  const io::TempDir dir;
  EXPECT_EQ(Mount({.source = "x", .mountpoint = dir.path() + "/absent"}).error().code,
            Code::kNotFound);
  ASSERT_TRUE(io::WriteFile(dir.path() + "/file", ""));
  EXPECT_EQ(Mount({.source = "x", .mountpoint = dir.path() + "/file"}).error().code,
            Code::kInvalid);
  EXPECT_EQ(Unmount(dir.path(), false).error().code, Code::kNotFound);
}

// Become an ordinary user on a machine where such may open /dev/fuse, as udev has it.
bool BecomeNobody(const std::string& scratch) {
  const std::string node = scratch + "/fuse";
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mknod(node.c_str(), S_IFCHR, makedev(10, 229)) == 0 && chmod(node.c_str(), 0666) == 0 &&
         mount(node.c_str(), "/dev/fuse", nullptr, MS_BIND, nullptr) == 0 && setgid(65534) == 0 &&
         setuid(65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

// What an ordinary user does: mount by fusermount3, serve, read, unmount. Exit code 0 when all is
// well, else the number of the step that failed.
int MountAsNobody(const std::string& scratch, const std::string& mountpoint) {
  if (!BecomeNobody(scratch)) return 1;
  Result<io::UniqueFd> device = Mount({.source = "test://a,b", .mountpoint = mountpoint});
  if (!device) {
    std::fprintf(stderr, "%s\n", device.error().message.c_str());
    return 2;
  }
  Result<Session::Connection> connection = Session::Connect(std::move(*device), {});
  if (!connection || connection->agreement.passthrough) return 3;
  MemoryFilesystemState state;
  MemoryFilesystem filesystem({{.name = "file", .bytes = "bytes"}}, 0, state);
  Session session(std::move(*connection), filesystem, {});
  session.Start();
  if (io::ReadFile(mountpoint + "/file").value_or("") != "bytes") return 4;
  if (MountAt(mountpoint)->source != "test://a,b") return 5;
  if (StateOf(mountpoint) != MountState::kAlive) return 6;
  if (!Unmount(mountpoint, false)) return 7;
  session.Wait({});
  return 0;
}

TEST_F(MountTest, OrdinaryUsersMountByFusermount) {
  if (!io::FindProgram("fusermount3")) GTEST_SKIP() << "fusermount3 is not installed";
  if (!io::Exists("/etc/mtab")) GTEST_SKIP() << "fusermount3 unmounts nothing without /etc/mtab";
  const io::TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  const std::string mountpoint = dir.path() + "/m";
  ASSERT_TRUE(io::MakeDirs(mountpoint));
  ASSERT_EQ(chown(mountpoint.c_str(), 65534, 65534), 0);
  const pid_t child = fork();
  if (child == 0) _exit(MountAsNobody(dir.path(), mountpoint));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "step " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace leat::fuse
