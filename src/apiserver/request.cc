#include "apiserver/request.h"

#include "apiserver/query_values.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

// Each segment is decoded on its own, so that an encoded '/' cannot move the borders. Empty ones
// (a doubled or trailing slash) are dropped.
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  for (std::string_view part : Split(path, '/')) {
    if (!part.empty()) segments.push_back(PercentDecode(part));
  }
  return segments;
}

Result<Verb> VerbOf(std::string_view method, bool named, const net::Query& query) {
  if (method == "GET" || method == "HEAD") {
    if (named) return Verb::kGet;
    return IsOn(query, "watch") ? Verb::kWatch : Verb::kList;
  }
  if (method == "POST") return Verb::kCreate;
  if (method == "PUT") return Verb::kUpdate;
  if (method == "PATCH") return Verb::kPatch;
  if (method == "DELETE") return named ? Verb::kDelete : Verb::kDeleteCollection;
  return Error{Code::kInvalid, "the server does not know the method"};
}

// `rest` starts behind the version: [namespaces NS] RESOURCE [NAME [SUBRESOURCE]].
bool ReadResource(const std::vector<std::string>& segments, size_t rest, RequestInfo& info) {
  size_t left = segments.size() - rest;
  // namespaces/NS/status is a subresource of the namespace; namespaces/NS/pods is inside of it.
  const bool inside = left >= 3 && segments[rest] == "namespaces" && info.gvr.group.empty() &&
                      segments[rest + 2] != "status" && segments[rest + 2] != "finalize";
  const bool inside_group = left >= 3 && segments[rest] == "namespaces" && !info.gvr.group.empty();
  if (inside || inside_group) {
    info.ns = segments[rest + 1];
    rest += 2;
    left -= 2;
  }
  if (left == 0 || left > 3) return false;
  info.gvr.resource = segments[rest];
  if (left >= 2) info.name = segments[rest + 1];
  if (left == 3) info.subresource = segments[rest + 2];
  return true;
}

}  // namespace

std::string_view VerbName(Verb verb) {
  switch (verb) {
    case Verb::kGet:
      return "get";
    case Verb::kList:
      return "list";
    case Verb::kWatch:
      return "watch";
    case Verb::kCreate:
      return "create";
    case Verb::kUpdate:
      return "update";
    case Verb::kPatch:
      return "patch";
    case Verb::kDelete:
      return "delete";
    case Verb::kDeleteCollection:
      return "deletecollection";
  }
  return "get";
}

Result<RequestInfo> ParseRequest(std::string_view method, std::string_view path,
                                 const net::Query& query) {
  RequestInfo info;
  const std::vector<std::string> segments = Segments(path);
  info.path = "/" + Join(segments, "/");
  if (segments.size() >= 3 && segments[0] == "api") {
    info.gvr.version = segments[1];
    info.is_resource = ReadResource(segments, 2, info);
  } else if (segments.size() >= 4 && segments[0] == "apis") {
    info.gvr.group = segments[1];
    info.gvr.version = segments[2];
    info.is_resource = ReadResource(segments, 3, info);
  }
  auto verb = VerbOf(method, !info.name.empty() || !info.is_resource, query);
  if (!verb) return verb.error();
  info.verb = *verb;
  return info;
}

}  // namespace leat::apiserver
