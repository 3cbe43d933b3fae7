#include "node/oci_config.h"

#include <gtest/gtest.h>

namespace leat::node {
namespace {

bool HasCapability(const ContainerConfig& container, const std::string& name) {
  const SandboxConfig sandbox;
  const json::Value config = OciConfig({.sandbox = sandbox, .container = container});
  for (const json::Value& one : config["process"]["capabilities"]["bounding"].Items())
    if (one.AsString() == "CAP_" + name) return true;
  return false;
}

TEST(OciConfig, NetRawIsForThePrivilegedOnly) {
  EXPECT_FALSE(HasCapability({}, "NET_RAW"));
  EXPECT_TRUE(HasCapability({}, "NET_BIND_SERVICE"));
  EXPECT_FALSE(HasCapability({.add_capabilities = {"NET_RAW"}}, "NET_RAW"));
  EXPECT_FALSE(HasCapability({.add_capabilities = {"ALL"}}, "NET_RAW"));
  EXPECT_TRUE(HasCapability({.add_capabilities = {"ALL"}}, "SYS_ADMIN"));
  EXPECT_TRUE(HasCapability({.privileged = true}, "NET_RAW"));
  EXPECT_FALSE(HasCapability({.privileged = true, .drop_capabilities = {"NET_RAW"}}, "NET_RAW"));
}

}  // namespace
}  // namespace leat::node
