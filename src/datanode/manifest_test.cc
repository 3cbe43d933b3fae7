#include "datanode/manifest.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "datanode/manifest_format.h"
#include "fuse/filesystem.h"
#include "fuse/mount.h"
#include "fuse/session.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

objectstore::ObjectInfo Object(std::string key, uint64_t size = 1, std::string etag = "e",
                               int64_t mtime = 100) {
  return {.key = std::move(key), .size = size, .etag = std::move(etag), .last_modified = mtime};
}

class ManifestTest : public testing::Test {
 protected:
  std::shared_ptr<const Manifest> Build(const std::vector<objectstore::ObjectInfo>& objects,
                                        std::shared_ptr<const Manifest> previous = nullptr) {
    ManifestBuilder builder("s3://b/p/", std::move(previous));
    for (const auto& object : objects) builder.Add(object);
    const auto written = builder.Write(path_, 1234);
    EXPECT_TRUE(written) << written.error().message;
    auto manifest = Manifest::Open(path_);
    EXPECT_TRUE(manifest) << manifest.error().message;
    return manifest ? *manifest : nullptr;
  }
  static std::vector<std::string> Names(const Manifest& manifest, std::string_view path) {
    std::vector<std::string> names;
    const auto index = manifest.FindPath(path);
    if (!index) return {"(none)"};
    const ManifestEntry directory = manifest.At(*index);
    for (uint32_t n = 0; n < directory.children; ++n) {
      names.emplace_back(manifest.At(directory.first + n).name);
    }
    return names;
  }
  static uint64_t IdOf(const Manifest& manifest, std::string_view path) {
    return manifest.At(*manifest.FindPath(path)).id;
  }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/manifest";
};

TEST_F(ManifestTest, ObjectsBecomeATreeInOrderOfNames) {
  auto manifest = Build({Object("train/b.rec", 20), Object("a", 5), Object("train/a.rec", 10),
                         Object("train/deep/er/x", 1), Object("train-2", 3)});
  EXPECT_EQ(Names(*manifest, ""), (std::vector<std::string>{"a", "train", "train-2"}));
  EXPECT_EQ(Names(*manifest, "train"), (std::vector<std::string>{"a.rec", "b.rec", "deep"}));
  EXPECT_EQ(Names(*manifest, "train/deep/er"), (std::vector<std::string>{"x"}));
  EXPECT_EQ(manifest->files(), 5u);
  EXPECT_EQ(manifest->bytes(), 39u);
  EXPECT_EQ(manifest->listed_at(), 1234);
  EXPECT_EQ(manifest->source(), "s3://b/p/");
  const auto entry = manifest->At(*manifest->FindPath("train/b.rec"));
  EXPECT_EQ(entry.size, 20u);
  EXPECT_EQ(entry.etag, "e");
  EXPECT_EQ(entry.kind, Kind::kFile);
  EXPECT_EQ(manifest->PathOf(*manifest->FindPath("train/deep/er/x")), "train/deep/er/x");
  EXPECT_FALSE(manifest->FindPath("train/c"));
  EXPECT_FALSE(manifest->FindPath("a/b"));
}

TEST_F(ManifestTest, EverySourceHasARoot) {
  auto manifest = Build({});
  EXPECT_EQ(manifest->size(), 1u);
  EXPECT_EQ(manifest->At(0).kind, Kind::kDirectory);
  EXPECT_EQ(manifest->At(0).children, 0u);
}

TEST_F(ManifestTest, DirectoryHasTheTimeOfItsNewestObject) {
  auto manifest = Build({Object("d/e/x", 1, "e", 300), Object("d/y", 1, "e", 200)});
  EXPECT_EQ(manifest->At(*manifest->FindPath("d")).mtime, 300);
  EXPECT_EQ(manifest->At(0).mtime, 300);
}

TEST_F(ManifestTest, KeysThatCannotBePathsAreCountedAndNamed) {
  auto manifest =
      Build({Object("good"), Object("a//b"), Object("/x"), Object(".."), Object("p/./q"),
             Object(std::string(256, 'n')), Object(std::string(255, 'n')), Object("both", 7),
             Object("both/x"), Object("mark/", 0), Object("odd/", 5)});
  EXPECT_EQ(manifest->skipped_count(), 7u);
  EXPECT_EQ(Names(*manifest, ""),
            (std::vector<std::string>{"both", "good", "mark", std::string(255, 'n'), "odd"}));
  EXPECT_EQ(manifest->At(*manifest->FindPath("both")).kind, Kind::kDirectory);
  EXPECT_EQ(manifest->At(*manifest->FindPath("mark")).kind, Kind::kDirectory);
  std::map<std::string, std::string> reasons;
  for (const auto& skipped : manifest->skipped()) reasons[skipped.key] = skipped.reason;
  EXPECT_EQ(reasons["a//b"], "empty name");
  EXPECT_EQ(reasons[".."], "name is . or ..");
  EXPECT_EQ(reasons[std::string(256, 'n')], "name over 255 bytes");
  EXPECT_EQ(reasons["both"], "also a directory");
  EXPECT_EQ(reasons["odd/"], "directory with bytes");
}

TEST_F(ManifestTest, NamesWithEveryByteAreKept) {
  std::vector<objectstore::ObjectInfo> objects;
  for (int c = 1; c < 256; ++c) {
    if (c != '/' && c != '.') objects.push_back(Object(std::string("d/") + static_cast<char>(c)));
  }
  auto manifest = Build(objects);
  EXPECT_EQ(Names(*manifest, "d").size(), 253u);
  for (const auto& object : objects) EXPECT_TRUE(manifest->FindPath(object.key));
}

TEST_F(ManifestTest, ObjectAddedTwiceCountsOnceAndTheLastWins) {
  auto manifest = Build({Object("x", 1), Object("y", 1), Object("x", 2)});
  EXPECT_EQ(manifest->files(), 2u);
  EXPECT_EQ(manifest->At(*manifest->FindPath("x")).size, 2u);
}

TEST_F(ManifestTest, SuccessorKeepsIdsOfWhatDidNotChange) {
  auto first = Build({Object("d/a"), Object("d/b"), Object("c"), Object("gone")});
  auto second =
      Build({Object("d/a"), Object("d/b", 1, "other"), Object("c", 2), Object("new")}, first);
  EXPECT_EQ(IdOf(*second, ""), 0u);
  EXPECT_EQ(IdOf(*second, "d"), IdOf(*first, "d"));
  EXPECT_EQ(IdOf(*second, "d/a"), IdOf(*first, "d/a"));
  for (const char* path : {"d/b", "c", "new"}) EXPECT_GE(IdOf(*second, path), first->next_id());
  for (const char* path : {"", "d", "d/a", "d/b", "c", "new"}) {
    EXPECT_EQ(second->FindId(IdOf(*second, path)), second->FindPath(path)) << path;
  }
  EXPECT_FALSE(second->FindId(IdOf(*first, "gone")));
  auto third = Build({Object("gone")}, second);
  EXPECT_GE(IdOf(*third, "gone"), second->next_id()) << "an id is never used again";
}

TEST_F(ManifestTest, FileThatBecameADirectoryHasANewId) {
  auto first = Build({Object("x")});
  auto second = Build({Object("x/y")}, first);
  EXPECT_NE(IdOf(*second, "x"), IdOf(*first, "x"));
}

TEST_F(ManifestTest, LinksKeepTheirTargets) {
  auto link = Object("l");
  link.link_target = "../target";
  auto manifest = Build({link});
  EXPECT_EQ(manifest->At(1).kind, Kind::kLink);
  EXPECT_EQ(manifest->At(1).etag, "../target");
}

TEST_F(ManifestTest, DamagedFileIsCorrupt) {
  Build({Object("a"), Object("b")});
  const std::string bytes = *io::ReadFile(path_);
  for (size_t cut : {size_t{0}, size_t{10}, bytes.size() - 1}) {
    ASSERT_TRUE(io::WriteFile(path_, std::string_view(bytes).substr(0, cut)));
    EXPECT_EQ(Manifest::Open(path_).error().code, Code::kCorrupt) << cut;
  }
  for (size_t at = 0; at < bytes.size(); at += 7) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    ASSERT_TRUE(io::WriteFile(path_, damaged));
    EXPECT_EQ(Manifest::Open(path_).error().code, Code::kCorrupt) << at;
  }
  EXPECT_EQ(Manifest::Open(path_ + "x").error().code, Code::kNotFound);
}

// One file, "manifest", on a disk that cannot read what lies behind `good` bytes.
class FailingDisk : public fuse::Filesystem {
 public:
  FailingDisk(std::string bytes, uint64_t good) : bytes_(std::move(bytes)), good_(good) {}
  void Lookup(const fuse::Caller&, fuse::NodeId, std::string_view name,
              fuse::Reply reply) override {
    if (name != "manifest") return reply.Error(ENOENT);
    reply.Entry({.node = kFile, .attributes = AttributesOf(kFile)});
  }
  void GetAttributes(fuse::NodeId node, fuse::Reply reply) override {
    reply.Attributes(AttributesOf(node), fuse::kForever);
  }
  void Open(const fuse::Caller&, fuse::NodeId, int, fuse::Reply reply) override { reply.Open({}); }
  void Read(const fuse::Caller&, fuse::NodeId, uint64_t, uint64_t offset, uint32_t size, int,
            fuse::Reply reply) override {
    const std::string_view piece = std::string_view(bytes_).substr(offset, size);
    if (offset + piece.size() > good_) return reply.Error(EIO);
    reply.Data(piece);
  }
  void Forget(fuse::NodeId, uint64_t) override {}
  void Release(fuse::NodeId, uint64_t) override {}
  void Interrupt(uint64_t) override {}
  void ReadLink(fuse::NodeId, fuse::Reply reply) override { reply.Error(EINVAL); }
  void ReadDirectory(fuse::NodeId, uint64_t, fuse::DirectoryReply reply) override { reply.Done(); }
  void Seek(fuse::NodeId, uint64_t, int, fuse::Reply reply) override { reply.Error(EINVAL); }
  void StatFs(fuse::Reply reply) override { reply.StatFs(0, 1); }
  void GetXattr(fuse::NodeId, std::string_view, uint32_t, fuse::Reply reply) override {
    reply.Error(ENODATA);
  }
  void ListXattr(fuse::NodeId, uint32_t, fuse::Reply reply) override { reply.Data({}); }

 private:
  static constexpr fuse::NodeId kFile = 2;
  fuse::Attributes AttributesOf(fuse::NodeId node) const {
    const bool file = node == kFile;
    return {.ino = node,
            .size = file ? bytes_.size() : 0,
            .mode = file ? S_IFREG | 0444u : S_IFDIR | 0555u};
  }
  const std::string bytes_;
  const uint64_t good_;
};

TEST_F(ManifestTest, WhatTheDiskCannotReadIsAnErrorThatNamesTheFile) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs mounts";
  std::vector<objectstore::ObjectInfo> objects;
  for (int n = 0; n < 50'000; ++n) objects.push_back(Object("key" + std::to_string(n)));
  Build(objects);
  const std::string bytes = *io::ReadFile(path_);
  for (uint64_t good : {uint64_t{0}, uint64_t{1} << 20}) {
    FailingDisk disk(bytes, good);
    const std::string mountpoint = dir_.path() + "/disk";
    ASSERT_TRUE(io::MakeDirs(mountpoint));
    auto device = fuse::Mount({.source = "failing", .mountpoint = mountpoint});
    ASSERT_TRUE(device) << device.error().message;
    auto connection = fuse::Session::Connect(std::move(*device), {.passthrough = false});
    ASSERT_TRUE(connection);
    fuse::Session session(std::move(*connection), disk, {.passthrough = false});
    session.Start();
    const auto opened = Manifest::Open(mountpoint + "/manifest");
    EXPECT_TRUE(fuse::Unmount(mountpoint, true));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kInternal) << "another one must not be begun with";
    for (const char* part : {"cache's disk", "/disk/manifest", "Input/output error"})
      EXPECT_NE(opened.error().message.find(part), std::string::npos) << opened.error().message;
  }
}

TEST_F(ManifestTest, FileThatContradictsItselfIsCorruptThoughItsChecksumsAreRight) {
  struct Change {
    const char* what;
    std::function<void(ManifestHeader&, ManifestRecord*)> make;
  };
  const Change changes[] = {
      {"a text outside", [](auto&, auto* records) { records[2].text += uint64_t{1} << 40; }},
      {"a name longer than the texts", [](auto&, auto* records) { records[4].text |= 0xffff00; }},
      {"a parent that is no directory", [](auto&, auto* records) { records[3].parent = 1; }},
      {"its own parent", [](auto&, auto* records) { records[3].parent = 3; }},
      {"a child that has another parent", [](auto&, auto* records) { records[3].parent = 0; }},
      {"children outside", [](auto&, auto* records) { records[2].size += 5; }},
      {"an unknown kind", [](auto&, auto* records) { records[1].id_kind |= 7; }},
      {"a root that is a file", [](auto&, auto* records) { records[0].id_kind |= 1; }},
      {"another's id", [](auto&, auto* records) { records[1].id_kind += 256; }},
      {"endless texts", [](auto& header, auto*) { header.texts = UINT64_MAX - 100; }},
      {"endless skipped keys", [](auto& header, auto*) { header.kept = UINT32_MAX; }},
  };
  for (const Change& change : changes) {
    Build({Object("a"), Object("d/b"), Object("d/c")});
    std::string bytes = *io::ReadFile(path_);
    ManifestHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change.make(header, reinterpret_cast<ManifestRecord*>(bytes.data() + sizeof header));
    header.crc32c = hash::Crc32c(std::string_view(bytes).substr(sizeof header));
    std::memcpy(bytes.data(), &header, sizeof header);
    header.header_crc32c = hash::Crc32c({bytes.data(), offsetof(ManifestHeader, header_crc32c)});
    std::memcpy(bytes.data(), &header, sizeof header);
    ASSERT_TRUE(io::WriteFile(path_, bytes));
    const auto opened = Manifest::Open(path_);
    ASSERT_FALSE(opened) << change.what;
    EXPECT_EQ(opened.error().code, Code::kCorrupt);
  }
}

TEST_F(ManifestTest, OrderThatLeadsOutsideIsCorrupt) {
  Build({Object("a"), Object("b")}, Build({Object("a")}));
  std::string bytes = *io::ReadFile(path_);
  ManifestHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  ASSERT_EQ(header.has_order, 1u);
  bytes[sizeof header + 3 * sizeof(ManifestRecord)] = 3;
  header.crc32c = hash::Crc32c(std::string_view(bytes).substr(sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  header.header_crc32c = hash::Crc32c({bytes.data(), offsetof(ManifestHeader, header_crc32c)});
  std::memcpy(bytes.data(), &header, sizeof header);
  ASSERT_TRUE(io::WriteFile(path_, bytes));
  EXPECT_FALSE(Manifest::Open(path_));
}

TEST_F(ManifestTest, MillionObjectsTakeLessThanAHundredMegabytes) {
  ManifestBuilder builder("s3://b/p/", nullptr);
  for (int n = 0; n < 1'000'000; ++n) {
    char key[64];
    std::snprintf(key, sizeof key, "train/n%08d/n%08d_%d.JPEG", n / 1300, n / 1300, n);
    builder.Add(Object(key, 110'000, "d41d8cd98f00b204e9800998ecf8427e"));
  }
  ASSERT_TRUE(builder.Write(path_, 0));
  EXPECT_LT(io::ReadFile(path_, 200u << 20)->size(), 100'000'000u);
  auto manifest = *Manifest::Open(path_);
  EXPECT_EQ(manifest->files(), 1'000'000u);
  EXPECT_TRUE(manifest->FindPath("train/n00000769/n00000769_999999.JPEG"));
}

}  // namespace
}  // namespace leat::datanode
