#!/usr/bin/python3
"""What boto3 and aws CLI users do with the S3 side of the endpoint.

Against the server that AWS_ENDPOINT_URL names (with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), else
against a `leat up` of its own, and then what is different over TLS once more against one with --aws-tls. Every
test has a bucket of its own.
"""
import base64
import contextlib
import datetime
import hashlib
import importlib
import io
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import types
import unittest
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
from boto3.s3.transfer import TransferConfig

import leat

MIB = 1 << 20
AWS = shutil.which("aws")
EXTERNAL = os.environ.get("AWS_ENDPOINT_URL", "")
target = leat.Target()


def tearDownModule():
    target.close()


class External:
    """As much of leat.Leat as these tests need."""
    aws, ca = EXTERNAL, None
    key_id, secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")


def server():
    return External if EXTERNAL else target.leat


def client(service="s3", region="us-east-1", key=None, secret=None, **config):
    return boto3.client(
        service, endpoint_url=server().aws, region_name=region, verify=server().ca,
        aws_access_key_id=key or server().key_id, aws_secret_access_key=secret or server().secret,
        config=botocore.config.Config(retries={"max_attempts": 1}, **config))


def tls_context():
    return ssl.create_default_context(cafile=server().ca) if server().ca else None


def fetch(url, method="GET", data=None, headers=None):
    """(status, headers, body) of a plain request, whatever the status."""
    request = urllib.request.Request(url, method=method, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60, context=tls_context()) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def knows(operation, parameter):
    """Whether this botocore lets one give the operation that parameter."""
    return parameter in client().meta.service_model.operation_model(operation).input_shape.members


@contextlib.contextmanager
def signing_at(moment):
    """Within it, botocore signs with Signature Version 4 as though it were `moment`, which is aware."""
    def now(remove_tzinfo=True):
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    class Clock(datetime.datetime):
        utcnow = staticmethod(now)

    with contextlib.ExitStack() as patches:
        for name in ["botocore.auth", "botocore.crt.auth"]:  # the latter signs where there is an awscrt
            try:
                signer = importlib.import_module(name)
            except ImportError:
                continue
            if hasattr(signer, "get_current_datetime"):
                patch = unittest.mock.patch.object(signer, "get_current_datetime", now)
            else:  # an older botocore
                clock = types.SimpleNamespace(**{**vars(datetime), "datetime": Clock})
                patch = unittest.mock.patch.object(signer, "datetime", clock)
            patches.enter_context(patch)
        yield


class S3Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s3 = client()

    def setUp(self):
        self.bucket = "t-" + uuid.uuid4().hex[:20]
        self.s3.create_bucket(Bucket=self.bucket)
        self.addCleanup(self.remove_bucket)

    def remove_bucket(self):
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if keys:
                self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys})
        self.s3.delete_bucket(Bucket=self.bucket)

    def put(self, key, body=b"x", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)

    def body(self, key, **more):
        return self.get(key, **more)["Body"].read()

    def refused(self, code, call, *arguments, **more):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(*arguments, **more)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response


class Buckets(S3Case):
    def test_lifecycle(self):
        self.assertIn(self.bucket, [b["Name"] for b in self.s3.list_buckets()["Buckets"]])
        self.s3.head_bucket(Bucket=self.bucket)
        self.refused("BucketAlreadyOwnedByYou", self.s3.create_bucket, Bucket=self.bucket)
        self.assertIsNone(self.s3.get_bucket_location(Bucket=self.bucket)["LocationConstraint"])
        self.assertNotIn("Status", self.s3.get_bucket_versioning(Bucket=self.bucket))
        self.put("a")
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=self.bucket)
        self.refused("404", self.s3.head_bucket, Bucket="no-such-" + self.bucket)
        self.refused("NoSuchBucket", self.s3.list_objects_v2, Bucket="no-such-" + self.bucket)

    def test_waiters_and_regions(self):
        name = self.bucket + "-eu"
        west = client(region="eu-west-1")
        west.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        west.get_waiter("bucket_exists").wait(Bucket=name)
        self.assertEqual(west.get_bucket_location(Bucket=name)["LocationConstraint"], "eu-west-1")
        west.delete_bucket(Bucket=name)


class Objects(S3Case):
    def test_an_empty_object_and_then_another_on_the_same_connection(self):
        for _ in range(3):
            self.put("empty", b"")
            self.put("full", b"x" * 100)
        self.assertEqual(self.get("full")["Body"].read(), b"x" * 100)

    def test_what_is_put_comes_back(self):
        expires = datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc)
        put = self.put("dir/k", b"hello", ContentType="text/plain", ContentEncoding="identity",
                       ContentDisposition="inline", ContentLanguage="de", CacheControl="no-cache",
                       Expires=expires, Metadata={"colour": "blue"})
        self.assertEqual(put["ETag"], '"%s"' % hashlib.md5(b"hello").hexdigest())
        got = self.get("dir/k")
        self.assertEqual(got["Body"].read(), b"hello")
        for name, value in {"ContentType": "text/plain", "ContentEncoding": "identity",
                            "ContentDisposition": "inline", "ContentLanguage": "de",
                            "CacheControl": "no-cache", "Metadata": {"colour": "blue"}}.items():
            self.assertEqual(got[name], value)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="dir/k")["ContentLength"], 5)
        self.assertEqual(self.body("dir/k", Range="bytes=1-3"), b"ell")
        self.refused("InvalidRange", self.get, "dir/k", Range="bytes=5-")
        self.refused("NoSuchKey", self.get, "dir")
        self.refused("404", self.s3.head_object, Bucket=self.bucket, Key="dir")

    def test_any_key(self):
        keys = ["a", "a/b", "a/", "..", "../x", "x//y", "sp ace", "ü€🌊", "a+b%2F", "?q=1&r", "k" * 1024,
                "quote\"'<>&", "tab\there"]
        for key in keys:
            self.put(key, key.encode())
        for key in keys:
            self.assertEqual(self.body(key), key.encode())
        listed = [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.bucket)["Contents"]]
        self.assertEqual(listed, sorted(keys, key=lambda key: key.encode()))
        self.refused("KeyTooLongError", self.put, "k" * 1025)

    def test_conditions(self):
        etag = self.put("c", b"1")["ETag"]
        with self.subTest("a put"):
            if not knows("PutObject", "IfNoneMatch"):
                self.skipTest(f"botocore {botocore.__version__} has no conditions for put_object")
            self.refused("PreconditionFailed", self.put, "c", b"2", IfNoneMatch="*")
        self.assertEqual(self.body("c", IfMatch=etag), b"1")
        self.refused("PreconditionFailed", self.get, "c", IfMatch='"other"')
        self.refused("304", self.get, "c", IfNoneMatch=etag)
        modified = self.get("c")["LastModified"]
        self.refused("304", self.get, "c", IfModifiedSince=modified)
        earlier = modified - datetime.timedelta(seconds=2)
        self.refused("PreconditionFailed", self.get, "c", IfUnmodifiedSince=earlier)

    def test_checksums(self):
        for algorithm in ["CRC32", "SHA1", "SHA256"]:
            put = self.put(algorithm, b"hello", ChecksumAlgorithm=algorithm)
            field = "Checksum" + algorithm
            got = self.get(algorithm, ChecksumMode="ENABLED")
            self.assertEqual(got["Body"].read(), b"hello")
            self.assertEqual(got[field], put[field])
        wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
        self.refused("BadDigest", self.put, "k", b"hello", ChecksumCRC32=wrong)
        md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.refused("BadDigest", self.put, "k", b"hello", ContentMD5=md5)

    def test_copies(self):
        self.put("s", b"content", Metadata={"a": "1"})
        source = {"Bucket": self.bucket, "Key": "s"}
        self.s3.copy_object(Bucket=self.bucket, Key="d ü", CopySource=source)
        self.assertEqual(self.get("d ü")["Metadata"], {"a": "1"})
        self.s3.copy_object(Bucket=self.bucket, Key="s", CopySource=source, MetadataDirective="REPLACE",
                            Metadata={"b": "2"})
        self.assertEqual(self.get("s")["Metadata"], {"b": "2"})
        self.refused("InvalidRequest", self.s3.copy_object, Bucket=self.bucket, Key="s", CopySource=source)
        self.refused("PreconditionFailed", self.s3.copy_object, Bucket=self.bucket, Key="e",
                     CopySource=source, CopySourceIfMatch="nope")

    def test_deletes(self):
        for i in range(5):
            self.put(str(i))
        done = self.s3.delete_objects(Bucket=self.bucket, Delete={
            "Objects": [{"Key": str(i)} for i in range(3)] + [{"Key": "absent"}]})
        self.assertEqual(len(done["Deleted"]), 4)
        self.s3.delete_object(Bucket=self.bucket, Key="3")
        self.s3.delete_object(Bucket=self.bucket, Key="3")
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.bucket)["KeyCount"], 1)

    def test_what_is_missing_says_so(self):
        self.put("k")
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="k")["TagSet"], [])
        self.refused("NotImplemented", self.s3.put_object_tagging, Bucket=self.bucket, Key="k",
                     Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        self.refused("NotImplemented", self.s3.get_bucket_policy, Bucket=self.bucket)
        self.refused("NotImplemented", self.put, "k", ServerSideEncryption="aws:kms")


class Lists(S3Case):
    def setUp(self):
        super().setUp()
        self.keys = sorted([f"d{i}/{j}" for i in range(4) for j in range(3)] + [f"k{i}" for i in range(5)])
        for key in self.keys:
            self.put(key)

    def test_v2_pages(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, PaginationConfig={"PageSize": 4})
        self.assertEqual([item["Key"] for page in pages for item in page.get("Contents", [])], self.keys)

    def test_v1_pages(self):
        pages = self.s3.get_paginator("list_objects").paginate(
            Bucket=self.bucket, PaginationConfig={"PageSize": 4})
        self.assertEqual([item["Key"] for page in pages for item in page.get("Contents", [])], self.keys)

    def test_delimiters(self):
        for paginator in ["list_objects_v2", "list_objects"]:
            pages = list(self.s3.get_paginator(paginator).paginate(
                Bucket=self.bucket, Delimiter="/", PaginationConfig={"PageSize": 2}))
            prefixes = [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])]
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            self.assertEqual(prefixes, ["d0/", "d1/", "d2/", "d3/"])
            self.assertEqual(keys, [f"k{i}" for i in range(5)])
        one = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="d1/", Delimiter="/", StartAfter="d1/0")
        self.assertEqual([item["Key"] for item in one["Contents"]], ["d1/1", "d1/2"])


class Multipart(S3Case):
    def test_transfer_manager(self):
        data = os.urandom(23 * MIB + 7)
        config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=4)
        self.s3.upload_fileobj(io.BytesIO(data), self.bucket, "big", Config=config)
        self.assertTrue(self.s3.head_object(Bucket=self.bucket, Key="big")["ETag"].endswith('-3"'))
        out = io.BytesIO()
        self.s3.download_fileobj(self.bucket, "big", out, Config=config)
        self.assertEqual(hashlib.sha256(out.getvalue()).digest(), hashlib.sha256(data).digest())
        self.s3.copy({"Bucket": self.bucket, "Key": "big"}, self.bucket, "copy", Config=config)
        self.assertEqual(self.body("copy"), data)

    def test_by_hand(self):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", Metadata={"m": "1"})["UploadId"]
        where = {"Bucket": self.bucket, "Key": "k", "UploadId": upload}
        first = self.s3.upload_part(**where, PartNumber=1, Body=b"a" * 5 * MIB)["ETag"]
        last = self.s3.upload_part(**where, PartNumber=2, Body=b"z")["ETag"]
        self.assertEqual([p["PartNumber"] for p in self.s3.list_parts(**where)["Parts"]], [1, 2])
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]
        self.assertEqual([u["UploadId"] for u in uploads], [upload])

        def complete(*parts):
            return self.s3.complete_multipart_upload(**where, MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]})
        self.refused("InvalidPartOrder", complete, (2, last), (1, first))
        self.refused("InvalidPart", complete, (1, first), (2, first))
        self.refused("InvalidPart", complete, (1, first), (3, last))
        done = complete((1, first), (2, last))
        digests = b"".join(bytes.fromhex(etag.strip('"')) for etag in (first, last))
        self.assertEqual(done["ETag"], '"%s-2"' % hashlib.md5(digests).hexdigest())
        self.assertEqual(self.body("k"), b"a" * 5 * MIB + b"z")
        self.assertEqual(self.body("k", PartNumber=2), b"z")

    def test_small_parts_and_abort(self):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")["UploadId"]
        where = {"Bucket": self.bucket, "Key": "k", "UploadId": upload}
        etags = [self.s3.upload_part(**where, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
        self.refused("EntityTooSmall", self.s3.complete_multipart_upload, **where, MultipartUpload={
            "Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(etags)]})
        self.s3.abort_multipart_upload(**where)
        self.refused("NoSuchUpload", self.s3.list_parts, **where)
        self.refused("NoSuchUpload", self.s3.upload_part, **where, PartNumber=1, Body=b"x")

    def test_checksums(self):
        types_known = knows("CreateMultipartUpload", "ChecksumType")
        for algorithm, kind in [("CRC32", "COMPOSITE"), ("SHA256", "COMPOSITE"), ("CRC32", "FULL_OBJECT")]:
            with self.subTest(algorithm=algorithm, kind=kind):
                if not types_known and kind == "FULL_OBJECT":
                    self.skipTest(f"botocore {botocore.__version__} cannot ask for a ChecksumType")
                self.upload_with_checksums(algorithm, kind, {"ChecksumType": kind} if types_known else {})

    def upload_with_checksums(self, algorithm, kind, asked):
        made = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", ChecksumAlgorithm=algorithm, **asked)
        where = {"Bucket": self.bucket, "Key": "k", "UploadId": made["UploadId"]}
        parts = []
        for number, data in [(1, b"a" * 5 * MIB), (2, b"b")]:
            part = self.s3.upload_part(**where, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm)
            parts.append({"PartNumber": number, "ETag": part["ETag"],
                          "Checksum" + algorithm: part["Checksum" + algorithm]})
        done = self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        self.assertEqual(done["Checksum" + algorithm].endswith("-2"), kind == "COMPOSITE")
        if asked:
            self.assertEqual(done["ChecksumType"], kind)
        if kind == "FULL_OBJECT":
            crc = zlib.crc32(b"b", zlib.crc32(b"a" * 5 * MIB)).to_bytes(4, "big")
            self.assertEqual(done["ChecksumCRC32"], base64.b64encode(crc).decode())


class Trailers(S3Case):
    """Over TLS, SDKs do not sign a body: it comes in chunks, with its checksum in a trailer at its end."""

    def put_with_trailer(self, key, body):
        sent = {}
        signer = client()
        signer.meta.events.register("before-send.s3", lambda request, **_: sent.update(request.headers))
        signer.put_object(Bucket=self.bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256")
        text = lambda value: value.decode() if isinstance(value, bytes) else value
        sent = {name.lower(): text(value) for name, value in sent.items()}
        self.assertEqual(sent["x-amz-trailer"], "x-amz-checksum-sha256")
        self.assertEqual(sent["x-amz-content-sha256"], "STREAMING-UNSIGNED-PAYLOAD-TRAILER")

    def test_a_body_with_its_checksum_in_the_trailer(self):
        for size in (0, 1, 70_000, 3 * MIB + 1):
            data = os.urandom(size)
            self.put_with_trailer("k", io.BytesIO(data))
            got = self.get("k", ChecksumMode="ENABLED")
            self.assertEqual(got["Body"].read(), data)
            self.assertEqual(got["ChecksumSHA256"], base64.b64encode(hashlib.sha256(data).digest()).decode())

    def test_a_wrong_trailer_is_refused(self):
        with unittest.mock.patch("botocore.httpchecksum.Sha256Checksum.digest", lambda _: b"\0" * 32):
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                self.put_with_trailer("wrong", io.BytesIO(b"hello"))
        self.assertEqual(caught.exception.response["Error"]["Code"], "BadDigest")
        self.refused("NoSuchKey", self.get, "wrong")


class Signatures(S3Case):
    def test_presigned_urls(self):
        for version in ["s3v4", "s3"]:
            signer = client(signature_version=version)
            where = {"Bucket": self.bucket, "Key": "p ü/1"}
            put = signer.generate_presigned_url("put_object", Params=where)
            self.assertEqual(fetch(put, "PUT", b"sent", {"Content-Type": ""})[0], 200, version)
            get = signer.generate_presigned_url(
                "get_object", Params={**where, "ResponseContentType": "text/csv"})
            status, headers, body = fetch(get)
            self.assertEqual((status, body, headers["Content-Type"]), (200, b"sent", "text/csv"), version)
            self.assertEqual(fetch(get.replace("p%20", "q%20"))[0], 403)

    def test_presigned_urls_that_have_expired(self):
        where = {"Bucket": self.bucket, "Key": "k"}
        self.put("k")
        hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        with signing_at(hour_ago):
            expired = client(signature_version="s3v4").generate_presigned_url(
                "get_object", Params=where, ExpiresIn=60)
        expired_v2 = client(signature_version="s3").generate_presigned_url(
            "get_object", Params=where, ExpiresIn=-5)
        for url in [expired, expired_v2]:
            status, _, body = fetch(url)
            self.assertEqual(status, 403, body)
            self.assertIn(b"Request has expired", body)
        # Where there is an awscrt, generate_presigned_url refuses to sign this one.
        negative = botocore.awsrequest.AWSRequest("GET", f"{server().aws}/{self.bucket}/k")
        keys = botocore.credentials.Credentials(server().key_id, server().secret)
        botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=-5).add_auth(negative)
        self.assertEqual(fetch(negative.url)[0], 400)

    def test_version_2_headers(self):
        old = client(signature_version="s3")
        old.put_object(Bucket=self.bucket, Key="v2", Body=b"2", Metadata={"a": "b"})
        self.assertEqual(old.get_object(Bucket=self.bucket, Key="v2")["Body"].read(), b"2")
        self.assertEqual(len(old.list_objects(Bucket=self.bucket)["Contents"]), 1)
        signed = []
        old.meta.events.register("before-sign.s3", lambda request, **_: signed.append(request.auth_path))
        with self.subTest("list_objects_v2"):
            try:
                self.assertEqual(old.list_objects_v2(Bucket=self.bucket)["KeyCount"], 1)
            except botocore.exceptions.ClientError:
                if "?list-type=2" not in (signed[-1] or ""):
                    raise
                self.skipTest(f"botocore {botocore.__version__} signs ?list-type=2, which Version 2 leaves out")

    def test_post_policies(self):
        for version in ["s3v4", "s3"]:
            form = client(signature_version=version).generate_presigned_post(
                self.bucket, "up/${filename}", Fields={"Content-Type": "text/plain"},
                Conditions=[["starts-with", "$key", "up/"], {"Content-Type": "text/plain"},
                            ["content-length-range", 1, 100]])
            status, body = self.post(form, b"posted", "a b.txt")
            self.assertEqual(status, 204, body)
            self.assertEqual(self.get("up/a b.txt")["Body"].read(), b"posted")
            status, body = self.post(form, b"x" * 101, "large")
            self.assertEqual(status, 400)
            self.assertIn(b"EntityTooLarge", body)
            form["fields"]["key"] = "elsewhere"
            self.assertEqual(self.post(form, b"posted", "a")[0], 403)

    def post(self, form, data, filename):
        boundary = uuid.uuid4().hex
        lines = []
        for name, value in form["fields"].items():
            lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
                     f'filename="{filename}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        body = "".join(lines).encode() + data + f"\r\n--{boundary}--\r\n".encode()
        status, _, answer = fetch(form["url"], "POST", body,
                                  {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        return status, answer

    def test_refusals(self):
        where = {"Bucket": self.bucket, "Key": "k"}
        self.refused("InvalidAccessKeyId", client(key="AKIANOBODY").get_object, **where)
        self.refused("SignatureDoesNotMatch", client(secret="wrong").get_object, **where)
        status, _, body = fetch(f"{server().aws}/{self.bucket}/k")
        self.assertEqual(status, 403)
        self.assertIn(b"<Code>AccessDenied</Code>", body)
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        with signing_at(past):
            self.refused("RequestTimeTooSkewed", client().get_object, **where)

    def test_streamed_chunks(self):
        """aws-chunked bodies, signed piece by piece, as the Java SDK sends them."""
        data = os.urandom(200_000)
        self.assertEqual(self.send_chunked("signed", data), 200)
        self.assertEqual(self.body("signed"), data)
        self.assertEqual(self.send_chunked("forged", data, forge=True), 403)
        self.refused("NoSuchKey", self.get, "forged")

    def send_chunked(self, key, data, forge=False, size=65536):
        url = f"{server().aws}/{self.bucket}/{key}"
        pieces = [data[i:i + size] for i in range(0, len(data), size)] + [b""]
        length = sum(len(f"{len(p):x};chunk-signature=") + 64 + len(p) + 4 for p in pieces)
        request = botocore.awsrequest.AWSRequest("PUT", url, headers={
            "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x-amz-decoded-content-length": str(len(data)), "Content-Length": str(length),
            "Content-Encoding": "aws-chunked"})
        keys = botocore.credentials.Credentials(server().key_id, server().secret)
        signer = botocore.auth.S3SigV4Auth(keys, "s3", "us-east-1")
        signer.payload = lambda _: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        signer.add_auth(request)
        signature = request.headers["Authorization"].rpartition("Signature=")[2]
        date = request.context["timestamp"]
        scope = f"{date[:8]}/us-east-1/s3/aws4_request"
        empty = hashlib.sha256(b"").hexdigest()
        body = b""
        for piece in pieces:
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, signature, empty,
                              hashlib.sha256(piece).hexdigest()])
            signature = signer.signature(text, request)
            sent = "0" * 64 if forge and piece == pieces[1] else signature
            body += f"{len(piece):x};chunk-signature={sent}\r\n".encode() + piece + b"\r\n"
        headers = dict(request.headers.items())
        headers.pop("Content-Length", None)
        return fetch(url, "PUT", body, headers)[0]

    def test_expect_continue_is_answered_before_the_body(self):
        host = urllib.parse.urlparse(server().aws)
        signer = client().generate_presigned_url("put_object", Params={"Bucket": self.bucket, "Key": "e"})
        good = urllib.parse.urlparse(signer)
        for target, first in [(f"{good.path}?{good.query}", b"100"), (f"/{self.bucket}/e", b"403")]:
            with self.connect(host) as connection:
                connection.sendall(f"PUT {target} HTTP/1.1\r\nHost: {good.netloc}\r\nContent-Length: 5\r\n"
                                   "Expect: 100-continue\r\n\r\n".encode())
                self.assertEqual(connection.recv(4096).split()[1], first)
                if first == b"100":
                    connection.sendall(b"hello")
                    self.assertEqual(connection.recv(4096).split()[1], b"200")

    @staticmethod
    def connect(host):
        connection = socket.create_connection((host.hostname, host.port), timeout=30)
        context = tls_context()
        return context.wrap_socket(connection, server_hostname=host.hostname) if context else connection

    def test_other_services(self):
        self.assertEqual(client("sts").get_caller_identity()["Account"], "000000000000")
        self.refused("UnknownOperationException", client("dynamodb").list_tables)
        self.refused("UnknownOperationException", client("lambda").list_functions)
        self.refused("UnknownOperationException", client("iam").list_users)


@unittest.skipUnless(AWS, "there is no aws CLI on PATH")
class CommandLine(S3Case):
    def aws(self, *arguments, check=True):
        env = {**os.environ, "AWS_ENDPOINT_URL": server().aws, "AWS_DEFAULT_REGION": "us-east-1",
               "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": server().key_id,
               "AWS_SECRET_ACCESS_KEY": server().secret, **({"AWS_CA_BUNDLE": server().ca} if server().ca else {})}
        command = [*leat.aws_command(server().aws), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_cp_ls_sync_rm(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "up/sub").mkdir(parents=True)
            (root / "up/a.txt").write_text("a")
            (root / "up/sub/b.bin").write_bytes(os.urandom(9 * MIB))
            url = f"s3://{self.bucket}"
            self.aws("s3", "sync", root / "up", url + "/tree")
            listed = self.aws("s3", "ls", "--recursive", url).stdout
            self.assertIn("tree/a.txt", listed)
            self.assertIn("tree/sub/b.bin", listed)
            self.assertIn("PRE tree/", self.aws("s3", "ls", url).stdout)
            self.assertEqual(self.aws("s3", "sync", root / "up", url + "/tree").stdout, "")
            self.aws("s3", "cp", "--recursive", url + "/tree", root / "down")
            self.assertEqual((root / "down/sub/b.bin").read_bytes(), (root / "up/sub/b.bin").read_bytes())
            self.aws("s3", "cp", url + "/tree/sub/b.bin", url + "/copy.bin")
            self.aws("s3", "mv", url + "/copy.bin", url + "/moved.bin")
            self.aws("s3", "rm", "--recursive", url)
            self.assertNotEqual(self.aws("s3", "ls", url + "/tree/", check=False).returncode, 0)

    def test_mb_rb(self):
        url = f"s3://{self.bucket}-cli"
        self.aws("s3", "mb", url)
        self.aws("s3", "rb", url)

    def test_errors_are_readable(self):
        done = self.aws("s3", "cp", f"s3://{self.bucket}/none", "-", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("404", done.stderr)


if not EXTERNAL:
    ObjectsOverTls = target.over_tls(Objects, "test_what_is_put_comes_back", "test_checksums")
    MultipartOverTls = target.over_tls(Multipart, "test_transfer_manager", "test_checksums")
    TrailersOverTls = target.over_tls(
        Trailers, "test_a_body_with_its_checksum_in_the_trailer", "test_a_wrong_trailer_is_refused")
    SignaturesOverTls = target.over_tls(
        Signatures, "test_presigned_urls", "test_presigned_urls_that_have_expired", "test_post_policies",
        "test_refusals", "test_streamed_chunks", "test_expect_continue_is_answered_before_the_body",
        "test_other_services")
    CommandLineOverTls = target.over_tls(CommandLine, "test_cp_ls_sync_rm", "test_errors_are_readable")
del Trailers  # over plain HTTP there are none


if __name__ == "__main__":
    unittest.main()
