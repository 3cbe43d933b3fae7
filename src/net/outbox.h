// A bounded queue of bytes from any thread to one HTTP response, drained by the server's event
// loop: how a watch or a followed log is sent without holding a thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace leat::net {

class Outbox {
 public:
  // At most `max_bytes` wait in the queue (a single larger chunk is let in when it is empty).
  explicit Outbox(size_t max_bytes = 4u << 20) : max_bytes_(max_bytes) {}

  // Never blocks. False when the outbox is closed, or when the chunk does not fit: then the outbox
  // closes itself, what is queued is still sent, and the response ends without an error, so that
  // the reader comes back and resumes where it was.
  bool Push(std::shared_ptr<const std::string> chunk);
  bool Push(std::string chunk) {
    return Push(std::make_shared<const std::string>(std::move(chunk)));
  }
  // The response ends after what is queued. Idempotent.
  void Close();
  // True after Close, an overflow, or once the reader has gone away. Producers poll it, or give a
  // callback with OnClosed.
  bool closed() const;
  // Runs once, on the thread that closes (or at once when closed already). It must not block and
  // must not call back into the outbox.
  void OnClosed(std::function<void()> callback);

  // For the server: the next chunk, or null; `wake` is called (from any thread) when one arrives
  // or the outbox closes.
  std::shared_ptr<const std::string> Pop();
  void SetWake(std::function<void()> wake);

 private:
  const size_t max_bytes_;
  mutable Mutex mu_;
  std::deque<std::shared_ptr<const std::string>> queue_ GUARDED_BY(mu_);
  size_t queued_bytes_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
  std::function<void()> wake_ GUARDED_BY(mu_);
  std::function<void()> on_closed_ GUARDED_BY(mu_);
};

}  // namespace leat::net
