// Which log events were printed already, for a reader that asks again and again.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace leat::cli {

// Hosts write side by side, so an event may come after later ones of another host: each question
// goes back a little, and the ids of that time tell what is new.
class SeenEvents {
 public:
  static constexpr int64_t kOverlapMs = 5000;

  // Where the next question starts: nothing older will be asked for again.
  int64_t AskFromMs() const { return newest_ms_ > kOverlapMs ? newest_ms_ - kOverlapMs : 0; }

  // True the first time that the event is seen. Pages come in order of time.
  bool Add(int64_t ms, const std::string& id) {
    newest_ms_ = ms > newest_ms_ ? ms : newest_ms_;
    const bool fresh = ids_.emplace(ms, id).second;
    ids_.erase(ids_.begin(), ids_.lower_bound({AskFromMs(), ""}));
    return fresh;
  }

 private:
  int64_t newest_ms_ = 0;
  std::set<std::pair<int64_t, std::string>> ids_;  // from AskFromMs() on
};

}  // namespace leat::cli
