#include "api/builtin.h"

namespace leat::api {

std::string_view PodRows() {
  return R"(
group v1

kind Pod pods short=po category=all namespaced status {
  spec   2 PodSpec required
  status 3 PodStatus default={}
  column Name              string "Name of the pod"
  column Ready             string "Containers that are ready, of all"
  column Status            string "What the pod is doing"
  column Restarts          string "How often its containers were restarted, and when last"
  column Age               string "Time since its creation"
  column IP                string wide "Its address"
  column Node              string wide "The node that it runs on"
  column "Nominated Node"  string wide "The node that makes room for it"
  column "Readiness Gates" string wide "Conditions outside the pod that count for readiness"
}

object PodSpec {
  volumes                        1 []Volume merge=name map=name retain
  containers                     2 []Container required merge=name map=name
  restartPolicy                  3 string default="Always" enum=Always|Never|OnFailure
  terminationGracePeriodSeconds  4 int64 default=30
  activeDeadlineSeconds          5 int64
  dnsPolicy                      6 string default="ClusterFirst" enum=ClusterFirst|ClusterFirstWithHostNet|Default|None
  nodeSelector                   7 map[string]
  serviceAccountName             8 string
  serviceAccount                 9 string
  nodeName                      10 string
  hostNetwork                   11 bool
  hostPID                       12 bool
  hostIPC                       13 bool
  securityContext               14 PodSecurityContext default={}
  imagePullSecrets              15 []LocalObjectReference merge=name map=name
  hostname                      16 string
  subdomain                     17 string
  affinity                      18 Affinity
  schedulerName                 19 string default="default-scheduler"
  initContainers                20 []Container merge=name map=name
  automountServiceAccountToken  21 bool
  tolerations                   22 []Toleration
  hostAliases                   23 []HostAlias merge=ip map=ip
  priorityClassName             24 string
  priority                      25 int32
  dnsConfig                     26 PodDNSConfig
  shareProcessNamespace         27 bool
  readinessGates                28 []PodReadinessGate
  runtimeClassName              29 string
  enableServiceLinks            30 bool default=true
  preemptionPolicy              31 string enum=Never|PreemptLowerPriority
  overhead                      32 map[quantity]
  topologySpreadConstraints     33 []TopologySpreadConstraint merge=topologyKey map=topologyKey,whenUnsatisfiable
  ephemeralContainers           34 []EphemeralContainer merge=name map=name
  setHostnameAsFQDN             35 bool
  os                            36 PodOS
  hostUsers                     37 bool
  schedulingGates               38 []PodSchedulingGate merge=name map=name
  resourceClaims                39 []PodResourceClaim merge=name map=name retain
  resources                     40 ResourceRequirements
}

object Container {
  name                      1 string required
  image                     2 string
  command                   3 []string
  args                      4 []string
  workingDir                5 string
  ports                     6 []ContainerPort merge=containerPort map=containerPort,protocol
  env                       7 []EnvVar merge=name map=name
  resources                 8 ResourceRequirements default={}
  volumeMounts              9 []VolumeMount merge=mountPath map=mountPath
  livenessProbe            10 Probe
  readinessProbe           11 Probe
  lifecycle                12 Lifecycle
  terminationMessagePath   13 string default="/dev/termination-log"
  imagePullPolicy          14 string enum=Always|IfNotPresent|Never
  securityContext          15 SecurityContext
  stdin                    16 bool
  stdinOnce                17 bool
  tty                      18 bool
  envFrom                  19 []EnvFromSource
  terminationMessagePolicy 20 string default="File" enum=FallbackToLogsOnError|File
  volumeDevices            21 []VolumeDevice merge=devicePath map=devicePath
  startupProbe             22 Probe
  resizePolicy             23 []ContainerResizePolicy
  restartPolicy            24 string
}
object EphemeralContainer {
  inline Container 1
  targetContainerName 2 string
}
object ContainerPort {
  name          1 string
  hostPort      2 int32
  containerPort 3 int32 required
  protocol      4 string default="TCP" enum=SCTP|TCP|UDP
  hostIP        5 string
}
object EnvVar {
  name      1 string required
  value     2 string
  valueFrom 3 EnvVarSource
}
object EnvVarSource {
  fieldRef         1 ObjectFieldSelector
  resourceFieldRef 2 ResourceFieldSelector
  configMapKeyRef  3 KeySelector
  secretKeyRef     4 KeySelector
}
object ObjectFieldSelector {
  apiVersion 1 string default="v1"
  fieldPath  2 string required
}
object ResourceFieldSelector {
  containerName 1 string
  resource      2 string required
  divisor       3 quantity default="0"
}
object KeySelector {
  inline LocalObjectReference 1
  key      2 string required
  optional 3 bool
}
object EnvFromSource {
  prefix       1 string
  configMapRef 2 EnvSource
  secretRef    3 EnvSource
}
object EnvSource {
  inline LocalObjectReference 1
  optional 2 bool
}
object ResourceRequirements {
  limits   1 map[quantity]
  requests 2 map[quantity]
  claims   3 []ResourceClaim map=name
}
object ResourceClaim {
  name    1 string required
  request 2 string
}
object VolumeMount {
  name              1 string required
  readOnly          2 bool
  mountPath         3 string required
  subPath           4 string
  mountPropagation  5 string enum=Bidirectional|HostToContainer|None
  subPathExpr       6 string
  recursiveReadOnly 7 string enum=Disabled|Enabled|IfPossible
}
object VolumeDevice {
  name       1 string required
  devicePath 2 string required
}
object ContainerResizePolicy {
  resourceName  1 string required
  restartPolicy 2 string required
}

object Probe {
  inline ProbeHandler 1
  initialDelaySeconds           2 int32 min=0
  timeoutSeconds                3 int32 default=1 min=0
  periodSeconds                 4 int32 default=10 min=0
  successThreshold              5 int32 default=1 min=0
  failureThreshold              6 int32 default=3 min=0
  terminationGracePeriodSeconds 7 int64
}
object ProbeHandler {
  exec      1 ExecAction
  httpGet   2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  grpc      4 GRPCAction
}
object Lifecycle {
  postStart  1 LifecycleHandler
  preStop    2 LifecycleHandler
  stopSignal 3 string
}
object LifecycleHandler {
  exec      1 ExecAction
  httpGet   2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  sleep     4 SleepAction
}
object ExecAction {
  command 1 []string
}
object HTTPGetAction {
  path        1 string default="/"
  port        2 intstr required
  host        3 string
  scheme      4 string default="HTTP" enum=HTTP|HTTPS
  httpHeaders 5 []HTTPHeader
}
object HTTPHeader {
  name  1 string required
  value 2 string always
}
object TCPSocketAction {
  port 1 intstr required
  host 2 string
}
object GRPCAction {
  port    1 int32 required
  service 2 string default=""
}
object SleepAction {
  seconds 1 int64 required
}

object SecurityContext {
  capabilities              1 Capabilities
  privileged                2 bool
  seLinuxOptions            3 SELinuxOptions
  runAsUser                 4 int64
  runAsNonRoot              5 bool
  readOnlyRootFilesystem    6 bool
  allowPrivilegeEscalation  7 bool
  runAsGroup                8 int64
  procMount                 9 string enum=Default|Unmasked
  windowsOptions           10 WindowsSecurityContextOptions
  seccompProfile           11 SecurityProfile
  appArmorProfile          12 SecurityProfile
}
object Capabilities {
  add  1 []string
  drop 2 []string
}
object SELinuxOptions {
  user  1 string
  role  2 string
  type  3 string
  level 4 string
}
object WindowsSecurityContextOptions {
  gmsaCredentialSpecName 1 string
  gmsaCredentialSpec     2 string
  runAsUserName          3 string
  hostProcess            4 bool
}
object SecurityProfile {
  type             1 string required enum=Localhost|RuntimeDefault|Unconfined
  localhostProfile 2 string
}
object PodSecurityContext {
  seLinuxOptions            1 SELinuxOptions
  runAsUser                 2 int64
  runAsNonRoot              3 bool
  supplementalGroups        4 []int64
  fsGroup                   5 int64
  runAsGroup                6 int64
  sysctls                   7 []Sysctl
  windowsOptions            8 WindowsSecurityContextOptions
  fsGroupChangePolicy       9 string enum=Always|OnRootMismatch
  seccompProfile           10 SecurityProfile
  appArmorProfile          11 SecurityProfile
  supplementalGroupsPolicy 12 string enum=Merge|Strict
  seLinuxChangePolicy      13 string enum=MountOption|Recursive
}
object Sysctl {
  name  1 string required
  value 2 string required
}

object HostAlias {
  ip        1 string required
  hostnames 2 []string
}
object PodDNSConfig {
  nameservers 1 []string
  searches    2 []string
  options     3 []PodDNSConfigOption
}
object PodDNSConfigOption {
  name  1 string
  value 2 string
}
object PodReadinessGate {
  conditionType 1 string required
}
object PodOS {
  name 1 string required enum=linux|windows
}
object PodSchedulingGate {
  name 1 string required
}
object PodResourceClaim {
  name                      1 string required
  resourceClaimName         3 string
  resourceClaimTemplateName 4 string
}

object Affinity {
  nodeAffinity    1 NodeAffinity
  podAffinity     2 PodAffinity
  podAntiAffinity 3 PodAffinity
}
object NodeAffinity {
  requiredDuringSchedulingIgnoredDuringExecution  1 NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution 2 []PreferredSchedulingTerm
}
object NodeSelector {
  nodeSelectorTerms 1 []NodeSelectorTerm required
}
object NodeSelectorTerm {
  matchExpressions 1 []NodeSelectorRequirement
  matchFields      2 []NodeSelectorRequirement
}
object NodeSelectorRequirement {
  key      1 string required
  operator 2 string required enum=DoesNotExist|Exists|Gt|In|Lt|NotIn
  values   3 []string
}
object PreferredSchedulingTerm {
  weight     1 int32 required
  preference 2 NodeSelectorTerm required
}
object PodAffinity {
  requiredDuringSchedulingIgnoredDuringExecution  1 []PodAffinityTerm
  preferredDuringSchedulingIgnoredDuringExecution 2 []WeightedPodAffinityTerm
}
object WeightedPodAffinityTerm {
  weight          1 int32 required
  podAffinityTerm 2 PodAffinityTerm required
}
object PodAffinityTerm {
  labelSelector     1 LabelSelector
  namespaces        2 []string
  topologyKey       3 string required
  namespaceSelector 4 LabelSelector
  matchLabelKeys    5 []string
  mismatchLabelKeys 6 []string
}
object Toleration {
  key               1 string
  operator          2 string enum=Equal|Exists
  value             3 string
  effect            4 string enum=NoExecute|NoSchedule|PreferNoSchedule
  tolerationSeconds 5 int64
}
object TopologySpreadConstraint {
  maxSkew            1 int32 required
  topologyKey        2 string required
  whenUnsatisfiable  3 string required enum=DoNotSchedule|ScheduleAnyway
  labelSelector      4 LabelSelector
  minDomains         5 int32
  nodeAffinityPolicy 6 string enum=Honor|Ignore
  nodeTaintsPolicy   7 string enum=Honor|Ignore
  matchLabelKeys     8 []string
}

object PodStatus {
  phase                       1 string enum=Failed|Pending|Running|Succeeded|Unknown default="Pending"
  conditions                  2 []PodCondition merge=type map=type
  message                     3 string
  reason                      4 string
  hostIP                      5 string
  podIP                       6 string
  startTime                   7 time
  containerStatuses           8 []ContainerStatus
  qosClass                    9 string enum=BestEffort|Burstable|Guaranteed
  initContainerStatuses      10 []ContainerStatus
  nominatedNodeName          11 string
  podIPs                     12 []PodIP merge=ip map=ip
  ephemeralContainerStatuses 13 []ContainerStatus
  resize                     14 string
  resourceClaimStatuses      15 []PodResourceClaimStatus merge=name map=name retain
  hostIPs                    16 []PodIP merge=ip
  observedGeneration         17 int64
}
object PodCondition {
  type               1 string required
  status             2 string required
  lastProbeTime      3 time
  lastTransitionTime 4 time
  reason             5 string
  message            6 string
  observedGeneration 7 int64
}
object ContainerStatus {
  name                      1 string required
  state                     2 ContainerState
  lastState                 3 ContainerState default={}
  ready                     4 bool always
  restartCount              5 int32 always
  image                     6 string always
  imageID                   7 string always
  containerID               8 string
  started                   9 bool
  allocatedResources       10 map[quantity]
  resources                11 ResourceRequirements
  volumeMounts             12 []VolumeMountStatus merge=mountPath map=mountPath
  user                     13 ContainerUser
  allocatedResourcesStatus 14 []ResourceStatus merge=name map=name
  stopSignal               15 string
}
object ContainerState {
  waiting    1 ContainerStateWaiting
  running    2 ContainerStateRunning
  terminated 3 ContainerStateTerminated
}
object ContainerStateWaiting {
  reason  1 string
  message 2 string
}
object ContainerStateRunning {
  startedAt 1 time
}
object ContainerStateTerminated {
  exitCode    1 int32 always
  signal      2 int32
  reason      3 string
  message     4 string
  startedAt   5 time
  finishedAt  6 time
  containerID 7 string
}
object VolumeMountStatus {
  name              1 string required
  mountPath         2 string required
  readOnly          3 bool
  recursiveReadOnly 4 string
}
object ContainerUser {
  linux 1 LinuxContainerUser
}
object LinuxContainerUser {
  uid                1 int64 always
  gid                2 int64 always
  supplementalGroups 3 []int64
}
object ResourceStatus {
  name      1 string required
  resources 2 []ResourceHealth map=resourceID
}
object ResourceHealth {
  resourceID 1 string required
  health     2 string
}
object PodIP {
  ip 1 string required
}
object PodResourceClaimStatus {
  name              1 string required
  resourceClaimName 2 string
}
)";
}

}  // namespace leat::api
