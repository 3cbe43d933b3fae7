#include "json/value.h"

#include <gtest/gtest.h>

namespace leat::json {
namespace {

TEST(Value, ReadingWhatIsAbsentGivesNullAndFallbacks) {
  const Value pod = Object({{"metadata", Object({{"name", "web"}})}, {"ports", Array({80, 443})}});
  EXPECT_EQ(pod["metadata"]["name"].AsString(), "web");
  EXPECT_TRUE(pod["spec"]["containers"][0]["name"].IsNull());
  EXPECT_EQ(pod["ports"][1].AsInt(), 443);
  EXPECT_TRUE(pod["ports"][2].IsNull());
  EXPECT_TRUE(pod["ports"][-1].IsNull());
  EXPECT_EQ(pod["metadata"].AsInt(7), 7);
  EXPECT_EQ(pod["ports"].AsString("none"), "none");
  EXPECT_EQ(pod["metadata"]["name"].size(), 0u);
}

TEST(Value, FindTellsAnAbsentMemberFromANullOne) {
  const Value v = Object({{"a", nullptr}});
  ASSERT_NE(v.Find("a"), nullptr);
  EXPECT_TRUE(v.Find("a")->IsNull());
  EXPECT_EQ(v.Find("b"), nullptr);
  EXPECT_FALSE(Array({1}).Has("a"));
}

TEST(Value, WritingMakesWhatIsMissing) {
  Value v;
  v.Mut("metadata").Mut("labels").Set("app", "web").Set("a", 1);
  v.Mut("items").Push(1).Push("two");
  EXPECT_EQ(Print(v), R"({"items":[1,"two"],"metadata":{"labels":{"a":1,"app":"web"}}})");
  v.Mut("fresh").MutItems().push_back(Value(true));
  EXPECT_EQ(v["fresh"].size(), 1u);
}

TEST(Value, MembersStaySortedWhateverTheOrderOfWriting) {
  Value v;
  for (const char* key : {"m", "z", "a", "q", "a"}) v.Set(key, key);
  std::string keys;
  for (const Member& m : v.Members()) keys += m.key;
  EXPECT_EQ(keys, "amqz");
}

TEST(Value, MembersCanBeTakenOutAndPutBack) {
  Value v = Object({{"a", 1}, {"b", 2}});
  ObjectMembers members = v.TakeMembers();
  EXPECT_TRUE(v.IsNull());
  members.erase(members.begin());
  EXPECT_EQ(Print(Value(std::move(members))), R"({"b":2})");
  EXPECT_TRUE(Array({1}).TakeMembers().empty());
}

TEST(Value, EraseSaysWhetherTheMemberWasThere) {
  Value v = Object({{"a", 1}, {"b", 2}});
  EXPECT_TRUE(v.Erase("a"));
  EXPECT_FALSE(v.Erase("a"));
  EXPECT_FALSE(Value("text").Erase("a"));
  EXPECT_EQ(Print(v), R"({"b":2})");
}

TEST(Value, ALiteralKeyGivenTwiceKeepsTheLast) {
  EXPECT_EQ(Print(Object({{"a", 1}, {"a", 2}})), R"({"a":2})");
}

TEST(Value, ACopyIsDeep) {
  const Value original = Object({{"a", Array({1})}});
  Value copy = original;
  copy.Mut("a").Push(2);
  EXPECT_EQ(original["a"].size(), 1u);
  EXPECT_EQ(copy["a"].size(), 2u);
}

TEST(Value, WholeDoublesAndIntegersConvertAndNothingElseDoes) {
  EXPECT_EQ(Value(3.0).AsInt(), 3);
  EXPECT_EQ(Value(3.5).AsInt(-1), -1);
  EXPECT_EQ(Value(1e300).AsInt(-1), -1);
  EXPECT_EQ(Value(3).AsDouble(), 3.0);
  EXPECT_EQ(Value("3").AsInt(-1), -1);
  EXPECT_EQ(Value(1).AsBool(), false);
  EXPECT_EQ(Value(true).AsInt(-1), -1);
}

TEST(Value, EqualityIgnoresHowANumberIsHeldButNeverRounds) {
  EXPECT_EQ(Value(1), Value(1.0));
  EXPECT_EQ(Array({1.0}), Array({1}));
  EXPECT_FALSE(Value(9007199254740993) == Value(9007199254740992.0));
  EXPECT_FALSE(Value(1) == Value(true));
  EXPECT_FALSE(Value(0) == Value());
  EXPECT_FALSE(Value("1") == Value(1));
}

TEST(Value, AnEmptyObjectIsNotAnEmptyArrayOrNull) {
  EXPECT_EQ(Print(Object()), "{}");
  EXPECT_EQ(Print(Array()), "[]");
  EXPECT_FALSE(Object() == Array());
  EXPECT_FALSE(Object() == Value());
}

TEST(ValueDeathTest, UnsortedMembersAreAProgrammerError) {
  EXPECT_DEATH(Value(ObjectMembers{{"b", 1}, {"a", 2}}), "not sorted");
  EXPECT_DEATH(Value("text").MutItems(), "not an array");
}

}  // namespace
}  // namespace leat::json
