// How a deletion waits for writes that were let in before it began.
#pragma once

#include <cstdint>
#include <set>

#include "base/mutex.h"

namespace leat::apiserver {

// Thread-safe.
class Turnstile {
 public:
  // Whoever holds one is inside.
  class Pass {
   public:
    explicit Pass(Turnstile& turnstile) : turnstile_(turnstile), number_(turnstile.Enter()) {}
    ~Pass() { turnstile_.Leave(number_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    Turnstile& turnstile_;
    const uint64_t number_;
  };

  // Blocks until all who are inside now have left; who comes later is not waited for. Not from
  // inside.
  void AwaitThoseInside() EXCLUDES(mu_);

 private:
  uint64_t Enter() EXCLUDES(mu_);
  void Leave(uint64_t number) EXCLUDES(mu_);

  Mutex mu_;
  CondVar left_;
  uint64_t next_ GUARDED_BY(mu_) = 0;
  std::set<uint64_t> inside_ GUARDED_BY(mu_);
};

}  // namespace leat::apiserver
