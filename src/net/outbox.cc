#include "net/outbox.h"

#include <utility>

namespace leat::net {

bool Outbox::Push(std::shared_ptr<const std::string> chunk) {
  std::function<void()> wake, on_closed;
  bool pushed = false;
  {
    MutexLock lock(mu_);
    if (closed_) return false;
    if (queue_.empty() || queued_bytes_ + chunk->size() <= max_bytes_) {
      queued_bytes_ += chunk->size();
      queue_.push_back(std::move(chunk));
      pushed = true;
    } else {
      closed_ = true;
      on_closed = std::exchange(on_closed_, nullptr);
    }
    wake = wake_;
  }
  if (on_closed) on_closed();
  if (wake) wake();
  return pushed;
}

void Outbox::Close() {
  std::function<void()> wake, on_closed;
  {
    MutexLock lock(mu_);
    if (closed_) return;
    closed_ = true;
    on_closed = std::exchange(on_closed_, nullptr);
    wake = wake_;
  }
  if (on_closed) on_closed();
  if (wake) wake();
}

bool Outbox::closed() const {
  MutexLock lock(mu_);
  return closed_;
}

void Outbox::OnClosed(std::function<void()> callback) {
  {
    MutexLock lock(mu_);
    if (!closed_) {
      on_closed_ = std::move(callback);
      return;
    }
  }
  callback();
}

std::shared_ptr<const std::string> Outbox::Pop() {
  MutexLock lock(mu_);
  if (queue_.empty()) return nullptr;
  auto chunk = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= chunk->size();
  return chunk;
}

void Outbox::SetWake(std::function<void()> wake) {
  MutexLock lock(mu_);
  wake_ = std::move(wake);
}

}  // namespace leat::net
