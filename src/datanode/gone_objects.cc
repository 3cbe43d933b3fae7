#include "datanode/gone_objects.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace leat::datanode {
namespace {

constexpr std::chrono::seconds kLongestPause{3600};
constexpr std::chrono::minutes kStoreIsDown{2};
constexpr int kMostAtOnce = 64;

}  // namespace

void GoneObjects::Plan(MonoTime now, const Turn& turn) {
  turns_.emplace(now + turn.pause, turn);
  count_ = turns_.size();
}

void GoneObjects::AllDue(MonoTime now) {
  std::multimap<MonoTime, Turn> due;
  for (const auto& [when, turn] : turns_) due.emplace(std::min(when, now), turn);
  turns_ = std::move(due);
  not_before_ = now;
}

std::vector<Change> GoneObjects::Look(Tree& tree, objectstore::ObjectStore& store,
                                      const std::string& amendments, MonoTime now,
                                      const std::stop_token& stop) {
  std::vector<Change> changes;
  if (now < not_before_) return changes;
  for (int asked = 0; asked < kMostAtOnce && !stop.stop_requested();) {
    if (turns_.empty() || turns_.begin()->first > now) break;
    const Turn turn = turns_.begin()->second;
    turns_.erase(turns_.begin());
    count_ = turns_.size();
    const auto entry = tree.FindGone(turn.id);
    if (!entry) continue;  // a listing knows better
    ++asked;
    const auto info = store.Head(entry->key, stop);
    if (info) {
      auto change = tree.Amend(turn.id, *info, amendments);
      if (change) {
        LogInfo("an object that was gone is there again", {{"key", entry->key}});
        changes.push_back(std::move(*change));
        continue;
      }
    }
    Plan(now, {turn.id, std::min(turn.pause * 2, kLongestPause)});
    if (!info && info.error().code != Code::kNotFound) {
      not_before_ = now + kStoreIsDown;
      break;
    }
  }
  return changes;
}

}  // namespace leat::datanode
