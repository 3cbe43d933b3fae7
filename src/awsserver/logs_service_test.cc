#include "awsserver/logs_filter_pattern.h"
#include "awsserver/testing/service_fixture.h"

namespace leat::awsserver {
namespace {

const std::string kGroup = "/aws/sagemaker/TrainingJobs";
constexpr int64_t kNow = 1'600'000'000'000;  // where the fake clock stands

class LogsTest : public ::testing::Test {
 protected:
  LogsTest() : store_(Open()), service_(MakeLogsService(*store_, clock_)), logs_(*service_) {}
  std::unique_ptr<LogStore> Open() {
    auto opened = LogStore::Open(dir_.path() + "/logs.sqlite", clock_);
    return opened ? std::move(*opened) : nullptr;
  }
  void Append(const std::string& stream, const std::vector<NewLogEvent>& events) {
    ASSERT_TRUE(store_->Append({"us-east-1", kGroup}, stream, events));
  }
  // `count` events "0", "1", ... a millisecond apart.
  void AppendNumbers(const std::string& stream, int count, int first = 0) {
    std::vector<NewLogEvent> events;
    for (int i = first; i < first + count; ++i)
      events.push_back({kNow + i, i + 1, std::to_string(i)});
    Append(stream, events);
  }
  json::Value In(std::string_view input) { return Parsed(input).Set("logGroupName", kGroup); }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<LogStore> store_;
  std::unique_ptr<JsonService> service_;
  ServiceCaller logs_;
};

std::string MessagesOf(const json::Value& answer) {
  std::string all;
  for (const json::Value& event : answer["events"].Items()) all += event["message"].Str() + " ";
  return all;
}

TEST_F(LogsTest, MissingGroupsAndStreamsAreToldApart) {
  const std::string no_group = "ResourceNotFoundException: The specified log group does not exist.";
  const std::string no_stream =
      "ResourceNotFoundException: The specified log stream does not exist.";
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", In("{}")), no_group);
  EXPECT_EQ(logs_.Refusal("DescribeLogStreams", In("{}")), no_group);
  EXPECT_EQ(logs_.Refusal("GetLogEvents", In(R"({"logStreamName": "s"})")), no_group);
  Append("stream", {});
  EXPECT_EQ(logs_.Refusal("GetLogEvents", In(R"({"logStreamName": "s"})")), no_stream);
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", In(R"({"logStreamNames": ["stream", "s"]})")),
            no_stream);
}

TEST_F(LogsTest, GetReadsTheTailUnlessToldOtherwise) {
  AppendNumbers("s", 10);
  EXPECT_EQ(MessagesOf(logs_.Call("GetLogEvents", In(R"({"logStreamName": "s", "limit": 3})"))),
            "7 8 9 ");
  const json::Value head = logs_.Call(
      "GetLogEvents", In(R"({"logStreamName": "s", "limit": 2, "startFromHead": true})"));
  EXPECT_EQ(head["events"],
            Parsed(R"([{"timestamp": 1600000000000, "message": "0", "ingestionTime": 1600000000000},
                       {"timestamp": 1600000000001, "message": "1", "ingestionTime": 1600000000000}])"));
  EXPECT_EQ(
      MessagesOf(logs_.Call("GetLogEvents", In(R"({"logStreamName": "s", "startTime": 1600000000004,
                                         "endTime": 1600000000006})"))),
      "4 5 ");
}

TEST_F(LogsTest, GetGivesTheSameTokenAtTheEnd) {
  AppendNumbers("s", 5);
  json::Value input = In(R"({"logStreamName": "s", "limit": 3, "startFromHead": true})");
  const auto follow = [&](const json::Value& token) {
    return logs_.Call("GetLogEvents", input.Set("nextToken", token));
  };
  json::Value page = logs_.Call("GetLogEvents", input);
  EXPECT_EQ(MessagesOf(page), "0 1 2 ");
  page = follow(page["nextForwardToken"]);
  EXPECT_EQ(MessagesOf(page), "3 4 ");
  const json::Value end = follow(page["nextForwardToken"]);
  EXPECT_EQ(MessagesOf(end), "");
  EXPECT_EQ(end["nextForwardToken"], page["nextForwardToken"]);
  // Back from the end, and back to the head.
  EXPECT_EQ(MessagesOf(follow(end["nextBackwardToken"])), "2 3 4 ");
  page = follow(page["nextBackwardToken"]);
  EXPECT_EQ(MessagesOf(page), "0 1 2 ");
  const json::Value head = follow(page["nextBackwardToken"]);
  EXPECT_EQ(MessagesOf(head), "");
  EXPECT_EQ(head["nextBackwardToken"], page["nextBackwardToken"]);
  EXPECT_EQ(MessagesOf(follow(head["nextForwardToken"])), "0 1 2 ");
  // What is written later comes after the token of the end.
  AppendNumbers("s", 2, 5);
  EXPECT_EQ(MessagesOf(follow(end["nextForwardToken"])), "5 6 ");
  EXPECT_EQ(logs_.Refusal("GetLogEvents", input.Set("nextToken", "f/x/1")),
            "InvalidParameterException: The specified nextToken is invalid.");
}

TEST_F(LogsTest, AFollowerOfAnEmptyStreamSeesItsFirstEvent) {
  Append("s", {});
  json::Value input = In(R"({"logStreamName": "s"})");
  const json::Value empty = logs_.Call("GetLogEvents", input);
  AppendNumbers("s", 2);
  EXPECT_EQ(
      MessagesOf(logs_.Call("GetLogEvents", input.Set("nextToken", empty["nextForwardToken"]))),
      "0 1 ");
}

TEST_F(LogsTest, FilterInterleavesStreamsAndNamesEvents) {
  Append("job/algo-1", {{kNow, 1, "a"}, {kNow + 2, 2, "c"}});
  Append("job/algo-2", {{kNow + 1, 1, "b"}, {kNow + 3, 2, "d"}});
  Append("other", {{kNow, 1, "x"}});
  const json::Value all = logs_.Call("FilterLogEvents", In(R"({"logStreamNamePrefix": "job/"})"));
  EXPECT_EQ(MessagesOf(all), "a b c d ");
  EXPECT_EQ(all["events"][1]["logStreamName"].AsString(), "job/algo-2");
  EXPECT_NE(all["events"][0]["eventId"], all["events"][1]["eventId"]);
  EXPECT_FALSE(all.Has("nextToken"));
  EXPECT_EQ(MessagesOf(logs_.Call("FilterLogEvents", In(R"({"logStreamNames": ["other"]})"))),
            "x ");
  // The end is within, other than with GetLogEvents.
  EXPECT_EQ(MessagesOf(logs_.Call("FilterLogEvents",
                                  In(R"({"logStreamNamePrefix": "job", "startTime": 1600000000001,
                                         "endTime": 1600000000002})"))),
            "b c ");
}

TEST_F(LogsTest, FilterPagesThroughMatchesOnce) {
  AppendNumbers("s", 50);
  json::Value input = In(R"({"filterPattern": "1", "limit": 4})");
  std::string all;
  int pages = 0;
  while (++pages < 20) {
    const json::Value page = logs_.Call("FilterLogEvents", input);
    all += MessagesOf(page);
    if (!page.Has("nextToken")) break;
    input.Set("nextToken", page["nextToken"]);
  }
  EXPECT_EQ(all, "1 10 11 12 13 14 15 16 17 18 19 21 31 41 ");
  EXPECT_EQ(pages, 4);
}

TEST_F(LogsTest, APageHoldsOneMebibyte) {
  const std::string big(600 << 10, 'x');
  Append("s", {{kNow, 1, big}, {kNow + 1, 2, big}});
  for (const char* pattern : {"", "x"}) {
    json::Value input = In("{}").Set("filterPattern", pattern);
    const json::Value first = logs_.Call("FilterLogEvents", input);
    EXPECT_EQ(first["events"].size(), 1u);
    const json::Value second =
        logs_.Call("FilterLogEvents", input.Set("nextToken", first["nextToken"]));
    EXPECT_EQ(second["events"].size(), 1u);
    EXPECT_FALSE(second.Has("nextToken"));
  }
  EXPECT_EQ(logs_.Call("GetLogEvents", In(R"({"logStreamName": "s"})"))["events"].size(), 1u);
}

TEST_F(LogsTest, WrongInputIsAnInvalidParameter) {
  Append("s", {});
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", In(R"({"limit": 0})")),
            "InvalidParameterException: 1 validation error detected: Value '0' at 'limit' failed "
            "to satisfy constraint: Member must have value greater than or equal to 1");
  EXPECT_EQ(
      logs_.Refusal("FilterLogEvents", In(R"({"filterPattern": "{ $.a = 1 }"})")).substr(0, 49),
      "InvalidParameterException: Invalid filter pattern");
  for (const char* wrong : {R"({"logStreamNames": ["s"], "logStreamNamePrefix": "s"})",
                            R"({"startTime": 2, "endTime": 1})", R"({"nextToken": "x"})",
                            R"({"logGroupIdentifier": "g"})"})
    EXPECT_EQ(logs_.Refusal("FilterLogEvents", In(wrong)).substr(0, 26),
              "InvalidParameterException:")
        << wrong;
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", In(R"({"limit": "1"})")).substr(0, 23),
            "SerializationException:");
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", json::Object()).substr(0, 26),
            "InvalidParameterException:");
}

TEST_F(LogsTest, StreamsAreDescribedInOrder) {
  AppendNumbers("b", 3);
  AppendNumbers("a", 2);
  Append("c", {});
  const auto names = [&](std::string_view input) {
    std::string all;
    json::Value request = In(input);
    const json::Value answer = logs_.Call("DescribeLogStreams", request);
    for (const json::Value& stream : answer["logStreams"].Items())
      all += stream["logStreamName"].Str() + " ";
    return all + answer["nextToken"].Str();
  };
  EXPECT_EQ(names("{}"), "a b c ");
  EXPECT_EQ(names(R"({"descending": true})"), "c b a ");
  EXPECT_EQ(names(R"({"orderBy": "LastEventTime"})"), "c a b ");
  EXPECT_EQ(names(R"({"orderBy": "LastEventTime", "descending": true, "limit": 1})"), "b Yg==");
  EXPECT_EQ(names(R"({"orderBy": "LastEventTime", "descending": true, "nextToken": "Yg=="})"),
            "a c ");
  EXPECT_EQ(names(R"({"logStreamNamePrefix": "b"})"), "b ");
  EXPECT_EQ(logs_.Refusal("DescribeLogStreams",
                          In(R"({"logStreamNamePrefix": "b", "orderBy": "LastEventTime"})")),
            "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.");
  const json::Value stream = logs_.Call("DescribeLogStreams", In("{}"))["logStreams"][1];
  EXPECT_EQ(stream["firstEventTimestamp"].AsInt(), kNow);
  EXPECT_EQ(stream["lastEventTimestamp"].AsInt(), kNow + 2);
  EXPECT_EQ(stream["arn"].AsString(),
            "arn:aws:logs:us-east-1:000000000000:log-group:" + kGroup + ":log-stream:b");
}

TEST_F(LogsTest, ClientsMayKeepLogsOfTheirOwn) {
  const json::Value group = json::Object({{"logGroupName", "g"}});
  json::Value stream = group;
  stream.Set("logStreamName", "s");
  logs_.Call("CreateLogGroup", group);
  EXPECT_EQ(logs_.Refusal("CreateLogGroup", group),
            "ResourceAlreadyExistsException: The specified log group already exists");
  logs_.Call("CreateLogStream", stream);
  json::Value put = stream;
  put.Set("logEvents", Parsed(R"([{"timestamp": 1500000000000, "message": "old"}])"));
  EXPECT_EQ(logs_.Call("PutLogEvents", put)["rejectedLogEventsInfo"],
            Parsed(R"({"tooOldLogEventEndIndex": 1})"));
  put.Set("logEvents", Parsed(R"([{"timestamp": 1600000000000, "message": "one"},
                                  {"timestamp": 1600000000000, "message": "two"},
                                  {"timestamp": 1600010000000, "message": "late"}])"));
  EXPECT_EQ(logs_.Call("PutLogEvents", put)["rejectedLogEventsInfo"],
            Parsed(R"({"tooNewLogEventStartIndex": 2})"));
  EXPECT_EQ(MessagesOf(logs_.Call("GetLogEvents", stream)), "one two ");
  put.Set("logEvents",
          Parsed(R"([{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}])"));
  EXPECT_EQ(logs_.Refusal("PutLogEvents", put),
            "InvalidParameterException: Log events in a single PutLogEvents request must be in "
            "chronological order.");
  EXPECT_EQ(logs_.Call("DescribeLogGroups", json::Object())["logGroups"][0]["storedBytes"].AsInt(),
            6);
  logs_.Call("DeleteLogStream", stream);
  logs_.Call("DeleteLogGroup", group);
  EXPECT_TRUE(logs_.Call("DescribeLogGroups", json::Object())["logGroups"].empty());
}

TEST_F(LogsTest, EachRegionHasGroupsOfItsOwn) {
  AppendNumbers("s", 2);
  ASSERT_TRUE(store_->Append({"eu-west-1", kGroup}, "s", {{kNow, 1, "west"}}));
  const json::Value stream = In(R"({"logStreamName": "s"})");
  EXPECT_EQ(MessagesOf(logs_.Call("GetLogEvents", stream)), "0 1 ");
  EXPECT_EQ(MessagesOf(logs_.Call("FilterLogEvents", In("{}"))), "0 1 ");
  logs_.region = "eu-west-1";
  EXPECT_EQ(MessagesOf(logs_.Call("GetLogEvents", stream)), "west ");
  EXPECT_EQ(MessagesOf(logs_.Call("FilterLogEvents", In("{}"))), "west ");
  const json::Value here = logs_.Call("DescribeLogStreams", In("{}"))["logStreams"];
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0]["storedBytes"].AsInt(), 4);
  const std::string arn = "arn:aws:logs:us-east-1:000000000000:log-group:" + kGroup;
  EXPECT_EQ(logs_.Refusal("FilterLogEvents", json::Object({{"logGroupIdentifier", arn}})),
            "ResourceNotFoundException: The specified log group does not exist.");
  logs_.region = "us-west-2";
  EXPECT_TRUE(logs_.Call("DescribeLogGroups", json::Object())["logGroups"].empty());
  EXPECT_EQ(logs_.Refusal("GetLogEvents", stream),
            "ResourceNotFoundException: The specified log group does not exist.");
}

TEST_F(LogsTest, AGroupMayBeNamedByItsArn) {
  AppendNumbers("s", 1);
  const json::Value input = json::Object(
      {{"logGroupIdentifier", "arn:aws:logs:us-east-1:000000000000:log-group:" + kGroup}});
  EXPECT_EQ(MessagesOf(logs_.Call("FilterLogEvents", input)), "0 ");
}

bool Matches(std::string_view pattern, std::string_view message) {
  const auto parsed = FilterPattern::Parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->Matches(message);
}

TEST(FilterPattern, FollowsCloudWatch) {
  EXPECT_TRUE(Matches("", "anything"));
  EXPECT_TRUE(Matches("b a", "a b"));
  EXPECT_FALSE(Matches("a x", "a b"));
  EXPECT_FALSE(Matches("A", "a"));
  EXPECT_TRUE(Matches("\"a b\"", "x a b"));
  EXPECT_FALSE(Matches("\"a b\"", "b a"));
  EXPECT_TRUE(Matches("\"say \\\"hi\\\"\"", "say \"hi\""));
  EXPECT_FALSE(Matches("a -b", "a b"));
  EXPECT_FALSE(Matches("a -\"b c\"", "a b c"));
  EXPECT_TRUE(Matches("?x ?b", "a b"));
  EXPECT_FALSE(Matches("?x ?y", "a b"));
  EXPECT_TRUE(Matches("a ?x", "a b"));
  EXPECT_TRUE(Matches("-", "a - b"));
}

TEST(FilterPattern, RefusesWhatItDoesNotKnow) {
  for (const char* wrong : {"{ $.a = 1 }", "[a, b]", "%a.*%", "\"open", "a \"b"})
    EXPECT_FALSE(FilterPattern::Parse(wrong)) << wrong;
}

}  // namespace
}  // namespace leat::awsserver
