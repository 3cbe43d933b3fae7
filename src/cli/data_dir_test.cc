#include "cli/data_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace leat::cli {
namespace {

using namespace std::chrono_literals;

class DataDirTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return scratch_.path() + "/" + name; }
  mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  void MakeDir(const std::string& path, mode_t mode) {
    ASSERT_TRUE(io::MakeDirs(path));
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  // The refusal, which must leave the directory as it is.
  std::string Refusal(const std::string& path) {
    const mode_t mode = ModeOf(path);
    const auto names = io::ListDir(path);
    const auto taken = DataDir::Take(path, clock_);
    EXPECT_FALSE(taken);
    EXPECT_EQ(ModeOf(path), mode);
    EXPECT_EQ(*io::ListDir(path), *names);
    return taken ? "" : taken.error().message;
  }
  // As a first start leaves it.
  void Use(const std::string& path) {
    const auto taken = DataDir::Take(path, clock_);
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(io::WriteFile(taken->File("leat.db"), "x"));
  }

  RealClock clock_;
  io::TempDir scratch_;
};

TEST_F(DataDirTest, ANewOneIsPrivate) {
  const auto taken = DataDir::Take(Path("a/b"), clock_);
  ASSERT_TRUE(taken);
  EXPECT_EQ(ModeOf(Path("a/b")), 0700u);
}

TEST_F(DataDirTest, AnEmptyOneIsTaken) {
  MakeDir(Path("empty"), 0755);
  MakeDir(Path("empty/lost+found"), 0700);
  ASSERT_TRUE(DataDir::Take(Path("empty"), clock_));
  EXPECT_EQ(ModeOf(Path("empty")), 0700u);
}

TEST_F(DataDirTest, WhatHoldsOtherFilesIsLeftAsItIs) {
  MakeDir(Path("theirs"), 0755);
  for (const char* name : {"thesis", "lock", "aws"})
    ASSERT_TRUE(io::WriteFile(Path("theirs/") + name, "precious"));
  const std::string refusal = Refusal(Path("theirs"));
  EXPECT_NE(refusal.find(Path("theirs")), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("not Leat's (aws, lock, thesis)"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find(Path("theirs/leat")), std::string::npos) << refusal;
  ASSERT_EQ(symlink(Path("theirs").c_str(), Path("link").c_str()), 0);
  EXPECT_NE(Refusal(Path("link")).find("not Leat's"), std::string::npos);
}

TEST_F(DataDirTest, ADirectoryForAllIsLeftAsItIs) {
  MakeDir(Path("tmp"), 01777);
  EXPECT_NE(Refusal(Path("tmp")).find("all users"), std::string::npos);
}

TEST_F(DataDirTest, AHomeIsLeftAsItIs) {
  MakeDir(Path("home"), 0755);
  const char* before = getenv("HOME");
  const std::string home = before != nullptr ? before : "";
  setenv("HOME", Path("home").c_str(), 1);
  EXPECT_NE(Refusal(Path("home")).find("home directory"), std::string::npos);
  setenv("HOME", home.c_str(), 1);
}

TEST_F(DataDirTest, OursIsTakenAgainWhateverElseIsInIt) {
  Use(Path("ours"));
  ASSERT_TRUE(io::WriteFile(Path("ours/notes"), "x"));
  ASSERT_TRUE(io::Remove(Path("ours/lock")));
  ASSERT_EQ(chmod(Path("ours").c_str(), 0755), 0);
  ASSERT_TRUE(DataDir::Take(Path("ours"), clock_));
  EXPECT_EQ(ModeOf(Path("ours")), 0700u);
}

TEST_F(DataDirTest, OneWhoseFirstStartWasCutOffIsTaken) {
  { ASSERT_TRUE(DataDir::Take(Path("begun"), clock_)); }
  EXPECT_TRUE(DataDir::Take(Path("begun"), clock_));
}

TEST_F(DataDirTest, TheLockHoldsWithoutItsFile) {
  Use(Path("d"));
  const auto first = DataDir::Take(Path("d"), clock_);
  ASSERT_TRUE(first);
  ASSERT_TRUE(io::Remove(Path("d/lock")));
  const auto second = DataDir::Take(Path("d"), clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_NE(second.error().message.find("another Leat is running on " + Path("d")),
            std::string::npos);
}

TEST_F(DataDirTest, TheRefusalNamesTheProcessThatHoldsIt) {
  const auto first = DataDir::Take(Path("d"), clock_);
  ASSERT_TRUE(first);
  const auto second = DataDir::Take(Path("d"), clock_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("(process " + std::to_string(getpid()) + ")"),
            std::string::npos)
      << second.error().message;
}

TEST_F(DataDirTest, WaitsForAnotherThatIsOnItsWayOut) {
  Use(Path("d"));
  const auto held = io::Open(Path("d"), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(held->get(), LOCK_EX), 0);
  FakeClock clock;
  Status taken = Error{Code::kInternal, "not yet"};
  std::jthread waiting([&] {
    const auto second = DataDir::Take(Path("d"), clock);
    taken = second ? Status() : second.error();
  });
  clock.AwaitSleepers(1);
  ASSERT_EQ(flock(held->get(), LOCK_UN), 0);
  clock.Advance(1s);
  waiting.join();
  EXPECT_TRUE(taken);
}

TEST_F(DataDirTest, PodsWithoutTheirDatabaseAreNotTakenForLeftOvers) {
  const auto taken = DataDir::Take(Path("d"), clock_);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->CheckDatabaseIsThere());
  ASSERT_TRUE(io::MakeDirs(taken->File("node/pods/some-uid")));
  for (const bool is_empty : {false, true}) {
    if (is_empty) {
      ASSERT_TRUE(io::WriteFile(taken->File("leat.db"), ""));
    }
    const Status lost = taken->CheckDatabaseIsThere();
    EXPECT_EQ(lost.error().code, Code::kCorrupt);
    EXPECT_NE(lost.error().message.find("restore a backup"), std::string::npos);
  }
  ASSERT_TRUE(io::WriteFile(taken->File("leat.db"), "x"));
  EXPECT_TRUE(taken->CheckDatabaseIsThere());
}

TEST_F(DataDirTest, AnAuthorityOfAnotherTimeIsExplained) {
  auto taken = DataDir::Take(Path("d"), clock_);
  ASSERT_TRUE(taken);
  const auto identity = taken->LoadIdentity(clock_);
  ASSERT_TRUE(identity);
  for (const auto wrong : {-24h, 24h * 3651}) {
    FakeClock clock(clock_.Now() + wrong);
    const auto refused = taken->LoadIdentity(clock);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
    EXPECT_NE(refused.error().message.find("set the clock right"), std::string::npos);
    EXPECT_NE(refused.error().message.find(FormatTime(clock.Now())), std::string::npos);
  }
  const auto again = taken->LoadIdentity(clock_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->authority.certificate_pem, identity->authority.certificate_pem);
  // What the message says to do helps.
  for (const char* file : {"pki/ca.crt", "pki/ca.key", "pki/admin.crt", "pki/admin.key"})
    ASSERT_TRUE(io::Remove(taken->File(file)));
  EXPECT_TRUE(taken->LoadIdentity(clock_));
}

}  // namespace
}  // namespace leat::cli
