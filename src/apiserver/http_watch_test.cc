// Watches and followed logs over HTTP.
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

class HttpWatchTest : public HttpApiTest {
 protected:
  void Make(const std::string& name) {
    auto made = client().Create(api::gvr::kConfigMaps, ConfigMap(name, "1"));
    ASSERT_TRUE(made) << made.error().message;
  }
  std::string Here() { return client().List(api::gvr::kConfigMaps)->resource_version; }
  static std::string NameIn(const json::Value& event) {
    return event["object"]["metadata"]["name"].Str();
  }
};

TEST_F(HttpWatchTest, EventsFollowTheirRevision) {
  Make("a");
  Lines watch = Open(std::string(kMaps) + "?watch=true&resourceVersion=" + Here());
  EXPECT_EQ(watch.response().status, 200);
  Make("b");
  ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "a"}));
  json::Value event = watch.Next();
  EXPECT_EQ(event["type"].AsString(), "ADDED");
  EXPECT_EQ(NameIn(event), "b");
  EXPECT_EQ(event["object"]["kind"].AsString(), "ConfigMap");
  event = watch.Next();
  EXPECT_EQ(event["type"].AsString(), "DELETED");
  EXPECT_EQ(NameIn(event), "a");
}

TEST_F(HttpWatchTest, InitialEventsEndWithTheirBookmark) {
  Make("a");
  Make("b");
  Lines watch = Open(std::string(kMaps) +
                     "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                     "&allowWatchBookmarks=true");
  EXPECT_EQ(NameIn(watch.Next()), "a");
  EXPECT_EQ(NameIn(watch.Next()), "b");
  const json::Value bookmark = watch.Next();
  EXPECT_EQ(bookmark["type"].AsString(), "BOOKMARK");
  EXPECT_EQ(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"].AsString(),
            "true");
  EXPECT_EQ(bookmark["object"]["metadata"]["resourceVersion"].AsString(), Here());
  Make("c");
  EXPECT_EQ(NameIn(watch.Next()), "c");
}

TEST_F(HttpWatchTest, BookmarksComeAboutOnceAMinute) {
  Make("a");
  Lines watch =
      Open(std::string(kMaps) + "?watch=true&allowWatchBookmarks=true&resourceVersion=" + Here());
  // The store ticks; how often it wakes for other reasons is its own affair.
  for (int i = 0; i < 3; ++i) {
    clock_.AwaitSleepers(2);
    clock_.Advance(std::chrono::seconds(61));
  }
  const json::Value bookmark = watch.Next();
  EXPECT_EQ(bookmark["type"].AsString(), "BOOKMARK");
  EXPECT_EQ(bookmark["object"]["kind"].AsString(), "ConfigMap");
}

TEST_F(HttpWatchTest, TimeoutEndsAWatchInGoodOrder) {
  Lines watch = Open(std::string(kMaps) + "?watch=true&timeoutSeconds=1&resourceVersion=" + Here());
  EXPECT_TRUE(watch.Next().IsNull());
}

TEST_F(HttpWatchTest, TooOldRevisionIsGone) {
  const HttpAnswer answer =
      Send("GET", std::string(kMaps) + "?watch=true&resourceVersion=99999999");
  EXPECT_EQ(answer.status, 410);
  EXPECT_EQ(answer.json["reason"].AsString(), "Expired");
  EXPECT_NE(answer.Message().find("too old resource version"), std::string::npos);
}

TEST_F(HttpWatchTest, TableWatchersGetTables) {
  Lines watch = Open(std::string(kMaps) + "?watch=true&resourceVersion=" + Here(),
                     {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}});
  Make("a");
  const json::Value event = watch.Next();
  EXPECT_EQ(event["type"].AsString(), "ADDED");
  EXPECT_EQ(event["object"]["kind"].AsString(), "Table");
  EXPECT_EQ(event["object"]["rows"][0]["cells"][0].AsString(), "a");
}

TEST_F(HttpWatchTest, SelectorsApplyToWatches) {
  Lines watch = Open(std::string(kMaps) +
                     "?watch=true&fieldSelector=metadata.name%3Db&resourceVersion=" + Here());
  Make("a");
  Make("b");
  EXPECT_EQ(NameIn(watch.Next()), "b");
}

TEST_F(HttpWatchTest, ManyWatchersSeeEveryChangeInOrder) {
  const std::string here = Here();
  std::vector<Lines> watches;
  for (int i = 0; i < 20; ++i) {
    watches.push_back(Open(std::string(kMaps) + "?watch=true&resourceVersion=" + here));
  }
  for (int i = 0; i < 20; ++i) Make("m" + std::to_string(i));
  for (Lines& watch : watches) {
    for (int i = 0; i < 20; ++i) ASSERT_EQ(NameIn(watch.Next()), "m" + std::to_string(i));
  }
}

// One container, "main", that wrote three lines; a follower gets more until it is stopped.
class ThreeLines : public api::PodLogs {
 public:
  Status Read(const api::ObjectName&, const api::PodLogOptions& options,
              const std::function<bool(std::string_view)>& sink,
              const std::stop_token& stop) override {
    if (!options.container.empty() && options.container != "main") {
      return Error{Code::kInvalid, "container " + options.container + " is not valid for pod web"};
    }
    const int64_t lines = std::min<int64_t>(options.tail_lines.value_or(3), 3);
    for (int64_t i = 3 - lines; i < 3; ++i) {
      if (!sink("line " + std::to_string(i) + "\n")) return {};
    }
    if (options.follow && options.container == "main") {
      const std::string more(4096, 'x');
      while (!stop.stop_requested() && sink(more + "\n")) {
      }
    }
    return {};
  }
};

class PodLogTest : public HttpApiTest {
 protected:
  PodLogTest() {
    server().SetPodLogs(&logs_);
    EXPECT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  }
  ThreeLines logs_;
};

constexpr const char* kLog = "/api/v1/namespaces/default/pods/web/log";

TEST_F(PodLogTest, LogIsPlainText) {
  const HttpAnswer all = Send("GET", kLog);
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.headers.Get("Content-Type"), "text/plain");
  EXPECT_EQ(all.body, "line 0\nline 1\nline 2\n");
  EXPECT_EQ(Send("GET", std::string(kLog) + "?tailLines=1").body, "line 2\n");
  EXPECT_EQ(Send("GET", std::string(kLog) + "?tailLines=0").body, "");
}

TEST_F(PodLogTest, MistakesAreAnsweredWithAStatus) {
  for (const char* follow : {"", "&follow=true"}) {
    const HttpAnswer wrong = Send("GET", std::string(kLog) + "?container=none" + follow);
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(wrong.json["kind"].AsString(), "Status");
  }
  EXPECT_EQ(Send("GET", std::string(kLog) + "?tailLines=-1").status, 422);
  EXPECT_EQ(Send("GET", "/api/v1/namespaces/default/pods/none/log").status, 404);
  server().SetPodLogs(nullptr);
  EXPECT_EQ(Send("GET", kLog).status, 503);
}

TEST_F(PodLogTest, FollowedLogEndsWithItsContainer) {
  EXPECT_EQ(Send("GET", std::string(kLog) + "?follow=true").body, "line 0\nline 1\nline 2\n");
}

TEST_F(PodLogTest, EndlessLogWaitsForItsReaderAndEndsWithIt) {
  {
    auto request = Request("GET", std::string(kLog) + "?follow=true&container=main");
    auto client = net::Client::Make();
    auto response = client->Send(std::move(request));
    ASSERT_TRUE(response) << response.error().message;
    // More than an outbox holds: a reader that keeps reading loses nothing.
    std::string text(1u << 16, '\0');
    size_t total = 0;
    while (total < (8u << 20)) {
      auto got = (*response)->Read(text);
      ASSERT_TRUE(got) << got.error().message;
      ASSERT_GT(*got, 0u) << "after " << total;
      total += *got;
    }
  }
  EXPECT_EQ(Send("GET", kLog).status, 200);
}

TEST_F(PodLogTest, InProcessFollowerGetsLines) {
  std::vector<std::string> lines;
  auto read = client().FollowPodLog({"default", "web"}, "", "",
                                    [&](std::string_view line) {
                                      lines.emplace_back(line);
                                      return true;
                                    },
                                    {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(lines, (std::vector<std::string>{"line 0", "line 1", "line 2"}));
}

}  // namespace
}  // namespace leat::apiserver
