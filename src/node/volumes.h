// A pod's volumes on the host.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "api/object_client.h"
#include "base/result.h"
#include "node/data_volumes.h"
#include "node/pod_dirs.h"

namespace leat::node {

// Host path by volume name.
using VolumePaths = std::map<std::string, std::string>;

// Makes, or brings up to date, every volume of the pod: emptyDir, hostPath, secret, configMap,
// downwardAPI and projected ones, and csi ones of driver data.leat.dev, for each of which it may
// block for seconds. Idempotent; called at each sync, so that configMaps, secrets and the pod's own
// annotations show in the files soon after they change (each file is replaced whole). The error
// names the volume and what to do: an unsupported kind, a missing ConfigMap, a hostPath that is not
// there.
Result<VolumePaths> PrepareVolumes(const json::Value& pod, const PodDirs& dirs,
                                   api::ObjectClient& client, DataMounter& mounter,
                                   const std::stop_token& stop);

// The first emptyDir that holds more than its sizeLimit, as the text of its eviction; "" when none
// does. Walks the files of those that have a limit.
std::string ExceededVolume(const json::Value& pod, const PodDirs& dirs);

// Unmounts them; what is on the disk stays.
Status ReleaseVolumes(const std::string& pod_uid, const PodDirs& dirs);

// The value of a downward API field ("metadata.name", "metadata.annotations['a']", "status.podIP",
// ...) or resource ("limits.memory" of a container); kInvalid for a path that is not offered.
Result<std::string> DownwardField(const json::Value& pod, std::string_view field_path);
Result<std::string> DownwardResource(const json::Value& pod, const std::string& container,
                                     const json::Value& resource_field_ref);

}  // namespace leat::node
