#include "store/object_index.h"

namespace leat::store {

std::string Describe(const Key& key) {
  return key.type + " " + (key.ns.empty() ? "" : key.ns + "/") + key.name;
}

ObjectIndex::ObjectIndex(const std::vector<EntryPtr>& entries, Revision revision)
    : entries_(entries.begin(), entries.end()), revision_(revision) {}

Revision ObjectIndex::revision() const {
  MutexLock lock(mu_);
  return revision_;
}

EntryPtr ObjectIndex::Find(const Key& key) const {
  MutexLock lock(mu_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : *found;
}

Listing ObjectIndex::List(const ListOptions& options) const {
  MutexLock lock(mu_);
  Listing listing{.revision = revision_};
  auto at = entries_.lower_bound(Key{options.type, options.ns.value_or(""), ""});
  if (const Key& after = options.after; !after.type.empty()) {
    // A token of another scope must not widen this one: whichever starts later counts.
    const auto resume = entries_.upper_bound(after);
    if (resume == entries_.end() || (at != entries_.end() && (*at)->key < (*resume)->key))
      at = resume;
  }
  for (; at != entries_.end(); ++at) {
    const Key& key = (*at)->key;
    if (key.type != options.type || (options.ns && key.ns != *options.ns)) break;
    if (options.limit == 0 || listing.entries.size() < options.limit)
      listing.entries.push_back(*at);
    else
      ++listing.remaining;
  }
  listing.more = listing.remaining > 0;
  return listing;
}

void ObjectIndex::Apply(const std::vector<Change>& changes) {
  std::vector<EntryPtr> replaced;  // their trees are freed after the lock is released
  replaced.reserve(changes.size());
  MutexLock lock(mu_);
  for (const Change& change : changes) {
    const auto found = entries_.find(change.entry->key);
    if (found != entries_.end()) {
      replaced.push_back(*found);
      const auto next = entries_.erase(found);
      if (change.type != ChangeType::kDeleted) entries_.insert(next, change.entry);
    } else if (change.type != ChangeType::kDeleted) {
      entries_.insert(change.entry);
    }
    revision_ = change.entry->revision;
  }
}

}  // namespace leat::store
