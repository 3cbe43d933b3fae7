#include "apiserver/turnstile.h"

namespace leat::apiserver {

uint64_t Turnstile::Enter() {
  MutexLock lock(mu_);
  inside_.insert(next_);
  return next_++;
}

void Turnstile::Leave(uint64_t number) {
  MutexLock lock(mu_);
  inside_.erase(number);
  left_.NotifyAll();
}

void Turnstile::AwaitThoseInside() {
  MutexLock lock(mu_);
  const uint64_t first_later = next_;
  while (!inside_.empty() && *inside_.begin() < first_later) left_.Wait(mu_);
}

}  // namespace leat::apiserver
