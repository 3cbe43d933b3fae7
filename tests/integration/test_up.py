"""`leat up` itself: starting, refusing, dying and coming back."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from leat import BIN, Leat, assert_no_report, eventually, needs_root


def run_up(*flags, env=None, timeout=60):
    """Runs `leat up` that is expected to fail; (status, stderr)."""
    done = subprocess.run([str(BIN / "leat"), "up", *map(str, flags)], capture_output=True, text=True,
                          timeout=timeout, env=env)
    assert_no_report(done.stderr, "leat up")
    return done.returncode, done.stderr


def trapping(name, trap, grace):
    """A pod that runs until it is signalled, and then does what its trap says."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": grace, "containers": [
                {"name": "c", "image": "leat.dev/host", "command": ["sh", "-c", f"{trap}; echo up; while :; do sleep 0.1; done"]}]}}


def processes_of(leat):
    """Command lines of the processes that hold its containers."""
    lines = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if str(leat.dir) in line and "conmon" in line:
            lines.append(line)
    return lines


class Refusals(unittest.TestCase):
    def assert_one_line(self, text, *parts):
        lines = [line for line in text.splitlines() if line.startswith("leat: ")]
        self.assertEqual(len(lines), 1, text)
        for part in parts:
            self.assertIn(part, lines[0])

    def test_a_second_leat_on_the_same_directory_is_refused(self):
        with Leat() as leat:
            status, err = run_up("--data-dir", leat.dir, "--listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0")
            self.assertEqual(status, 1)
            self.assert_one_line(err, "another Leat is running", str(leat.dir), str(leat.process.pid))
            leat.kubectl("get", "nodes")  # the first one is unharmed

    def test_two_leats_with_their_own_directories_live_side_by_side(self):
        with Leat() as one, Leat("--node-name", "other") as two:
            self.assertNotEqual(one.api, two.api)
            one.kubectl("create", "-f", "-", input='{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"only-one"}}')
            self.assertNotEqual(two.kubectl("get", "ns", "only-one", check=False).returncode, 0)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken, tempfile.TemporaryDirectory() as scratch:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for flag, other in (("--listen", "--aws-listen"), ("--aws-listen", "--listen")):
                status, err = run_up("--data-dir", scratch, flag, f"127.0.0.1:{port}", other, "127.0.0.1:0")
                self.assertEqual(status, 1)
                self.assert_one_line(err, f"127.0.0.1:{port}", "in use", flag)
                self.assertTrue((pathlib.Path(scratch) / "leat.db").exists())  # it is the user's directory
                status, err = run_up("--data-dir", scratch + "/new", flag, f"127.0.0.1:{port}", other, "127.0.0.1:0")
                self.assertEqual(status, 1)
                self.assertFalse((pathlib.Path(scratch) / "new").exists())

    def test_an_unusable_directory_is_named(self):
        with tempfile.NamedTemporaryFile() as file:
            status, err = run_up("--data-dir", file.name + "/x")
            self.assertEqual(status, 1)
            self.assert_one_line(err, file.name, "--data-dir")

    def test_a_directory_that_holds_something_else_is_left_as_it_is(self):
        with tempfile.TemporaryDirectory() as scratch:
            theirs = pathlib.Path(scratch) / "theirs"
            theirs.mkdir(mode=0o755)
            (theirs / "thesis.tex").write_text("precious")
            (pathlib.Path(scratch) / "link").symlink_to(theirs)
            for name in ("theirs", "link"):
                status, err = run_up("--data-dir", f"{scratch}/{name}")
                self.assertEqual(status, 1)
                self.assert_one_line(err, f"{scratch}/{name}", "thesis.tex", "--data-dir")
                self.assertEqual(theirs.stat().st_mode & 0o7777, 0o755)
                self.assertEqual(os.listdir(theirs), ["thesis.tex"])

    def test_a_lost_database_is_not_begun_anew(self):
        """Neither the API's nor the AWS endpoint's, and nothing that belongs to it goes."""
        for name in ("leat.db", "aws/s3.sqlite", "aws/logs.sqlite"):
            for lose in (pathlib.Path.unlink, lambda path: path.write_bytes(b"")):
                with self.subTest(name=name), Leat() as leat:
                    leat.kubectl("create", "configmap", "kept")
                    leat.s3().create_bucket(Bucket="bucket")
                    leat.s3().put_object(Bucket="bucket", Key="k", Body=b"bytes")
                    leat.stop()
                    path = leat.dir / name
                    whole = path.read_bytes()
                    lose(path)
                    for _ in range(2):
                        status, err = run_up("--data-dir", leat.dir, "--listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0")
                        self.assertEqual(status, 1, err)
                        self.assert_one_line(err, str(path), "restore a backup", "to begin anew, ")
                    path.write_bytes(whole)
                    leat.start()
                    leat.kubectl("get", "configmap", "kept")
                    self.assertEqual(leat.s3().get_object(Bucket="bucket", Key="k")["Body"].read(), b"bytes")

    @needs_root
    def test_running_pods_outlive_the_loss_of_the_database(self):
        """Also when its mark was removed with it, as whoever begins anew in place might do."""
        with Leat() as leat:
            leat.apply(trapping("p", "true", 1))
            eventually(lambda: leat.get("pod", "p")["status"].get("phase") == "Running", "the pod runs")
            leat.kill()
            aside = leat.dir.with_name(leat.dir.name + "-aside")
            aside.mkdir()
            self.addCleanup(subprocess.run, ["rm", "-rf", str(aside)], check=True)
            for path in leat.dir.glob("leat.db*"):
                path.rename(aside / path.name)
            status, err = run_up("--data-dir", leat.dir, "--listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0")
            self.assertEqual(status, 1, err)
            self.assert_one_line(err, "leat.db", "pods", "restore a backup")
            self.assertTrue(processes_of(leat))
            for path in aside.glob("leat.db*"):
                path.rename(leat.dir / path.name)
            leat.start()
            self.assertEqual(leat.get("pod", "p")["status"]["phase"], "Running")

    @needs_root
    def test_a_port_that_a_pod_has_taken_is_refused_with_its_name(self):
        with Leat() as leat:
            host, port = leat.aws.removeprefix("http://").split(":")
            taker = (f"import socket,time\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
                     f"while True:\n try:\n  s.bind(('{host}',{port}))\n  break\n except OSError: time.sleep(.01)\n"
                     f"s.listen()\ntime.sleep(600)")
            leat.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "taker"}, "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [
                    {"name": "c", "image": "leat.dev/host", "command": ["python3", "-c", taker]}]}})
            eventually(lambda: leat.get("pod", "taker")["status"].get("phase") == "Running", "the pod runs")
            leat.kill()
            def is_taken():
                with socket.socket() as probe:
                    return probe.connect_ex((host, int(port))) == 0
            eventually(is_taken, "the pod has the port")
            status, err = run_up("--data-dir", leat.dir, "--listen", "127.0.0.1:0", "--aws-listen", f"{host}:{port}")
            self.assertEqual(status, 1)
            self.assert_one_line(err, "pod default/taker", f"{host}:{port}", "kubectl delete pod -n default taker")
            # What it says to do helps.
            with socket.socket() as probe:
                probe.bind((host, 0))
                other = probe.getsockname()[1]
            leat.flags = ("--aws-listen", f"{host}:{other}")
            leat.start()
            leat.kubectl("delete", "pod", "-n", "default", "taker", "--timeout=60s")
            leat.stop()
            leat.flags = ()
            leat.start()
            self.assertEqual(leat.aws, f"http://{host}:{port}")

    def test_a_wrong_address_is_explained(self):
        status, err = run_up("--listen", "6443")
        self.assertEqual(status, 1)
        self.assert_one_line(err, '"6443"', "HOST:PORT")

    def test_a_corrupt_database_is_left_as_it_is(self):
        for damage in (b"not a database at all, but long enough to be read as one" * 40, None):
            leat = Leat()
            leat.start()
            leat.stop()
            path = leat.dir / "leat.db"
            if damage is None:  # the middle of it gone
                data = bytearray(path.read_bytes())
                data[0:64] = b"\0" * 64
                damage = bytes(data)
            path.write_bytes(damage)
            for extra in ("leat.db-wal", "leat.db-shm"):
                (leat.dir / extra).unlink(missing_ok=True)
            status, err = run_up("--data-dir", leat.dir, "--listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0")
            self.assertEqual(status, 1)
            self.assert_one_line(err, "leat.db")
            self.assertEqual(path.read_bytes(), damage)
            subprocess.run(["rm", "-rf", str(leat.dir)], check=True)
            leat.log.close()


class Ready(unittest.TestCase):
    def test_what_it_prints_can_be_pasted_elsewhere(self):
        with tempfile.TemporaryDirectory() as scratch:
            process = subprocess.Popen([str(BIN / "leat"), "up", "--data-dir", "it's data", "--listen", "127.0.0.1:0",
                                        "--aws-listen", "127.0.0.1:0"], cwd=scratch, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            try:
                self.assertTrue(process.stdout.readline().startswith("ready api=https://127.0.0.1:"))
                exports = "".join(process.stdout.readline() for _ in range(3))
                use = 'kubectl get nodes -o name; cat "$AWS_SHARED_CREDENTIALS_FILE" "$AWS_CONFIG_FILE" | wc -l'
                shown = subprocess.run(["sh", "-c", exports + use], capture_output=True, text=True, cwd="/")
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=20)
        self.assertRegex(shown.stdout, r"\Anode/\S+\n6\n\Z", shown.stderr)


class Files(unittest.TestCase):
    def test_secrets_are_for_the_owner_only(self):
        with Leat() as leat:
            self.assertEqual(leat.dir.stat().st_mode & 0o777, 0o700)
            for name in ("kubeconfig", "aws/credentials", "aws/config", "leat.db", "pki/ca.key"):
                self.assertEqual((leat.dir / name).stat().st_mode & 0o077, 0, name)

    def test_a_picked_port_is_used_again(self):
        leat = Leat()
        with leat:
            before = (leat.api, leat.aws)
            leat.stop()
            leat.start()
            self.assertEqual((leat.api, leat.aws), before)

    def test_nothing_is_answered_without_credentials(self):
        with Leat() as leat:
            for path, status in (("/api/v1/pods", "401"), ("/metrics", "401"), ("/healthz", "200")):
                done = leat.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", leat.api + path)
                self.assertEqual(done.stdout, status, path)


class Stopping(unittest.TestCase):
    def test_sigterm_ends_it_within_five_seconds(self):
        leat = Leat()
        with leat:
            watch = subprocess.Popen(["kubectl", "get", "nodes", "-w"], env=leat.environment(),
                                     stdout=subprocess.PIPE, text=True)
            watch.stdout.readline()
            leat.process.send_signal(signal.SIGTERM)
            self.assertEqual(leat.process.wait(5.5), 0)
            watch.kill()
            watch.communicate()


    @needs_root
    def test_stop_pods_gives_each_its_grace_and_leaves_nothing_running(self):
        leat = Leat("--stop-pods")
        with leat:
            leat.apply(trapping("polite", "trap 'echo bye; exit 3' TERM", grace=30))
            leat.apply(trapping("stubborn", "trap '' TERM", grace=1))
            self.await_up(leat, "polite", "stubborn")
            self.assertTrue(processes_of(leat))
            self.assertEqual(leat.stop(20), 0)
            self.assertEqual(processes_of(leat), [])
            leat.start()
            for name, code in (("polite", 3), ("stubborn", 137)):
                eventually(lambda: leat.get("pod", name)["status"]["phase"] == "Failed", f"{name} has ended")
                ended = leat.get("pod", name)["status"]["containerStatuses"][0]["state"]["terminated"]
                self.assertEqual(ended["exitCode"], code)
            self.assertEqual(leat.kubectl("logs", "polite").stdout, "up\nbye\n")

    @needs_root
    def test_a_second_signal_ends_it_at_once_and_the_pod_lives(self):
        leat = Leat("--stop-pods")
        with leat:
            leat.apply(trapping("stubborn", "trap '' TERM", grace=600))
            self.await_up(leat, "stubborn")
            leat.process.send_signal(signal.SIGTERM)
            eventually(lambda: "stopping pods" in leat.log_text(), "the first signal is taken")
            self.assertIsNone(leat.process.poll())
            self.assertEqual(leat.stop(5), 1)
            self.assertTrue(processes_of(leat))
            leat.start()
            self.assertEqual(leat.get("pod", "stubborn")["status"]["phase"], "Running")

    def await_up(self, leat, *names):
        for name in names:
            eventually(lambda: leat.kubectl("logs", name, check=False).stdout == "up\n", f"{name} is up")


class Crashes(unittest.TestCase):
    def test_every_acknowledged_write_survives_kill_9(self):
        leat = Leat()
        with leat:
            acknowledged, stop = [], threading.Event()

            def write(worker):
                for i in range(1000):
                    name = f"w{worker}-{i}"
                    done = leat.kubectl("create", "-f", "-", check=False, input=json.dumps(
                        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": name}}))
                    if done.returncode != 0 or stop.is_set():
                        return
                    acknowledged.append(name)

            writers = [threading.Thread(target=write, args=(n,)) for n in range(2)]
            for writer in writers:
                writer.start()
            eventually(lambda: len(acknowledged) >= 10, "ten writes")
            leat.kill()
            stop.set()
            for writer in writers:
                writer.join()
            leat.start()
            maps = json.loads(leat.kubectl("get", "configmaps", "-o", "json").stdout)
            present = {item["metadata"]["name"] for item in maps["items"]}
            self.assertLessEqual(set(acknowledged), present)

    def test_a_deletion_of_its_own_type_that_was_cut_off_ends_with_the_type_served(self):
        crd, release = "trainingjobs.sagemaker.aws.amazon.com", '{"metadata":{"finalizers":null}}'
        job = {"apiVersion": "sagemaker.aws.amazon.com/v1", "kind": "TrainingJob",
               "metadata": {"name": "held", "finalizers": ["example.com/hold"]},
               "spec": {"region": "us-east-1", "roleArn": "arn:aws:iam::123456789012:role/sagemaker",
                        "algorithmSpecification": {"trainingInputMode": "File"},
                        "resourceConfig": {"instanceCount": 1, "instanceType": "ml.m4.xlarge", "volumeSizeInGB": 1},
                        "outputDataConfig": {"s3OutputPath": "s3://bkt/"}, "stoppingCondition": {}}}
        leat = Leat()
        with leat:
            leat.apply(job)
            leat.kubectl("delete", "crd", crd, "--wait=false")
            leat.kill()
            leat.start()
            before = leat.get("crd", crd)["metadata"]
            self.assertIn("deletionTimestamp", before)
            leat.kubectl("patch", "trainingjob", "held", "--type=merge", "-p", release)

            def served():
                found = leat.kubectl("get", "crd", crd, "-o", "json", check=False)
                return found.returncode == 0 and json.loads(found.stdout)["metadata"]["uid"] != before["uid"]
            eventually(served, "the type anew")
            leat.apply(job)

    @needs_root
    def test_a_running_pod_is_found_again_with_its_log_and_exit_code(self):
        leat = Leat()
        with leat:
            leat.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "long"},
                        "spec": {"restartPolicy": "Never", "containers": [
                            {"name": "c", "image": "leat.dev/host",
                             "command": ["sh", "-c", "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 7"]}]}})
            eventually(lambda: "3\n" in leat.kubectl("logs", "long", check=False).stdout, "a few lines")
            leat.kill()
            leat.start()
            eventually(lambda: leat.get("pod", "long")["status"]["phase"] == "Failed", "its end")
            ended = leat.get("pod", "long")["status"]["containerStatuses"][0]["state"]["terminated"]
            self.assertEqual(ended["exitCode"], 7)
            self.assertEqual(leat.kubectl("logs", "long").stdout.split(), [str(i) for i in range(60)])

    @needs_root
    def test_a_pod_that_ended_while_nobody_ran_is_known(self):
        leat = Leat()
        with leat:
            leat.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "short"},
                        "spec": {"restartPolicy": "Never", "containers": [
                            {"name": "c", "image": "leat.dev/host", "command": ["sh", "-c", "echo up; sleep 1; exit 3"]}]}})
            eventually(lambda: "up" in leat.kubectl("logs", "short", check=False).stdout, "its first line")
            leat.kill()
            exits = leat.dir / "node/runtime/exits"
            eventually(lambda: any(exits.iterdir()), "the exit file")
            leat.start()
            eventually(lambda: leat.get("pod", "short")["status"]["phase"] == "Failed", "its end")
            self.assertEqual(leat.get("pod", "short")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3)


class OrdinaryUser(unittest.TestCase):
    @needs_root
    def test_api_and_s3_work_and_the_node_says_why_it_does_not(self):
        home = tempfile.mkdtemp(prefix="leat-user-")
        os.chmod(home, 0o777)
        bin_copy = pathlib.Path(home) / "bin"  # the checkout may lie where nobody else can look
        bin_copy.mkdir()
        os.chmod(bin_copy, 0o755)
        subprocess.run(["cp", str(BIN / "leat"), str(bin_copy)], check=True)
        process = subprocess.Popen(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(bin_copy / "leat"), "up",
             "--data-dir", home + "/data", "--listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": home})
        try:
            line = process.stdout.readline()
            self.assertTrue(line.startswith("ready "), line or process.stderr.read())
            env = {**os.environ, "KUBECONFIG": home + "/data/kubeconfig", "HOME": home}
            node = json.loads(subprocess.run(["kubectl", "get", "nodes", "-o", "json"], env=env, check=True,
                                             capture_output=True, text=True).stdout)["items"][0]
            ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
            self.assertEqual(ready["status"], "False")
            self.assertIn("root", ready["message"])
            events = subprocess.run(["kubectl", "get", "events", "-A"], env=env, capture_output=True, text=True).stdout
            self.assertIn("NodeNotReady", events)
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=10)
            subprocess.run(["rm", "-rf", home], check=True)
        assert_no_report(err, "leat up")


if __name__ == "__main__":
    unittest.main()
