#include "datanode/access_trace.h"

#include <fmt/format.h>

#include <utility>

namespace leat::datanode {

std::string AccessEvent::ToLine() const {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(at).count();
  if (open) return fmt::format("open {} {} {}", microseconds, thread, file);
  const char* text = outcome == ReaderTable::Outcome::kHit      ? "hit"
                     : outcome == ReaderTable::Outcome::kWaited ? "wait"
                                                                : "fail";
  return fmt::format("read {} {} {} {} {} {}", microseconds, thread, file, offset, size, text);
}

Status AccessTrace::Begin() {
  MutexLock lock(mu_);
  if (recording_) return Error{Code::kConflict, "a trace of this mount is being recorded already"};
  began_ = std::chrono::steady_clock::now();
  events_.clear();
  lost_ = 0;
  recording_ = true;
  return {};
}

void AccessTrace::End() {
  MutexLock lock(mu_);
  recording_ = false;
}

void AccessTrace::Add(Time asked, AccessEvent event) {
  if (!recording_) return;
  MutexLock lock(mu_);
  if (!recording_ || asked < began_) return;
  if (events_.size() >= kMostEvents) {
    ++lost_;
    return;
  }
  event.at = asked - began_;
  events_.push_back(event);
}

std::vector<AccessEvent> AccessTrace::Take() {
  MutexLock lock(mu_);
  return std::exchange(events_, {});
}

uint64_t AccessTrace::lost() const {
  MutexLock lock(mu_);
  return lost_;
}

}  // namespace leat::datanode
