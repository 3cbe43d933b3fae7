#include "apiserver/call.h"

#include "api/status.h"

namespace leat::apiserver {

Error Refuse(Call& call, int http_status, std::string_view reason, Error error,
             json::Value details) {
  call.status = api::StatusObject(error, std::move(details));
  call.status.Set("code", http_status).Set("reason", reason);
  return error;
}

Error MethodNotAllowed(Call& call) {
  return Refuse(
      call, 405, "MethodNotAllowed",
      {Code::kUnimplemented, "the server does not allow this method on the requested resource"});
}

Error RefuseInvalid(Call& call, const api::Type& type, std::string_view name,
                    const std::vector<api::FieldError>& errors) {
  call.status = api::InvalidStatus(type.group, type.kind, name, errors);
  return api::InvalidError(type.group, type.kind, name, errors);
}

Result<json::Value> InVersion(const Target& target, const json::Value& stored) {
  if (stored["apiVersion"].AsString() == target.ApiVersion()) return stored;
  return api::Convert(*target.type, stored, target.version->name);
}

}  // namespace leat::apiserver
