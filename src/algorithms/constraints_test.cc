#include "algorithms/constraints.h"

#include <gtest/gtest.h>

namespace leat::algorithms {
namespace {

TEST(MonotoneConstraints, AreReadInThePythonFormsOfATuple) {
  for (const char* text : {"(1,0,-1)", "[1, 0, -1]", " ( 1 ,0,-1,) "}) {
    Constraints read;
    ASSERT_TRUE(ReadMonotone(text, read)) << text;
    EXPECT_EQ(read.monotone, "(1,0,-1)");
    EXPECT_EQ(read.monotone_features, 3u);
  }
}

TEST(MonotoneConstraints, OfOtherNumbersAreRefused) {
  for (const char* text : {"(1,5,0,0)", "(-2)", "(0.5)", "(1,,0)", "()", "(,)", "1", "(1,0", "1,0)",
                           "(a)", "(1,0,-1]", ""}) {
    Constraints read;
    const auto done = ReadMonotone(text, read);
    ASSERT_FALSE(done) << text;
    EXPECT_NE(done.error().message.find("one of -1, 0 and 1 for each feature"), std::string::npos);
  }
}

TEST(InteractionConstraints, AreListsOfFeatures) {
  Constraints read;
  ASSERT_TRUE(ReadInteraction("[[0, 1], [2]]", read));
  EXPECT_EQ(read.interaction, "[[0,1],[2]]");
  EXPECT_EQ(read.interaction_features, 3u);
  for (const char* text : {"both", "[]", "[[]]", "[0]", "[[-1]]", "[[0.5]]", "[[\"a\"]]",
                           "[[0,1],[2]", "[[99999999999]]", "{\"a\": [1]}"})
    EXPECT_FALSE(ReadInteraction(text, read)) << text;
}

TEST(Constraints, MustFitTheDataColumns) {
  Constraints read;
  EXPECT_TRUE(CheckColumns(read, 3));
  ASSERT_TRUE(ReadMonotone("(1,0)", read));
  EXPECT_TRUE(CheckColumns(read, 2));
  EXPECT_EQ(CheckColumns(read, 3).error().message,
            "Hyperparameter monotone_constraints: (1,0) is for 2 feature columns, and channel "
            "train has 3; give one of -1, 0 and 1 for each");
  EXPECT_FALSE(CheckColumns(read, 1));
  ASSERT_TRUE(ReadInteraction("[[0],[2]]", read));
  EXPECT_EQ(CheckColumns(read, 2).error().message,
            "Hyperparameter interaction_constraints: [[0],[2]] names feature 2, and channel train "
            "has 2 feature columns; features count from 0");
}

}  // namespace
}  // namespace leat::algorithms
