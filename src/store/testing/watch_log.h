// A watcher that remembers what it was told, and the objects that the store's tests write.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/store.h"

namespace leat::store {

class WatchLog : public Watcher {
 public:
  // Ends its subscription (by returning false) at the limit-th change.
  explicit WatchLog(size_t limit = SIZE_MAX) : limit_(limit) {}

  bool OnChange(const Change& change) override {
    MutexLock lock(mu_);
    changes_.push_back(change);
    return changes_.size() < limit_;
  }
  bool OnProgress(Revision revision) override {
    MutexLock lock(mu_);
    progress_.push_back(revision);
    told_.NotifyAll();
    return true;
  }

  std::vector<Change> Changes() const {
    MutexLock lock(mu_);
    return changes_;
  }
  // "added default/a, deleted default/b", the namespace left out when empty.
  std::string Text() const {
    std::string text;
    for (const Change& change : Changes()) {
      constexpr const char* kWords[] = {"added ", "modified ", "deleted "};
      const Key& key = change.entry->key;
      text += (text.empty() ? "" : ", ") + std::string(kWords[static_cast<int>(change.type)]) +
              (key.ns.empty() ? "" : key.ns + "/") + key.name;
    }
    return text;
  }
  // The first progress it was told; -1 when none comes within ten seconds.
  Revision AwaitProgress() {
    MutexLock lock(mu_);
    told_.WaitFor(mu_, {}, std::chrono::seconds(10), [this] { return !progress_.empty(); });
    return progress_.empty() ? -1 : progress_.front();
  }

 private:
  const size_t limit_;
  mutable Mutex mu_;
  CondVar told_;
  std::vector<Change> changes_;
  std::vector<Revision> progress_;
};

inline std::unique_ptr<Store> MustOpen(Options options, Clock& clock) {
  auto store = Store::Open(std::move(options), clock);
  LEAT_CHECK(store, store.error().message);
  return std::move(*store);
}

inline Key Pod(const std::string& name, const std::string& ns = "default") {
  return {"pods", ns, name};
}

inline json::Value Numbered(int64_t n) {
  return json::Object({{"metadata", json::Object()}, {"n", n}});
}

// Equal in everything a watcher can see.
inline void ExpectSame(const std::vector<Change>& got, const std::vector<Change>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].type, want[i].type) << i;
    EXPECT_EQ(got[i].entry->key, want[i].entry->key) << i;
    EXPECT_EQ(got[i].entry->revision, want[i].entry->revision) << i;
    EXPECT_EQ(got[i].entry->Json(), want[i].entry->Json()) << i;
    ASSERT_EQ(got[i].previous == nullptr, want[i].previous == nullptr) << i;
    if (got[i].previous) {
      EXPECT_EQ(got[i].previous->Json(), want[i].previous->Json()) << i;
      EXPECT_EQ(got[i].previous->revision, want[i].previous->revision) << i;
    }
  }
}

}  // namespace leat::store
