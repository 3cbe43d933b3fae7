// objectstore's S3Client against the endpoint: two sides of the protocol that were written apart.
#include "objectstore/s3_client.h"

#include <fcntl.h>

#include <atomic>
#include <thread>

#include "awsserver/testing/endpoint_fixture.h"
#include "base/bytes.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

using objectstore::ObjectInfo;
using objectstore::S3Client;
using objectstore::S3Options;
using objectstore::S3Url;

// The endpoint's clock must be right here: the client signs with the time of day.
class S3ClientAtEndpoint : public EndpointTest {
 protected:
  S3ClientAtEndpoint() {
    clock_.Advance(std::chrono::system_clock::now() - clock_.Now());
    client_.emplace(Options(root_));
    EXPECT_TRUE(client_->CreateBucket("bucket"));
  }
  S3Options Options(const aws::Credentials& credentials) const {
    return {.endpoint = "http://127.0.0.1:" + std::to_string(server_->port()),
            .credentials = credentials,
            .retry_for = std::chrono::seconds(20)};
  }
  // Bytes that repeat nowhere near a part's size.
  static std::string Pattern(size_t size) {
    std::string bytes(size, '\0');
    uint32_t state = 1;
    for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
  }
  std::optional<S3Client> client_;
};

TEST_F(S3ClientAtEndpoint, PutsGetsListsAndDeletes) {
  EXPECT_TRUE(client_->HeadBucket("bucket"));
  EXPECT_EQ(client_->HeadBucket("none").error().code, Code::kNotFound);
  EXPECT_EQ(client_->CreateBucket("bucket").error().code, Code::kAlreadyExists);
  ASSERT_TRUE(client_->Put({"bucket", "a/../b c&"}, "one"));
  ASSERT_TRUE(client_->Put({"bucket", "a"}, "four"));
  EXPECT_EQ(*client_->GetAll({"bucket", "a/../b c&"}, 10), "one");
  EXPECT_EQ(client_->GetAll({"bucket", "a"}, 3).error().code, Code::kTooLarge);
  EXPECT_EQ(client_->Head({"bucket", "a"})->size, 4u);
  EXPECT_EQ(client_->Head({"bucket", "none"}).error().code, Code::kNotFound);
  std::vector<std::string> keys;
  ASSERT_TRUE(client_->List("bucket", "a", [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return true;
  }));
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "a/../b c&"}));
  EXPECT_TRUE(client_->Delete({"bucket", "a"}));
  EXPECT_EQ(client_->GetAll({"bucket", "a"}, 10).error().code, Code::kNotFound);
}

TEST_F(S3ClientAtEndpoint, ListsMoreThanAPage) {
  for (int i = 0; i < 1005; ++i) {
    ASSERT_TRUE(client_->Put({"bucket", "k" + std::to_string(10000 + i)}, ""));
  }
  int count = 0;
  ASSERT_TRUE(client_->List("bucket", "k", [&](const ObjectInfo&) { return ++count < 1003; }));
  EXPECT_EQ(count, 1003);
}

TEST_F(S3ClientAtEndpoint, LargeFilesGoUpAndDownInParallel) {
  const std::string bytes = Pattern(70_MiB + 12345);
  const std::string path = dir_.path() + "/up", copy = dir_.path() + "/down";
  ASSERT_TRUE(io::WriteFile(path, bytes));
  const auto fd = io::Open(path, O_RDONLY);
  std::atomic<uint64_t> sent = 0, received = 0;
  const auto up =
      client_->Upload({"bucket", "big"}, fd->get(), bytes.size(), [&](uint64_t n) { sent += n; });
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_EQ(sent, bytes.size());
  const auto info = client_->Head({"bucket", "big"});
  EXPECT_TRUE(info->etag.ends_with("-5")) << info->etag;
  const auto down =
      client_->Download({"bucket", "big"}, *info, copy, [&](uint64_t n) { received += n; });
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_EQ(received, bytes.size());
  EXPECT_TRUE(*io::ReadFile(copy, 100_MiB) == bytes);
}

TEST_F(S3ClientAtEndpoint, StreamsOfUnknownLengthGoUp) {
  for (const size_t size : {size_t{0}, size_t{5}, size_t{16_MiB}, size_t{33_MiB}}) {
    const std::string bytes = Pattern(size);
    size_t at = 0;
    const auto up = client_->UploadStream(
        {"bucket", "stream"},
        [&](std::span<char> out) -> Result<size_t> {
          const size_t n = std::min({out.size(), bytes.size() - at, size_t{100'000}});
          std::copy_n(bytes.data() + at, n, out.data());
          at += n;
          return n;
        },
        nullptr);
    ASSERT_TRUE(up) << up.error().message;
    EXPECT_TRUE(*client_->GetAll({"bucket", "stream"}, 100_MiB) == bytes) << size;
  }
  EXPECT_EQ(Get("/bucket?uploads").body.find("<Upload>"), std::string::npos);
}

TEST_F(S3ClientAtEndpoint, JobKeysWorkAndAreHeldToTheirPolicy) {
  ASSERT_TRUE(client_->Put({"bucket", "in/a"}, "x"));
  S3Client job(Options(MakeJobKey("ASIAJOB", R"({"read": ["bucket/in"]})")));
  EXPECT_EQ(*job.GetAll({"bucket", "in/a"}, 10), "x");
  EXPECT_EQ(job.Put({"bucket", "in/a"}, "y").error().code, Code::kForbidden);
  EXPECT_EQ(job.List("bucket", "", [](const ObjectInfo&) { return true; }).error().code,
            Code::kForbidden);
}

TEST_F(S3ClientAtEndpoint, AReaderKeepsTheObjectItStartedOn) {
  const std::string bytes = Pattern(20_MiB);
  ASSERT_TRUE(client_->Put({"bucket", "k"}, bytes));
  std::string got;
  bool replaced = false;
  const auto info = client_->Head({"bucket", "k"});
  ASSERT_TRUE(info);
  const auto take = [&](std::string_view piece) -> Status {
    if (!replaced) {
      EXPECT_TRUE(client_->Put({"bucket", "k"}, "new"));
      replaced = true;
    }
    got += piece;
    return {};
  };
  const auto read = client_->Read({"bucket", "k"}, *info, 0, info->size, take);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(got == bytes);
  EXPECT_EQ(*client_->GetAll({"bucket", "k"}, 100), "new");
}

TEST_F(S3ClientAtEndpoint, ManyWritersOfOneKeyLeaveOneOfTheirObjects) {
  std::vector<std::jthread> writers;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      S3Client client(Options(root_));
      for (int n = 0; n < 10; ++n) {
        if (!client.Put({"bucket", "hot"}, std::string(1000, static_cast<char>('a' + i)))) {
          ++failures;
        }
      }
    });
  }
  writers.clear();
  EXPECT_EQ(failures, 0);
  const std::string last = *client_->GetAll({"bucket", "hot"}, 10'000);
  EXPECT_EQ(last, std::string(1000, last[0]));
  EXPECT_EQ(FilesOnDisk(), 1);
}

}  // namespace
}  // namespace leat::awsserver
