#include "client/http_object_client.h"

#include <fmt/format.h>

#include <thread>

#include "api/log_lines.h"
#include "api/status.h"
#include "base/strings.h"
#include "client/http_watch.h"
#include "net/client.h"

namespace leat::client {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr size_t kMaxBody = 256u << 20;

std::string QueryString(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    if (!query.empty()) query += '&';
    query += name + "=" + PercentEncode(value);
  }
  return query;
}

const char* ContentType(api::PatchType type) {
  switch (type) {
    case api::PatchType::kJson:
      return "application/json-patch+json";
    case api::PatchType::kMerge:
      return "application/merge-patch+json";
    case api::PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
  }
  return "";
}

class HttpObjectClient : public api::ObjectClient {
 public:
  HttpObjectClient(net::Url server, const ClusterAccess& access)
      : server_(std::move(server)),
        token_(access.token),
        http_(net::Client::Make({.tls = access.tls})) {}

  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override {
    return Exchange("GET", Path(type, name.ns, name.name), "");
  }

  Result<api::ObjectList> List(const api::Gvr& type, const api::ListOptions& options) override {
    api::ObjectList all;
    std::string next;
    do {
      auto page = Exchange("GET", Path(type, options.ns, ""),
                           QueryString({{"labelSelector", options.label_selector},
                                        {"fieldSelector", options.field_selector},
                                        {"limit", "500"},
                                        {"continue", next}}));
      if (!page) return page.error();
      const std::string kind = (*page)["kind"].Str();
      const std::string api_version = (*page)["apiVersion"].Str();
      for (const json::Value& item : (*page)["items"].Items()) {
        json::Value object = item;  // lists leave these out
        if (!object.Has("kind"))
          object.Set("kind", kind.substr(0, kind.size() - 4)).Set("apiVersion", api_version);
        all.items.push_back(std::move(object));
      }
      all.resource_version = (*page)["metadata"]["resourceVersion"].Str();
      next = (*page)["metadata"]["continue"].Str();
    } while (!next.empty());
    return all;
  }

  Result<std::unique_ptr<api::ObjectWatch>> Watch(const api::Gvr& type,
                                                  const api::ListOptions& options,
                                                  const std::string& resource_version) override {
    net::ClientRequest request = Request("GET", Path(type, options.ns, ""),
                                         QueryString({{"watch", "true"},
                                                      {"allowWatchBookmarks", "true"},
                                                      {"labelSelector", options.label_selector},
                                                      {"fieldSelector", options.field_selector},
                                                      {"resourceVersion", resource_version}}));
    request.timeout = minutes(10);  // bookmarks come about once a minute
    std::stop_source cancel;
    auto response = http_->Send(std::move(request), cancel.get_token());
    if (!response) return response.error();
    if ((*response)->status != 200) return ErrorOf(**response);
    return MakeHttpWatch(std::move(*response), std::move(cancel));
  }

  Result<json::Value> Create(const api::Gvr& type, const json::Value& object) override {
    return Exchange("POST", Path(type, object["metadata"]["namespace"].Str(), ""), "",
                    "application/json", json::Print(object));
  }

  Result<json::Value> Update(const api::Gvr& type, const json::Value& object) override {
    const api::ObjectName name = api::NameOf(object);
    return Exchange("PUT", Path(type, name.ns, name.name), "", "application/json",
                    json::Print(object));
  }

  Result<json::Value> UpdateStatus(const api::Gvr& type, const json::Value& object) override {
    const api::ObjectName name = api::NameOf(object);
    return Exchange("PUT", Path(type, name.ns, name.name) + "/status", "", "application/json",
                    json::Print(object));
  }

  Result<json::Value> Patch(const api::Gvr& type, const api::ObjectName& name,
                            api::PatchType patch_type, const json::Value& patch,
                            std::string_view subresource) override {
    std::string path = Path(type, name.ns, name.name);
    if (!subresource.empty()) path += "/" + std::string(subresource);
    return Exchange("PATCH", path, "", ContentType(patch_type), json::Print(patch));
  }

  Status Delete(const api::Gvr& type, const api::ObjectName& name,
                const api::DeleteOptions& options) override {
    json::Value body = json::Object({{"apiVersion", "v1"}, {"kind", "DeleteOptions"}});
    if (options.grace_period_seconds) body.Set("gracePeriodSeconds", *options.grace_period_seconds);
    if (!options.uid.empty()) body.Set("preconditions", json::Object({{"uid", options.uid}}));
    auto done = Exchange("DELETE", Path(type, name.ns, name.name), "", "application/json",
                         json::Print(body));
    if (!done) return done.error();
    return {};
  }

  Status BindPod(const api::ObjectName& pod, const std::string& node,
                 const std::string& uid) override {
    json::Value binding = json::Object(
        {{"apiVersion", "v1"},
         {"kind", "Binding"},
         {"metadata", json::Object({{"name", pod.name}, {"namespace", pod.ns}})},
         {"target", json::Object({{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}})}});
    if (!uid.empty()) binding.Mut("metadata").Set("uid", uid);
    auto done = Exchange("POST", Path(api::gvr::kPods, pod.ns, pod.name) + "/binding", "",
                         "application/json", json::Print(binding));
    if (!done) return done.error();
    return {};
  }

  Status FollowPodLog(const api::ObjectName& pod, const std::string& container,
                      const std::string& since, const std::function<bool(std::string_view)>& line,
                      const std::stop_token& stop) override {
    net::ClientRequest request = Request("GET", Path(api::gvr::kPods, pod.ns, pod.name) + "/log",
                                         QueryString({{"container", container},
                                                      {"follow", "true"},
                                                      {"timestamps", "true"},
                                                      {"sinceTime", since}}));
    request.timeout = hours(24);  // a training job may be silent for long
    auto response = http_->Send(std::move(request), stop);
    if (!response) return response.error();
    if ((*response)->status != 200) return ErrorOf(**response);
    api::LogLines lines(line);
    std::vector<char> buffer(64 << 10);
    for (;;) {
      auto got = (*response)->Read(buffer);
      if (!got) return got.error();
      if (*got == 0) return lines.End(), Status();
      if (!lines.Add(std::string_view(buffer.data(), *got))) return {};
    }
  }

 private:
  static std::string Path(const api::Gvr& type, const std::string& ns, const std::string& name) {
    std::string path = type.group.empty() ? "/api/" + type.version
                                          : fmt::format("/apis/{}/{}", type.group, type.version);
    if (!ns.empty()) path += "/namespaces/" + PercentEncode(ns);
    path += "/" + type.resource;
    if (!name.empty()) path += "/" + PercentEncode(name);
    return path;
  }

  net::ClientRequest Request(std::string method, const std::string& path, std::string query) const {
    net::ClientRequest request{.method = std::move(method), .url = server_};
    request.url.path = (server_.path == "/" ? "" : server_.path) + path;
    request.url.query = std::move(query);
    request.headers.Set("Accept", "application/json");
    if (!token_.empty()) request.headers.Set("Authorization", "Bearer " + token_);
    return request;
  }

  static Error ErrorOf(net::ClientResponse& response) {
    auto body = response.ReadAll(1u << 20);
    return api::ErrorFromStatus(response.status, body ? *body : "");
  }

  Result<json::Value> Exchange(std::string method, const std::string& path, std::string query,
                               const char* content_type = nullptr, std::string body = "") {
    net::ClientRequest request = Request(std::move(method), path, std::move(query));
    if (content_type != nullptr) request.headers.Set("Content-Type", content_type);
    request.body = std::move(body);
    auto response = http_->Send(std::move(request));
    if (!response) return response.error();
    if ((*response)->status >= 300) return ErrorOf(**response);
    auto text = (*response)->ReadAll(kMaxBody);
    if (!text) return text.error();
    return json::Parse(*text, kMaxBody);
  }

  const net::Url server_;
  const std::string token_;
  const std::unique_ptr<net::Client> http_;
};

}  // namespace

Result<std::unique_ptr<api::ObjectClient>> MakeHttpObjectClient(const ClusterAccess& access) {
  auto server = net::Url::Parse(access.server);
  if (!server) return server.error();
  return std::make_unique<HttpObjectClient>(*server, access);
}

}  // namespace leat::client
