// From a container of a pod's spec to what the runtime needs.
#pragma once

#include "api/object_client.h"
#include "base/result.h"
#include "node/pod_dirs.h"
#include "node/runtime.h"
#include "node/volumes.h"

namespace leat::node {

struct ContainerInputs {
  const json::Value& pod;
  const json::Value& container;
  int attempt = 0;
  const Image& image;
  const VolumePaths& volumes;
};

// Resolves env (values, valueFrom, envFrom, $(VAR) references), command and args, mounts
// (subPathExpr with the same variables), security
// context and limits; makes the log's directory and the termination message file. kInvalid tells
// what is wrong ("secret \"x\" has no key \"y\""): the pod waits with CreateContainerConfigError.
Result<ContainerConfig> MakeContainerConfig(const ContainerInputs& inputs, const PodDirs& dirs,
                                            api::ObjectClient& client);

// "$(NAME)" replaced from `env`; "$$" is a literal dollar; unknown names stay as they are.
std::string ExpandVariables(std::string_view text,
                            const std::vector<std::pair<std::string, std::string>>& env);

}  // namespace leat::node
