#include "apiserver/http_face.h"

#include "api/status.h"
#include "apiserver/discovery.h"
#include "apiserver/open_api.h"
#include "apiserver/query_values.h"
#include "base/log.h"
#include "base/strings.h"
#include "json/yaml.h"

namespace leat::apiserver {
namespace {

constexpr std::string_view kOpenApiAccept =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
constexpr std::string_view kOpenApiType =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

constexpr std::string_view kOpenApiV3 = "/openapi/v3";

Error NotFound() { return {Code::kNotFound, "the server could not find the requested resource"}; }

Reply JsonReply(const json::Value& value) { return {200, json::Print(value)}; }

// For kubectl before 1.27, which only wants there to be a document: an empty one makes it leave
// checking to the server.
Reply OpenApiV2(const net::ServerRequest& request) {
  const std::string_view accept = request.headers.Get("Accept");
  if (AcceptsType(accept, kOpenApiAccept) || AcceptsType(accept, kOpenApiType)) {
    return {200, "", std::string(kOpenApiType)};
  }
  return JsonReply(json::Object(
      {{"swagger", "2.0"},
       {"info", json::Object({{"title", "Kubernetes"}, {"version", VersionInfo()["gitVersion"]}})},
       {"paths", json::Object()}}));
}

json::Value StatusDetails(const RequestInfo& info) {
  json::Value details = json::Object();
  if (!info.name.empty()) details.Set("name", info.name);
  if (!info.gvr.group.empty()) details.Set("group", info.gvr.group);
  if (!info.gvr.resource.empty()) details.Set("kind", info.gvr.resource);
  return details;
}

bool Writes(Verb verb) { return verb != Verb::kGet && verb != Verb::kList && verb != Verb::kWatch; }

// A write that finds something exhausted has met a full disk: that is no 429, which blames the
// client for asking too often.
Reply Failure(const Error& error, const RequestInfo& info, const Call& call) {
  json::Value status = call.status;
  if (status.IsNull()) {
    status = api::StatusObject(error, info.is_resource ? StatusDetails(info) : json::Value());
    if (error.code == Code::kExhausted && Writes(info.verb)) {
      status.Set("code", 503).Set("reason", "ServiceUnavailable");
    }
  }
  if (error.code == Code::kInternal || error.code == Code::kCorrupt) {
    LogError("request failed", {{"path", info.path}, {"error", error}});
  }
  return {static_cast<int>(status["code"].AsInt(500)), json::Print(status)};
}

// Header values are one line of printable text; a field name from a body may be anything.
std::string WarningHeader(std::string_view text) {
  std::string value = "299 - \"";
  for (char c : text.substr(0, 1024)) {
    if (c == '"' || c == '\\') value += '\\';
    value += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return value + "\"";
}

bool WantsYaml(std::string_view accept) {
  return AcceptedForms(accept).empty() && AcceptsType(accept, "application/yaml");
}

// People get JSON to read: who says so, and who comes with a tool of theirs and does not say no.
bool WantsPretty(const net::ServerRequest& request) {
  if (const auto wanted = ReadSwitch(request.query, "pretty")) return *wanted;
  const std::string_view agent = request.headers.Get("User-Agent");
  return agent.starts_with("curl") || agent.starts_with("Wget") || agent.starts_with("Mozilla/5.0");
}

// The JSON of the reply in the shape that the client reads best.
void Present(const net::ServerRequest& request, Reply& reply) {
  if (!reply.content_type.starts_with("application/json")) return;
  const bool yaml =
      reply.content_type == "application/json" && WantsYaml(request.headers.Get("Accept"));
  if (!yaml && !WantsPretty(request)) return;
  const auto value = json::Parse(reply.body);
  if (!value) return;
  reply.body = yaml ? json::PrintYaml(*value) : json::PrintPretty(*value);
  if (yaml) reply.content_type = "application/yaml";
}

}  // namespace

HttpFace::HttpFace(Access access, Verbs& verbs, Watches& watches, LogFollowers& followers,
                   const std::atomic<api::PodLogs*>& logs)
    : authenticator_(std::move(access)),
      verbs_(verbs),
      watches_(watches),
      resources_(verbs, watches, followers, logs) {}

void HttpFace::AddMetrics(std::function<std::string()> render) {
  MutexLock lock(mu_);
  more_metrics_.push_back(std::move(render));
}

void HttpFace::Handle(net::ServerRequest& request, net::ResponseWriter& writer) {
  const auto begin = std::chrono::steady_clock::now();
  RequestInfo info;
  Call call;
  auto answer = Answer(request, info, writer, call);
  if (!answer && writer.started()) return;
  Reply reply = answer ? std::move(*answer) : Failure(answer.error(), info, call);
  if (!reply.streamed) {
    Present(request, reply);
    for (const std::string& warning : call.warnings)
      writer.headers.Add("Warning", WarningHeader(warning));
    if (const int64_t seconds = call.status["details"]["retryAfterSeconds"].AsInt(); seconds > 0) {
      writer.headers.Set("Retry-After", std::to_string(seconds));
    }
    writer.headers.Set("Content-Type", reply.content_type);
    writer.headers.Set("Cache-Control", "no-cache, private");
    writer.Send(reply.status, std::move(reply.body));
  }
  const bool known =
      info.is_resource && verbs_.types().Find(info.gvr.group, info.gvr.version, info.gvr.resource);
  metrics_.Count(VerbName(info.verb), known ? info.gvr.resource : "", reply.status,
                 std::chrono::steady_clock::now() - begin);
}

Result<Reply> HttpFace::Answer(net::ServerRequest& request, RequestInfo& info,
                               net::ResponseWriter& writer, Call& call) {
  auto parsed = ParseRequest(request.method, request.path, request.query);
  if (!parsed) {
    // An unknown method is said to those only who may ask at all.
    if (auto user = authenticator_.Identify(request); !user) return user.error();
    return Refuse(call, 405, "MethodNotAllowed", {Code::kUnimplemented, parsed.error().message});
  }
  info = std::move(*parsed);
  if (!IsOpen(info.path)) {
    auto caller = authenticator_.Identify(request);
    if (!caller) return caller.error();
    auto user = ActingUser(*caller, request.headers);
    if (!user) return user.error();
    if (auto allowed = Authorize(*user, info); !allowed) return allowed.error();
  }
  if (info.is_resource) return resources_.Serve(request, info, writer, call);
  return Path(request, info, call);
}

Result<Reply> HttpFace::Path(const net::ServerRequest& request, const RequestInfo& info,
                             Call& call) {
  if (info.verb != Verb::kGet) {
    return MethodNotAllowed(call);
  }
  const std::string& path = info.path;
  if (path == "/version") return JsonReply(VersionInfo());
  if (IsOpen(path)) return Reply{200, "ok", "text/plain; charset=utf-8"};
  if (path == "/metrics") return Reply{200, Metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  if (path == "/openapi/v2") return OpenApiV2(request);
  if (path.starts_with(kOpenApiV3)) return OpenApi(path.substr(kOpenApiV3.size()));
  if (path == "/") {
    return JsonReply(json::Object(
        {{"paths", json::Array({"/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics",
                                "/openapi/v2", "/openapi/v3", "/readyz", "/version"})}}));
  }
  return Discovery(request, info);
}

// `below`: "" for the index, "/api/v1" or "/apis/GROUP/VERSION" for a document.
Result<Reply> HttpFace::OpenApi(std::string_view below) {
  const api::TypeTable& types = verbs_.types();
  if (below.empty() || below == "/") return JsonReply(OpenApiIndex(types));
  const auto parts = Split(below.substr(1), '/');
  std::optional<json::Value> found;
  if (parts.size() == 2 && parts[0] == "api")
    found = OpenApiDocument(types, verbs_.store(), "", parts[1]);
  if (parts.size() == 3 && parts[0] == "apis" && !parts[1].empty())
    found = OpenApiDocument(types, verbs_.store(), parts[1], parts[2]);
  if (!found) return NotFound();
  return JsonReply(*found);
}

Result<Reply> HttpFace::Discovery(const net::ServerRequest& request, const RequestInfo& info) {
  const api::TypeTable& types = verbs_.types();
  const auto parts = Split(std::string_view(info.path).substr(1), '/');
  const bool core = parts[0] == "api";
  if (!core && parts[0] != "apis") return NotFound();
  if (parts.size() == 1) {
    const auto forms = AcceptedForms(request.headers.Get("Accept"));
    if (!forms.empty() && forms.front().form == Form::kDiscovery) {
      const std::string& version = forms.front().version;
      return Reply{
          200, json::Print(AggregatedDiscovery(types, version, core)),
          "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList"};
    }
    return JsonReply(core ? CoreVersions(request.headers.Get("Host")) : GroupList(types));
  }
  std::optional<json::Value> found;
  if (core && parts.size() == 2) found = ResourceList(types, "", parts[1]);
  if (!core && parts.size() == 2) found = GroupInfo(types, parts[1]);
  if (!core && parts.size() == 3) found = ResourceList(types, parts[1], parts[2]);
  if (!found) return NotFound();
  return JsonReply(*found);
}

std::string HttpFace::Metrics() {
  std::string text = metrics_.Render();
  text +=
      "# HELP apiserver_longrunning_requests Watches that run.\n"
      "# TYPE apiserver_longrunning_requests gauge\n"
      "apiserver_longrunning_requests{verb=\"watch\"} " +
      std::to_string(watches_.running()) + "\n";
  std::vector<std::function<std::string()>> more;
  {
    MutexLock lock(mu_);
    more = more_metrics_;
  }
  for (const auto& render : more) text += render();
  return text;
}

}  // namespace leat::apiserver
