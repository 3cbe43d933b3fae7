// How slowly a client may send its request's body or take its answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"
#include "net/transport.h"

namespace leat::net {

// Patience with one transfer. There is some slack to begin with; waiting for the client uses it up,
// and every byte that the client moves gives some back, up to what there was. So a client must keep
// to a rate, on average over the slack: 1 KiB/s at first, 1 KiB/s more for every ten seconds that
// it has been waited for, and 64 KiB/s at most. Time that we spend ourselves does not count.
class Pace {
 public:
  using Duration = MonoTime::duration;
  explicit Pace(std::chrono::milliseconds slack) : slack_(slack), left_(slack) {}

  void Waited(Duration duration);
  void Moved(uint64_t bytes);
  // The client has taken these out of a full send buffer, which accepts more, to be told by Moved,
  // only when a good part of it is free. Each byte is counted once.
  void Drained(uint64_t bytes);
  // How long the client may yet be waited for; zero when it was too slow.
  Duration left() const { return left_; }
  Duration waited() const { return waited_; }
  // What is asked of the client now, in bytes a second.
  int64_t rate() const;

 private:
  void Earn(uint64_t bytes);

  Duration slack_;
  Duration left_;
  Duration waited_{0};
  uint64_t drained_ = 0;  // of what Moved will tell
};

// Is told of the threads that wait for a client, so that others can do their work meanwhile.
// Thread-safe.
class LongWaits {
 public:
  virtual ~LongWaits() = default;
  // The calling thread waits for this socket until the deadline. When too many do, the socket with
  // the earliest deadline is shut down, which ends that wait.
  virtual void Begin(int fd, MonoTime deadline) = 0;
  virtual void End(int fd) = 0;
};

// Blocks until the transport, which a step left at `blocked`, may be ready for another. kTimeout
// when the client is too slow, kCancelled after the stop (see Patience). `waits` is told once the
// waits of a transfer, all together, are not short any more.
Status AwaitClient(const Transport& transport, IoState blocked, const std::stop_token& stop,
                   Pace* pace, LongWaits* waits);

}  // namespace leat::net
