// ObjectClient: how controllers see the cluster. Two implementations pass the same test suite:
// in-process (apiserver) and over HTTPS (client), so a controller cannot tell embedded from
// cluster.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::api {

// A served type, e.g. {"", "v1", "pods"} or {"sagemaker.aws.amazon.com", "v1", "trainingjobs"}.
struct Gvr {
  std::string group;  // "" for the core group
  std::string version;
  std::string resource;  // plural, lower case
  friend auto operator<=>(const Gvr&, const Gvr&) = default;
  // "v1" or "group/version", as in apiVersion.
  std::string ApiVersion() const { return group.empty() ? version : group + "/" + version; }
};

// The types that Leat's own parts use.
namespace gvr {
inline const Gvr kNamespaces{"", "v1", "namespaces"};
inline const Gvr kNodes{"", "v1", "nodes"};
inline const Gvr kPods{"", "v1", "pods"};
inline const Gvr kSecrets{"", "v1", "secrets"};
inline const Gvr kConfigMaps{"", "v1", "configmaps"};
inline const Gvr kServiceAccounts{"", "v1", "serviceaccounts"};
inline const Gvr kEvents{"", "v1", "events"};
inline const Gvr kLeases{"coordination.k8s.io", "v1", "leases"};
inline const Gvr kCustomResourceDefinitions{"apiextensions.k8s.io", "v1",
                                            "customresourcedefinitions"};
inline const Gvr kTrainingJobs{"sagemaker.aws.amazon.com", "v1", "trainingjobs"};
inline const Gvr kTrainingRuns{"leat.dev", "v1alpha1", "trainingruns"};
}  // namespace gvr

// An object's place within its type. `ns` is "" for cluster-scoped types.
struct ObjectName {
  std::string ns;
  std::string name;
  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
  std::string ToString() const { return ns.empty() ? name : ns + "/" + name; }
};

// metadata.namespace and metadata.name.
inline ObjectName NameOf(const json::Value& object) {
  return {object["metadata"]["namespace"].Str(), object["metadata"]["name"].Str()};
}

struct ListOptions {
  std::string ns;              // "" = all namespaces
  std::string label_selector;  // Kubernetes' string form
  std::string field_selector;
};

struct ObjectList {
  std::vector<json::Value> items;
  std::string resource_version;  // where a watch of the same scope goes on
};

enum class PatchType { kJson, kMerge, kStrategicMerge };

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };
struct WatchEvent {
  WatchEventType type;
  std::shared_ptr<const json::Value> object;  // with apiVersion and kind
};

// A running watch. One reader thread.
class ObjectWatch {
 public:
  virtual ~ObjectWatch() = default;  // ends it
  // The next event. Blocks; kTimeout when none came for `timeout` (the watch goes on), kCancelled
  // on stop; kUnavailable when the stream ended (start another at the last revision seen), kExpired
  // when the revision is too old (list again).
  virtual Result<WatchEvent> Next(std::chrono::nanoseconds timeout,
                                  const std::stop_token& stop) = 0;
};

struct DeleteOptions {
  std::optional<int64_t> grace_period_seconds;  // absent: the object's own default
  std::string uid;                              // when set, a precondition (kConflict)
};

// All calls block, are thread-safe, and may fail with kUnavailable, kTimeout, kUnauthorized or
// kForbidden beside what is said at each. Returned objects carry apiVersion, kind, and
// metadata.resourceVersion.
class ObjectClient {
 public:
  virtual ~ObjectClient() = default;

  // kNotFound.
  virtual Result<json::Value> Get(const Gvr& type, const ObjectName& name) = 0;
  virtual Result<ObjectList> List(const Gvr& type, const ListOptions& options = {}) = 0;
  // From just after `resource_version` (of a List), or everything there is when it is empty.
  virtual Result<std::unique_ptr<ObjectWatch>> Watch(const Gvr& type, const ListOptions& options,
                                                     const std::string& resource_version) = 0;
  // Makes the object in metadata.namespace. kAlreadyExists; kInvalid with the field paths.
  virtual Result<json::Value> Create(const Gvr& type, const json::Value& object) = 0;
  // Replaces it. With metadata.resourceVersion set, kConflict when it changed since; kNotFound.
  virtual Result<json::Value> Update(const Gvr& type, const json::Value& object) = 0;
  // Replaces only its status.
  virtual Result<json::Value> UpdateStatus(const Gvr& type, const json::Value& object) = 0;
  // subresource: "" or "status". kNotFound, kInvalid.
  virtual Result<json::Value> Patch(const Gvr& type, const ObjectName& name, PatchType patch_type,
                                    const json::Value& patch,
                                    std::string_view subresource = {}) = 0;
  // Starts the deletion: gone at once, or marked with deletionTimestamp when finalizers or a grace
  // period hold it. kNotFound, kConflict.
  virtual Status Delete(const Gvr& type, const ObjectName& name,
                        const DeleteOptions& options = {}) = 0;
  // POST pods/NAME/binding. kConflict when it is bound already, or is another pod than the one of
  // that uid (empty: whichever has the name).
  virtual Status BindPod(const ObjectName& pod, const std::string& node,
                         const std::string& uid = {}) = 0;
  // GET pods/NAME/log from the start, with RFC 3339 time stamps, following until the container has
  // ended. `line` gets each line as "<timestamp> <text>" and returns false to stop. since: only
  // lines at or after it (empty = all). kNotFound; kInvalid while the container waits to start.
  virtual Status FollowPodLog(const ObjectName& pod, const std::string& container,
                              const std::string& since,
                              const std::function<bool(std::string_view line)>& line,
                              const std::stop_token& stop) = 0;
};

}  // namespace leat::api
