// What is asked and not done is refused, and touches nothing.
#include "awsserver/s3_known_headers.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

class S3Refusals : public EndpointTest {
 protected:
  S3Refusals() {
    Put("/bucket", "");
    Put("/bucket/k", "original");
  }
  HttpAnswer Ask(const std::string& method, const std::string& target, net::Headers headers = {}) {
    return S3({.method = method, .target = target, .headers = std::move(headers)});
  }
  std::string Body() { return Get("/bucket/k").body; }
};

TEST_F(S3Refusals, AnUnknownSubresourceIsNoPlainOperation) {
  for (const char* query : {"annotation&annotationName=n", "of-tomorrow", "encryption", "abac"}) {
    for (const char* method : {"GET", "PUT", "DELETE"}) {
      const HttpAnswer answer = Ask(method, std::string("/bucket/k?") + query);
      EXPECT_EQ(answer.status, 501) << method << " " << query;
    }
    EXPECT_EQ(Ask("GET", std::string("/bucket?") + query).status, 501) << query;
    EXPECT_EQ(Ask("DELETE", std::string("/bucket?") + query).status, 501) << query;
  }
  EXPECT_EQ(Ask("POST", "/bucket/k?annotation").status, 501);
  EXPECT_EQ(Ask("POST", "/bucket/k?of-tomorrow").status, 405);
  EXPECT_EQ(Ask("PUT", "/bucket/k?of-tomorrow=1").status, 501);
  EXPECT_EQ(Ask("PUT", "/bucket/k?partNumber=1").status, 501);
  EXPECT_EQ(Ask("DELETE", "/bucket/k?versionId=null&of-tomorrow").status, 501);
  EXPECT_EQ(Body(), "original");
}

TEST_F(S3Refusals, HeadersOfSdksThatAskForNothingArePassedOver) {
  // The SDK of C++; that of Java, with the checksums of the body that a read does not have.
  for (const auto& [name, value] :
       Fields{{"x-amz-api-version", "2006-03-01"},
              {"x-amz-te", "append-md5"},
              {"x-amz-checksum-crc32", "AAAAAA=="},
              {"x-amz-checksum-crc64nvme", "AAAAAAAAAAA="},
              {"x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}})
    for (const char* method : {"GET", "HEAD", "DELETE"}) {
      const int status = Ask(method, "/bucket/k", {{name, value}}).status;
      EXPECT_EQ(status, std::string_view(method) == "DELETE" ? 204 : 200) << method << name;
      Put("/bucket/k", "original");
    }
  EXPECT_EQ(Get("/bucket/k", {{"x-amz-checksum-crc32", "AAAAAQ=="}}).status, 400);
  EXPECT_EQ(Get("/bucket/k", {{"x-amz-api-version", "2027-01-01"}}).status, 501);
  // minio-go, and s3fs when it renames what is large.
  EXPECT_EQ(Put("/bucket/k", "original", {{"x-amz-checksum-algorithm", "CRC32C"}}).status, 200);
  EXPECT_EQ(Put("/bucket/k", "other", {{"x-amz-checksum-algorithm", "MD5"}}).status, 400);
  EXPECT_EQ(Ask("POST", "/bucket/k?uploads", {{"x-amz-metadata-directive", "REPLACE"}}).status,
            200);
  EXPECT_EQ(Ask("POST", "/bucket/k?uploads", {{"x-amz-metadata-directive", "COPY"}}).status, 501);
  EXPECT_EQ(Body(), "original");
}

TEST_F(S3Refusals, AReadMayHaveParametersThatMeanNothing) {
  for (const char* query : {"v=1", "x-id=GetObject", "response-expires=", "versionId=null"}) {
    EXPECT_EQ(Get(std::string("/bucket/k?") + query).body, "original") << query;
  }
  EXPECT_EQ(Get("/bucket?prefix=&marker=&delimiter=&max-keys=5").status, 200);
  EXPECT_EQ(Get("/bucket?list-type=2&continuation-token=&v=1").Code(), "InvalidArgument");
  EXPECT_EQ(Get("/bucket?list-type=2", {{"x-amz-optional-object-attributes", "RestoreStatus"}})
                .Xml("Key"),
            "k");
  EXPECT_EQ(Ask("DELETE", "/bucket/k?x-id=DeleteObject").status, 204);
}

TEST_F(S3Refusals, HeadersAreObeyedOrRefused) {
  for (const auto& [name, value] : Fields{{"x-amz-of-tomorrow", "1"},
                                          {"x-amz-acl", "authenticated-read"},
                                          {"x-amz-grant-read", "id=1"},
                                          {"x-amz-tagging", "a=b"},
                                          {"x-amz-object-lock-mode", "GOVERNANCE"},
                                          {"x-amz-server-side-encryption", "AES256"},
                                          {"x-amz-website-redirect-location", "/"},
                                          {"If-Modified-Since", "x"}}) {
    EXPECT_EQ(Put("/bucket/k", "other", {{name, value}}).status, 501) << name;
  }
  EXPECT_EQ(Put("/bucket/k", "original", {{"x-amz-acl", "private"}}).status, 200);
  EXPECT_EQ(Put("/bucket/k", "original", {{"x-amz-storage-class", "STANDARD_IA"}}).status, 200);
  EXPECT_EQ(Put("/bucket/k", "other", {{"x-amz-storage-class", "COLD"}}).Code(),
            "InvalidStorageClass");
  for (const char* name :
       {"x-amz-server-side-encryption-customer-key", "x-amz-server-side-encryption"}) {
    EXPECT_EQ(Get("/bucket/k", {{name, "secret"}}).Code(), "InvalidRequest");
  }
  const HttpAnswer key =
      Put("/bucket/k", "x", {{"x-amz-server-side-encryption-customer-key", "secret"}});
  EXPECT_EQ(key.status, 501);
  EXPECT_EQ(key.body.find("secret"), std::string::npos);
  EXPECT_EQ(Body(), "original");
}

TEST_F(S3Refusals, APieceDoesNotTakeThePlaceOfTheWhole) {
  EXPECT_EQ(Put("/bucket/k", "ZZ", {{"Content-Range", "bytes 4-5/10"}}).Code(), "NotImplemented");
  EXPECT_EQ(Body(), "original");
}

TEST_F(S3Refusals, BucketsAreMadeAsAskedOrNotAtAll) {
  EXPECT_EQ(Put("/torn", "", {{"x-amz-checksum-crc32", "BBBBBB=="}}).Code(), "BadDigest");
  EXPECT_EQ(Get("/torn").status, 404);
  EXPECT_EQ(Put("/locked", "", {{"x-amz-bucket-object-lock-enabled", "true"}}).status, 501);
  EXPECT_EQ(Put("/granted", "", {{"x-amz-grant-read", "id=1"}}).status, 501);
  EXPECT_EQ(Put("/open", "", {{"x-amz-acl", "authenticated-read"}}).status, 501);
  const auto in = [](const std::string& inside) {
    return "<CreateBucketConfiguration>" + inside + "</CreateBucketConfiguration>";
  };
  EXPECT_EQ(Put("/tagged", in("<Tags/>")).status, 501);
  EXPECT_EQ(Put("/where", in("<LocationConstraint>does-not-exist</LocationConstraint>")).Code(),
            "InvalidLocationConstraint");
  for (const char* name : {"/locked", "/granted", "/open", "/tagged", "/where"}) {
    EXPECT_EQ(Ask("HEAD", name).status, 404) << name;
  }
  EXPECT_EQ(Put("/where", in("<LocationConstraint>us-gov-west-1</LocationConstraint>")).status,
            200);
}

TEST_F(S3Refusals, DeletesKeepToTheirConditions) {
  const auto list = [&](const std::string& more) {
    return S3({.method = "POST",
               .target = "/bucket?delete",
               .body = "<Delete><Object><Key>k</Key>" + more + "</Object></Delete>"});
  };
  EXPECT_EQ(list("<Key>other</Key>").Code(), "MalformedXML");
  EXPECT_EQ(list("<ETag>\"00\"</ETag>").Code(), "PreconditionFailed");
  EXPECT_EQ(list("<Size>77</Size>").status, 501);
  EXPECT_EQ(list("<LastModifiedTime>Mon, 01 Jan 2001 00:00:00 GMT</LastModifiedTime>").status, 501);
  EXPECT_EQ(Ask("DELETE", "/bucket/k", {{"If-Match", "\"00\""}}).status, 412);
  EXPECT_EQ(Ask("DELETE", "/bucket/k", {{"If-None-Match", "*"}}).status, 501);
  EXPECT_EQ(Ask("DELETE", "/bucket/k", {{"x-amz-if-match-size", "9"}}).status, 501);
  const std::string etag(Get("/bucket/k").headers.Get("ETag"));
  EXPECT_EQ(list("<ETag>\"00\"</ETag><ETag>" + etag + "</ETag>").Code(), "MalformedXML");
  EXPECT_EQ(Body(), "original");
  EXPECT_EQ(Ask("DELETE", "/bucket/absent", {{"If-Match", "*"}}).status, 412);
  EXPECT_EQ(Ask("DELETE", "/bucket/k", {{"If-Match", etag}}).status, 204);
  Put("/bucket/k", "original");
  EXPECT_NE(list("<ETag>" + etag + "</ETag>").body.find("<Deleted><Key>k"), std::string::npos);
  EXPECT_EQ(Get("/bucket/k").status, 404);
}

TEST_F(S3Refusals, NoChecksumIsPassedOver) {
  for (const char* kind : {"md5", "sha512", "xxhash3"}) {
    EXPECT_EQ(Put("/bucket/k", "x", {{std::string("x-amz-checksum-") + kind, "AAAA"}}).Code(),
              "InvalidRequest");
  }
  EXPECT_EQ(Put("/bucket/k", "x", {{"x-amz-trailer", "x-amz-checksum-crc32"}}).Code(),
            "InvalidRequest");
  for (const char* trailer : {"x-amz-checksum-md5", "x-amz-checksum-crc32,x-amz-checksum-sha1"}) {
    const HttpAnswer answer =
        S3({.method = "PUT",
            .target = "/bucket/k",
            .body = "1\r\nx\r\n0\r\nx-amz-checksum-md5:AAAA\r\n\r\n",
            .headers = {{"x-amz-decoded-content-length", "1"}, {"x-amz-trailer", trailer}},
            .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
    EXPECT_EQ(answer.Code(), "InvalidRequest") << trailer;
  }
  const HttpAnswer unannounced = S3({.method = "PUT",
                                     .target = "/bucket/k",
                                     .body = "1\r\nx\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
                                     .headers = {{"x-amz-decoded-content-length", "1"}},
                                     .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
  EXPECT_EQ(unannounced.Code(), "MalformedTrailerError");
  EXPECT_EQ(Body(), "original");
}

TEST_F(S3Refusals, AnotherOwnersBucketIsNotTouched) {
  const net::Headers other{{"x-amz-expected-bucket-owner", "111122223333"}};
  EXPECT_EQ(Put("/bucket/k", "x", other).Code(), "AccessDenied");
  EXPECT_EQ(Ask("DELETE", "/bucket/k", other).status, 403);
  EXPECT_EQ(Ask("GET", "/bucket?location", other).status, 403);
  EXPECT_EQ(Get("/bucket/k", {{"x-amz-expected-bucket-owner", "me"}}).Code(),
            "InvalidBucketOwnerAWSAccountID");
  EXPECT_EQ(Put("/bucket/copy", "",
                {{"x-amz-copy-source", "bucket/k"},
                 {"x-amz-source-expected-bucket-owner", "111122223333"}})
                .status,
            403);
  EXPECT_EQ(Get("/bucket/k", {{"x-amz-expected-bucket-owner", "000000000000"}}).body, "original");
}

TEST_F(S3Refusals, RangesOfCopiedPartsAreClosedAndLieWithin) {
  const std::string upload = Ask("POST", "/bucket/m?uploads").Xml("UploadId");
  const auto copy = [&](const std::string& range) {
    return Put("/bucket/m?partNumber=1&uploadId=" + upload, "",
               {{"x-amz-copy-source", "bucket/k"}, {"x-amz-copy-source-range", range}});
  };
  for (const char* range : {"bytes=5-2", "0-2", "bytes=0", "bytes=a-b", "bytes=1-2,4-5",
                            "bytes=0-8", "bytes=2-", "bytes=-2"}) {
    EXPECT_EQ(copy(range).Code(), "InvalidArgument") << range;
  }
  EXPECT_EQ(copy("bytes=0-7").status, 200);
}

TEST_F(S3Refusals, ABucketHasAName) {
  EXPECT_EQ(Get("//bucket/k").Code(), "InvalidBucketName");
  EXPECT_EQ(Get("//").Code(), "InvalidBucketName");
  EXPECT_EQ(Get("/").status, 200);
}

TEST_F(S3Refusals, RangesAndPartsOfReads) {
  Put("/bucket/empty", "");
  EXPECT_EQ(Get("/bucket/empty", {{"Range", "bytes=-5"}}).status, 200);
  EXPECT_EQ(Get("/bucket/empty", {{"Range", "bytes=-0"}}).status, 416);
  EXPECT_EQ(Get("/bucket/k?partNumber=1", {{"Range", "bytes=0-1"}}).Code(), "InvalidRequest");
}

TEST_F(S3Refusals, MetadataComesBackAsHeadersCanCarryIt) {
  Put("/bucket/u", "x", {{"x-amz-meta-a", "gr\xc3\xbc\xc3\x9f"}, {"Content-Encoding", "a, b"}});
  const HttpAnswer get = Get("/bucket/u");
  EXPECT_EQ(get.headers.Get("x-amz-meta-a"), "=?UTF-8?B?Z3LDvMOf?=");
  EXPECT_EQ(get.headers.Get("Content-Encoding"), "a, b");
}

TEST_F(S3Refusals, BucketsComeInPages) {
  for (const char* name : {"/bucket-1", "/bucket-2", "/other"}) Put(name, "");
  const HttpAnswer first = Get("/?max-buckets=2&prefix=bucket");
  EXPECT_EQ(first.Xml("Prefix"), "bucket");
  const std::string token = first.Xml("ContinuationToken");
  EXPECT_FALSE(token.empty());
  EXPECT_EQ(first.body.find("bucket-2"), std::string::npos);
  const HttpAnswer second =
      Get("/?continuation-token=" + PercentEncode(token) + "&max-buckets=2&prefix=bucket");
  EXPECT_EQ(second.Xml("Name"), "bucket-2");
  EXPECT_EQ(second.Xml("ContinuationToken"), "");
  EXPECT_EQ(Get("/?bucket-region=eu-west-1").Xml("Name"), "");
  EXPECT_EQ(Get("/?max-buckets=0").Code(), "InvalidArgument");
}

TEST(HeaderNames, AreTokens) {
  EXPECT_TRUE(IsHeaderName("x-amz-meta-a_b"));
  for (const char* name : {"", "a b", "a\rb", "a:b", "\xc3\xbc", "a\"b"}) {
    EXPECT_FALSE(IsHeaderName(name)) << name;
  }
}

}  // namespace
}  // namespace leat::awsserver
