// The requests and signatures are the worked examples of Amazon's S3 and IAM documentation.
#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include "aws/amz_time.h"
#include "aws/sigv2.h"

namespace leat::aws {
namespace {

const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
const WallTime kDay = *ParseAmzDate("20130524T000000Z");

net::ClientRequest ExampleRequest(const std::string& method, const std::string& path_and_query) {
  net::ClientRequest request;
  request.method = method;
  request.url = *net::Url::Parse("http://examplebucket.s3.amazonaws.com" + path_and_query);
  return request;
}

std::string SignatureOf(net::ClientRequest request, std::string_view payload_hash = kEmptySha256) {
  SignV4(request, {.credentials = kExample,
                   .region = "us-east-1",
                   .service = "s3",
                   .now = kDay,
                   .payload_hash = payload_hash});
  const auto auth = ParseAuthorizationHeader(request.headers);
  return auth ? auth->signature : auth.error().message;
}

TEST(SigV4, SignsARangedGet) {
  net::ClientRequest request = ExampleRequest("GET", "/test.txt");
  request.headers.Set("Range", "bytes=0-9");
  EXPECT_EQ(SignatureOf(request),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, SignsAPutWithADollarInItsKey) {
  net::ClientRequest request = ExampleRequest("PUT", "/test$file.text");
  request.headers.Set("Date", "Fri, 24 May 2013 00:00:00 GMT");
  request.headers.Set("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(
      SignatureOf(request, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, SignsParametersWithoutValuesAndInOrder) {
  EXPECT_EQ(SignatureOf(ExampleRequest("GET", "/?lifecycle")),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(SignatureOf(ExampleRequest("GET", "/?prefix=J&max-keys=2")),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, PresignsAUrl) {
  const std::string query =
      PresignV4("GET", *net::Url::Parse("https://examplebucket.s3.amazonaws.com/test.txt"),
                {.credentials = kExample,
                 .region = "us-east-1",
                 .service = "s3",
                 .now = kDay,
                 .payload_hash = kUnsignedPayload},
                std::chrono::seconds(86400));
  EXPECT_EQ(query,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
            "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
            "X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, SignsForOtherServices) {
  const Scope scope{"20150830", "us-east-1", "iam"};
  const std::string key = SigningKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope);
  const net::Headers headers{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                             {"Host", "iam.amazonaws.com"},
                             {"X-Amz-Date", "20150830T123600Z"}};
  const std::vector<std::string> names{"content-type", "host", "x-amz-date"};
  const std::string canonical =
      CanonicalRequest({.method = "GET",
                        .path = "/",
                        .raw_query = "Action=ListUsers&Version=2010-05-08",
                        .headers = headers,
                        .signed_headers = names,
                        .payload_hash = kEmptySha256},
                       PathRule::kOthers);
  EXPECT_EQ(Signature(key, StringToSign("20150830T123600Z", scope, canonical)),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(SigV4, EncodesPathsOnceForS3AndTwiceForOthers) {
  const net::Headers headers;
  const std::vector<std::string> names;
  const SignedRequest request{.method = "GET",
                              .path = "/a//b%20c/../d+e",
                              .raw_query = "",
                              .headers = headers,
                              .signed_headers = names,
                              .payload_hash = ""};
  EXPECT_TRUE(CanonicalRequest(request, PathRule::kS3).starts_with("GET\n/a//b%20c/../d%2Be\n"));
  EXPECT_TRUE(
      CanonicalRequest(request, PathRule::kOthers).starts_with("GET\n/a//b%2520c/../d%2Be\n"));
}

TEST(SigV4, HeaderValuesAreTrimmedCollapsedAndJoined) {
  const net::Headers headers{{"My-Header", "  a   b "}, {"my-header", "c"}};
  const std::vector<std::string> names{"my-header"};
  const std::string canonical = CanonicalRequest({.method = "GET",
                                                  .path = "/",
                                                  .raw_query = "",
                                                  .headers = headers,
                                                  .signed_headers = names,
                                                  .payload_hash = "h"},
                                                 PathRule::kS3);
  EXPECT_EQ(canonical, "GET\n/\n\nmy-header:a b,c\n\nmy-header\nh");
}

TEST(SigV4, RefusesMalformedAuthorization) {
  for (const char* text :
       {"", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/nonsense, SignedHeaders=host, Signature=c"}) {
    EXPECT_FALSE(ParseAuthorizationHeader(
        net::Headers{{"Authorization", text}, {"X-Amz-Date", "20130524T000000Z"}}))
        << text;
  }
}

TEST(SigV4, PresignedUrlsLiveAtMostAWeek) {
  const std::string base =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20130524%2Fr%2Fs3%2Faws4_request&"
      "X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=x&X-Amz-Expires=";
  EXPECT_TRUE(ParseAuthorizationQuery(net::Query::Parse(base + "604800")));
  EXPECT_FALSE(ParseAuthorizationQuery(net::Query::Parse(base + "604801")));
  EXPECT_FALSE(ParseAuthorizationQuery(net::Query::Parse(base + "-1")));
  EXPECT_FALSE(ParseAuthorizationQuery(net::Query::Parse(base + "soon")));
}

TEST(SigV2, SignsHeaderRequests) {
  const net::Headers get{{"Host", "awsexamplebucket1.us-west-1.s3.amazonaws.com"},
                         {"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}};
  const std::string string_to_sign =
      StringToSignV2("GET", "/awsexamplebucket1/photos/puppy.jpg", {}, get, get.Get("Date"));
  EXPECT_EQ(string_to_sign,
            "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg");
  EXPECT_EQ(SignatureV2(kExample.secret_access_key, string_to_sign),
            "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=");
}

TEST(SigV2, CanonicalFormHoldsAmzHeadersAndSubresources) {
  const net::Headers put{{"Content-MD5", "4gJE4saaMU4BqNR0kLY+lw=="},
                         {"Content-Type", "application/x-download"},
                         {"X-Amz-Meta-B", "two"},
                         {"x-amz-meta-b", "three"},
                         {"x-amz-acl", "private"}};
  EXPECT_EQ(StringToSignV2("PUT", "/b/k", net::Query::Parse("uploadId=7&foo=1&acl&partNumber=2"),
                           put, "1175139620"),
            "PUT\n4gJE4saaMU4BqNR0kLY+lw==\napplication/x-download\n1175139620\n"
            "x-amz-acl:private\nx-amz-meta-b:two,three\n/b/k?acl&partNumber=2&uploadId=7");
}

TEST(AmzTime, ReadsAndWritesHttpDates) {
  EXPECT_EQ(FormatHttpDate(kDay), "Fri, 24 May 2013 00:00:00 GMT");
  EXPECT_EQ(*ParseHttpDate("Fri, 24 May 2013 00:00:00 GMT"), kDay);
  EXPECT_FALSE(ParseHttpDate("2013-05-24"));
  EXPECT_FALSE(ParseHttpDate("Fri, 31 Feb 2013 00:00:00 GMT"));
  EXPECT_FALSE(ParseAmzDate("20130524T000000"));
  EXPECT_FALSE(ParseAmzDate("99990101T000000Z"));
  EXPECT_EQ(FormatXmlTime(1369353600042), "2013-05-24T00:00:00.042Z");
}

}  // namespace
}  // namespace leat::aws
