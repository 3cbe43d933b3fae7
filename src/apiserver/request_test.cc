#include "apiserver/request.h"

#include <gtest/gtest.h>

namespace leat::apiserver {
namespace {

RequestInfo Parse(std::string_view method, std::string_view path, std::string_view query = "") {
  auto info = ParseRequest(method, path, net::Query::Parse(query));
  EXPECT_TRUE(info);
  return info.value_or(RequestInfo{});
}

TEST(RequestTest, NamespacedObjectWithSubresource) {
  const RequestInfo info = Parse("GET", "/api/v1/namespaces/prod/pods/web-0/log");
  EXPECT_TRUE(info.is_resource);
  EXPECT_EQ(info.gvr, (api::Gvr{"", "v1", "pods"}));
  EXPECT_EQ(info.ns, "prod");
  EXPECT_EQ(info.name, "web-0");
  EXPECT_EQ(info.subresource, "log");
  EXPECT_EQ(info.verb, Verb::kGet);
}

TEST(RequestTest, NamespaceIsAnObjectItself) {
  const RequestInfo object = Parse("DELETE", "/api/v1/namespaces/prod");
  EXPECT_EQ(object.gvr.resource, "namespaces");
  EXPECT_EQ(object.name, "prod");
  EXPECT_EQ(object.ns, "");
  const RequestInfo status = Parse("PUT", "/api/v1/namespaces/prod/status");
  EXPECT_EQ(status.gvr.resource, "namespaces");
  EXPECT_EQ(status.subresource, "status");
  const RequestInfo inside = Parse("GET", "/api/v1/namespaces/prod/pods");
  EXPECT_EQ(inside.gvr.resource, "pods");
  EXPECT_EQ(inside.ns, "prod");
}

TEST(RequestTest, VerbsComeFromMethodNameAndQuery) {
  const std::string one = "/apis/example.com/v1/namespaces/a/widgets/w";
  const std::string all = "/apis/example.com/v1/widgets";
  EXPECT_EQ(Parse("GET", all).verb, Verb::kList);
  EXPECT_EQ(Parse("GET", all, "watch=true").verb, Verb::kWatch);
  EXPECT_EQ(Parse("GET", all, "watch=0").verb, Verb::kList);
  EXPECT_EQ(Parse("GET", one, "watch=true").verb, Verb::kGet);
  EXPECT_EQ(Parse("DELETE", all).verb, Verb::kDeleteCollection);
  EXPECT_EQ(Parse("DELETE", one).verb, Verb::kDelete);
  EXPECT_EQ(Parse("PATCH", one).verb, Verb::kPatch);
  EXPECT_FALSE(ParseRequest("BREW", one, {}));
}

TEST(RequestTest, OtherPathsAreNoResources) {
  for (const char* path :
       {"/", "/api", "/api/v1", "/apis/example.com/v1", "/healthz", "/metrics"}) {
    EXPECT_FALSE(Parse("GET", path).is_resource) << path;
  }
  EXPECT_EQ(Parse("GET", "/apis/").path, "/apis");
  EXPECT_FALSE(Parse("GET", "/api/v1/namespaces/a/pods/b/c/d").is_resource);
}

TEST(RequestTest, EncodedSlashStaysInsideItsSegment) {
  const RequestInfo info = Parse("GET", "/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fsecrets");
  EXPECT_EQ(info.ns, "a/b");
  EXPECT_EQ(info.name, "../../secrets");
  EXPECT_EQ(info.gvr.resource, "pods");
}

}  // namespace
}  // namespace leat::apiserver
