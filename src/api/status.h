// metav1.Status: how the API says that something failed, and back to an Error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "base/result.h"
#include "json/value.h"

namespace leat::api {

// The HTTP status and the metav1 reason for an error code ({404, "NotFound"}): the one switch.
struct StatusKind {
  int http_status;
  std::string_view reason;
};
StatusKind StatusKindOf(Code code);

// {"kind":"Status", "status":"Failure", message, reason, details, code}. `details` may be null.
// With causes among them kInvalid is 422 Invalid (a bad object), else 400 BadRequest (a bad
// request).
json::Value StatusObject(const Error& error, json::Value details = {});
// The 422 for field errors: `Pod "x" is invalid: spec.containers[0].image: Required value`, several
// ones in brackets, each one a cause.
json::Value InvalidStatus(std::string_view group, std::string_view kind, std::string_view name,
                          const std::vector<FieldError>& errors);
Error InvalidError(std::string_view group, std::string_view kind, std::string_view name,
                   const std::vector<FieldError>& errors);
// `pods "x" not found`, `pods "x" already exists`, in upstream's words.
Error NotFoundError(std::string_view storage_name, std::string_view name);
Error AlreadyExistsError(std::string_view storage_name, std::string_view name);
// `Operation cannot be fulfilled on pods "x": the object has been modified; please apply ...`
Error ConflictError(std::string_view storage_name, std::string_view name);
// The Error that an HTTP answer stands for: from a metav1.Status body, else from the code alone.
Error ErrorFromStatus(int http_status, std::string_view body);

}  // namespace leat::api
