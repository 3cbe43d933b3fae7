#include "awsserver/log_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "db/database.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

const LogGroup kGroup{"us-east-1", "/aws/sagemaker/TrainingJobs"};

class LogStoreTest : public ::testing::Test {
 protected:
  LogStoreTest() { Open(); }
  void Open() {
    logs_.reset();
    auto opened = LogStore::Open(dir_.path() + "/logs.sqlite", clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    logs_ = std::move(*opened);
  }
  void Append(const std::string& stream, const std::vector<NewLogEvent>& events) {
    auto appended = logs_->Append(kGroup, stream, events);
    EXPECT_TRUE(appended) << appended.error().message;
  }
  // What the store keeps, while it is closed.
  void WithDatabase(const std::function<Status(db::Connection&)>& write) {
    auto database = db::Database::Open(
        {.path = dir_.path() + "/logs.sqlite", .migrations = {"", ""}, .full_sync = false});
    ASSERT_TRUE(database) << database.error().message;
    const Status written = (*database)->Write(write);
    EXPECT_TRUE(written) << written.error().message;
  }
  std::vector<LogEvent> Query(LogQuery query) {
    query.group = kGroup;
    auto events = logs_->Query(query);
    EXPECT_TRUE(events) << events.error().message;
    return events ? *events : std::vector<LogEvent>();
  }
  std::string Messages(LogQuery query) {
    std::string all;
    for (const LogEvent& event : Query(std::move(query))) all += event.message + " ";
    return all;
  }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<LogStore> logs_;
};

TEST_F(LogStoreTest, AGroupThatNoOneWroteToDoesNotExist) {
  auto events = logs_->Query({.group = kGroup});
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code, Code::kNotFound);
  EXPECT_EQ(events.error().message, "The specified log group does not exist.");
  EXPECT_EQ(logs_->Position(kGroup, "a"), 0);
}

TEST_F(LogStoreTest, EventsSurviveARestart) {
  Append("a", {{1000, 5, "one"}, {1001, 6, "two"}});
  Open();
  EXPECT_EQ(Messages({}), "one two ");
  EXPECT_EQ(logs_->Position(kGroup, "a"), 6);
}

TEST_F(LogStoreTest, AReaderMayStartAgainAnywhereEarlier) {
  Append("a", {{1000, 5, "one"}, {1001, 6, "two"}});
  Append("a", {{1000, 5, "one"}, {1001, 6, "two"}, {1002, 7, "three"}});
  EXPECT_EQ(Messages({}), "one two three ");
}

TEST_F(LogStoreTest, EventsWithoutPositionsAreNeverSkipped) {
  Append("a", {{1000, 9, "placed"}});
  Append("a", {{1000, 0, "x"}, {1000, 0, "x"}});
  EXPECT_EQ(Messages({}), "placed x x ");
  EXPECT_EQ(logs_->Position(kGroup, "a"), 9);
}

TEST_F(LogStoreTest, StreamsInterleaveByTime) {
  Append("a", {{1000, 1, "a1"}, {1004, 2, "a2"}});
  Append("b", {{1002, 1, "b1"}, {1004, 2, "b2"}});
  EXPECT_EQ(Messages({}), "a1 b1 a2 b2 ");
  EXPECT_EQ(Messages({.newest_first = true}), "b2 a2 b1 a1 ");
}

TEST_F(LogStoreTest, AQueryChoosesStreamsAndTimes) {
  Append("job/algo-1", {{1000, 1, "a1"}, {2000, 2, "a2"}});
  Append("job/algo-2", {{1500, 1, "b1"}});
  Append("other/algo-1", {{1600, 1, "c1"}});
  EXPECT_EQ(Messages({.stream_prefix = "job/"}), "a1 b1 a2 ");
  EXPECT_EQ(Messages({.streams = {"job/algo-2", "other/algo-1", "nobody"}}), "b1 c1 ");
  EXPECT_EQ(Messages({.start_ms = 1500, .end_ms = 2000}), "b1 c1 ");
}

TEST_F(LogStoreTest, CursorsPageThroughEverythingOnce) {
  // More than the merge reads at once, with many events in one millisecond.
  for (int i = 0; i < 3; ++i) {
    std::vector<NewLogEvent> events;
    for (int n = 0; n < 100; ++n) events.push_back({1000 + n / 10, n + 1, std::to_string(n)});
    Append("s" + std::to_string(i), events);
  }
  for (const bool newest_first : {false, true}) {
    LogQuery query{.limit = 7, .newest_first = newest_first};
    std::vector<LogCursor> seen;
    while (true) {
      const auto page = Query(query);
      if (page.empty()) break;
      for (const LogEvent& event : page) seen.push_back(CursorOf(event));
      (newest_first ? query.before : query.after) = seen.back();
    }
    EXPECT_EQ(seen.size(), 300u);
    if (newest_first) std::reverse(seen.begin(), seen.end());
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  }
}

TEST_F(LogStoreTest, APageEndsBeforeItsBytesDo) {
  Append("a", {{1, 1, "12345"}, {2, 2, "12345"}, {3, 3, "12345"}});
  EXPECT_EQ(Query({.max_bytes = 10}).size(), 2u);
  EXPECT_EQ(Query({.max_bytes = 1}).size(), 1u);  // never none
}

TEST_F(LogStoreTest, StreamsTellWhatTheyHold) {
  Append("b", {{2000, 1, "xx"}});
  Append("b", {{1000, 2, "yyy"}});
  ASSERT_TRUE(logs_->CreateStream(kGroup, "a"));
  const auto streams = logs_->Streams(kGroup, "");
  ASSERT_TRUE(streams);
  ASSERT_EQ(streams->size(), 2u);
  EXPECT_EQ((*streams)[0].name, "a");
  EXPECT_EQ((*streams)[0].last_ingestion_ms, 0);
  EXPECT_EQ((*streams)[1].first_event_ms, 1000);
  EXPECT_EQ((*streams)[1].last_event_ms, 2000);
  EXPECT_EQ((*streams)[1].stored_bytes, 5);
  EXPECT_EQ((*streams)[1].creation_ms, 1'600'000'000'000);
}

TEST_F(LogStoreTest, AGroupOfOneNameIsAnotherInEachRegion) {
  const LogGroup west{"eu-west-1", kGroup.name};
  Append("a", {{1000, 5, "east"}});
  EXPECT_FALSE(logs_->Query({.group = west}));
  // Its positions are its own too: the same source position is not taken for seen.
  ASSERT_TRUE(logs_->Append(west, "a", {{1000, 5, "west"}, {1001, 6, "west2"}}));
  EXPECT_EQ(Messages({}), "east ");
  EXPECT_EQ(logs_->Position(kGroup, "a"), 5);
  EXPECT_EQ(logs_->Streams(west, "a")->at(0).stored_bytes, 9);
  ASSERT_EQ(logs_->Groups(west.region, "/aws")->size(), 1u);
  EXPECT_EQ(logs_->Groups(west.region, "")->at(0).name, kGroup.name);
  EXPECT_TRUE(logs_->Groups("eu-west", "")->empty());
  ASSERT_TRUE(logs_->DeleteStreams(west, "a"));
  EXPECT_EQ(Messages({}), "east ");
}

TEST_F(LogStoreTest, GroupsFromBeforeRegionsAreThoseOfUsEast1) {
  const LogGroup own{"us-east-1", "own"};
  Append("a", {{1000, 5, "old"}});
  Append("doomed", {{1000, 5, "deleted"}});
  ASSERT_TRUE(logs_->Append(own, "a", {{1000, 5, "mine"}}));
  logs_.reset();
  WithDatabase([](db::Connection& connection) {
    return connection.Execute(
        "UPDATE groups SET name = substr(name, length('us-east-1:') + 1);"
        "UPDATE streams SET log_group = substr(log_group, length('us-east-1:') + 1);"
        // Leat died after it had deleted the stream and before its events were gone.
        "UPDATE streams SET log_group = NULL WHERE name = 'doomed';"
        "PRAGMA user_version = 1");
  });
  Open();
  EXPECT_EQ(Messages({}), "old ");
  EXPECT_EQ(logs_->Position(kGroup, "a"), 5);
  EXPECT_EQ(logs_->Groups("us-east-1", "")->size(), 2u);
  ASSERT_TRUE(logs_->Query({.group = own}));
  EXPECT_EQ(logs_->Query({.group = own})->at(0).message, "mine");

  ASSERT_TRUE(logs_->DeleteStream(own, "a"));  // which ends the other deletion too
  logs_.reset();
  WithDatabase([](db::Connection& connection) -> Status {
    db::Statement& left =
        connection.Prepare("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM streams)");
    const auto row = left.Step();
    if (!row) return row.error();
    EXPECT_EQ(left.Int(0), 1);
    EXPECT_EQ(left.Int(1), 1);
    left.Reset();
    return {};
  });
}

TEST_F(LogStoreTest, DeletedStreamsLeaveNothingBehind) {
  std::vector<NewLogEvent> many(30'000, {1000, 0, "x"});
  Append("job/algo-1", many);
  Append("job2/algo-1", {{1000, 1, "kept"}});
  ASSERT_TRUE(logs_->DeleteStreams(kGroup, "job/"));
  EXPECT_EQ(Messages({}), "kept ");
  Append("job/algo-1", {{1000, 1, "new"}});  // its positions start again
  EXPECT_EQ(Messages({.stream_prefix = "job/"}), "new ");
  EXPECT_TRUE(logs_->DeleteStreams({"us-east-1", "/no/such/group"}, ""));
}

TEST_F(LogStoreTest, GroupsAndStreamsAreMadeOnce) {
  const LogGroup group{"us-east-1", "g"};
  ASSERT_TRUE(logs_->CreateGroup(group));
  EXPECT_EQ(logs_->CreateGroup(group).error().code, Code::kAlreadyExists);
  ASSERT_TRUE(logs_->CreateStream(group, "s"));
  EXPECT_EQ(logs_->CreateStream(group, "s").error().code, Code::kAlreadyExists);
  EXPECT_EQ(logs_->CreateStream({"us-east-1", "h"}, "s").error().code, Code::kNotFound);
  ASSERT_TRUE(logs_->DeleteStream(group, "s"));
  EXPECT_EQ(logs_->DeleteStream(group, "s").error().message,
            "The specified log stream does not exist.");
  ASSERT_TRUE(logs_->DeleteGroup(group));
  EXPECT_EQ(logs_->DeleteGroup(group).error().code, Code::kNotFound);
  EXPECT_TRUE(logs_->Groups("us-east-1", "")->empty());
}

}  // namespace
}  // namespace leat::awsserver
