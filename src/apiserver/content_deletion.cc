#include "apiserver/content_deletion.h"

#include "api/meta.h"

namespace leat::apiserver {

Result<int64_t> DeleteAll(Verbs& verbs, const api::TypePtr& type, std::optional<std::string> ns) {
  int64_t left = 0;
  const store::ListOptions all{.type = type->StorageName(), .ns = std::move(ns)};
  for (const store::EntryPtr& entry : verbs.store().List(all).entries) {
    if (api::IsBeingDeleted(entry->value)) {
      ++left;
      continue;
    }
    Target target{type, &type->StorageVersion(), entry->key.ns, entry->key.name, ""};
    Call call;
    auto deleted = verbs.Delete(target, {.propagation = Propagation::kBackground}, call);
    if (!deleted && deleted.error().code != Code::kNotFound) return deleted.error();
    if (deleted && !deleted->gone) ++left;
  }
  return left;
}

}  // namespace leat::apiserver
