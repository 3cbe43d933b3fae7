#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "datanode/listing_log.h"
#include "datanode/manifest.h"

namespace leat::datanode {
namespace {

constexpr int kThreads = 8;
constexpr size_t kEnoughPrefixes = 64;  // to keep the threads busy
constexpr size_t kLevelLimit = 10'000;  // a level with more is listed in one go
constexpr int64_t kLogSeconds = 3600;

class Lister {
 public:
  Lister(objectstore::ObjectStore& store, ManifestBuilder& builder, ListingLog& log,
         const std::function<void(const ListingProgress&)>& progress)
      : store_(store), builder_(builder), log_(log), progress_(progress) {}

  void AddKnown(const objectstore::ObjectInfo& object) {
    MutexLock lock(mu_);
    Count(object);
  }

  // Goes down level by level until there are enough prefixes to list side by side. Levels are
  // small: what is above the prefixes is added here.
  Result<std::vector<std::string>> MakePlan(const std::stop_token& stop) {
    std::deque<std::string> open{""};
    std::vector<std::string> whole;  // not worth going down
    while (!open.empty() && open.size() + whole.size() < kEnoughPrefixes) {
      const std::string prefix = open.front();
      open.pop_front();
      auto level = store_.ListLevel(prefix, kLevelLimit, stop);
      if (!level && level.error().code == Code::kTooLarge) {
        whole.push_back(prefix);
        continue;
      }
      if (!level) return level.error();
      for (objectstore::ObjectInfo& object : level->objects) Add(std::move(object));
      open.insert(open.end(), level->prefixes.begin(), level->prefixes.end());
    }
    whole.insert(whole.end(), open.begin(), open.end());
    log_.Plan(whole);
    return whole;
  }

  // Lists the prefixes, each from after the given key on.
  Status Run(std::vector<std::pair<std::string, std::string>> work, const std::stop_token& outer) {
    std::stop_source stop;
    std::stop_callback pass_on(outer, [&] { stop.request_stop(); });
    std::atomic<size_t> next = 0;
    std::vector<std::jthread> threads;
    for (int n = 0; n < kThreads; ++n) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < work.size() && !stop.stop_requested(); at = next++) {
          const auto& [prefix, after] = work[at];
          const auto listed = store_.List(
              prefix, after,
              [&](objectstore::ObjectInfo object) {
                Add(std::move(object));
                return !stop.stop_requested();
              },
              stop.get_token());
          if (listed && !stop.stop_requested()) {
            log_.Finished(prefix);
          } else if (!listed) {
            MutexLock lock(mu_);
            if (status_) status_ = listed.error();
            stop.request_stop();
          }
        }
      });
    }
    threads.clear();
    MutexLock lock(mu_);
    if (outer.stop_requested()) return Error{Code::kCancelled, store_.Name() + ": listing stopped"};
    return status_;
  }

 private:
  void Add(objectstore::ObjectInfo object) {
    log_.Object(object);
    MutexLock lock(mu_);
    Count(object);
  }

  void Count(const objectstore::ObjectInfo& object) REQUIRES(mu_) {
    builder_.Add(object);
    ++seen_.objects;
    seen_.bytes += object.size;
    if (seen_.objects % 1000 == 0) progress_(seen_);
  }

  objectstore::ObjectStore& store_;
  Mutex mu_;
  ManifestBuilder& builder_ GUARDED_BY(mu_);
  ListingLog& log_;
  const std::function<void(const ListingProgress&)>& progress_;  // called under the lock
  ListingProgress seen_ GUARDED_BY(mu_);
  Status status_ GUARDED_BY(mu_);
};

// The last key that was seen under each prefix of the plan.
std::map<std::string, std::string> LastKeys(const ListingLog::Past& past) {
  std::vector<std::string> plan = past.plan;
  std::sort(plan.begin(), plan.end());
  std::map<std::string, std::string> last;
  for (const objectstore::ObjectInfo& object : past.objects) {
    // Prefixes of a plan do not contain each other, but for "" which is then the only one.
    auto above = std::upper_bound(plan.begin(), plan.end(), object.key);
    if (above == plan.begin()) continue;
    const std::string& prefix = *std::prev(above);
    if (!object.key.starts_with(prefix)) continue;
    std::string& key = last[prefix];
    key = std::max(key, object.key);
  }
  return last;
}

}  // namespace

Status ListSource(objectstore::ObjectStore& store, const std::string& path,
                  std::shared_ptr<const Manifest> previous, int64_t now,
                  const std::function<void(const ListingProgress&)>& progress,
                  const std::stop_token& stop) {
  const std::string log_path = path.substr(0, path.rfind('/')) + "/listing.partial";
  const ListingLog::Past past = ListingLog::Read(log_path, store.Name(), now - kLogSeconds);
  auto log = ListingLog::Open(log_path, store.Name(), now, past.end);
  if (!log) return log.error();
  ManifestBuilder builder(store.Name(), std::move(previous));
  Lister lister(store, builder, **log, progress);

  std::vector<std::string> plan = past.plan;
  std::map<std::string, std::string> last;
  if (past.planned) {
    LogInfo("a listing that broke off goes on",
            {{"source", store.Name()}, {"objects", past.objects.size()}});
    for (const objectstore::ObjectInfo& object : past.objects) lister.AddKnown(object);
    last = LastKeys(past);
  } else {
    auto made = lister.MakePlan(stop);
    if (!made) return made.error();
    plan = std::move(*made);
  }
  std::vector<std::pair<std::string, std::string>> work;
  for (const std::string& prefix : plan) {
    if (!past.finished.contains(prefix)) work.emplace_back(prefix, last[prefix]);
  }
  const Status listed = lister.Run(std::move(work), stop);
  if (!listed) {
    (void)(*log)->Flush();  // the next call goes on from here
    return listed;
  }
  if (auto written = builder.Write(path, now); !written) return written;
  ::unlink(log_path.c_str());
  return {};
}

}  // namespace leat::datanode
