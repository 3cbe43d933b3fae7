"""A real `leat up` for tests: free ports, a scratch data directory, killed and cleaned up at the end.

    with Leat() as leat:
        leat.kubectl("get", "nodes")
        leat.s3().create_bucket(Bucket="b")
"""
import configparser
import functools
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("LEAT_BIN", ROOT / "build/release"))
PATIENCE = float(os.environ.get("LEAT_PATIENCE", "1"))  # more for slow builds: sanitizers, a busy machine
START_SECONDS = float(os.environ.get("LEAT_START_SECONDS", 30 * PATIENCE))
SANITIZER_REPORT = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|LeakSanitizer has encountered|"
                              r"WARNING: ThreadSanitizer|runtime error: ")


def assert_no_report(text, where):
    """Fails on what a sanitizer of the build has found."""
    found = SANITIZER_REPORT.search(text)
    if found:
        raise AssertionError(f"{where}:\n{text[max(0, found.start() - 500):found.start() + 8000]}")


class Leat:
    def __init__(self, *flags, data_dir=None, bin_dir=BIN, env=None):
        self.bin_dir = pathlib.Path(bin_dir)
        self.flags = flags
        self.env = env
        self.own_dir = data_dir is None
        self.dir = pathlib.Path(data_dir or tempfile.mkdtemp(prefix="leat-test-"))
        self.log_path = self.dir.with_name(self.dir.name + ".log")  # beside it: a data directory begins empty
        self.process = None
        self.log = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Starts it and waits for the `ready` line."""
        if self.log:
            self.log.close()
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(self.bin_dir / "leat"), "up", "--data-dir", str(self.dir), "--listen", "127.0.0.1:0",
             *(() if "--aws-listen" in self.flags else ("--aws-listen", "127.0.0.1:0")), *self.flags],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.env)
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        if not selector.select(START_SECONDS):
            self.kill()
            raise AssertionError(f"not ready after {START_SECONDS} s:\n{self.log_text()[-4000:]}")
        line = self.process.stdout.readline()
        match = re.match(r"ready api=(\S+) aws=(\S+) kubeconfig=(\S+) credentials=(\S+)", line)
        if not match:
            raise AssertionError(f"no ready line, got {line!r}:\n{self.log_text()[-4000:]}")
        self.api, self.aws, self.kubeconfig, self.credentials = match.groups()
        keys = configparser.ConfigParser()
        keys.read(self.credentials)
        self.key_id = keys["default"]["aws_access_key_id"]
        self.secret = keys["default"]["aws_secret_access_key"]

    def kill(self):
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, timeout=60):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        self.process.stdout.close()
        return status

    def close(self):
        """Stops Leat and every pod it started, and removes the data directory; fails on a sanitizer's report."""
        pod_logs = {str(path): path.read_text(errors="replace")
                    for path in (self.dir / "node/logs").glob("*/*/*.log")}
        if self.process.poll() is not None:
            try:
                self.start()  # so that the pods of a killed Leat are found and stopped
            except AssertionError:
                pass
        for namespace in self.namespaces_with_pods():
            self.kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=1", "--wait=true",
                         "--timeout=60s", check=False)
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()
        texts = {**pod_logs, "leat.log": self.log_text()}
        if self.own_dir and not os.environ.get("LEAT_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        if not os.environ.get("LEAT_KEEP"):
            self.log_path.unlink(missing_ok=True)
        for where, text in texts.items():
            assert_no_report(text, where)

    def namespaces_with_pods(self):
        found = self.kubectl("get", "pods", "-A", "-o", "json", check=False)
        if found.returncode != 0:
            return []
        return sorted({item["metadata"]["namespace"] for item in json.loads(found.stdout)["items"]})

    def log_text(self):
        return self.log_path.read_text(errors="replace")

    def environment(self):
        path = f"{self.bin_dir}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "KUBECONFIG": self.kubeconfig,
               "AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret,
               "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.aws,
               "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(self.dir)}
        if self.ca:
            env["AWS_CA_BUNDLE"] = self.ca
        return env

    @property
    def ca(self):
        """The file that an https endpoint's certificate is verified with; None for plain HTTP."""
        return str(self.dir / "pki/ca.crt") if self.aws.startswith("https:") else None

    def run(self, *command, check=True, input=None, timeout=120):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, input=input,
                              env=self.environment(), timeout=timeout)
        assert_no_report(done.stderr, " ".join(map(str, command)))
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))} -> {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def kubectl(self, *arguments, **options):
        return self.run("kubectl", *arguments, **options)

    def aws_cli(self, *arguments, **options):
        return self.run(*aws_command(self.aws), *arguments, **options)

    def get(self, kind, name, namespace="default"):
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json").stdout)

    def apply(self, manifest, **options):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self.kubectl("apply", "-f", "-", input=text, **options)

    def client(self, service):
        import boto3
        import botocore.config
        return boto3.client(service, endpoint_url=self.aws, aws_access_key_id=self.key_id,
                            aws_secret_access_key=self.secret, region_name="us-east-1", verify=self.ca,
                            config=botocore.config.Config(retries={"max_attempts": 1}))

    def s3(self):
        return self.client("s3")


class Target:
    """The `leat up` that a test module's clients talk to, started at its first use: one over plain HTTP, and for
    the cases that over_tls makes another one with --aws-tls."""

    def __init__(self):
        self.flags = ()
        self.running = {}  # by flags

    @property
    def leat(self):
        if self.flags not in self.running:
            leat = Leat(*self.flags)
            leat.start()
            self.running[self.flags] = leat
        return self.running[self.flags]

    def close(self):
        for leat in self.running.values():
            leat.close()
        self.running.clear()

    def over_tls(self, case, *names):
        """The test case once more over TLS, with the tests of these names alone."""
        target = self

        class OverTls(case):
            @classmethod
            def setUpClass(cls):
                target.flags = ("--aws-tls",)
                cls.addClassCleanup(setattr, target, "flags", ())
                super().setUpClass()

        for name in dir(case):
            if name.startswith("test") and name not in names:
                setattr(OverTls, name, None)
        for name in names:
            getattr(case, name)  # a name that is not there shall not go unnoticed
        OverTls.__name__ = OverTls.__qualname__ = case.__name__ + "OverTls"
        OverTls.__module__ = case.__module__
        return OverTls


def eventually(condition, what, seconds=60):
    """The first true value of condition(), which is asked again until then."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


@functools.cache
def aws_command(endpoint):
    """The aws CLI's command line up to its arguments: from 1.29 and 2.13 on, AWS_ENDPOINT_URL in the environment
    has to be enough; older ones do not know it and are told the endpoint."""
    program = shutil.which("aws")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60)
    version = re.match(r"aws-cli/(\d+)\.(\d+)", told.stdout + told.stderr)
    if not version:
        raise AssertionError(f"{program} --version: {told.stdout}{told.stderr}")
    major, minor = map(int, version.groups())
    knows_the_variable = (major, minor) >= ((1, 29) if major == 1 else (2, 13))
    return [program] if knows_the_variable else [program, "--endpoint-url", endpoint]


def needs_root(test):
    import unittest
    return unittest.skipUnless(os.geteuid() == 0, "containers need root")(test)
