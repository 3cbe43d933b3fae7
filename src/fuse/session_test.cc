// Reading through a real mount: what a program sees, and which requests reach the file system.
#include "fuse/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "fuse/testing/served_mount.h"

namespace leat::fuse {
namespace {

constexpr size_t kSize = (8 << 20) + 123;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint64_t word = 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) word = word * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = static_cast<char>(word >> (i % 8 * 8));
  }
  return bytes;
}

std::vector<MemoryFile> SomeFiles() {
  return {{.name = "direct", .mode = OpenMode::kDirect, .bytes = Pattern(kSize)},
          {.name = "cached", .mode = OpenMode::kCached, .bytes = Pattern(kSize)},
          {.name = "passthrough", .mode = OpenMode::kPassthrough, .bytes = Pattern(kSize)},
          {.name = "gated", .mode = OpenMode::kDirect, .bytes = "gated bytes", .gated = true},
          {.name = "link", .link_target = "../target"},
          {.name = "empty"},
          {.name = "attributed",
           .bytes = "x",
           .xattrs = {{"user.colour", "blue"}, {"user.shape", "round"}}}};
}

// Keeps a file's pages in the page cache, whence the kernel may take clean ones at any time;
// opening the file without KEEP_CACHE drops them all the same.
class LockedPages {
 public:
  LockedPages(const std::string& path, size_t size) : size_(size) {
    const io::UniqueFd fd = std::move(*io::Open(path, O_RDONLY));
    map_ = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    // By the system call: sanitizers make mlock() do nothing.
    EXPECT_EQ(syscall(SYS_mlock, map_, size), 0) << strerror(errno);
  }
  ~LockedPages() { munmap(map_, size_); }

 private:
  const size_t size_;
  void* map_;
};

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = WhyNoMounts();
    if (!reason.empty()) GTEST_SKIP() << reason;
    mount_ = std::make_unique<ServedMount>(SomeFiles(), 10'000);
  }

  io::UniqueFd Open(const std::string& name, int flags = O_RDONLY) {
    Result<io::UniqueFd> fd = io::Open(mount_->Path(name), flags);
    EXPECT_TRUE(fd) << fd.error().message;
    return fd ? std::move(*fd) : io::UniqueFd();
  }
  MemoryFilesystemState& state() { return mount_->state(); }

  std::unique_ptr<ServedMount> mount_;
};

const char* const kModes[] = {"direct", "cached", "passthrough"};

TEST_F(SessionTest, AllThatThisKernelHasWasAgreed) {
  EXPECT_GE(mount_->agreement().minor, 31u);
  if (mount_->agreement().minor < 40) GTEST_SKIP() << "a kernel before 6.9";
  EXPECT_TRUE(mount_->agreement().passthrough);
  EXPECT_TRUE(mount_->agreement().resend);
}

TEST_F(SessionTest, ReadsGiveTheBytesInEveryMode) {
  for (const char* mode : kModes) {
    const Result<std::string> bytes = io::ReadFile(mount_->Path(mode));
    ASSERT_TRUE(bytes) << bytes.error().message;
    EXPECT_TRUE(*bytes == Pattern(kSize)) << mode;
  }
}

TEST_F(SessionTest, ReadsAtAndBeyondTheEndAreShortThere) {
  const std::string pattern = Pattern(kSize);
  for (const char* mode : kModes) {
    const io::UniqueFd fd = Open(mode);
    std::string buffer(4096, '\0');
    EXPECT_EQ(pread(fd.get(), buffer.data(), 4096, kSize - 100), 100) << mode;
    EXPECT_EQ(buffer.substr(0, 100), pattern.substr(kSize - 100)) << mode;
    EXPECT_EQ(pread(fd.get(), buffer.data(), 4096, kSize), 0) << mode;
    EXPECT_EQ(pread(fd.get(), buffer.data(), 4096, kSize + 1'000'000'000), 0) << mode;
    EXPECT_EQ(pread(fd.get(), buffer.data(), 4096, -1), -1) << mode;
    EXPECT_EQ(errno, EINVAL) << mode;
  }
  EXPECT_EQ(io::ReadFile(mount_->Path("empty")).value(), "");
}

TEST_F(SessionTest, MapsGiveTheBytesInEveryMode) {
  const std::string pattern = Pattern(kSize);
  for (const char* mode : kModes) {
    const io::UniqueFd fd = Open(mode);
    for (const int kind : {MAP_SHARED, MAP_PRIVATE}) {
      void* map = mmap(nullptr, kSize, PROT_READ, kind, fd.get(), 0);
      ASSERT_NE(map, MAP_FAILED) << mode << " " << kind << " " << strerror(errno);
      EXPECT_EQ(memcmp(map, pattern.data(), kSize), 0) << mode << " " << kind;
      munmap(map, kSize);
    }
    // A private map may be written; the file does not see it.
    void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    static_cast<char*>(map)[0] ^= 1;
    char byte = 0;
    EXPECT_EQ(pread(fd.get(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, pattern[0]) << mode;
    munmap(map, 4096);
    EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
  }
}

TEST_F(SessionTest, SendfileAndSpliceGiveTheBytes) {
  const io::TempDir dir;
  for (const char* mode : kModes) {
    const io::UniqueFd from = Open(mode);
    Result<io::UniqueFd> to = io::Open(dir.path() + "/copy", O_RDWR | O_CREAT | O_TRUNC);
    ASSERT_TRUE(to);
    size_t sent = 0;
    while (sent < kSize) {
      const ssize_t part = sendfile(to->get(), from.get(), nullptr, kSize - sent);
      ASSERT_GT(part, 0) << mode << " " << strerror(errno);
      sent += static_cast<size_t>(part);
    }
    EXPECT_TRUE(io::ReadFile(dir.path() + "/copy").value() == Pattern(kSize)) << mode;
  }
}

TEST_F(SessionTest, PassthroughReadsReachNobody) {
  if (!mount_->agreement().passthrough) GTEST_SKIP() << "no passthrough here";
  const io::UniqueFd fd = Open("passthrough");
  std::string buffer(1 << 20, '\0');
  for (off_t at = 0; at < static_cast<off_t>(kSize); at += 1 << 20)
    ASSERT_GT(pread(fd.get(), buffer.data(), buffer.size(), at), 0);
  void* map = mmap(nullptr, kSize, PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  EXPECT_EQ(memcmp(map, Pattern(kSize).data(), kSize), 0);
  munmap(map, kSize);
  EXPECT_EQ(state().reads, 0u);
  EXPECT_EQ(state().opens, 1u);
}

TEST_F(SessionTest, CachedBytesAreAskedForOnce) {
  const LockedPages locked(mount_->Path("cached"), kSize);
  const uint64_t reads = state().reads;
  EXPECT_GT(reads, 0u);
  EXPECT_TRUE(io::ReadFile(mount_->Path("cached")).value() == Pattern(kSize));
  EXPECT_EQ(state().reads, reads) << "KEEP_CACHE keeps from open to open";
}

TEST_F(SessionTest, DirectReadsAskInLargePieces) {
  const io::UniqueFd fd = Open("direct");
  std::string buffer(4 << 20, '\0');
  ASSERT_EQ(pread(fd.get(), buffer.data(), buffer.size(), 0), 4 << 20);
  // Four, or five when the buffer is not aligned to a page.
  EXPECT_LE(state().reads, 5u);
}

TEST_F(SessionTest, AttributesNamesAndTheirAbsenceAreAskedForOnce) {
  struct stat info {};
  const io::UniqueFd held = Open("cached", O_PATH);  // so that the kernel cannot forget the name
  const uint64_t before = state().lookups;
  EXPECT_EQ(before, 1u);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(stat(mount_->Path("cached").c_str(), &info), 0);
  EXPECT_EQ(state().lookups, before);
  EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));
  EXPECT_EQ(info.st_blocks, static_cast<blkcnt_t>((kSize + 511) / 512));
  EXPECT_EQ(info.st_mode, S_IFREG | 0444u);
  EXPECT_EQ(info.st_ino, MemoryFilesystem::FileNode(1));
  EXPECT_EQ(info.st_mtime, 1'600'000'000);
  EXPECT_NE(stat(mount_->Path("absent").c_str(), &info), 0);
  EXPECT_EQ(errno, ENOENT);
}

TEST_F(SessionTest, TenThousandNamesAreListedOnceEachAndThenFromTheKernelsCache) {
  uint64_t listings = 0;
  bool from_cache = false;
  // More than twice only when the kernel took the listing's pages away in between.
  for (int round = 0; round < 10 && !from_cache; ++round) {
    DIR* dir = opendir(mount_->Path("many").c_str());
    ASSERT_NE(dir, nullptr);
    std::set<std::string> names;
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] != '.') {
        EXPECT_EQ(entry->d_type, DT_REG);
      }
      EXPECT_TRUE(names.insert(entry->d_name).second) << entry->d_name;
    }
    closedir(dir);
    EXPECT_EQ(names.size(), 10'002u);
    from_cache = listings == state().listings;
    listings = state().listings;
  }
  EXPECT_TRUE(from_cache);
  mount_->Tell("node " + std::to_string(MemoryFilesystem::kManyNode));
  EXPECT_EQ(io::ListDir(mount_->Path("many"))->size(), 10'000u);
  EXPECT_GT(state().listings, listings) << "an invalidated listing is asked for again";
}

TEST_F(SessionTest, ForgottenNamesAreGivenBackAsOftenAsTheyWereLookedUp) {
  ASSERT_EQ(io::ListDir(mount_->Path("many"))->size(), 10'000u);
  struct stat info {};
  for (int i = 0; i < 100; ++i) {
    std::string name = "many/f000" + std::string(i < 10 ? "0" : "") + std::to_string(i);
    ASSERT_EQ(stat(mount_->Path(name).c_str(), &info), 0);
  }
  const uint64_t looked_up = state().lookups;
  EXPECT_GE(looked_up, 100u);
  ASSERT_TRUE(io::WriteAll(io::Open("/proc/sys/vm/drop_caches", O_WRONLY)->get(), "2"));
  // FORGET comes a moment later, and the directories themselves may stay.
  for (int i = 0; i < 2000 && state().forgotten + 20 < looked_up; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(state().forgotten + 20, looked_up);
  EXPECT_LE(state().forgotten, state().lookups);
}

TEST_F(SessionTest, EverythingThatWritesGetsErofs) {
  const std::string file = mount_->Path("cached");
  const std::string fresh = mount_->Path("new");
  const auto refused = [](const char* what, int result) {
    EXPECT_EQ(result, -1) << what;
    EXPECT_EQ(errno, EROFS) << what << ": " << strerror(errno);
  };
  refused("open for writing", open(file.c_str(), O_WRONLY | O_CLOEXEC));
  refused("open for both", open(file.c_str(), O_RDWR | O_CLOEXEC));
  refused("open with O_TRUNC", open(file.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC));
  refused("create", open(fresh.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  refused("O_TMPFILE", open(mount_->mountpoint().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  refused("truncate", truncate(file.c_str(), 0));
  refused("unlink", unlink(file.c_str()));
  refused("mkdir", mkdir(fresh.c_str(), 0700));
  refused("rmdir", rmdir(mount_->Path("many").c_str()));
  refused("rename", rename(file.c_str(), fresh.c_str()));
  refused("link", link(file.c_str(), fresh.c_str()));
  refused("symlink", symlink("x", fresh.c_str()));
  refused("mknod", mknod(fresh.c_str(), S_IFIFO | 0600, 0));
  refused("chmod", chmod(file.c_str(), 0600));
  refused("chown", chown(file.c_str(), 1, 1));
  refused("utimes", utimensat(AT_FDCWD, file.c_str(), nullptr, 0));
  refused("setxattr", setxattr(file.c_str(), "user.x", "y", 1, 0));
  refused("removexattr", removexattr(file.c_str(), "user.x"));
}

TEST_F(SessionTest, ABlockedReadEndsBySignal) {
  state().gate_closed = true;
  const pid_t reader = fork();
  if (reader == 0) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    const int fd = open(mount_->Path("gated").c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    const bool interrupted = read(fd, &byte, 1) == -1 && errno == EINTR;
    if (!interrupted) _exit(1);
    (void)!read(fd, &byte, 1);  // until killed
    _exit(2);
  }
  const auto await = [&](auto condition) {
    for (int i = 0; i < 10'000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
  };
  ASSERT_TRUE(await([&] { return state().reads == 1 && state().waiting == 1; }));
  kill(reader, SIGUSR1);
  ASSERT_TRUE(await([&] { return state().reads == 2 && state().waiting == 1; }));
  EXPECT_GE(state().interrupts, 1u);
  kill(reader, SIGKILL);
  int status = 0;
  waitpid(reader, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(state().waiting, 0u);
}

TEST_F(SessionTest, SixtyFourThreadsReadSideBySide) {
  const std::string pattern = Pattern(kSize);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> readers;
    for (unsigned t = 0; t < 64; ++t) {
      readers.emplace_back([&, t] {
        const io::UniqueFd fd = Open(kModes[t % 3]);
        std::string buffer(128 << 10, '\0');
        uint64_t at = t * 7919;
        for (int i = 0; i < 50; ++i) {
          at = (at * 6364136223846793005u + 1442695040888963407u) % (kSize - buffer.size());
          const ssize_t got = pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
          if (got != static_cast<ssize_t>(buffer.size()) ||
              memcmp(buffer.data(), pattern.data() + at, buffer.size()) != 0)
            ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(SessionTest, SeekSeesWhatTheFileSystemSays) {
  for (const char* name : kModes) {
    const io::UniqueFd fd = Open(name);
    EXPECT_EQ(lseek(fd.get(), 5, SEEK_DATA), 5);
    EXPECT_EQ(lseek(fd.get(), 5, SEEK_HOLE), static_cast<off_t>(kSize));
    EXPECT_EQ(lseek(fd.get(), kSize, SEEK_DATA), -1);
    EXPECT_EQ(errno, ENXIO);
    EXPECT_EQ(lseek(fd.get(), -10, SEEK_END), static_cast<off_t>(kSize) - 10);
  }
}

TEST_F(SessionTest, SymbolicLinksStatFsAndXattrs) {
  char target[64] = {};
  EXPECT_EQ(readlink(mount_->Path("link").c_str(), target, sizeof(target)), 9);
  EXPECT_STREQ(target, "../target");
  struct statvfs info {};
  ASSERT_EQ(statvfs(mount_->mountpoint().c_str(), &info), 0);
  EXPECT_EQ(info.f_blocks * info.f_frsize, (3 * kSize + 12 + 4095) / 4096 * 4096);
  EXPECT_EQ(info.f_bavail, 0u);
  EXPECT_EQ(info.f_files, SomeFiles().size());
  EXPECT_NE(info.f_flag & ST_RDONLY, 0u);

  const std::string file = mount_->Path("attributed");
  char value[64] = {};
  EXPECT_EQ(getxattr(file.c_str(), "user.colour", nullptr, 0), 4);
  EXPECT_EQ(getxattr(file.c_str(), "user.colour", value, sizeof(value)), 4);
  EXPECT_STREQ(value, "blue");
  EXPECT_EQ(getxattr(file.c_str(), "user.colour", value, 1), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(getxattr(file.c_str(), "user.absent", value, sizeof(value)), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(listxattr(file.c_str(), nullptr, 0), 23);
  EXPECT_EQ(listxattr(file.c_str(), value, sizeof(value)), 23);
}

TEST_F(SessionTest, FsyncLocksAndPollWorkOnOpenFiles) {
  for (const char* mode : kModes) {
    const io::UniqueFd fd = Open(mode);
    EXPECT_EQ(fsync(fd.get()), 0) << mode;
    struct flock lock {};
    lock.l_type = F_RDLCK;
    EXPECT_EQ(fcntl(fd.get(), F_SETLK, &lock), 0) << mode;
    int value = 0;
    EXPECT_EQ(ioctl(fd.get(), _IOR('x', 99, int), &value), -1);
    EXPECT_EQ(errno, ENOTTY) << mode;
    EXPECT_EQ(posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL), 0) << mode;
  }
}

TEST_F(SessionTest, InvalidatedNamesAndNodesAreAskedForAgain) {
  struct stat info {};
  ASSERT_EQ(stat(mount_->Path("cached").c_str(), &info), 0);
  const LockedPages locked(mount_->Path("cached"), kSize);
  const uint64_t lookups = state().lookups;
  mount_->Tell("name 1 cached");
  mount_->Tell("name 1 never-seen");
  ASSERT_EQ(stat(mount_->Path("cached").c_str(), &info), 0);
  EXPECT_EQ(state().lookups, lookups + 1);

  const uint64_t reads = state().reads;
  mount_->Tell("node " + std::to_string(MemoryFilesystem::FileNode(1)));
  ASSERT_TRUE(io::ReadFile(mount_->Path("cached")));
  EXPECT_GT(state().reads, reads);
}

TEST(Session, WithoutPassthroughFilesAreReadThroughThePageCache) {
  const std::string reason = WhyNoMounts();
  if (!reason.empty()) GTEST_SKIP() << reason;
  ServedMount mount(SomeFiles(), 0, {.threads = 2, .passthrough = false});
  EXPECT_FALSE(mount.agreement().passthrough);
  EXPECT_TRUE(io::ReadFile(mount.Path("passthrough")).value() == Pattern(kSize));
  const LockedPages locked(mount.Path("passthrough"), kSize);
  const uint64_t reads = mount.state().reads;
  EXPECT_GT(reads, 0u);
  EXPECT_TRUE(io::ReadFile(mount.Path("passthrough")).value() == Pattern(kSize));
  EXPECT_EQ(mount.state().reads, reads);
}

}  // namespace
}  // namespace leat::fuse
