// `leat data load`: many objects side by side.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "datanode/active_object.h"
#include "datanode/load_order.h"
#include "datanode/object_operations.h"
#include "datanode/record_files.h"
#include "io/descriptor_limit.h"

namespace leat::datanode {
namespace {

// Enough for small objects to hide the store's latency; large ones bring their own parallelism.
constexpr size_t kSideBySide = 16;
// After so many failures the store is broken rather than some objects.
constexpr uint64_t kMaxFailures = 100;

// In order, what is fetched at once: enough for the link, little enough that the first files are
// there first.
constexpr uint64_t kOrderedBytes = 64 << 20;

// Large objects that are held, once they have their room, until the load ends: the first ones, with
// two descriptors each, so that they take a quarter of what the process may have.
size_t MostHeld() { return std::clamp<size_t>(io::DescriptorLimit() / 8, 1, 4096); }

enum class Order { kAny, kAsGiven };

class Loading {
 public:
  Loading(DataNode& node, const Dataset& dataset, std::vector<FilePart> parts, Order order)
      : node_(node), dataset_(dataset), parts_(std::move(parts)), order_(order) {
    for (const FilePart& part : parts_) total_ += part.length;
  }

  // Takes parts until there are none, for one of several threads.
  void Work(const std::stop_token& stop) {
    while (std::optional<Piece> piece = Take(stop)) {
      const Status loaded = LoadOne(*piece, stop);
      Ended(piece->part, loaded, stop);
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
                   std::to_string(failures_) + " of " + std::to_string(parts_.size()) +
                       " files could not be loaded, the first: " + first_failure_.message};
    json::Value outcome = json::Object({{"files", parts_.size() - refused_},
                                        {"bytes", total_ - refused_bytes_},
                                        {"refused", refused_},
                                        {"refusedBytes", refused_bytes_}});
    if (order_ == Order::kAsGiven) outcome.Set("ordered", true);
    return outcome;
  }

  size_t Threads() {
    MutexLock lock(mu_);
    working_ = std::min(kSideBySide, parts_.size());
    return working_;
  }

 private:
  struct Piece {
    FilePart part;
    std::shared_ptr<ActiveObject> object;  // null: yet to be activated
  };

  std::optional<Piece> Take(const std::stop_token& stop) {
    MutexLock lock(mu_);
    while (true) {
      changed_.Wait(mu_, stop, [this]() REQUIRES(mu_) {
        return Over() || order_ == Order::kAny || in_flight_ == 0 ||
               in_flight_ + parts_[next_].length <= kOrderedBytes;
      });
      if (stop.stop_requested() || Over()) return std::nullopt;
      Piece piece{.part = parts_[next_++], .object = nullptr};
      if (order_ == Order::kAsGiven) {
        piece.object = Hold(piece.part.index);  // under the lock, so that room is given in order
        if (!piece.object) {
          Refuse(piece.part);
          continue;
        }
      }
      in_flight_ += piece.part.length;
      return piece;
    }
  }

  // Once for all parts of an object: each counts as an access of the whole object, and many would
  // make what was loaded before look old. Null when there is no room for it; then nothing that
  // comes later takes any, and what has its room already goes on.
  std::shared_ptr<ActiveObject> Hold(uint32_t index) REQUIRES(mu_) {
    if (const auto held = held_.find(index); held != held_.end()) return held->second;
    const ObjectVersion version = DataNode::VersionOf(dataset_, index);
    if (refused_ > 0 && !IsThere(version)) return nullptr;
    auto object = node_.fetcher().Activate(version);
    if (object->small()) return object;
    if (object->refusal.code == Code::kExhausted && !object->file) return nullptr;
    if (held_.size() < most_held_) held_[index] = object;
    return object;
  }

  bool IsThere(const ObjectVersion& version) {
    return node_.cache().HasSmall(version.id) || node_.cache().Find(version.id);
  }

  void Refuse(const FilePart& part) REQUIRES(mu_) {
    ++refused_;
    refused_bytes_ += part.length;
  }

  bool Over() const REQUIRES(mu_) { return next_ >= parts_.size() || failures_ >= kMaxFailures; }

  Status LoadOne(Piece& piece, const std::stop_token& stop) {
    const FilePart& part = piece.part;
    if (!piece.object)
      piece.object = node_.fetcher().Activate(DataNode::VersionOf(dataset_, part.index));
    uint64_t seen = 0;  // what was cached already is not told of
    Status loaded = node_.fetcher().LoadPart(
        piece.object, part.offset, part.offset + part.length,
        [&](uint64_t bytes) {
          const uint64_t counted = std::min(bytes, part.length - seen);
          seen += counted;
          done_ += counted;
        },
        stop);
    done_ += part.length - seen;
    return loaded;
  }

  void Ended(const FilePart& part, const Status& loaded, const std::stop_token& stop) {
    MutexLock lock(mu_);
    in_flight_ -= part.length;
    changed_.NotifyAll();
    if (loaded) return;
    if (loaded.error().code == Code::kExhausted) {
      Refuse(part);
      return;
    }
    if (loaded.error().code == Code::kCancelled && stop.stop_requested()) return;
    if (failures_++ == 0) first_failure_ = loaded.error();
  }

  DataNode& node_;
  const Dataset& dataset_;
  const std::vector<FilePart> parts_;
  const Order order_;
  const size_t most_held_ = MostHeld();
  uint64_t total_ = 0;
  std::atomic<uint64_t> done_ = 0;  // bytes
  Mutex mu_;
  CondVar changed_;
  size_t next_ GUARDED_BY(mu_) = 0;
  std::unordered_map<uint32_t, std::shared_ptr<ActiveObject>> held_ GUARDED_BY(mu_);  // by index
  uint64_t in_flight_ GUARDED_BY(mu_) = 0;                                            // bytes
  uint64_t refused_ GUARDED_BY(mu_) = 0;
  uint64_t refused_bytes_ GUARDED_BY(mu_) = 0;
  uint64_t failures_ GUARDED_BY(mu_) = 0;
  size_t working_ GUARDED_BY(mu_) = 0;
  Error first_failure_ GUARDED_BY(mu_);
};

// All of the target's files, whole.
Result<std::vector<FilePart>> AllOf(const Target& target, const std::stop_token& stop) {
  const auto files = FilesOf(target, stop);
  if (!files) return files.error();
  std::vector<FilePart> parts;
  for (const uint32_t index : *files)
    parts.push_back(
        {.index = index, .offset = 0, .length = target.dataset.manifest->At(index).size});
  return parts;
}

}  // namespace

Result<json::Value> LoadFiles(DataNode& node, const Target& target, const std::string& order,
                              const Tell& tell, const std::stop_token& stop) {
  RecordFiles files(node, target.dataset);
  const auto records = [&](uint32_t file, uint64_t last) {
    return files.RecordsOf(file, last, stop);
  };
  auto parts = order.empty()
                   ? AllOf(target, stop)
                   : ReadOrder(*target.dataset.manifest, target.index, order, records, stop);
  if (!parts) return parts.error();
  Loading loading(node, target.dataset, std::move(*parts),
                  order.empty() ? Order::kAny : Order::kAsGiven);
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
