// What a change of the store means to one watch.
#pragma once

#include <optional>

#include "api/object_client.h"
#include "apiserver/selection.h"
#include "store/store.h"

namespace leat::apiserver {

struct WatchedChange {
  api::WatchEventType type;
  store::EntryPtr entry;
};

// A watch with selectors sees a world of matching objects only: one that begins to match is ADDED,
// one that ends to match is DELETED (as it last matched, at the revision of the change), and what
// happens to others does not exist (nullopt).
std::optional<WatchedChange> Seen(const Selection& selection, const store::Change& change);

// "ADDED", "MODIFIED", "DELETED", "BOOKMARK"
std::string_view EventName(api::WatchEventType type);

}  // namespace leat::apiserver
