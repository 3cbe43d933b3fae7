// An object with ownerReferences lives as long as one of its owners. The collector looks at an
// object when it is written with owners and when an owner is removed:
//   no owner left        -> the object is deleted, in the background way
//   some gone, some left -> the references to the gone ones are taken off
// An owner counts as there when an object of that kind, name and uid exists; one of a kind that
// this server does not know counts as there, because it cannot be looked up, unless its end was
// seen.
//
// Two deletions ask for more, by a finalizer on the owner:
//   orphan              the references to it are taken off its dependents, then the finalizer
//   foregroundDeletion  its dependents are deleted; the finalizer goes when none that blocks the
//                       owner (blockOwnerDeletion) is left
//
// The index may say too much, never too little: it is complete before anything is deleted (Index),
// an object enters it before the collector looks at it, and leaves it when it or the owner is
// removed. A kind that ends (a deleted CRD) goes only after what its objects owned was collected;
// what names them later, or meanwhile, meets the memory of those that are gone.
#include "apiserver/garbage_collector.h"

#include <algorithm>

#include "api/meta.h"
#include "apiserver/kind_rules.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

api::TypePtr TypeOf(const api::TypeTable& types, const json::Value& reference) {
  const std::string_view api_version = reference["apiVersion"].AsString();
  const auto cut = Cut(api_version, "/");
  const std::string_view group = cut ? cut->first : "";  // "v1" is the core group's
  return types.FindKind(group, reference["kind"].AsString());
}

// Without the references that `gone` is true for; the member goes with the last one.
template <class Gone>
json::Value WithoutOwners(const json::Value& object, Gone gone) {
  json::Value next = object;
  json::Value& metadata = next.Mut("metadata");
  json::ArrayItems kept;
  for (const json::Value& reference : metadata["ownerReferences"].Items()) {
    if (!gone(reference)) kept.push_back(reference);
  }
  if (kept.empty()) {
    metadata.Erase("ownerReferences");
  } else {
    metadata.Set("ownerReferences", std::move(kept));
  }
  return next;
}

bool Blocks(const json::Value& dependent, std::string_view owner_uid) {
  for (const json::Value& reference : dependent["metadata"]["ownerReferences"].Items()) {
    if (reference["uid"].AsString() == owner_uid) return reference["blockOwnerDeletion"].AsBool();
  }
  return false;
}

bool Names(const json::Value& dependent, std::string_view owner_uid) {
  const auto& references = dependent["metadata"]["ownerReferences"].Items();
  return std::any_of(references.begin(), references.end(), [&](const json::Value& reference) {
    return reference["uid"].AsString() == owner_uid;
  });
}

bool IsHeldForDependents(const json::Value& object) {
  return api::HasFinalizer(object, kOrphanFinalizer) ||
         api::HasFinalizer(object, kForegroundFinalizer);
}

Status Ignore(const Status& done, Code code) {
  if (!done && done.error().code == code) return {};
  return done;
}

}  // namespace

GarbageCollector::GarbageCollector(Verbs& verbs)
    : verbs_(verbs), worker_("garbage collector", verbs.clock(), [this](const store::Key& key) {
        return Collect(key);
      }) {}

void GarbageCollector::Index() {
  for (const api::TypePtr& type : verbs_.types().All()) {
    for (const auto& entry : verbs_.store().List({.type = type->StorageName()}).entries) {
      Remember(*entry);
    }
  }
}

void GarbageCollector::Start() {
  for (const api::TypePtr& type : verbs_.types().All()) {
    for (const auto& entry : verbs_.store().List({.type = type->StorageName()}).entries) {
      const bool owned = !entry->value["metadata"]["ownerReferences"].empty();
      if (owned || IsHeldForDependents(entry->value)) worker_.Add(entry->key);
    }
  }
}

void GarbageCollector::Remember(const store::Entry& entry) {
  MutexLock lock(mu_);
  for (const json::Value& reference : entry.value["metadata"]["ownerReferences"].Items()) {
    dependents_[reference["uid"].Str()].insert(entry.key);
  }
}

void GarbageCollector::OnWritten(const store::Entry& entry) {
  const bool owned = !entry.value["metadata"]["ownerReferences"].empty();
  if (owned) Remember(entry);
  if (owned || IsHeldForDependents(entry.value)) worker_.Add(entry.key);
}

void GarbageCollector::OnRemoved(const store::Entry& last) {
  const json::Value& metadata = last.value["metadata"];
  const std::string uid = metadata["uid"].Str();
  const api::TypePtr own_type = verbs_.types().FindStorage(last.key.type);
  std::vector<store::Key> keys;
  {
    MutexLock lock(mu_);
    if (const auto found = dependents_.find(uid); found != dependents_.end()) {
      keys.assign(found->second.begin(), found->second.end());
      dependents_.erase(found);
    }
    // In the same step: who is not among the keys is looked at after this.
    if (own_type == nullptr || own_type->custom) RememberGone(uid);
    for (const json::Value& reference : metadata["ownerReferences"].Items()) {
      const auto found = dependents_.find(reference["uid"].AsString());
      if (found == dependents_.end()) continue;
      found->second.erase(last.key);
      if (found->second.empty()) dependents_.erase(found);
    }
  }
  // Its owners may be waiting for it in the foreground.
  for (const json::Value& reference : metadata["ownerReferences"].Items()) {
    const api::TypePtr type = TypeOf(verbs_.types(), reference);
    if (type == nullptr) continue;
    keys.push_back(
        {type->StorageName(), type->namespaced ? last.key.ns : "", reference["name"].Str()});
  }
  for (store::Key& key : keys) worker_.Add(std::move(key));
}

void GarbageCollector::RememberGone(const std::string& uid) {
  if (!gone_.insert(uid).second) return;
  gone_order_.push_back(uid);
  if (gone_order_.size() <= kMaxGone) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

bool GarbageCollector::OwnerExists(const json::Value& reference, const std::string& ns) {
  const api::TypePtr type = TypeOf(verbs_.types(), reference);
  if (type == nullptr) {
    MutexLock lock(mu_);
    return !gone_.contains(reference["uid"].AsString());
  }
  // A cluster-scoped object cannot say in which namespace its owner would be.
  if (type->namespaced && ns.empty()) return true;
  auto owner = verbs_.store().Get(
      {type->StorageName(), type->namespaced ? ns : "", reference["name"].Str()});
  return owner && (*owner)->value["metadata"]["uid"] == reference["uid"];
}

bool GarbageCollector::HasOtherOwner(const json::Value& object, const std::string& ns,
                                     const std::string& but) {
  const auto& references = object["metadata"]["ownerReferences"].Items();
  return std::any_of(references.begin(), references.end(), [&](const json::Value& reference) {
    if (reference["uid"].AsString() == but || !OwnerExists(reference, ns)) return false;
    const api::TypePtr type = TypeOf(verbs_.types(), reference);
    if (type == nullptr) return true;
    const auto owner = verbs_.store().Get(
        {type->StorageName(), type->namespaced ? ns : "", reference["name"].Str()});
    return !owner || !api::IsBeingDeleted((*owner)->value) ||
           !api::HasFinalizer((*owner)->value, kForegroundFinalizer);
  });
}

std::vector<store::Key> GarbageCollector::DependentsOf(const std::string& uid) {
  MutexLock lock(mu_);
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

Status GarbageCollector::Collect(const store::Key& key) {
  const api::TypePtr type = verbs_.types().FindStorage(key.type);
  auto entry = verbs_.store().Get(key);
  if (type == nullptr || !entry) return {};
  const json::Value& object = (*entry)->value;
  if (api::IsBeingDeleted(object)) {
    if (api::HasFinalizer(object, kOrphanFinalizer)) return OrphanDependents(*type, **entry);
    if (api::HasFinalizer(object, kForegroundFinalizer)) return DeleteDependents(*type, **entry);
    return {};
  }
  return CollectDependent(*type, **entry);
}

Status GarbageCollector::CollectDependentsOf(const api::Type& kind) {
  const auto is_of_kind = [&](const json::Value& reference) {
    const api::TypePtr type = TypeOf(verbs_.types(), reference);
    return type != nullptr && type->StorageName() == kind.StorageName();
  };
  for (const api::TypePtr& type : verbs_.types().All()) {
    for (const auto& entry : verbs_.store().List({.type = type->StorageName()}).entries) {
      const auto& references = entry->value["metadata"]["ownerReferences"].Items();
      if (std::none_of(references.begin(), references.end(), is_of_kind)) continue;
      if (auto done = Collect(entry->key); !done) return done;
    }
  }
  return {};
}

Status GarbageCollector::CollectDependent(const api::Type& type, const store::Entry& entry) {
  const auto& references = entry.value["metadata"]["ownerReferences"].Items();
  const auto gone = [&](const json::Value& reference) {
    return !OwnerExists(reference, entry.key.ns);
  };
  const auto missing = std::count_if(references.begin(), references.end(), gone);
  if (missing == 0) return {};
  if (static_cast<size_t>(missing) == references.size()) {
    return DeleteObject(entry, Propagation::kBackground);
  }
  bool all_gone = false;  // the last owner may have gone meanwhile
  auto changed = verbs_.Change(
      type, entry.key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
        const auto& left = now.value["metadata"]["ownerReferences"].Items();
        all_gone = !left.empty() && std::all_of(left.begin(), left.end(), gone);
        if (all_gone) return std::optional<json::Value>();
        return std::optional(WithoutOwners(now.value, gone));
      });
  if (all_gone) return DeleteObject(entry, Propagation::kBackground);
  return Ignore(changed ? Status() : Status(changed.error()), Code::kNotFound);
}

Status GarbageCollector::OrphanDependents(const api::Type& type, const store::Entry& owner) {
  const std::string uid = owner.value["metadata"]["uid"].Str();
  const auto is_owner = [&](const json::Value& reference) {
    return reference["uid"].AsString() == uid;
  };
  for (const store::Key& key : DependentsOf(uid)) {
    const api::TypePtr dependent = verbs_.types().FindStorage(key.type);
    if (dependent == nullptr) continue;
    auto changed = verbs_.Change(
        *dependent, key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
          return std::optional(WithoutOwners(now.value, is_owner));
        });
    if (!changed && changed.error().code != Code::kNotFound) return changed.error();
  }
  auto released = verbs_.Change(type, owner.key,
                                [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
                                  json::Value next = now.value;
                                  api::RemoveFinalizer(next, kOrphanFinalizer);
                                  return std::optional(std::move(next));
                                });
  return Ignore(released ? Status() : Status(released.error()), Code::kNotFound);
}

Status GarbageCollector::DeleteDependents(const api::Type& type, const store::Entry& owner) {
  const std::string uid = owner.value["metadata"]["uid"].Str();
  bool blocked = false;
  for (const store::Key& key : DependentsOf(uid)) {
    auto dependent = verbs_.store().Get(key);
    if (!dependent || !Names((*dependent)->value, uid)) continue;
    if (!api::IsBeingDeleted((*dependent)->value)) {
      bool stays = HasOtherOwner((*dependent)->value, key.ns, uid);
      if (stays) {
        const api::TypePtr of = verbs_.types().FindStorage(key.type);
        if (of == nullptr) continue;
        auto changed = verbs_.Change(
            *of, key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
              stays = HasOtherOwner(now.value, key.ns, uid);
              if (!stays) return std::optional<json::Value>();
              return std::optional(WithoutOwners(now.value, [&](const json::Value& reference) {
                return reference["uid"].AsString() == uid;
              }));
            });
        if (!changed && changed.error().code != Code::kNotFound) return changed.error();
      }
      if (stays) continue;
      auto deleted = DeleteObject(**dependent, Propagation::kForeground);
      if (!deleted) return deleted;
      dependent = verbs_.store().Get(key);
    }
    blocked = blocked || (dependent && Blocks((*dependent)->value, uid));
  }
  if (blocked) return {};  // the removal of the last one brings the owner back here
  auto released = verbs_.Change(type, owner.key,
                                [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
                                  json::Value next = now.value;
                                  api::RemoveFinalizer(next, kForegroundFinalizer);
                                  return std::optional(std::move(next));
                                });
  return Ignore(released ? Status() : Status(released.error()), Code::kNotFound);
}

Status GarbageCollector::DeleteObject(const store::Entry& entry, Propagation propagation) {
  const api::TypePtr type = verbs_.types().FindStorage(entry.key.type);
  if (type == nullptr) return {};
  Target target{type, &type->StorageVersion(), entry.key.ns, entry.key.name, ""};
  Call call;
  const json::Value& metadata = entry.value["metadata"];
  auto deleted = verbs_.Delete(target,
                               {.propagation = propagation,
                                .uid = metadata["uid"].Str(),
                                .resource_version = metadata["resourceVersion"].Str()},
                               call);
  if (deleted || deleted.error().code == Code::kNotFound) return {};
  // It has changed, or another object has its name: what was found out of it may not be so any
  // more. Its writing brought it back here, and its owners wait for it.
  if (deleted.error().code == Code::kConflict) return {};
  // A standard namespace: it stays, and must not hold up the rest.
  if (deleted.error().code == Code::kForbidden) return {};
  return deleted.error();
}

}  // namespace leat::apiserver
