#include "apiserver/verbs.h"

#include <algorithm>
#include <set>

#include "api/field_errors.h"
#include "api/status.h"
#include "api/validation.h"
#include "apiserver/kind_rules.h"
#include "apiserver/warnings.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

constexpr int kMaxAttempts = 100;  // of a read-change-write under contention

// Members of metadata that are never stored from a request.
void DropIgnoredMetadata(json::Value& object) {
  json::Value* metadata = object.Find("metadata");
  if (metadata == nullptr || !metadata->IsObject()) return;
  metadata->Erase("managedFields");
  metadata->Erase("selfLink");
}

std::string UnknownFieldsText(const std::vector<std::string>& duplicates,
                              const std::vector<std::string>& unknown) {
  std::vector<std::string> problems;
  for (const std::string& path : duplicates) problems.push_back("duplicate field \"" + path + "\"");
  for (const std::string& path : unknown) problems.push_back("unknown field \"" + path + "\"");
  return Join(problems, ", ");
}

bool MayBeRemoved(const api::Type& type, const json::Value& object) {
  const json::Value& metadata = object["metadata"];
  return metadata.Has("deletionTimestamp") &&
         metadata["deletionGracePeriodSeconds"].AsInt(0) == 0 && !HeldByFinalizers(type, object);
}

}  // namespace

Result<store::Revision> ParseRevision(std::string_view text) {
  auto number = ParseInt(text);
  if (!number || *number < 0) {
    return Error{Code::kInvalid, "resourceVersion: Invalid value: \"" + std::string(text) +
                                     "\": it is a number that this server gave"};
  }
  return *number;
}

Result<store::Revision> ParseOldest(std::string_view text, store::Revision current, Call& call) {
  if (text.empty() || text == "0") return 0;
  auto revision = ParseRevision(text);
  if (revision && *revision > current) return RefuseFuture(call, text, current);
  return revision;
}

Result<Target> Verbs::Resolve(const api::Gvr& gvr, std::string_view ns, std::string_view name,
                              std::string_view subresource) const {
  const Error missing{Code::kNotFound, "the server could not find the requested resource"};
  Target target;
  target.type = types_.Find(gvr.group, gvr.version, gvr.resource);
  if (target.type == nullptr) return missing;
  target.version = target.type->FindVersion(gvr.version);
  if (target.version == nullptr) return missing;
  if (!target.type->namespaced && !ns.empty()) return missing;
  if (subresource == "status" && !target.version->status_subresource) return missing;
  target.ns = ns;
  target.name = name;
  target.subresource = subresource;
  return target;
}

// What the object says of its kind. One of a built-in kind may leave it out, as the path says it.
Status Verbs::CheckKind(const Target& target, json::Value& object, Call& call) const {
  if (!object.IsObject()) return Error{Code::kInvalid, "the body must be one JSON object"};
  const api::Type& type = *target.type;
  const std::string expected = target.ApiVersion();
  if (!type.custom && object["apiVersion"].AsString().empty()) object.Set("apiVersion", expected);
  if (!type.custom && object["kind"].AsString().empty()) object.Set("kind", type.kind);
  const std::string kind = object["kind"].Str();
  const std::string version = object["apiVersion"].Str();
  if (kind.empty()) {
    return Error{Code::kInvalid, "Object 'Kind' is missing in the body: it is " + type.kind};
  }
  if (version != expected) {
    return Error{Code::kInvalid, "the API version in the data (" + version +
                                     ") does not match the expected API version (" + expected +
                                     ")"};
  }
  if (kind == type.kind) return {};
  if (type.custom) {
    return RefuseInvalid(call, type, object["metadata"]["name"].AsString(),
                         {api::InvalidValue("kind", kind, "must be " + type.kind)});
  }
  return Error{Code::kInvalid, kind + " in version \"" + version + "\" cannot be handled as a " +
                                   type.kind + ": the path is one of " + type.plural};
}

// Where the object says it is. A namespace that it leaves out comes from the path, and a name too
// where there is one in the target.
Status Verbs::CheckPlace(const Target& target, json::Value& object) const {
  json::Value& metadata = object.Mut("metadata");
  if (metadata.IsNull()) metadata = json::Object();
  if (!metadata.IsObject()) return Error{Code::kInvalid, "metadata must be an object"};
  for (const char* key : {"name", "namespace", "resourceVersion", "uid"}) {
    const json::Value* member = metadata.Find(key);
    if (member != nullptr && !member->IsString() && !member->IsNull()) {
      return Error{Code::kInvalid, std::string("metadata.") + key + " must be a string"};
    }
  }
  const std::string name = metadata["name"].Str();
  if (name.empty() && !target.name.empty()) metadata.Set("name", target.name);
  if (!name.empty() && !target.name.empty() && name != target.name) {
    return Error{Code::kInvalid, "the name of the object (" + name +
                                     ") does not match the name on the URL (" + target.name + ")"};
  }
  const std::string ns = metadata["namespace"].Str();
  if (!target.type->namespaced) {
    metadata.Erase("namespace");
  } else if (ns.empty()) {
    if (!target.ns.empty()) metadata.Set("namespace", target.ns);
  } else if (!target.ns.empty() && ns != target.ns) {
    return Error{Code::kInvalid, "the namespace of the object (" + ns +
                                     ") does not match the namespace on the request (" + target.ns +
                                     ")"};
  }
  return {};
}

Result<Verbs::Shaped> Verbs::Shape(const Target& target, json::Value object,
                                   const json::Value* stored, Call& call) const {
  DropIgnoredMetadata(object);
  DropDuplicateOwners(object, call.warnings);
  const api::Type& type = *target.type;
  std::vector<std::string> unknown = api::Prune(*target.version->schema, object);
  // The client did not bring what the object had before its schema lost it.
  if (!unknown.empty() && stored != nullptr) {
    json::Value before = *stored;
    std::vector<std::string> pruned = api::Prune(*target.version->schema, before);
    const std::set<std::string> known(pruned.begin(), pruned.end());
    std::erase_if(unknown, [&](const std::string& path) { return known.contains(path); });
  }
  if (call.field_validation != FieldValidation::kIgnore &&
      (!unknown.empty() || !call.duplicates.empty())) {
    if (call.field_validation == FieldValidation::kStrict) {
      const Error error{Code::kInvalid, type.kind + " in version \"" + target.version->name +
                                            "\" cannot be handled as a " + type.kind +
                                            ": strict decoding error: " +
                                            UnknownFieldsText(call.duplicates, unknown)};
      return call.patched ? Refuse(call, 422, "Invalid", error)
                          : Refuse(call, 400, "BadRequest", error);
    }
    for (const auto& path : call.duplicates)
      Warn(call.warnings, "duplicate field \"" + path + "\"");
    for (const auto& path : unknown) Warn(call.warnings, "unknown field \"" + path + "\"");
  }
  api::ApplyDefaults(*target.version->schema, object);
  // A custom object is checked by the schema of the version it came in; the built-in kinds have
  // their rules written for the stored one.
  Shaped shaped;
  shaped.checked = type.custom ? target.version : &type.StorageVersion();
  if (shaped.checked != target.version) {
    auto converted = ToVersion(type, std::move(object), shaped.checked->name);
    if (!converted) return converted.error();
    object = std::move(*converted);
    api::ApplyDefaults(*shaped.checked->schema, object);
  }
  api::DefaultObject(type, *shaped.checked, object);
  shaped.object = std::move(object);
  return shaped;
}

Result<store::EntryPtr> Verbs::Change(const api::Type& type, const store::Key& key,
                                      const ChangeFunction& change) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    auto current = store_.Get(key);
    if (!current) return api::NotFoundError(key.type, key.name);
    auto next = change(**current);
    if (!next) return next.error();
    if (!*next) return *current;
    const bool remove = MayBeRemoved(type, **next);
    // Writing what is already there would wake every watcher for nothing.
    if (!remove && **next == (*current)->value) return *current;
    auto written = remove ? store_.Delete(key, (*current)->revision)
                          : store_.Put(key, (*current)->revision, std::move(**next));
    if (written) {
      remove ? Removed(*written) : Written(*written);
      return *written;
    }
    if (written.error().code == Code::kNotFound) return api::NotFoundError(key.type, key.name);
    if (written.error().code != Code::kConflict) return written.error();
  }
  return api::ConflictError(key.type, key.name);
}

Result<store::EntryPtr> Verbs::Write(const Target& target, const Call& call,
                                     const ChangeFunction& change) {
  if (!call.dry_run) return Change(*target.type, target.Key(), change);
  auto current = store_.Get(target.Key());
  if (!current) return api::NotFoundError(target.StorageName(), target.name);
  auto next = change(**current);
  if (!next) return next.error();
  if (!*next) return *current;
  auto entry = std::make_shared<store::Entry>();
  entry->key = target.Key();
  entry->revision = (*current)->revision;
  entry->value = std::move(**next);
  return store::EntryPtr(std::move(entry));
}

Status Verbs::Remove(const store::Entry& entry) {
  auto removed = store_.Delete(entry.key, entry.revision);
  if (!removed) return removed.error();
  Removed(*removed);
  return {};
}

void Verbs::Written(const store::EntryPtr& entry) const {
  for (WriteObserver* observer : observers_) observer->OnWritten(*entry);
}

void Verbs::Removed(const store::EntryPtr& last) const {
  for (WriteObserver* observer : observers_) observer->OnRemoved(*last);
}

}  // namespace leat::apiserver
