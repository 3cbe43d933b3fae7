#include "net/pace.h"

#include <algorithm>

namespace leat::net {
namespace {

constexpr int64_t kFirstRate = 1 << 10;
constexpr int64_t kLastRate = 64 << 10;
constexpr std::chrono::seconds kRateStep{10};
// The waits of a transfer that are not worth a word, all together: the client is there and its
// bytes are on their way. Not each wait, since many small packets would then hold a thread for
// hours.
constexpr std::chrono::milliseconds kShortWaits{20};

}  // namespace

int64_t Pace::rate() const { return std::min(kLastRate, kFirstRate * (1 + waited_ / kRateStep)); }

void Pace::Waited(Duration duration) {
  waited_ += duration;
  left_ = std::max(left_ - duration, Duration::zero());
}

void Pace::Moved(uint64_t bytes) {
  const uint64_t known = std::min(bytes, drained_);
  drained_ -= known;
  Earn(bytes - known);
}

void Pace::Drained(uint64_t bytes) {
  drained_ += bytes;
  Earn(bytes);
}

void Pace::Earn(uint64_t bytes) {
  constexpr uint64_t kEnough = 1u << 30;  // more would be more than any slack
  const Duration earned =
      Duration(std::chrono::seconds(1)) * static_cast<int64_t>(std::min(bytes, kEnough)) / rate();
  left_ = std::min(left_ + earned, slack_);
}

Status AwaitClient(const Transport& transport, IoState blocked, const std::stop_token& stop,
                   Pace* pace, LongWaits* waits) {
  const short events = blocked == IoState::kWantRead ? POLLIN : POLLOUT;
  const size_t untaken = blocked == IoState::kWantWrite ? transport.Untaken() : 0;
  const MonoTime begun = std::chrono::steady_clock::now();
  const MonoTime deadline = begun + pace->left();
  const MonoTime brief = std::min(deadline, begun + kShortWaits - pace->waited());
  Result<short> ready = Error{Code::kTimeout, "nothing moved"};
  if (brief > begun) ready = WaitFor(transport, events, {kShortWaits, stop, brief});
  if (!ready && ready.error().code == Code::kTimeout && brief < deadline) {
    waits->Begin(transport.fd(), deadline);
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(pace->left());
    ready = WaitFor(transport, events, {timeout, stop, deadline});
    waits->End(transport.fd());
  }
  pace->Waited(std::chrono::steady_clock::now() - begun);
  if (ready) return {};
  if (ready.error().code != Code::kTimeout) return ready.error();
  if (blocked == IoState::kWantWrite) {
    const size_t drained = untaken - std::min(transport.Untaken(), untaken);
    pace->Drained(drained);
    if (drained > 0) return {};
  }
  const std::string what = blocked == IoState::kWantRead ? "it comes" : "it is read";
  return Error{Code::kTimeout,
               what + " too slowly, below " + std::to_string(pace->rate() >> 10) + " KiB/s"};
}

}  // namespace leat::net
