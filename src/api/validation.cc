#include "api/validation.h"

namespace leat::api {

std::vector<FieldError> ValidateObject(const Type&, const TypeVersion& version,
                                       const json::Value& object, const json::Value*) {
  return ValidateSchema(*version.schema, object);
}

void DefaultObject(const Type&, const TypeVersion&, json::Value&) {}

}  // namespace leat::api
