// An ObjectClient of an empty cluster: everything is kNotFound.
#pragma once

#include "api/object_client.h"

namespace leat::node {

class NoObjects : public api::ObjectClient {
 public:
  Result<json::Value> Get(const api::Gvr&, const api::ObjectName&) override { return None(); }
  Result<api::ObjectList> List(const api::Gvr&, const api::ListOptions&) override { return None(); }
  Result<std::unique_ptr<api::ObjectWatch>> Watch(const api::Gvr&, const api::ListOptions&,
                                                  const std::string&) override {
    return None();
  }
  Result<json::Value> Create(const api::Gvr&, const json::Value&) override { return None(); }
  Result<json::Value> Update(const api::Gvr&, const json::Value&) override { return None(); }
  Result<json::Value> UpdateStatus(const api::Gvr&, const json::Value&) override { return None(); }
  Result<json::Value> Patch(const api::Gvr&, const api::ObjectName&, api::PatchType,
                            const json::Value&, std::string_view) override {
    return None();
  }
  Status Delete(const api::Gvr&, const api::ObjectName&, const api::DeleteOptions&) override {
    return None();
  }
  Status BindPod(const api::ObjectName&, const std::string&, const std::string&) override {
    return None();
  }
  Status FollowPodLog(const api::ObjectName&, const std::string&, const std::string&,
                      const std::function<bool(std::string_view)>&,
                      const std::stop_token&) override {
    return None();
  }

 private:
  static Error None() { return {Code::kNotFound, "this cluster is empty"}; }
};

}  // namespace leat::node
