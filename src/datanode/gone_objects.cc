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

std::vector<Change> GoneObjects::Look(Tree& tree, objectstore::ObjectStore& store,
                                      const std::string& amendments, MonoTime now,
                                      const std::stop_token& stop) {
  std::unordered_map<uint64_t, Turn> turns;  // without those that are gone no more
  for (const uint64_t id : tree.Gone()) {
    const auto known = turns_.find(id);
    turns[id] = known != turns_.end() ? known->second : Turn{.next = now + std::chrono::seconds(1)};
  }
  turns_ = std::move(turns);
  std::vector<Change> changes;
  if (now < not_before_) return changes;
  int asked = 0;
  for (auto& [id, turn] : turns_) {
    if (turn.next > now) continue;
    const auto entry = tree.Find(id);
    if (!entry) continue;
    if (asked++ == kMostAtOnce || stop.stop_requested()) break;
    turn.pause = std::min(turn.pause * 2, kLongestPause);
    turn.next = now + turn.pause;
    const auto info = store.Head(entry->key, stop);
    if (!info && info.error().code == Code::kNotFound) continue;
    if (!info) {
      not_before_ = now + kStoreIsDown;
      break;
    }
    auto change = tree.Amend(id, *info, amendments);
    if (!change) continue;
    LogInfo("an object that was gone is there again", {{"key", entry->key}});
    changes.push_back(std::move(*change));
  }
  return changes;
}

}  // namespace leat::datanode
