#include "engine/channel_objects.h"

#include <gtest/gtest.h>

namespace leat::engine {
namespace {

std::string Path(std::string_view prefix, std::string_view key) {
  auto path = PathOfKey(prefix, key);
  return path ? *path : "refused";
}

TEST(PathOfKey, LiesBelowADirectoryPrefix) {
  EXPECT_EQ(Path("data/train/", "data/train/a/b.csv"), "a/b.csv");
  EXPECT_EQ(Path("data/train", "data/train/a/b.csv"), "a/b.csv");
  EXPECT_EQ(Path("", "a/b.csv"), "a/b.csv");
}

TEST(PathOfKey, LiesBelowTheLastSlashOfOtherPrefixes) {
  EXPECT_EQ(Path("data/part-", "data/part-1.csv"), "part-1.csv");
  EXPECT_EQ(Path("data/train.csv", "data/train.csv"), "train.csv");
  EXPECT_EQ(Path("tr", "train/x"), "train/x");
}

TEST(PathOfKey, NeverLeavesTheDirectory) {
  EXPECT_EQ(Path("d/", "d/../../etc/passwd"), "refused");
  EXPECT_EQ(Path("d/", "d/a/.."), "refused");
  EXPECT_EQ(Path("d/", "d/./a"), "refused");
  EXPECT_EQ(Path("d/", "d//etc/passwd"), "etc/passwd");
  EXPECT_EQ(Path("", "/etc/passwd"), "etc/passwd");
  EXPECT_EQ(Path("d/", std::string("d/a\0b", 5)), "refused");
  EXPECT_EQ(Path("d/", "d/a/"), "refused");
  EXPECT_EQ(Path("d/", "d/..."), "...");
}

std::string Check(const std::vector<std::string>& paths) {
  std::vector<ChannelObject> objects;
  for (const std::string& path : paths) objects.push_back({.url = {"b", path}, .path = path});
  auto checked = CheckPaths(objects);
  return checked ? "fine" : checked.error().message;
}

TEST(CheckPaths, RefusesAFileWhereADirectoryIsWanted) {
  EXPECT_EQ(Check({"a", "b/c", "b/d"}), "fine");
  EXPECT_EQ(Check({"a", "a/b/c"}),
            "the objects s3://b/a and s3://b/a/b/c cannot both become files; rename one of them");
  EXPECT_NE(Check({"x/y/z", "x/y"}), "fine");
  EXPECT_NE(Check({"a", "a"}), "fine");
  EXPECT_EQ(Check({"a-b", "a/b", "ab"}), "fine");
}

TEST(ParseManifest, JoinsThePrefixAndTheKeys) {
  objectstore::S3Url prefix;
  auto urls = ParseManifest(R"([{"prefix": "s3://b/dir/"}, "one", "sub/two"])", prefix);
  ASSERT_TRUE(urls) << urls.error().message;
  ASSERT_EQ(urls->size(), 2u);
  EXPECT_EQ((*urls)[1].ToString(), "s3://b/dir/sub/two");
  EXPECT_EQ(prefix.key, "dir/");
}

TEST(ParseManifest, RefusesWhatIsNone) {
  objectstore::S3Url prefix;
  for (const char* text : {"", "{}", "[]", "[\"a\"]", R"([{"prefix": "s3://b/"}, 7])"})
    EXPECT_FALSE(ParseManifest(text, prefix)) << text;
}

}  // namespace
}  // namespace leat::engine
