#include "io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <thread>

namespace leat::io {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(ErrnoError, SaysWhatFailedAndWhy) {
  const Error error = ErrnoError(ENOENT, "open /x");
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.message, "open /x: No such file or directory");
  EXPECT_EQ(ErrnoError(ENOSPC, "").code, Code::kExhausted);
  EXPECT_EQ(ErrnoError(EROFS, "").code, Code::kForbidden);
  EXPECT_EQ(ErrnoError(EIO, "").code, Code::kInternal);
}

TEST(ReadFile, ReturnsWhatWasWritten) {
  TempDir dir;
  const std::string bytes = std::string(200'000, 'x') + '\0' + "end";
  ASSERT_TRUE(WriteFileAtomic(dir.path() + "/f", bytes));
  EXPECT_EQ(*ReadFile(dir.path() + "/f"), bytes);
  ASSERT_TRUE(WriteFile(dir.path() + "/f", ""));
  EXPECT_EQ(*ReadFile(dir.path() + "/f"), "");
}

TEST(ReadFile, HoldsTheLimitExactly) {
  TempDir dir;
  ASSERT_TRUE(WriteFile(dir.path() + "/f", "12345"));
  EXPECT_EQ(*ReadFile(dir.path() + "/f", 5), "12345");
  const Result<std::string> over = ReadFile(dir.path() + "/f", 4);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::kTooLarge);
  EXPECT_NE(over.error().message.find(dir.path() + "/f"), std::string::npos);
}

TEST(ReadFile, ReadsFilesThatSayTheyAreEmpty) {
  EXPECT_NE(ReadFile("/proc/self/status")->find("Pid:"), std::string::npos);
  EXPECT_EQ(ReadFile("/dev/zero", 1000).error().code, Code::kTooLarge);
}

TEST(ReadFile, NamesTheFileThatIsMissing) {
  const Result<std::string> missing = ReadFile("/no/such/file");
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_EQ(missing.error().message, "open /no/such/file: No such file or directory");
}

TEST(WriteFile, ReplacesInOneStepWithExactlyTheMode) {
  TempDir dir;
  const std::string path = dir.path() + "/f";
  ASSERT_TRUE(WriteFileAtomic(path, "old", 0600));
  UniqueFd reader = *Open(path, O_RDONLY);
  const mode_t before = umask(077);
  ASSERT_TRUE(WriteFileAtomic(path, "new", 0644));
  umask(before);
  EXPECT_EQ(*ReadFd(reader.get()), "old");
  EXPECT_EQ(*ReadFile(path), "new");
  EXPECT_EQ(ModeOf(path), 0644u);
  EXPECT_EQ(ListDir(dir.path())->size(), 1u);
}

TEST(WriteFile, LeavesNothingBehindWhenItFails) {
  TempDir dir;
  ASSERT_TRUE(MakeDirs(dir.path() + "/taken/by"));
  EXPECT_FALSE(WriteFileAtomic(dir.path() + "/taken", "x"));
  EXPECT_EQ(*ListDir(dir.path()), std::vector<std::string>{"taken"});
  EXPECT_EQ(WriteFile(dir.path() + "/absent/f", "x").error().code, Code::kNotFound);
}

TEST(WriteAll, GoesThroughAPipeSmallerThanTheBytes) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  const std::string bytes(1 << 20, 'y');
  std::jthread writer([&] {
    EXPECT_TRUE(WriteAll(write.get(), bytes));
    write.Reset();
  });
  EXPECT_EQ(*ReadFd(read.get()), bytes);
}

TEST(PWriteAll, WritesAtTheOffset) {
  TempDir dir;
  UniqueFd fd = *Open(dir.path() + "/f", O_RDWR | O_CREAT);
  ASSERT_TRUE(PWriteAll(fd.get(), "abcdef", 0));
  ASSERT_TRUE(PWriteAll(fd.get(), "XY", 2));
  EXPECT_EQ(*ReadFile(dir.path() + "/f"), "abXYef");
}

class OpenBeneathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirs(root_ + "/a/b"));
    ASSERT_TRUE(WriteFile(root_ + "/a/b/f", "inside"));
    ASSERT_TRUE(WriteFile(dir_.path() + "/secret", "outside"));
    ASSERT_EQ(symlink("../secret", (root_ + "/link").c_str()), 0);
    ASSERT_EQ(symlink("a", (root_ + "/here").c_str()), 0);
  }
  Code CodeOf(const std::string& path) {
    const Result<UniqueFd> fd = OpenBeneath(root_, path, O_RDONLY);
    return fd ? Code::kInternal : fd.error().code;
  }

  TempDir dir_;
  const std::string root_ = dir_.path() + "/root";
};

TEST_F(OpenBeneathTest, OpensNestedFilesAndMakesNewOnes) {
  EXPECT_EQ(*ReadFd(OpenBeneath(root_, "a/b/f", O_RDONLY)->get()), "inside");
  ASSERT_TRUE(OpenBeneath(root_, "a/new", O_WRONLY | O_CREAT, 0640));
  EXPECT_TRUE(Exists(root_ + "/a/new"));
  EXPECT_TRUE(OpenBeneath(root_, "a", O_PATH | O_DIRECTORY));
}

TEST_F(OpenBeneathTest, RefusesEveryWayOut) {
  for (const char* path : {"link", "here/b/f", "../secret", "a/../../secret", "/etc/passwd"})
    EXPECT_EQ(CodeOf(path), Code::kForbidden) << path;
  EXPECT_EQ(CodeOf("absent"), Code::kNotFound);
}

TEST_F(OpenBeneathTest, DoesNotHangOnAFifo) {
  ASSERT_EQ(mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(*ReadFd(OpenBeneath(root_, "fifo", O_RDONLY)->get()), "");
}

TEST(MakeDirs, MakesAllLevelsAndAcceptsExistingOnes) {
  TempDir dir;
  ASSERT_TRUE(MakeDirs(dir.path() + "/a/b/c/"));
  ASSERT_EQ(chmod((dir.path() + "/a").c_str(), 0700), 0);
  ASSERT_TRUE(MakeDirs(dir.path() + "/a//b/d"));
  EXPECT_EQ(ModeOf(dir.path() + "/a"), 0700u);
  EXPECT_EQ(*ListDir(dir.path() + "/a/b"), (std::vector<std::string>{"c", "d"}));
  ASSERT_TRUE(WriteFile(dir.path() + "/file", ""));
  EXPECT_EQ(MakeDirs(dir.path() + "/file").error().code, Code::kAlreadyExists);
}

TEST(RemoveTree, RemovesAllButFollowsNoLink) {
  TempDir dir;
  ASSERT_TRUE(MakeDirs(dir.path() + "/keep"));
  ASSERT_TRUE(WriteFile(dir.path() + "/keep/f", ""));
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(MakeDirs(dir.path() + "/tree/d" + std::to_string(i) + "/sub"));
  ASSERT_EQ(symlink("../keep", (dir.path() + "/tree/link").c_str()), 0);
  ASSERT_EQ(symlink("../../../keep", (dir.path() + "/tree/d7/sub/link").c_str()), 0);
  const Status removed = RemoveTree(dir.path() + "/tree/");
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(Exists(dir.path() + "/tree"));
  EXPECT_TRUE(Exists(dir.path() + "/keep/f"));
  EXPECT_TRUE(RemoveTree(dir.path() + "/tree"));
  EXPECT_TRUE(RemoveTree(dir.path() + "/no/such"));
}

TEST(RemoveTree, RemovesALinkOrFileGivenByName) {
  TempDir dir;
  ASSERT_TRUE(MakeDirs(dir.path() + "/keep"));
  ASSERT_EQ(symlink("keep", (dir.path() + "/link").c_str()), 0);
  ASSERT_TRUE(RemoveTree(dir.path() + "/link"));
  EXPECT_EQ(*ListDir(dir.path()), std::vector<std::string>{"keep"});
  for (const char* path : {"", "/", ".", "..", "x/..", "x/."})
    EXPECT_EQ(RemoveTree(path).error().code, Code::kInvalid) << path;
}

TEST(RemoveTree, IsNotStoppedByDepth) {
  TempDir dir;
  const std::string top = dir.path() + "/deep";
  ASSERT_TRUE(MakeDirs(top));
  UniqueFd at = *Open(top, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(mkdirat(at.get(), "d", 0755), 0);
    at.Reset(openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.ok());
  }
  const Status removed = RemoveTree(top);
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(Exists(top));
}

TEST(RemoveTree, DoesNotCrossABindMount) {
  TempDir dir;
  ASSERT_TRUE(MakeDirs(dir.path() + "/keep"));
  ASSERT_TRUE(WriteFile(dir.path() + "/keep/f", ""));
  ASSERT_TRUE(MakeDirs(dir.path() + "/tree/mount"));
  const std::string mount_point = dir.path() + "/tree/mount";
  if (mount((dir.path() + "/keep").c_str(), mount_point.c_str(), nullptr, MS_BIND, nullptr) != 0)
    GTEST_SKIP() << "may not mount here: " << strerror(errno);
  const Status removed = RemoveTree(dir.path() + "/tree");
  const Status itself = RemoveTree(mount_point);
  ASSERT_EQ(umount(mount_point.c_str()), 0);
  EXPECT_EQ(removed.error().code, Code::kForbidden);
  EXPECT_EQ(itself.error().code, Code::kForbidden);
  EXPECT_TRUE(Exists(dir.path() + "/keep/f"));
}

TEST(Remove, TakesAbsentFilesAsDone) {
  TempDir dir;
  ASSERT_TRUE(WriteFile(dir.path() + "/f", ""));
  ASSERT_TRUE(Rename(dir.path() + "/f", dir.path() + "/g"));
  EXPECT_FALSE(Exists(dir.path() + "/f"));
  EXPECT_TRUE(Remove(dir.path() + "/g"));
  EXPECT_TRUE(Remove(dir.path() + "/g"));
  EXPECT_EQ(Remove(dir.path()).error().code, Code::kInvalid);
}

TEST(TempDir, VanishesWithItsContents) {
  std::string path;
  {
    TempDir dir;
    path = dir.path();
    ASSERT_TRUE(MakeDirs(path + "/a/b"));
    EXPECT_EQ(ModeOf(path), 0700u);
  }
  EXPECT_FALSE(Exists(path));
}

TEST(FileLock, ExcludesOthersAndTellsWhoHoldsIt) {
  TempDir dir;
  const std::string path = dir.path() + "/lock";
  {
    Result<FileLock> held = FileLock::Take(path);
    ASSERT_TRUE(held);
    ASSERT_TRUE(held->SetNote("a much longer note"));
    ASSERT_TRUE(held->SetNote("pid 4711"));
    const Result<FileLock> second = FileLock::Take(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kAlreadyExists);
    EXPECT_EQ(second.error().message, path + " is locked by another process: pid 4711");
  }
  EXPECT_TRUE(FileLock::Take(path));
}

}  // namespace
}  // namespace leat::io
