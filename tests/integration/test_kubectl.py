#!/usr/bin/python3
"""What kubectl users do.

Against the server that LEAT_KUBECONFIG names, else against a `leat up` of its own; kubectl is taken
from PATH. Every test has a namespace of its own.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import leat

KUBECONFIG = os.environ.get("LEAT_KUBECONFIG", "")
KUBECTL = shutil.which("kubectl")
SECONDS = 60  # for any one command

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: web}}
spec:
  containers:
  - {name: main, image: busybox, command: [sleep, "1000"]}
  nodeSelector: {leat.dev/none: "true"}
"""

WIDGETS_V1 = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: PLURAL, singular: widget, kind: Widget, listKind: WidgetList, shortNames: [wdg]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [color]
            properties:
              size: {type: integer, default: 1, minimum: 0}
              color: {type: string, enum: [red, blue]}
              parts: {type: array, items: {type: string}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""

WIDGETS_V1BETA1 = """
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: PLURAL.GROUP}
spec:
  group: GROUP
  version: v1
  scope: Namespaced
  names: {plural: PLURAL, singular: gadget, kind: Gadget, listKind: GadgetList}
  subresources: {status: {}}
  additionalPrinterColumns:
  - {name: Size, type: integer, JSONPath: .spec.size}
  validation:
    openAPIV3Schema:
      type: object
      properties:
        spec:
          type: object
          properties: {size: {type: integer}}
"""

own_server = None


def setUpModule():
    global KUBECONFIG, own_server
    if KUBECONFIG or not KUBECTL:
        return
    own_server = leat.Leat()
    own_server.start()
    KUBECONFIG = own_server.kubeconfig


def tearDownModule():
    if own_server:
        own_server.close()


class Run:
    """One finished command."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def kubectl_minor():
    """20 for Debian 12's 1.20; 99 for one that does not say (a dispatcher picks what fits the server)."""
    done = subprocess.run([KUBECTL, "version", "--client", "-o", "json"], capture_output=True, text=True,
                          check=False) if KUBECTL else None
    try:
        return int(json.loads(done.stdout)["clientVersion"]["minor"].rstrip("+"))
    except (AttributeError, ValueError, KeyError):
        return 99


def needs_kubectl(minor, what):
    return unittest.skipIf(kubectl_minor() < minor, f"this kubectl is older than 1.{minor}, which has {what}")


@unittest.skipUnless(KUBECTL, "no kubectl on PATH")
class KubectlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # kubectl keeps its discovery cache under HOME.
        cls.home = tempfile.TemporaryDirectory()
        cls.env = dict(os.environ, KUBECONFIG=KUBECONFIG, HOME=cls.home.name)

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    def setUp(self):
        made = self.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "kubectl-test-"}}))
        self.namespace = made.json()["metadata"]["name"]
        self.group = self.namespace + ".example.com"
        self.addCleanup(self.kubectl, "delete", "namespace", self.namespace, "--wait=false")

    def kubectl(self, *args, stdin=None, fails=False):
        command = [KUBECTL, *args]
        if hasattr(self, "namespace") and "-n" not in args and "-A" not in args:
            command[1:1] = ["-n", self.namespace]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=self.env,
                              timeout=SECONDS, check=False)
        if not fails and done.returncode != 0:
            self.fail(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        if fails and done.returncode == 0:
            self.fail(f"{' '.join(args)} should have failed:\n{done.stdout}{done.stderr}")
        return Run(done)

    def apply(self, manifest, **options):
        return self.kubectl("apply", "-f", "-", stdin=manifest, **options)

    def make_pod(self, name="web"):
        self.apply(POD.replace("NAME", name))

    def make_map(self, name, namespace=None, **options):
        """From a file: from 1.32 on, kubectl's typed `create configmap` sends protobuf."""
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                  "data": {"a": "1"}}
        return self.kubectl("create", "-f", "-", "-n", namespace or self.namespace,
                            stdin=json.dumps(config), **options)

    def make_type(self, manifest=WIDGETS_V1, plural="widgets"):
        self.apply(manifest.replace("GROUP", self.group).replace("PLURAL", plural))
        self.addCleanup(self.kubectl, "delete", "crd", f"{plural}.{self.group}", "--wait=false",
                        "--ignore-not-found")
        self.kubectl("wait", "--for", "condition=established", f"crd/{plural}.{self.group}",
                     "--timeout=20s")
        return f"{plural}.{self.group}"

    def widget(self, name, spec):
        return json.dumps({"apiVersion": self.group + "/v1", "kind": "Widget",
                           "metadata": {"name": name}, "spec": spec})

    # --- the life of an object

    def test_apply_creates_configures_and_leaves_alone(self):
        manifest = POD.replace("NAME", "web")
        self.assertIn("created", self.apply(manifest).out)
        self.assertIn("unchanged", self.apply(manifest).out)
        self.assertIn("configured", self.apply(manifest.replace("app: web", "app: shop")).out)
        pod = self.kubectl("get", "pod", "web", "-o", "json").json()
        self.assertEqual(pod["metadata"]["labels"], {"app": "shop"})
        self.assertEqual(pod["status"]["phase"], "Pending")

    def test_apply_removes_what_the_manifest_no_longer_has(self):
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
                  "data": {"a": "1", "b": "2"}}
        self.apply(json.dumps(config))
        del config["data"]["b"]
        self.apply(json.dumps(config))
        self.assertEqual(self.kubectl("get", "cm", "c", "-o", "json").json()["data"], {"a": "1"})

    def test_server_side_apply_is_refused_with_a_way_out(self):
        refused = self.kubectl("apply", "--server-side", "-f", "-", stdin=POD.replace("NAME", "web"),
                               fails=True)
        self.assertIn("without --server-side", refused.err)

    def test_commands_that_need_a_stream_into_the_pod_say_that_there_is_none(self):
        self.make_pod()
        pod = self.kubectl("get", "pod", "web", "-o", "json").json()
        pod["status"]["phase"] = "Running"  # kubectl forwards ports of no other
        self.kubectl("replace", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/web/status", "-f", "-",
                     stdin=json.dumps(pod))
        for command in (["exec", "web", "--", "ls"], ["attach", "web"], ["cp", "web:/etc/hosts", "h"],
                        ["port-forward", "web", "8080:80"], ["debug", "web", "--image=busybox"]):
            refused = self.kubectl(*command, fails=True)
            self.assertIn("not supported by this server yet", refused.out + refused.err, command)

    def test_get_prints_the_columns_people_know(self):
        self.make_pod()
        table = self.kubectl("get", "pods").out.splitlines()
        self.assertEqual(table[0].split(), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"])
        self.assertEqual(table[1].split()[:3], ["web", "0/1", "Pending"])
        self.assertIn("NODE", self.kubectl("get", "pods", "-o", "wide").out)
        self.assertIn("app=web", self.kubectl("get", "pods", "--show-labels").out)
        self.assertIn(self.namespace, self.kubectl("get", "pods", "-A").out)
        self.assertEqual(self.kubectl("get", "pod", "web", "-o", "name").out, "pod/web\n")

    def test_describe_shows_the_pod(self):
        self.make_pod()
        text = self.kubectl("describe", "pod", "web").out
        self.assertRegex(text, r"Name:\s+web")
        self.assertRegex(text, r"QoS Class:\s+BestEffort")
        self.assertIn("kubernetes.io/metadata.name=" + self.namespace,
                      self.kubectl("describe", "namespace", self.namespace).out)

    def test_label_annotate_patch_and_edit(self):
        self.make_pod()
        self.kubectl("label", "pod", "web", "tier=front")
        self.kubectl("annotate", "pod", "web", "note=hello")
        self.kubectl("patch", "pod", "web", "-p",
                     '{"spec":{"containers":[{"name":"main","image":"busybox:2"}]}}')
        self.kubectl("patch", "pod", "web", "--type=json", "-p",
                     '[{"op":"add","path":"/metadata/labels/x","value":"y"}]')
        self.kubectl("patch", "pod", "web", "--type=merge", "-p",
                     '{"metadata":{"labels":{"app":null}}}')
        pod = self.kubectl("get", "pod", "web", "-o", "json").json()
        self.assertEqual(pod["metadata"]["labels"], {"tier": "front", "x": "y"})
        self.assertEqual(pod["metadata"]["annotations"]["note"], "hello")
        self.assertEqual(pod["spec"]["containers"][0]["image"], "busybox:2")
        self.kubectl("label", "pod", "web", "tier-")
        immutable = self.kubectl("patch", "pod", "web", "-p",
                                 '{"spec":{"restartPolicy":"Never"}}', fails=True)
        self.assertIn("pod updates may not change fields other than", immutable.err)

    def test_replace_needs_the_newest_version(self):
        self.apply('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"}}')
        old = self.kubectl("get", "cm", "c", "-o", "json").out
        self.kubectl("patch", "cm", "c", "-p", '{"data":{"a":"2"}}')
        conflict = self.kubectl("replace", "-f", "-", stdin=old, fails=True)
        self.assertIn("the object has been modified", conflict.err)

    def test_create_with_generate_name(self):
        config = json.dumps({"apiVersion": "v1", "kind": "ConfigMap",
                             "metadata": {"generateName": "run-"}})
        names = {self.kubectl("create", "-f", "-", "-o", "name", stdin=config).out for _ in range(3)}
        self.assertEqual(len(names), 3)
        self.assertTrue(all(name.startswith("configmap/run-") for name in names))

    def test_create_twice_already_exists(self):
        self.make_map("c")
        again = self.make_map("c", fails=True)
        self.assertIn('configmaps "c" already exists', again.err)

    def test_delete_waits_until_the_object_is_gone(self):
        self.make_pod()
        self.assertIn("deleted", self.kubectl("delete", "pod", "web").out)
        self.assertIn('pods "web" not found', self.kubectl("get", "pod", "web", fails=True).err)
        self.assertIn("not found", self.kubectl("delete", "pod", "web", fails=True).err)
        self.kubectl("delete", "pod", "web", "--ignore-not-found")

    @needs_kubectl(24, "a wait that takes what is gone as deleted")
    def test_finalizer_holds_until_it_is_taken_off(self):
        self.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "held", "finalizers": ["example.com/hold"]}}))
        self.kubectl("delete", "cm", "held", "--wait=false")
        self.assertIn("deletionTimestamp",
                      self.kubectl("get", "cm", "held", "-o", "json").json()["metadata"])
        self.kubectl("patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        self.kubectl("wait", "--for=delete", "cm/held", "--timeout=20s")

    @needs_kubectl(24, "a wait that takes what is gone as deleted")
    def test_dependents_go_with_their_owner(self):
        self.make_map("owner")
        uid = self.kubectl("get", "cm", "owner", "-o", "jsonpath={.metadata.uid}").out
        self.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "child", "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}}))
        self.kubectl("delete", "cm", "owner")
        self.kubectl("wait", "--for=delete", "cm/child", "--timeout=20s")

    def test_namespace_takes_its_content_along(self):
        inner = self.namespace + "-inner"
        self.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}))
        self.make_map("c", inner)
        self.kubectl("delete", "namespace", inner, "--timeout=30s")
        missing = self.make_map("c", inner, fails=True)
        self.assertIn(f'namespaces "{inner}" not found', missing.err)

    # --- choosing

    def test_selectors(self):
        for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
            self.make_map(name)
            self.kubectl("label", "cm", name, "color=" + color)
        listed = self.kubectl("get", "cm", "-l", "color=red", "-o", "name").out.split()
        self.assertEqual(listed, ["configmap/a", "configmap/c"])
        listed = self.kubectl("get", "cm", "-l", "color notin (red)", "-l", "color", "-o", "name").out
        self.assertIn("configmap/b", listed)
        listed = self.kubectl("get", "cm", "--field-selector", "metadata.name=b", "-o", "name").out
        self.assertEqual(listed, "configmap/b\n")
        refused = self.kubectl("get", "cm", "--field-selector", "data.x=1", fails=True)
        self.assertIn("field label not supported", refused.err)
        self.kubectl("delete", "cm", "-l", "color=red")
        self.assertEqual(self.kubectl("get", "cm", "-o", "name").out, "configmap/b\n")

    def test_pages_make_one_list(self):
        items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i:02}"}}
                 for i in range(11)]
        self.kubectl("create", "-f", "-",
                     stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        listed = self.kubectl("get", "cm", "--chunk-size=3", "-o", "name").out.split()
        self.assertEqual(listed, [f"configmap/c{i:02}" for i in range(11)])

    def test_watch_shows_changes_until_it_is_ended(self):
        self.make_map("c")
        with subprocess.Popen([KUBECTL, "-n", self.namespace, "get", "cm", "c", "-w", "-o", "name"],
                              stdout=subprocess.PIPE, text=True, env=self.env) as watch:
            try:
                self.assertEqual(watch.stdout.readline(), "configmap/c\n")
                self.kubectl("label", "cm", "c", "a=b")
                self.assertEqual(watch.stdout.readline(), "configmap/c\n")
            finally:
                watch.terminate()

    def test_watch_prints_table_rows(self):
        self.make_pod()
        with subprocess.Popen([KUBECTL, "-n", self.namespace, "get", "pods", "-w"],
                              stdout=subprocess.PIPE, text=True, env=self.env) as watch:
            try:
                self.assertIn("NAME", watch.stdout.readline())
                self.assertIn("web", watch.stdout.readline())
                self.make_pod("second")
                self.assertIn("second", watch.stdout.readline())
            finally:
                watch.terminate()

    @needs_kubectl(23, "wait --for=jsonpath")
    def test_wait_for_a_field(self):
        self.make_pod()
        self.kubectl("wait", "pod/web", "--for=jsonpath={.status.phase}=Pending", "--timeout=20s")
        late = self.kubectl("wait", "pod/web", "--for=condition=Ready", "--timeout=1s", fails=True)
        self.assertIn("timed out", late.err)

    # --- custom types

    @needs_kubectl(24, "--subresource")
    def test_custom_type_v1(self):
        resource = self.make_type()
        self.apply(self.widget("w", {"color": "red"}))
        lines = self.kubectl("get", resource).out.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "SIZE"])
        self.assertEqual(lines[1].split(), ["w", "1"])
        self.apply(self.widget("w", {"color": "blue", "size": 3}))
        got = self.kubectl("get", resource, "w", "-o", "json").json()
        self.assertEqual(got["spec"], {"color": "blue", "size": 3})
        self.assertEqual(got["metadata"]["generation"], 2)
        self.kubectl("patch", resource, "w", "--type=merge", "--subresource=status", "-p",
                     '{"status":{"phase":"Ready"},"spec":{"size":9}}')
        got = self.kubectl("get", resource, "w", "-o", "json").json()
        self.assertEqual((got["status"]["phase"], got["spec"]["size"]), ("Ready", 3))
        self.assertIn("Widget", self.kubectl("describe", resource, "w").out)
        self.assertIn("widgets", self.kubectl("api-resources", "--api-group", self.group).out)
        strategic = self.kubectl("patch", resource, "w", "--type=strategic", "-p", "{}", fails=True)
        self.assertIn("strategic-merge-patch+json is not supported", strategic.err)

    @needs_kubectl(27, "an explain that reads OpenAPI v3")
    def test_explain_shows_the_fields_of_every_kind(self):
        self.assertIn("containers\t<[]Object>", self.kubectl("explain", "pod.spec").out)
        self.assertIn("imagePullPolicy", self.kubectl("explain", "pod.spec.containers").out)
        self.assertIn("exec", self.kubectl("explain", "pod", "--recursive").out)
        for kind in ("configmap.data", "crd.spec", "node.status.addresses", "event", "trainingruns.spec"):
            self.kubectl("explain", kind)
        job = self.kubectl("explain", "trainingjob.spec").out
        self.assertIn("GROUP:      sagemaker.aws.amazon.com", job)
        self.assertIn("algorithmSpecification", job)
        self.assertIn("does not exist", self.kubectl("explain", "pod.spec.nonsense", fails=True).err)

    def test_custom_objects_are_validated(self):
        self.make_type()
        missing = self.apply(self.widget("w", {"size": 1}), fails=True)
        self.assertIn("spec.color: Required value", missing.err)
        wrong = self.apply(self.widget("w", {"color": "green"}), fails=True)
        self.assertIn('Unsupported value: "green"', wrong.err)
        typed = self.apply(self.widget("w", {"color": "red", "size": "big"}), fails=True)
        self.assertIn("spec.size", typed.err)
        small = self.apply(self.widget("w", {"color": "red", "size": -1}), fails=True)
        self.assertIn("should be greater than or equal to 0", small.err)

    def test_custom_type_v1beta1(self):
        resource = self.make_type(WIDGETS_V1BETA1, "gadgets")
        self.apply(json.dumps({"apiVersion": self.group + "/v1", "kind": "Gadget",
                               "metadata": {"name": "g"}, "spec": {"size": 4, "extra": "x"}}))
        self.assertIn("4", self.kubectl("get", resource).out)
        old = self.kubectl("get", f"customresourcedefinitions.v1beta1.apiextensions.k8s.io/{resource}",
                           "-o", "json").json()
        self.assertEqual(old["apiVersion"], "apiextensions.k8s.io/v1beta1")

    def test_deleted_type_takes_its_objects_along(self):
        resource = self.make_type()
        self.apply(self.widget("w", {"color": "red"}))
        self.kubectl("delete", "crd", resource, "--timeout=30s")
        gone = self.kubectl("get", resource, fails=True)
        self.assertIn("the server doesn't have a resource type", gone.err)

    # --- bad input

    @needs_kubectl(25, "strict validation at the server")
    def test_unknown_fields_are_errors_unless_told_otherwise(self):
        manifest = POD.replace("NAME", "web").replace("spec:", "spec:\n  foo: 1", 1)
        strict = self.apply(manifest, fails=True)
        self.assertIn('unknown field "spec.foo"', strict.err)
        warned = self.kubectl("apply", "--validate=warn", "-f", "-", stdin=manifest)
        self.assertIn('unknown field "spec.foo"', warned.err)
        silent = self.kubectl("apply", "--validate=ignore", "-f", "-", stdin=manifest)
        self.assertNotIn("unknown field", silent.err)

    def test_malformed_yaml_is_an_error(self):
        self.assertIn("error", self.apply("kind: Pod\n  bad: [", fails=True).err)

    def test_invalid_pod_names_its_fields(self):
        bad = self.apply("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
                         "spec: {containers: [{name: Main_1}]}\n", fails=True)
        self.assertIn("spec.containers[0].name: Invalid value", bad.err)
        self.assertIn("spec.containers[0].image: Required value", bad.err)

    def test_four_mebibyte_object_is_too_large(self):
        big = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"},
                          "data": {"x": "y" * (4 << 20)}})
        refused = self.kubectl("create", "-f", "-", stdin=big, fails=True)
        self.assertIn("Request entity too large", refused.err)

    def test_missing_things_are_not_found(self):
        self.assertIn('pods "none" not found', self.kubectl("get", "pod", "none", fails=True).err)
        self.assertIn("doesn't have a resource type",
                      self.kubectl("get", "gizmos", fails=True).err)

    @needs_kubectl(27, "a dry run that asks no OpenAPI document")
    def test_dry_run_on_the_server_stores_nothing(self):
        config = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}'
        made = self.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json",
                            stdin=config).json()
        self.assertIn("uid", made["metadata"])
        self.kubectl("get", "cm", "c", fails=True)

    def test_wrong_token_is_unauthorized(self):
        with open(KUBECONFIG, encoding="utf-8") as file:
            config = file.read()
        lines = [line for line in config.splitlines() if "client-" not in line]
        text = "\n".join("    token: wrong" if line.strip().startswith("token:") else line
                         for line in lines)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            refused = self.kubectl("--kubeconfig", file.name, "get", "pods", fails=True)
        self.assertRegex(refused.err, r"Unauthorized|must be logged in|provide credentials")


if __name__ == "__main__":
    unittest.main(verbosity=2)
