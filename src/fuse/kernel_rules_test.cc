// What the kernel allows and refuses where docs/adr/0005-data-path.md relies on it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "fuse/testing/served_mount.h"

namespace leat::fuse {
namespace {

constexpr size_t kSize = 64 << 10;

class KernelRules : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = WhyNoMounts();
    if (!reason.empty()) GTEST_SKIP() << reason;
    mount_ = std::make_unique<ServedMount>(
        std::vector<MemoryFile>{
            {.name = "file", .mode = OpenMode::kPassthrough, .bytes = std::string(kSize, 'b')}},
        10);
    if (!mount_->agreement().passthrough) GTEST_SKIP() << "no passthrough here";
  }
  // An open answered with `mode`; the errno when it is refused.
  std::pair<io::UniqueFd, int> OpenAs(OpenMode mode, int flags = 0) {
    mount_->state().modes[MemoryFilesystem::FileNode(0)] = 1 + static_cast<int>(mode);
    io::UniqueFd fd(open(mount_->Path("file").c_str(), O_RDONLY | O_CLOEXEC | flags));
    const int error = fd.ok() ? 0 : errno;
    return {std::move(fd), error};
  }
  MemoryFilesystemState& state() { return mount_->state(); }
  std::unique_ptr<ServedMount> mount_;
};

TEST_F(KernelRules, DirectThenPassthroughIsAllowedAndTheReverseIsNot) {
  const auto [direct, direct_error] = OpenAs(OpenMode::kDirect);
  const auto [through, through_error] = OpenAs(OpenMode::kPassthrough);
  EXPECT_EQ(direct_error, 0);
  EXPECT_EQ(through_error, 0);
  EXPECT_EQ(OpenAs(OpenMode::kDirect).second, EIO);
  char byte = 0;
  EXPECT_EQ(pread(direct.get(), &byte, 1, 0), 1);
  EXPECT_EQ(state().reads, 1u) << "the fd that was opened direct stays so";
}

TEST_F(KernelRules, CachedAndPassthroughExcludeEachOther) {
  {
    const auto [cached, error] = OpenAs(OpenMode::kCached);
    EXPECT_EQ(error, 0);
    EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, EIO);
  }
  const auto [through, error] = OpenAs(OpenMode::kPassthrough);
  EXPECT_EQ(error, 0) << "after the last close it may change";
  EXPECT_EQ(OpenAs(OpenMode::kCached).second, EIO);
}

TEST_F(KernelRules, ASharedMapOfADirectFileBarsPassthroughUntilItIsClosed) {
  {
    const auto [direct, error] = OpenAs(OpenMode::kDirect);
    void* map = mmap(nullptr, kSize, PROT_READ, MAP_SHARED, direct.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, EIO);
    munmap(map, kSize);
    EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, EIO) << "unmapped is not closed";
  }
  EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, 0);
}

TEST_F(KernelRules, OpensOfOneNodeMustHaveOneBackingIdUntilTheLastClose) {
  std::atomic<int32_t>& id = state().backing_ids[MemoryFilesystem::FileNode(0)];
  const int32_t first_id = id;
  const int32_t second_id = mount_->OpenBacking(0);
  {
    const auto [first, error] = OpenAs(OpenMode::kPassthrough);
    ASSERT_EQ(error, 0);
    id = second_id;
    EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, EIO) << "the same file, by another id";
    id = first_id;
    EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, 0);
  }
  id = second_id;
  EXPECT_EQ(OpenAs(OpenMode::kPassthrough).second, 0);
}

TEST_F(KernelRules, AClosedBackingIdKeepsItsOpenFilesAndTakesNoNewOnes) {
  const auto [first, error] = OpenAs(OpenMode::kPassthrough);
  ASSERT_EQ(error, 0);
  mount_->CloseBacking(state().backing_ids[MemoryFilesystem::FileNode(0)]);
  EXPECT_NE(OpenAs(OpenMode::kPassthrough).second, 0);
  char byte = 0;
  EXPECT_EQ(pread(first.get(), &byte, 1, 0), 1);
  EXPECT_EQ(state().reads, 0u);
}

// The kernel hands O_DIRECT on, so that the alignment is the cache disk's affair.
TEST_F(KernelRules, DirectReadsOfAPassthroughFileReachItsBackingFile) {
  const auto [fd, error] = OpenAs(OpenMode::kPassthrough, O_DIRECT);
  ASSERT_EQ(error, 0);
  void* buffer = nullptr;
  ASSERT_EQ(posix_memalign(&buffer, 4096, 8192), 0);
  EXPECT_EQ(pread(fd.get(), buffer, 4096, 4096), 4096);
  EXPECT_EQ(pread(fd.get(), static_cast<char*>(buffer) + 1, 100, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  free(buffer);
  EXPECT_EQ(state().reads, 0u);
}

TEST_F(KernelRules, ReadingDoesNotMakeAttributesStale) {
  const auto [fd, error] = OpenAs(OpenMode::kPassthrough);
  ASSERT_EQ(error, 0);
  struct stat info {};
  ASSERT_EQ(fstat(fd.get(), &info), 0);
  const uint64_t before = state().attributes;
  for (int i = 0; i < 10; ++i) {
    char byte = 0;
    ASSERT_EQ(pread(fd.get(), &byte, 1, i), 1);
    ASSERT_EQ(fstat(fd.get(), &info), 0);
  }
  EXPECT_EQ(state().attributes, before);
}

TEST_F(KernelRules, AnInvalidatedNameDropsTheListingOfItsDirectoryToo) {
  ASSERT_TRUE(io::ListDir(mount_->mountpoint()));
  ASSERT_TRUE(io::ListDir(mount_->mountpoint()));
  struct stat info {};
  ASSERT_EQ(stat(mount_->Path("file").c_str(), &info), 0);
  const uint64_t listings = state().listings;
  const uint64_t attributes = state().attributes;
  mount_->Tell("name 1 file");
  ASSERT_TRUE(io::ListDir(mount_->mountpoint()));
  EXPECT_GT(state().listings, listings);
  EXPECT_GT(state().attributes, attributes);
}

TEST_F(KernelRules, AnInvalidatedNodeKeepsItsOpenPassthroughFiles) {
  const auto [fd, error] = OpenAs(OpenMode::kPassthrough);
  ASSERT_EQ(error, 0);
  mount_->Tell("name 1 file");
  mount_->Tell("node " + std::to_string(MemoryFilesystem::FileNode(0)));
  char byte = 0;
  EXPECT_EQ(pread(fd.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'b');
}

// Figures for people, the median of five interleaved rounds each. What passes the kernel alone is
// as fast here as in a release build.
TEST_F(KernelRules, DISABLED_WarmPathFigures) {
  constexpr int kMiB = 256;
  const std::string big(kMiB << 20, 'x');
  ServedMount mount({{.name = "big", .mode = OpenMode::kPassthrough, .bytes = big},
                     {.name = "cached", .mode = OpenMode::kCached, .bytes = big}});
  const io::TempDir dir;
  ASSERT_TRUE(io::WriteFile(dir.path() + "/native", big));
  const auto per_second = [](int times, auto&& once) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) once(i);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return times / took.count();
  };
  std::string buffer(1 << 20, '\0');
  const auto measure = [&](const std::string& path) -> std::vector<double> {
    const io::UniqueFd fd = std::move(*io::Open(path, O_RDONLY));
    const auto read_at = [&](size_t size, int64_t at) {
      (void)!pread(fd.get(), buffer.data(), size, at);
    };
    struct stat info {};
    return {per_second(10'000, [&](int) { close(open(path.c_str(), O_RDONLY | O_CLOEXEC)); }),
            per_second(2048, [&](int i) { read_at(1 << 20, int64_t{i % kMiB} << 20); }),
            per_second(300'000, [&](int64_t i) { read_at(4096, i * 7919 % (kMiB * 256) * 4096); }),
            per_second(300'000, [&](int) { (void)!stat(path.c_str(), &info); })};
  };
  const std::vector<std::string> paths{dir.path() + "/native", mount.Path("big"),
                                       mount.Path("cached")};
  std::vector<std::vector<std::vector<double>>> rounds(paths.size());
  for (int round = 0; round < 6; ++round) {
    for (size_t i = 0; i < paths.size(); ++i) {
      const std::vector<double> figures = measure(paths[i]);
      if (round > 0) rounds[i].push_back(figures);  // the first one warms up
    }
  }
  std::printf("                            open+close/s   1M MiB/s   4K reads/s       stat/s\n");
  for (size_t i = 0; i < paths.size(); ++i) {
    std::printf("%-28s", paths[i].substr(paths[i].rfind('/')).c_str());
    for (size_t k = 0; k < rounds[i][0].size(); ++k) {
      std::vector<double> column;
      for (const std::vector<double>& figures : rounds[i]) column.push_back(figures[k]);
      std::sort(column.begin(), column.end());
      std::printf("%11.0f  ", column[column.size() / 2]);
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace leat::fuse
