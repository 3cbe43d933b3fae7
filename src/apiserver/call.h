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

// The same object in the target's version: a copy of the entry's value, converted when it is stored
// in another one.
Result<json::Value> InVersion(const Target& target, const json::Value& stored);

}  // namespace leat::apiserver
