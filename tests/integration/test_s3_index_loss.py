"""The index of S3 is lost, replaced by an older copy, damaged: no start of Leat costs an object's bytes."""
import hashlib
import os
import pathlib
import shutil
import unittest

import leat


class IndexLoss(unittest.TestCase):
    def setUp(self):
        self.leat = leat.Leat()
        self.addCleanup(self.leat.close)
        self.leat.start()
        self.index = pathlib.Path(self.leat.dir) / "aws/s3.sqlite"
        self.list = self.index.parent / "unnamed-files"
        self.kept = {}
        self.leat.s3().create_bucket(Bucket="bucket")

    def put(self, count):
        s3 = self.leat.s3()
        for _ in range(count):
            key, body = f"k{len(self.kept)}", os.urandom(5000)
            s3.put_object(Bucket="bucket", Key=key, Body=body)
            self.kept[key] = hashlib.sha256(body).digest()

    def put_parts(self):
        s3 = self.leat.s3()
        where = {"Bucket": "bucket", "Key": "parts"}
        where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
        bodies = [os.urandom(5 << 20), b"the end"]
        parts = [{"PartNumber": i, "ETag": s3.upload_part(PartNumber=i, Body=body, **where)["ETag"]}
                 for i, body in enumerate(bodies, 1)]
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)
        self.kept["parts"] = hashlib.sha256(b"".join(bodies)).digest()

    def files(self):
        return {path.name for path in (self.index.parent / "objects").glob("*/*")}

    def take_away(self, name):
        """The index and what belongs to it, moved to another name."""
        for end in ["", "-wal", ".mark"]:
            path = self.index.with_name(self.index.name + end)
            if path.exists():
                path.rename(self.index.with_name(name + end))

    def put_back(self, name):
        for end in ["", "-wal", ".mark"]:
            self.index.with_name(self.index.name + end).unlink(missing_ok=True)
            kept = self.index.with_name(name + end)
            if kept.exists():
                shutil.copy(kept, self.index.with_name(self.index.name + end))

    def start_and_see_the_warning(self):
        self.list.unlink(missing_ok=True)
        self.leat.start()
        leat.eventually(self.list.exists, "the list of files without a name")
        self.assertIn("s3 files are kept that the index does not name", self.leat.log_text())

    def assert_all_there(self):
        s3 = self.leat.s3()
        for key, digest in self.kept.items():
            body = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
            self.assertEqual(hashlib.sha256(body).digest(), digest, key)

    def test_every_object_survives_wrong_indices(self):
        self.put(20)
        self.leat.stop()
        self.take_away("older")
        self.put_back("older")
        self.leat.start()
        self.put(20)
        self.put_parts()
        files = self.files()
        self.leat.kill()
        self.take_away("right")
        for wrong in ["missing", "empty", "older"]:
            with self.subTest(index=wrong):
                self.put_back(wrong)
                if wrong == "empty":
                    self.index.touch(0o600)
                self.start_and_see_the_warning()
                self.assertEqual(self.files(), files)
                self.leat.s3().list_buckets()
                self.leat.stop()
        self.put_back("right")
        self.leat.start()
        self.assert_all_there()

    def test_a_damaged_index_moved_away_as_the_message_says(self):
        self.put(20)
        self.leat.stop()
        self.take_away("right")
        self.index.write_bytes(b"this is no index" * 100)
        with self.assertRaises(AssertionError):
            self.leat.start()
        self.assertIn("move it away", self.leat.log_text())
        self.leat.process.wait(60)
        self.index.unlink()
        self.start_and_see_the_warning()
        self.leat.stop()
        self.put_back("right")
        self.leat.start()
        self.assert_all_there()

    def test_a_damaged_page_is_told_at_the_start(self):
        self.put(150)
        self.leat.stop()
        with open(self.index, "r+b") as file:
            file.seek(28)  # the header's count of pages: behind them is what the file holds back
            file.seek((int.from_bytes(file.read(4), "big") - 1) * 4096)
            file.write(b"x" * 4096)
        self.leat.start()
        leat.eventually(lambda: "s3 index is damaged" in self.leat.log_text(), "the damage is told")


if __name__ == "__main__":
    unittest.main()
