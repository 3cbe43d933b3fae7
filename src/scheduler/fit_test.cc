#include "scheduler/fit.h"

#include <gtest/gtest.h>

#include "json/yaml.h"

namespace leat::scheduler {
namespace {

json::Value Yaml(std::string_view text) { return json::ParseYaml(text)->front(); }

json::Value Node(std::string_view name, std::string_view cpu = "4",
                 std::string_view memory = "8Gi") {
  json::Value node = Yaml(R"(
metadata: {name: x, labels: {disk: ssd}}
status:
  allocatable: {pods: "3"}
  conditions: [{type: Ready, status: "True"}]
)");
  node.Mut("metadata").Set("name", name);
  node.Mut("status").Mut("allocatable").Set("cpu", cpu).Set("memory", memory);
  return node;
}

json::Value Pod(std::string_view cpu, std::string_view memory = "0") {
  json::Value pod = Yaml("spec: {containers: [{resources: {requests: {}}}]}");
  pod.Mut("spec")
      .Mut("containers")
      .MutItems()[0]
      .Mut("resources")
      .Mut("requests")
      .Set("cpu", cpu)
      .Set("memory", memory);
  return pod;
}

TEST(Reject, HostPortsThatAnotherPodHas) {
  const auto pod = [](std::string_view ports) {
    return Yaml("spec: {containers: [{ports: [" + std::string(ports) + "]}]}");
  };
  NodeState node = StateOf(Node("n"));
  AddPod(node, pod("{containerPort: 80, hostPort: 8080}, {containerPort: 1, hostPort: 53, "
                   "hostIP: 10.0.0.1, protocol: UDP}"));
  const std::vector<std::string> taken = {
      "node(s) didn't have free ports for the requested pod ports"};
  for (const char* ports :
       {"{hostPort: 8080}", "{hostPort: 8080, hostIP: 10.0.0.2}", "{hostPort: 53, protocol: UDP}",
        "{hostPort: 53, hostIP: 10.0.0.1, protocol: UDP}"})
    EXPECT_EQ(Reject(pod(ports), node), taken) << ports;
  for (const char* ports : {"{containerPort: 8080}", "{hostPort: 8080, protocol: UDP}",
                            "{hostPort: 53}", "{hostPort: 53, hostIP: 10.0.0.2, protocol: UDP}"})
    EXPECT_EQ(Reject(pod(ports), node), std::vector<std::string>()) << ports;
}

TEST(Requests, AreTheLargerOfRunningAndStarting) {
  const Resources requests = RequestsOf(Yaml(R"(
spec:
  initContainers:
  - {name: big, resources: {requests: {cpu: 3}}}
  - {name: sidecar, restartPolicy: Always, resources: {requests: {cpu: 500m}}}
  - {name: late, resources: {requests: {cpu: 1}}}
  containers:
  - {resources: {requests: {cpu: 1, memory: 1Gi}}}
  - {resources: {requests: {cpu: 1}}}
  overhead: {cpu: 100m}
)"));
  EXPECT_EQ(requests.at("cpu"), 3100);  // the first init container, and the overhead
  EXPECT_EQ(requests.at("memory"), (1LL << 30) * 1000);
}

TEST(Choose, SaysHowManyNodesLackWhat) {
  const std::vector<NodeState> one = {StateOf(Node("a"))};
  EXPECT_EQ(Choose(Pod("5"), one).error().message, "0/1 nodes are available: 1 Insufficient cpu.");
  NodeState cordoned = StateOf(Node("b"));
  cordoned.object.Mut("spec").Set("unschedulable", true);
  EXPECT_EQ(Choose(Pod("5"), {one[0], cordoned}).error().message,
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.");
  EXPECT_EQ(Choose(Pod("1"), {}).error().message, "no nodes available to schedule pods");
}

TEST(Choose, TakesTheEmptierNode) {
  NodeState full = StateOf(Node("full")), empty = StateOf(Node("empty"));
  AddPod(full, Pod("3"));
  EXPECT_EQ(*Choose(Pod("1"), {full, empty}), "empty");
}

TEST(Reject, CountsWhatRunsThere) {
  NodeState node = StateOf(Node("a"));
  AddPod(node, Pod("3"));
  EXPECT_TRUE(Reject(Pod("1"), node).empty());
  EXPECT_EQ(Reject(Pod("1500m"), node), std::vector<std::string>{"Insufficient cpu"});
  AddPod(node, Pod("0"));
  AddPod(node, Pod("0"));
  EXPECT_EQ(Reject(Pod("0"), node), std::vector<std::string>{"Too many pods"});
}

TEST(Reject, SumsThatNoNumberHoldsDoNotFit) {
  NodeState node = StateOf(Node("a"));
  AddPod(node, Pod("1", "1Gi"));
  EXPECT_EQ(Reject(Pod("1", "9Pi"), node), std::vector<std::string>{"Insufficient memory"});
  json::Value two = Pod("1", "8Ei");
  const json::Value container = two["spec"]["containers"].Items()[0];
  two.Mut("spec").Set("containers", json::Array({container, container}));
  EXPECT_EQ(Reject(two, node), std::vector<std::string>{"Insufficient memory"});
  AddPod(node, two);
  EXPECT_EQ(Reject(Pod("0", "1"), node), std::vector<std::string>{"Insufficient memory"});
  EXPECT_GE(Score(two, node), 0);
}

TEST(Reject, ComparesLabelsOfNodes) {
  NodeState node = StateOf(Node("a"));
  node.object.Mut("metadata").Mut("labels").Set("gpus", "4");
  const auto fits = [&](const std::string& op, const std::string& value) {
    json::Value pod = Pod("1");
    pod.Mut("spec").Set(
        "affinity",
        Yaml(
            R"({nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: gpus, operator: )" +
            op + ", values: [\"" + value + "\"]}]}]}}}"));
    return Reject(pod, node).empty();
  };
  EXPECT_TRUE(fits("Gt", "2"));
  EXPECT_FALSE(fits("Gt", "4"));
  EXPECT_TRUE(fits("Lt", "5"));
  EXPECT_FALSE(fits("Lt", "4"));
  EXPECT_FALSE(fits("Gt", "two"));
  EXPECT_TRUE(fits("In", "4"));
}

TEST(Reject, HonoursTaintsAndTolerations) {
  NodeState node = StateOf(Node("a"));
  node.object.Mut("spec").Mut("taints").Push(Yaml("{key: gpu, value: 'yes', effect: NoSchedule}"));
  json::Value pod = Pod("1");
  EXPECT_EQ(Reject(pod, node),
            std::vector<std::string>{"node(s) had untolerated taint {gpu: yes}"});
  pod.Mut("spec").Mut("tolerations").Push(Yaml("{key: gpu, operator: Exists}"));
  EXPECT_TRUE(Reject(pod, node).empty());
}

TEST(Reject, HonoursSelectorAndAffinity) {
  const NodeState node = StateOf(Node("a"));
  json::Value pod = Pod("1");
  pod.Mut("spec").Mut("nodeSelector").Set("disk", "hdd");
  EXPECT_EQ(Reject(pod, node),
            std::vector<std::string>{"node(s) didn't match Pod's node affinity/selector"});
  pod.Mut("spec").Mut("nodeSelector").Set("disk", "ssd");
  pod.Mut("spec").Set("affinity", Yaml(R"(
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
    - matchFields: [{key: metadata.name, operator: In, values: [b]}]
    - matchExpressions: [{key: disk, operator: In, values: [ssd, nvme]}]
)"));
  EXPECT_TRUE(Reject(pod, node).empty());
}

TEST(Reject, ANodeThatIsNotReadyTakesNothing) {
  NodeState node = StateOf(Node("a"));
  node.object.Mut("status").Mut("conditions").MutItems()[0].Set("status", "False");
  EXPECT_EQ(Reject(Pod("0"), node), std::vector<std::string>{"node(s) were not ready"});
}

}  // namespace
}  // namespace leat::scheduler
