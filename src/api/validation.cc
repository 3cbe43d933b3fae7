#include "api/validation.h"

#include "api/rules.h"

namespace leat::api {

std::vector<FieldError> ValidateObject(const Type& type, const TypeVersion& version,
                                       const json::Value& object, const json::Value* old) {
  FieldErrors errors;
  CheckMetadata(type, object, old, errors);
  for (FieldError& error : ValidateSchema(*version.schema, object))
    errors.push_back(std::move(error));
  if (type.custom) return errors;
  if (type.group.empty() && type.kind == "Pod") {
    json::Value old_pod;
    if (old && object["spec"] != (*old)["spec"]) {
      // A pod stored before a default existed must not look changed by that default.
      old_pod = *old;
      ApplyDefaults(*version.schema, old_pod);
      DefaultObject(type, version, old_pod);
      old = &old_pod;
    }
    CheckPod(object, old, errors);
  } else if (type.group == "apiextensions.k8s.io" && type.kind == "CustomResourceDefinition") {
    CheckDefinition(object, old, errors);
  } else {
    CheckSmallKind(type, object, old, errors);
  }
  return errors;
}

}  // namespace leat::api
