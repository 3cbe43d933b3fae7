#include "api/builtin.h"

namespace leat::api {

std::string_view CoreRows() {
  return R"(
group v1

object LocalObjectReference {
  name 1 string
}
object ObjectReference {
  kind            1 string
  namespace       2 string
  name            3 string
  uid             4 string
  apiVersion      5 string
  resourceVersion 6 string
  fieldPath       7 string
}
object TypedLocalObjectReference {
  apiGroup 1 string
  kind     2 string required
  name     3 string required
}
object TypedObjectReference {
  apiGroup  1 string
  kind      2 string required
  name      3 string required
  namespace 4 string
}

kind Namespace namespaces short=ns status {
  spec   2 NamespaceSpec default={}
  status 3 NamespaceStatus
  column Name   string "Name of the namespace"
  column Status string "Active, or Terminating while its contents are being deleted"
  column Age    string "Time since its creation"
}
object NamespaceSpec {
  finalizers 1 []string
}
object NamespaceStatus {
  phase      1 string enum=Active|Terminating
  conditions 2 []NamespaceCondition merge=type map=type
}
object NamespaceCondition {
  type               1 string required
  status             2 string required
  lastTransitionTime 4 time
  reason             5 string
  message            6 string
}

kind Secret secrets namespaced {
  data       2 map[bytes]
  type       3 string default="Opaque"
  stringData 4 map[string]
  immutable  5 bool
  column Name string "Name of the secret"
  column Type string "What the secret is for, e.g. Opaque"
  column Data string "Number of keys"
  column Age  string "Time since its creation"
}

kind ConfigMap configmaps short=cm namespaced {
  data       2 map[string]
  binaryData 3 map[bytes]
  immutable  4 bool
  column Name string "Name of the config map"
  column Data string "Number of keys"
  column Age  string "Time since its creation"
}

kind ServiceAccount serviceaccounts short=sa namespaced {
  secrets                      2 []ObjectReference merge=name map=name
  imagePullSecrets             3 []LocalObjectReference
  automountServiceAccountToken 4 bool
  column Name    string "Name of the service account"
  column Secrets string "Number of secrets"
  column Age     string "Time since its creation"
}

kind Event events short=ev namespaced {
  involvedObject      2 ObjectReference required
  reason              3 string
  message             4 string
  source              5 EventSource default={}
  firstTimestamp      6 time nullable
  lastTimestamp       7 time nullable
  count               8 int32
  type                9 string
  eventTime          10 time nullable
  series             11 EventSeries
  action             12 string
  related            13 ObjectReference
  reportingComponent 14 string default=""
  reportingInstance  15 string default=""
  column "Last Seen"  string "Time since it was last seen"
  column Type         string "Normal or Warning"
  column Reason       string "Short, machine-readable reason"
  column Object       string "What it is about"
  column Subobject    string wide "The part of the object"
  column Source       string wide "Who reports it"
  column Message      string "What happened"
  column "First Seen" string wide "Time since it was first seen"
  column Count        string wide "How often it was seen"
  column Name         string wide "Name of the event"
}
object EventSource {
  component 1 string
  host      2 string
}
object EventSeries {
  count            1 int32
  lastObservedTime 2 time
}

kind Binding bindings namespaced body-only {
  target 2 ObjectReference required
}
)";
}

}  // namespace leat::api
