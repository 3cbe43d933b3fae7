// What travels with one request through the verbs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "api/types.h"
#include "base/result.h"
#include "json/value.h"
#include "store/store.h"

namespace leat::apiserver {

// What to do about members that the type does not know, and members given twice.
enum class FieldValidation { kIgnore, kWarn, kStrict };

// How a request wants to be treated, and what it learns beside its answer. Used by one thread.
struct Call {
  bool dry_run = false;  // everything but the write
  FieldValidation field_validation = FieldValidation::kIgnore;
  std::vector<std::string> duplicates;  // members that came twice in the body
  // The object to check is what a patch made, not the body: what cannot be an object then is not a
  // malformed request (400) but a patch of the wrong outcome (422).
  bool patched = false;

  bool created = false;               // out: by an update of what was not there
  std::vector<std::string> warnings;  // out: for `Warning: 299` headers
  // Out, after a failure: the metav1.Status that says more than the Error (causes, an HTTP code of
  // its own). Null: the Error says it all.
  json::Value status;
};

// Notes the Status that goes with the error, with this HTTP code and reason, and returns the error.
Error Refuse(Call& call, int http_status, std::string_view reason, Error error,
             json::Value details = {});
// 405.
Error MethodNotAllowed(Call& call);
// 422 with a cause for each field error.
Error RefuseInvalid(Call& call, const api::Type& type, std::string_view name,
                    const std::vector<api::FieldError>& errors);
Error RefuseInvalid(Call& call, std::string_view group, std::string_view kind,
                    std::string_view name, const std::vector<api::FieldError>& errors);

// For an object that does not satisfy its type: the 422, or a 400 when it cannot even be read as
// one (a number for a label's value).
Error RefuseObject(Call& call, const api::Type& type, std::string_view version,
                   std::string_view name, const std::vector<api::FieldError>& errors);
// 422 for the options of a request, by the name of their kind ("ListOptions").
Error RefuseOptions(Call& call, std::string_view kind, const std::vector<api::FieldError>& errors);
// 504 with the cause and the Retry-After by which clients know it: a revision that this server has
// not given yet. It is answered at once: here is no lag to wait for, and whoever has such a
// revision has it from another life of the database.
Error RefuseFuture(Call& call, std::string_view revision, store::Revision current);

// The object, or (without a name) the collection, that a request is about, in one served version.
struct Target {
  api::TypePtr type;
  const api::TypeVersion* version = nullptr;  // within *type
  std::string ns;                             // "": cluster-scoped, or all namespaces
  std::string name;
  std::string subresource;  // "" or "status" for the verbs

  std::string StorageName() const { return type->StorageName(); }
  store::Key Key() const { return {type->StorageName(), ns, name}; }
  std::string ApiVersion() const { return type->ApiVersion(version->name); }
};

// The object in another version of its type. Of a custom kind, members go that this version's
// schema does not know.
Result<json::Value> ToVersion(const api::Type& type, json::Value object, std::string_view version);
// The same object in the target's version: a copy of the entry's value with the defaults of the
// version that it is stored in, converted when that is another one.
Result<json::Value> InVersion(const Target& target, const json::Value& stored);

}  // namespace leat::apiserver
