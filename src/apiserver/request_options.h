// The options of a request: query parameters and the bodies that carry options.
#pragma once

#include <optional>
#include <string>

#include "api/pod_logs.h"
#include "apiserver/request.h"
#include "apiserver/verbs.h"
#include "apiserver/watches.h"
#include "net/server.h"

namespace leat::apiserver {

// Each is kInvalid, in Kubernetes' words and with its code: 400 for a value that cannot be read,
// 422 for one that can be read and is not allowed. Parameters that Kubernetes does not know are
// ignored.

// dryRun, fieldValidation and fieldManager of a create, update or patch, into the call.
Status ReadWriteOptions(const net::Query& query, Verb verb, Call& call);
Result<ListRequest> ReadListRequest(const net::Query& query, const api::Type& type, Call& call);
Result<WatchRequest> ReadWatchRequest(const net::Query& query, const Rendering& rendering,
                                      Call& call);
// metav1.DeleteOptions from the body (may be null), then from the query; dryRun into the call.
Result<DeleteRequest> ReadDeleteRequest(const net::Query& query, const json::Value& body,
                                        Call& call);
Result<api::PodLogOptions> ReadLogOptions(const net::Query& query, std::string_view pod,
                                          WallTime now, Call& call);
Result<api::IncludeObject> ReadIncludeObject(const net::Query& query);

// What is wrong with the values of dryRun, if anything.
std::vector<api::FieldError> CheckDryRun(const std::vector<std::string>& values);
// All values of a parameter that may be given several times.
std::vector<std::string> AllOf(const net::Query& query, std::string_view name);

// The body, decoded; null when there is none. kTooLarge beyond kMaxBodyBytes.
Result<json::Value> ReadBody(net::ServerRequest& request, Call& call);

}  // namespace leat::apiserver
