#include "cli/own_objects.h"

#include <gtest/gtest.h>

#include "apiserver/apiserver.h"
#include "io/file.h"

namespace leat::cli {
namespace {

using api::gvr::kConfigMaps;

constexpr std::chrono::seconds kPatience{20};

json::Value Config(const std::string& value) {
  return json::Object({{"metadata", json::Object({{"name", "own"}, {"namespace", "default"}})},
                       {"data", json::Object({{"key", value}})}});
}

class OwnObjectsTest : public ::testing::Test {
 protected:
  OwnObjectsTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        server_(*apiserver::ApiServer::Start({.access = {}}, *store_, clock_)),
        own_(client(), clock_) {}
  api::ObjectClient& client() { return server_->client(); }
  std::string Value() {
    auto now = client().Get(kConfigMaps, name_);
    return now ? (*now)["data"]["key"].Str() : now.error().message;
  }

  const api::ObjectName name_{"default", "own"};
  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  OwnObjects own_;
};

TEST_F(OwnObjectsTest, AnObjectIsCreatedAndLaterBroughtToTheSameContent) {
  ASSERT_TRUE(own_.Put(kConfigMaps, Config("1")));
  EXPECT_EQ(Value(), "1");
  ASSERT_TRUE(own_.Put(kConfigMaps, Config("2")));
  EXPECT_EQ(Value(), "2");
}

TEST_F(OwnObjectsTest, OneThatIsBeingDeletedIsCreatedAgainWhenItIsGone) {
  json::Value held = Config("1");
  held.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  ASSERT_TRUE(client().Create(kConfigMaps, held));
  ASSERT_TRUE(client().Delete(kConfigMaps, name_));
  ASSERT_TRUE(own_.Put(kConfigMaps, Config("2")));

  auto watch = client().Watch(kConfigMaps, {.ns = "default"}, "");
  ASSERT_TRUE(watch);
  ASSERT_TRUE(client().Patch(kConfigMaps, name_, api::PatchType::kMerge,
                             *json::Parse(R"({"metadata":{"finalizers":null}})")));
  bool gone = false;
  while (true) {
    auto event = (*watch)->Next(kPatience, {});
    ASSERT_TRUE(event) << event.error().message;
    if (event->type == api::WatchEventType::kDeleted) gone = true;
    if (gone && event->type == api::WatchEventType::kAdded) break;
  }
  EXPECT_EQ(Value(), "2");
  EXPECT_FALSE((*client().Get(kConfigMaps, name_))["metadata"].Has("deletionTimestamp"));
}

}  // namespace
}  // namespace leat::cli
