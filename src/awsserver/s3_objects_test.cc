#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

class S3Objects : public EndpointTest {
 protected:
  S3Objects() { EXPECT_EQ(Put("/bucket", "").status, 200); }
};

TEST_F(S3Objects, WhatIsPutComesBack) {
  const HttpAnswer put = Put("/bucket/a/b.txt", "hello",
                             {{"Content-Type", "text/plain"}, {"x-amz-meta-Color", "blue"}});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.headers.Get("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
  const HttpAnswer get = Get("/bucket/a/b.txt");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.body, "hello");
  EXPECT_EQ(get.headers.Get("Content-Type"), "text/plain");
  EXPECT_EQ(get.headers.Get("x-amz-meta-color"), "blue");
  EXPECT_EQ(get.headers.Get("ETag"), put.headers.Get("ETag"));
  EXPECT_EQ(get.headers.Get("Last-Modified"), "Sun, 13 Sep 2020 12:26:40 GMT");
  const HttpAnswer head = S3({.method = "HEAD", .target = "/bucket/a/b.txt"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.Get("Content-Length"), "5");
  EXPECT_EQ(head.body, "");
}

TEST_F(S3Objects, EmptyObjectsAreObjects) {
  EXPECT_EQ(Put("/bucket/empty", "").status, 200);
  const HttpAnswer get = Get("/bucket/empty");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.headers.Get("Content-Length"), "0");
  EXPECT_EQ(Get("/bucket/empty", {{"Range", "bytes=0-0"}}).status, 416);
}

TEST_F(S3Objects, AnyKeyThatS3AllowsWorks) {
  const std::vector<std::string> keys = {"a",
                                         "a/b",
                                         "a/",
                                         "..",
                                         "../../etc/passwd",
                                         "x//y",
                                         "/lead",
                                         "\xc3\xa4\xe2\x82\xac",
                                         "a+b c%2F",
                                         "q?x=1&y",
                                         ".hidden",
                                         std::string(1024, 'k')};
  for (const std::string& key : keys) {
    EXPECT_EQ(Put("/bucket/" + PercentEncode(key, true), key).status, 200) << key;
  }
  for (const std::string& key : keys) {
    EXPECT_EQ(Get("/bucket/" + PercentEncode(key, true)).body, key) << key;
  }
  EXPECT_EQ(Put("/bucket/" + std::string(1025, 'k'), "").Code(), "KeyTooLongError");
  EXPECT_EQ(Put("/bucket/%ff%fe", "").Code(), "InvalidURI");
}

TEST_F(S3Objects, AbsentThingsAreNamed) {
  EXPECT_EQ(Get("/bucket/none").Code(), "NoSuchKey");
  EXPECT_EQ(Get("/nobucket/none").Code(), "NoSuchBucket");
  EXPECT_EQ(Put("/nobucket/none", "x").Code(), "NoSuchBucket");
  EXPECT_EQ(S3({.method = "HEAD", .target = "/bucket/none"}).status, 404);
  EXPECT_EQ(Get("/bucket/none").Xml("Resource"), "/bucket/none");
  EXPECT_FALSE(Get("/bucket/none").Xml("RequestId").empty());
}

TEST_F(S3Objects, SingleRangesAreServed) {
  Put("/bucket/r", "0123456789");
  const HttpAnswer middle = Get("/bucket/r", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(middle.status, 206);
  EXPECT_EQ(middle.body, "234");
  EXPECT_EQ(middle.headers.Get("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(Get("/bucket/r", {{"Range", "bytes=7-"}}).body, "789");
  EXPECT_EQ(Get("/bucket/r", {{"Range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(Get("/bucket/r", {{"Range", "bytes=8-100"}}).body, "89");
  EXPECT_EQ(Get("/bucket/r", {{"Range", "bytes=-100"}}).body, "0123456789");
  const HttpAnswer outside = Get("/bucket/r", {{"Range", "bytes=10-"}});
  EXPECT_EQ(outside.status, 416);
  EXPECT_EQ(outside.Code(), "InvalidRange");
  EXPECT_EQ(outside.Xml("ActualObjectSize"), "10");
  for (const char* ignored : {"bytes=1-2,4-5", "lines=1-2", "bytes=5-2", "bytes=x-"}) {
    EXPECT_EQ(Get("/bucket/r", {{"Range", ignored}}).status, 200) << ignored;
  }
}

TEST_F(S3Objects, ConditionsDecideWhetherBytesAreSent) {
  const std::string etag(Put("/bucket/c", "x").headers.Get("ETag"));
  const std::string then = "Sun, 13 Sep 2020 12:26:40 GMT";
  const std::string before = "Sun, 13 Sep 2020 12:26:39 GMT";
  EXPECT_EQ(Get("/bucket/c", {{"If-Match", etag}}).status, 200);
  EXPECT_EQ(Get("/bucket/c", {{"If-Match", "\"other\""}}).status, 412);
  EXPECT_EQ(Get("/bucket/c", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(Get("/bucket/c", {{"If-None-Match", "\"other\""}}).status, 200);
  EXPECT_EQ(Get("/bucket/c", {{"If-Modified-Since", then}}).status, 304);
  EXPECT_EQ(Get("/bucket/c", {{"If-Modified-Since", before}}).status, 200);
  EXPECT_EQ(Get("/bucket/c", {{"If-Unmodified-Since", before}}).status, 412);
  EXPECT_EQ(Get("/bucket/c", {{"If-Unmodified-Since", then}}).status, 200);
  // An ETag says more than a date.
  EXPECT_EQ(Get("/bucket/c", {{"If-Match", etag}, {"If-Unmodified-Since", before}}).status, 200);
  EXPECT_EQ(Get("/bucket/c", {{"If-None-Match", etag}}).headers.Get("ETag"), etag);
}

TEST_F(S3Objects, ConditionalPutsNeverOverwrite) {
  EXPECT_EQ(Put("/bucket/p", "first", {{"If-None-Match", "*"}}).status, 200);
  const HttpAnswer second = Put("/bucket/p", "second", {{"If-None-Match", "*"}});
  EXPECT_EQ(second.status, 412);
  EXPECT_EQ(second.Code(), "PreconditionFailed");
  EXPECT_EQ(Put("/bucket/p", "third", {{"If-Match", "\"wrong\""}}).status, 412);
  EXPECT_EQ(Get("/bucket/p").body, "first");
  const std::string etag(Get("/bucket/p").headers.Get("ETag"));
  EXPECT_EQ(Put("/bucket/p", "fourth", {{"If-Match", etag}}).status, 200);
  EXPECT_EQ(Put("/bucket/absent", "x", {{"If-Match", etag}}).Code(), "NoSuchKey");
}

TEST_F(S3Objects, LinksMayOverrideHeaders) {
  Put("/bucket/o", "x", {{"Content-Type", "text/plain"}});
  const HttpAnswer get =
      Get("/bucket/"
          "o?response-content-type=text%2Fcsv&response-content-disposition=attachment%0d%0aX:y");
  EXPECT_EQ(get.headers.Get("Content-Type"), "text/csv");
  EXPECT_EQ(get.headers.Get("Content-Disposition"), "attachmentX:y");
}

TEST_F(S3Objects, WrongChecksumsAreRefusedAndLeaveNothing) {
  const std::string md5 = Base64Encode(hash::Digest(hash::Algorithm::kMd5, "hello"));
  EXPECT_EQ(Put("/bucket/k", "hello", {{"Content-MD5", md5}}).status, 200);
  const int files = FilesOnDisk();
  EXPECT_EQ(Put("/bucket/bad", "other", {{"Content-MD5", md5}}).Code(), "BadDigest");
  EXPECT_EQ(Put("/bucket/bad", "other", {{"Content-MD5", "short"}}).Code(), "InvalidDigest");
  EXPECT_EQ(Put("/bucket/bad", "other", {{"x-amz-checksum-crc32", "NhCmhg=="}}).Code(),
            "BadDigest");
  EXPECT_EQ(Put("/bucket/bad", "other", {{"x-amz-checksum-crc32", "!"}}).Code(), "InvalidRequest");
  EXPECT_EQ(S3({.method = "PUT",
                .target = "/bucket/bad",
                .body = "other",
                .payload_hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, "hello"))})
                .Code(),
            "XAmzContentSHA256Mismatch");
  EXPECT_EQ(Get("/bucket/bad").status, 404);
  EXPECT_EQ(FilesOnDisk(), files);
  EXPECT_TRUE(io::ListDir(dir_.path() + "/aws/incoming")->empty());
}

TEST_F(S3Objects, ChecksumsAreKeptAndToldOnRequest) {
  for (const auto& [name, algorithm] : std::vector<std::pair<std::string, hash::Algorithm>>{
           {"crc32", hash::Algorithm::kCrc32},
           {"crc32c", hash::Algorithm::kCrc32c},
           {"crc64nvme", hash::Algorithm::kCrc64Nvme},
           {"sha1", hash::Algorithm::kSha1},
           {"sha256", hash::Algorithm::kSha256}}) {
    const std::string header = "x-amz-checksum-" + name;
    const std::string value = Base64Encode(hash::Digest(algorithm, "hello"));
    EXPECT_EQ(Put("/bucket/" + name, "hello", {{header, value}}).headers.Get(header), value);
    EXPECT_FALSE(Get("/bucket/" + name).headers.Has(header));
    const HttpAnswer asked = Get("/bucket/" + name, {{"x-amz-checksum-mode", "ENABLED"}});
    EXPECT_EQ(asked.headers.Get(header), value);
    EXPECT_EQ(asked.headers.Get("x-amz-checksum-type"), "FULL_OBJECT");
    EXPECT_FALSE(
        Get("/bucket/" + name, {{"x-amz-checksum-mode", "ENABLED"}, {"Range", "bytes=0-1"}})
            .headers.Has(header));
  }
}

TEST_F(S3Objects, UnsignedChunksWithATrailerAreTaken) {
  const HttpAnswer put = S3({.method = "PUT",
                             .target = "/bucket/t",
                             .body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
                             .headers = {{"x-amz-decoded-content-length", "5"},
                                         {"x-amz-trailer", "x-amz-checksum-crc32"},
                                         {"Content-Encoding", "aws-chunked"}},
                             .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
  EXPECT_EQ(put.status, 200) << put.body;
  const HttpAnswer get = Get("/bucket/t", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(get.body, "hello");
  EXPECT_EQ(get.headers.Get("x-amz-checksum-crc32"), "NhCmhg==");
  EXPECT_FALSE(get.headers.Has("Content-Encoding"));
  const HttpAnswer wrong = S3({.method = "PUT",
                               .target = "/bucket/w",
                               .body = "5\r\nhullo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
                               .headers = {{"x-amz-decoded-content-length", "5"},
                                           {"x-amz-trailer", "x-amz-checksum-crc32"}},
                               .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
  EXPECT_EQ(wrong.Code(), "BadDigest");
}

TEST_F(S3Objects, CopiesShareFilesAndOutliveTheirSource) {
  Put("/bucket/source", "content", {{"x-amz-meta-a", "1"}, {"Content-Type", "text/plain"}});
  const int files = FilesOnDisk();
  const HttpAnswer copy = Put("/bucket/copy", "", {{"x-amz-copy-source", "/bucket/source"}});
  EXPECT_EQ(copy.status, 200) << copy.body;
  EXPECT_EQ(copy.Xml("ETag"), "&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;");
  EXPECT_EQ(FilesOnDisk(), files);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/source"}).status, 204);
  const HttpAnswer get = Get("/bucket/copy");
  EXPECT_EQ(get.body, "content");
  EXPECT_EQ(get.headers.Get("x-amz-meta-a"), "1");
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/copy"}).status, 204);
  EXPECT_EQ(FilesOnDisk(), files - 1);
}

TEST_F(S3Objects, CopiesTakeNewMetadataWhenToldTo) {
  Put("/bucket/s", "x", {{"x-amz-meta-a", "1"}});
  EXPECT_EQ(Put("/bucket/s", "", {{"x-amz-copy-source", "bucket/s"}}).Code(), "InvalidRequest");
  EXPECT_EQ(Put("/bucket/s", "",
                {{"x-amz-copy-source", "bucket/s"},
                 {"x-amz-metadata-directive", "REPLACE"},
                 {"x-amz-meta-b", "2"}})
                .status,
            200);
  const HttpAnswer get = Get("/bucket/s");
  EXPECT_EQ(get.body, "x");
  EXPECT_FALSE(get.headers.Has("x-amz-meta-a"));
  EXPECT_EQ(get.headers.Get("x-amz-meta-b"), "2");
}

TEST_F(S3Objects, CopyConditionsHold) {
  const std::string etag(Put("/bucket/s", "x").headers.Get("ETag"));
  const auto copy = [&](const char* name, const std::string& value) {
    return Put("/bucket/d", "", {{"x-amz-copy-source", "bucket/s"}, {name, value}}).status;
  };
  EXPECT_EQ(copy("x-amz-copy-source-if-match", etag), 200);
  EXPECT_EQ(copy("x-amz-copy-source-if-match", "\"no\""), 412);
  EXPECT_EQ(copy("x-amz-copy-source-if-none-match", etag), 412);
  EXPECT_EQ(Put("/bucket/d", "", {{"x-amz-copy-source", "bucket/none"}}).Code(), "NoSuchKey");
  EXPECT_EQ(Put("/bucket/d", "", {{"x-amz-copy-source", "nonsense"}}).Code(), "InvalidArgument");
}

TEST_F(S3Objects, DeletingIsIdempotentAndFreesTheDisk) {
  Put("/bucket/a", "1");
  Put("/bucket/b", "2");
  EXPECT_EQ(FilesOnDisk(), 2);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/a"}).status, 204);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/a"}).status, 204);
  EXPECT_EQ(FilesOnDisk(), 1);
  const HttpAnswer many = S3(
      {.method = "POST",
       .target = "/bucket?delete",
       .body = "<Delete><Object><Key>b</Key></Object><Object><Key>none</Key></Object></Delete>"});
  EXPECT_EQ(many.status, 200);
  EXPECT_NE(many.body.find("<Deleted><Key>none</Key></Deleted>"), std::string::npos);
  EXPECT_EQ(FilesOnDisk(), 0);
  EXPECT_EQ(S3({.method = "POST", .target = "/bucket?delete", .body = "<Delete>"}).Code(),
            "MalformedXML");
}

TEST_F(S3Objects, OverwritingFreesTheOldBytes) {
  Put("/bucket/a", "old");
  Put("/bucket/a", "new");
  EXPECT_EQ(Get("/bucket/a").body, "new");
  EXPECT_EQ(FilesOnDisk(), 1);
}

TEST_F(S3Objects, WhatIsNotDoneIsSaid) {
  Put("/bucket/a", "1");
  for (const char* target : {"/bucket?tagging", "/bucket/a?acl", "/bucket?policy",
                             "/bucket?lifecycle", "/bucket/a?torrent"}) {
    const HttpAnswer get = Get(target);
    EXPECT_EQ(get.status, 501) << target;
    EXPECT_EQ(get.Code(), "NotImplemented") << target;
  }
  EXPECT_EQ(Put("/bucket/a?tagging", "<Tagging/>").Code(), "NotImplemented");
  EXPECT_EQ(Get("/bucket/a").body, "1");
  EXPECT_EQ(Put("/bucket/b", "x", {{"x-amz-server-side-encryption", "aws:kms"}}).Code(),
            "NotImplemented");
  EXPECT_EQ(Get("/bucket/a?versionId=abc").Code(), "NoSuchVersion");
  EXPECT_EQ(Get("/bucket/a?versionId=null").body, "1");
}

TEST_F(S3Objects, NoObjectHasTags) {
  Put("/bucket/a", "1");
  const HttpAnswer tags = Get("/bucket/a?tagging");
  EXPECT_EQ(tags.status, 200);
  EXPECT_NE(tags.body.find("<TagSet></TagSet></Tagging>"), std::string::npos) << tags.body;
  EXPECT_EQ(Get("/bucket/absent?tagging").Code(), "NoSuchKey");
  EXPECT_EQ(Get("/absent/a?tagging").Code(), "NoSuchBucket");
}

TEST_F(S3Objects, EverythingSurvivesARestartAndHalfWrittenFilesGo) {
  Put("/bucket/a", "kept");
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/aws/incoming/half", "lost"));
  Restart();
  EXPECT_EQ(Get("/bucket/a").body, "kept");
  EXPECT_FALSE(io::Exists(dir_.path() + "/aws/incoming/half"));
  EXPECT_EQ(FilesOnDisk(), 1);
}

TEST_F(S3Objects, UploadsTooLargeAreRefusedBeforeTheyAreSent) {
  const HttpAnswer answer = S3({.method = "PUT",
                                .target = "/bucket/big",
                                .body = "x",
                                .headers = {{"x-amz-decoded-content-length", "5368709121"}},
                                .payload_hash = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"});
  EXPECT_EQ(answer.Code(), "EntityTooLarge");
  EXPECT_EQ(answer.Xml("MaxSizeAllowed"), "5368709120");
}

}  // namespace
}  // namespace leat::awsserver
