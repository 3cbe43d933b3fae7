#include "engine/pod_annotations.h"

#include <gtest/gtest.h>

namespace leat::engine {
namespace {

TEST(PodAnnotations, AreReadAsTheDownwardApiWritesThem) {
  const auto annotations = ParseAnnotations(
      "kubernetes.io/config.source=\"api\"\n"
      "leat.dev/exit-code=\"137\"\n"
      "note=\"a \\\"b\\\" = c\\nd\"\n"
      "broken\nalso=broken\n");
  EXPECT_EQ(annotations.at("leat.dev/exit-code"), "137");
  EXPECT_EQ(annotations.at("note"), "a \"b\" = c\nd");
  EXPECT_EQ(annotations.size(), 3u);
  EXPECT_TRUE(ParseAnnotations("").empty());
}

}  // namespace
}  // namespace leat::engine
