#include "node/log_rotation.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/file.h"

namespace leat::node {
namespace {

class LogRotationTest : public testing::Test {
 protected:
  void Advance() { ASSERT_TRUE(AdvanceLog(log_, clock_.Now())); }
  void Write(const std::string& text) {
    auto file = io::Open(log_, O_WRONLY | O_APPEND);
    ASSERT_TRUE(file);
    ASSERT_TRUE(io::WriteAll(file->get(), text));
  }
  // As conmon does it, when a line would not fit.
  void BeginNextFile() {
    ASSERT_TRUE(io::Open(log_ + ".tmp", O_WRONLY | O_TRUNC | O_CREAT));
    ASSERT_TRUE(io::Rename(log_ + ".tmp", log_));
  }
  std::string Text() const {
    std::string text;
    for (const io::UniqueFd& file : OpenLogFiles(log_)) text += *io::ReadFd(file.get());
    return text;
  }

  io::TempDir dir_;
  const std::string log_ = dir_.path() + "/0.log";
  FakeClock clock_;
};

TEST_F(LogRotationTest, WhatTheNextFileReplacesIsKept) {
  Advance();
  for (const char* text : {"a", "b", "c"}) {
    Write(text);
    BeginNextFile();
    Advance();
  }
  EXPECT_EQ(Text(), "abc");
}

TEST_F(LogRotationTest, AFileThatIsTooLargeIsReplacedOnlyOnceItIsSureToBeKept) {
  ASSERT_TRUE(io::WriteFile(log_, std::string(kLogFileSize + 1, 'x')));
  EXPECT_FALSE(MayBeginNextFile(log_));
  Advance();
  EXPECT_TRUE(MayBeginNextFile(log_));
  BeginNextFile();
  EXPECT_EQ(Text().size(), kLogFileSize + 1);
  EXPECT_FALSE(MayBeginNextFile(log_));
}

TEST_F(LogRotationTest, OneFileMoreMayPassUnnoticed) {
  Advance();
  for (const char* text : {"a", "b"}) {
    Write(text);
    BeginNextFile();
  }
  Write("c");
  EXPECT_EQ(Text(), "abc");
  Advance();
  EXPECT_EQ(Text(), "abc");
}

TEST_F(LogRotationTest, TheNewestFileIsThereHoweverManyPassUnnoticed) {
  Advance();
  for (const char* text : {"a", "b", "c", "d"}) {
    Write(text);
    BeginNextFile();
  }
  Write("e");
  Advance();
  EXPECT_EQ(Text(), "abe");
  BeginNextFile();
  Write("f");
  EXPECT_EQ(Text(), "abef");
}

TEST_F(LogRotationTest, KeepsFourOldFilesAlsoWhenTheClockGoesBack) {
  Advance();
  for (char text = 'a'; text < 'j'; ++text) {
    Write(std::string(1, text));
    BeginNextFile();
    if (text == 'e') clock_.Advance(-std::chrono::hours(1));
    Advance();
  }
  Write("j");
  EXPECT_EQ(Text(), "fghij");
  EXPECT_EQ(OpenLogFiles(log_).size(), kOldLogFiles + 1);
}

TEST_F(LogRotationTest, NamesDoNotGrowWhileTheClockIsBehind) {
  Advance();
  Write("first");
  BeginNextFile();
  Advance();
  clock_.Advance(-std::chrono::hours(24));
  for (int file = 0; file < 300; ++file) {
    Write(std::to_string(file) + " ");
    BeginNextFile();
    Advance();
  }
  EXPECT_EQ(Text(), "296 297 298 299 ");
  const auto names = io::ListDir(dir_.path());
  for (const std::string& name : *names) EXPECT_LT(name.size(), 40u) << name;
}

TEST_F(LogRotationTest, OtherLogsBesideItAreNotTouched) {
  const std::string other = dir_.path() + "/10.log";
  ASSERT_TRUE(io::WriteFile(other, "ten"));
  Advance();
  Write("zero");
  ASSERT_TRUE(RemoveLog(log_));
  EXPECT_EQ(*io::ListDir(dir_.path()), std::vector<std::string>{"10.log"});
}

TEST_F(LogRotationTest, AFollowedLogIsReadyForItsNextFileSoonAfterEach) {
  LogRotation rotation(clock_);
  rotation.Begin(log_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (const char* text : {"a", "b", "c", "d"}) {
    Write(text);
    BeginNextFile();
    while (!io::Exists(log_ + ".tmp") && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }
  EXPECT_EQ(Text(), "abcd");
}

}  // namespace
}  // namespace leat::node
