#include "apiserver/resource_handler.h"

#include <optional>

#include "apiserver/kind_rules.h"
#include "apiserver/query_values.h"
#include "apiserver/request_options.h"
#include "apiserver/warnings.h"

namespace leat::apiserver {
namespace {

// A bare 404 would read as if the pod were missing.
std::optional<Error> NotSupportedYet(std::string_view pod_subresource) {
  struct Missing {
    std::string_view subresource;
    std::string_view commands;
  };
  constexpr Missing kMissing[] = {{"exec", "kubectl exec and kubectl cp are"},
                                  {"attach", "kubectl attach and kubectl run -i are"},
                                  {"portforward", "kubectl port-forward is"},
                                  {"proxy", "the proxy to pods is"},
                                  {"ephemeralcontainers", "kubectl debug is"}};
  for (const Missing& missing : kMissing) {
    if (missing.subresource != pod_subresource) continue;
    return Error{Code::kUnimplemented,
                 std::string(missing.commands) +
                     " not supported by this server yet: use kubectl logs and kubectl describe to "
                     "see what the pod does"};
  }
  return std::nullopt;
}

Result<Reply> ObjectReply(const Rendering& as, const store::Entry& entry, WallTime now,
                          int status = 200) {
  auto body = RenderObject(as, entry, now);
  if (!body) return body.error();
  return Reply{status, std::move(*body)};
}

json::Value Success(json::Value details) {
  return json::Object({{"apiVersion", "v1"},
                       {"kind", "Status"},
                       {"metadata", json::Object()},
                       {"status", "Success"},
                       {"details", std::move(details)}});
}

json::Value DeletedStatus(const Target& target, const store::Entry& entry) {
  json::Value details = json::Object({{"name", entry.key.name},
                                      {"kind", target.type->plural},
                                      {"uid", entry.value["metadata"]["uid"]}});
  if (!target.type->group.empty()) details.Set("group", target.type->group);
  return Success(std::move(details));
}

Result<json::Value> ReadObject(net::ServerRequest& request, Call& call) {
  auto body = ReadBody(request, call);
  if (!body) return body.error();
  if (!body->IsObject()) {
    return Error{Code::kInvalid, body->IsNull() ? "the request has no body: send the object"
                                                : "the body must be one JSON object"};
  }
  return body;
}

Result<api::PatchType> PatchTypeOf(std::string_view content_type, Call& call) {
  const std::string type = MediaType(content_type);
  if (type == "application/json-patch+json") return api::PatchType::kJson;
  if (type == "application/merge-patch+json") return api::PatchType::kMerge;
  if (type == "application/strategic-merge-patch+json") return api::PatchType::kStrategicMerge;
  if (type == "application/apply-patch+yaml") {
    return Refuse(call, 415, "UnsupportedMediaType",
                  {Code::kInvalid,
                   "server-side apply is not supported by this server yet: use kubectl apply "
                   "without --server-side"});
  }
  return Refuse(call, 415, "UnsupportedMediaType",
                {Code::kInvalid,
                 "the body of the request was in an unknown format - accepted media types include: "
                 "application/json-patch+json, application/merge-patch+json, "
                 "application/strategic-merge-patch+json"});
}

// What an object, list or watch can be given as: the best form that is not discovery. A stream of
// events is JSON only.
Result<Accepted> ChooseForm(std::string_view accept, Verb verb, Call& call) {
  for (Accepted& form : AcceptedForms(accept)) {
    if (form.form != Form::kDiscovery) return std::move(form);
  }
  const bool stream = verb == Verb::kWatch;
  if (!stream && AcceptsType(accept, "application/yaml")) return Accepted{};
  return Refuse(call, 406, "NotAcceptable",
                {Code::kInvalid, std::string("only the following media types are accepted: ") +
                                     (stream ? "application/json;stream=watch"
                                             : "application/json, application/yaml")});
}

// A path without a namespace stands for all of them: there one can look only. The codes are those
// of Kubernetes, which has no such path for a named object, nor any other one for custom kinds.
Status CheckInNamespace(const Target& target, Verb verb, Call& call) {
  const bool looks = verb == Verb::kList || verb == Verb::kWatch;
  if (looks || !target.type->namespaced || !target.ns.empty()) return {};
  if (target.name.empty() && !target.type->custom) return MethodNotAllowed(call);
  return Error{Code::kNotFound, "the server could not find the requested resource"};
}

// Of these the answer to a DELETE is always the object, of all others only while they are held.
bool DeleteShowsObject(const api::Type& type) {
  return type.group.empty() && (type.plural == "pods" || type.plural == "serviceaccounts");
}

}  // namespace

Result<Reply> ResourceHandler::Serve(net::ServerRequest& request, const RequestInfo& info,
                                     net::ResponseWriter& writer, Call& call) {
  auto target = verbs_.Resolve(info.gvr, info.ns, info.name, info.subresource);
  if (!target) return target.error();
  if (!target->version->deprecation.empty()) Warn(call.warnings, target->version->deprecation);
  if (auto ok = CheckInNamespace(*target, info.verb, call); !ok) return ok.error();
  const bool pod = IsPod(*target->type);
  if (pod && info.subresource == "log" && info.verb == Verb::kGet) {
    return Log(request, *target, writer, call);
  }
  if (pod && info.subresource == "binding" && info.verb == Verb::kCreate) {
    return Bind(request, *target, call);
  }
  if (pod) {
    if (auto refusal = NotSupportedYet(info.subresource)) return *refusal;
  }
  if (!info.subresource.empty() && info.subresource != "status") {
    return Error{Code::kNotFound, "the server could not find the requested resource"};
  }
  auto form = ChooseForm(request.headers.Get("Accept"), info.verb, call);
  if (!form) return form.error();
  Rendering as{.target = std::move(*target), .accepted = std::move(*form)};
  if (as.accepted.form == Form::kTable) {
    auto include = ReadIncludeObject(request.query);
    if (!include) return include.error();
    as.include = *include;
  }
  const bool named = !info.name.empty();
  const bool whole = info.subresource.empty();
  switch (info.verb) {
    case Verb::kGet:
      return Get(request, as, call);
    case Verb::kList:
      return List(request, as, call);
    case Verb::kWatch:
      return Watch(request, as, writer, call);
    case Verb::kCreate:
      return named ? MethodNotAllowed(call) : Create(request, as, call);
    case Verb::kUpdate:
      return named ? Update(request, as, call) : MethodNotAllowed(call);
    case Verb::kPatch:
      return named ? Patch(request, as, call) : MethodNotAllowed(call);
    case Verb::kDelete:
      return whole ? Delete(request, as, call) : MethodNotAllowed(call);
    case Verb::kDeleteCollection:
      // As upstream: all namespaces are never what was meant.
      if (IsNamespace(*as.target.type)) return MethodNotAllowed(call);
      return DeleteCollection(request, as, call);
  }
  return MethodNotAllowed(call);
}

Result<Reply> ResourceHandler::Get(const net::ServerRequest& request, const Rendering& as,
                                   Call& call) {
  if (IsOn(request.query, "export")) {
    return Error{Code::kInvalid,
                 "the export parameter, deprecated since v1.14, is no longer supported"};
  }
  auto oldest =
      ParseOldest(request.query.Get("resourceVersion"), verbs_.store().CurrentRevision(), call);
  if (!oldest) return oldest.error();
  auto entry = verbs_.Get(as.target);
  if (!entry) return entry.error();
  return ObjectReply(as, **entry, verbs_.clock().Now());
}

Result<Reply> ResourceHandler::List(const net::ServerRequest& request, const Rendering& as,
                                    Call& call) {
  auto list = ReadListRequest(request.query, *as.target.type, call);
  if (!list) return list.error();
  auto page = verbs_.List(as.target, *list, call);
  if (!page) return page.error();
  auto body = RenderList(as, *page, verbs_.clock().Now());
  if (!body) return body.error();
  return Reply{200, std::move(*body)};
}

Result<Reply> ResourceHandler::Watch(const net::ServerRequest& request, const Rendering& as,
                                     net::ResponseWriter& writer, Call& call) {
  auto watch = ReadWatchRequest(request.query, as, call);
  if (!watch) return watch.error();
  auto outbox = watches_.Start(*watch, call);
  if (!outbox) return outbox.error();
  writer.headers.Set("Content-Type", "application/json");
  writer.headers.Set("Cache-Control", "no-cache, private");
  writer.Stream(200, std::move(*outbox));
  return Reply{.streamed = true};
}

Result<Reply> ResourceHandler::Create(net::ServerRequest& request, const Rendering& as,
                                      Call& call) {
  if (auto ok = ReadWriteOptions(request.query, Verb::kCreate, call); !ok) return ok.error();
  auto object = ReadObject(request, call);
  if (!object) return object.error();
  auto entry = verbs_.Create(as.target, std::move(*object), call);
  if (!entry) return entry.error();
  return ObjectReply(as, **entry, verbs_.clock().Now(), 201);
}

Result<Reply> ResourceHandler::Update(net::ServerRequest& request, const Rendering& as,
                                      Call& call) {
  if (auto ok = ReadWriteOptions(request.query, Verb::kUpdate, call); !ok) return ok.error();
  auto object = ReadObject(request, call);
  if (!object) return object.error();
  auto entry = verbs_.Update(as.target, std::move(*object), call);
  if (!entry) return entry.error();
  return ObjectReply(as, **entry, verbs_.clock().Now(), call.created ? 201 : 200);
}

Result<Reply> ResourceHandler::Patch(net::ServerRequest& request, const Rendering& as, Call& call) {
  auto type = PatchTypeOf(request.headers.Get("Content-Type"), call);
  if (!type) return type.error();
  if (auto ok = ReadWriteOptions(request.query, Verb::kPatch, call); !ok) return ok.error();
  auto patch = ReadBody(request, call);
  if (!patch) return patch.error();
  auto entry = verbs_.Patch(as.target, *type, *patch, call);
  if (!entry) return entry.error();
  return ObjectReply(as, **entry, verbs_.clock().Now());
}

Result<Reply> ResourceHandler::Delete(net::ServerRequest& request, const Rendering& as,
                                      Call& call) {
  auto body = ReadBody(request, call);
  if (!body) return body.error();
  auto options = ReadDeleteRequest(request.query, *body, call);
  if (!options) return options.error();
  auto deleted = verbs_.Delete(as.target, *options, call);
  if (!deleted) return deleted.error();
  if (deleted->gone && !DeleteShowsObject(*as.target.type)) {
    return Reply{200, json::Print(DeletedStatus(as.target, *deleted->entry))};
  }
  return ObjectReply(as, *deleted->entry, verbs_.clock().Now());
}

Result<Reply> ResourceHandler::DeleteCollection(net::ServerRequest& request, const Rendering& as,
                                                Call& call) {
  auto body = ReadBody(request, call);
  if (!body) return body.error();
  auto options = ReadDeleteRequest(request.query, *body, call);
  if (!options) return options.error();
  auto list = ReadListRequest(request.query, *as.target.type, call);
  if (!list) return list.error();
  auto page = verbs_.List(as.target, *list, call);
  if (!page) return page.error();
  auto answer = RenderList(as, *page, verbs_.clock().Now());  // what is about to go
  if (!answer) return answer.error();
  for (const auto& entry : page->entries) {
    Target target = as.target;
    target.ns = entry->key.ns;
    target.name = entry->key.name;
    auto deleted = verbs_.Delete(target, *options, call);
    if (!deleted && deleted.error().code != Code::kNotFound) return deleted.error();
  }
  return Reply{200, std::move(*answer)};
}

Result<Reply> ResourceHandler::Bind(net::ServerRequest& request, const Target& pod, Call& call) {
  if (auto ok = ReadWriteOptions(request.query, Verb::kCreate, call); !ok) return ok.error();
  auto binding = ReadObject(request, call);
  if (!binding) return binding.error();
  auto entry = verbs_.Bind(pod, *binding, call);
  if (!entry) return entry.error();
  return Reply{201, json::Print(Success(json::Value()))};
}

// Without follow the handler's own thread writes; a follower gets a thread of its own once a first
// look has shown that the log can be read, so that a mistake is still answered with a status.
Result<Reply> ResourceHandler::Log(net::ServerRequest& request, const Target& pod,
                                   net::ResponseWriter& writer, Call& call) {
  if (auto entry = verbs_.Get(pod); !entry) return entry.error();
  auto options = ReadLogOptions(request.query, pod.name, verbs_.clock().Now(), call);
  if (!options) return options.error();
  api::PodLogs* logs = logs_.load();
  if (logs == nullptr) {
    return Error{Code::kUnavailable, "the logs of pod \"" + pod.name +
                                         "\" cannot be read: no node "
                                         "serves logs yet"};
  }
  const api::ObjectName name{pod.ns, pod.name};
  writer.headers.Set("Content-Type", "text/plain");
  if (options->follow) {
    api::PodLogOptions look = *options;
    look.follow = false;
    look.tail_lines = 0;
    const auto ignore = [](std::string_view) { return true; };
    if (auto ok = logs->Read(name, look, ignore, request.stop()); !ok) return ok.error();
    auto outbox = followers_.Follow(*logs, name, *options);
    if (!outbox) return outbox.error();
    writer.Stream(200, std::move(*outbox));
    return Reply{.streamed = true};
  }
  const auto write = [&](std::string_view piece) {
    if (!writer.started() && !writer.Start(200, std::nullopt)) return false;
    return writer.Write(piece).has_value();
  };
  auto read = logs->Read(name, *options, write, request.stop());
  if (!read && !writer.started()) return read.error();
  if (!writer.started()) {
    writer.Send(200, "");
  } else if (read) {
    // Without Finish the connection breaks off, which tells the reader that something is missing.
    (void)writer.Finish();
  }
  return Reply{.streamed = true};
}

}  // namespace leat::apiserver
