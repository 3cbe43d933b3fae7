// S3Client against a store that misbehaves; against the real endpoint it is tested in awsserver.
#include "objectstore/s3_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/strings.h"
#include "io/file.h"
#include "net/server.h"

namespace leat::objectstore {
namespace {

// Answers the n-th request (from 0) as the script says, the last entry for ever.
class ScriptedStore {
 public:
  using Step = std::function<void(net::ServerRequest&, net::ResponseWriter&)>;
  explicit ScriptedStore(std::vector<Step> steps) : steps_(std::move(steps)) {
    auto server = net::Server::Start({}, [this](auto& request, auto& response) {
      const size_t n = std::min<size_t>(requests_++, steps_.size() - 1);
      steps_[n](request, response);
    });
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  S3Options Options() const {
    return {.endpoint = "http://127.0.0.1:" + std::to_string(server_->port()),
            .credentials = {"AKIA", "secret", ""},
            .retry_for = std::chrono::seconds(5)};
  }
  int requests() const { return requests_; }

 private:
  std::vector<Step> steps_;
  std::atomic<int> requests_ = 0;
  std::unique_ptr<net::Server> server_;
};

ScriptedStore::Step Answer(int status, std::string body) {
  return [=](net::ServerRequest&, net::ResponseWriter& response) { response.Send(status, body); };
}

// An object that knows neither Range nor If-Match, which a store may do.
ScriptedStore::Step Object(std::string etag, std::string bytes) {
  return [=](net::ServerRequest& request, net::ResponseWriter& response) {
    response.headers.Set("ETag", etag);
    if (request.method != "HEAD") return response.Send(200, bytes);
    if (response.Start(200, bytes.size())) (void)response.Finish();
  };
}

std::string ErrorXml(const std::string& code) {
  return "<Error><Code>" + code + "</Code><Message>why</Message></Error>";
}

TEST(S3Url, ParsesBucketAndKey) {
  EXPECT_EQ(S3Url::Parse("s3://b/k/l")->key, "k/l");
  EXPECT_EQ(S3Url::Parse("s3://b")->bucket, "b");
  EXPECT_EQ(S3Url::Parse("s3://b/dir/")->ToString(), "s3://b/dir/");
  EXPECT_FALSE(S3Url::Parse("http://b/k"));
  EXPECT_FALSE(S3Url::Parse("s3:///k"));
}

TEST(S3Client, TriesAgainWhileTheStoreIsBusyAndSaysSo) {
  ScriptedStore store(
      {Answer(503, ErrorXml("SlowDown")), Answer(500, ""), Object("\"v1\"", "bytes")});
  S3Options options = store.Options();
  std::vector<std::string> messages;
  options.on_retry = [&](const std::string& message) { messages.push_back(message); };
  S3Client client(options);
  const auto got = client.GetAll({"b", "k"}, 100);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, "bytes");
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0], "HEAD s3://b/k: 503 Service Unavailable; trying again");
}

TEST(S3Client, RefusalsAreNotRepeated) {
  for (const auto& [status, xml, code] : std::vector<std::tuple<int, std::string, Code>>{
           {403, ErrorXml("AccessDenied"), Code::kForbidden},
           {404, ErrorXml("NoSuchKey"), Code::kNotFound},
           {412, ErrorXml("PreconditionFailed"), Code::kConflict},
           {400, ErrorXml("InvalidRequest"), Code::kInvalid},
           {507, ErrorXml("InsufficientStorage"), Code::kExhausted}}) {
    ScriptedStore store({Answer(status, xml)});
    const auto put = S3Client(store.Options()).Put({"b", "k"}, "x");
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, code) << status;
    EXPECT_NE(put.error().message.find("s3://b/k"), std::string::npos);
    EXPECT_EQ(store.requests(), 1);
  }
}

TEST(S3Client, ABrokenDownloadGoesOnWhereItBroke) {
  std::string range, if_match;
  ScriptedStore store({Object("\"v1\"", "0123456789"),
                       [](net::ServerRequest&, net::ResponseWriter& response) {
                         response.headers.Set("ETag", "\"v1\"");
                         if (response.Start(200, 10)) (void)response.Write("01234");
                       },
                       [&](net::ServerRequest& request, net::ResponseWriter& response) {
                         range = request.headers.Get("Range");
                         if_match = request.headers.Get("If-Match");
                         response.headers.Set("ETag", "\"v1\"");
                         response.headers.Set("Content-Range", "bytes 5-9/10");
                         response.Send(206, "56789");
                       }});
  S3Client client(store.Options());
  const auto got = client.GetAll({"b", "k"}, 100);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, "0123456789");
  EXPECT_EQ(range, "bytes=5-9");
  EXPECT_EQ(if_match, "\"v1\"");
}

// Where an answer is not of the object, nothing of it may become the user's file.
TEST(S3Client, WhatIsNotTheObjectIsNotDownloaded) {
  const auto partial = [](std::string range, std::string bytes) -> ScriptedStore::Step {
    return [=](net::ServerRequest&, net::ResponseWriter& response) {
      response.headers.Set("ETag", "\"v1\"");
      response.headers.Set("Content-Range", range);
      response.Send(206, bytes);
    };
  };
  const std::tuple<const char*, ScriptedStore::Step, Code> cases[] = {
      {"a proxy's page", Answer(200, "<html>Please log in</html>"), Code::kCorrupt},
      {"another version", Object("\"v2\"", "0123456789"), Code::kConflict},
      {"a shorter one", Object("\"v1\"", "01234"), Code::kCorrupt},
      {"no content", Answer(204, ""), Code::kCorrupt},
      {"another range", partial("bytes 1-10/11", "1234567890"), Code::kCorrupt},
      {"a range that is not told", partial("", "0123456789"), Code::kCorrupt},
  };
  for (const auto& [what, answer, code] : cases) {
    ScriptedStore store({answer});
    S3Options options = store.Options();
    options.retry_for = std::chrono::seconds(0);
    io::TempDir dir;
    const std::string path = dir.path() + "/f";
    const ObjectInfo info{.key = "k", .size = 10, .etag = "v1"};
    const auto done = S3Client(options).Download({"b", "k"}, info, path, nullptr);
    ASSERT_FALSE(done) << what;
    EXPECT_EQ(done.error().code, code) << what << ": " << done.error().message;
    EXPECT_FALSE(io::Exists(path)) << what;
  }
}

// Some stores list no tags: then the object itself tells which one it is.
TEST(S3Client, AnObjectThatIsListedWithoutATagIsDownloadedWhileItsSizeIsTheSame) {
  ScriptedStore store({Object("W/\"v1\"", "0123456789")});
  S3Client client(store.Options());
  io::TempDir dir;
  const std::string path = dir.path() + "/f";
  const auto done = client.Download({"b", "k"}, {.key = "k", .size = 10}, path, nullptr);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(*io::ReadFile(path), "0123456789");
  EXPECT_EQ(client.Download({"b", "k"}, {.key = "k", .size = 9}, path, nullptr).error().code,
            Code::kConflict);
}

TEST(S3Client, AnObjectThatIsReplacedWhileItIsReadIsReadAnew) {
  ScriptedStore store({Object("\"v1\"", "old"), Object("\"v2\"", "newer"),
                       Object("\"v2\"", "newer"), Object("\"v2\"", "newer")});
  const auto got = S3Client(store.Options()).GetAll({"b", "k"}, 100);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, "newer");
}

TEST(S3Client, AnUnreachableStoreIsUnavailableInTheEnd) {
  S3Options options{.endpoint = "http://127.0.0.1:1",
                    .credentials = {"AKIA", "secret", ""},
                    .retry_for = std::chrono::seconds(0)};
  const auto head = S3Client(options).Head({"b", "k"});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, Code::kUnavailable);
}

TEST(S3Client, AStopEndsTheWaiting) {
  ScriptedStore store({Answer(503, "")});
  S3Options options = store.Options();
  options.retry_for = std::chrono::hours(1);
  std::stop_source stop;
  options.on_retry = [&](const std::string&) { stop.request_stop(); };
  const auto head = S3Client(options).Head({"b", "k"}, stop.get_token());
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, Code::kCancelled);
}

TEST(S3Client, AnObjectThatChangesUnderADownloadIsAConflictAndLeavesNoFile) {
  ScriptedStore store({Answer(412, ErrorXml("PreconditionFailed"))});
  io::TempDir dir;
  const std::string path = dir.path() + "/f";
  const auto done =
      S3Client(store.Options())
          .Download({"b", "k"}, {.key = "k", .size = 100u << 20, .etag = "v1"}, path, nullptr);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kConflict);
  EXPECT_FALSE(io::Exists(path));
}

TEST(S3Client, AnErrorBehindASuccessIsTriedAgainAsA500) {
  ScriptedStore store({Answer(200, "\n<?xml version=\"1.0\"?>" + ErrorXml("InternalError")),
                       [](net::ServerRequest&, net::ResponseWriter& response) {
                         response.headers.Set("ETag", "\"v1\"");
                         response.Send(200, "");
                       }});
  const auto put = S3Client(store.Options()).Put({"b", "k"}, "x");
  EXPECT_TRUE(put) << put.error().message;
  EXPECT_EQ(store.requests(), 2);
}

TEST(S3Client, APutIsDoneOnlyWhenTheStoreGivesAnEtag) {
  ScriptedStore store({Answer(200, "<!DOCTYPE html><html>Please log in</html>")});
  const auto put = S3Client(store.Options()).Put({"b", "k"}, "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::kCorrupt);
  EXPECT_NE(put.error().message.find("no ETag"), std::string::npos);
}

TEST(S3Client, AMultipartUploadIsDoneOnlyWhenTheStoreSaysSo) {
  for (const std::string& last :
       {ErrorXml("InternalError"), std::string("<html/>"), std::string()}) {
    ScriptedStore store({[&](net::ServerRequest& request, net::ResponseWriter& response) {
      response.headers.Set("ETag", "\"v1\"");
      if (request.method != "POST") return response.Send(200, "");
      response.Send(200, request.query.Has("uploads")
                             ? "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                               "</InitiateMultipartUploadResult>"
                             : last);
    }});
    S3Options options = store.Options();
    options.retry_for = std::chrono::seconds(0);
    uint64_t left = 17u << 20;
    const auto source = [&](std::span<char> out) -> Result<size_t> {
      const size_t n = std::min<uint64_t>(out.size(), left);
      left -= n;
      return n;
    };
    EXPECT_FALSE(S3Client(options).UploadStream({"b", "k"}, source, nullptr)) << last;
  }
}

TEST(S3Client, AFailedMultipartUploadIsAborted) {
  std::atomic<bool> aborted = false;
  ScriptedStore store({[&](net::ServerRequest& request, net::ResponseWriter& response) {
    if (request.query.Has("uploads")) {
      return response.Send(200,
                           "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                           "</InitiateMultipartUploadResult>");
    }
    if (request.method == "DELETE" && request.query.Get("uploadId") == "u") {
      aborted = true;
      return response.Send(204, "");
    }
    response.Send(403, ErrorXml("AccessDenied"));
  }});
  uint64_t left = 40u << 20;
  const auto done = S3Client(store.Options())
                        .UploadStream(
                            {"b", "k"},
                            [&](std::span<char> out) -> Result<size_t> {
                              const size_t n = std::min<uint64_t>(out.size(), left);
                              left -= n;
                              return n;
                            },
                            nullptr);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kForbidden);
  EXPECT_TRUE(aborted);
}

}  // namespace
}  // namespace leat::objectstore
