#include <gtest/gtest.h>

#include "json/value.h"

namespace leat::json {
namespace {

using std::string_view_literals::operator""sv;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string ProblemOf(std::string_view text) {
  const Result<Value> value = Parse(text);
  return value ? "parsed as " + Print(*value) : value.error().message;
}

TEST(Parse, ReadsEveryKindOfValue) {
  const Result<Value> v =
      Parse(" { \"a\" : [ null , true , false , -12 , 1.5e1 , \"x\" ] ,\r\n\t\"b\" : { } } ");
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(*v, Object({{"a", Array({nullptr, true, false, -12, 15.0, "x"})}, {"b", Object()}}));
  EXPECT_TRUE((*v)["a"][3].IsInt());
  EXPECT_EQ((*v)["a"][4].kind(), Kind::kDouble);
}

TEST(Parse, ReadsEscapesIntoUtf8) {
  const Result<Value> v = Parse(R"("\"\\\/\b\f\n\r\t\u00e9\u20AC\uD83D\ude00\u0000")");
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->AsString(), "\"\\/\b\f\n\r\té€😀\0"sv);
}

TEST(Parse, RefusesWhatRfc8259Refuses) {
  for (const char* text : {"",
                           " ",
                           "tru",
                           "nul",
                           "True",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "[1",
                           "{\"a\":1,}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "{'a':1}",
                           "{1:2}",
                           "{",
                           "]",
                           "01",
                           "-",
                           "-01",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x10",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "\"",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\u-123\"",
                           "\"\t\"",
                           "\"\n\"",
                           "1 1",
                           "{} x",
                           "/**/1",
                           "\xEF\xBB\xBF{}",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\ud800\\ud800\"",
                           "\"\\ud800\\u\""})
    EXPECT_FALSE(Parse(text)) << text;
}

TEST(Parse, RefusesStringsThatAreNotUtf8) {
  for (const char* text : {"\"\x80\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"",
                           "\"\xE2\x82\"", "{\"\xFF\":1}"})
    EXPECT_FALSE(Parse(text)) << text;
  EXPECT_TRUE(Parse("\"\xE2\x82\xAC\""));
}

TEST(Parse, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(ProblemOf("{\n  \"a\": 1,\n  \"b\": x\n}"),
            "JSON line 3, column 8: a value is expected");
  EXPECT_EQ(ProblemOf("[1 2]"), "JSON line 1, column 4: ',' or ']' is expected in the array");
  EXPECT_EQ(ProblemOf("{} {}"), "JSON line 1, column 4: unexpected text after the value");
  EXPECT_EQ(Parse("x").error().code, Code::kInvalid);
}

TEST(Parse, KeepsIntegersExactAndMakesLargerOnesDoubles) {
  EXPECT_EQ(Parse("9223372036854775807")->AsInt(), INT64_MAX);
  EXPECT_EQ(Parse("-9223372036854775808")->AsInt(), INT64_MIN);
  EXPECT_EQ(Parse("9223372036854775808")->kind(), Kind::kDouble);
  EXPECT_EQ(Parse("9223372036854775808")->AsDouble(), 9223372036854775808.0);
  EXPECT_TRUE(Parse("-0")->IsInt());
}

TEST(Parse, RefusesNumbersBeyondDoublesAndRoundsTinyOnesToZero) {
  EXPECT_FALSE(Parse("1e400"));
  EXPECT_FALSE(Parse("-1e400"));
  EXPECT_FALSE(Parse(std::string(400, '9')));
  EXPECT_EQ(Parse("1e-400")->AsDouble(1), 0.0);
}

TEST(Parse, TakesDepth200AndNoMore) {
  EXPECT_TRUE(Parse(Nested(200)));
  EXPECT_FALSE(Parse(Nested(201)));
  EXPECT_FALSE(Parse(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(ProblemOf(objects).find("nested deeper than 200"), std::string::npos);
}

TEST(Parse, RefusesTextBeyondTheLimit) {
  EXPECT_TRUE(Parse("[1]", 3));
  const Result<Value> v = Parse("[12]", 3);
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().code, Code::kTooLarge);
}

TEST(Parse, TellsABoundedPartOfManyOrLongDuplicates) {
  std::string text = "{\"" + std::string(1 << 20, 'k') + "\": {";
  for (int i = 0; i < 1000; ++i)
    text += "\"" + std::to_string(i) + "\":1,\"" + std::to_string(i) + "\":2,";
  text += "\"z\":3}}";
  std::vector<std::string> duplicates;
  ASSERT_TRUE(Parse(text, 8 << 20, &duplicates));
  EXPECT_LE(duplicates.size(), 100u);
  ASSERT_FALSE(duplicates.empty());
  EXPECT_LE(duplicates[0].size(), 1024u);
  EXPECT_TRUE(duplicates[0].ends_with("kkk..."));
}

TEST(Parse, OfDuplicateKeysTheLastWinsAndEachPathIsReportedOnce) {
  std::vector<std::string> duplicates;
  const Result<Value> v = Parse(
      R"({"spec":{"replicas":1,"replicas":2,"containers":[{},{"name":"a","b":0,"name":"b","name":"c"}]},
          "x":1,"x":2})",
      1 << 20, &duplicates);
  ASSERT_TRUE(v);
  EXPECT_EQ((*v)["spec"]["replicas"].AsInt(), 2);
  EXPECT_EQ((*v)["spec"]["containers"][1]["name"].AsString(), "c");
  EXPECT_EQ((*v)["spec"]["containers"][1].size(), 2u);
  EXPECT_EQ(duplicates,
            (std::vector<std::string>{"spec.containers[1].name", "spec.replicas", "x"}));
}

TEST(Parse, SortsManyMembersOfAnObject) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i)
    text += "\"k" + std::to_string((i * 7919) % 5000) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const Result<Value> v = Parse(text);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->size(), 5000u);
  EXPECT_EQ((*v)["k7919"].AsInt(-1), -1);
  EXPECT_EQ((*v)["k2919"].AsInt(-1), 1);
}

}  // namespace
}  // namespace leat::json
