#include "datanode/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "io/file.h"

namespace leat::datanode {
namespace {

using objectstore::ObjectInfo;

class TreeTest : public testing::Test {
 protected:
  std::shared_ptr<const Manifest> Build(const std::vector<ObjectInfo>& objects,
                                        std::shared_ptr<const Manifest> previous = nullptr) {
    ManifestBuilder builder("s3://b/", std::move(previous));
    for (const auto& object : objects) builder.Add(object);
    const std::string path = dir_.path() + "/manifest" + std::to_string(built_++);
    EXPECT_TRUE(builder.Write(path, 0));
    return *Manifest::Open(path);
  }
  static std::vector<std::string> Names(const Tree& tree, uint64_t directory) {
    std::vector<std::string> names;
    EXPECT_TRUE(tree.List(directory, 0, [&](std::string_view name, const TreeEntry&, uint64_t) {
      names.emplace_back(name);
      return true;
    }));
    return names;
  }

  io::TempDir dir_;
  int built_ = 0;
  const std::string log_ = dir_.path() + "/amendments";
};

TEST_F(TreeTest, FilesBesideOneAnotherHaveNeighbouringPlaces) {
  Tree tree(Build({{.key = "d/a", .size = 1, .etag = "e"},
                   {.key = "d/b/inner", .size = 1, .etag = "e"},
                   {.key = "d/c", .size = 1, .etag = "e"},
                   {.key = "d/d", .size = 1, .etag = "e"},
                   {.key = "d/e", .size = 1, .etag = "e"},
                   {.key = "z", .size = 1, .etag = "e"}}));
  const auto place = tree.PlaceOf(tree.FindPath("d/a")->id);
  ASSERT_TRUE(place);
  const auto changed = tree.FindPath("d/c")->id;
  ASSERT_TRUE(tree.Amend(changed, ObjectInfo{.key = "d/c", .size = 9, .etag = "new"}, log_));
  ASSERT_TRUE(tree.Amend(tree.FindPath("d/d")->id, std::nullopt, log_));
  std::vector<std::string> keys;
  for (const TreeEntry& file : tree.FilesAt(*place, *place + 1, *place + 100)) {
    keys.push_back(file.key + ":" + std::to_string(file.size));
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"d/c:9", "d/e:1"})) << "as they are now";
  EXPECT_EQ(tree.PlaceOf(tree.FindPath("d/c")->id), *place + 2) << "also one that has changed";
  EXPECT_FALSE(tree.PlaceOf(12345));
  EXPECT_TRUE(tree.FilesAt(12345, 0, 10).empty());
}

TEST_F(TreeTest, FindsByNameIdAndPath) {
  Tree tree(Build({{.key = "d/x", .size = 3, .etag = "e1"}, {.key = "y"}}));
  const auto directory = tree.Lookup(0, "d");
  ASSERT_TRUE(directory);
  const auto file = tree.Lookup(directory->id, "x");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->key, "d/x");
  EXPECT_EQ(file->size, 3u);
  EXPECT_EQ(tree.Find(file->id)->key, "d/x");
  EXPECT_EQ(tree.FindPath("d/x")->id, file->id);
  EXPECT_FALSE(tree.Lookup(0, "z"));
  EXPECT_FALSE(tree.Lookup(file->id, "x"));
  EXPECT_FALSE(tree.Find(12345));
}

TEST_F(TreeTest, ListGoesOnFromAnyPosition) {
  Tree tree(Build({{.key = "a"}, {.key = "b"}, {.key = "c"}}));
  std::vector<std::string> names;
  uint64_t from = 0;
  for (int calls = 0; calls < 10; ++calls) {
    const uint64_t before = from;
    ASSERT_TRUE(tree.List(0, from, [&](std::string_view name, const TreeEntry&, uint64_t next) {
      names.emplace_back(name);
      from = next;
      return false;
    }));
    if (from == before) break;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(tree.List(tree.Lookup(0, "a")->id, 0, nullptr).error().code, Code::kNotFound);
}

TEST_F(TreeTest, ListGoesOnWhereItWasInANewManifest) {
  auto first = Build({{.key = "b"}, {.key = "d"}, {.key = "f"}, {.key = "h"}, {.key = "j"}});
  Tree tree(first);
  std::vector<std::string> names;
  uint64_t from = 0;
  const auto some = [&](size_t count) {
    ASSERT_TRUE(tree.List(0, from, [&](std::string_view name, const TreeEntry&, uint64_t next) {
      names.emplace_back(name);
      from = next;
      return --count > 0;
    }));
  };
  some(2);
  // Both of those listed last are gone, others come before and after.
  auto second = Build({{.key = "a"},
                       {.key = "b"},
                       {.key = "c"},
                       {.key = "e"},
                       {.key = "f"},
                       {.key = "h", .etag = "other"},
                       {.key = "j"}},
                      first);
  tree.Replace(second);
  some(2);
  EXPECT_EQ(names, (std::vector<std::string>{"b", "d", "e", "f"}));
  ASSERT_TRUE(tree.Amend(tree.Lookup(0, "f")->id, std::nullopt, log_));
  ASSERT_TRUE(tree.Amend(tree.Lookup(0, "h")->id, ObjectInfo{.key = "h", .etag = "third"}, log_));
  some(1);
  tree.Replace(Build({{.key = "f"}, {.key = "h"}, {.key = "i"}, {.key = "j"}}, second));
  some(100);
  EXPECT_EQ(names, (std::vector<std::string>{"b", "d", "e", "f", "h", "i", "j"}));
}

TEST_F(TreeTest, PositionFromBeforeAllManifestsThatAreKeptIsToldOf) {
  auto manifest = Build({{.key = "a"}, {.key = "b"}});
  Tree tree(manifest);
  const uint64_t after_a = tree.Lookup(0, "a")->id;
  for (int n = 0; n < 17; ++n) {
    manifest = Build({{.key = "b"}, {.key = "n" + std::to_string(n)}}, manifest);
    tree.Replace(manifest);
    const auto listed = tree.List(0, after_a, [](auto, const auto&, uint64_t) { return true; });
    EXPECT_EQ(listed.has_value(), n < 16) << n;
    EXPECT_TRUE(listed || listed.error().code == Code::kExpired) << n;
  }
}

TEST_F(TreeTest, ReplaceTellsWhatTheKernelMustForget) {
  auto first = Build({{.key = "d/same"}, {.key = "d/changed", .etag = "1"}, {.key = "d/gone"}});
  Tree tree(first);
  const uint64_t d = tree.Lookup(0, "d")->id;
  const uint64_t old = tree.FindPath("d/changed")->id;
  const auto second = Build(
      {{.key = "d/same"}, {.key = "d/changed", .etag = "2"}, {.key = "d/new"}, {.key = "e/x"}},
      first);
  const auto changes = tree.ChangesTo(*second);
  tree.Replace(second);
  std::set<std::pair<uint64_t, std::string>> names;
  for (const Change& change : changes) names.emplace(change.directory, change.name);
  EXPECT_EQ(names, (std::set<std::pair<uint64_t, std::string>>{
                       {d, "changed"}, {d, "gone"}, {d, "new"}, {0, "e"}}));
  EXPECT_NE(tree.FindPath("d/changed")->id, old);
  EXPECT_EQ(tree.Find(old)->etag, "1") << "a file that is open keeps its version";
}

TEST_F(TreeTest, TellsWhichDirectoriesWereEmptied) {
  const auto before = Build({{.key = "a/x/1"}, {.key = "a/y/1"}, {.key = "b/1"}, {.key = "c/"}});
  const auto emptied = [&](const std::vector<ObjectInfo>& after) {
    return EmptiedDirectories(*before, *Build(after, before));
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(emptied({{.key = "a/x/1"}, {.key = "a/y/1"}, {.key = "b/1"}, {.key = "c/"}}), Paths());
  EXPECT_EQ(emptied({{.key = "a/x/"}, {.key = "a/y/2"}, {.key = "b/1"}}), Paths{"a/x"});
  EXPECT_EQ(emptied({{.key = "a/x/"}, {.key = "a/y/"}, {.key = "b/"}, {.key = "c/1"}}),
            (Paths{"a", "b"}));
  EXPECT_EQ(emptied({{.key = "a/"}, {.key = "b/"}}), Paths{""});
  EXPECT_EQ(emptied({}), Paths{""});
  // What is not there any more, or is a file, was not emptied.
  EXPECT_EQ(emptied({{.key = "a/y/1"}, {.key = "b"}}), Paths());
}

TEST_F(TreeTest, AmendedObjectIsAnotherFileAndTheOldOneStaysKnown) {
  auto manifest = Build({{.key = "d/x", .size = 1, .etag = "1"}, {.key = "d/y", .etag = "1"}});
  const auto check = [&](Tree& tree, uint64_t old) {
    const auto now = tree.FindPath("d/x");
    ASSERT_TRUE(now);
    EXPECT_NE(now->id, old);
    EXPECT_EQ(now->size, 7u);
    EXPECT_EQ(now->etag, "2 %");
    EXPECT_EQ(tree.Find(now->id)->etag, "2 %");
    EXPECT_EQ(tree.Find(now->id)->key, "d/x");
    EXPECT_EQ(tree.Find(old)->etag, "1");
    EXPECT_FALSE(tree.FindPath("d/y"));
    EXPECT_EQ(Names(tree, tree.Lookup(0, "d")->id), (std::vector<std::string>{"x"}));
  };
  Tree tree(manifest);
  const uint64_t old = tree.FindPath("d/x")->id;
  const auto change =
      tree.Amend(old, ObjectInfo{.key = "d/x", .size = 7, .etag = "2 %", .last_modified = 9}, log_);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->directory, tree.Lookup(0, "d")->id);
  EXPECT_EQ(change->name, "x");
  ASSERT_TRUE(tree.Amend(tree.FindPath("d/y")->id, std::nullopt, log_));
  EXPECT_EQ(tree.Amend(old, std::nullopt, log_).error().code, Code::kConflict);
  check(tree, old);

  {  // as a full disk or a crash may leave it
    auto fd = io::Open(log_, O_WRONLY | O_APPEND);
    ASSERT_TRUE(io::WriteAll(fd->get(), "\n17 5497"));
  }
  Tree next_worker(manifest);
  ASSERT_TRUE(next_worker.ReadAmendments(log_));
  check(next_worker, old);
  const uint64_t second = next_worker.FindPath("d/x")->id;
  ASSERT_TRUE(next_worker.Amend(second, ObjectInfo{.size = 8, .etag = "3"}, log_));
  EXPECT_EQ(next_worker.FindPath("d/x")->etag, "3");
  EXPECT_EQ(next_worker.Find(second)->etag, "2 %");
  Tree third(manifest);
  ASSERT_TRUE(third.ReadAmendments(log_));
  EXPECT_EQ(third.FindPath("d/x")->etag, "3");
  EXPECT_EQ(third.FindPath("d/x")->id, next_worker.FindPath("d/x")->id);
}

TEST_F(TreeTest, TellsWhatIsShownOtherwiseThanItWasListed) {
  const std::vector<ObjectInfo> objects = {
      {.key = "d/x", .size = 1, .etag = "1"}, {.key = "gone", .etag = "1"}, {.key = "y"}};
  const auto first = Build(objects);
  Tree tree(first);
  EXPECT_TRUE(tree.ShownAmended().empty());
  const auto amend = [&](const std::string& etag) {
    return tree.Amend(tree.FindPath("d/x")->id, ObjectInfo{.size = 1, .etag = etag}, log_);
  };
  ASSERT_TRUE(tree.Amend(tree.FindPath("gone")->id, std::nullopt, log_));
  ASSERT_TRUE(amend("2"));
  ASSERT_TRUE(amend("3"));
  tree.Replace(Build(objects, first));
  auto shown = tree.ShownAmended();
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown[0].id, tree.FindPath("d/x")->id);
  EXPECT_EQ(shown[0].etag, "3");
  // As it was listed again.
  ASSERT_TRUE(amend("1"));
  EXPECT_EQ(tree.FindPath("d/x")->etag, "1");
  EXPECT_TRUE(tree.ShownAmended().empty());
  // A listing that saw the change has another id for it.
  ASSERT_TRUE(amend("4"));
  tree.Replace(Build({{.key = "d/x", .size = 1, .etag = "4"}}, tree.manifest()));
  EXPECT_TRUE(tree.ShownAmended().empty());
}

TEST_F(TreeTest, AmendmentsThatContradictOthersAreLeftOut) {
  const auto manifest = Build({{.key = "a", .etag = "e"}, {.key = "b", .etag = "e"}});
  const uint64_t a = Tree(manifest).FindPath("a")->id;
  const uint64_t b = Tree(manifest).FindPath("b")->id;
  const uint64_t x = uint64_t{1} << 39;  // the first id of an amendment
  const auto line = [](uint64_t from, uint64_t to, const std::string& etag) {
    return std::to_string(from) + " " + std::to_string(to) + " 5 0 " + etag + "\n";
  };
  const std::string damaged[] = {
      line(a, a, "own"),        line(a, b, "other"),       line(a, x, "e2") + line(x, a, "round"),
      line(x, x, "next"),       line(a, x << 1, "beyond"), line(a, 7, "low"),
      line(x + 5, x, "unknown")};
  for (const std::string& log : damaged) {
    ASSERT_TRUE(io::WriteFile(log_, log + line(b, x + 9, "good")));
    Tree tree(manifest);
    ASSERT_TRUE(tree.ReadAmendments(log_));
    const auto entry = tree.FindPath("a");
    ASSERT_TRUE(entry) << log;
    EXPECT_EQ(tree.Find(entry->id)->key, "a") << log;
    EXPECT_EQ(tree.FindPath("b")->etag, "good") << log;
  }
}

TEST_F(TreeTest, OneIdIsThatOfOneFileWhateverTheLogSays) {
  const auto manifest = Build({{.key = "a", .etag = "e"}, {.key = "b", .etag = "e"}});
  const uint64_t a = Tree(manifest).FindPath("a")->id;
  const uint64_t b = Tree(manifest).FindPath("b")->id;
  // The first line was cut short by a full disk.
  ASSERT_TRUE(io::WriteFile(log_, std::to_string(a) + " 549755813888 5 0 e\n" + std::to_string(b) +
                                      " 549755813888 5 0 e2\n" + std::to_string(a) +
                                      " 549755813889 5 0 e3\n"));
  Tree tree(manifest);
  ASSERT_TRUE(tree.ReadAmendments(log_));
  for (const char* key : {"a", "b"}) EXPECT_EQ(tree.Find(tree.FindPath(key)->id)->key, key);
  EXPECT_EQ(tree.FindPath("a")->etag, "e3");
  EXPECT_FALSE(tree.Find(549755813888));
}

}  // namespace
}  // namespace leat::datanode
