#include "api/validation.h"

#include <iterator>
#include <set>

#include "api/rules.h"

namespace leat::api {

namespace {

// What the kind's own rules find, and those of all metadata. `old` as in ValidateObject.
void CheckRules(const Type& type, const json::Value& object, const json::Value* old,
                FieldErrors& metadata_errors, FieldErrors& errors) {
  CheckMetadata(type, object, old, metadata_errors);
  if (type.custom) return;
  if (type.group.empty() && type.kind == "Pod")
    CheckPod(object, old, errors);
  else if (type.group == "apiextensions.k8s.io" && type.kind == "CustomResourceDefinition")
    CheckDefinition(object, old, errors);
  else
    CheckSmallKind(type, object, old, errors);
}

// An error as it is wherever in its list the item stands.
std::string WithoutIndices(const FieldError& error) {
  std::string text = error.reason;
  bool index = false;
  for (const char c : error.field) {
    if (c == '[') index = true;
    if (!index) text += c;
    if (c == ']') index = false;
  }
  return text + ' ' + error.message;
}

// Takes out as many of each error as the old object had: rules that became stricter lock nobody out
// of what they did not refuse before.
void Forgive(const FieldErrors& old_errors, FieldErrors& errors) {
  std::multiset<std::string> known;
  for (const FieldError& error : old_errors) known.insert(WithoutIndices(error));
  std::erase_if(errors, [&](const FieldError& error) {
    const auto at = known.find(WithoutIndices(error));
    if (at == known.end()) return false;
    known.erase(at);
    return true;
  });
}

}  // namespace

std::vector<FieldError> ValidateObject(const Type& type, const TypeVersion& version,
                                       const json::Value& object, const json::Value* old) {
  json::Value defaulted;
  if (old && type.group.empty() && type.kind == "Pod" && object["spec"] != (*old)["spec"]) {
    // A pod stored before a default existed must not look changed by that default.
    defaulted = *old;
    ApplyDefaults(*version.schema, defaulted);
    DefaultObject(type, version, defaulted);
    old = &defaulted;
  }
  FieldErrors errors, kind_errors;
  CheckRules(type, object, old, errors, kind_errors);
  if (old && !(errors.empty() && kind_errors.empty())) {
    FieldErrors old_errors, old_kind_errors;
    CheckRules(type, *old, old, old_errors, old_kind_errors);
    Forgive(old_errors, errors);
    Forgive(old_kind_errors, kind_errors);
  }
  FieldErrors schema_errors = old ? ValidateSchemaUpdate(*version.schema, object, *old)
                                  : ValidateSchema(*version.schema, object);
  for (FieldErrors* more : {&schema_errors, &kind_errors})
    errors.insert(errors.end(), std::make_move_iterator(more->begin()),
                  std::make_move_iterator(more->end()));
  return errors;
}

}  // namespace leat::api
