#include "datanode/gone_objects.h"

#include <gtest/gtest.h>

#include <map>

#include "io/file.h"

namespace leat::datanode {
namespace {

using namespace std::chrono_literals;
using objectstore::ObjectInfo;

// Answers HEAD only.
class FakeStore : public objectstore::ObjectStore {
 public:
  const std::string& Name() const override { return name_; }
  Status List(const std::string&, const std::string&, const std::function<bool(ObjectInfo)>&,
              const std::stop_token&) override {
    return {};
  }
  Result<objectstore::Listing> ListLevel(const std::string&, size_t,
                                         const std::stop_token&) override {
    return objectstore::Listing{};
  }
  Result<ObjectInfo> Head(const std::string& key, const std::stop_token&) override {
    ++heads;
    if (down) return Error{Code::kUnavailable, "down"};
    const auto found = objects.find(key);
    if (found == objects.end()) return Error{Code::kNotFound, key};
    return found->second;
  }
  Status Get(const std::string&, const std::string&, uint64_t, uint64_t,
             const std::function<Status(std::string_view)>&, const std::stop_token&) override {
    return {};
  }

  std::map<std::string, ObjectInfo> objects;
  int heads = 0;
  bool down = false;

 private:
  const std::string name_ = "fake://";
};

class GoneObjectsTest : public testing::Test {
 protected:
  GoneObjectsTest() {
    ManifestBuilder builder("fake://", nullptr);
    for (const ObjectInfo& object : all_) builder.Add(object);
    EXPECT_TRUE(builder.Write(dir_.path() + "/manifest", 0));
    manifest_ = *Manifest::Open(dir_.path() + "/manifest");
    tree_ = std::make_unique<Tree>(manifest_);
    for (const char* key : {"d/x", "d/y"}) {
      ids_[key] = tree_->FindPath(key)->id;
      EXPECT_TRUE(tree_->Amend(ids_[key], std::nullopt, log_));
      gone_.Add(ids_[key], now_);
    }
  }
  std::vector<Change> Look(std::chrono::seconds later) {
    now_ += later;
    return gone_.Look(*tree_, store_, log_, now_, {});
  }

  const std::vector<ObjectInfo> all_ = {{.key = "d/x", .size = 3, .etag = "1"},
                                        {.key = "d/y", .size = 3, .etag = "1"},
                                        {.key = "z", .size = 3, .etag = "1"}};
  io::TempDir dir_;
  const std::string log_ = dir_.path() + "/amendments";
  std::shared_ptr<const Manifest> manifest_;
  std::unique_ptr<Tree> tree_;
  std::map<std::string, uint64_t> ids_;
  FakeStore store_;
  GoneObjects gone_;
  MonoTime now_{1h};
};

TEST_F(GoneObjectsTest, TheSameVersionIsTheSameFileAgain) {
  EXPECT_FALSE(tree_->FindPath("d/x"));
  store_.objects["d/x"] = all_[0];
  EXPECT_FALSE(gone_.empty());
  EXPECT_TRUE(Look(0s).empty()) << "not at once";
  const auto changes = Look(1s);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].name, "x");
  EXPECT_EQ(changes[0].directory, tree_->FindPath("d")->id);
  EXPECT_EQ(tree_->FindPath("d/x")->id, ids_["d/x"]);
  EXPECT_EQ(tree_->Gone(), std::vector<uint64_t>{ids_["d/y"]});

  Tree next_worker(manifest_);
  ASSERT_TRUE(next_worker.ReadAmendments(log_));
  EXPECT_EQ(next_worker.FindPath("d/x")->id, ids_["d/x"]);
  EXPECT_FALSE(next_worker.FindPath("d/y"));
  // It may go again.
  EXPECT_TRUE(tree_->Amend(ids_["d/x"], std::nullopt, log_));
  EXPECT_FALSE(tree_->FindPath("d/x"));
}

TEST_F(GoneObjectsTest, AnotherVersionIsAnotherFile) {
  store_.objects["d/y"] = {.key = "d/y", .size = 4, .etag = "2"};
  ASSERT_EQ(Look(1s).size(), 1u);
  const auto file = tree_->FindPath("d/y");
  ASSERT_TRUE(file);
  EXPECT_NE(file->id, ids_["d/y"]);
  EXPECT_EQ(file->size, 4u);
  EXPECT_EQ(tree_->Find(ids_["d/y"])->size, 3u);
  EXPECT_EQ(tree_->Amend(ids_["d/y"], all_[1], log_).error().code, Code::kConflict);
}

TEST_F(GoneObjectsTest, WhatStaysGoneIsAskedForLessAndLess) {
  for (int second = 0; second < 24 * 3600; ++second) Look(1s);
  EXPECT_GE(store_.heads, 2 * 30);
  EXPECT_LE(store_.heads, 2 * 40);
}

TEST_F(GoneObjectsTest, AStoreThatCannotAnswerIsLeftAlone) {
  store_.down = true;
  for (int second = 0; second < 120; ++second) EXPECT_TRUE(Look(1s).empty());
  EXPECT_EQ(store_.heads, 1);
  store_.down = false;
  store_.objects = {{"d/x", all_[0]}, {"d/y", all_[1]}};
  EXPECT_EQ(Look(1s).size(), 2u);
  EXPECT_TRUE(gone_.empty());
}

TEST_F(GoneObjectsTest, AfterAListingAllAreAskedForAtOnce) {
  for (int second = 0; second < 3600; ++second) Look(1s);
  store_.objects["d/x"] = all_[0];
  store_.down = true;
  for (int second = 0; second < 3600; ++second) Look(1s);
  store_.down = false;
  store_.heads = 0;
  gone_.AllDue(now_);
  EXPECT_EQ(Look(0s).size(), 1u);
  EXPECT_EQ(store_.heads, 2);
  EXPECT_TRUE(tree_->FindPath("d/x"));
  EXPECT_TRUE(Look(1s).empty());
  EXPECT_EQ(store_.heads, 2) << "what stays gone waits as before";
}

TEST_F(GoneObjectsTest, WhatAListingLeftOutIsNotAskedFor) {
  ManifestBuilder builder("fake://", manifest_);
  builder.Add(all_[0]);
  ASSERT_TRUE(builder.Write(dir_.path() + "/second", 0));
  tree_->Replace(*Manifest::Open(dir_.path() + "/second"));
  Look(1s);
  EXPECT_EQ(store_.heads, 1);
  for (int second = 0; second < 100; ++second) Look(1s);
  EXPECT_FALSE(tree_->FindGone(ids_["d/y"]));
  EXPECT_TRUE(tree_->FindGone(ids_["d/x"]));
}

}  // namespace
}  // namespace leat::datanode
