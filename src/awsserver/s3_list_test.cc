#include <algorithm>

#include "aws/xml.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

class S3Lists : public EndpointTest {
 protected:
  S3Lists() { Put("/bucket", ""); }
  void Make(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      ASSERT_EQ(Put("/bucket/" + PercentEncode(key, true), "x").status, 200) << key;
    }
  }
  // Keys, and common prefixes in brackets, in order of appearance within their kind.
  std::vector<std::string> Names(const HttpAnswer& answer) {
    std::vector<std::string> names;
    const auto root = aws::ParseXml(answer.body);
    if (!root) return {answer.body};
    for (const aws::XmlNode& node : root->children) {
      if (node.name == "Contents" || node.name == "Version")
        names.emplace_back(node.ChildText("Key"));
      if (node.name == "CommonPrefixes")
        names.push_back("[" + std::string(node.ChildText("Prefix")) + "]");
    }
    return names;
  }
  using Strings = std::vector<std::string>;
};

TEST_F(S3Lists, KeysComeInByteOrder) {
  Make({"b", "a/b", "a", "a-", "B", "\xc3\xa4", "a//", "\xf0\x9f\x8c\x8a", "\xef\xbf\xbd"});
  EXPECT_EQ(
      Names(Get("/bucket?list-type=2")),
      (Strings{"B", "a", "a-", "a//", "a/b", "b", "\xc3\xa4", "\xef\xbf\xbd", "\xf0\x9f\x8c\x8a"}));
}

TEST_F(S3Lists, PrefixAndDelimiterRollUp) {
  Make({"a", "dir/1", "dir/2", "dir/sub/3", "dir2/4", "z"});
  EXPECT_EQ(Names(Get("/bucket?list-type=2&delimiter=%2F")),
            (Strings{"a", "z", "[dir/]", "[dir2/]"}));
  EXPECT_EQ(Names(Get("/bucket?list-type=2&prefix=dir%2F&delimiter=%2F")),
            (Strings{"dir/1", "dir/2", "[dir/sub/]"}));
  EXPECT_EQ(Names(Get("/bucket?list-type=2&prefix=dir")),
            (Strings{"dir/1", "dir/2", "dir/sub/3", "dir2/4"}));
  EXPECT_EQ(Names(Get("/bucket?list-type=2&prefix=none")), Strings{});
  EXPECT_EQ(Get("/bucket?list-type=2&prefix=dir").Xml("KeyCount"), "4");
}

TEST_F(S3Lists, PagesCoverEverythingOnce) {
  Strings keys;
  for (int i = 0; i < 25; ++i)
    keys.push_back((i % 3 == 0 ? "d" : "k") + std::to_string(100 + i) + (i % 3 == 0 ? "/x" : ""));
  Make(keys);
  for (const std::string& extra : {std::string(), std::string("&delimiter=%2F")}) {
    for (const char* form : {"list-type=2", ""}) {
      Strings seen;
      std::string next;
      for (int pages = 0; pages < 30; ++pages) {
        const std::string parameter = *form ? "&continuation-token=" : "&marker=";
        const HttpAnswer page = Get(std::string("/bucket?") + form + "&max-keys=4" + extra +
                                    (next.empty() ? "" : parameter + PercentEncode(next)));
        ASSERT_EQ(page.status, 200) << page.body;
        for (const std::string& name : Names(page)) seen.push_back(name);
        if (page.Xml("IsTruncated") != "true") break;
        next = page.Xml(*form ? "NextContinuationToken" : "NextMarker");
      }
      Strings expected = keys;
      if (!extra.empty()) {
        for (std::string& key : expected) {
          if (key.ends_with("/x")) key = "[" + key.substr(0, key.size() - 1) + "]";
        }
      }
      std::sort(expected.begin(), expected.end());
      std::sort(seen.begin(), seen.end());
      EXPECT_EQ(seen, expected) << form << extra;
    }
  }
}

TEST_F(S3Lists, StartAfterAndMaxKeys) {
  Make({"a", "b", "c", "d"});
  EXPECT_EQ(Names(Get("/bucket?list-type=2&start-after=b")), (Strings{"c", "d"}));
  EXPECT_EQ(Names(Get("/bucket?list-type=2&start-after=bb&max-keys=1")), (Strings{"c"}));
  const HttpAnswer none = Get("/bucket?list-type=2&max-keys=0");
  EXPECT_EQ(none.Xml("IsTruncated"), "false");
  EXPECT_EQ(Get("/bucket?list-type=2&max-keys=x").Code(), "InvalidArgument");
  for (const char* token : {"!", "YQ==", "MDAwMDAwMDBh", "MDAwMDAwMDA="})
    EXPECT_EQ(Get("/bucket?list-type=2&continuation-token=" + PercentEncode(token)).Code(),
              "InvalidArgument")
        << token;
}

TEST_F(S3Lists, EncodingTypeUrlCarriesAnyKey) {
  Make({"a b&<\x01"});
  EXPECT_EQ(Names(Get("/bucket?list-type=2&encoding-type=url")), (Strings{"a%20b%26%3C%01"}));
  EXPECT_EQ(Names(Get("/bucket?list-type=2")), (Strings{"a b&<\x01"}));
}

TEST_F(S3Lists, EveryObjectIsItsOnlyVersion) {
  Make({"a", "b"});
  const HttpAnswer versions = Get("/bucket?versions");
  EXPECT_EQ(Names(versions), (Strings{"a", "b"}));
  EXPECT_EQ(versions.Xml("VersionId"), "null");
}

}  // namespace
}  // namespace leat::awsserver
