#include "api/builtin.h"

namespace leat::api {

std::string_view NodeRows() {
  return R"(
group v1

kind Node nodes short=no status {
  spec   2 NodeSpec default={}
  status 3 NodeStatus default={}
  column Name              string "Name of the node"
  column Status            string "Whether it is ready, and whether pods may be scheduled to it"
  column Roles             string "From the labels node-role.kubernetes.io/..."
  column Age               string "Time since its creation"
  column Version           string "Version of the node agent"
  column Internal-IP       string wide "First internal address"
  column External-IP       string wide "First external address"
  column OS-Image          string wide "The operating system"
  column Kernel-Version    string wide "The kernel"
  column Container-Runtime string wide "What runs the containers"
}
object NodeSpec {
  podCIDR       1 string
  externalID    2 string
  providerID    3 string
  unschedulable 4 bool
  taints        5 []Taint
  configSource  6 NodeConfigSource
  podCIDRs      7 []string primitives set
}
object Taint {
  key       1 string required
  value     2 string
  effect    3 string required enum=NoExecute|NoSchedule|PreferNoSchedule
  timeAdded 4 time
}
object NodeConfigSource {
  configMap 2 ConfigMapNodeConfigSource
}
object ConfigMapNodeConfigSource {
  namespace        1 string always
  name             2 string always
  uid              3 string
  resourceVersion  4 string
  kubeletConfigKey 5 string always
}
object NodeStatus {
  capacity         1 map[quantity]
  allocatable      2 map[quantity]
  phase            3 string
  conditions       4 []NodeCondition merge=type map=type
  addresses        5 []NodeAddress merge=type map=type
  daemonEndpoints  6 NodeDaemonEndpoints default={"kubeletEndpoint":{"Port":0}}
  nodeInfo         7 NodeSystemInfo
  images           8 []ContainerImage
  volumesInUse     9 []string
  volumesAttached 10 []AttachedVolume
  config          11 NodeConfigStatus
  runtimeHandlers 12 []NodeRuntimeHandler
  features        13 NodeFeatures
}
object NodeCondition {
  type               1 string required
  status             2 string required
  lastHeartbeatTime  3 time
  lastTransitionTime 4 time
  reason             5 string
  message            6 string
}
object NodeAddress {
  type    1 string required
  address 2 string required
}
object NodeDaemonEndpoints {
  kubeletEndpoint 1 DaemonEndpoint
}
object DaemonEndpoint {
  Port 1 int32 always
}
object NodeSystemInfo {
  machineID                1 string always
  systemUUID               2 string always
  bootID                   3 string always
  kernelVersion            4 string always
  osImage                  5 string always
  containerRuntimeVersion  6 string always
  kubeletVersion           7 string always
  kubeProxyVersion         8 string always
  operatingSystem          9 string always
  architecture            10 string always
  swap                    11 NodeSwapStatus
}
object NodeSwapStatus {
  capacity 1 int64
}
object ContainerImage {
  names     1 []string
  sizeBytes 2 int64
}
object AttachedVolume {
  name       1 string always
  devicePath 2 string always
}
object NodeConfigStatus {
  assigned      1 NodeConfigSource
  active        2 NodeConfigSource
  lastKnownGood 3 NodeConfigSource
  error         4 string
}
object NodeRuntimeHandler {
  name     1 string
  features 2 NodeRuntimeHandlerFeatures
}
object NodeRuntimeHandlerFeatures {
  recursiveReadOnlyMounts 1 bool
  userNamespaces          2 bool
}
object NodeFeatures {
  supplementalGroupsPolicy 1 bool
}
)";
}

}  // namespace leat::api
