"""The command line: what a person sees who mistypes, forgets or asks."""
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

from leat import BIN, Leat, assert_no_report


def run(program, *arguments, env=None, timeout=60):
    done = subprocess.run([str(BIN / program), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})
    assert_no_report(done.stderr, program)
    return done.returncode, done.stdout, done.stderr


class Words(unittest.TestCase):
    def assert_refused(self, command, *lines):
        status, out, err = run(*command)
        self.assertEqual((status, out), (2, ""), err)
        self.assertEqual(err.splitlines()[:len(lines)], list(lines))

    def test_a_wrong_word_is_named_with_the_nearest_right_one(self):
        self.assert_refused(["leat", "pu"], 'leat: "pu" is not a command; did you mean "up"?')
        self.assert_refused(["leat", "up", "--datadir", "x", "--aws-tsl"],
                            'leat: unknown flag --datadir; did you mean "--data-dir"?',
                            'leat: unknown flag --aws-tsl; did you mean "--aws-tls"?')
        self.assert_refused(["leat-ml", "evalute"], 'leat-ml: "evalute" is not a command; did you mean "evaluate"?')
        self.assert_refused(["leat-ml", "train", "--rot", "/x"], 'leat-ml: unknown flag --rot; did you mean "--root"?')

    def test_an_unknown_flag_comes_before_a_missing_argument(self):
        self.assert_refused(["leat", "cp", "--bogus"], "leat: unknown flag --bogus")
        self.assert_refused(["kubectl-smlogs", "--folow"], 'leat: unknown flag --folow; did you mean "--follow"?')
        self.assert_refused(["upload_xgboost_mnist_dataset", "--s3-buckt", "b"],
                            'leat: unknown flag --s3-buckt; did you mean "--s3-bucket"?')
        self.assert_refused(["upload_xgboost_mnist_dataset"], "leat: --s3-bucket is required")
        self.assert_refused(["leat"], "leat: no command is given")

    def test_help_and_version_are_had_both_ways(self):
        for words in (["help"], ["--help"]):
            status, out, _ = run("leat", *words)
            self.assertEqual(status, 0)
            self.assertIn("Run an embedded cluster", out)
        self.assertEqual(run("leat", "version"), run("leat", "--version"))
        self.assertEqual(run("leat", "help", "up"), run("leat", "up", "--help"))
        for command in ("train", "predict", "evaluate"):
            status, out, _ = run("leat-ml", command, "--help")
            self.assertEqual((status, out.split("\n")[0].split(" [")[0].split(" --")[0]), (0, f"usage: leat-ml {command}"))

    def test_a_file_that_is_no_model_is_called_that(self):
        with tempfile.TemporaryDirectory() as scratch:
            rows = pathlib.Path(scratch) / "rows.csv"
            rows.write_text("1,2\n")
            for model in (__file__, BIN / "leat-ml"):
                status, _, err = run("leat-ml", "predict", "--model", model, "--data", rows, "--out", rows.with_name("out"))
                self.assertEqual((status, err), (1, f"leat-ml: {model}: this is not an XGBoost model, or one that "
                                                    "XGBoost 1.7 cannot read\n"))


class Copy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()
        cls.leat.s3().create_bucket(Bucket="bkt")
        cls.leat.s3().put_object(Bucket="bkt", Key="dir/there", Body=b"bytes")

    @classmethod
    def tearDownClass(cls):
        cls.leat.close()

    def cp(self, source, target):
        return self.leat.run("leat", "cp", source, target, check=False)

    def test_there_and_back(self):
        with tempfile.TemporaryDirectory() as scratch:
            self.assertEqual(self.cp("s3://bkt/dir/there", scratch).returncode, 0)
            got = pathlib.Path(scratch) / "there"
            self.assertEqual(got.read_bytes(), b"bytes")
            self.assertEqual(self.cp(got, "s3://bkt/up/").returncode, 0)
            self.assertEqual(self.leat.s3().get_object(Bucket="bkt", Key="up/there")["Body"].read(), b"bytes")

    def test_what_is_absent_or_missing_is_named(self):
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch) / "out"
            for source, told in (("s3://bkt/", 'leat: "s3://bkt/" names no object: use s3://bkt/KEY'),
                                 ("s3://bkt", 'leat: "s3://bkt/" names no object: use s3://bkt/KEY'),
                                 ("s3://bkt/none", "leat: s3://bkt/none: there is no such key in the bucket"),
                                 ("s3://nobody/none", 'leat: s3://nobody/none: there is no bucket "nobody"')):
                done = self.cp(source, out)
                self.assertEqual(done.returncode, 1)
                self.assertTrue(done.stderr.startswith(told), done.stderr)
                self.assertEqual(list(pathlib.Path(scratch).iterdir()), [])
            os.mkfifo(out)
            self.assertIn("is not a regular file", self.cp("s3://bkt/dir/there", out).stderr)
            self.assertTrue(out.is_fifo())
            done = self.cp(__file__, "s3://nobody/key")
            self.assertIn('there is no bucket "nobody"', done.stderr)


class NoAnswer(unittest.TestCase):
    KEY = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/dev/null"}

    def test_whom_it_waits_for_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            process = subprocess.Popen([str(BIN / "leat"), "cp", "s3://bkt/key", "/no/such/file"], stderr=subprocess.PIPE, text=True,
                                       env={**os.environ, **self.KEY, "AWS_ENDPOINT_URL": endpoint})
            try:
                line = process.stderr.readline()
            finally:
                process.kill()
                process.communicate()
            self.assertIn(f"waiting for {endpoint}", line)
            self.assertIn("AWS_CONFIG_FILE", line)

    def test_without_a_key_it_says_where_a_leat_keeps_one(self):
        status, _, err = run("leat", "cp", "s3://bkt/key", "/no/such/file", env={
            "AWS_ACCESS_KEY_ID": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"})
        self.assertEqual(status, 1)
        self.assertIn("no AWS credentials", err)
        self.assertIn("DIR/aws/credentials", err)


if __name__ == "__main__":
    unittest.main()
