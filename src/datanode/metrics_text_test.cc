#include "datanode/metrics_text.h"

#include <gtest/gtest.h>

namespace leat::datanode {
namespace {

TEST(MetricsTextTest, LabelsAreEscaped) {
  EXPECT_EQ(LabelText("/mnt/a b"), "/mnt/a b");
  EXPECT_EQ(LabelText("a\"b\\c\nd"), R"(a\"b\\c\nd)");
  EXPECT_EQ(LabelText("Bücher"), "Bücher");
  EXPECT_EQ(LabelText("a\xff\xfe"), R"(a\\377\\376)");
}

}  // namespace
}  // namespace leat::datanode
