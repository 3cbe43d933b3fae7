// `leat data load`: many objects side by side.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "datanode/object_operations.h"

namespace leat::datanode {
namespace {

// Enough for small objects to hide the store's latency; large ones bring their own parallelism.
constexpr size_t kSideBySide = 16;
// After so many failures the store is broken rather than some objects.
constexpr uint64_t kMaxFailures = 100;

class Loading {
 public:
  Loading(DataNode& node, const Dataset& dataset, std::vector<uint32_t> files)
      : node_(node), dataset_(dataset), files_(std::move(files)) {
    for (const uint32_t index : files_) total_ += dataset_.manifest->At(index).size;
  }

  // Takes files until there are none, for one of several threads.
  void Work(const std::stop_token& stop) {
    while (!stop.stop_requested() && failures_ < kMaxFailures) {
      const size_t next = next_.fetch_add(1);
      if (next >= files_.size()) break;
      LoadOne(files_[next], stop);
    }
    MutexLock lock(mu_);
    --working_;
    changed_.NotifyAll();
  }

  // Tells how far it is until all have ended; false when the client went away.
  bool Watch(ByteProgress& progress, const std::stop_token& stop) {
    while (true) {
      {
        MutexLock lock(mu_);
        if (changed_.WaitFor(mu_, stop, std::chrono::milliseconds(250),
                             [this]() REQUIRES(mu_) { return working_ == 0; }))
          return true;
      }
      if (stop.stop_requested() || !progress.Report(done_, total_)) return false;
    }
  }

  Result<json::Value> Outcome() {
    MutexLock lock(mu_);
    if (failures_ > 0)
      return Error{first_failure_.code,
                   std::to_string(failures_) + " of " + std::to_string(files_.size()) +
                       " files could not be loaded, the first: " + first_failure_.message};
    return json::Object({{"files", files_.size() - refused_},
                         {"bytes", total_ - refused_bytes_},
                         {"refused", refused_.load()},
                         {"refusedBytes", refused_bytes_.load()}});
  }

  size_t Threads() {
    MutexLock lock(mu_);
    working_ = std::min(kSideBySide, files_.size());
    return working_;
  }

 private:
  void LoadOne(uint32_t index, const std::stop_token& stop) {
    const ObjectVersion version = DataNode::VersionOf(dataset_, index);
    uint64_t seen = 0;  // what was cached already is not told of
    Status loaded = node_.fetcher().Load(
        version,
        [&](uint64_t bytes) {
          const uint64_t counted = std::min(bytes, version.size - seen);
          seen += counted;
          done_ += counted;
        },
        stop);
    done_ += version.size - seen;
    if (loaded) return;
    if (loaded.error().code == Code::kExhausted) {
      ++refused_;
      refused_bytes_ += version.size;
      return;
    }
    if (loaded.error().code == Code::kCancelled && stop.stop_requested()) return;
    MutexLock lock(mu_);
    if (failures_++ == 0) first_failure_ = loaded.error();
  }

  DataNode& node_;
  const Dataset& dataset_;
  const std::vector<uint32_t> files_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> done_ = 0;  // bytes
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> refused_bytes_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  Mutex mu_;
  CondVar changed_;
  size_t working_ GUARDED_BY(mu_) = 0;
  Error first_failure_ GUARDED_BY(mu_);
};

}  // namespace

Result<json::Value> LoadFiles(DataNode& node, const Target& target, const Tell& tell,
                              const std::stop_token& stop) {
  auto files = FilesOf(target, stop);
  if (!files) return files.error();
  Loading loading(node, target.dataset, std::move(*files));
  ByteProgress progress(tell);
  {
    std::vector<std::jthread> threads;
    for (size_t i = loading.Threads(); i > 0; --i)
      threads.emplace_back([&](const std::stop_token& ended) { loading.Work(ended); });
    if (!loading.Watch(progress, stop)) {
      for (std::jthread& thread : threads) thread.request_stop();
      threads.clear();
      return Error{Code::kCancelled, "load: stopped; what was loaded stays"};
    }
  }
  return loading.Outcome();
}

}  // namespace leat::datanode
