#include "api/builtin.h"

namespace leat::api {

std::string_view MetaRows() {
  return R"(
object ObjectMeta {
  name                        1 string
  generateName                2 string
  namespace                   3 string
  selfLink                    4 string
  uid                         5 string
  resourceVersion             6 string
  generation                  7 int64
  creationTimestamp           8 time
  deletionTimestamp           9 time
  deletionGracePeriodSeconds 10 int64
  labels                     11 map[string]
  annotations                12 map[string]
  ownerReferences            13 []OwnerReference merge=uid map=uid
  finalizers                 14 []string primitives set
  managedFields              17 []ManagedFieldsEntry
}
object OwnerReference {
  kind               1 string always
  name               3 string always
  uid                4 string always
  apiVersion         5 string always
  controller         6 bool
  blockOwnerDeletion 7 bool
}
object ManagedFieldsEntry {
  manager     1 string
  operation   2 string
  apiVersion  3 string
  time        4 time
  fieldsType  6 string
  fieldsV1    7 any
  subresource 8 string
}
object Condition {
  type               1 string always
  status             2 string always
  observedGeneration 3 int64
  lastTransitionTime 4 time always
  reason             5 string always
  message            6 string always
}
object LabelSelector {
  matchLabels      1 map[string]
  matchExpressions 2 []LabelSelectorRequirement
}
object LabelSelectorRequirement {
  key      1 string required
  operator 2 string required enum=DoesNotExist|Exists|In|NotIn
  values   3 []string
}
)";
}

}  // namespace leat::api
