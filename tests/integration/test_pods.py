"""Pods on the embedded node: real containers through kubectl."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from leat import Leat, eventually, needs_root


def pod(name, *containers, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                     "containers": list(containers), **spec}}


def sh(script, name="c", **more):
    return {"name": name, "image": "leat.dev/host", "command": ["sh", "-c", script], **more}


@needs_root
class Pods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()

    @classmethod
    def tearDownClass(cls):
        cls.leat.close()

    def run_pod(self, manifest, phase=("Succeeded", "Failed")):
        self.leat.apply(manifest)
        name = manifest["metadata"]["name"]

        def reached():
            found = self.leat.get("pod", name)
            return found if found.get("status", {}).get("phase") in phase else None
        try:
            return eventually(reached, f"{name} {phase}", 60)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.leat.kubectl('describe', 'pod', name).stdout}") from None

    def logs(self, name, *flags):
        return self.leat.kubectl("logs", name, *flags).stdout

    def ended(self, found, index=0):
        return found["status"]["containerStatuses"][index]["state"]["terminated"]

    # --- isolation

    def test_a_container_cannot_read_what_is_not_its_own(self):
        paths = [self.leat.kubeconfig, self.leat.dir / "leat.db", self.leat.credentials, self.leat.dir / "pki/ca.key",
                 "/etc/shadow", "/root/.ssh", "/proc/1/root" + self.leat.kubeconfig, f"/proc/{self.leat.process.pid}/environ"]
        self.run_pod(pod("thief", sh("; ".join(f"cat {path} 2>/dev/null && echo LEAKED {path}" for path in paths) +
                                     "; ls -A /home /var/lib 2>/dev/null | grep -v : ; echo done")))
        self.assertEqual(self.logs("thief"), "done\n")

    def test_it_runs_with_the_usual_restrictions(self):
        self.run_pod(pod("limits", sh("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; hostname; "
                                      "mount -t tmpfs x /mnt 2>/dev/null || echo no-mount; "
                                      "(echo x > /proc/sys/kernel/hostname) 2>/dev/null || echo no-sysctl; "
                                      "touch /usr/x 2>/dev/null || echo read-only; touch /tmp/x && echo tmp; "
                                      "ps -e -o comm= | grep -c leat")))
        self.assertEqual(self.logs("limits"), "NoNewPrivs:\t1\nSeccomp:\t2\nlimits\nno-mount\nno-sysctl\nread-only\ntmp\n0\n")

    def test_the_user_can_be_another_than_root(self):
        self.run_pod(pod("user", sh("id -u; id -g", securityContext={"runAsUser": 1000, "runAsGroup": 3000})))
        self.assertEqual(self.logs("user"), "1000\n3000\n")

    def test_the_containers_of_a_pod_share_ipc_and_host_name(self):
        one = sh("echo from one > /dev/shm/note; ipcmk -Q > /dev/null; while [ ! -e /dev/shm/seen ]; do sleep 0.05; done", "one")
        two = sh("while [ ! -e /dev/shm/note ] || ! ipcs -q | grep -q ^0x; do sleep 0.05; done; cat /dev/shm/note; "
                 "ipcs -q | grep -c ^0x; hostname; touch /dev/shm/seen; stat -fc %T /dev/shm", "two")
        self.run_pod(pod("sharing", one, two))
        self.assertEqual(self.logs("sharing", "-c", "two"), "from one\n1\nsharing\ntmpfs\n")
        script = "readlink /proc/self/ns/ipc /proc/self/ns/uts; exec sleep 1000"
        seen = {}
        for name in ("same", "other"):  # both alive: a number that is free is given again
            self.run_pod(pod(name, sh(script, "one"), sh(script, "two")), phase=("Running",))
            for c in ("one", "two"):
                seen[name, c] = eventually(lambda: self.logs(name, "-c", c), f"the log of {name} {c}")
        self.assertEqual(seen["same", "one"], seen["same", "two"])
        self.assertNotEqual(seen["same", "one"], seen["other", "one"])
        own = "".join(os.readlink(f"/proc/self/ns/{kind}") + "\n" for kind in ("ipc", "uts"))
        self.assertNotEqual(seen["same", "one"], own)

    def test_who_has_fewer_capabilities_cannot_look_into_who_shares_its_processes(self):
        # Anyone may read a command: the holder's shows that it is there. The looker's own does not match.
        look = ("until grep -aqs 'hold[i]ng' /proc/[0-9]*/cmdline; do sleep 0.1; done; echo looks; "
                "for n in 1 2 3 4 5; do grep -azhs TOKEN= /proc/[0-9]*/environ; sleep 0.1; done; true")
        fewer = {"securityContext": {"capabilities": {"drop": ["AUDIT_WRITE"]}}}
        holder = sh(": holding; while ! [ -e /proc/1/gone ]; do sleep 0.1; done", name="holder",
                    env=[{"name": "TOKEN", "value": "dear"}])
        for name, more, seen in (("equal", {}, True), ("fewer", fewer, False)):
            self.leat.apply(pod(name, holder, sh(look, name="looker", **more), shareProcessNamespace=True))
            eventually(lambda: self.leat.get("pod", name)["status"].get("containerStatuses", [{}, {}])[1].get(
                "state", {}).get("terminated"), "the looker's end")
            log = self.logs(name, "-c", "looker")
            self.assertIn("looks\n", log)
            self.assertEqual("TOKEN=dear" in log, seen, name)
            self.leat.kubectl("delete", "pod", name, "--grace-period=0", "--force")

    def test_the_files_of_ours_that_it_may_write_to_fill_no_disk(self):
        found = self.run_pod(pod("writes", sh(
            "yes x | head -c 50000000 > /dev/termination-log; yes y | head -c 20000000 >> /etc/hosts; exit 3")))
        self.assertEqual(self.ended(found)["message"], "x\n" * 2048)
        self.assertEqual(self.ended(found)["exitCode"], 3)
        used = subprocess.run(["du", "-sk", str(self.leat.dir / "node/pods" / found["metadata"]["uid"])],
                              check=True, capture_output=True, text=True).stdout
        self.assertLess(int(used.split()[0]), 100)

    def test_who_fills_its_message_leaves_the_others_their_room(self):
        fill = sh("yes x | head -c 3000000 > /dev/termination-log; true", "first")
        found = self.run_pod(pod("beside", sh("cat /etc/hosts; echo fine > /dev/termination-log"), initContainers=[fill]))
        self.assertEqual(self.ended(found)["message"], "fine\n")
        self.assertIn("localhost", self.logs("beside"))

    def test_the_ipc_namespace_of_the_host_is_had_for_the_asking(self):
        self.run_pod(pod("host-ipc", sh("readlink /proc/self/ns/ipc"), hostIPC=True))
        self.assertEqual(self.logs("host-ipc"), os.readlink("/proc/self/ns/ipc") + "\n")

    # --- life cycle

    def test_exit_code_reason_and_termination_message(self):
        found = self.run_pod(pod("fails", sh("echo it broke > /dev/termination-log; exit 42")))
        self.assertEqual(found["status"]["phase"], "Failed")
        self.assertEqual((self.ended(found)["exitCode"], self.ended(found)["reason"], self.ended(found)["message"]),
                         (42, "Error", "it broke\n"))

    def test_the_log_stands_in_for_the_message_when_asked(self):
        found = self.run_pod(pod("fallback", sh("echo last words; exit 1", terminationMessagePolicy="FallbackToLogsOnError")))
        self.assertEqual(self.ended(found)["message"], "last words\n")

    def test_out_of_memory_is_said(self):
        found = self.run_pod(pod("hungry", sh("exec tail /dev/zero", resources={"limits": {"memory": "16Mi"}})))
        self.assertEqual((self.ended(found)["exitCode"], self.ended(found)["reason"]), (137, "OOMKilled"))

    def test_a_command_that_does_not_exist(self):
        found = self.run_pod(pod("typo", {"name": "c", "image": "leat.dev/host", "command": ["/no/such"]}))
        self.assertEqual((self.ended(found)["exitCode"], self.ended(found)["reason"]), (128, "StartError"))
        self.assertIn("/no/such", self.ended(found)["message"])

    def test_an_unmapped_image_says_how_to_map_it_and_runs_once_mapped(self):
        self.leat.apply(pod("mapped", {"name": "c", "image": "example.com/tool:1", "args": ["mapped"]}))
        waiting = lambda: self.leat.get("pod", "mapped").get("status", {}).get("containerStatuses", [{}])[0].get(
            "state", {}).get("waiting", {})
        eventually(lambda: waiting().get("reason") == "ErrImagePull", "ErrImagePull")
        self.assertIn("leat-images", waiting()["message"])
        self.leat.apply({"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": "leat-images", "namespace": "kube-system"},
                         "data": {"images.yaml": '- {pattern: "example.com/tool:*", entrypoint: [/bin/echo, it is]}'}})
        self.run_pod(pod("mapped", {"name": "c", "image": "example.com/tool:1", "args": ["mapped"]}))
        self.assertEqual(self.logs("mapped"), "it is mapped\n")

    def test_a_crashing_container_is_restarted_with_back_off(self):
        self.leat.apply(pod("crash", sh("echo run; exit 1"), restartPolicy="Always"))
        state = lambda: self.leat.get("pod", "crash").get("status", {}).get("containerStatuses", [{}])[0]
        eventually(lambda: state().get("restartCount") == 1 and "waiting" in state().get("state", {}), "a restart")
        self.assertEqual(state()["state"]["waiting"]["reason"], "CrashLoopBackOff")
        self.assertEqual(state()["lastState"]["terminated"]["exitCode"], 1)
        self.assertIn("CrashLoopBackOff", self.leat.kubectl("get", "pod", "crash").stdout)
        self.assertEqual(self.logs("crash", "--previous"), "run\n")
        self.leat.kubectl("delete", "pod", "crash")

    def test_one_that_cannot_start_backs_off_too(self):
        self.leat.apply(pod("unstartable", {"name": "c", "image": "leat.dev/host", "command": ["nosuchcmd"]},
                            restartPolicy="Always"))
        state = lambda: self.leat.get("pod", "unstartable").get("status", {}).get("containerStatuses", [{}])[0]
        eventually(lambda: state().get("restartCount") == 1, "a restart")
        time.sleep(3)
        self.assertEqual(state()["restartCount"], 1)
        self.assertEqual(state()["state"]["waiting"]["reason"], "CrashLoopBackOff")
        self.assertEqual(state()["lastState"]["terminated"]["message"],
                         'exec: "nosuchcmd": executable file not found in $PATH')
        self.leat.kubectl("delete", "pod", "unstartable")

    def test_init_containers_run_in_order_and_sidecars_beside(self):
        manifest = pod("staged", sh("cat /data/log; ls /data", volumeMounts=[{"name": "d", "mountPath": "/data"}]),
                       volumes=[{"name": "d", "emptyDir": {}}],
                       initContainers=[
                           sh("echo one >> /data/log", "one", volumeMounts=[{"name": "d", "mountPath": "/data"}]),
                           sh("touch /data/side; trap 'exit 0' TERM; while :; do sleep 0.1; done", "side",
                              restartPolicy="Always", volumeMounts=[{"name": "d", "mountPath": "/data"}]),
                           sh("while [ ! -e /data/side ]; do sleep 0.05; done; echo two >> /data/log", "two",
                              volumeMounts=[{"name": "d", "mountPath": "/data"}])])
        found = self.run_pod(manifest)
        self.assertEqual(found["status"]["phase"], "Succeeded")
        self.assertEqual(self.leat.kubectl("logs", "staged", "-c", "c").stdout, "one\ntwo\nlog\nside\n")

    def test_deleting_gives_the_grace_period_and_no_more(self):
        self.leat.apply(pod("polite", sh("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"),
                            terminationGracePeriodSeconds=30))
        self.leat.apply(pod("stubborn", sh("trap '' TERM; echo up; while :; do sleep 0.1; done")))
        for name in ("polite", "stubborn"):
            eventually(lambda: "up" in self.leat.kubectl("logs", name, check=False).stdout, "up")
            self.leat.kubectl("delete", "pod", name, "--timeout=20s")

    def test_a_pod_that_does_not_fit_says_why_and_runs_when_it_does(self):
        self.leat.apply(pod("huge", sh("true", resources={"requests": {"cpu": "1000"}})))
        eventually(lambda: "Insufficient cpu" in self.leat.kubectl("describe", "pod", "huge").stdout, "the reason")
        self.assertIn("0/1 nodes are available: 1 Insufficient cpu.", self.leat.kubectl("describe", "pod", "huge").stdout)
        self.assertEqual(self.leat.get("pod", "huge")["status"]["phase"], "Pending")

    def test_a_pod_that_fills_its_volume_beyond_the_limit_is_evicted(self):
        found = self.run_pod(pod("full", sh("head -c 8M /dev/zero > /d/x; sleep 1000",
                                            volumeMounts=[{"name": "d", "mountPath": "/d"}]),
                                 volumes=[{"name": "d", "emptyDir": {"sizeLimit": "4Mi"}}]))
        self.assertEqual(found["status"]["reason"], "Evicted")
        self.assertEqual(found["status"]["message"], 'Usage of EmptyDir volume "d" exceeds the limit "4Mi".')
        eventually(lambda: "terminated" in self.leat.get("pod", "full")["status"]["containerStatuses"][0]["state"],
                   "its container is killed")

    # --- inputs

    def test_env_command_and_working_dir(self):
        self.leat.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "secret"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"A": "1", "B": "2"}}]}))
        self.run_pod(pod("env", {
            "name": "c", "image": "leat.dev/host", "workingDir": "/tmp",
            "command": ["sh", "-c"], "args": ["pwd; echo $(GREETING) $WHO $A $B $NODE $CPU '$(NONE)'"],
            "envFrom": [{"configMapRef": {"name": "m"}}],
            "env": [{"name": "NAME", "value": "leat"}, {"name": "GREETING", "value": "hello $(NAME)"},
                    {"name": "WHO", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
            "resources": {"limits": {"cpu": "2"}}}))
        self.assertEqual(self.logs("env"), "/tmp\nhello leat secret 1 2 env 2 $(NONE)\n")

    def test_a_missing_key_is_named(self):
        self.leat.apply(pod("no-key", sh("true", env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "k"}}}])))
        state = lambda: self.leat.get("pod", "no-key").get("status", {}).get("containerStatuses", [{}])[0].get("state", {})
        eventually(lambda: state().get("waiting", {}).get("reason") == "CreateContainerConfigError", "the reason")
        self.assertIn("nope", state()["waiting"]["message"])

    def test_volumes_show_changes_while_they_are_mounted(self):
        self.leat.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "live"}, "data": {"file": "old"}})
        self.leat.apply(pod("live", sh("while [ \"$(cat /m/file)\" != new ] || ! grep -q now /i/a; do sleep 0.05; done; echo seen",
                                       volumeMounts=[{"name": "m", "mountPath": "/m"}, {"name": "i", "mountPath": "/i"}]),
                            volumes=[{"name": "m", "configMap": {"name": "live"}},
                                     {"name": "i", "downwardAPI": {"items": [
                                         {"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}}]))
        eventually(lambda: self.leat.get("pod", "live")["status"].get("phase") == "Running", "running")
        self.leat.kubectl("annotate", "pod", "live", "x=now")
        self.leat.kubectl("patch", "configmap", "live", "-p", '{"data":{"file":"new"}}')
        eventually(lambda: self.leat.get("pod", "live")["status"]["phase"] == "Succeeded", "the change is seen", 20)

    def test_host_path_and_secret_files(self):
        self.leat.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "files"}, "stringData": {"a": "A", "b": "B"}})
        self.run_pod(pod("files", sh("cat /s/x/a; ls /s; ls /host | grep -c os-release",
                                     volumeMounts=[{"name": "s", "mountPath": "/s", "readOnly": True},
                                                   {"name": "h", "mountPath": "/host", "readOnly": True}]),
                         volumes=[{"name": "s", "secret": {"secretName": "files", "items": [{"key": "a", "path": "x/a"}]}},
                                  {"name": "h", "hostPath": {"path": "/etc", "type": "Directory"}}]))
        self.assertEqual(self.logs("files"), "Ax\n1\n")

    def test_peers_of_one_subdomain_know_each_other(self):
        for name in ("algo-1", "algo-2"):
            self.leat.apply(pod(name, sh("until getent hosts algo-1 && getent hosts algo-2; do sleep 0.1; done"),
                                hostname=name, subdomain="peers"))
        for name in ("algo-1", "algo-2"):
            eventually(lambda: self.leat.get("pod", name)["status"].get("phase") == "Succeeded", name, 30)
        addresses = {self.leat.get("pod", name)["status"]["podIP"] for name in ("algo-1", "algo-2")}
        self.assertEqual(len(addresses), 2)
        self.assertTrue(all(a.startswith("127.") for a in addresses))

    # --- logs

    def test_logs_as_kubectl_asks_for_them(self):
        self.run_pod(pod("talk", sh("for i in 1 2 3 4 5; do echo line $i; done; echo error >&2")))
        self.assertEqual(self.logs("talk", "--tail=2"), "line 5\nerror\n")
        self.assertEqual(len(self.logs("talk", "--since=1h").splitlines()), 6)
        self.assertRegex(self.logs("talk", "--timestamps", "--tail=1"), r"^\d{4}-\d\d-\d\dT\S+ error\n$")
        self.assertEqual(self.logs("talk", "--limit-bytes=4"), "line")
        wrong = self.leat.kubectl("logs", "talk", "-c", "none", check=False)
        self.assertIn("container none is not valid for pod talk", wrong.stderr)

    def test_following_ends_with_the_container(self):
        self.leat.apply(pod("slow", sh("for i in 1 2 3; do echo $i; sleep 0.3; done")))
        eventually(lambda: self.leat.kubectl("logs", "slow", check=False).returncode == 0, "it started")
        self.assertEqual(self.leat.kubectl("logs", "-f", "slow", timeout=30).stdout, "1\n2\n3\n")

    def test_a_line_of_100_kb_is_one_line(self):
        self.run_pod(pod("wide", sh("head -c 100000 /dev/zero | tr '\\0' x; echo; echo next")))
        self.assertEqual(self.logs("wide"), "x" * 100000 + "\nnext\n")

    def test_nothing_is_lost_where_one_file_of_a_log_follows_another(self):
        chunks, lines = 4, 60_000
        with Gate("rotated") as gate:
            script = (f"for n in $(seq 0 {chunks - 1}); do "
                      f"seq -f 'line %.0f {'x' * 90}' $((n * {lines})) $(((n + 1) * {lines} - 1)); {gate.WAIT}; done")
            self.leat.apply(gate.pod(script))
            eventually(lambda: self.leat.kubectl("logs", "rotated", "--tail=1", check=False).returncode == 0, "its start")
            with tempfile.TemporaryFile("w+") as followed:
                follower = subprocess.Popen(["kubectl", "logs", "-f", "rotated"], env=self.leat.environment(),
                                            stdout=followed)
                for n in range(chunks):
                    gate.await_pod(n)
                    # 8 MB a time: one new file at the most, before the next may be needed.
                    eventually(lambda: log_files(self.leat, "rotated", "0.log.tmp"), "the next file lies ready")
                    self.assertLessEqual(max(log_files(self.leat, "rotated").values()), 10 << 20)
                    gate.open(n)
                self.assertEqual(follower.wait(120), 0)
                followed.seek(0)
                right = "".join(f"line {n} {'x' * 90}\n" for n in range(chunks * lines))
                self.assertTrue(followed.read() == right, "the follower's text")
            self.assertTrue(self.logs("rotated") == right, "the log's text")
            self.assertGreater(len(log_files(self.leat, "rotated", "0.log.2*")), 3)


class Gate:
    """A directory through which a pod and its test wait for each other."""
    WAIT = "touch /gate/$n.here; while [ ! -e /gate/$n.open ]; do sleep 0.05; done"

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="leat-gate-")
        self.dir = pathlib.Path(self.scratch.name)
        return self

    def __exit__(self, *_):
        self.scratch.cleanup()

    def pod(self, script):
        return pod(self.name, sh(script, volumeMounts=[{"name": "gate", "mountPath": "/gate"}]),
                   volumes=[{"name": "gate", "hostPath": {"path": str(self.dir)}}])

    def await_pod(self, n):
        eventually(lambda: (self.dir / f"{n}.here").exists(), f"{self.name} is at {n}", 120)

    def open(self, n):
        (self.dir / f"{n}.open").touch()


def log_files(leat, name, pattern="*"):
    """The sizes of the files of a pod's logs, by inode."""
    uid = leat.get("pod", name)["metadata"]["uid"]
    found = (path.stat() for path in (leat.dir / "node/logs" / uid / "c").glob(pattern))
    return {one.st_ino: one.st_size for one in found}


@needs_root
class Mishaps(unittest.TestCase):
    def test_a_log_that_grows_while_no_leat_runs_stays_bounded(self):
        with Leat() as leat, Gate("loud") as gate:
            leat.apply(gate.pod(f"n=0; {gate.WAIT}; yes {'y' * 4000} | head -c 90000000; echo; n=1; {gate.WAIT}; echo end"))
            gate.await_pod(0)
            logs = log_files(leat, "loud")
            directory = leat.dir / "node/logs" / leat.get("pod", "loud")["metadata"]["uid"] / "c"
            leat.kill()
            gate.open(0)
            gate.await_pod(1)
            sizes = {one.st_ino: one.st_size for one in (path.stat() for path in directory.iterdir())}
            self.assertLessEqual(max(sizes.values()), 10 << 20)
            self.assertLessEqual(len(sizes), len(logs) + 1)
            leat.start()
            gate.open(1)
            eventually(lambda: leat.get("pod", "loud")["status"]["phase"] == "Succeeded", "its end")
            self.assertEqual(leat.kubectl("logs", "loud", "--tail=1").stdout, "end\n")

    def test_pods_start_once_runc_is_installed(self):
        with tempfile.TemporaryDirectory() as programs:
            os.symlink(shutil.which("conmon"), programs + "/conmon")
            leat = Leat(env={**os.environ, "PATH": programs})
            with leat:
                leat.apply(pod("early", sh("echo at last")))
                node = json.loads(leat.kubectl("get", "nodes", "-o", "json").stdout)["items"][0]
                ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
                self.assertEqual((ready["status"], ready["message"]), ("False", "runc is not installed: apt-get install runc"))
                os.symlink(shutil.which("runc"), programs + "/runc")
                eventually(lambda: leat.get("pod", "early").get("status", {}).get("phase") == "Succeeded", "the pod's end", 60)
                described = leat.kubectl("describe", "node").stdout
                self.assertNotIn("0001", described)
                self.assertIn("runc://1", described)

    def test_a_start_that_a_crash_cut_short_is_repeated(self):
        with Leat() as leat:
            leat.apply(pod("halfway", sh("echo up; exec sleep 1000")))
            log = lambda: leat.kubectl("logs", "halfway", check=False).stdout
            eventually(lambda: log() == "up\n", "its start")
            leat.kill()
            bundle = next((leat.dir / "node/runtime/sandboxes").glob("*/c_0"))
            os.kill(int((bundle / "conmon.pid").read_text()), signal.SIGKILL)
            subprocess.run(["runc", "--root", leat.dir / "node/runtime/runc", "delete", "--force",
                            f"{bundle.parent.name}_c_0"], check=True)
            for left in ("started", "conmon.pid", "pid"):
                (bundle / left).unlink()  # what remains is what there is between the first file and conmon
            leat.start()
            eventually(lambda: log() == "up\nup\n", "its second start")
            state = leat.get("pod", "halfway")["status"]["containerStatuses"][0]
            self.assertEqual((list(state["state"]), state["restartCount"]), (["running"], 0))
            leat.kubectl("delete", "pod", "halfway", "--timeout=30s")


if __name__ == "__main__":
    unittest.main()
