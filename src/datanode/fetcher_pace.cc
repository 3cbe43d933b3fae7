// How fast the store is lately, and second requests for what is slow to begin.
#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "datanode/fetcher_state.h"

namespace leat::datanode {

void Fetcher::State::Learn(SteadyTime began, SteadyTime first_byte, uint64_t bytes) {
  const auto now = std::chrono::steady_clock::now();
  MutexLock lock(mu);
  const double waited = std::chrono::duration<double>(first_byte - began).count();
  latency += (waited - latency) / 8;
  latencies[next_latency++ % latencies.size()] = waited;
  const double seconds = std::chrono::duration<double>(now - window_began).count();
  window_bytes += static_cast<double>(bytes);
  if (seconds < 0.25) return;
  // A pause is not a slow store: only what a busy quarter of a second brought counts.
  if (seconds < 2) bandwidth += (window_bytes / seconds - bandwidth) / 4;
  window_bytes = 0;
  window_began = now;
}

void Fetcher::State::Hedge(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<std::shared_ptr<ActiveObject>> held;  // let go outside the lock
    std::chrono::nanoseconds patience;
    {
      MutexLock lock(mu);
      began_silent.Wait(mu, stop, [&]() REQUIRES(mu) { return !silent.empty(); });
      const double slowest = *std::max_element(latencies.begin(), latencies.end());
      patience = std::max<std::chrono::nanoseconds>(
          options.hedge_after, std::chrono::nanoseconds(static_cast<int64_t>(slowest * 1e9)));
      const auto now = std::chrono::steady_clock::now();
      for (Silent& one : silent) {
        if (now - one.began < patience) continue;
        const auto& object = held.emplace_back(one.object.lock());
        if (!object) continue;
        bool offered = false;
        // From behind, each before the one above it: Next takes a run along from its first chunk.
        for (uint64_t chunk = one.first + one.chunks; chunk-- > one.first;) {
          const auto flight = object->flights.find(chunk);
          if (flight == object->flights.end()) continue;
          // Once each: a store that hangs must not get every connection.
          if (flight->second->waits.empty() || std::exchange(flight->second->hedged, true))
            continue;
          // Another thread takes it; what comes first answers, and the second finds nobody waiting.
          flight->second->taken = false;
          object->lane.demand.emplace_front(object, chunk);
          offered = true;
        }
        if (offered) wanted.NotifyOne();
      }
    }
    held.clear();
    MutexLock lock(mu);
    began_silent.WaitFor(mu, stop, patience / 4, [] { return false; });
  }
}

uint64_t Fetcher::Ahead() const {
  MutexLock lock(state_->mu);
  const uint64_t product = static_cast<uint64_t>(2 * state_->latency * state_->bandwidth);
  return std::clamp<uint64_t>(product, 8_MiB, 256_MiB);
}

}  // namespace leat::datanode
