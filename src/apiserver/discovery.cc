#include "apiserver/discovery.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "apiserver/kind_rules.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::apiserver {
namespace {

// Something served under a group and version: a type, or a subresource of it.
struct Served {
  std::string name;  // "pods", "pods/log"
  std::string kind;
  std::vector<std::string> verbs;
};

const std::vector<std::string> kTypeVerbs = {"create", "delete", "deletecollection", "get",
                                             "list",   "patch",  "update",           "watch"};

std::vector<std::string> VerbsOf(const api::Type& type) {
  std::vector<std::string> verbs = kTypeVerbs;
  if (IsNamespace(type)) std::erase(verbs, "deletecollection");
  return verbs;
}

std::vector<Served> Subresources(const api::Type& type, const api::TypeVersion& version) {
  std::vector<Served> served;
  if (IsPod(type)) {
    served.push_back({"pods/binding", "Binding", {"create"}});
    served.push_back({"pods/log", "Pod", {"get"}});
  }
  if (version.status_subresource) {
    served.push_back({type.plural + "/status", type.kind, {"get", "patch", "update"}});
  }
  return served;
}

json::Value Strings(const std::vector<std::string>& texts) {
  json::ArrayItems items;
  for (const std::string& text : texts) items.emplace_back(text);
  return items;
}

std::string StorageHash(const api::Type& type) {
  const std::string text = type.group + "/" + type.StorageVersion().name + "/" + type.kind;
  return Base64Encode(hash::Digest(hash::Algorithm::kSha256, text).substr(0, 8));
}

// v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before other names: the order in
// which Kubernetes prefers versions.
using Rank = std::tuple<int, int64_t, int64_t, std::string>;
Rank VersionRank(const std::string& version) {
  const auto other = Rank{0, 0, 0, version};
  if (version.size() < 2 || version[0] != 'v') return other;
  const size_t digits_end = std::min(version.find_first_not_of("0123456789", 1), version.size());
  const auto major = ParseInt(version.substr(1, digits_end - 1));
  if (!major) return other;
  const std::string rest = version.substr(digits_end);
  if (rest.empty()) return {3, *major, 0, ""};
  for (const auto& [word, stage] : {std::pair{"beta", 2}, std::pair{"alpha", 1}}) {
    if (!rest.starts_with(word)) continue;
    const auto minor = ParseInt(rest.substr(std::string_view(word).size()));
    if (minor) return {stage, *major, *minor, ""};
  }
  return other;
}

// The served versions of each group, preferred first.
std::map<std::string, std::vector<std::string>> Versions(const api::TypeTable& types) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const api::TypePtr& type : types.All()) {
    for (const api::TypeVersion& version : type->versions) {
      auto& versions = groups[type->group];
      if (version.served &&
          std::find(versions.begin(), versions.end(), version.name) == versions.end()) {
        versions.push_back(version.name);
      }
    }
  }
  for (auto& [group, versions] : groups) {
    std::sort(versions.begin(), versions.end(),
              [](const auto& a, const auto& b) { return VersionRank(a) > VersionRank(b); });
  }
  std::erase_if(groups, [](const auto& group) { return group.second.empty(); });
  return groups;
}

json::Value Group(const std::string& group, const std::vector<std::string>& versions) {
  json::ArrayItems items;
  for (const std::string& version : versions) {
    items.push_back(json::Object({{"groupVersion", group + "/" + version}, {"version", version}}));
  }
  const json::Value preferred = items.front();
  return json::Object(
      {{"name", group}, {"versions", std::move(items)}, {"preferredVersion", preferred}});
}

std::vector<std::pair<api::TypePtr, const api::TypeVersion*>> ServedTypes(
    const api::TypeTable& types, std::string_view group, std::string_view version) {
  std::vector<std::pair<api::TypePtr, const api::TypeVersion*>> served;
  for (const api::TypePtr& type : types.All()) {
    if (type->group != group) continue;
    const api::TypeVersion* found = type->FindVersion(version);
    if (found != nullptr && found->served) served.emplace_back(type, found);
  }
  return served;
}

json::Value DiscoveryResource(const api::Type& type, const api::TypeVersion& version) {
  const auto response_kind = [&](const std::string& kind) {
    return json::Object({{"group", type.group}, {"version", version.name}, {"kind", kind}});
  };
  json::Value resource = json::Object({{"resource", type.plural},
                                       {"responseKind", response_kind(type.kind)},
                                       {"scope", type.namespaced ? "Namespaced" : "Cluster"},
                                       {"singularResource", type.singular},
                                       {"verbs", Strings(VerbsOf(type))}});
  if (!type.short_names.empty()) resource.Set("shortNames", Strings(type.short_names));
  if (!type.categories.empty()) resource.Set("categories", Strings(type.categories));
  for (const Served& sub : Subresources(type, version)) {
    resource.Mut("subresources")
        .Push(json::Object({{"subresource", sub.name.substr(type.plural.size() + 1)},
                            {"responseKind", response_kind(sub.kind)},
                            {"verbs", Strings(sub.verbs)}}));
  }
  return resource;
}

}  // namespace

json::Value VersionInfo() {
  return json::Object({{"major", "1"},
                       {"minor", "31"},
                       {"gitVersion", "v1.31.0+leat"},
                       {"gitCommit", ""},
                       {"gitTreeState", "clean"},
                       {"buildDate", ""},
                       {"goVersion", ""},
                       {"compiler", "gc"},
                       {"platform", "linux/amd64"}});
}

json::Value CoreVersions(std::string_view address) {
  return json::Object(
      {{"kind", "APIVersions"},
       {"versions", json::Array({"v1"})},
       {"serverAddressByClientCIDRs",
        json::Array({json::Object({{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", address}})})}});
}

json::Value GroupList(const api::TypeTable& types) {
  json::ArrayItems groups;
  for (const auto& [group, versions] : Versions(types)) {
    if (!group.empty()) groups.push_back(Group(group, versions));
  }
  return json::Object(
      {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
}

std::optional<json::Value> GroupInfo(const api::TypeTable& types, std::string_view group) {
  const auto groups = Versions(types);
  const auto found = groups.find(std::string(group));
  if (group.empty() || found == groups.end()) return std::nullopt;
  json::Value info = Group(found->first, found->second);
  info.Set("kind", "APIGroup").Set("apiVersion", "v1");
  return info;
}

std::optional<json::Value> ResourceList(const api::TypeTable& types, std::string_view group,
                                        std::string_view version) {
  json::ArrayItems resources;
  for (const auto& [type, served] : ServedTypes(types, group, version)) {
    json::Value resource = json::Object({{"name", type->plural},
                                         {"singularName", type->singular},
                                         {"namespaced", type->namespaced},
                                         {"kind", type->kind},
                                         {"verbs", Strings(VerbsOf(*type))},
                                         {"storageVersionHash", StorageHash(*type)}});
    if (!type->short_names.empty()) resource.Set("shortNames", Strings(type->short_names));
    if (!type->categories.empty()) resource.Set("categories", Strings(type->categories));
    resources.push_back(std::move(resource));
    for (const Served& sub : Subresources(*type, *served)) {
      resources.push_back(json::Object({{"name", sub.name},
                                        {"singularName", ""},
                                        {"namespaced", type->namespaced},
                                        {"kind", sub.kind},
                                        {"verbs", Strings(sub.verbs)}}));
    }
  }
  if (resources.empty()) return std::nullopt;
  const api::Gvr gvr{std::string(group), std::string(version), ""};
  return json::Object({{"kind", "APIResourceList"},
                       {"apiVersion", "v1"},
                       {"groupVersion", gvr.ApiVersion()},
                       {"resources", std::move(resources)}});
}

json::Value AggregatedDiscovery(const api::TypeTable& types, std::string_view version, bool core) {
  json::ArrayItems groups;
  for (const auto& [group, versions] : Versions(types)) {
    if (group.empty() != core) continue;
    json::ArrayItems items;
    for (const std::string& name : versions) {
      json::ArrayItems resources;
      for (const auto& [type, served] : ServedTypes(types, group, name)) {
        resources.push_back(DiscoveryResource(*type, *served));
      }
      items.push_back(json::Object(
          {{"version", name}, {"resources", std::move(resources)}, {"freshness", "Current"}}));
    }
    json::Value metadata = json::Object({{"creationTimestamp", nullptr}});
    if (!group.empty()) metadata.Set("name", group);
    groups.push_back(
        json::Object({{"metadata", std::move(metadata)}, {"versions", std::move(items)}}));
  }
  return json::Object({{"kind", "APIGroupDiscoveryList"},
                       {"apiVersion", "apidiscovery.k8s.io/" + std::string(version)},
                       {"metadata", json::Object()},
                       {"items", std::move(groups)}});
}

}  // namespace leat::apiserver
