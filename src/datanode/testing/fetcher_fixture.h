// A fetcher with a store and a cache of its own, for its tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/fetcher.h"
#include "io/file.h"

namespace leat::datanode {

using blocks::kChunkSize;

// Objects in memory. Counts what is asked of it, can hold its answers back, and fail.
class FakeStore : public objectstore::ObjectStore {
 public:
  explicit FakeStore(std::string endpoint = "") : endpoint_(std::move(endpoint)) {}
  const std::string& Name() const override { return name_; }
  const std::string& Endpoint() const override { return endpoint_; }
  Status List(const std::string&, const std::string&,
              const std::function<bool(objectstore::ObjectInfo)>&,
              const std::stop_token&) override {
    return {};
  }
  Result<objectstore::Listing> ListLevel(const std::string&, size_t,
                                         const std::stop_token&) override {
    return objectstore::Listing{};
  }
  Result<objectstore::ObjectInfo> Head(const std::string& key, const std::stop_token&) override {
    return objectstore::ObjectInfo{.key = key};
  }
  Status Get(const std::string& key, const std::string& etag, uint64_t offset, uint64_t size,
             const std::function<Status(std::string_view)>& sink,
             const std::stop_token& stop) override {
    std::string bytes;
    uint64_t held_from = 0;
    {
      MutexLock lock(mu_);
      const int number = ++gets_;
      open_.Wait(mu_, stop,
                 [&] { return (!held_ && number > held_first_) || failing_.contains(number); });
      if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
      if (error_) return *error_;
      if (const auto found = failing_.find(number); found != failing_.end()) return found->second;
      if (etag != "v1") return Error{Code::kConflict, key + " has changed"};
      bytes = objects_.at(key).substr(offset, size);
      bytes_ += bytes.size();
      held_from = held_from_;
    }
    for (size_t at = 0; at < bytes.size(); at += 300'000) {  // pieces that fit no chunk
      if (offset + at >= held_from) {
        MutexLock lock(mu_);
        open_.Wait(mu_, stop, [&] { return offset + at < held_from_; });
      }
      if (auto taken = sink(std::string_view(bytes).substr(at, 300'000)); !taken) return taken;
    }
    return {};
  }

  void Put(const std::string& key, std::string bytes) { objects_[key] = std::move(bytes); }
  void Hold(bool held) {
    MutexLock lock(mu_);
    held_ = held;
    open_.NotifyAll();
  }
  void HoldFirst(int requests) {
    MutexLock lock(mu_);
    held_first_ = requests;
    open_.NotifyAll();
  }
  // Answers break off here, until it is further on.
  void HoldFrom(uint64_t offset) {
    MutexLock lock(mu_);
    held_from_ = offset;
    open_.NotifyAll();
  }
  void Fail(std::optional<Error> error) {
    MutexLock lock(mu_);
    error_ = std::move(error);
  }
  // One request, by its number from 1 on, whether it is held or not.
  void FailOne(int request, const Error& error) {
    MutexLock lock(mu_);
    failing_.emplace(request, error);
    open_.NotifyAll();
  }
  int gets() {
    MutexLock lock(mu_);
    return gets_;
  }
  uint64_t bytes() {
    MutexLock lock(mu_);
    return bytes_;
  }

 private:
  const std::string name_ = "fake://";
  const std::string endpoint_;
  std::map<std::string, std::string> objects_;
  Mutex mu_;
  CondVar open_;
  bool held_ = false;
  int held_first_ = 0;
  uint64_t held_from_ = UINT64_MAX;
  std::optional<Error> error_;
  std::map<int, Error> failing_;
  int gets_ = 0;
  uint64_t bytes_ = 0;
};

inline std::string RandomBytes(size_t size, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t n = 0; n + 8 <= size; n += 8) {
    const uint64_t value = random();
    std::memcpy(bytes.data() + n, &value, 8);
  }
  return bytes;
}

constexpr std::chrono::seconds kForFailing{20};

// Whether it comes true.
inline bool Eventually(const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + kForFailing;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class FetcherTest : public testing::Test {
 protected:
  static constexpr std::chrono::hours kNever{1};

  // Without hedges, which a busy machine would cause.
  void Open(uint64_t limit = 256 << 20, FetcherOptions options = {.hedge_after = kNever}) {
    fetcher_.reset();
    cache_.reset();
    cache_ = *blocks::Cache::Open({{.path = dir_.path(), .limit = limit}}, clock_);
    fetcher_ = std::make_unique<Fetcher>(
        *cache_, options,
        Fetcher::Events{.on_changed = [this](const ObjectVersion&, const Error&) { ++changed_; }});
  }
  ObjectVersion Object(const std::string& key, size_t size, const std::string& etag = "v1") {
    contents_[key] = RandomBytes(size, static_cast<uint32_t>(std::hash<std::string>()(key)));
    store_->Put(key, contents_[key]);
    return {store_, key, etag, size, blocks::ObjectId::Of("fake://", key, etag, size)};
  }
  Result<std::string> Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset,
                           uint64_t size) {
    const auto answer = std::make_shared<std::promise<Result<std::string>>>();
    fetcher_->Read(object, offset, size, [answer](const Result<std::string_view>& bytes) {
      answer->set_value(bytes ? Result<std::string>(std::string(*bytes)) : bytes.error());
    });
    auto future = answer->get_future();
    if (future.wait_for(kForFailing) == std::future_status::ready) return future.get();
    return Error{Code::kTimeout, "the read is not answered"};
  }
  // In pieces that a read may have.
  std::string ReadAll(const std::shared_ptr<ActiveObject>& object) {
    std::string bytes;
    while (bytes.size() < object->version.size) {
      bytes += *Read(object, bytes.size(), kChunkSize);
    }
    return bytes;
  }
  std::string Expected(const std::string& key, uint64_t offset, uint64_t size) {
    return contents_[key].substr(offset, size);
  }

  RealClock clock_;
  io::TempDir dir_;
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  std::map<std::string, std::string> contents_;
  std::atomic<int> changed_ = 0;
  std::unique_ptr<blocks::Cache> cache_;
  std::unique_ptr<Fetcher> fetcher_;
};

}  // namespace leat::datanode
