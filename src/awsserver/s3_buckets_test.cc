#include "awsserver/testing/endpoint_fixture.h"

namespace leat::awsserver {
namespace {

class S3Buckets : public EndpointTest {};

TEST_F(S3Buckets, AreMadeListedAndRemoved) {
  EXPECT_EQ(Put("/one", "").headers.Get("Location"), "/one");
  EXPECT_EQ(Put("/two", "").status, 200);
  const HttpAnswer list = Get("/");
  EXPECT_NE(list.body.find("<Name>one</Name>"), std::string::npos);
  EXPECT_NE(list.body.find("<CreationDate>2020-09-13T12:26:40.000Z</CreationDate>"),
            std::string::npos);
  EXPECT_EQ(S3({.method = "HEAD", .target = "/one"}).status, 200);
  EXPECT_EQ(S3({.method = "HEAD", .target = "/one"}).headers.Get("x-amz-bucket-region"),
            "us-east-1");
  EXPECT_EQ(S3({.method = "DELETE", .target = "/one"}).status, 204);
  EXPECT_EQ(S3({.method = "HEAD", .target = "/one"}).status, 404);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/one"}).Code(), "NoSuchBucket");
}

TEST_F(S3Buckets, ASecondOfTheSameNameIsRefused) {
  Put("/one", "");
  const HttpAnswer again = Put("/one", "");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.Code(), "BucketAlreadyOwnedByYou");
}

TEST_F(S3Buckets, WithObjectsStay) {
  Put("/one", "");
  Put("/one/a", "x");
  EXPECT_EQ(S3({.method = "DELETE", .target = "/one"}).Code(), "BucketNotEmpty");
  S3({.method = "DELETE", .target = "/one/a"});
  EXPECT_EQ(S3({.method = "DELETE", .target = "/one"}).status, 204);
}

TEST_F(S3Buckets, NamesFollowTheRules) {
  for (const char* name : {"ab", "UPPER", "under_score", "-dash", "dash-", "a..b", "192.168.0.1",
                           "xn--a", "sp%20ace"}) {
    EXPECT_EQ(Put(std::string("/") + name, "").Code(), "InvalidBucketName") << name;
  }
  for (const char* name : {"abc", "a.b-c", "0123"}) {
    EXPECT_EQ(Put(std::string("/") + name, "").status, 200) << name;
  }
}

TEST_F(S3Buckets, KnowTheirRegionAndThatTheyWereNeverVersioned) {
  Put("/east", "");
  Put("/west",
      "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
      "</CreateBucketConfiguration>");
  EXPECT_EQ(Get("/east?location").Xml("LocationConstraint"), "");
  EXPECT_NE(Get("/west?location").body.find(">eu-west-1</LocationConstraint>"), std::string::npos);
  const HttpAnswer versioning = Get("/east?versioning");
  EXPECT_EQ(versioning.status, 200);
  EXPECT_EQ(versioning.body.find("Status"), std::string::npos);
  EXPECT_EQ(Put("/bad", "<Create").Code(), "MalformedXML");
  EXPECT_EQ(Get("/none?location").Code(), "NoSuchBucket");
}

}  // namespace
}  // namespace leat::awsserver
