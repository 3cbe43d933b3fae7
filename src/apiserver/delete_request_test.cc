// DELETE requests that are refused because they would do more than was meant.
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using DeleteRequestTest = HttpApiTest;

TEST_F(DeleteRequestTest, OptionsOfAWrongTypeAreRefusedAndDeleteNothing) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  const std::string path = "/api/v1/namespaces/default/pods/web";
  for (const auto& [body, member] :
       {std::pair(R"({"gracePeriodSeconds":"30"})", "gracePeriodSeconds"),
        std::pair(R"({"gracePeriodSeconds":1.5})", "gracePeriodSeconds"),
        std::pair(R"({"preconditions":{"uid":5}})", "preconditions.uid"),
        std::pair(R"({"preconditions":{"resourceVersion":5}})", "preconditions.resourceVersion"),
        std::pair(R"({"preconditions":"x"})", "preconditions"),
        std::pair(R"({"orphanDependents":"true"})", "orphanDependents"),
        std::pair(R"({"propagationPolicy":1})", "propagationPolicy"),
        std::pair(R"({"dryRun":"All"})", "dryRun"), std::pair(R"({"dryRun":[1]})", "dryRun"),
        std::pair(R"(["gracePeriodSeconds"])", "DeleteOptions")}) {
    const HttpAnswer refused = Send("DELETE", path, body);
    EXPECT_EQ(refused.status, 400) << body << refused.body;
    EXPECT_TRUE(refused.Message().starts_with(std::string(member) + ": Invalid value: "))
        << refused.Message();
  }
  EXPECT_FALSE(Send("GET", path).json["metadata"].Has("deletionTimestamp"));
}

TEST_F(DeleteRequestTest, ACollectionIsDeletedInOneNamespaceOnly) {
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1")));
  EXPECT_EQ(Send("DELETE", "/api/v1/configmaps").status, 405);
  EXPECT_EQ(Send("DELETE", "/api/v1/namespaces").status, 405);
  EXPECT_TRUE(client().Get(api::gvr::kConfigMaps, {"default", "a"}));
  EXPECT_EQ(Send("DELETE", "/api/v1/namespaces/default/configmaps").status, 200);
  EXPECT_FALSE(client().Get(api::gvr::kConfigMaps, {"default", "a"}));
  EXPECT_EQ(Send("DELETE", "/api/v1/nodes").status, 200);
}

TEST_F(DeleteRequestTest, AnAbsurdGracePeriodIsALongOne) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  const HttpAnswer marked = Send("DELETE", "/api/v1/namespaces/default/pods/web",
                                 R"({"gracePeriodSeconds":9223372036854775807})");
  EXPECT_EQ(marked.json["metadata"]["deletionGracePeriodSeconds"].AsInt(), 2147483647);
  EXPECT_EQ(marked.json["metadata"]["deletionTimestamp"].AsString(),
            FormatTime(clock_.Now() + std::chrono::seconds(2147483647)));
}

}  // namespace
}  // namespace leat::apiserver
