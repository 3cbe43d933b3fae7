#include "engine/tar_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "engine/download.h"
#include "io/file.h"

namespace leat::engine {
namespace {

std::string ReadAll(TarStream& tar) {
  std::string bytes, buffer(777, '\0');
  while (true) {
    auto size = tar.Read(buffer);
    EXPECT_TRUE(size) << size.error().message;
    if (!size || *size == 0) return bytes;
    bytes.append(buffer.data(), *size);
  }
}

// Content (or "-> target", or "dir") by path.
std::map<std::string, std::string> Unpack(const std::string& bytes) {
  std::map<std::string, std::string> found;
  archive* tar = archive_read_new();
  archive_read_support_filter_gzip(tar);
  archive_read_support_format_tar(tar);
  EXPECT_EQ(archive_read_open_memory(tar, bytes.data(), bytes.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
    std::string& content = found[archive_entry_pathname(entry)];
    if (archive_entry_filetype(entry) == AE_IFDIR) content = "dir";
    if (archive_entry_filetype(entry) == AE_IFLNK)
      content = std::string("-> ") + archive_entry_symlink(entry);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    content.resize(static_cast<size_t>(archive_entry_size(entry)));
    EXPECT_EQ(archive_read_data(tar, content.data(), content.size()),
              static_cast<la_ssize_t>(content.size()));
  }
  archive_read_free(tar);
  return found;
}

class TarStreamTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& bytes) {
    const std::string full = dir_.path() + "/" + path;
    ASSERT_TRUE(io::MakeDirs(full.substr(0, full.rfind('/'))));
    ASSERT_TRUE(io::WriteFile(full, bytes));
  }
  std::string Tar() {
    auto entries = ListTree(dir_.path());
    EXPECT_TRUE(entries) << entries.error().message;
    TarStream tar(dir_.path(), *entries);
    return ReadAll(tar);
  }
  io::TempDir dir_;
};

TEST_F(TarStreamTest, HoldsFilesDirectoriesAndLinks) {
  const std::string large(3 << 20, 'x');
  Write("model", "bytes");
  Write("deep/er/large", large);
  Write("empty", "");
  ASSERT_EQ(symlink("/etc/shadow", (dir_.path() + "/link").c_str()), 0);
  ASSERT_EQ(mkfifo((dir_.path() + "/fifo").c_str(), 0600), 0);
  const auto found = Unpack(Tar());
  EXPECT_EQ(found.at("model"), "bytes");
  EXPECT_EQ(found.at("deep/er/large"), large);
  EXPECT_EQ(found.at("empty"), "");
  EXPECT_EQ(found.at("link"), "-> /etc/shadow");
  EXPECT_FALSE(found.contains("fifo"));
  EXPECT_EQ(found.size(), 6u);
}

TEST_F(TarStreamTest, OfNothingIsAnEmptyArchive) { EXPECT_TRUE(Unpack(Tar()).empty()); }

TEST_F(TarStreamTest, AFileSwappedForALinkIsNotFollowed) {
  Write("a", "1");
  Write("b", "2");
  auto entries = ListTree(dir_.path());
  ASSERT_TRUE(entries);
  ASSERT_TRUE(io::Remove(dir_.path() + "/a"));
  ASSERT_EQ(symlink("/etc/passwd", (dir_.path() + "/a").c_str()), 0);
  TarStream tar(dir_.path(), *entries);
  const auto found = Unpack(ReadAll(tar));
  EXPECT_FALSE(found.contains("a"));
  EXPECT_EQ(found.at("b"), "2");
}

TEST_F(TarStreamTest, FilesThatChangeSizeKeepTheArchiveWhole) {
  Write("grows", "12");
  Write("shrinks", "12345");
  Write("z", "last");
  auto entries = ListTree(dir_.path());
  ASSERT_TRUE(entries);
  Write("grows", std::string(5000, 'g'));
  Write("shrinks", "1");
  TarStream tar(dir_.path(), *entries);
  const auto found = Unpack(ReadAll(tar));
  EXPECT_EQ(found.at("grows"), "gg");
  EXPECT_EQ(found.at("shrinks"), std::string("1\0\0\0\0", 5));
  EXPECT_EQ(found.at("z"), "last");
}

TEST_F(TarStreamTest, AnAbsentDirectoryIsEmpty) {
  auto entries = ListTree(dir_.path() + "/nowhere");
  ASSERT_TRUE(entries);
  EXPECT_TRUE(entries->empty());
}

}  // namespace
}  // namespace leat::engine
