// ObjectClient without HTTP: the same verbs, called directly, with all rights.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "api/object_client.h"
#include "api/pod_logs.h"
#include "apiserver/verbs.h"

namespace leat::apiserver {

// A watch queues at most this many changes; one more ends it with kUnavailable, so that its reader
// resumes at the last revision it saw. The objects there are at its start do not count.
inline constexpr size_t kLocalWatchQueue = 10'000;

class LocalClient : public api::ObjectClient {
 public:
  // `logs` holds null until there is a node.
  LocalClient(Verbs& verbs, const std::atomic<api::PodLogs*>& logs) : verbs_(verbs), logs_(logs) {}

  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override;
  Result<api::ObjectList> List(const api::Gvr& type, const api::ListOptions& options) override;
  Result<std::unique_ptr<api::ObjectWatch>> Watch(const api::Gvr& type,
                                                  const api::ListOptions& options,
                                                  const std::string& resource_version) override;
  Result<json::Value> Create(const api::Gvr& type, const json::Value& object) override;
  Result<json::Value> Update(const api::Gvr& type, const json::Value& object) override;
  Result<json::Value> UpdateStatus(const api::Gvr& type, const json::Value& object) override;
  Result<json::Value> Patch(const api::Gvr& type, const api::ObjectName& name,
                            api::PatchType patch_type, const json::Value& patch,
                            std::string_view subresource) override;
  Status Delete(const api::Gvr& type, const api::ObjectName& name,
                const api::DeleteOptions& options) override;
  Status BindPod(const api::ObjectName& pod, const std::string& node,
                 const std::string& uid) override;
  Status FollowPodLog(const api::ObjectName& pod, const std::string& container,
                      const std::string& since,
                      const std::function<bool(std::string_view line)>& line,
                      const std::stop_token& stop) override;

 private:
  Verbs& verbs_;
  const std::atomic<api::PodLogs*>& logs_;
};

}  // namespace leat::apiserver
