// What only directories have: links, odd kinds of files, and files that change in place.
#include "objectstore/file_object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

namespace leat::objectstore {
namespace {

class FileStoreTest : public ::testing::Test {
 protected:
  FileStoreTest() {
    auto store = OpenFileObjectStore(dir_.path());
    EXPECT_TRUE(store);
    store_ = std::move(*store);
  }
  std::string Path(const std::string& key) const { return dir_.path() + "/" + key; }
  void Put(const std::string& key, const std::string& bytes) {
    ASSERT_TRUE(io::WriteFile(Path(key), bytes));
  }
  std::vector<ObjectInfo> All() {
    std::vector<ObjectInfo> infos;
    const auto listed = store_->List("", "",
                                     [&](ObjectInfo info) {
                                       infos.push_back(std::move(info));
                                       return true;
                                     },
                                     {});
    EXPECT_TRUE(listed) << listed.error().message;
    return infos;
  }

  io::TempDir dir_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(FileStoreTest, LinksShowAsLinksAndAreNotFollowed) {
  ASSERT_TRUE(io::MakeDirs(Path("d")));
  Put("d/f", "x");
  ASSERT_EQ(::symlink("d", Path("to-dir").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", Path("out").c_str()), 0);
  const auto all = All();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].key, "out");
  EXPECT_EQ(all[1].link_target, "/etc/passwd");
  EXPECT_EQ(all[1].size, 11u);
  EXPECT_EQ(all[2].link_target, "d");
  EXPECT_EQ(store_->Head("to-dir/f", {}).error().code, Code::kNotFound);
  const auto got =
      store_->Get("out", all[1].etag, 0, 1, [](std::string_view) -> Status { return {}; }, {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kNotFound);
}

TEST_F(FileStoreTest, OtherKindsAreLeftOut) {
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  Put("f", "x");
  EXPECT_EQ(All().size(), 1u);
  EXPECT_EQ(store_->Head("fifo", {}).error().code, Code::kNotFound);
}

TEST_F(FileStoreTest, EmptyDirectoriesShow) {
  ASSERT_TRUE(io::MakeDirs(Path("a/b")));
  Put("c", "x");
  const auto all = All();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].key, "a/b/");
  EXPECT_EQ(all[0].size, 0u);
  const auto level = store_->ListLevel("a/b/", 10, {});
  ASSERT_TRUE(level);
  ASSERT_EQ(level->objects.size(), 1u);
  EXPECT_EQ(level->objects[0].key, "a/b/");
}

TEST_F(FileStoreTest, ADirectoryThatMayNotBeReadShowsAsEmpty) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every directory";
  ASSERT_TRUE(io::MakeDirs(Path("lost+found"), 0));
  Put("z", "x");
  const auto all = All();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].key, "lost+found/");
}

TEST_F(FileStoreTest, NamesHoldAnyByte) {
  std::string name;
  for (int c = 1; c < 256; ++c)
    if (c != '/') name += static_cast<char>(c);
  Put(name, "x");
  const auto all = All();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].key, name);
  EXPECT_TRUE(store_->Head(name, {}));
}

TEST_F(FileStoreTest, AChangeInTheMiddleOfAReadingIsAConflict) {
  Put("f", std::string(4 << 20, 'a'));
  const auto info = store_->Head("f", {});
  ASSERT_TRUE(info);
  uint64_t given = 0;
  const auto got = store_->Get("f", info->etag, 0, info->size,
                               [&](std::string_view bytes) -> Status {
                                 given += bytes.size();
                                 const auto fd = io::Open(Path("f"), O_WRONLY | O_APPEND);
                                 return io::WriteAll(fd->get(), "more");
                               },
                               {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kConflict) << got.error().message;
  EXPECT_EQ(given, 1u << 20);
}

TEST_F(FileStoreTest, ARenamedReplacementIsAnotherVersion) {
  Put("f", "one");
  const auto info = store_->Head("f", {});
  Put("g", "two");
  struct stat s {};
  ASSERT_EQ(::stat(Path("f").c_str(), &s), 0);
  const timespec times[] = {s.st_atim, s.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, Path("g").c_str(), times, 0), 0);
  ASSERT_TRUE(io::Rename(Path("g"), Path("f")));
  EXPECT_NE(store_->Head("f", {})->etag, info->etag);
}

TEST_F(FileStoreTest, AnUnreadableRangeIsInvalid) {
  Put("f", "abc");
  const auto got = store_->Get("f", store_->Head("f", {})->etag, 2, 5,
                               [](std::string_view) -> Status { return {}; }, {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kInvalid);
}

TEST(ModifiedNanoseconds, AreThoseOfTheTag) {
  EXPECT_EQ(ModifiedNanoseconds("12-1700000000123456789-77"), 1700000000123456789);
  EXPECT_EQ(ModifiedNanoseconds("0--1500000000-7"), -1500000000);
  for (const char* other : {"", "abc", "1-2", "1--", "d41d8cd98f00b204e9800998ecf8427e-3"})
    EXPECT_FALSE(ModifiedNanoseconds(other)) << other;
}

}  // namespace
}  // namespace leat::objectstore
