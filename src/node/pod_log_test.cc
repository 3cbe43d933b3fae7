#include "node/pod_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "io/file.h"

namespace leat::node {
namespace {

class PodLogTest : public testing::Test {
 protected:
  static std::string Line(int second, const std::string& text, const char* tag = "F") {
    return "2026-11-22T04:10:" + std::string(second < 10 ? "0" : "") + std::to_string(second) +
           ".000000000Z stdout " + tag + " " + text + "\n";
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/" + name, text));
  }
  std::string Read(const api::PodLogOptions& options) {
    std::string text;
    const Status read =
        ReadLog({.log_path = dir_.path() + "/0.log",
                 .options = options,
                 .running = [] { return false; },
                 .sink = [&](std::string_view piece) { return text += piece, true; }},
                {});
    EXPECT_TRUE(read);
    return text;
  }
  io::TempDir dir_;
};

TEST_F(PodLogTest, JoinsPartialLinesAndRotatedFiles) {
  Write("0.log.20261122-041000", Line(1, "one"));
  Write("0.log", Line(2, "tw", "P") + Line(2, "o") + Line(3, "three"));
  EXPECT_EQ(Read({}), "one\ntwo\nthree\n");
  api::PodLogOptions stamped;
  stamped.timestamps = true;
  stamped.since = *ParseTime("2026-11-22T04:10:03Z");
  EXPECT_EQ(Read(stamped), "2026-11-22T04:10:03.000000000Z three\n");
}

TEST_F(PodLogTest, TailCountsAcrossRotatedFiles) {
  Write("0.log.20261122-041000", Line(1, "one") + Line(2, "two"));
  Write("0.log", Line(3, "three") + Line(4, "four"));
  for (const auto& [lines, text] : std::map<int, std::string>{{0, ""},
                                                              {1, "four\n"},
                                                              {2, "three\nfour\n"},
                                                              {3, "two\nthree\nfour\n"},
                                                              {9, "one\ntwo\nthree\nfour\n"}}) {
    api::PodLogOptions options;
    options.tail_lines = lines;
    EXPECT_EQ(Read(options), text) << lines;
  }
}

TEST_F(PodLogTest, LimitCutsInTheMiddle) {
  Write("0.log", Line(1, "one") + Line(2, "two"));
  api::PodLogOptions options;
  options.limit_bytes = 6;
  EXPECT_EQ(Read(options), "one\ntw");
}

TEST_F(PodLogTest, AFollowerSeesEverythingUpToTheEnd) {
  Write("0.log", Line(1, "one"));
  std::atomic<bool> running = true;
  std::string text;
  api::PodLogOptions options;
  options.follow = true;
  std::jthread reader([&] {
    (void)ReadLog({.log_path = dir_.path() + "/0.log",
                   .options = options,
                   .running = [&] { return running.load(); },
                   .sink =
                       [&](std::string_view piece) {
                         text += piece;
                         if (piece == "one\n") {
                           auto log = io::Open(dir_.path() + "/0.log", O_WRONLY | O_APPEND);
                           EXPECT_TRUE(io::WriteAll(log->get(), Line(2, "two")));
                           running = false;
                         }
                         return true;
                       }},
                  {});
  });
  reader.join();
  EXPECT_EQ(text, "one\ntwo\n");
}

TEST_F(PodLogTest, AFollowerThatWasHeldUpMissesNoFileOfARotation) {
  Write("0.log", Line(1, "one"));
  std::atomic<bool> running = true;
  std::string text;
  api::PodLogOptions options;
  options.follow = true;
  const Status read =
      ReadLog({.log_path = dir_.path() + "/0.log",
               .options = options,
               .running = [&] { return running.load(); },
               .sink =
                   [&](std::string_view piece) {
                     text += piece;
                     if (piece != "one\n") return true;
                     // While the reader has not come back, two files are filled and a third is
                     // begun.
                     for (int i = 2; i < 5; ++i) {
                       const std::string aside = "/0.log.20261122-04100" + std::to_string(i);
                       EXPECT_TRUE(io::Rename(dir_.path() + "/0.log", dir_.path() + aside));
                       Write("0.log", Line(i, std::to_string(i)));
                     }
                     running = false;
                     return true;
                   }},
              {});
  EXPECT_TRUE(read);
  EXPECT_EQ(text, "one\n2\n3\n4\n");
}

TEST_F(PodLogTest, AFollowerWhoseFileIsRemovedGoesOnWithTheOldestLeft) {
  Write("0.log", Line(1, "one"));
  std::atomic<bool> running = true;
  std::string text;
  api::PodLogOptions options;
  options.follow = true;
  const Status read = ReadLog({.log_path = dir_.path() + "/0.log",
                               .options = options,
                               .running = [&] { return running.load(); },
                               .sink =
                                   [&](std::string_view piece) {
                                     text += piece;
                                     if (piece != "one\n") return true;
                                     EXPECT_TRUE(io::Remove(dir_.path() + "/0.log"));
                                     Write("0.log.20261122-041002", Line(2, "two"));
                                     Write("0.log", Line(3, "three"));
                                     running = false;
                                     return true;
                                   }},
                              {});
  EXPECT_TRUE(read);
  EXPECT_EQ(text, "one\ntwo\nthree\n");
}

TEST_F(PodLogTest, RefusesWhatIsNotCri) {
  for (const char* bad : {"", "x", "2026-11-22T04:10:00Z stdin F x", "2026-11-22T04:10:00Z stdout"})
    EXPECT_FALSE(ParseLogLine(bad)) << bad;
}

}  // namespace
}  // namespace leat::node
