#include "api/log_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace leat::api {
namespace {

using Lines = std::vector<std::string>;

// The lines of a log in pieces; End is called after the last.
Lines LinesOf(const std::vector<std::string>& pieces, size_t wanted = 1000) {
  Lines lines;
  LogLines log([&](std::string_view line) {
    lines.emplace_back(line);
    return lines.size() < wanted;
  });
  for (const std::string& piece : pieces)
    if (!log.Add(piece)) return lines;
  log.End();
  return lines;
}

TEST(LogLines, PiecesAreJoinedAndSplitAtNewlines) {
  EXPECT_EQ(LinesOf({"one\ntwo\n"}), (Lines{"one", "two"}));
  EXPECT_EQ(LinesOf({"o", "n", "e\nt", "wo\n\nth", "ree"}), (Lines{"one", "two", "", "three"}));
  EXPECT_EQ(LinesOf({}), Lines());
}

TEST(LogLines, ALineIsCutAtItsBoundAndTheNextOneIsWhole) {
  const std::string block(100 << 10, 'x');
  const Lines lines = LinesOf({block, block, block + "\nnext\n" + block + block + block + "\nend"});
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].size(), kMaxLogLine);
  EXPECT_EQ(lines[1], "next");
  EXPECT_EQ(lines[2].size(), kMaxLogLine);
  EXPECT_EQ(lines[3], "end");
}

TEST(LogLines, StopsWhenItsReaderHasEnough) {
  EXPECT_EQ(LinesOf({"one\ntwo\nthree\n"}, 2), (Lines{"one", "two"}));
}

}  // namespace
}  // namespace leat::api
