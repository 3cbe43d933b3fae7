// List and watch through the in-process client.
#include "apiserver/local_client.h"
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using api::WatchEventType;
using api::gvr::kConfigMaps;
using api::gvr::kPods;

class ListWatchTest : public ApiTest {
 protected:
  void Make(const std::string& name, const std::string& label) {
    json::Value object = ConfigMap(name, "1");
    object.Mut("metadata").Mut("labels").Set("color", label);
    auto made = client().Create(kConfigMaps, object);
    ASSERT_TRUE(made) << made.error().message;
  }
  void Paint(const std::string& name, const std::string& label) {
    json::Value patch = json::Object();
    patch.Mut("metadata").Mut("labels").Set("color", label);
    ASSERT_TRUE(client().Patch(kConfigMaps, {"default", name}, api::PatchType::kMerge, patch));
  }
  std::vector<std::string> Listed(const api::ListOptions& options) {
    std::vector<std::string> names;
    auto list = client().List(kConfigMaps, options);
    EXPECT_TRUE(list);
    if (list) {
      for (const json::Value& item : list->items) names.push_back(api::NameOf(item).name);
    }
    return names;
  }
  std::unique_ptr<api::ObjectWatch> Watch(const api::ListOptions& options,
                                          const std::string& version) {
    auto watch = client().Watch(kConfigMaps, options, version);
    EXPECT_TRUE(watch) << watch.error().message;
    return watch ? std::move(*watch) : nullptr;
  }
  std::string Next(api::ObjectWatch& watch) {
    auto event = watch.Next(kPatience, {});
    if (!event) return event.error().message;
    const char* names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
    return std::string(names[static_cast<int>(event->type)]) + " " +
           api::NameOf(*event->object).name;
  }
  std::string Here() { return client().List(kConfigMaps)->resource_version; }
};

using Names = std::vector<std::string>;

TEST_F(ListWatchTest, SelectorsChooseObjects) {
  Make("a", "red");
  Make("b", "blue");
  Make("c", "red");
  EXPECT_EQ(Listed({.label_selector = "color=red"}), (Names{"a", "c"}));
  EXPECT_EQ(Listed({.label_selector = "color in (blue,green)"}), (Names{"b"}));
  EXPECT_EQ(Listed({.field_selector = "metadata.name=b"}), (Names{"b"}));
  EXPECT_EQ(Listed({.ns = "default", .field_selector = "metadata.name=b"}), (Names{"b"}));
  EXPECT_EQ(
      Listed({.ns = "default", .label_selector = "color=red", .field_selector = "metadata.name=b"}),
      Names{});
  EXPECT_EQ(Listed({.ns = "kube-public"}), Names{});
}

TEST_F(ListWatchTest, UnknownFieldsAreRefused) {
  auto list = client().List(kConfigMaps, {.field_selector = "data.key=1"});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().message, "field label not supported: data.key");
}

TEST_F(ListWatchTest, WatchFromAListMissesAndRepeatsNothing) {
  Make("a", "red");
  auto watch = Watch({.ns = "default"}, Here());
  Make("b", "red");
  Paint("a", "blue");
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "b"}));
  EXPECT_EQ(Next(*watch), "ADDED b");
  EXPECT_EQ(Next(*watch), "MODIFIED a");
  EXPECT_EQ(Next(*watch), "DELETED b");
  EXPECT_EQ(watch->Next(std::chrono::nanoseconds(1), {}).error().code, Code::kTimeout);
}

TEST_F(ListWatchTest, WatchFromNothingBeginsWithWhatThereIs) {
  Make("a", "red");
  Make("b", "red");
  auto watch = Watch({.ns = "default"}, "");
  Make("c", "red");
  EXPECT_EQ(Next(*watch), "ADDED a");
  EXPECT_EQ(Next(*watch), "ADDED b");
  EXPECT_EQ(Next(*watch), "ADDED c");
}

TEST_F(ListWatchTest, WatchResumesFromHistory) {
  Make("a", "red");
  const std::string then = Here();
  Paint("a", "blue");
  Make("b", "red");
  auto watch = Watch({.ns = "default"}, then);
  EXPECT_EQ(Next(*watch), "MODIFIED a");
  EXPECT_EQ(Next(*watch), "ADDED b");
}

TEST_F(ListWatchTest, SelectorChangesLookLikeComingAndGoing) {
  Make("a", "red");
  auto watch = Watch({.label_selector = "color=blue"}, Here());
  Paint("a", "blue");
  Paint("a", "red");
  Paint("a", "green");
  Make("b", "blue");
  EXPECT_EQ(Next(*watch), "ADDED a");
  auto left = watch->Next(kPatience, {});
  ASSERT_TRUE(left);
  EXPECT_EQ(left->type, WatchEventType::kDeleted);
  EXPECT_EQ((*left->object)["metadata"]["labels"]["color"].AsString(), "blue");
  EXPECT_EQ(Next(*watch), "ADDED b");
}

TEST_F(ListWatchTest, RevisionOfAnotherLifeMustListAgain) {
  auto watch = client().Watch(kConfigMaps, {}, "999999999");
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().code, Code::kExpired);
  EXPECT_EQ(client().Watch(kConfigMaps, {}, "abc").error().code, Code::kInvalid);
}

TEST_F(ListWatchTest, StopEndsAWait) {
  auto watch = Watch({}, Here());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(watch->Next(kPatience, stop.get_token()).error().code, Code::kCancelled);
}

TEST_F(ListWatchTest, ReaderThatFallsBehindIsEndedAndCanResume) {
  const api::Gvr& type = api::gvr::kEvents;  // a relaxed type: its writes do not wait for the disk
  auto made = client().Create(type, *json::Parse(R"({
      "metadata": {"name": "a", "namespace": "default"},
      "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"}})"));
  ASSERT_TRUE(made) << made.error().message;
  auto watch = client().Watch(type, {}, client().List(type)->resource_version);
  ASSERT_TRUE(watch);
  // Past the verbs, for speed: only the number of changes matters.
  auto entry = store().Get({"events", "default", "a"});
  for (size_t i = 0; i <= kLocalWatchQueue; ++i) {
    json::Value next = (*entry)->value;
    next.Set("count", i);
    entry = store().Put((*entry)->key, (*entry)->revision, std::move(next));
    ASSERT_TRUE(entry);
  }
  std::string last;
  Result<api::WatchEvent> event = (*watch)->Next(kPatience, {});
  for (; event; event = (*watch)->Next(kPatience, {})) {
    last = (*event->object)["metadata"]["resourceVersion"].Str();
  }
  EXPECT_EQ(event.error().code, Code::kUnavailable);
  auto resumed = client().Watch(type, {}, last);
  ASSERT_TRUE(resumed);
  auto next = (*resumed)->Next(kPatience, {});
  ASSERT_TRUE(next);
  EXPECT_EQ((*next->object)["metadata"]["resourceVersion"].AsString(),
            std::to_string((*entry)->revision));
}

}  // namespace
}  // namespace leat::apiserver
