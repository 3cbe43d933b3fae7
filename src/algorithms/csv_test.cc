#include "algorithms/csv.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leat::algorithms {
namespace {

struct Parsed {
  bool ok = false;
  RowBlock block;
  RowError wrong;
};

Parsed Parse(std::string_view text, const CsvLayout& layout = {}) {
  Parsed parsed;
  parsed.ok = ParseCsv(text, layout, CountCsvFields(text), parsed.block, parsed.wrong);
  return parsed;
}

TEST(Csv, TakesTheLabelFromTheFirstColumn) {
  const Parsed parsed = Parse("1,0.5,2e1\n0,-3,4\n");
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.rows, 2u);
  EXPECT_EQ(parsed.block.column_count, 2u);
  EXPECT_EQ(parsed.block.labels, (std::vector<float>{1, 0}));
  EXPECT_EQ(parsed.block.values, (std::vector<float>{0.5, 20, -3, 4}));
  EXPECT_EQ(parsed.block.entries, 4u);
  EXPECT_TRUE(parsed.block.weights.empty());
}

TEST(Csv, TakesTheWeightFromTheSecondColumnWhenAsked) {
  const Parsed parsed = Parse("1,0.5,2\n0,2,4\n", {.weight = true});
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.weights, (std::vector<float>{0.5, 2}));
  EXPECT_EQ(parsed.block.values, (std::vector<float>{2, 4}));
}

TEST(Csv, TakesAllColumnsAsFeaturesWithoutALabel) {
  const Parsed parsed = Parse("1\n2\n", {.label = false});
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.values, (std::vector<float>{1, 2}));
  EXPECT_TRUE(parsed.block.labels.empty());
}

TEST(Csv, AWeightWithoutALabelIsTheFirstColumn) {
  const Parsed parsed = Parse("0.5,2\n2,4\n", {.label = false, .weight = true});
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.weights, (std::vector<float>{0.5, 2}));
  EXPECT_EQ(parsed.block.values, (std::vector<float>{2, 4}));
  EXPECT_TRUE(parsed.block.labels.empty());
}

TEST(Csv, SkipsBlankLinesAndTakesCrLfAndAMissingLastNewline) {
  const Parsed parsed = Parse("\n1,2\r\n\r\n   \n3,4");
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.labels, (std::vector<float>{1, 3}));
  EXPECT_EQ(parsed.block.values, (std::vector<float>{2, 4}));
}

TEST(Csv, AnEmptyFieldIsAMissingValue) {
  const Parsed parsed = Parse("1,,2\n1,nan,\n");
  ASSERT_TRUE(parsed.ok);
  ASSERT_EQ(parsed.block.values.size(), 4u);
  EXPECT_TRUE(std::isnan(parsed.block.values[0]));
  EXPECT_TRUE(std::isnan(parsed.block.values[2]));
  EXPECT_TRUE(std::isnan(parsed.block.values[3]));
  EXPECT_EQ(parsed.block.entries, 1u);
}

TEST(Csv, BlanksAroundFieldsAndLeadingPlusAreFine) {
  const Parsed parsed = Parse(" 1 , +2 ,\t3\n");
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.block.values, (std::vector<float>{2, 3}));
}

struct BadCsv {
  const char* text;
  uint64_t line;
  const char* message;
};

class CsvRefuses : public testing::TestWithParam<BadCsv> {};

TEST_P(CsvRefuses, NamingTheLineAndTheReason) {
  const Parsed parsed = Parse(GetParam().text);
  EXPECT_FALSE(parsed.ok);
  EXPECT_EQ(parsed.wrong.line, GetParam().line);
  EXPECT_NE(parsed.wrong.message.find(GetParam().message), std::string::npos)
      << parsed.wrong.message;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CsvRefuses,
    testing::Values(BadCsv{"1,2,3\n1,2\n", 1, "the row has 2 fields and the first row has 3"},
                    BadCsv{"1,2,3\n\n1,2,3,4\n", 2, "the row has 4 fields"},
                    BadCsv{"1,2,3\n1,2,3,\n", 1, "the row has 4 fields"},
                    BadCsv{"1,2\n1;2\n", 1, "field 1: '1;2' is not a number"},
                    BadCsv{"1,2\n ,2\n", 1, "the label is empty"},
                    BadCsv{"1,2\nnan,2\n", 1, "the label is empty"},
                    BadCsv{"label,x\n1,2\n", 0, "field 1: 'label' is not a number"},
                    BadCsv{"1,\"2\"\n", 0, "is quoted"},
                    BadCsv{"1,0x10\n", 0, "field 2: '0x10' is not a number"},
                    BadCsv{"1,1e999\n", 0, "field 2: '1e999' is not a finite"},
                    BadCsv{"1,inf\n", 0, "is not a finite"},
                    BadCsv{"1,\x01\xff\n", 0, "'\\x01\\xff'"}, BadCsv{"1\n2\n", 0, "no features"}));

TEST(Csv, ALabelOutsideTheRuleIsRefusedWithTheRuleInWords) {
  const LabelRule rule{.min = 0, .max = 9, .whole = true, .reason = "num_class is 10"};
  const Parsed parsed = Parse("9,1\n10,1\n", {.label_rule = rule});
  EXPECT_FALSE(parsed.ok);
  EXPECT_EQ(parsed.wrong.line, 1u);
  EXPECT_EQ(parsed.wrong.message, "label 10 is not a whole number from 0 to 9 (num_class is 10)");
  EXPECT_FALSE(Parse("1.5,1\n", {.label_rule = rule}).ok);
  EXPECT_FALSE(Parse("-1,1\n", {.label_rule = rule}).ok);
}

TEST(Csv, ANegativeWeightIsRefused) {
  const Parsed parsed = Parse("1,-1,2\n", {.weight = true});
  EXPECT_FALSE(parsed.ok);
  EXPECT_EQ(parsed.wrong.message, "weight -1.0 is negative");
}

}  // namespace
}  // namespace leat::algorithms
