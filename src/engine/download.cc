#include "engine/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "io/file.h"

namespace leat::engine {
namespace {

constexpr size_t kParallel = 4;

class Downloads {
 public:
  Downloads(objectstore::S3Client& store, const std::string& label, const std::string& dir,
            const std::vector<ChannelObject>& objects, const std::stop_token& stop)
      : store_(store), label_(label), dir_(dir), objects_(objects), on_stop_(stop, [this] {
          stop_.request_stop();
        }) {
    for (const ChannelObject& object : objects) total_ += object.info.size;
  }

  Status Run() {
    const MonoTime began = clock_.Monotonic();
    {
      const std::jthread reporter([&](const std::stop_token& done) { Report(began, done); });
      std::vector<std::jthread> workers;
      for (size_t i = 0; i < std::min(kParallel, objects_.size()); ++i)
        workers.emplace_back([this] { Work(); });
    }
    MutexLock lock(mu_);
    if (error_) return *error_;
    if (stop_.stop_requested()) return Error{Code::kCancelled, "the download was stopped"};
    LogInfo(Line(began));
    return {};
  }

 private:
  void Work() {
    while (!stop_.stop_requested()) {
      const size_t i = next_++;
      if (i >= objects_.size()) return;
      if (auto done = One(objects_[i]); !done) {
        MutexLock lock(mu_);
        if (!error_) error_ = done.error();
        stop_.request_stop();
      }
    }
  }

  Status One(const ChannelObject& object) {
    const std::string path = dir_ + "/" + object.path;
    if (auto made = io::MakeDirs(path.substr(0, path.rfind('/')), 0777); !made) return made;
    // No object has a path like that: CheckPaths has compared only whole ones, so it stays aside.
    const std::string packed = dir_ + "/../.leat-" + std::to_string(&object - objects_.data());
    const std::string& target = object.gunzip ? packed : path;
    auto done = store_.Download(
        object.url, object.info, target, [this](uint64_t bytes) { bytes_ += bytes; },
        stop_.get_token());
    if (!done) return done;
    if (object.gunzip) {
      auto unpacked = Gunzip(packed, path, stop_.get_token());
      if (auto removed = io::Remove(packed); !removed) return removed;
      if (!unpacked) return unpacked.error().Within(object.url.ToString());
    }
    // The object's time, by which `upload` knows a checkpoint that has not changed.
    const timespec modified{.tv_sec = object.info.last_modified, .tv_nsec = 0};
    const timespec times[] = {modified, modified};
    if (utimensat(AT_FDCWD, path.c_str(), times, 0) != 0)
      return io::ErrnoError(errno, "set the time of " + path);
    if (chmod(path.c_str(), 0666) != 0) return io::ErrnoError(errno, "chmod " + path);
    return {};
  }

  std::string Line(MonoTime began) {
    const double elapsed = std::chrono::duration<double>(clock_.Monotonic() - began).count();
    const uint64_t bytes = bytes_;
    return fmt::format(
        "staging {}: {} of {} ({} %), {}/s", label_, HumanBytes(bytes), HumanBytes(total_),
        total_ == 0 ? 100 : bytes * 100 / total_,
        HumanBytes(static_cast<uint64_t>(static_cast<double>(bytes) / std::max(elapsed, 0.001))));
  }

  void Report(MonoTime began, const std::stop_token& done) {
    while (clock_.SleepFor(std::chrono::seconds(1), done)) LogInfo(Line(began));
  }

  objectstore::S3Client& store_;
  const std::string& label_;
  const std::string& dir_;
  const std::vector<ChannelObject>& objects_;
  uint64_t total_ = 0;
  RealClock clock_;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<size_t> next_ = 0;
  std::stop_source stop_;
  Mutex mu_;
  std::optional<Error> error_ GUARDED_BY(mu_);
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace

Status DownloadAll(objectstore::S3Client& store, const std::string& label, const std::string& dir,
                   const std::vector<ChannelObject>& objects, const std::stop_token& stop) {
  return Downloads(store, label, dir, objects, stop).Run();
}

}  // namespace leat::engine
