// A ContainerRuntime whose containers a test makes up.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "node/runtime.h"

namespace leat::node {

class FakeRuntime : public ContainerRuntime {
 public:
  Status Ready() override { return {}; }
  std::string Name() const override { return "fake://1"; }
  std::string Advice() const override { return ""; }
  Result<Image> ResolveImage(const std::string& reference) override {
    if (missing_images.contains(reference))
      return Error{Code::kNotFound, "nobody maps " + reference};
    return Image{.reference = reference, .id = reference, .entrypoint = {"/bin/true"}};
  }
  Result<std::string> RunSandbox(const SandboxConfig& config) override {
    sandboxes[config.pod_uid];
    return config.pod_uid;
  }
  Status StopSandbox(const std::string& id) override {
    if (unstoppable.contains(id)) return Error{Code::kTimeout, id + " does not end"};
    return {};
  }
  Status RemoveSandbox(const std::string& id) override {
    sandboxes.erase(id);
    return {};
  }
  Result<std::vector<std::string>> ListSandboxes() override {
    if (unlistable) return Error{Code::kUnavailable, "the list cannot be had"};
    std::vector<std::string> ids;
    for (const auto& [id, containers] : sandboxes) ids.push_back(id);
    if (listed) listed();
    return ids;
  }
  Result<std::string> StartContainer(const std::string& sandbox_id,
                                     const ContainerConfig& config) override {
    const std::string id = sandbox_id + "_" + config.name + "_" + std::to_string(config.attempt);
    sandboxes[sandbox_id].push_back({.id = id,
                                     .sandbox_id = sandbox_id,
                                     .name = config.name,
                                     .attempt = config.attempt,
                                     .state = ContainerState::kRunning});
    return id;
  }
  Status SettleStarts() override { return {}; }
  Status Terminate(const std::string&) override { return {}; }
  Status Kill(const std::string&) override { return {}; }
  Status RemoveContainer(const std::string& id) override {
    for (auto& [sandbox, containers] : sandboxes)
      std::erase_if(containers, [&](const ContainerStatus& one) { return one.id == id; });
    return {};
  }
  Result<std::vector<ContainerStatus>> ListContainers(const std::string& sandbox_id) override {
    return sandboxes[sandbox_id];
  }
  void AwaitChange(std::chrono::nanoseconds, const std::stop_token&) override {}
  Status ReopenLog(const std::string&) override { return {}; }

  std::set<std::string> missing_images;
  std::set<std::string> unstoppable;                              // sandboxes
  std::map<std::string, std::vector<ContainerStatus>> sandboxes;  // by the pod's uid
  bool unlistable = false;                                        // ListSandboxes fails
  std::function<void()> listed;  // called once ListSandboxes has its answer
};

}  // namespace leat::node
