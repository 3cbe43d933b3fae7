// The options of a request: query parameters and the bodies that carry options.
#pragma once

#include <optional>
#include <string>

#include "api/pod_logs.h"
#include "apiserver/verbs.h"
#include "apiserver/watches.h"
#include "net/server.h"

namespace leat::apiserver {

// Each is kInvalid with the parameter's name for a value that makes no sense.

// dryRun and fieldValidation, into the call.
Status ReadWriteOptions(const net::Query& query, Call& call);
Result<ListRequest> ReadListRequest(const net::Query& query, const api::Type& type);
Result<WatchRequest> ReadWatchRequest(const net::Query& query, const Rendering& rendering);
// metav1.DeleteOptions from the body (may be null), then from the query; dryRun into the call.
Result<DeleteRequest> ReadDeleteRequest(const net::Query& query, const json::Value& body,
                                        Call& call);
Result<api::PodLogOptions> ReadLogOptions(const net::Query& query, WallTime now);
Result<api::IncludeObject> ReadIncludeObject(const net::Query& query);

// The body, decoded; null when there is none. kTooLarge beyond kMaxBodyBytes.
Result<json::Value> ReadBody(net::ServerRequest& request, Call& call);

}  // namespace leat::apiserver
