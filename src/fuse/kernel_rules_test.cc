// What the kernel allows and refuses where docs/adr/0005-data-path.md relies on it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

// Figures for people: build/release has no tests, so run it from the dev or tsan build and take the
// ratios only.
TEST_F(KernelRules, DISABLED_WarmPathFigures) {
  const std::string big(256 << 20, 'x');
  ServedMount mount({{.name = "big", .mode = OpenMode::kPassthrough, .bytes = big},
                     {.name = "cached", .mode = OpenMode::kCached, .bytes = big}});
  const io::TempDir dir;
  ASSERT_TRUE(io::WriteFile(dir.path() + "/native", big));
  const auto per_second = [](auto&& once, int times) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i) once(i);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return times / took.count();
  };
  std::string buffer(1 << 20, '\0');
  for (const std::string& path :
       {dir.path() + "/native", mount.Path("big"), mount.Path("cached")}) {
    const auto read_all = [&](int) { (void)!io::ReadFile(path, 512 << 20); };
    read_all(0);
    const io::UniqueFd fd = std::move(*io::Open(path, O_RDONLY));
    const double opens =
        per_second([&](int) { close(open(path.c_str(), O_RDONLY | O_CLOEXEC)); }, 20'000);
    const double reads = per_second(
        [&](int i) { (void)!pread(fd.get(), buffer.data(), buffer.size(), (i % 256) << 20); },
        4096);
    const double random = per_second(
        [&](int i) {
          (void)!pread(fd.get(), buffer.data(), 4096, static_cast<off_t>(i) * 7919 % 65536 * 4096);
        },
        500'000);
    struct stat info {};
    const double stats = per_second([&](int) { (void)!stat(path.c_str(), &info); }, 500'000);
    std::printf("%-40s open+close/s %8.0f  1M reads MiB/s %7.0f  4K reads/s %8.0f  stat/s %8.0f\n",
                path.c_str(), opens, reads, random, stats);
  }
}

}  // namespace
}  // namespace leat::fuse
