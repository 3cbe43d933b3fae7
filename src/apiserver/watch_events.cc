#include "apiserver/watch_events.h"

namespace leat::apiserver {
std::optional<WatchedChange> Seen(const Selection& selection, const store::Change& change) {
  using api::WatchEventType;
  const bool all = selection.empty();
  switch (change.type) {
    case store::ChangeType::kAdded:
      if (!all && !selection.Matches(change.entry->value)) return std::nullopt;
      return WatchedChange{WatchEventType::kAdded, change.entry};
    case store::ChangeType::kDeleted:
      if (!all && !selection.Matches(change.entry->value)) return std::nullopt;
      return WatchedChange{WatchEventType::kDeleted, change.entry};
    case store::ChangeType::kModified:
      break;
  }
  if (all) return WatchedChange{WatchEventType::kModified, change.entry};
  const bool was = change.previous != nullptr && selection.Matches(change.previous->value);
  const bool is = selection.Matches(change.entry->value);
  if (is)
    return WatchedChange{was ? WatchEventType::kModified : WatchEventType::kAdded, change.entry};
  if (!was) return std::nullopt;
  return WatchedChange{WatchEventType::kDeleted,
                       store::Restamped(*change.previous, change.entry->revision)};
}

std::string_view EventName(api::WatchEventType type) {
  switch (type) {
    case api::WatchEventType::kAdded:
      return "ADDED";
    case api::WatchEventType::kModified:
      return "MODIFIED";
    case api::WatchEventType::kDeleted:
      return "DELETED";
    case api::WatchEventType::kBookmark:
      return "BOOKMARK";
  }
  return "ADDED";
}

}  // namespace leat::apiserver
