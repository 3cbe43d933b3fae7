#include "datanode/object_version.h"

#include <gtest/gtest.h>

#include <string>

namespace leat::datanode {
namespace {

using objectstore::ObjectStore;

constexpr const char* kMinio = "http://minio:9000";

// Nothing is asked of it.
std::shared_ptr<ObjectStore> Store(const std::string& url, const std::string& endpoint = kMinio) {
  auto store = objectstore::OpenObjectStore(
      url, {.endpoint = endpoint, .anonymous = true, .environment = {{}}, .look = false});
  EXPECT_TRUE(store) << store.error().message;
  return std::move(*store);
}

blocks::ObjectId Id(const std::shared_ptr<ObjectStore>& store, const std::string& key,
                    const std::string& etag = "v1", uint64_t size = 7) {
  return VersionIn(store, key, etag, size).id;
}

TEST(ObjectVersionTest, IsOneThroughWhateverPrefixTheObjectIsSeen) {
  const auto id = Id(Store("s3://b/p/q"), "x");
  EXPECT_EQ(Id(Store("s3://b"), "p/q/x"), id);
  EXPECT_EQ(Id(Store("s3://b/p"), "q/x"), id);
  EXPECT_NE(Id(Store("s3://b/p"), "x"), id);
  EXPECT_NE(Id(Store("s3://bp"), "q/x"), id);
  EXPECT_NE(Id(Store("gs://b/p/q"), "x"), id);
}

TEST(ObjectVersionTest, OtherVersionsAndEndpointsHaveOtherIds) {
  const auto id = Id(Store("s3://b"), "x");
  EXPECT_EQ(Id(Store("s3://b"), "x"), id);
  EXPECT_NE(Id(Store("s3://b"), "x", "v2"), id);
  EXPECT_NE(Id(Store("s3://b"), "x", "v1", 8), id);
  EXPECT_NE(Id(Store("s3://b", "http://minio:9001"), "x"), id);
  const auto amazon = Id(Store("s3://b", "https://s3.eu-west-1.amazonaws.com"), "x");
  EXPECT_NE(amazon, id);
  EXPECT_EQ(Id(Store("s3://b", "https://s3.us-east-1.amazonaws.com"), "x"), amazon);
}

TEST(ObjectVersionTest, WebPagesAreTheirUrls) {
  const auto id = Id(Store("https://h/tree/"), "a b/x");
  EXPECT_EQ(Id(Store("https://h/tree/a%20b/"), "x"), id);
  EXPECT_NE(Id(Store("https://h/tree/"), "a%20b/x"), id) << "a name with a percent sign in it";
}

TEST(ObjectVersionTest, KeyIsTheOneInTheStoreThatIsAsked) {
  const auto bucket = Store("s3://b"), prefix = Store("s3://b/p"), other = Store("s3://b/other");
  EXPECT_EQ(KeyIn(*bucket, VersionIn(prefix, "q/x", "v1", 7)), "p/q/x");
  EXPECT_EQ(KeyIn(*prefix, VersionIn(bucket, "p/q/x", "v1", 7)), "q/x");
  EXPECT_EQ(KeyIn(*prefix, VersionIn(prefix, "q/x", "v1", 7)), "q/x");
  EXPECT_EQ(KeyIn(*prefix, VersionIn(bucket, "pq/x", "v1", 7)), std::nullopt);
  EXPECT_EQ(KeyIn(*other, VersionIn(bucket, "p/q/x", "v1", 7)), std::nullopt);
  EXPECT_EQ(KeyIn(*Store("s3://b/p", "http://minio:9001"), VersionIn(bucket, "p/x", "v1", 7)),
            std::nullopt);
  const auto web = Store("https://h/tree/a%20b/");
  EXPECT_EQ(KeyIn(*web, VersionIn(Store("https://h/tree/"), "a b/x y", "v1", 7)), "x y");
}

}  // namespace
}  // namespace leat::datanode
