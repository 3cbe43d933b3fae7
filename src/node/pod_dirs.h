// Where the node keeps what belongs to a pod.
#pragma once

#include <fmt/format.h>

#include <string>

#include "json/value.h"

namespace leat::node {

class PodDirs {
 public:
  // `run_dir` as RunDir tells it.
  PodDirs(std::string data_dir, std::string run_dir)
      : data_dir_(std::move(data_dir)), run_dir_(std::move(run_dir)) {}

  std::string Root() const { return data_dir_ + "/pods"; }
  std::string Pod(const std::string& uid) const { return Root() + "/" + uid; }
  // A small file system of its own, for /etc/hosts, which containers may write to: what they append
  // there fills nothing else. It is there while the pod runs.
  std::string Shared(const std::string& uid) const { return run_dir_ + "/" + uid + "/shared"; }
  std::string Hosts(const std::string& uid) const { return Shared(uid) + "/hosts"; }
  // Another one for each container, for its termination messages.
  std::string MessageDir(const std::string& uid, const std::string& container) const {
    return Shared(uid) + "/messages/" + container;
  }
  std::string Volume(const std::string& uid, const std::string& volume) const {
    return Pod(uid) + "/volumes/" + volume;
  }
  // What volumes of driver data.leat.dev have read, for all pods.
  std::string Cache() const { return data_dir_ + "/cache"; }
  // Where the volume mounts of a container that have a subPath or subPathExpr are bound.
  std::string SubPaths(const std::string& uid) const { return Pod(uid) + "/subpaths"; }
  std::string SubPath(const std::string& uid, const std::string& container, int index) const {
    return fmt::format("{}/{}_{}", SubPaths(uid), container, index);
  }
  // Bound to the container's terminationMessagePath.
  std::string TerminationMessage(const std::string& uid, const std::string& container,
                                 int attempt) const {
    return fmt::format("{}/{}", MessageDir(uid, container), attempt);
  }
  // Where these two lie for containers that an earlier Leat started.
  std::string OldHosts(const std::string& uid) const { return Pod(uid) + "/hosts"; }
  std::string OldTerminationMessage(const std::string& uid, const std::string& container,
                                    int attempt) const {
    return fmt::format("{}/termination/{}_{}", Pod(uid), container, attempt);
  }
  // What was in it when the container had ended.
  std::string KeptMessage(const std::string& uid, const std::string& container, int attempt) const {
    return fmt::format("{}/messages/{}_{}", Pod(uid), container, attempt);
  }
  // What belonged to pods that the API did not know when Leat started.
  std::string LostAndFound() const { return data_dir_ + "/lost+found"; }
  std::string Logs(const std::string& uid) const { return data_dir_ + "/logs/" + uid; }
  std::string Log(const std::string& uid, const std::string& container, int attempt) const {
    return fmt::format("{}/{}/{}.log", Logs(uid), container, attempt);
  }

 private:
  std::string data_dir_, run_dir_;
};

inline std::string UidOf(const json::Value& pod) { return pod["metadata"]["uid"].Str(); }

}  // namespace leat::node
