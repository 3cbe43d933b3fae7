// The verbs of the Kubernetes API over the store: what a request means, whoever makes it. The HTTP
// face and the in-process client both end here.
//
// A write goes: decode (caller) -> Shape (unknown fields, defaults) -> the kind's rules ->
// ValidateObject -> storage version -> store. Updates, patches and deletes run as read-change-write
// and repeat while others interfere, so that only a caller who named a resourceVersion sees a
// conflict.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object_client.h"
#include "api/types.h"
#include "apiserver/call.h"
#include "apiserver/selection.h"
#include "apiserver/turnstile.h"
#include "base/clock.h"
#include "store/store.h"

namespace leat::apiserver {

struct ListRequest {
  Selection selection;
  size_t limit = 0;  // 0 = all
  std::string continue_token;
  std::string resource_version;  // "" or "0": as new as it gets; else at least as new as this
  bool exact = false;            // just as it was at resource_version
};

struct Page {
  std::vector<store::EntryPtr> entries;
  // Of the first page, on every page: all show the state of that revision.
  store::Revision revision = 0;
  std::string continue_token;        // "" on the last page
  std::optional<int64_t> remaining;  // known without selectors only
};

enum class Propagation { kDefault, kBackground, kForeground, kOrphan };

struct DeleteRequest {
  std::optional<int64_t> grace_period_seconds;
  Propagation propagation = Propagation::kDefault;
  std::string uid;  // preconditions, when set
  std::string resource_version;
};

struct Deleted {
  store::EntryPtr entry;
  bool gone = false;  // false: marked, something or someone still holds it
};

// Learns of writes after they are durable, on the writer's thread: must be quick and must not call
// the verbs.
class WriteObserver {
 public:
  virtual ~WriteObserver() = default;
  virtual void OnWritten(const store::Entry& entry) = 0;
  virtual void OnRemoved(const store::Entry& last) = 0;
};

// Thread-safe; calls block on the disk. Errors: kNotFound, kAlreadyExists, kConflict, kInvalid,
// kForbidden, kExpired (a list older than the history), kExhausted (the disk is full), and those
// that Call describes. Types in a Target stay valid while the call runs, also when their CRD goes.
class Verbs {
 public:
  Verbs(store::Store& store, api::TypeTable& types, Clock& clock)
      : store_(store), types_(types), clock_(clock) {}

  // Before the first write. Borrowed.
  void AddObserver(WriteObserver* observer) { observers_.push_back(observer); }

  // kNotFound ("the server could not find the requested resource") for a type, version or
  // subresource that is not served.
  Result<Target> Resolve(const api::Gvr& gvr, std::string_view ns, std::string_view name,
                         std::string_view subresource = {}) const;

  Result<store::EntryPtr> Get(const Target& target) const;
  // kTimeout for a revision of the future. After kExpired of a continued list, call.status has a
  // token that goes on with the list as it is now.
  Result<Page> List(const Target& target, const ListRequest& request, Call& call) const;
  // The object in the target's version; its name and namespace come from it or from the target.
  Result<store::EntryPtr> Create(const Target& target, json::Value object, Call& call);
  // Subresource "status" replaces only the status, "" all but the status.
  Result<store::EntryPtr> Update(const Target& target, json::Value object, Call& call);
  Result<store::EntryPtr> Patch(const Target& target, api::PatchType patch_type,
                                const json::Value& patch, Call& call);
  Result<Deleted> Delete(const Target& target, const DeleteRequest& request, Call& call);
  // Of pods/NAME: spec.nodeName from the Binding's target.
  Result<store::EntryPtr> Bind(const Target& pod, const json::Value& binding, Call& call);

  // For the server's own controllers, past validation. `change` gets the stored value and returns
  // the new one, or nullopt to leave it; an object that is being deleted and no longer held is
  // removed. kNotFound when it is gone.
  using ChangeFunction =
      std::function<Result<std::optional<json::Value>>(const store::Entry& current)>;
  Result<store::EntryPtr> Change(const api::Type& type, const store::Key& key,
                                 const ChangeFunction& change);
  // Removes what nothing holds any more, at this revision only.
  Status Remove(const store::Entry& entry);
  // Blocks until the creates that are under way have ended. Called after a namespace or a type was
  // marked for deletion, it makes sure that nothing comes in any more: what is deleted then is all.
  void AwaitCreates() { creates_.AwaitThoseInside(); }

  const api::TypeTable& types() const { return types_; }
  store::Store& store() const { return store_; }
  Clock& clock() const { return clock_; }

 private:
  // Of a write: the object as it will be checked, in `checked`'s version.
  struct Shaped {
    const api::TypeVersion* checked = nullptr;
    json::Value object;
  };
  // `stored` is what it replaces, if anything.
  Result<Shaped> Shape(const Target& target, json::Value object, const json::Value* stored,
                       Call& call) const;
  Status Renew(Target& target) const;
  Status CheckKind(const Target& target, json::Value& object, Call& call) const;
  Status CheckPlace(const Target& target, json::Value& object) const;
  Status CheckNamespace(const Target& target, Call& call) const;
  Status CheckTypeOpen(const Target& target, Call& call) const;
  Result<json::Value> NewObject(const Target& target, json::Value object, Call& call) const;
  Result<store::EntryPtr> Insert(const Target& target, json::Value object, Call& call);
  Result<json::Value> Replacement(const Target& target, const store::Entry& current,
                                  json::Value object, Call& call) const;
  Result<store::EntryPtr> Write(const Target& target, const Call& call,
                                const ChangeFunction& change);
  Result<json::Value> Patched(const Target& target, const store::Entry& current,
                              api::PatchType patch_type, const json::Value& patch,
                              Call& call) const;
  Status CheckPreconditions(const Target& target, const DeleteRequest& request,
                            const store::Entry& entry) const;
  json::Value MarkedForDeletion(const api::Type& type, const DeleteRequest& request,
                                const json::Value& current) const;
  Result<Page> ListOne(const Target& target, const ListRequest& request,
                       const std::string& name) const;
  void Written(const store::EntryPtr& entry) const;
  void Removed(const store::EntryPtr& last) const;

  store::Store& store_;
  api::TypeTable& types_;
  Clock& clock_;
  Turnstile creates_;
  std::vector<WriteObserver*> observers_;  // fixed before the first write
};

// The revision in a metadata.resourceVersion or ?resourceVersion=; kInvalid unless a number.
Result<store::Revision> ParseRevision(std::string_view text);
// Of an answer that must be no older than the revision in `text`: 0 when any will do ("" or "0").
// kInvalid; kTimeout for a revision beyond `current`.
Result<store::Revision> ParseOldest(std::string_view text, store::Revision current, Call& call);

}  // namespace leat::apiserver
