#include "cli/running_data_nodes.h"

#include <gtest/gtest.h>

namespace leat::cli {
namespace {

TEST(MergeMetrics, SamplesOfAMetricAreTogetherAndSayWhoseTheyAre) {
  const std::string text =
      "# HELP leat_data_a_total What it is.\n# TYPE leat_data_a_total counter\n"
      "leat_data_a_total 1\n"
      "# HELP leat_data_b Other.\n# TYPE leat_data_b gauge\nleat_data_b{source=\"x y\"} 2\n";
  EXPECT_EQ(MergeMetrics({{"/one", text}, {"/t\"wo", text}}),
            "# HELP leat_data_a_total What it is.\n# TYPE leat_data_a_total counter\n"
            "leat_data_a_total{cache=\"/one\"} 1\n"
            "leat_data_a_total{cache=\"/t\\\"wo\"} 1\n"
            "# HELP leat_data_b Other.\n# TYPE leat_data_b gauge\n"
            "leat_data_b{cache=\"/one\",source=\"x y\"} 2\n"
            "leat_data_b{cache=\"/t\\\"wo\",source=\"x y\"} 2\n");
}

}  // namespace
}  // namespace leat::cli
