#include "algorithms/libsvm.h"

#include <gtest/gtest.h>

namespace leat::algorithms {
namespace {

TEST(Libsvm, ReadsSparseRows) {
  RowBlock block;
  RowError wrong;
  ASSERT_TRUE(ParseLibsvm("1 0:0.5 3:2\r\n\n0 # nothing\n# comment\n-1 2:1e1", {}, block, wrong));
  EXPECT_EQ(block.rows, 3u);
  EXPECT_EQ(block.labels, (std::vector<float>{1, 0, -1}));
  EXPECT_EQ(block.row_starts, (std::vector<uint64_t>{0, 2, 2, 3}));
  EXPECT_EQ(block.columns, (std::vector<uint32_t>{0, 3, 2}));
  EXPECT_EQ(block.values, (std::vector<float>{0.5, 2, 10}));
  EXPECT_EQ(block.column_count, 4u);
}

TEST(Libsvm, ReadsWeightsAndGroups) {
  RowBlock block;
  RowError wrong;
  ASSERT_TRUE(ParseLibsvm("1:0.5 qid:3 0:1\n0:2 qid:4 0:2\n", {}, block, wrong));
  EXPECT_EQ(block.weights, (std::vector<float>{0.5, 2}));
  EXPECT_EQ(block.groups, (std::vector<uint32_t>{3, 4}));
}

TEST(Libsvm, PutsColumnsInOrder) {
  RowBlock block;
  RowError wrong;
  ASSERT_TRUE(ParseLibsvm("1 5:5 2:2 9:9\n", {}, block, wrong));
  EXPECT_EQ(block.columns, (std::vector<uint32_t>{2, 5, 9}));
  EXPECT_EQ(block.values, (std::vector<float>{2, 5, 9}));
}

struct BadLibsvm {
  const char* text;
  uint64_t line;
  const char* message;
};

class LibsvmRefuses : public testing::TestWithParam<BadLibsvm> {};

TEST_P(LibsvmRefuses, NamingTheLineAndTheReason) {
  RowBlock block;
  RowError wrong;
  EXPECT_FALSE(ParseLibsvm(GetParam().text, {.min = -1}, block, wrong));
  EXPECT_EQ(wrong.line, GetParam().line);
  EXPECT_NE(wrong.message.find(GetParam().message), std::string::npos) << wrong.message;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LibsvmRefuses,
    testing::Values(BadLibsvm{"1 1:1\n0 1:\n", 1, "'1:' is not column:value"},
                    BadLibsvm{"1 :1\n", 0, "':1' is not column:value"},
                    BadLibsvm{"1 1\n", 0, "'1' is not column:value"},
                    BadLibsvm{"1 -1:1\n", 0, "'-1:1' is not column:value"},
                    BadLibsvm{"1 1:1:1\n", 0, "'1:1:1' is not column:value"},
                    BadLibsvm{"1 99999999999:1\n", 0, "is not column:value"},
                    BadLibsvm{"1 4294967295:1\n", 0, "column 4294967295 is too large"},
                    BadLibsvm{"1 1:1 1:2\n", 0, "column 1 is given twice"},
                    BadLibsvm{"1,2,3\n", 0, "the label '1,2,3' is not a number"},
                    BadLibsvm{"1:x 1:1\n", 0, "the weight in '1:x'"},
                    BadLibsvm{"1 1:1\n1:1 1:1\n", 1, "an earlier row has none"},
                    BadLibsvm{"1 qid:1 1:1\n1 1:1\n", 1, "has no qid"},
                    BadLibsvm{"-2 1:1\n", 0, "label -2 is not a number of at least -1"}));

}  // namespace
}  // namespace leat::algorithms
