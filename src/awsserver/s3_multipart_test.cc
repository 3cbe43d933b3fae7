#include <thread>

#include "awsserver/testing/endpoint_fixture.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

class S3Multipart : public EndpointTest {
 protected:
  S3Multipart() { Put("/bucket", ""); }
  std::string Start(const std::string& key, net::Headers headers = {}) {
    return S3({.method = "POST", .target = "/bucket/" + key + "?uploads", .headers = headers})
        .Xml("UploadId");
  }
  HttpAnswer Part(const std::string& key, const std::string& upload, int number,
                  const std::string& body, net::Headers headers = {}) {
    return Put("/bucket/" + key + "?partNumber=" + std::to_string(number) + "&uploadId=" + upload,
               body, std::move(headers));
  }
  HttpAnswer Complete(const std::string& key, const std::string& upload,
                      const std::vector<std::pair<int, std::string>>& parts,
                      net::Headers headers = {}) {
    std::string body = "<CompleteMultipartUpload>";
    for (const auto& [number, etag] : parts) {
      body += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
              "</ETag></Part>";
    }
    return S3({.method = "POST",
               .target = "/bucket/" + key + "?uploadId=" + upload,
               .body = body + "</CompleteMultipartUpload>",
               .headers = std::move(headers)});
  }
  const std::string first_ = std::string(5_MiB, 'a');
  const std::string second_ = "the end";
};

TEST_F(S3Multipart, PartsBecomeOneObjectWithoutACopy) {
  const std::string upload = Start("big", {{"x-amz-meta-m", "1"}});
  const std::string one(Part("big", upload, 1, first_).headers.Get("ETag"));
  const std::string two(Part("big", upload, 7, second_).headers.Get("ETag"));
  EXPECT_EQ(Get("/bucket/big").status, 404);
  const int files = FilesOnDisk();
  const HttpAnswer done = Complete("big", upload, {{1, one}, {7, two}});
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(FilesOnDisk(), files);
  const std::string digests =
      hash::Digest(hash::Algorithm::kMd5, first_) + hash::Digest(hash::Algorithm::kMd5, second_);
  const std::string etag = "\"" + HexEncode(hash::Digest(hash::Algorithm::kMd5, digests)) + "-2\"";
  const HttpAnswer get = Get("/bucket/big");
  EXPECT_EQ(get.headers.Get("ETag"), etag);
  EXPECT_EQ(get.headers.Get("x-amz-meta-m"), "1");
  EXPECT_TRUE(get.body == first_ + second_);
  // A range across the seam.
  EXPECT_EQ(Get("/bucket/big", {{"Range", "bytes=5242878-5242882"}}).body, "aathe");
  const HttpAnswer part = Get("/bucket/big?partNumber=2");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, second_);
  EXPECT_EQ(part.headers.Get("x-amz-mp-parts-count"), "2");
  EXPECT_EQ(Get("/bucket/big?partNumber=3").Code(), "InvalidPartNumber");
}

TEST_F(S3Multipart, CompletionIsAnsweredAgainWhenTheAnswerWasLost) {
  const std::string upload = Start("k");
  const std::string one(Part("k", upload, 1, "x").headers.Get("ETag"));
  EXPECT_EQ(Complete("k", upload, {{1, one}}).status, 200);
  EXPECT_EQ(Complete("k", upload, {{1, one}}).status, 200);
  EXPECT_EQ(Complete("k", "0000", {{1, "\"00\""}}).Code(), "NoSuchUpload");
}

TEST_F(S3Multipart, CompletionsThatMeetAreAllAnsweredAlike) {
  for (int round = 0; round < 10; ++round) {
    const std::string upload = Start("k");
    const std::string one(Part("k", upload, 1, "x").headers.Get("ETag"));
    std::vector<HttpAnswer> answers(8);
    {
      std::vector<std::jthread> clients;
      for (HttpAnswer& answer : answers) {
        clients.emplace_back([&] { answer = Complete("k", upload, {{1, one}}); });
      }
    }
    for (const HttpAnswer& answer : answers) {
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body, answers.front().body);
    }
  }
}

TEST_F(S3Multipart, WrongListsAreRefusedAndTheUploadLives) {
  const std::string upload = Start("k");
  const std::string one(Part("k", upload, 1, "small").headers.Get("ETag"));
  const std::string two(Part("k", upload, 2, "small").headers.Get("ETag"));
  EXPECT_EQ(Complete("k", upload, {{2, two}, {1, one}}).Code(), "InvalidPartOrder");
  EXPECT_EQ(Complete("k", upload, {{1, one}, {3, two}}).Code(), "InvalidPart");
  EXPECT_EQ(Complete("k", upload, {{1, "\"0\""}}).Code(), "InvalidPart");
  EXPECT_EQ(Complete("k", upload, {{1, one}, {2, two}}).Code(), "EntityTooSmall");
  EXPECT_EQ(Complete("k", upload, {}).Code(), "MalformedXML");
  EXPECT_EQ(Complete("k", upload, {{1, "\"00\"</ETag><ETag>" + one}}).Code(), "MalformedXML");
  EXPECT_EQ(Complete("k", upload, {{1, one}}, {{"x-amz-mp-object-size", "9"}}).Code(),
            "InvalidRequest");
  EXPECT_EQ(Complete("k", upload, {{2, two}}).status, 200);
  EXPECT_EQ(FilesOnDisk(), 1);
}

TEST_F(S3Multipart, APartSentAgainReplacesItself) {
  const std::string upload = Start("k");
  Part("k", upload, 1, "old");
  const std::string etag(Part("k", upload, 1, "new").headers.Get("ETag"));
  EXPECT_EQ(FilesOnDisk(), 1);
  Complete("k", upload, {{1, etag}});
  EXPECT_EQ(Get("/bucket/k").body, "new");
}

TEST_F(S3Multipart, AbortLeavesNothing) {
  const std::string upload = Start("k");
  Part("k", upload, 1, "x");
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/k?uploadId=" + upload}).status, 204);
  EXPECT_EQ(FilesOnDisk(), 0);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/k?uploadId=" + upload}).Code(),
            "NoSuchUpload");
  EXPECT_EQ(Part("k", upload, 1, "x").Code(), "NoSuchUpload");
  EXPECT_EQ(Get("/bucket/k").status, 404);
}

TEST_F(S3Multipart, UploadsAndPartsAreListed) {
  const std::string a = Start("a"), b = Start("b");
  Part("a", a, 1, "x");
  Part("a", a, 2, "y");
  const HttpAnswer uploads = Get("/bucket?uploads");
  EXPECT_NE(uploads.body.find("<Key>a</Key><UploadId>" + a), std::string::npos);
  EXPECT_NE(uploads.body.find("<Key>b</Key><UploadId>" + b), std::string::npos);
  EXPECT_EQ(Get("/bucket?uploads&prefix=b").body.find(a), std::string::npos);
  const HttpAnswer page = Get("/bucket?uploads&max-uploads=1");
  EXPECT_EQ(page.Xml("IsTruncated"), "true");
  EXPECT_EQ(page.Xml("NextKeyMarker"), "a");
  EXPECT_EQ(Get("/bucket?uploads&key-marker=a").body.find(a), std::string::npos);
  const HttpAnswer parts = Get("/bucket/a?uploadId=" + a + "&max-parts=1");
  EXPECT_EQ(parts.Xml("IsTruncated"), "true");
  EXPECT_EQ(parts.Xml("NextPartNumberMarker"), "1");
  EXPECT_NE(Get("/bucket/a?uploadId=" + a + "&part-number-marker=1")
                .body.find("<PartNumber>2</PartNumber>"),
            std::string::npos);
  EXPECT_EQ(Get("/bucket/b?uploadId=" + a).Code(), "NoSuchUpload");
}

TEST_F(S3Multipart, PartsAreCopiedFromObjects) {
  Put("/bucket/source", "0123456789");
  const std::string upload = Start("k");
  const HttpAnswer copied =
      Part("k", upload, 1, "",
           {{"x-amz-copy-source", "/bucket/source"}, {"x-amz-copy-source-range", "bytes=2-5"}});
  ASSERT_EQ(copied.status, 200) << copied.body;
  std::string etag = copied.Xml("ETag");
  Complete("k", upload, {{1, etag}});
  EXPECT_EQ(Get("/bucket/k").body, "2345");
}

TEST_F(S3Multipart, ChecksumsOfPartsMakeThatOfTheWhole) {
  const std::string full = Start("full", {{"x-amz-checksum-algorithm", "CRC64NVME"}});
  const std::string one(Part("full", full, 1, first_).headers.Get("ETag"));
  const std::string two(Part("full", full, 2, second_).headers.Get("ETag"));
  const std::string whole =
      Base64Encode(hash::Digest(hash::Algorithm::kCrc64Nvme, first_ + second_));
  EXPECT_EQ(
      Complete("full", full, {{1, one}, {2, two}}, {{"x-amz-checksum-crc64nvme", "AAAA"}}).Code(),
      "BadDigest");
  EXPECT_EQ(Complete("full", full, {{1, one}, {2, two}}, {{"x-amz-checksum-crc64nvme", whole}})
                .Xml("ChecksumCRC64NVME"),
            whole);

  const std::string parts = Start("parts", {{"x-amz-checksum-algorithm", "SHA256"}});
  const std::string sha = hash::Digest(hash::Algorithm::kSha256, "x");
  const std::string etag(
      Part("parts", parts, 1, "x", {{"x-amz-checksum-sha256", Base64Encode(sha)}})
          .headers.Get("ETag"));
  EXPECT_EQ(Part("parts", parts, 2, "x", {{"x-amz-checksum-crc32", "jNyzjA=="}}).status, 400);
  Complete("parts", parts, {{1, etag}});
  const HttpAnswer get = Get("/bucket/parts", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(get.headers.Get("x-amz-checksum-sha256"),
            Base64Encode(hash::Digest(hash::Algorithm::kSha256, sha)) + "-1");
  EXPECT_EQ(get.headers.Get("x-amz-checksum-type"), "COMPOSITE");
}

TEST_F(S3Multipart, UnfinishedUploadsSurviveARestart) {
  const std::string upload = Start("k");
  const std::string one(Part("k", upload, 1, "x").headers.Get("ETag"));
  Restart();
  EXPECT_EQ(Complete("k", upload, {{1, one}}).status, 200);
  EXPECT_EQ(Get("/bucket/k").body, "x");
}

TEST_F(S3Multipart, OnlyTheCompletionThatHappenedIsAnsweredAgain) {
  const std::string done = Start("same"), aborted = Start("same");
  const std::string etag(Part("same", done, 1, "same").headers.Get("ETag"));
  Part("same", aborted, 1, "same");
  EXPECT_EQ(Complete("same", done, {{1, etag}}).status, 200);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/same?uploadId=" + aborted}).status, 204);
  EXPECT_EQ(Complete("same", aborted, {{1, etag}}).Code(), "NoSuchUpload");
  EXPECT_EQ(Complete("same", done, {{1, etag}}).status, 200);
  // A copy is another object.
  Put("/bucket/copy", "", {{"x-amz-copy-source", "bucket/same"}});
  EXPECT_EQ(Complete("copy", done, {{1, etag}}).Code(), "NoSuchUpload");
}

}  // namespace
}  // namespace leat::awsserver
