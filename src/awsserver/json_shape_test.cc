#include "awsserver/json_shape.h"

#include <gtest/gtest.h>

namespace leat::awsserver {
namespace {

constexpr const char* kColors[] = {"Red", "Green"};
constexpr Shape kColor = OneOf(kColors);
constexpr Shape kName = Text(1, 5, "[a-z]+");
constexpr Shape kNames = ListOf(kName, 1, 3);
constexpr Shape kLabels = MapOf(kName, kName, 0, 2);
constexpr Shape kCount = Integer(1, 9);
constexpr Shape kBig = Long();
constexpr ShapeMember kPartMembers[] = {{"Name", &kName, kRequired}, {"Color", &kColor}};
constexpr Shape kPart = Structure(kPartMembers);
constexpr Shape kParts = ListOf(kPart, 0, 9);
constexpr ShapeMember kRootMembers[] = {
    {"Name", &kName},           {"Names", &kNames}, {"Labels", &kLabels},
    {"Count", &kCount},         {"Big", &kBig},     {"Flag", &kBooleanShape},
    {"When", &kTimestampShape}, {"Part", &kPart},   {"Parts", &kParts}};
constexpr Shape kRoot = Structure(kRootMembers);

std::string Check(std::string_view input) {
  const ShapeChecker checker("ValidationException", {&kRoot});
  const auto checked = checker.Check(kRoot, *json::Parse(input));
  return checked ? "" : checked.error().type + ": " + checked.error().message;
}

TEST(ShapeChecker, LetsPassWhatFitsAndWhatItDoesNotKnow) {
  EXPECT_EQ(Check(R"({"Name": "abc", "Names": ["a"], "Labels": {"a": "b"}, "Count": 9,
                      "Big": 9007199254740993, "Flag": false, "When": 1.5, "Parts": [],
                      "Unknown": [1], "Part": {"Name": "a", "Color": null}})"),
            "");
  EXPECT_EQ(Check("{}"), "");
}

TEST(ShapeChecker, SaysWhatAwsSays) {
  EXPECT_EQ(Check(R"({"Name": "a_b"})"),
            "ValidationException: 1 validation error detected: Value 'a_b' at 'name' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: [a-z]+");
  EXPECT_EQ(Check(R"({"Name": "abcdef"})"),
            "ValidationException: 1 validation error detected: Value 'abcdef' at 'name' failed to "
            "satisfy constraint: Member must have length less than or equal to 5");
  EXPECT_EQ(Check(R"({"Count": 0})"),
            "ValidationException: 1 validation error detected: Value '0' at 'count' failed to "
            "satisfy constraint: Member must have value greater than or equal to 1");
  EXPECT_EQ(Check(R"({"Part": {"Color": "Blue"}})"),
            "ValidationException: 2 validation errors detected: Value null at 'part.name' failed "
            "to satisfy constraint: Member must not be null; Value 'Blue' at 'part.color' failed "
            "to satisfy constraint: Member must satisfy enum value set: [Red, Green]");
}

TEST(ShapeChecker, CountsTheMembersOfLists) {
  EXPECT_EQ(Check(R"({"Parts": [{"Name": "a"}, {"Name": ""}]})"),
            "ValidationException: 2 validation errors detected: Value '' at 'parts.2.member.name' "
            "failed to satisfy constraint: Member must have length greater than or equal to 1; "
            "Value '' at 'parts.2.member.name' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: [a-z]+");
  EXPECT_EQ(Check(R"({"Names": []})"),
            "ValidationException: 1 validation error detected: Value '[]' at 'names' failed to "
            "satisfy constraint: Member must have length greater than or equal to 1");
}

TEST(ShapeChecker, NamesAllConstraintsOfListsAndMapsOfStrings) {
  const std::string all =
      "[Member must have length less than or equal to 5, Member must have length greater than or "
      "equal to 1, Member must satisfy regular expression pattern: [a-z]+]";
  EXPECT_EQ(Check(R"({"Names": ["a", "1"]})"),
            "ValidationException: 1 validation error detected: Value '[a, 1]' at 'names' failed to "
            "satisfy constraint: Member must satisfy constraint: " +
                all);
  EXPECT_EQ(Check(R"({"Labels": {"a": "1"}})"),
            "ValidationException: 1 validation error detected: Value '{a=1}' at 'labels' failed to "
            "satisfy constraint: Map value must satisfy constraint: " +
                all);
  EXPECT_EQ(Check(R"({"Labels": {"1": "a"}})"),
            "ValidationException: 1 validation error detected: Value '{1=a}' at 'labels' failed to "
            "satisfy constraint: Map keys must satisfy constraint: " +
                all);
}

TEST(ShapeChecker, RefusesOtherTypesBeforeAllElse) {
  EXPECT_EQ(Check(R"({"Name": 1, "Names": []})"),
            "SerializationException: NUMBER_VALUE can not be converted to a String (at 'name')");
  EXPECT_EQ(Check(R"({"Count": "1"})"),
            "SerializationException: STRING_VALUE can not be converted to an Integer (at 'count')");
  for (const char* wrong :
       {R"({"Count": 1.5})", R"({"Count": 3000000000})", R"({"Flag": "true"})", R"({"Part": []})",
        R"({"Part": "x"})", R"({"Names": {}})", R"({"Names": [null]})", R"({"Labels": {"a": 1}})",
        R"({"When": "2020-01-01"})", R"({"Big": 1e30})", R"({"Parts": [{"Name": {}}]})"})
    EXPECT_EQ(Check(wrong).substr(0, 23), "SerializationException:") << wrong;
}

TEST(ShapeChecker, CountsCharactersNotBytes) {
  constexpr Shape kWord = Text(0, 3);
  const ShapeChecker checker("E", {&kWord});
  EXPECT_TRUE(checker.Check(kWord, "äöü"));
  EXPECT_FALSE(checker.Check(kWord, "äöüx"));
}

}  // namespace
}  // namespace leat::awsserver
