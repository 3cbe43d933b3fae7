// Of which version an answer is.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "objectstore/object_store.h"
#include "objectstore/testing/fake_server.h"

namespace leat::objectstore {
namespace {

using namespace std::chrono_literals;

class S3VersionsTest : public ::testing::Test {
 protected:
  S3VersionsTest() {
    server_.Put("k", "bytes");
    options_.endpoint = server_.endpoint();
    options_.retry_for = 0s;
    options_.anonymous = true;
  }
  Result<std::unique_ptr<ObjectStore>> Open() {
    return OpenObjectStore("s3://bucket/data", options_);
  }

  FakeServer server_{FakeServer::Kind::kS3};
  StoreOptions options_;
};

TEST_F(S3VersionsTest, AWeakTagOfUncompressedBytesIsTheSameVersion) {
  const auto store = Open();
  ASSERT_TRUE(store);
  for (const std::string encoding : {"", "identity", "gzip"}) {
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      response.headers.Set("ETag", "W/\"v1\"");
      response.headers.Set("Content-Range", "bytes 0-4/5");
      if (!encoding.empty()) response.headers.Set("Content-Encoding", encoding);
      response.Send(206, "bytes");
      return true;
    });
    const auto got =
        (*store)->Get("k", "v1", 0, 5, [](std::string_view) -> Status { return {}; }, {});
    EXPECT_EQ(static_cast<bool>(got), encoding != "gzip") << encoding;
  }
}

TEST_F(S3VersionsTest, HeadTakesWeakTagsAsGetDoes) {
  const auto store = Open();
  ASSERT_TRUE(store);
  for (const std::string encoding : {"", "identity", "gzip"}) {
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      response.headers.Set("ETag", "W/\"v1\"");
      if (!encoding.empty()) response.headers.Set("Content-Encoding", encoding);
      response.Send(200, "bytes");
      return true;
    });
    const auto head = (*store)->Head("k", {});
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(head->etag, encoding == "gzip" ? "W/v1" : "v1");
  }
}

// A login page behind 200 is neither the object, whatever its tag was listed as, nor a new version.
TEST_F(S3VersionsTest, WhatAnswersWithoutATagIsNotTheObject) {
  const auto take = [](std::string_view) -> Status { return {}; };
  const auto log_in = [](net::ServerRequest&, net::ResponseWriter& response) {
    response.Send(200, "<html>log in</html>");
    return true;
  };
  auto store = Open();
  ASSERT_TRUE(store);
  server_.SetIntercept(log_in);
  for (const std::string etag : {"v1", ""}) {
    const auto got = (*store)->Get("k", etag, 0, 5, take, {});
    ASSERT_FALSE(got) << etag;
    EXPECT_EQ(got.error().code, Code::kCorrupt) << got.error().message;
  }
  const auto head = (*store)->Head("k", {});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, Code::kCorrupt) << head.error().message;

  server_.SetIntercept(nullptr);
  options_.retry_for = 60s;
  store = Open();
  ASSERT_TRUE(store);
  std::atomic<bool> first = true;
  server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    return first.exchange(false) && log_in(request, response);
  });
  const auto again = (*store)->Head("k", {});
  ASSERT_TRUE(again) << again.error().message;
  first = true;
  std::string bytes;
  const auto keep = [&](std::string_view some) -> Status {
    bytes += some;
    return {};
  };
  EXPECT_TRUE((*store)->Get("k", again->etag, 0, again->size, keep, {}));
  EXPECT_EQ(bytes, "bytes");
}

}  // namespace
}  // namespace leat::objectstore
