#include "api/builtin.h"

namespace leat::api {

std::string_view VolumeRows() {
  return R"(
object Volume {
  name 1 string required
  inline VolumeSource 2
}
object VolumeSource {
  hostPath               1 HostPathVolumeSource
  emptyDir               2 EmptyDirVolumeSource
  gcePersistentDisk      3 GCEPersistentDiskVolumeSource
  awsElasticBlockStore   4 AWSElasticBlockStoreVolumeSource
  gitRepo                5 GitRepoVolumeSource
  secret                 6 SecretVolumeSource
  nfs                    7 NFSVolumeSource
  iscsi                  8 ISCSIVolumeSource
  glusterfs              9 GlusterfsVolumeSource
  persistentVolumeClaim 10 PersistentVolumeClaimVolumeSource
  rbd                   11 RBDVolumeSource
  flexVolume            12 FlexVolumeSource
  cinder                13 CinderVolumeSource
  cephfs                14 CephFSVolumeSource
  flocker               15 FlockerVolumeSource
  downwardAPI           16 DownwardAPIVolumeSource
  fc                    17 FCVolumeSource
  azureFile             18 AzureFileVolumeSource
  configMap             19 ConfigMapVolumeSource
  vsphereVolume         20 VsphereVirtualDiskVolumeSource
  quobyte               21 QuobyteVolumeSource
  azureDisk             22 AzureDiskVolumeSource
  photonPersistentDisk  23 PhotonPersistentDiskVolumeSource
  portworxVolume        24 PortworxVolumeSource
  scaleIO               25 ScaleIOVolumeSource
  projected             26 ProjectedVolumeSource
  storageos             27 StorageOSVolumeSource
  csi                   28 CSIVolumeSource
  ephemeral             29 EphemeralVolumeSource
  image                 30 ImageVolumeSource
}
object HostPathVolumeSource {
  path 1 string required
  type 2 string default=""
}
object EmptyDirVolumeSource {
  medium    1 string
  sizeLimit 2 quantity
}
object SecretVolumeSource {
  secretName  1 string
  items       2 []KeyToPath
  defaultMode 3 int32 default=420
  optional    4 bool
}
object ConfigMapVolumeSource {
  inline LocalObjectReference 1
  items       2 []KeyToPath
  defaultMode 3 int32 default=420
  optional    4 bool
}
object KeyToPath {
  key  1 string required
  path 2 string required
  mode 3 int32
}
object NFSVolumeSource {
  server   1 string required
  path     2 string required
  readOnly 3 bool
}
object PersistentVolumeClaimVolumeSource {
  claimName 1 string required
  readOnly  2 bool
}
object DownwardAPIVolumeSource {
  items       1 []DownwardAPIVolumeFile
  defaultMode 2 int32 default=420
}
object DownwardAPIVolumeFile {
  path             1 string required
  fieldRef         2 ObjectFieldSelector
  resourceFieldRef 3 ResourceFieldSelector
  mode             4 int32
}
object ProjectedVolumeSource {
  sources     1 []VolumeProjection
  defaultMode 2 int32 default=420
}
object VolumeProjection {
  secret              1 KeysProjection
  downwardAPI         2 DownwardAPIProjection
  configMap           3 KeysProjection
  serviceAccountToken 4 ServiceAccountTokenProjection
  clusterTrustBundle  5 ClusterTrustBundleProjection
}
object KeysProjection {
  inline LocalObjectReference 1
  items    2 []KeyToPath
  optional 4 bool
}
object DownwardAPIProjection {
  items 1 []DownwardAPIVolumeFile
}
object ServiceAccountTokenProjection {
  audience          1 string
  expirationSeconds 2 int64 default=3600
  path              3 string required
}
object ClusterTrustBundleProjection {
  name          1 string
  signerName    2 string
  labelSelector 3 LabelSelector
  path          4 string required
  optional      5 bool
}
object CSIVolumeSource {
  driver               1 string required
  readOnly             2 bool
  fsType               3 string
  volumeAttributes     4 map[string]
  nodePublishSecretRef 5 LocalObjectReference
}
object EphemeralVolumeSource {
  volumeClaimTemplate 1 PersistentVolumeClaimTemplate
}
object PersistentVolumeClaimTemplate {
  metadata 1 ObjectMeta
  spec     2 PersistentVolumeClaimSpec required
}
object PersistentVolumeClaimSpec {
  accessModes               1 []string
  resources                 2 VolumeResourceRequirements
  volumeName                3 string
  selector                  4 LabelSelector
  storageClassName          5 string
  volumeMode                6 string default="Filesystem" enum=Block|Filesystem
  dataSource                7 TypedLocalObjectReference
  dataSourceRef             8 TypedObjectReference
  volumeAttributesClassName 9 string
}
object VolumeResourceRequirements {
  limits   1 map[quantity]
  requests 2 map[quantity]
}
object ImageVolumeSource {
  reference  1 string
  pullPolicy 2 string enum=Always|IfNotPresent|Never
}
object GCEPersistentDiskVolumeSource {
  pdName    1 string required
  fsType    2 string
  partition 3 int32
  readOnly  4 bool
}
object AWSElasticBlockStoreVolumeSource {
  volumeID  1 string required
  fsType    2 string
  partition 3 int32
  readOnly  4 bool
}
object GitRepoVolumeSource {
  repository 1 string required
  revision   2 string
  directory  3 string
}
object ISCSIVolumeSource {
  targetPortal       1 string required
  iqn                2 string required
  lun                3 int32 always
  iscsiInterface     4 string default="default"
  fsType             5 string
  readOnly           6 bool
  portals            7 []string
  chapAuthDiscovery  8 bool
  secretRef         10 LocalObjectReference
  chapAuthSession   11 bool
  initiatorName     12 string
}
object GlusterfsVolumeSource {
  endpoints 1 string required
  path      2 string required
  readOnly  3 bool
}
object RBDVolumeSource {
  monitors  1 []string required
  image     2 string required
  fsType    3 string
  pool      4 string default="rbd"
  user      5 string default="admin"
  keyring   6 string default="/etc/ceph/keyring"
  secretRef 7 LocalObjectReference
  readOnly  8 bool
}
object FlexVolumeSource {
  driver    1 string required
  fsType    2 string
  secretRef 3 LocalObjectReference
  readOnly  4 bool
  options   5 map[string]
}
object CinderVolumeSource {
  volumeID  1 string required
  fsType    2 string
  readOnly  3 bool
  secretRef 4 LocalObjectReference
}
object CephFSVolumeSource {
  monitors   1 []string required
  path       2 string
  user       3 string
  secretFile 4 string
  secretRef  5 LocalObjectReference
  readOnly   6 bool
}
object FlockerVolumeSource {
  datasetName 1 string
  datasetUUID 2 string
}
object FCVolumeSource {
  targetWWNs 1 []string
  lun        2 int32
  fsType     3 string
  readOnly   4 bool
  wwids      5 []string
}
object AzureFileVolumeSource {
  secretName 1 string required
  shareName  2 string required
  readOnly   3 bool
}
object VsphereVirtualDiskVolumeSource {
  volumePath        1 string required
  fsType            2 string
  storagePolicyName 3 string
  storagePolicyID   4 string
}
object QuobyteVolumeSource {
  registry 1 string required
  volume   2 string required
  readOnly 3 bool
  user     4 string
  group    5 string
  tenant   6 string
}
object AzureDiskVolumeSource {
  diskName    1 string required
  diskURI     2 string required
  cachingMode 3 string default="ReadWrite"
  fsType      4 string default="ext4"
  readOnly    5 bool default=false
  kind        6 string default="Shared"
}
object PhotonPersistentDiskVolumeSource {
  pdID   1 string required
  fsType 2 string
}
object PortworxVolumeSource {
  volumeID 1 string required
  fsType   2 string
  readOnly 3 bool
}
object ScaleIOVolumeSource {
  gateway           1 string required
  system            2 string required
  secretRef         3 LocalObjectReference required
  sslEnabled        4 bool
  protectionDomain  5 string
  storagePool       6 string
  storageMode       7 string default="ThinProvisioned"
  volumeName        8 string
  fsType            9 string default="xfs"
  readOnly         10 bool
}
object StorageOSVolumeSource {
  volumeName      1 string
  volumeNamespace 2 string
  fsType          3 string
  readOnly        4 bool
  secretRef       5 LocalObjectReference
}
)";
}

}  // namespace leat::api
