// What a data node does with what is kept for mounts; mounts themselves: tests/mount.
#include "datanode/data_node.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "datanode/kept_messages.h"
#include "datanode/live_mount.h"
#include "io/file.h"
#include "io/unix_socket.h"

namespace leat::datanode {
namespace {

using Names = std::set<std::string>;

class DataNodeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = io::SocketPair();
    ASSERT_TRUE(pair);
    supervisor_ = std::move(pair->first);
    worker_ = std::move(pair->second);
    ASSERT_TRUE(io::MakeDirs(source_, 0700));
    ASSERT_TRUE(io::MakeDirs(record_.directory, 0700));
  }
  void Kept(const std::string& name, const std::string& text, int fd = -1) {
    std::vector<int> fds;
    if (fd >= 0) fds.push_back(fd);
    ASSERT_TRUE(io::SendMessage(supervisor_.get(), KeepMessage(name, text), fds));
  }
  // A data node that takes over what is kept.
  void Start() {
    ASSERT_TRUE(io::SendMessage(supervisor_.get(), EndMessage()));
    auto keeper = Keeper::Connect(std::move(worker_));
    ASSERT_TRUE(keeper);
    keeper_.emplace(std::move(*keeper));
    auto node = DataNode::Start(
        {.directories = {{.path = dir_.path() + "/cache", .limit = 1 << 30}}}, *keeper_, clock_);
    ASSERT_TRUE(node) << node.error().message;
    node_ = std::move(*node);
  }
  // Reads what the supervisor is told until all these were forgotten.
  Names Forgotten(const Names& expected) {
    Names forgotten;
    while (!std::includes(forgotten.begin(), forgotten.end(), expected.begin(), expected.end())) {
      auto message = io::ReceiveMessage(supervisor_.get(), {}, std::chrono::seconds(10));
      if (!message) break;
      const auto parsed = ParseKeptMessage(std::move(*message));
      if (parsed && parsed->kind == KeptMessage::Kind::kForget) forgotten.insert(parsed->kept.name);
      if (parsed && parsed->kind == KeptMessage::Kind::kKeep) forgotten.erase(parsed->kept.name);
    }
    return forgotten;
  }

  RealClock clock_;
  io::TempDir dir_;
  const std::string source_ = dir_.path() + "/source";
  const std::string mountpoint_ = dir_.path() + "/mnt";
  MountRecord record_{.spec = {.source = "file://" + source_, .mountpoint = mountpoint_},
                      .id = "id1",
                      .directory = dir_.path() + "/manifests",
                      .manifests = {"manifest-1"}};
  const Names all_ = {"mount:" + mountpoint_, "devices:" + mountpoint_, "backing:id1:15"};
  io::UniqueFd supervisor_;
  io::UniqueFd worker_;
  std::optional<Keeper> keeper_;
  std::unique_ptr<DataNode> node_;
};

TEST_F(DataNodeTest, AllThatIsKeptForAMountThatCannotGoOnIsForgotten) {
  auto device = io::Open("/dev/null", O_WRONLY);
  ASSERT_TRUE(device);
  Kept("mount:" + mountpoint_, record_.ToText());  // its manifest is missing
  Kept("devices:" + mountpoint_, "", device->get());
  Kept("backing:id1:15", "3");
  Kept("backing:of an earlier mount:15", "0");
  Start();
  EXPECT_TRUE(node_->empty());
  Names expected = all_;
  expected.insert("backing:of an earlier mount:15");
  EXPECT_EQ(Forgotten(expected), expected);
}

TEST_F(DataNodeTest, WhatIsKeptForAFileThatNoManifestKnowsIsForgottenWithItsMount) {
  ManifestBuilder builder("file://" + source_, nullptr);
  builder.Add({.key = "x", .size = 1, .etag = "1"});
  ASSERT_TRUE(builder.Write(record_.directory + "/manifest-1", 0));
  auto device = io::Open("/dev/null", O_WRONLY);  // reading fails as it does when a mount is gone
  ASSERT_TRUE(device);
  Kept("mount:" + mountpoint_, record_.ToText());
  Kept("devices:" + mountpoint_, "", device->get());
  Kept("backing:id1:15", "0");
  Start();
  EXPECT_EQ(Forgotten(all_), all_);
}

TEST_F(DataNodeTest, WhatAWorkerThatDiedBeforeItMountedLeftIsRemoved) {
  const std::string directory = dir_.path() + "/cache/mounts/0123";
  ASSERT_TRUE(io::MakeDirs(directory, 0700));
  for (const char* name : {"manifest-17", "manifest-18.new", "amendments", "pinned-17",
                           "pinned-18.new", "listing", "listing.partial"})
    ASSERT_TRUE(io::WriteFile(directory + "/" + name, "text"));
  Start();
  EXPECT_EQ(*io::ListDir(directory),
            (std::vector<std::string>{"listing", "listing.partial", "pinned-17"}))
      << "the pinned one is of a mount that was there";
}

TEST_F(DataNodeTest, RoomThatAnEarlierWorkerDidNotGiveBackIsGivenBack) {
  const auto id = [](int n) { return blocks::ObjectId::Of("file:///", std::to_string(n), "1", 1); };
  const uint64_t dead = 60 * 200'000;
  {
    auto cache = blocks::Cache::Open({{.path = dir_.path() + "/cache", .limit = 1 << 30}}, clock_);
    ASSERT_TRUE(cache) << cache.error().message;
    for (int n = 0; n <= 60; ++n) ASSERT_TRUE((*cache)->PutSmall(id(n), std::string(200'000, 'x')));
    for (int n = 0; n < 60; ++n) ASSERT_TRUE((*cache)->Evict(id(n)));
    ASSERT_GT((*cache)->Stats().used, dead);
  }
  Start();
  while (node_->cache().Stats().used > dead) std::this_thread::yield();  // the test's time-out
  EXPECT_TRUE(node_->cache().HasSmall(id(60)));
}

// What it lists is no pinned version until it is mounted.
TEST_F(DataNodeTest, AMountIsPinnedOnceItIsThere) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs mounts";
  Start();
  ASSERT_TRUE(io::WriteFile(source_ + "/x", "bytes"));
  ASSERT_TRUE(io::MakeDirs(mountpoint_));
  MountSpec spec = record_.spec;
  spec.version_pin = true;
  std::vector<std::string> names;
  for (int round = 0; round < 2; ++round) {
    const auto mounted = node_->Mount(spec, [](const ListingProgress&) {}, {});
    ASSERT_TRUE(mounted) << mounted.error().message;
    const std::string directories = dir_.path() + "/cache/mounts";
    names = *io::ListDir(directories + "/" + io::ListDir(directories)->front());
    ASSERT_FALSE(names.empty());
    EXPECT_TRUE(names.back().starts_with("pinned-")) << names.back();
    EXPECT_EQ(names.front().starts_with("manifest-"), round == 0) << "of the second: that alone";
    EXPECT_TRUE(node_->Unmount(mountpoint_, true));
    while (!node_->empty()) std::this_thread::yield();  // the test's time-out
  }
}

// There is no such directory to mount at, which is found out after the listing.
TEST_F(DataNodeTest, AMountThatFailsLeavesNoListToBeginWith) {
  Start();
  ASSERT_TRUE(io::WriteFile(source_ + "/x", "bytes"));
  MountSpec spec = record_.spec;
  spec.version_pin = true;
  const auto mounted = node_->Mount(spec, [](const ListingProgress&) {}, {});
  ASSERT_FALSE(mounted);
  EXPECT_NE(mounted.error().code, Code::kCorrupt) << mounted.error().message;
  const auto directories = io::ListDir(dir_.path() + "/cache/mounts");
  ASSERT_TRUE(directories);
  ASSERT_EQ(directories->size(), 1u);
  const std::string directory = dir_.path() + "/cache/mounts/" + directories->front();
  EXPECT_EQ(io::ListDir(directory)->size(), 0u) << io::ListDir(directory)->front();
  EXPECT_TRUE(node_->empty());

  const std::string pinned = directory + "/pinned-17";
  ASSERT_TRUE(io::WriteFile(pinned + ".new", "half of one that was being written"));
  EXPECT_NE(node_->Mount(spec, [](const ListingProgress&) {}, {}).error().code, Code::kCorrupt);

  // Another version must not be shown in silence.
  ASSERT_TRUE(io::WriteFile(pinned, "damaged"));
  const auto damaged = node_->Mount(spec, [](const ListingProgress&) {}, {});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kCorrupt);
  for (const std::string& part : {std::string("--version-pin"), pinned})
    EXPECT_NE(damaged.error().message.find(part), std::string::npos) << damaged.error().message;
  EXPECT_TRUE(io::ReadFile(pinned, 100)) << "for whoever wants to look";
  spec.version_pin = false;
  EXPECT_NE(node_->Mount(spec, [](const ListingProgress&) {}, {}).error().code, Code::kCorrupt);
  EXPECT_FALSE(io::ReadFile(pinned, 100));
}

}  // namespace
}  // namespace leat::datanode
