#include "api/builtin.h"

namespace leat::api {

std::string_view ExtensionRows() {
  return R"(
group coordination.k8s.io/v1

kind Lease leases namespaced {
  spec 2 LeaseSpec
  column Name   string "Name of the lease"
  column Holder string "Who holds it"
  column Age    string "Time since its creation"
}
object LeaseSpec {
  holderIdentity       1 string
  leaseDurationSeconds 2 int32
  acquireTime          3 time
  renewTime            4 time
  leaseTransitions     5 int32
  strategy             6 string
  preferredHolder      7 string
}

group apiextensions.k8s.io/v1

kind CustomResourceDefinition customresourcedefinitions short=crd,crds category=api-extensions status {
  spec   2 CustomResourceDefinitionSpec required
  status 3 CustomResourceDefinitionStatus
  column Name         string "Name of the definition"
  column "Created At" date   "When it was created"
}
object CustomResourceDefinitionSpec {
  group                  1 string required
  names                  3 CustomResourceDefinitionNames required
  scope                  4 string required enum=Cluster|Namespaced
  versions               7 []CustomResourceDefinitionVersion required
  conversion             9 CustomResourceConversion
  preserveUnknownFields 10 bool
}
object CustomResourceDefinitionNames {
  plural     1 string required
  singular   2 string
  shortNames 3 []string
  kind       4 string required
  listKind   5 string
  categories 6 []string
}
object CustomResourceDefinitionVersion {
  name                     1 string required
  served                   2 bool required
  storage                  3 bool required
  schema                   4 CustomResourceValidation
  subresources             5 CustomResourceSubresources
  additionalPrinterColumns 6 []CustomResourceColumnDefinition
  deprecated               7 bool
  deprecationWarning       8 string
  selectableFields         9 []SelectableField
}
object CustomResourceValidation {
  openAPIV3Schema 1 any
}
object CustomResourceSubresources {
  status 1 any
  scale  2 CustomResourceSubresourceScale
}
object CustomResourceSubresourceScale {
  specReplicasPath   1 string required
  statusReplicasPath 2 string required
  labelSelectorPath  3 string
}
object CustomResourceColumnDefinition {
  name        1 string required
  type        2 string required enum=boolean|date|integer|number|string
  format      3 string
  description 4 string
  priority    5 int32
  jsonPath    6 string required
}
object SelectableField {
  jsonPath 1 string required
}
object CustomResourceConversion {
  strategy 1 string required enum=None|Webhook
  webhook  2 WebhookConversion
}
object WebhookConversion {
  clientConfig             2 WebhookClientConfig
  conversionReviewVersions 3 []string required
}
object WebhookClientConfig {
  service  1 WebhookService
  caBundle 2 bytes
  url      3 string
}
object WebhookService {
  namespace 1 string required
  name      2 string required
  path      3 string
  port      4 int32
}
object CustomResourceDefinitionStatus {
  conditions     1 []CustomResourceDefinitionCondition map=type
  acceptedNames  2 AcceptedNames
  storedVersions 3 []string
}
object AcceptedNames {
  plural     1 string always
  singular   2 string
  shortNames 3 []string
  kind       4 string always
  listKind   5 string
  categories 6 []string
}
object CustomResourceDefinitionCondition {
  type               1 string required
  status             2 string required
  lastTransitionTime 3 time
  reason             4 string
  message            5 string
  observedGeneration 6 int64
}

group apiextensions.k8s.io/v1beta1

kind CustomResourceDefinition customresourcedefinitions status served-only {
  spec   2 V1Beta1DefinitionSpec required
  status 3 CustomResourceDefinitionStatus
  column Name         string "Name of the definition"
  column "Created At" date   "When it was created"
}
object V1Beta1DefinitionSpec {
  group                     1 string required
  version                   2 string
  names                     3 CustomResourceDefinitionNames required
  scope                     4 string default="Namespaced" enum=Cluster|Namespaced
  validation                5 CustomResourceValidation
  subresources              6 CustomResourceSubresources
  versions                  7 []V1Beta1DefinitionVersion
  additionalPrinterColumns  8 []V1Beta1ColumnDefinition
  conversion                9 V1Beta1Conversion
  preserveUnknownFields    10 bool default=true
}
object V1Beta1DefinitionVersion {
  name                     1 string required
  served                   2 bool
  storage                  3 bool
  schema                   4 CustomResourceValidation
  subresources             5 CustomResourceSubresources
  additionalPrinterColumns 6 []V1Beta1ColumnDefinition
  deprecated               7 bool
  deprecationWarning       8 string
}
object V1Beta1ColumnDefinition {
  name        1 string required
  type        2 string required enum=boolean|date|integer|number|string
  format      3 string
  description 4 string
  priority    5 int32
  JSONPath    6 string required
}
object V1Beta1Conversion {
  strategy                 1 string required enum=None|Webhook
  webhookClientConfig      2 WebhookClientConfig
  conversionReviewVersions 3 []string
}
)";
}

}  // namespace leat::api
