// What every ObjectStore does, whatever is behind it.
#include "objectstore/object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "io/file.h"
#include "objectstore/testing/fake_server.h"

namespace leat::objectstore {
namespace {

using namespace std::chrono_literals;

std::string Pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

// Somewhere that keeps objects, and how to open it.
class Source {
 public:
  virtual ~Source() = default;
  virtual void Put(const std::string& key, const std::string& bytes) = 0;
  virtual void Remove(const std::string& key) = 0;
  virtual Result<std::unique_ptr<ObjectStore>> Open(StoreOptions options = {}) = 0;
  virtual FakeServer* server() { return nullptr; }
};

class DirectorySource : public Source {
 public:
  void Put(const std::string& key, const std::string& bytes) override {
    const std::string path = dir_.path() + "/" + key;
    ASSERT_TRUE(io::MakeDirs(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(io::WriteFileAtomic(path, bytes));
  }
  void Remove(const std::string& key) override { ASSERT_TRUE(io::Remove(dir_.path() + "/" + key)); }
  Result<std::unique_ptr<ObjectStore>> Open(StoreOptions options) override {
    return OpenObjectStore("file://" + dir_.path(), options);
  }

 private:
  io::TempDir dir_;
};

class ServerSource : public Source {
 public:
  explicit ServerSource(FakeServer::Kind kind) : server_(kind) {}
  void Put(const std::string& key, const std::string& bytes) override { server_.Put(key, bytes); }
  void Remove(const std::string& key) override { server_.Remove(key); }
  Result<std::unique_ptr<ObjectStore>> Open(StoreOptions options) override {
    options.endpoint = server_.endpoint();
    options.environment = std::vector<std::pair<std::string, std::string>>{
        {"AWS_ACCESS_KEY_ID", "AKIA"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    return OpenObjectStore(server_.source(), options);
  }
  FakeServer* server() override { return &server_; }

 private:
  FakeServer server_;
};

std::unique_ptr<Source> MakeSource(const std::string& kind) {
  if (kind == "file") return std::make_unique<DirectorySource>();
  if (kind == "s3") return std::make_unique<ServerSource>(FakeServer::Kind::kS3);
  if (kind == "nginx") return std::make_unique<ServerSource>(FakeServer::Kind::kNginx);
  if (kind == "apache") return std::make_unique<ServerSource>(FakeServer::Kind::kApache);
  return std::make_unique<ServerSource>(FakeServer::Kind::kPython);
}

class StoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  StoreTest() : source_(MakeSource(GetParam())) {}

  void Open(StoreOptions options = {.retry_for = 20s, .stall_timeout = 300ms}) {
    auto store = source_->Open(options);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  std::vector<std::string> Keys(const std::string& prefix = "", const std::string& after = "") {
    std::vector<std::string> keys;
    const auto listed = store_->List(prefix, after,
                                     [&](ObjectInfo info) {
                                       keys.push_back(info.key);
                                       return true;
                                     },
                                     {});
    EXPECT_TRUE(listed) << listed.error().message;
    return keys;
  }
  std::string EtagOf(const std::string& key) {
    const auto info = store_->Head(key, {});
    EXPECT_TRUE(info) << info.error().message;
    return info ? info->etag : "";
  }
  Result<std::string> Get(const std::string& key, const std::string& etag, uint64_t offset,
                          uint64_t size) {
    std::string all;
    auto got = store_->Get(key, etag, offset, size,
                           [&](std::string_view bytes) -> Status {
                             all += bytes;
                             return {};
                           },
                           {});
    if (!got) return got.error();
    return all;
  }

  // In key order; "a-b" and "a.txt" come before what is in the directory "a".
  const std::vector<std::string> names_ = {"#x?y=z",  ":colon", "a-b",  "a.txt",         "a/x",
                                           "a/y/z",   "a/y/zz", "a0",   "amp&lt;<\"'>",  "b",
                                           "c/d/e/f", "sp ace", "u+%2", "\xc3\xbc.bytes"};
  std::unique_ptr<Source> source_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(StoreTest, ListsEverythingInKeyOrder) {
  for (const std::string& name : names_) source_->Put(name, name + name);
  Open();
  std::vector<std::string> keys;
  const auto listed = store_->List("", "",
                                   [&](ObjectInfo info) {
                                     EXPECT_EQ(info.size, info.key.size() * 2);
                                     EXPECT_FALSE(info.etag.empty());
                                     EXPECT_GT(info.last_modified, 1'600'000'000);
                                     keys.push_back(std::move(info.key));
                                     return true;
                                   },
                                   {});
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(keys, names_);
}

TEST_P(StoreTest, AListingGoesOnAfterAnyKey) {
  for (const std::string& name : names_) source_->Put(name, "x");
  Open();
  for (size_t i = 0; i < names_.size(); ++i) {
    EXPECT_EQ(
        Keys("", names_[i]),
        std::vector<std::string>(names_.begin() + static_cast<ptrdiff_t>(i) + 1, names_.end()));
  }
  EXPECT_EQ(Keys("", "a/y").front(), "a/y/z");
  EXPECT_TRUE(Keys("", "\xff").empty());
}

TEST_P(StoreTest, APrefixMayEndInTheMiddleOfAName) {
  for (const std::string& name : names_) source_->Put(name, "x");
  Open();
  EXPECT_EQ(Keys("a/"), (std::vector<std::string>{"a/x", "a/y/z", "a/y/zz"}));
  EXPECT_EQ(Keys("a/y/z", "a/y/z"), (std::vector<std::string>{"a/y/zz"}));
  EXPECT_EQ(Keys("a/y").size(), 2u);
  EXPECT_TRUE(Keys("none").empty());
}

TEST_P(StoreTest, AListingEndsWhenItsReaderHasEnough) {
  for (const std::string& name : names_) source_->Put(name, "x");
  Open();
  int seen = 0;
  ASSERT_TRUE(store_->List("", "", [&](const ObjectInfo&) { return ++seen < 4; }, {}));
  EXPECT_EQ(seen, 4);
}

TEST_P(StoreTest, ALevelHasItsObjectsAndTheDirectoriesBelow) {
  for (const std::string& name : names_) source_->Put(name, "x");
  Open();
  const auto level = store_->ListLevel("a/", 100, {});
  ASSERT_TRUE(level) << level.error().message;
  ASSERT_EQ(level->objects.size(), 1u);
  EXPECT_EQ(level->objects[0].key, "a/x");
  EXPECT_EQ(level->prefixes, (std::vector<std::string>{"a/y/"}));
  const auto root = store_->ListLevel("", 100, {});
  ASSERT_TRUE(root);
  EXPECT_EQ(root->prefixes, (std::vector<std::string>{"a/", "c/"}));
  EXPECT_EQ(root->objects.size(), 10u);
  EXPECT_TRUE(store_->ListLevel("none/", 100, {})->objects.empty());
}

TEST_P(StoreTest, ALevelBeyondTheLimitIsTooLarge) {
  for (const std::string& name : names_) source_->Put(name, "x");
  Open();
  const auto level = store_->ListLevel("", 5, {});
  ASSERT_FALSE(level);
  EXPECT_EQ(level.error().code, Code::kTooLarge);
}

TEST_P(StoreTest, HeadTellsWhatTheListingTold) {
  for (const std::string& name : names_) source_->Put(name, name);
  Open();
  std::vector<ObjectInfo> infos;
  ASSERT_TRUE(store_->List("", "",
                           [&](ObjectInfo info) {
                             infos.push_back(std::move(info));
                             return true;
                           },
                           {}));
  for (const ObjectInfo& info : infos) {
    const auto head = store_->Head(info.key, {});
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(head->etag, info.etag);
    EXPECT_EQ(head->size, info.size);
    EXPECT_EQ(head->last_modified, info.last_modified);
  }
  for (const char* absent : {"none", "a/none", "b/x", "../b", "a//x", "./b"}) {
    const auto head = store_->Head(absent, {});
    ASSERT_FALSE(head) << absent;
    EXPECT_EQ(head.error().code, Code::kNotFound) << absent;
  }
}

TEST_P(StoreTest, GivesExactlyTheBytesAskedFor) {
  const std::string bytes = Pattern((3 << 20) + 17, 1);
  source_->Put("dir/sp ace+%", bytes);
  Open();
  const std::string etag = EtagOf("dir/sp ace+%");
  for (const auto& [offset, size] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, bytes.size()}, {0, 1}, {5, 0}, {1 << 20, 1 << 20}, {bytes.size() - 1, 1}, {7, 99}}) {
    const auto got = Get("dir/sp ace+%", etag, offset, size);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(*got == bytes.substr(offset, size)) << offset << "+" << size;
  }
}

TEST_P(StoreTest, AnotherVersionIsAConflict) {
  source_->Put("k", "one");
  Open();
  const std::string etag = EtagOf("k");
  source_->Put("k", "two");
  const auto got = Get("k", etag, 0, 3);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kConflict) << got.error().message;
  EXPECT_NE(got.error().message.find("k"), std::string::npos);
  EXPECT_EQ(*Get("k", EtagOf("k"), 0, 3), "two");
}

TEST_P(StoreTest, WhatWentAwayIsNotFound) {
  source_->Put("k", "one");
  Open();
  const std::string etag = EtagOf("k");
  source_->Remove("k");
  EXPECT_EQ(Get("k", etag, 0, 3).error().code, Code::kNotFound);
  EXPECT_EQ(store_->Head("k", {}).error().code, Code::kNotFound);
}

TEST_P(StoreTest, AnErrorOfTheSinkEndsTheReading) {
  source_->Put("k", std::string(5 << 20, 'x'));
  Open();
  int calls = 0;
  const auto got = store_->Get("k", EtagOf("k"), 0, 5 << 20,
                               [&](std::string_view) -> Status {
                                 ++calls;
                                 return Error{Code::kExhausted, "the disk is full"};
                               },
                               {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kExhausted);
  EXPECT_EQ(calls, 1);
}

TEST_P(StoreTest, AStopEndsAReading) {
  source_->Put("k", std::string(8 << 20, 'x'));
  Open();
  std::stop_source stop;
  const auto begun = std::chrono::steady_clock::now();
  const auto got = store_->Get(
      "k", EtagOf("k"), 0, 8 << 20,
      [&](std::string_view) -> Status {
        stop.request_stop();
        return {};
      },
      stop.get_token());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
}

TEST_P(StoreTest, ReadsSideBySide) {
  const std::string bytes = Pattern(1 << 20, 2);
  source_->Put("k", bytes);
  Open();
  const std::string etag = EtagOf("k");
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> readers;
    for (uint64_t i = 0; i < 8; ++i) {
      readers.emplace_back([&, i] {
        const auto got = Get("k", etag, i << 17, 1 << 17);
        if (got && *got == bytes.substr(i << 17, 1 << 17)) ++right;
      });
    }
  }
  EXPECT_EQ(right, 8);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StoreTest,
                         ::testing::Values("s3", "file", "nginx", "apache", "python"),
                         [](const auto& info) { return std::string(info.param); });

// Faults between the store and us.
class FaultTest : public StoreTest {
 protected:
  // Without ETags an answer of another length is one of another version.
  bool LengthIsVersion() const { return std::string_view(GetParam()) == "python"; }
  const std::string bytes_ = Pattern(1 << 20, 3);
};

TEST_P(FaultTest, WhatBreaksIsReadOnFromThere) {
  source_->Put("k", bytes_);
  Open();
  const std::string etag = EtagOf("k");
  for (const Fault fault : {Fault::kTruncate, Fault::kBusy, Fault::kServerError, Fault::kWrongRange,
                            Fault::kShort, Fault::kStall}) {
    if (LengthIsVersion() && (fault == Fault::kWrongRange || fault == Fault::kShort)) continue;
    source_->server()->Fail({fault});
    const int before = source_->server()->object_gets();
    const auto got = Get("k", etag, 100, bytes_.size() - 100);
    ASSERT_TRUE(got) << static_cast<int>(fault) << got.error().message;
    EXPECT_TRUE(*got == bytes_.substr(100)) << static_cast<int>(fault);
    EXPECT_EQ(source_->server()->object_gets() - before, 2) << static_cast<int>(fault);
  }
}

TEST_P(FaultTest, ManyFaultsInARowAreOutlivedWhileThereIsProgress) {
  source_->Put("k", bytes_);
  Open();
  std::deque<Fault> faults = {Fault::kTruncate, Fault::kBusy, Fault::kTruncate};
  // Without ranges a cut at the half is no progress beyond the half.
  if (!LengthIsVersion()) {
    faults.insert(faults.end(), {Fault::kTruncate, Fault::kServerError, Fault::kTruncate});
  }
  source_->server()->Fail(faults);
  const auto got = Get("k", EtagOf("k"), 0, bytes_.size());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(*got == bytes_);
}

TEST_P(FaultTest, AChangeInTheMiddleIsAConflictAndNeverAMixture) {
  source_->Put("k", bytes_);
  Open();
  const std::string etag = EtagOf("k");
  source_->server()->Fail({Fault::kChange});
  const auto got = Get("k", etag, 0, bytes_.size());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kConflict) << got.error().message;
}

TEST_P(FaultTest, AFaultThatStaysIsToldInTheEnd) {
  source_->Put("k", bytes_);
  Open({.retry_for = 0s, .stall_timeout = 300ms});
  const std::string etag = EtagOf("k");
  for (const auto& [fault, code] :
       std::vector<std::pair<Fault, Code>>{{Fault::kBusy, Code::kUnavailable},
                                           {Fault::kTruncate, Code::kUnavailable},
                                           {Fault::kStall, Code::kUnavailable},
                                           {Fault::kWrongRange, Code::kCorrupt},
                                           {Fault::kShort, Code::kCorrupt}}) {
    source_->server()->Fail({fault});
    const auto got = Get("k", etag, 0, bytes_.size());
    ASSERT_FALSE(got);
    const bool another = LengthIsVersion() && code == Code::kCorrupt;
    EXPECT_EQ(got.error().code, another ? Code::kConflict : code)
        << static_cast<int>(fault) << got.error().message;
    EXPECT_NE(got.error().message.find("/k"), std::string::npos);
  }
}

TEST_P(FaultTest, TellsOfEachRetry) {
  source_->Put("k", bytes_);
  std::vector<std::string> messages;
  Open({.retry_for = 20s, .stall_timeout = 300ms, .on_retry = [&](const std::string& message) {
          messages.push_back(message);
        }});
  source_->server()->Fail({Fault::kBusy});
  ASSERT_TRUE(Get("k", EtagOf("k"), 0, 10));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_NE(messages[0].find("trying again"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FaultTest, ::testing::Values("s3", "nginx", "python"),
                         [](const auto& info) { return std::string(info.param); });

TEST(OpenObjectStore, RefusesWhatIsNoSource) {
  for (const char* url : {"", "ftp://x/y", "/dir", "s3:///prefix", "file://relative", "s3://a:b/c",
                          "http://", "http://h/t/?q"}) {
    StoreOptions options{.retry_for = 0s};
    options.environment.emplace();
    const auto store = OpenObjectStore(url, options);
    ASSERT_FALSE(store) << url;
    EXPECT_EQ(store.error().code, Code::kInvalid) << url << store.error().message;
  }
}

TEST(OpenObjectStore, WhatCannotBeReachedIsNamedOnceAndAsItWasGiven) {
  for (const std::string url : {"gs://bucket/data", "http://127.0.0.1:1/tree/"}) {
    StoreOptions options{.anonymous = true, .retry_for = 0s};
    options.endpoint = url.starts_with("gs") ? "http://127.0.0.1:1" : "";
    options.environment.emplace();
    const auto store = OpenObjectStore(url, options);
    ASSERT_FALSE(store) << url;
    const std::string& told = store.error().message;
    EXPECT_NE(told.find(url.substr(0, 11)), std::string::npos) << told;
    EXPECT_EQ(told.find("s3://"), std::string::npos) << told;
    const size_t named = told.find("GET http:");
    ASSERT_NE(named, std::string::npos) << told;
    EXPECT_EQ(told.find("GET http:", named + 1), std::string::npos) << told;
  }
}

TEST(OpenObjectStore, SaysThatTheSourceIsNotThere) {
  EXPECT_EQ(OpenObjectStore("file:///none/such").error().code, Code::kNotFound);
  FakeServer web(FakeServer::Kind::kNginx);
  EXPECT_EQ(OpenObjectStore(web.endpoint() + "/other/").error().code, Code::kNotFound);
}

TEST(HttpObjectStore, WhatMayNotBeReadDoesNotHideTheRest) {
  FakeServer web(FakeServer::Kind::kNginx);
  for (const char* key : {"a", "closed/x", "secret", "z"}) web.Put(key, "x");
  web.SetIntercept([](net::ServerRequest& request, net::ResponseWriter& response) {
    const bool refused = request.path.ends_with("/closed/") || request.path.ends_with("/secret");
    if (refused) response.Send(403, "");
    return refused;
  });
  const auto store = OpenObjectStore(web.source());
  ASSERT_TRUE(store) << store.error().message;
  std::string keys;
  const auto listed = (*store)->List("", "",
                                     [&](const ObjectInfo& info) {
                                       keys += info.key + " ";
                                       return true;
                                     },
                                     {});
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(keys, "a closed/ z ");
}

TEST(HttpObjectStore, TreesOfOneServerShareItsEndpoint) {
  FakeServer web(FakeServer::Kind::kNginx);
  web.Put("a/x", "1");
  web.Put("b/x", "2");
  const auto a = OpenObjectStore(web.source() + "a/");
  const auto b = OpenObjectStore(web.source() + "b/");
  ASSERT_TRUE(a && b);
  EXPECT_NE((*a)->Name(), (*b)->Name());
  EXPECT_EQ((*a)->Endpoint(), (*b)->Endpoint());
  EXPECT_EQ("http://" + (*a)->Endpoint(), web.endpoint());
}

TEST(HttpObjectStore, RedirectsAreFollowed) {
  FakeServer mirror(FakeServer::Kind::kNginx), web(FakeServer::Kind::kNginx);
  mirror.Put("k", "bytes");
  web.Put("k", "other");
  web.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    if (!request.path.ends_with("/k")) return false;
    response.headers.Set("Location", mirror.source() + "k");
    response.Send(302, "");
    return true;
  });
  const auto store = OpenObjectStore(web.source());
  ASSERT_TRUE(store);
  const auto info = (*store)->Head("k", {});
  ASSERT_TRUE(info) << info.error().message;
  std::string got;
  ASSERT_TRUE((*store)->Get("k", info->etag, 0, 5,
                            [&](std::string_view bytes) -> Status {
                              got += bytes;
                              return {};
                            },
                            {}));
  EXPECT_EQ(got, "bytes");
}

}  // namespace
}  // namespace leat::objectstore
