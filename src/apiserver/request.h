// What a request is about, read from its method, path and query alone: for routing, authorization
// and error texts.
#pragma once

#include <string>
#include <string_view>

#include "api/object_client.h"
#include "net/http.h"

namespace leat::apiserver {

enum class Verb { kGet, kList, kWatch, kCreate, kUpdate, kPatch, kDelete, kDeleteCollection };

// "get", "deletecollection", ...: as authorization rules and refusals name it.
std::string_view VerbName(Verb verb);

// /api/v1/namespaces/NS/pods/NAME/log and the like; anything else (discovery, /healthz) is no
// resource and only has its path.
struct RequestInfo {
  Verb verb = Verb::kGet;
  std::string path;  // decoded, without a trailing slash; "/" for the root
  bool is_resource = false;
  api::Gvr gvr;
  std::string ns;
  std::string name;
  std::string subresource;
};

// Never fails: what does not look like a resource is a path that nobody serves. A method outside
// the verbs gives kInvalid (405 for the client). `path` is still percent-encoded.
Result<RequestInfo> ParseRequest(std::string_view method, std::string_view path,
                                 const net::Query& query);

}  // namespace leat::apiserver
