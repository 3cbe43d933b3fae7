// Requests that are answered later, so that an INTERRUPT can end their wait.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace leat::datanode {

// Thread-safe. `unique` is the kernel's number of a request.
class PendingRequests {
 public:
  // To be called before anybody may answer the request.
  void Begin(uint64_t unique) {
    MutexLock lock(mu_);
    requests_[unique];
  }
  // How to end its wait: called once it is interrupted, from here if it was already. Not called
  // when the request has ended; but it may just be ending, so that `cancel` may come too late.
  void OnInterrupt(uint64_t unique, std::function<void()> cancel) {
    {
      MutexLock lock(mu_);
      auto found = requests_.find(unique);
      if (found == requests_.end()) return;
      if (!found->second.interrupted) {
        found->second.cancel = std::move(cancel);
        return;
      }
    }
    cancel();
  }
  // It is answered.
  void End(uint64_t unique) {
    MutexLock lock(mu_);
    requests_.erase(unique);
  }
  void Interrupt(uint64_t unique) {
    std::function<void()> cancel;
    {
      MutexLock lock(mu_);
      auto found = requests_.find(unique);
      if (found == requests_.end()) return;
      found->second.interrupted = true;
      cancel = std::exchange(found->second.cancel, nullptr);
    }
    if (cancel) cancel();
  }

 private:
  struct Request {
    bool interrupted = false;
    std::function<void()> cancel;
  };
  Mutex mu_;
  std::unordered_map<uint64_t, Request> requests_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
