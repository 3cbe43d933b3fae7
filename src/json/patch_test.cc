#include "json/patch.h"

#include <gtest/gtest.h>

namespace leat::json {
namespace {

Value Read(std::string_view text) {
  Result<Value> value = Parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : Value("does not parse");
}

std::string Merged(std::string_view target, std::string_view patch) {
  Value value = Read(target);
  MergePatch(value, Read(patch));
  return Print(value);
}

// The patched document, or the error's message.
std::string Patched(std::string_view target, std::string_view operations) {
  Value value = Read(target);
  const Status done = JsonPatch(value, Read(operations));
  if (done) return Print(value);
  EXPECT_EQ(value, Read(target)) << "a failed patch must leave the document as it was";
  return done.error().message;
}

TEST(MergePatch, FollowsTheExamplesOfRfc7386) {
  const char* cases[][3] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", R"(null)", R"(null)"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"a":1,"e":null})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& [target, patch, merged] : cases)
    EXPECT_EQ(Merged(target, patch), merged) << target << " + " << patch;
}

TEST(MergePatch, KeepsMembersSortedAroundTheChanges) {
  EXPECT_EQ(Merged(R"({"b":1,"d":1,"f":{"x":1,"y":2}})",
                   R"({"a":2,"c":{"n":null},"d":null,"f":{"y":null,"z":[null]},"g":2})"),
            R"({"a":2,"b":1,"c":{},"f":{"x":1,"z":[null]},"g":2})");
}

TEST(AtPointer, FollowsTheExamplesOfRfc6901) {
  const Value v = Read(R"({"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"~1":9})");
  EXPECT_EQ(AtPointer(v, ""), &v);
  EXPECT_EQ(AtPointer(v, "/foo/0")->AsString(), "bar");
  EXPECT_EQ(AtPointer(v, "/")->AsInt(7), 0);
  EXPECT_EQ(AtPointer(v, "/a~1b")->AsInt(), 1);
  EXPECT_EQ(AtPointer(v, "/m~0n")->AsInt(), 8);
  EXPECT_EQ(AtPointer(v, "/~01")->AsInt(), 9);
  for (const char* none : {"foo", "/foo/2", "/foo/-", "/foo/00", "/foo/+1", "/foo/-1", "/foo/0/x",
                           "/m~n", "/m~", "/x", "/foo/18446744073709551616"})
    EXPECT_EQ(AtPointer(v, none), nullptr) << none;
}

TEST(JsonPatch, DoesEachOperation) {
  const char* cases[][3] = {
      {R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":1})", R"([{"op":"add","path":"/a","value":2}])", R"({"a":2})"},
      {R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])", R"({"a":[1,2,3]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":[2]}])", R"({"a":[1,[2]]})"},
      {R"({"a":[1]})", R"([{"op":"add","path":"/a/1","value":null}])", R"({"a":[1,null]})"},
      {R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])", R"({"b":2})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/1"}])", R"({"a":[1,3]})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":{"x":1}}])", R"({"a":{"x":1}})"},
      {R"({"a":1})", R"([{"op":"test","path":"","value":{"a":1}}])", R"({"a":1})"},
      {R"({"a":{"b":1}})", R"([{"op":"move","from":"/a/b","path":"/c"}])", R"({"a":{},"c":1})"},
      {R"({"a":[1,2,3]})", R"([{"op":"move","from":"/a/0","path":"/a/2"}])", R"({"a":[2,3,1]})"},
      {R"({"a":1})", R"([{"op":"move","from":"/a","path":"/a"}])", R"({"a":1})"},
      {R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/a/c"}])",
       R"({"a":{"b":1,"c":{"b":1}}})"},
      {R"({"a":[1,{"x":2}]})", R"([{"op":"test","path":"/a","value":[1.0,{"x":2}]}])",
       R"({"a":[1,{"x":2}]})"},
      {R"({"a~b/c":1})", R"([{"op":"remove","path":"/a~0b~1c"}])", R"({})"}};
  for (const auto& [target, operations, expected] : cases)
    EXPECT_EQ(Patched(target, operations), expected) << target << " + " << operations;
}

TEST(JsonPatch, SaysWhichOperationFailedAndWhy) {
  EXPECT_EQ(Patched(R"({"a":1})",
                    R"([{"op":"remove","path":"/a"},{"op":"test","path":"/b/c","value":1}])"),
            "JSON patch operation 1: there is nothing at \"/b/c\"");
  EXPECT_EQ(Patched(R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])"),
            "JSON patch operation 0: test failed: the value at \"/a\" is another");
  EXPECT_EQ(Patched(R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b/c"}])"),
            "JSON patch operation 0: \"/a\" cannot move into itself");
}

TEST(JsonPatch, RefusesOperationsThatDoNotApply) {
  for (const char* operations :
       {R"({})", R"([1])", R"([{"op":"add","value":1}])", R"([{"op":"add","path":"/b"}])",
        R"([{"op":"frob","path":"/b","value":1}])", R"([{"op":"add","path":"b","value":1}])",
        R"([{"op":"add","path":"/x/y","value":1}])", R"([{"op":"add","path":"/a/4","value":1}])",
        R"([{"op":"add","path":"/a/01","value":1}])", R"([{"op":"add","path":"/a/x","value":1}])",
        R"([{"op":"add","path":"/a/0/x","value":1}])", R"([{"op":"remove","path":"/a/-"}])",
        R"([{"op":"remove","path":"/a/3"}])", R"([{"op":"replace","path":"/b/c","value":1}])",
        R"([{"op":"move","path":"/b"}])", R"([{"op":"copy","from":"/x/y","path":"/b"}])",
        R"([{"op":"move","from":"/x","path":"/x"}])", R"([{"op":"move","from":"~","path":"/b"}])"})
    EXPECT_NE(Patched(R"({"a":[1,2,3]})", operations).find("JSON patch"), std::string::npos)
        << operations;
}

// What the library that upstream uses answers, where it is milder or stricter than the RFC.
TEST(JsonPatch, IsAsMildAndAsStrictAsKubernetes) {
  const char* cases[][3] = {
      {R"({"a":1})", R"([{"op":"replace","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":{}})", R"([{"op":"replace","path":"/a/b","value":{"q":1}}])",
       R"({"a":{"b":{"q":1}}})"},
      {R"({"a":1})", R"([{"op":"test","path":"/b","value":null}])", R"({"a":1})"},
      {R"({"a":null})", R"([{"op":"test","path":"/a","value":null}])", R"({"a":null})"},
      {R"({"a":1})", R"([{"op":"copy","from":"/b","path":"/c"}])", R"({"a":1,"c":null})"},
      {R"({"a":[1,2,3]})", R"([{"op":"add","path":"/a/-1","value":9}])", R"({"a":[1,2,3,9]})"},
      {R"({"a":[1,2,3]})", R"([{"op":"add","path":"/a/-4","value":9}])", R"({"a":[9,1,2,3]})"},
      {R"({"a":[1,2,3]})", R"([{"op":"replace","path":"/a/-1","value":9}])", R"({"a":[1,2,9]})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/-1"}])", R"({"a":[1,2]})"},
      {R"({"a":[1,2,3]})", R"([{"op":"test","path":"/a/-3","value":1}])", R"({"a":[1,2,3]})"},
      {R"({"a":[1,2,3]})", R"([{"op":"copy","from":"/a/-1","path":"/b"}])",
       R"({"a":[1,2,3],"b":3})"},
      {R"({"a":[1,2]})", R"([{"op":"move","from":"/a/-1","path":"/a/0"}])", R"({"a":[2,1]})"},
      {R"({"a":[{"b":1},{"b":2}]})", R"([{"op":"replace","path":"/a/-1/b","value":7}])",
       R"({"a":[{"b":1},{"b":7}]})"}};
  for (const auto& [target, operations, expected] : cases)
    EXPECT_EQ(Patched(target, operations), expected) << target << " + " << operations;
  for (const char* refused :
       {R"([{"op":"replace","path":"/b/c","value":2}])", R"([{"op":"test","path":"/b","value":1}])",
        R"([{"op":"test","path":"/b/c","value":null}])",
        R"([{"op":"copy","from":"/b/x","path":"/c"}])",
        R"([{"op":"move","from":"/b","path":"/c"}])", R"([{"op":"remove","path":"/b"}])",
        R"([{"op":"add","path":"/a/-5","value":9}])",
        R"([{"op":"replace","path":"/a/-4","value":9}])",
        R"([{"op":"replace","path":"/a/3","value":9}])", R"([{"op":"remove","path":"/a/-4"}])",
        R"([{"op":"test","path":"/a/3","value":null}])",
        R"([{"op":"replace","path":"/a/-","value":3}])",
        R"([{"op":"replace","path":"/a/-0","value":3}])",
        R"([{"op":"add","path":"","value":{"x":1}}])",
        R"([{"op":"replace","path":"","value":{"x":1}}])", R"([{"op":"remove","path":""}])",
        R"([{"op":"copy","from":"","path":"/b"}])", R"([{"op":"move","from":"","path":"/b"}])"})
    EXPECT_NE(Patched(R"({"a":[1,2,3]})", refused).find("JSON patch operation 0"),
              std::string::npos)
        << refused;
}

TEST(JsonPatch, BoundsOperationsCopiesAndDepth) {
  Value many;
  for (int i = 0; i < 10'001; ++i) many.Push(Object({{"op", "test"}, {"path", ""}, {"value", 1}}));
  Value target(1);
  EXPECT_EQ(JsonPatch(target, many).error().code, Code::kTooLarge);

  Value doubling;
  for (int i = 0; i < 64; ++i)
    doubling.Push(Object({{"op", "copy"}, {"from", "/a"}, {"path", "/a/" + std::to_string(i)}}));
  target = Object({{"a", Object({{"b", "text"}})}});
  EXPECT_EQ(JsonPatch(target, doubling).error().code, Code::kTooLarge);

  Value deeper;
  std::string path;
  for (int i = 0; i < 300; ++i)
    deeper.Push(Object({{"op", "add"}, {"path", path += "/a"}, {"value", Object()}}));
  target = Object();
  EXPECT_EQ(JsonPatch(target, deeper).error().code, Code::kTooLarge);
  EXPECT_EQ(target, Object());
}

// Each of these took most of a minute.
TEST(JsonPatch, BoundsWhatItMoves) {
  Value large;
  for (int i = 0; i < 400'000; ++i) large.Push(i);
  const auto repeated = [](const Value& operation, const Value& other) {
    Value operations;
    for (int i = 0; i < 10'000; ++i) operations.Push(i % 2 == 0 ? operation : other);
    return operations;
  };
  const Value there = Object({{"op", "move"}, {"from", "/a"}, {"path", "/b"}});
  const Value back = Object({{"op", "move"}, {"from", "/b"}, {"path", "/a"}});
  const Value front = Object({{"op", "add"}, {"path", "/a/0"}, {"value", 1}});
  const Value off = Object({{"op", "remove"}, {"path", "/a/0"}});
  for (const Value& operations :
       {repeated(there, back), repeated(front, front), repeated(front, off)}) {
    Value target = Object({{"a", large}});
    EXPECT_EQ(JsonPatch(target, operations).error().code, Code::kTooLarge);
    EXPECT_EQ(target["a"].size(), 400'000u);
  }
  Value ordinary = Object({{"a", Array({1, 2, 3})}});
  EXPECT_TRUE(JsonPatch(ordinary, repeated(there, back)));
  EXPECT_TRUE(JsonPatch(ordinary, repeated(front, off)));
  EXPECT_EQ(ordinary["a"].size(), 3u);
}

}  // namespace
}  // namespace leat::json
