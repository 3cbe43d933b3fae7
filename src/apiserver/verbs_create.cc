#include "api/status.h"
#include "api/validation.h"
#include "apiserver/kind_rules.h"
#include "apiserver/object_limits.h"
#include "apiserver/verbs.h"
#include "apiserver/warnings.h"
#include "base/ids.h"

namespace leat::apiserver {
namespace {

constexpr size_t kMaxGeneratedBase = 58;  // 63 less the suffix
constexpr int kNameAttempts = 8;

// The type went while the request was on its way.
Error NotServed() { return {Code::kNotFound, "the server could not find the requested resource"}; }

std::string GeneratedName(std::string_view base) {
  return std::string(base.substr(0, kMaxGeneratedBase)) + NameSuffix();
}

}  // namespace

// While the body came in, another type may have taken the place of the one that the request found.
Status Verbs::Renew(Target& target) const {
  const std::string version = target.version->name;
  const bool was_namespaced = target.type->namespaced;
  target.type = types_.Find(target.type->group, version, target.type->plural);
  if (target.type == nullptr || target.type->namespaced != was_namespaced) return NotServed();
  target.version = target.type->FindVersion(version);
  return {};
}

// New content needs its namespace, and one that is not on its way out: else the content would
// outlive it.
Status Verbs::CheckNamespace(const Target& target, Call& call) const {
  if (!target.type->namespaced) return {};
  if (target.ns.empty()) {
    return Error{Code::kInvalid, "an empty namespace may not be set during creation"};
  }
  auto ns = store_.Get({"namespaces", "", target.ns});
  if (!ns) return api::NotFoundError("namespaces", target.ns);
  if (!(*ns)->value["metadata"].Has("deletionTimestamp")) return {};
  const std::string being = "namespace " + target.ns + " is being terminated";
  json::Value details =
      json::Object({{"name", target.name},
                    {"kind", target.type->plural},
                    {"causes", json::Array({json::Object({{"reason", "NamespaceTerminating"},
                                                          {"message", being},
                                                          {"field", "metadata.namespace"}})})}});
  return Refuse(
      call, 403, "Forbidden",
      {Code::kForbidden, target.StorageName() + " \"" + target.name +
                             "\" is forbidden: unable to create new content in namespace " +
                             target.ns + " because it is being terminated"},
      std::move(details));
}

Status Verbs::CheckTypeOpen(const Target& target, Call& call) const {
  if (!target.type->custom) return {};
  auto crd = store_.Get({std::string(kCrdStorageName), "", target.StorageName()});
  if (!crd) return NotServed();
  if (!(*crd)->value["metadata"].Has("deletionTimestamp")) return {};
  return Refuse(call, 405, "MethodNotAllowed",
                {Code::kForbidden,
                 "create not allowed while custom resource definition is "
                 "terminating"});
}

Result<json::Value> Verbs::NewObject(const Target& target, json::Value object, Call& call) const {
  json::Value& metadata = object.Mut("metadata");
  if (!metadata["resourceVersion"].AsString().empty()) {
    return Error{Code::kInvalid, "resourceVersion should not be set on objects to be created"};
  }
  for (const char* owned : {"resourceVersion", "uid", "creationTimestamp", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generation"}) {
    metadata.Erase(owned);
  }
  auto shaped = Shape(target, std::move(object), nullptr, call);
  if (!shaped) return shaped.error();
  json::Value& fresh = shaped->object;
  const WallTime now = clock_.Now();
  fresh.Mut("metadata").Set("uid", NewUuid()).Set("creationTimestamp", FormatTime(now));
  PrepareCreate(types_, *target.type, *shaped->checked, now, fresh);
  const auto errors = api::ValidateObject(*target.type, *shaped->checked, fresh, nullptr);
  if (!errors.empty()) {
    return RefuseObject(call, *target.type, target.version->name,
                        fresh["metadata"]["name"].AsString(), errors);
  }
  if (IsCrd(*target.type)) {
    for (std::string& text : api::RulesNotKept(fresh)) Warn(call.warnings, std::move(text));
  }
  if (auto ok = CheckLimits(fresh, 0); !ok) return ok.error();
  AddWarnings(*target.type, fresh, nullptr, call.warnings);
  return ToVersion(*target.type, std::move(fresh), target.type->StorageVersion().name);
}

Result<store::EntryPtr> Verbs::Insert(const Target& target, json::Value object, Call& call) {
  const std::string& name = target.name;
  if (store_.Get(target.Key())) return api::AlreadyExistsError(target.StorageName(), name);
  auto value = NewObject(target, std::move(object), call);
  if (!value) return value.error();
  if (call.dry_run) {
    auto entry = std::make_shared<store::Entry>();
    entry->key = target.Key();
    entry->value = std::move(*value);
    return store::EntryPtr(std::move(entry));
  }
  auto written = store_.Put(target.Key(), 0, std::move(*value));
  if (!written) {
    if (written.error().code == Code::kAlreadyExists) {
      return api::AlreadyExistsError(target.StorageName(), name);
    }
    return written.error();
  }
  Written(*written);
  return *written;
}

Result<store::EntryPtr> Verbs::Create(const Target& request, json::Value object, Call& call) {
  // From the look at the namespace and the type to the end of the write: see AwaitCreates.
  const Turnstile::Pass pass(creates_);
  Target target = request;
  if (auto ok = Renew(target); !ok) return ok.error();
  if (auto ok = CheckKind(target, object, call); !ok) return ok.error();
  if (auto ok = CheckPlace(target, object); !ok) return ok.error();
  const json::Value& metadata = object["metadata"];
  target.ns = target.type->namespaced ? metadata["namespace"].Str() : "";
  target.name = metadata["name"].Str();
  const std::string base = metadata["generateName"].Str();
  if (auto ok = CheckNamespace(target, call); !ok) return ok.error();
  if (auto ok = CheckTypeOpen(target, call); !ok) return ok.error();
  if (!target.name.empty()) return Insert(target, std::move(object), call);
  if (base.empty()) {
    return RefuseInvalid(call, *target.type, "",
                         {{"FieldValueRequired", "metadata.name",
                           "Required value: name or generateName is required"}});
  }
  for (int attempt = 1;; ++attempt) {
    target.name = GeneratedName(base);
    json::Value named = object;
    named.Mut("metadata").Set("name", target.name);
    auto made = Insert(target, std::move(named), call);
    const bool taken = !made && made.error().code == Code::kAlreadyExists;
    if (!taken || attempt == kNameAttempts) return made;
  }
}

}  // namespace leat::apiserver
