#include "awsserver/blob_store.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "awsserver/s3_operations.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/bytes.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

class Blobs : public ::testing::Test {
 protected:
  std::string Keep(BlobStore& store, const std::string& bytes) {
    auto writer = store.Create();
    EXPECT_TRUE(writer);
    EXPECT_TRUE(writer->Append(bytes));
    return *writer->Keep();
  }
  bool Exists(BlobStore& store, const std::string& id) { return store.OpenBlob(id).has_value(); }
  io::TempDir dir_;
};

TEST_F(Blobs, WhatIsKeptReadsBackAndWhatIsNotVanishes) {
  auto store = *BlobStore::Open(dir_.path());
  const std::string id = Keep(*store, "bytes");
  EXPECT_EQ(*io::ReadFd(store->OpenBlob(id)->get()), "bytes");
  {
    auto dropped = store->Create();
    ASSERT_TRUE(dropped->Append("half"));
  }
  EXPECT_TRUE(io::ListDir(dir_.path() + "/incoming")->empty());
}

TEST_F(Blobs, OfAFailedWriteAreRemovedWhenSurelyNoRowNamesThem) {
  FakeClock clock;
  auto store = *BlobStore::Open(dir_.path());
  auto index = *ObjectIndex::Open(dir_.path() + "/s3.sqlite");
  const S3Stores stores{*index, *store, clock};
  for (const auto& [why, stays] : {std::pair{Code::kConflict, false},
                                   {Code::kNotFound, false},
                                   {Code::kExhausted, false},
                                   {Code::kInternal, true}}) {
    const std::string id = Keep(*store, "bytes");
    SettleBlob(stores, id, Error{why, "refused"});
    EXPECT_EQ(store->Has(id), stays) << CodeName(why);
  }
}

TEST_F(Blobs, AreReadableBeforeAndAfterTheyAreSettled) {
  auto store = *BlobStore::Open(dir_.path());
  const std::string id = Keep(*store, "bytes");
  EXPECT_FALSE(io::Exists(store->PathOf({.id = id})));
  EXPECT_EQ(*io::ReadFd(store->OpenBlob(id)->get()), "bytes");
  store->Settle(id);
  EXPECT_TRUE(io::Exists(store->PathOf({.id = id})));
  EXPECT_EQ(*io::ReadFd(store->OpenBlob(id)->get()), "bytes");
}

TEST_F(Blobs, ALeaseKeepsItsOwnBlobsAndNoOthers) {
  auto store = *BlobStore::Open(dir_.path());
  const std::string first = Keep(*store, "1"), second = Keep(*store, "2"),
                    other = Keep(*store, "3");
  auto one = store->Hold({first, second});
  ASSERT_TRUE(one);
  auto two = store->Hold({first});
  ASSERT_TRUE(two);
  store->Remove({first, second, other});
  EXPECT_TRUE(Exists(*store, first));
  EXPECT_TRUE(Exists(*store, second));
  EXPECT_FALSE(Exists(*store, other));
  one->reset();
  EXPECT_TRUE(Exists(*store, first));
  EXPECT_FALSE(Exists(*store, second));
  two->reset();
  EXPECT_FALSE(Exists(*store, first));
}

TEST_F(Blobs, WhatWasRemovedIsNotHeld) {
  auto store = *BlobStore::Open(dir_.path());
  const std::string id = Keep(*store, "1"), held = Keep(*store, "2");
  store->Remove({id});
  EXPECT_EQ(store->Hold({id}).error().code, Code::kNotFound);
  auto lease = store->Hold({held});
  store->Remove({held});
  EXPECT_EQ(store->Hold({held}).error().code, Code::kNotFound);
}

TEST_F(Blobs, RemovalsAreToldOnce) {
  auto store = *BlobStore::Open(dir_.path());
  const std::string id = Keep(*store, "1");
  store->Remove({id});
  EXPECT_EQ(*store->AwaitRemoved(1, {}), std::vector<std::string>{id});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(store->AwaitRemoved(1, stop.get_token())->empty());
}

class FullDisk : public EndpointTest {
 protected:
  // Puts the endpoint onto a small disk of its own.
  bool Shrink() {
    server_.reset();
    endpoint_.reset();
    if (::geteuid() != 0 || ::mount("tmpfs", Mount().c_str(), "tmpfs", MS_NOSUID,
                                    "size=70m" /* 6 of them the databases hold back */) != 0) {
      return false;
    }
    mounted_ = true;
    Restart();
    return true;
  }
  ~FullDisk() override {
    server_.reset();
    endpoint_.reset();
    if (mounted_) ::umount2(Mount().c_str(), MNT_DETACH);
  }
  std::string Mount() const { return dir_.path() + "/aws"; }
  bool mounted_ = false;
};

TEST_F(FullDisk, RefusesWhatDoesNotFitAndLivesOn) {
  if (!Shrink()) GTEST_SKIP() << "needs root and mount(2)";
  Put("/bucket", "");
  ASSERT_EQ(Put("/bucket/first", std::string(10_MiB, 'x')).status, 200);
  const HttpAnswer refused = Put("/bucket/second", std::string(40_MiB, 'x'));
  EXPECT_EQ(refused.status, 507);
  EXPECT_EQ(refused.Code(), "InsufficientStorage");
  EXPECT_TRUE(io::ListDir(Mount() + "/incoming")->empty());
  EXPECT_EQ(FilesOnDisk(), 1);
  EXPECT_EQ(Get("/bucket/first").body.size(), 10_MiB);
  EXPECT_EQ(Put("/bucket/third", std::string(20_MiB, 'x')).status, 200);
  EXPECT_EQ(Put("/bucket/fourth", std::string(4_MiB, 'x')).status, 507);
  EXPECT_EQ(S3({.method = "DELETE", .target = "/bucket/first"}).status, 204);
  EXPECT_EQ(Put("/bucket/fourth", std::string(4_MiB, 'x')).status, 200);
}

}  // namespace
}  // namespace leat::awsserver
