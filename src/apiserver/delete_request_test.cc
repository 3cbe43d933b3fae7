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

}  // namespace
}  // namespace leat::apiserver
