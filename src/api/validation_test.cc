#include "api/validation.h"

#include <gtest/gtest.h>

#include "api/testing/objects.h"

namespace leat::api {
namespace {

// What is wrong with an object after the defaults that every object gets.
Lines Wrong(std::string_view group, std::string_view kind, json::Value object,
            const json::Value* old = nullptr) {
  static const TypeTable table;
  const TypePtr type = table.FindKind(group, kind);
  const TypeVersion& version = type->StorageVersion();
  EXPECT_EQ(Prune(*version.schema, object), Lines{});
  ApplyDefaults(*version.schema, object);
  DefaultObject(*type, version, object);
  return Texts(ValidateObject(*type, version, object, old));
}

Lines WrongMeta(std::string_view metadata) {
  return Wrong("", "ConfigMap", json::Object({{"metadata", Y(metadata)}}));
}

json::Value Pod(std::string_view spec) {
  return json::Object({{"metadata", Y("{name: p, namespace: ns}")}, {"spec", Y(spec)}});
}
Lines WrongPod(std::string_view spec) { return Wrong("", "Pod", Pod(spec)); }

constexpr const char* kSubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kLabel =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

TEST(Names, FollowTheirRules) {
  for (const char* good : {"a", "a-b", "0", "a1", "123-abc"})
    EXPECT_TRUE(CheckDns1123Label(good).empty()) << good;
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "ä"})
    EXPECT_EQ(CheckDns1123Label(bad), Lines{kLabel}) << bad;
  EXPECT_EQ(CheckDns1123Label(std::string(64, 'a')), Lines{"must be no more than 63 characters"});
  EXPECT_TRUE(CheckDns1123Subdomain("a.b-c.d").empty());
  for (const char* bad : {"a..b", ".a", "a.", "a.-b", "A.b"})
    EXPECT_EQ(CheckDns1123Subdomain(bad), Lines{kSubdomain}) << bad;
  EXPECT_EQ(CheckDns1123Subdomain(std::string(254, 'a')),
            Lines{"must be no more than 253 characters"});
  for (const char* good : {"a", "example.com/A_b.c", "a/b"})
    EXPECT_TRUE(CheckQualifiedName(good).empty()) << good;
  for (const char* bad : {"", "a/b/c", "/a", "a/", "A/b", "-a", "a b"})
    EXPECT_FALSE(CheckQualifiedName(bad).empty()) << bad;
  EXPECT_EQ(CheckQualifiedName("/a")[0], "prefix part must be non-empty");
  for (const char* good : {"", "a", "A_b-c.9"}) EXPECT_TRUE(CheckLabelValue(good).empty());
  for (const char* bad : {"-a", "a b", "a/b"}) EXPECT_FALSE(CheckLabelValue(bad).empty());
}

TEST(Metadata, IsCheckedForEveryKind) {
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, labels: {a: b}, annotations: {x.io/Y: z}}"),
            Lines{});
  EXPECT_EQ(WrongMeta("{namespace: ns}"),
            Lines{"metadata.name: Required value: name or generateName is required"});
  EXPECT_EQ(WrongMeta("{name: A, namespace: ns}"),
            Lines{std::string("metadata.name: Invalid value: \"A\": ") + kSubdomain});
  EXPECT_EQ(WrongMeta("{name: a}"), Lines{"metadata.namespace: Required value"});
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, labels: {a/b/c: x}}").size(), 1u);
  EXPECT_TRUE(WrongMeta("{name: a, namespace: ns, labels: {a: 'b c'}}")[0].starts_with(
      "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist"));
  EXPECT_EQ(Wrong("", "Node", Y("{metadata: {name: a, namespace: b}}")),
            Lines{"metadata.namespace: Forbidden: not allowed on this type"});
  EXPECT_EQ(Wrong("", "Namespace", Y("{metadata: {name: a.b}}")),
            Lines{std::string("metadata.name: Invalid value: \"a.b\": ") + kLabel});
}

TEST(Metadata, OwnersFinalizersAndAnnotations) {
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, ownerReferences: [{apiVersion: v1, kind: Pod, "
                      "name: p}]}"),
            Lines{"metadata.ownerReferences[0].uid: Invalid value: \"\": must not be empty"});
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, ownerReferences: [{apiVersion: v1, kind: Pod, "
                      "name: p, uid: a, controller: true}, {apiVersion: v1, kind: Pod, name: q, "
                      "uid: b, controller: true}]}")
                .size(),
            1u);
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, finalizers: [plain]}"),
            Lines{"metadata.finalizers: Invalid value: \"plain\": name is neither a standard "
                  "finalizer name nor is it fully qualified"});
  EXPECT_EQ(WrongMeta("{name: a, namespace: ns, finalizers: [orphan, x.io/z]}"), Lines{});
  json::Value large = Y("{metadata: {name: a, namespace: ns}}");
  large.Mut("metadata").Mut("annotations").Set("a", std::string(256 * 1024, 'x'));
  EXPECT_EQ(Wrong("", "ConfigMap", large),
            Lines{"metadata.annotations: Too long: may not be longer than 262144"});
}

TEST(Metadata, SomeMembersNeverChange) {
  const json::Value old =
      Y("{metadata: {name: a, namespace: ns, uid: u, deletionTimestamp: "
        "'2026-01-01T00:00:00Z', finalizers: [x.io/a]}}");
  json::Value next = old;
  next.Mut("metadata").Set("uid", "v");
  EXPECT_EQ(Wrong("", "ConfigMap", next, &old),
            Lines{"metadata.uid: Invalid value: \"v\": field is immutable"});
  next = old;
  next.Mut("metadata").Set("finalizers", Y("[x.io/a, x.io/b]"));
  EXPECT_EQ(Wrong("", "ConfigMap", next, &old),
            Lines{"metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
                  "being deleted, found new finalizers []string{\"x.io/b\"}"});
}

TEST(PodRules, AcceptWhatPeopleWrite) {
  EXPECT_EQ(WrongPod(R"(
restartPolicy: Never
serviceAccountName: trainer
priorityClassName: high
nodeSelector: {disk: ssd}
tolerations:
- {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
- {operator: Exists}
- {key: a, value: b, effect: NoExecute, tolerationSeconds: 30}
securityContext: {runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
initContainers:
- {name: stage, image: 'leat:1', command: [leat, stage], volumeMounts: [{name: data, mountPath: /opt/ml/input}]}
- name: upload
  image: leat:1
  restartPolicy: Always
  startupProbe: {exec: {command: ['true']}}
containers:
- name: algo
  image: example.com:5000/xgboost@sha256:0123
  args: [train]
  workingDir: /opt/ml
  env:
  - {name: A, value: b}
  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['x']"}}}
  - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
  - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
  envFrom: [{configMapRef: {name: c}}, {prefix: P_, secretRef: {name: s}}]
  ports: [{name: http, containerPort: 8080}, {containerPort: 53, protocol: UDP}, {containerPort: 53}]
  resources: {limits: {cpu: 2, memory: 1Gi, nvidia.com/gpu: 1}, requests: {cpu: 500m}}
  volumeMounts:
  - {name: data, mountPath: /opt/ml/input, readOnly: true}
  - {name: shm, mountPath: /dev/shm}
  - {name: conf, mountPath: /etc/conf, subPath: a/b}
  livenessProbe: {httpGet: {path: /ping, port: http}, periodSeconds: 5}
  readinessProbe: {tcpSocket: {port: 8080}, successThreshold: 2}
  lifecycle: {preStop: {sleep: {seconds: 3}}}
  securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN], drop: [ALL]}}
volumes:
- {name: data, hostPath: {path: /data, type: DirectoryOrCreate}}
- {name: shm, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
- {name: conf, configMap: {name: c, items: [{key: a, path: a/b, mode: 0400}]}}
- {name: sec, secret: {secretName: s, defaultMode: 256}}
- {name: pvc, persistentVolumeClaim: {claimName: c}}
- {name: nfs, nfs: {server: s, path: /x}}
- {name: csi, csi: {driver: d.io, volumeAttributes: {a: b}}}
- {name: info, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
- name: proj
  projected:
    sources:
    - {secret: {name: s}}
    - {configMap: {name: c}}
    - {serviceAccountToken: {path: token, expirationSeconds: 3600}}
    - {downwardAPI: {items: [{path: cpu, resourceFieldRef: {containerName: algo, resource: limits.cpu}}]}}
- {name: eph, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - {weight: 50, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}}
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}
hostAliases: [{ip: 127.0.0.1, hostnames: [a]}]
dnsConfig: {nameservers: [1.1.1.1], options: [{name: ndots, value: '2'}]}
imagePullSecrets: [{name: r}]
overhead: {cpu: 10m}
schedulingGates: [{name: leat.dev/gang}]
)"),
            Lines{});
}

TEST(PodRules, SayWhatIsWrongWithContainers) {
  struct Case {
    const char* spec;
    Lines errors;
  };
  const Case cases[] = {
      {"{}", {"spec.containers: Required value"}},
      {"{containers: []}", {"spec.containers: Required value"}},
      {"{containers: [{name: a}]}", {"spec.containers[0].image: Required value"}},
      {"{containers: [{image: x}]}", {"spec.containers[0].name: Required value"}},
      {"{containers: [{name: a, image: x}], securityContext: {runAsUser: -1, "
       "supplementalGroups: [7, 2147483648]}}",
       {"spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, "
        "inclusive",
        "spec.securityContext.supplementalGroups[1]: Invalid value: 2147483648: must be between 0 "
        "and 2147483647, inclusive"}},
      {"{containers: [{name: a, image: x}], ephemeralContainers: [{name: e, image: x}]}",
       {"spec.ephemeralContainers: Forbidden: cannot be set on create"}},
      {"{containers: [{name: a, image: ' x'}]}",
       {"spec.containers[0].image: Invalid value: \" x\": must not have leading or trailing "
        "whitespace"}},
      {"{containers: [{name: a, image: x}, {name: a, image: x}]}",
       {"spec.containers[1].name: Duplicate value: \"a\""}},
      {"{containers: [{name: a, image: x}], initContainers: [{name: a, image: x}]}",
       {"spec.initContainers[0].name: Duplicate value: \"a\""}},
      {"{containers: [{name: a, image: x}], restartPolicy: Sometimes}",
       {"spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", "
        "\"Never\", \"OnFailure\""}},
      {"{containers: [{name: a, image: x, imagePullPolicy: Maybe}]}",
       {"spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: "
        "\"Always\", \"IfNotPresent\", \"Never\""}},
      {"{containers: [{name: a, image: x, ports: [{containerPort: 70000}]}]}",
       {"spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
        "65535, inclusive"}},
      {"{containers: [{name: a, image: x, env: [{value: b}]}]}",
       {"spec.containers[0].env[0].name: Required value"}},
      {"{containers: [{name: a, image: x, env: [{name: A, value: b, valueFrom: {fieldRef: "
       "{fieldPath: metadata.name}}}]}]}",
       {"spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when "
        "`value` is not empty"}},
      {"{containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /x}]}]}",
       {"spec.containers[0].volumeMounts[0].name: Not found: \"v\""}},
      {"{volumes: [{name: v, emptyDir: {}}], containers: [{name: a, image: x, volumeMounts: "
       "[{name: v, mountPath: /x}, {name: v, mountPath: /x}]}]}",
       {"spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/x\": must be unique"}},
      {"{volumes: [{name: v, emptyDir: {}}], containers: [{name: a, image: x, volumeMounts: "
       "[{name: v, mountPath: /x, subPath: ../b}]}]}",
       {"spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../b\": must not contain "
        "'..'"}},
      {"{volumes: [{name: v, emptyDir: {}}], containers: [{name: a, image: x, volumeMounts: "
       "[{name: v, mountPath: /x, subPath: a, subPathExpr: $(B)}, {name: v, mountPath: /y, "
       "subPathExpr: $(A)/..}]}]}",
       {"spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: \"$(B)\": subPathExpr and "
        "subPath are mutually exclusive",
        "spec.containers[0].volumeMounts[1].subPathExpr: Invalid value: \"$(A)/..\": must not "
        "contain '..'"}},
      {"{containers: [{name: a, image: x, livenessProbe: {}}]}",
       {"spec.containers[0].livenessProbe: Required value: must specify a handler type"}},
      {"{containers: [{name: a, image: x, livenessProbe: {exec: {command: [a]}, tcpSocket: {port: "
       "1}}}]}",
       {"spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 "
        "handler "
        "type"}},
      {"{containers: [{name: a, image: x, livenessProbe: {exec: {command: [a]}, successThreshold: "
       "2}}]}",
       {"spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"}},
      {"{containers: [{name: a, image: x, restartPolicy: Always}]}",
       {"spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"}},
      {"{containers: [{name: a, image: x}], initContainers: [{name: i, image: x, restartPolicy: "
       "Never}]}",
       {"spec.initContainers[0].restartPolicy: Unsupported value: \"Never\": supported values: "
        "\"Always\""}},
      {"{containers: [{name: a, image: x}], initContainers: [{name: i, image: x, readinessProbe: "
       "{tcpSocket: {port: 1}}}]}",
       {"spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers "
        "without restartPolicy=Always"}},
  };
  for (const Case& c : cases) EXPECT_EQ(WrongPod(c.spec), c.errors) << c.spec;
}

TEST(PodRules, CountDevicesInWholeNumbers) {
  const auto resources = [](const char* text) {
    return WrongPod(std::string("{containers: [{name: a, image: x, resources: ") + text + "}]}");
  };
  EXPECT_EQ(resources("{limits: {nvidia.com/gpu: 2}}"), Lines{});
  EXPECT_EQ(resources("{limits: {nvidia.com/gpu: 2000m}}"), Lines{});
  EXPECT_EQ(
      resources("{limits: {nvidia.com/gpu: 0.5}}"),
      (Lines{"spec.containers[0].resources.limits[nvidia.com/gpu]: Invalid value: \"500m\": must "
             "be an integer",
             "spec.containers[0].resources.requests[nvidia.com/gpu]: Invalid value: \"500m\": "
             "must be an integer"}));
  EXPECT_EQ(resources("{requests: {nvidia.com/gpu: 1}}"),
            Lines{"spec.containers[0].resources.limits: Required value: Limit must be set for non "
                  "overcommitable resources"});
  EXPECT_EQ(resources("{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}"),
            Lines{"spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to "
                  "nvidia.com/gpu limit of 2"});
  EXPECT_EQ(resources("{requests: {cpu: 2}, limits: {cpu: 1}}"),
            Lines{"spec.containers[0].resources.requests: Invalid value: \"2\": must be less than "
                  "or equal to cpu limit of 1"});
  EXPECT_EQ(
      resources("{limits: {cpu: -1}}")[0],
      "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be greater than or "
      "equal to 0");
  EXPECT_EQ(resources("{limits: {gpu: 1}}")[0],
            "spec.containers[0].resources.limits[gpu]: Invalid value: \"gpu\": must be a standard "
            "resource type or fully qualified");
  EXPECT_EQ(resources("{limits: {cpu: many}}")[0],
            "spec.containers[0].resources.limits.cpu: Invalid value: \"many\": quantities must "
            "match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

TEST(PodRules, SayWhatIsWrongWithVolumesAndPlacement) {
  const auto pod = [](const std::string& more) {
    return WrongPod("{containers: [{name: a, image: x}], " + more + "}");
  };
  const std::pair<const char*, const char*> cases[] = {
      {"volumes: [{name: v}]", "spec.volumes[0]: Required value: must specify a volume type"},
      {"volumes: [{name: v, emptyDir: {}, hostPath: {path: /x}}]",
       "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"},
      {"volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]",
       "spec.volumes[1].name: Duplicate value: \"v\""},
      {"volumes: [{name: v, hostPath: {}}]", "spec.volumes[0].hostPath.path: Required value"},
      {"volumes: [{name: v, secret: {}}]", "spec.volumes[0].secret.secretName: Required value"},
      {"volumes: [{name: v, configMap: {name: c, defaultMode: 1000}}]",
       "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and "
       "0777 (octal), both inclusive"},
      {"volumes: [{name: v, configMap: {name: c, items: [{key: a, path: /x}]}}]",
       "spec.volumes[0].configMap.items[0].path: Invalid value: \"/x\": must be a relative path"},
      {"volumes: [{name: v, projected: {sources: [{}]}}]",
       "spec.volumes[0].projected.sources[0]: Required value: must specify a volume type"},
      {"tolerations: [{operator: Equal}]",
       "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` "
       "is empty, which means \"match all values and all keys\""},
      {"tolerations: [{key: a, tolerationSeconds: 3, effect: NoSchedule}]",
       "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
       "`tolerationSeconds` is set"},
      {"affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, "
       "podAffinityTerm: {topologyKey: a}}]}}",
       "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
       "Invalid value: 0: must be in the range 1-100"},
      {"topologySpreadConstraints: [{maxSkew: 0, topologyKey: a, whenUnsatisfiable: "
       "DoNotSchedule}]",
       "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"},
      {"terminationGracePeriodSeconds: 9223372036854775807",
       "spec.terminationGracePeriodSeconds: Invalid value: 9223372036854775807: must be less than "
       "or equal to 2147483647"},
      {"terminationGracePeriodSeconds: -1",
       "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"},
      {"activeDeadlineSeconds: 0",
       "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"},
      {"dnsPolicy: None",
       "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when "
       "`dnsPolicy` is None"},
  };
  for (const auto& [more, error] : cases) EXPECT_EQ(pod(more), Lines{error}) << more;
}

TEST(PodRules, MostOfASpecNeverChanges) {
  const TypePtr type = TypeTable().FindKind("", "Pod");
  json::Value old =
      Pod("{containers: [{name: a, image: x}], tolerations: [{key: a, operator: "
          "Exists}], schedulingGates: [{name: g.io/a}]}");
  ApplyDefaults(*type->StorageVersion().schema, old);
  DefaultObject(*type, type->StorageVersion(), old);
  EXPECT_EQ(Wrong("", "Pod", old, &old), Lines{});

  json::Value next = old;
  next.Mut("spec").Mut("containers").MutItems()[0].Set("image", "z");
  next.Mut("spec").Mut("tolerations").Push(Y("{key: b, operator: Exists}"));
  next.Mut("spec").Set("activeDeadlineSeconds", 10).Set("schedulingGates", Y("[]"));
  EXPECT_EQ(Wrong("", "Pod", next, &old), Lines{});

  next = old;
  next.Mut("spec").Set("hostname", "other");
  ASSERT_EQ(Wrong("", "Pod", next, &old).size(), 1u);
  EXPECT_TRUE(Wrong("", "Pod", next, &old)[0].starts_with(
      "spec: Forbidden: pod updates may not change fields other than "
      "`spec.containers[*].image`"));

  next = old;
  next.Mut("spec").Mut("containers").Push(Y("{name: b, image: x}"));
  EXPECT_EQ(Wrong("", "Pod", next, &old),
            Lines{"spec.containers: Forbidden: pod updates may not add or remove containers"});
  next = old;
  next.Mut("spec").Set("tolerations", Y("[]"));
  EXPECT_EQ(Wrong("", "Pod", next, &old).size(), 1u);
}

TEST(PodRules, TolerationsMayLastLonger) {
  const TypePtr type = TypeTable().FindKind("", "Pod");
  json::Value old =
      Pod("{containers: [{name: a, image: x}], tolerations: [{key: a, operator: Exists, effect: "
          "NoExecute, tolerationSeconds: 30}]}");
  ApplyDefaults(*type->StorageVersion().schema, old);
  DefaultObject(*type, type->StorageVersion(), old);
  json::Value next = old;
  next.Mut("spec").Mut("tolerations").MutItems()[0].Set("tolerationSeconds", 60);
  EXPECT_EQ(Wrong("", "Pod", next, &old), Lines{});
  next.Mut("spec").Mut("tolerations").MutItems()[0].Set("effect", "NoSchedule");
  EXPECT_FALSE(Wrong("", "Pod", next, &old).empty());
}

TEST(PodRules, AGatedPodMayGoToFewerNodesNotToOthers) {
  constexpr const char* kTerms =
      "requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: ";
  const TypePtr type = TypeTable().FindKind("", "Pod");
  const auto placed = [&](const std::string& selector, const std::string& terms) {
    json::Value pod =
        Pod("{containers: [{name: a, image: x}], schedulingGates: [{name: g.io/a}], "
            "nodeSelector: " +
            selector + ", affinity: {nodeAffinity: {" + kTerms + terms + "}}}}");
    ApplyDefaults(*type->StorageVersion().schema, pod);
    DefaultObject(*type, type->StorageVersion(), pod);
    return pod;
  };
  const std::string term = "{matchExpressions: [{key: a, operator: Exists}]}";
  const json::Value old = placed("{disk: ssd}", "[" + term + "]");
  EXPECT_EQ(Wrong("", "Pod",
                  placed("{disk: ssd, zone: b}",
                         "[{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: "
                         "Exists}]}]"),
                  &old),
            Lines{});
  for (const char* selector : {"{}", "{disk: hdd}", "{zone: b}"})
    EXPECT_EQ(Wrong("", "Pod", placed(selector, "[" + term + "]"), &old).size(), 1u) << selector;
  for (const std::string& terms :
       {std::string("[{matchExpressions: [{key: b, operator: Exists}]}]"),
        "[" + term + ", " + term + "]"})
    EXPECT_EQ(Wrong("", "Pod", placed("{disk: ssd}", terms), &old).size(), 1u) << terms;
  json::Value free = old;
  free.Mut("spec").Erase("affinity");
  EXPECT_EQ(Wrong("", "Pod", free, &old).size(), 1u);
}

TEST(PodRules, NodesAreComparedByIntegers) {
  const auto wrong = [](const std::string& value) {
    return Wrong("", "Pod",
                 Pod("{containers: [{name: a, image: x}], affinity: {nodeAffinity: "
                     "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
                     "[{matchExpressions: [{key: a, operator: Gt, values: [" +
                     value + "]}]}]}}}}"))
        .size();
  };
  EXPECT_EQ(wrong("'5'"), 0u);
  EXPECT_EQ(wrong("'-5'"), 0u);
  EXPECT_EQ(wrong("'5Gi'"), 1u);
  EXPECT_EQ(wrong("'1.5'"), 1u);
}

TEST(PodRules, ADefaultThatIsNewerThanThePodIsNoChange) {
  const json::Value stored = Pod("{containers: [{name: a, image: x}]}");  // without any default
  EXPECT_EQ(Wrong("", "Pod", stored, &stored), Lines{});
}

TEST(SmallKinds, SecretsAndConfigMaps) {
  const auto secret = [](const std::string& more) {
    return Wrong("", "Secret", Y("{metadata: {name: a, namespace: ns}, " + more + "}"));
  };
  EXPECT_EQ(secret("data: {a.b-c_D: eA==}"), Lines{});
  EXPECT_EQ(secret("data: {'a b': eA==}").size(), 1u);
  EXPECT_EQ(secret("data: {a: '%%'}"),
            Lines{"data.a: Invalid value: \"%%\": data.a in body must be base64 (RFC 4648)"});
  EXPECT_EQ(secret("type: kubernetes.io/tls, data: {tls.crt: eA==}"),
            Lines{"data[tls.key]: Required value"});
  EXPECT_EQ(secret("type: kubernetes.io/dockerconfigjson"),
            Lines{"data[.dockerconfigjson]: Required value"});
  const json::Value old =
      Y("{metadata: {name: a, namespace: ns}, type: Opaque, immutable: true, "
        "data: {a: eA==}}");
  json::Value next = old;
  next.Mut("data").Set("a", "eQ==");
  EXPECT_EQ(Wrong("", "Secret", next, &old),
            Lines{"data: Forbidden: field is immutable when `immutable` is set"});
  next = old;
  next.Set("type", "other");
  EXPECT_EQ(Wrong("", "Secret", next, &old),
            Lines{"type: Invalid value: \"other\": field is immutable"});
  EXPECT_EQ(Wrong("", "ConfigMap",
                  Y("{metadata: {name: a, namespace: ns}, data: {a: b}, "
                    "binaryData: {a: eA==}}")),
            Lines{"data[a]: Invalid value: \"a\": duplicate of key present in binaryData"});
  json::Value large = Y("{metadata: {name: a, namespace: ns}}");
  large.Mut("data").Set("a", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(Wrong("", "ConfigMap", large), Lines{"data: Too long: may not be longer than 1048576"});
}

TEST(SmallKinds, NodesEventsAndLeases) {
  EXPECT_EQ(Wrong("", "Node",
                  Y("{metadata: {name: a}, spec: {taints: [{key: a, effect: "
                    "NoSchedule}, {key: a, effect: NoSchedule}]}}")),
            Lines{"spec.taints[1]: Duplicate value: {\"effect\":\"NoSchedule\",\"key\":\"a\"}"});
  EXPECT_EQ(Wrong("", "Node", Y("{metadata: {name: a}, spec: {taints: [{key: a, effect: Now}]}}")),
            Lines{"spec.taints[0].effect: Unsupported value: \"Now\": supported values: "
                  "\"NoExecute\", \"NoSchedule\", \"PreferNoSchedule\""});
  EXPECT_EQ(
      Wrong("", "Node", Y("{metadata: {name: a}, status: {capacity: {nvidia.com/gpu: 1500m}}}")),
      Lines{"status.capacity[nvidia.com/gpu]: Invalid value: \"1500m\": must be an integer"});
  EXPECT_EQ(Wrong("", "Event",
                  Y("{metadata: {name: a, namespace: ns}, involvedObject: {namespace: other}}")),
            Lines{"involvedObject.namespace: Invalid value: \"other\": does not match "
                  "event.namespace"});
  EXPECT_EQ(Wrong("coordination.k8s.io", "Lease",
                  Y("{metadata: {name: a, namespace: ns}, spec: {leaseDurationSeconds: 0}}")),
            Lines{"spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"});
}

json::Value Definition() {
  return Y(R"(
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
    additionalPrinterColumns: [{name: A, type: string, jsonPath: .a}]
)");
}

Lines WrongDefinition(const json::Value& crd, const json::Value* old = nullptr) {
  return Wrong("apiextensions.k8s.io", "CustomResourceDefinition", crd, old);
}

TEST(DefinitionRules, HoldNamesVersionsAndSchemas) {
  EXPECT_EQ(WrongDefinition(Definition()), Lines{});
  json::Value crd = Definition();
  crd.Mut("metadata").Set("name", "thing.example.com");
  EXPECT_EQ(WrongDefinition(crd), Lines{"metadata.name: Invalid value: \"thing.example.com\": must "
                                        "be spec.names.plural+\".\"+spec.group"});
  crd = Definition();
  crd.Mut("spec").Mut("versions").MutItems()[0].Erase("schema");
  EXPECT_EQ(WrongDefinition(crd),
            Lines{"spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required"});
  crd = Definition();
  crd.Mut("spec")
      .Mut("versions")
      .MutItems()[0]
      .Set("schema", Y("{openAPIV3Schema: {type: object, properties: {spec: {}}}}"));
  EXPECT_EQ(WrongDefinition(crd),
            Lines{"spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: "
                  "must not be empty for specified object fields"});
  crd = Definition();
  crd.Mut("spec").Mut("versions").MutItems()[0].Set("storage", false);
  EXPECT_EQ(WrongDefinition(crd),
            Lines{"spec.versions: Invalid value: [\"v1\"]: must have exactly one version marked as "
                  "storage version"});
  crd = Definition();
  crd.Mut("spec")
      .Mut("versions")
      .MutItems()[0]
      .Mut("additionalPrinterColumns")
      .MutItems()[0]
      .Set("jsonPath", ".a[");
  EXPECT_EQ(WrongDefinition(crd).size(), 1u);
  crd = Definition();
  crd.Mut("spec").Set("scope", "Galaxy");
  EXPECT_EQ(WrongDefinition(crd), Lines{"spec.scope: Unsupported value: \"Galaxy\": supported "
                                        "values: \"Cluster\", \"Namespaced\""});
  crd = Definition();
  crd.Mut("spec").Mut("names").Set("kind", "No Kind");
  EXPECT_FALSE(WrongDefinition(crd).empty());
}

TEST(DefinitionRules, SomeThingsStayAsTheyAre) {
  const json::Value old = Definition();
  json::Value next = old;
  next.Mut("spec").Set("scope", "Cluster");
  EXPECT_EQ(WrongDefinition(next, &old),
            Lines{"spec.scope: Invalid value: \"Cluster\": field is immutable"});
  next = old;
  next.Mut("status").Set("storedVersions", Y("[v1, v0]"));
  EXPECT_EQ(WrongDefinition(next, &old),
            Lines{"status.storedVersions[1]: Invalid value: \"v0\": must appear in spec.versions"});
  next.Mut("status").Set("storedVersions", Y("[]"));
  EXPECT_EQ(
      WrongDefinition(next, &old),
      (Lines{"status.storedVersions: Invalid value: []: must have at least one stored version",
             "status.storedVersions: Invalid value: []: must have the storage version v1"}));
}

json::Value DefaultedPod(std::string_view spec) {
  const TypePtr type = TypeTable().FindKind("", "Pod");
  json::Value pod = Pod(spec);
  ApplyDefaults(*type->StorageVersion().schema, pod);
  DefaultObject(*type, type->StorageVersion(), pod);
  return pod["spec"];
}

TEST(Defaults, AreThoseThatPeopleSee) {
  const json::Value spec = DefaultedPod(
      "{containers: [{name: a, image: x, ports: [{containerPort: 80}], livenessProbe: {httpGet: "
      "{port: 80}}}], volumes: [{name: c, configMap: {name: c}}, {name: h, hostPath: {path: /}}]}");
  EXPECT_EQ(spec, Y(R"(
containers:
- name: a
  image: x
  imagePullPolicy: Always
  resources: {}
  ports: [{containerPort: 80, protocol: TCP}]
  livenessProbe: {httpGet: {port: 80, path: /, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}
  terminationMessagePath: /dev/termination-log
  terminationMessagePolicy: File
volumes:
- {name: c, configMap: {name: c, defaultMode: 420}}
- {name: h, hostPath: {path: /, type: ''}}
dnsPolicy: ClusterFirst
enableServiceLinks: true
preemptionPolicy: PreemptLowerPriority
priority: 0
restartPolicy: Always
schedulerName: default-scheduler
securityContext: {}
serviceAccount: default
serviceAccountName: default
terminationGracePeriodSeconds: 30
)"));
}

TEST(Defaults, PullPolicyFollowsTheTag) {
  const std::pair<const char*, const char*> cases[] = {
      {"x", "Always"},
      {"x:latest", "Always"},
      {"x:1", "IfNotPresent"},
      {"host:5000/x", "Always"},
      {"host:5000/x:1", "IfNotPresent"},
      {"x@sha256:00", "IfNotPresent"},
      {"x:latest@sha256:00", "IfNotPresent"},
  };
  for (const auto& [image, policy] : cases) {
    const json::Value spec =
        DefaultedPod(std::string("{containers: [{name: a, image: '") + image + "'}]}");
    EXPECT_EQ(spec["containers"][0]["imagePullPolicy"].AsString(), policy) << image;
  }
}

TEST(Defaults, RequestsFollowLimits) {
  const json::Value spec = DefaultedPod(
      "{containers: [{name: a, image: x, resources: {limits: {cpu: 2, nvidia.com/gpu: 1}, "
      "requests: {cpu: 1}}}], serviceAccount: old}");
  EXPECT_EQ(spec["containers"][0]["resources"]["requests"], Y("{cpu: '1', nvidia.com/gpu: '1'}"));
  EXPECT_EQ(spec["serviceAccountName"].AsString(), "old");
}

// What a stricter rule refuses today may be stored already.
TEST(Rules, OfAChangeOnlyWhatIsWrongAnewCounts) {
  json::Value old = Pod("{containers: [{name: a, image: ' i'}, {name: b, image: i}]}");
  old.Mut("metadata").Set("finalizers", json::Array({"no finalizer", "example.com/hold"}));
  json::Value pod = old;
  pod.Mut("metadata").Set("finalizers", json::Array({"no finalizer"}));
  pod.Set("status", Y("{phase: Running}"));
  EXPECT_EQ(Wrong("", "Pod", pod, &old), Lines{});
  pod.Mut("metadata").Set("finalizers", json::Array({"no finalizer", "neither finalizer"}));
  EXPECT_EQ(Wrong("", "Pod", pod, &old).size(), 2u);  // two rules about the new one
}

}  // namespace
}  // namespace leat::api
