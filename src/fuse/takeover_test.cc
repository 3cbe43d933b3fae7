// Workers that die, and successors that go on with their mounts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "fuse/testing/served_mount.h"

namespace leat::fuse {
namespace {

constexpr size_t kSize = 4 << 20;

std::string Pattern() {
  std::string bytes(kSize, '\0');
  for (size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return bytes;
}

std::vector<MemoryFile> SomeFiles() {
  return {{.name = "direct", .mode = OpenMode::kDirect, .bytes = Pattern()},
          {.name = "cached", .mode = OpenMode::kCached, .bytes = Pattern()},
          {.name = "passthrough", .mode = OpenMode::kPassthrough, .bytes = Pattern()},
          {.name = "gated", .mode = OpenMode::kDirect, .bytes = Pattern(), .gated = true}};
}

// A process whose threads open and read the files until told to stop. Its own process, so that this
// one forks workers while it has a single thread.
class Readers {
 public:
  struct Shared {
    std::atomic<bool> stop = false;
    std::atomic<uint64_t> reads = 0;
    std::atomic<int> wrong = 0;  // an errno, or -1 for wrong bytes
  };

  // With `reopen`, each read has an open of its own.
  Readers(ServedMount& mount, std::vector<std::string> names, int threads, bool reopen) {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared;
    process_ = fork();
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string pattern = Pattern();
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        Read(mount.Path(names[static_cast<size_t>(t) % names.size()]), pattern, reopen);
      });
    for (std::thread& thread : running) thread.join();
    _exit(0);
  }
  ~Readers() {
    Stop();
    munmap(shared_, sizeof(Shared));
  }

  Shared& shared() { return *shared_; }
  void Stop() {
    shared_->stop = true;
    if (process_ > 0) waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  // Blocks until so many more reads are done; false when they are not within 20 s.
  bool AwaitReads(uint64_t more) {
    const uint64_t enough = shared_->reads + more;
    for (int i = 0; i < 20'000 && shared_->reads < enough && shared_->wrong == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return shared_->reads >= enough;
  }

 private:
  void Read(const std::string& path, const std::string& pattern, bool reopen) {
    std::string buffer(256 << 10, '\0');
    uint64_t at = 12345;
    int fd = -1;
    while (!shared_->stop && shared_->wrong == 0) {
      if (fd < 0) fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) {
        shared_->wrong = errno;
        return;
      }
      at = (at * 6364136223846793005u + 1442695040888963407u) % (kSize - buffer.size());
      const ssize_t got = pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (got < 0)
        shared_->wrong = errno;
      else if (got != static_cast<ssize_t>(buffer.size()) ||
               memcmp(buffer.data(), pattern.data() + at, buffer.size()) != 0)
        shared_->wrong = -1;
      ++shared_->reads;
      if (reopen) {
        close(fd);
        fd = -1;
      }
    }
  }

  Shared* shared_;
  pid_t process_ = -1;
};

class TakeOver : public testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = WhyNoMounts();
    if (!reason.empty()) GTEST_SKIP() << reason;
    mount_ = std::make_unique<ServedMount>(SomeFiles());
    if (!mount_->agreement().resend) GTEST_SKIP() << "a kernel before 6.9 sends nothing again";
  }
  std::unique_ptr<ServedMount> mount_;
};

TEST_F(TakeOver, WorkersKilledInTheMiddleOfReadsAreNotNoticed) {
  Readers readers(*mount_, {"direct", "cached", "direct"}, 6, true);
  for (int kills = 0; kills < 30; ++kills) {
    ASSERT_TRUE(readers.AwaitReads(20 + kills % 7)) << "error " << readers.shared().wrong;
    mount_->KillWorker();
    mount_->StartWorker();
  }
  ASSERT_TRUE(readers.AwaitReads(20));
  readers.Stop();
  EXPECT_EQ(readers.shared().wrong, 0);
}

TEST_F(TakeOver, RequestsThatAWorkerHadReadAreSentToTheNext) {
  mount_->state().gate_closed = true;
  Readers readers(*mount_, {"gated"}, 8, false);
  for (int i = 0; i < 20'000 && mount_->state().waiting < 8; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(mount_->state().waiting, 8u);  // read through several clones
  mount_->KillWorker();
  mount_->state().gate_closed = false;
  mount_->StartWorker();
  EXPECT_TRUE(readers.AwaitReads(8)) << "error " << readers.shared().wrong;
  readers.Stop();
  EXPECT_EQ(readers.shared().wrong, 0);
  EXPECT_GE(mount_->state().resent, 8u);
}

// Why the supervisor keeps the clones too.
TEST_F(TakeOver, RequestsReadThroughACloneThatNobodyElseHoldsFail) {
  mount_->ForgetClones();
  mount_->state().gate_closed = true;
  Readers readers(*mount_, {"gated"}, 8, false);
  for (int i = 0; i < 20'000 && mount_->state().waiting < 8; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(mount_->state().waiting, 8u);
  mount_->KillWorker();
  for (int i = 0; i < 20'000 && readers.shared().wrong == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(readers.shared().wrong, ECONNABORTED);
  mount_->state().gate_closed = false;
  mount_->StartWorker();
}

TEST_F(TakeOver, AnOrderlyEndLeavesUnansweredReadsToTheNextWorker) {
  mount_->state().gate_closed = true;
  Readers readers(*mount_, {"gated"}, 3, false);
  for (int i = 0; i < 20'000 && mount_->state().waiting < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(mount_->state().waiting, 3u);
  mount_->StopWorker();
  mount_->state().gate_closed = false;
  mount_->StartWorker();
  EXPECT_TRUE(readers.AwaitReads(3)) << "error " << readers.shared().wrong;
  readers.Stop();
  EXPECT_EQ(readers.shared().wrong, 0);
}

TEST_F(TakeOver, PassthroughFilesAreReadWhileNobodyServes) {
  if (!mount_->agreement().passthrough) GTEST_SKIP() << "no passthrough here";
  const io::UniqueFd fd = std::move(*io::Open(mount_->Path("passthrough"), O_RDONLY));
  mount_->KillWorker();
  std::string buffer(kSize, '\0');
  EXPECT_EQ(pread(fd.get(), buffer.data(), kSize, 0), static_cast<ssize_t>(kSize));
  EXPECT_TRUE(buffer == Pattern());
  mount_->StartWorker();
  // The id is the connection's, not the worker's: the next opens the file beside the first.
  EXPECT_TRUE(io::ReadFile(mount_->Path("passthrough")).value() == Pattern());
  EXPECT_EQ(mount_->state().reads, 0u);
}

TEST_F(TakeOver, ARequestMadeWhileNobodyServesWaitsForTheNextWorker) {
  mount_->KillWorker();
  Readers readers(*mount_, {"direct"}, 1, true);
  mount_->StartWorker();
  EXPECT_TRUE(readers.AwaitReads(1)) << "error " << readers.shared().wrong;
  readers.Stop();
  EXPECT_EQ(readers.shared().wrong, 0);
}

}  // namespace
}  // namespace leat::fuse
