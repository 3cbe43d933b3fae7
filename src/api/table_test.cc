#include "api/table.h"

#include <gtest/gtest.h>

#include "api/custom_type.h"
#include "api/table_cells.h"
#include "api/testing/objects.h"

namespace leat::api {
namespace {

WallTime At(std::string_view text) { return ParseTime(text).value_or(WallTime()); }
const WallTime kNow = At("2026-01-01T01:00:00Z");

json::Value Table(const Type& type, const json::Value& object,
                  IncludeObject include = IncludeObject::kNone) {
  return MakeTable(type, type.StorageVersion(), {&object}, Y("{resourceVersion: '7'}"), include,
                   kNow);
}

json::Value Cells(std::string_view group, std::string_view kind, std::string_view object) {
  const TypePtr type = TypeTable().FindKind(group, kind);
  return Table(*type, Y(object))["rows"][0]["cells"];
}

TEST(PodStatus, SaysWhatThePodIsDoing) {
  struct Case {
    const char* name;
    const char* pod;
    const char* ready;
    const char* status;
    const char* restarts;
  };
  const Case cases[] = {
      {"pending", "{spec: {containers: [{name: a}]}, status: {phase: Pending}}", "0/1", "Pending",
       "0"},
      {"creating",
       "{spec: {containers: [{name: a}]}, status: {phase: Pending, containerStatuses: [{name: a, "
       "state: {waiting: {reason: ContainerCreating}}}]}}",
       "0/1", "ContainerCreating", "0"},
      {"running",
       "{spec: {containers: [{name: a}, {name: b}]}, status: {phase: Running, containerStatuses: "
       "[{name: a, ready: true, state: {running: {}}}, {name: b, ready: true, state: {running: "
       "{}}}]}}",
       "2/2", "Running", "0"},
      {"restarted",
       "{spec: {containers: [{name: a}]}, status: {phase: Running, containerStatuses: [{name: a, "
       "ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {finishedAt: "
       "'2026-01-01T00:57:00Z'}}}]}}",
       "1/1", "Running", "2 (3m ago)"},
      {"crash loop",
       "{spec: {containers: [{name: a}]}, status: {phase: Running, containerStatuses: [{name: a, "
       "restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}}]}}",
       "0/1", "CrashLoopBackOff", "5"},
      {"completed",
       "{spec: {containers: [{name: a}]}, status: {phase: Succeeded, containerStatuses: [{name: a, "
       "state: {terminated: {exitCode: 0, reason: Completed}}}]}}",
       "0/1", "Completed", "0"},
      {"one of two completed, not ready",
       "{spec: {containers: [{name: a}, {name: b}]}, status: {phase: Running, containerStatuses: "
       "[{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}, {name: b, ready: true, "
       "state: {running: {}}}]}}",
       "1/2", "NotReady", "0"},
      {"error",
       "{spec: {containers: [{name: a}]}, status: {phase: Failed, containerStatuses: [{name: a, "
       "state: {terminated: {exitCode: 1, reason: Error}}}]}}",
       "0/1", "Error", "0"},
      {"exit code without reason",
       "{spec: {containers: [{name: a}]}, status: {phase: Failed, containerStatuses: [{name: a, "
       "state: {terminated: {exitCode: 3}}}]}}",
       "0/1", "ExitCode:3", "0"},
      {"signal",
       "{spec: {containers: [{name: a}]}, status: {phase: Failed, containerStatuses: [{name: a, "
       "state: {terminated: {exitCode: 137, signal: 9}}}]}}",
       "0/1", "Signal:9", "0"},
      {"status reason",
       "{spec: {containers: [{name: a}]}, status: {phase: Failed, reason: "
       "UnexpectedAdmissionError}}",
       "0/1", "UnexpectedAdmissionError", "0"},
      {"init counts",
       "{spec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}, status: {phase: "
       "Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}, {name: j, "
       "state: {running: {}}}], containerStatuses: [{name: a, state: {waiting: {reason: "
       "PodInitializing}}}]}}",
       "0/1", "Init:1/2", "0"},
      {"init error",
       "{spec: {initContainers: [{name: i}], containers: [{name: a}]}, status: {phase: Pending, "
       "initContainerStatuses: [{name: i, restartCount: 1, state: {terminated: {exitCode: 1, "
       "reason: Error}}}]}}",
       "0/1", "Init:Error", "1"},
      {"init exit code",
       "{spec: {initContainers: [{name: i}], containers: [{name: a}]}, status: {phase: Pending, "
       "initContainerStatuses: [{name: i, state: {terminated: {exitCode: 4}}}]}}",
       "0/1", "Init:ExitCode:4", "0"},
      {"init back-off",
       "{spec: {initContainers: [{name: i}], containers: [{name: a}]}, status: {phase: Pending, "
       "initContainerStatuses: [{name: i, state: {waiting: {reason: CrashLoopBackOff}}}]}}",
       "0/1", "Init:CrashLoopBackOff", "0"},
      {"pod initializing",
       "{spec: {initContainers: [{name: i}], containers: [{name: a}]}, status: {phase: Pending, "
       "conditions: [{type: Initialized, status: 'True'}], initContainerStatuses: [{name: i, "
       "state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: a, state: {waiting: "
       "{reason: PodInitializing}}}]}}",
       "0/1", "PodInitializing", "0"},
      {"sidecar counts as a container",
       "{spec: {initContainers: [{name: s, restartPolicy: Always}], containers: [{name: a}]}, "
       "status: {phase: Running, initContainerStatuses: [{name: s, started: true, ready: true, "
       "restartCount: 1, state: {running: {}}}], containerStatuses: [{name: a, ready: true, state: "
       "{running: {}}}]}}",
       "2/2", "Running", "1"},
      {"terminating",
       "{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {containers: [{name: a}]}, "
       "status: {phase: Running, containerStatuses: [{name: a, ready: true, state: {running: "
       "{}}}]}}",
       "1/1", "Terminating", "0"},
      {"finished pods are not terminating",
       "{metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {containers: [{name: a}]}, "
       "status: {phase: Succeeded}}",
       "0/1", "Succeeded", "0"},
      {"gated",
       "{spec: {containers: [{name: a}]}, status: {phase: Pending, conditions: [{type: "
       "PodScheduled, status: 'False', reason: SchedulingGated}]}}",
       "0/1", "SchedulingGated", "0"},
  };
  for (const Case& c : cases) {
    const json::Value cells = Cells("", "Pod", c.pod);
    EXPECT_EQ(cells[1].AsString(), c.ready) << c.name;
    EXPECT_EQ(cells[2].AsString(), c.status) << c.name;
    EXPECT_EQ(cells[3].AsString(), c.restarts) << c.name;
  }
}

TEST(Table, PrintsBuiltInKindsAsKubectlDoes) {
  struct Case {
    const char *group, *kind, *object, *cells;
  };
  const Case cases[] = {
      {"", "Pod",
       "{metadata: {name: p, creationTimestamp: '2026-01-01T00:55:00Z'}, spec: {nodeName: n1, "
       "containers: [{name: a}], readinessGates: [{conditionType: g}]}, status: {phase: Running, "
       "podIP: 10.0.0.1, conditions: [{type: g, status: 'True'}]}}",
       "[p, 0/1, Running, '0', 5m, 10.0.0.1, n1, <none>, 1/1]"},
      {"", "Node",
       "{metadata: {name: n1, creationTimestamp: '2025-12-31T01:00:00Z', labels: "
       "{node-role.kubernetes.io/worker: '', node-role.kubernetes.io/control-plane: ''}}, spec: "
       "{unschedulable: true}, status: {conditions: [{type: Ready, status: 'True'}], addresses: "
       "[{type: InternalIP, address: 1.2.3.4}], nodeInfo: {kubeletVersion: v1.31.0, osImage: "
       "Debian}}}",
       "[n1, 'Ready,SchedulingDisabled', 'control-plane,worker', 24h, v1.31.0, 1.2.3.4, <none>, "
       "Debian, <unknown>, <unknown>]"},
      {"", "Node", "{metadata: {name: n2}}",
       "[n2, Unknown, <none>, <unknown>, '', <none>, <none>, <unknown>, <unknown>, <unknown>]"},
      {"", "Namespace",
       "{metadata: {name: a, creationTimestamp: '2026-01-01T00:59:30Z'}, status: {phase: Active}}",
       "[a, Active, 30s]"},
      {"", "Secret",
       "{metadata: {name: s, creationTimestamp: '2026-01-01T00:59:30Z'}, type: Opaque, data: {a: "
       "eA==, b: eA==}}",
       "[s, Opaque, 2, 30s]"},
      {"", "ConfigMap", "{metadata: {name: c}, data: {a: b}, binaryData: {c: eA==}}",
       "[c, 2, <unknown>]"},
      {"", "ServiceAccount", "{metadata: {name: s}}", "[s, 0, <unknown>]"},
      {"", "Event",
       "{metadata: {name: e.1}, involvedObject: {kind: Pod, name: p, fieldPath: 'spec.x'}, reason: "
       "Pulled, type: Normal, message: ' done ', count: 3, source: {component: kubelet, host: n1}, "
       "firstTimestamp: '2026-01-01T00:50:00Z', lastTimestamp: '2026-01-01T00:59:00Z'}",
       "[60s, Normal, Pulled, pod/p, spec.x, 'kubelet, n1', done, 10m, 3, e.1]"},
      {"", "Event",
       "{metadata: {name: e}, involvedObject: {kind: Node}, eventTime: '2026-01-01T00:59:00Z', "
       "reportingComponent: c, firstTimestamp: null}",
       "[60s, '', '', node, '', c, '', 60s, 1, e]"},
      {"coordination.k8s.io", "Lease", "{metadata: {name: l}, spec: {holderIdentity: me}}",
       "[l, me, <unknown>]"},
      {"apiextensions.k8s.io", "CustomResourceDefinition",
       "{metadata: {name: a.b, creationTimestamp: '2026-01-01T00:50:00Z'}}",
       "[a.b, '2026-01-01T00:50:00Z']"},
  };
  for (const Case& c : cases) EXPECT_EQ(Cells(c.group, c.kind, c.object), Y(c.cells)) << c.object;
}

TEST(Table, AgesBeyondReasonDoNotOverflow) {
  EXPECT_EQ(AgeSince("1700-01-01T00:00:00Z", kNow), "100y");
  EXPECT_EQ(AgeSince("2200-01-01T00:00:00Z", kNow), "<invalid>");
  EXPECT_EQ(AgeSince("yesterday", kNow), "<invalid>");
}

TEST(Table, HasAsManyCellsAsColumnsForEveryBuiltInKind) {
  for (const TypePtr& type : TypeTable().All()) {
    const json::Value table = Table(*type, Y("{metadata: {name: x}}"));
    EXPECT_EQ(table["columnDefinitions"].size(), table["rows"][0]["cells"].size()) << type->kind;
  }
}

TEST(Table, CarriesListMetadataAndTheObjectsAskedFor) {
  const TypePtr type = TypeTable().FindKind("", "ConfigMap");
  const json::Value map = Y("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: z}}");
  const json::Value bare = Table(*type, map);
  EXPECT_EQ(bare["kind"].AsString(), "Table");
  EXPECT_EQ(bare["apiVersion"].AsString(), "meta.k8s.io/v1");
  EXPECT_EQ(bare["metadata"]["resourceVersion"].AsString(), "7");
  EXPECT_FALSE(bare["rows"][0].Has("object"));
  EXPECT_EQ(bare["columnDefinitions"][0],
            Y("{name: Name, type: string, format: name, description: Name of the config map, "
              "priority: 0}"));
  EXPECT_EQ(Table(*type, map, IncludeObject::kMetadata)["rows"][0]["object"],
            Y("{apiVersion: meta.k8s.io/v1, kind: PartialObjectMetadata, metadata: {name: a}}"));
  EXPECT_EQ(Table(*type, map, IncludeObject::kObject)["rows"][0]["object"], map);
}

TEST(Table, MarksFinishedPods) {
  const TypePtr type = TypeTable().FindKind("", "Pod");
  const json::Value row = Table(*type, Y("{status: {phase: Succeeded}}"))["rows"][0];
  EXPECT_EQ(row["conditions"][0]["type"].AsString(), "Completed");
}

Type Custom(std::string_view columns) {
  json::Value crd = Y(R"(
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
)");
  crd.Mut("spec").Mut("versions").MutItems()[0].Set("additionalPrinterColumns", Y(columns));
  Result<Type> type = TypeOfDefinition(crd);
  EXPECT_TRUE(type.has_value());
  return *type;
}

TEST(Table, CustomColumnsAreFoundByPath) {
  const Type type = Custom(R"(
- {name: Status, type: string, jsonPath: .status.state}
- {name: Count, type: integer, jsonPath: .spec.count, priority: 1}
- {name: Ratio, type: number, jsonPath: .spec.ratio}
- {name: On, type: boolean, jsonPath: .spec.on_}
- {name: Since, type: date, jsonPath: .metadata.creationTimestamp}
- {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
- {name: All, type: string, jsonPath: '.status.conditions[*].type'}
- {name: Map, type: string, jsonPath: .spec}
- {name: Bad, type: date, jsonPath: .status.state}
- {name: None, type: string, jsonPath: .nowhere}
)");
  const json::Value table = Table(type, Y(R"(
metadata: {name: a, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {count: 3, ratio: 0.5, on_: true}
status: {state: Up, conditions: [{type: Ready, status: 'True'}, {type: Old, status: 'False'}]}
)"));
  EXPECT_EQ(table["rows"][0]["cells"],
            Y("[a, Up, 3, 0.5, true, 60m, 'True', Ready, "
              "'{\"count\":3,\"on_\":true,\"ratio\":0.5}', <invalid>, null]"));
  EXPECT_EQ(table["columnDefinitions"].size(), 11u);
  EXPECT_EQ(table["columnDefinitions"][0]["name"].AsString(), "Name");
  EXPECT_EQ(table["columnDefinitions"][2]["priority"].AsInt(), 1);
}

TEST(Table, CustomKindsWithoutColumnsShowNameAndAge) {
  const Type type = Custom("[]");
  const json::Value table =
      Table(type, Y("{metadata: {name: a, creationTimestamp: '2026-01-01T00:59:58Z'}}"));
  EXPECT_EQ(table["rows"][0]["cells"], Y("[a, 2s]"));
  EXPECT_EQ(table["columnDefinitions"][1]["name"].AsString(), "Age");
  EXPECT_EQ(table["columnDefinitions"][1]["type"].AsString(), "date");
}

}  // namespace
}  // namespace leat::api
