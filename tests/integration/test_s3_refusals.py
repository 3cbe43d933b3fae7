"""What S3 is asked and Leat does not do is refused, and touches nothing: sub-resources, headers, conditions,
checksums, owners. Run as test_s3.py is."""
import base64
import hashlib
import unittest
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials

import test_s3
from test_s3 import S3Case, client, fetch, server

tearDownModule = test_s3.tearDownModule


def signed(method, path, headers=None, body=b""):
    """(status, body) of a request with the root key's signature, for what this botocore cannot say."""
    url = server().aws + path
    request = botocore.awsrequest.AWSRequest(method, url, headers={
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), **(headers or {})}, data=body)
    keys = botocore.credentials.Credentials(server().key_id, server().secret)
    botocore.auth.S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    status, _, answer = fetch(url, method, body or None, dict(request.headers.items()))
    return status, answer


class Unknown(S3Case):
    def test_sub_resources_touch_nothing(self):
        self.put("k", b"original")
        path = f"/{self.bucket}/k"
        for method, query in [("DELETE", "annotation&annotationName=n"), ("PUT", "annotation&annotationName=n"),
                              ("GET", "annotation&annotationName=n"), ("DELETE", "of-tomorrow"),
                              ("PUT", "of-tomorrow=1"), ("GET", "of-tomorrow"), ("PUT", "partNumber=1")]:
            with self.subTest(method=method, query=query):
                status, answer = signed(method, f"{path}?{query}", body=b"other" if method == "PUT" else b"")
                self.assertEqual(status, 501, answer)
                self.assertEqual(self.body("k"), b"original")
        for query in ["abac", "metadataConfiguration", "metadataTable"]:
            self.assertEqual(signed("GET", f"/{self.bucket}?{query}")[0], 501, query)
            self.assertEqual(signed("DELETE", f"/{self.bucket}?{query}")[0], 501, query)

    def test_every_operation_of_the_model_is_served_or_refused(self):
        self.put("k", b"original")
        model = self.s3.meta.service_model
        served = {"list-type", "versions", "uploads", "location", "versioning", "delete", "tagging"}
        for name in model.operation_names:
            http = model.operation_model(name).http
            path, _, query = http["requestUri"].partition("?")
            if not query or query.partition("=")[0] in served or not path.startswith("/{Bucket}"):
                continue
            path = f"/{self.bucket}" + ("/k" if "Key" in path else "")
            with self.subTest(operation=name):
                status, answer = signed(http["method"], f"{path}?{query}")
                self.assertEqual(status, 501, answer)
        self.assertEqual(self.body("k"), b"original")

    def test_what_clients_add_is_taken(self):
        self.put("k", b"original")
        path = f"/{self.bucket}/k"
        for query in ["x-id=GetObject", "v=123", "versionId=null", "response-content-type=a%2Fb", "partNumber=1"]:
            status, answer = signed("GET", f"{path}?{query}")
            self.assertIn(status, [200, 206], query)
            self.assertEqual(answer, b"original")
        self.assertEqual(signed("PUT", f"{path}?x-id=PutObject", body=b"new")[0], 200)
        self.assertEqual(signed("GET", f"/{self.bucket}?prefix=&delimiter=&marker=&max-keys=10&encoding-type=")[0], 200)
        self.assertEqual(signed("DELETE", f"{path}?x-id=DeleteObject&versionId=null")[0], 204)

    def test_headers_that_would_not_be_obeyed(self):
        self.put("k", b"original")
        path = f"/{self.bucket}/k"
        for header, value in [("x-amz-of-tomorrow", "1"), ("x-amz-acl", "authenticated-read"),
                              ("x-amz-object-lock-legal-hold", "ON"), ("x-amz-tagging", "a=b"),
                              ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                              ("x-amz-write-offset-bytes", "8"), ("If-Unmodified-Since", "x")]:
            with self.subTest(header=header):
                self.assertEqual(signed("PUT", path, {header: value}, b"other")[0], 501)
        self.assertEqual(self.body("k"), b"original")
        for call in [self.s3.get_object, self.s3.head_object]:
            with self.assertRaises(self.s3.exceptions.ClientError) as caught:
                call(Bucket=self.bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertEqual(signed("GET", path, {"x-amz-server-side-encryption": "aws:kms"})[0], 400)
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="m")["UploadId"]
        self.refused("NotImplemented", self.s3.upload_part, Bucket=self.bucket, Key="m", UploadId=upload,
                     PartNumber=1, Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
        self.s3.abort_multipart_upload(Bucket=self.bucket, Key="m", UploadId=upload)

    def test_buckets_with_wishes(self):
        for wish in [{"ObjectLockEnabledForBucket": True}, {"ACL": "authenticated-read"}, {"ACL": "public-read"},
                     {"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'}]:
            with self.subTest(**wish):
                name = "t-" + uuid.uuid4().hex[:20]
                self.refused("NotImplemented", self.s3.create_bucket, Bucket=name, **wish)
                self.refused("404", self.s3.head_bucket, Bucket=name)
        self.refused("InvalidLocationConstraint", self.s3.create_bucket, Bucket="t-" + uuid.uuid4().hex[:20],
                     CreateBucketConfiguration={"LocationConstraint": "does-not-exist"})

    def test_presigned_headers_are_obeyed(self):
        url = f"{server().aws}/{self.bucket}/p"
        for query, status in [("x-amz-meta-colour=blue", 200), ("x-amz-acl=public-read", 501),
                              ("x-amz-expected-bucket-owner=111122223333", 403)]:
            request = botocore.awsrequest.AWSRequest("PUT", f"{url}?{query}")
            keys = botocore.credentials.Credentials(server().key_id, server().secret)
            botocore.auth.S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60).add_auth(request)
            self.assertEqual(fetch(request.url, "PUT", b"x")[0], status, query)
        self.assertEqual(self.get("p")["Metadata"], {"colour": "blue"})
        v2 = client(signature_version="s3").generate_presigned_url("put_object", Params={
            "Bucket": self.bucket, "Key": "v2", "ContentType": "text/plain", "Metadata": {"colour": "red"}})
        self.assertEqual(fetch(v2 + "&x-amz-acl=public-read", "PUT", b"y", {"Content-Type": "text/plain"})[0], 403)
        self.assertEqual(fetch(v2, "PUT", b"x", {"Content-Type": "text/plain"})[0], 200)
        self.assertEqual(self.get("v2")["Metadata"], {"colour": "red"})


class Deletes(S3Case):
    WRONG = '"00000000000000000000000000000000"'

    def entry(self, **more):
        return self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "d", **more}]})

    def test_etags_decide(self):
        etag = self.put("d")["ETag"]
        errors = self.entry(ETag=self.WRONG)["Errors"]
        self.assertEqual([(e["Key"], e["Code"]) for e in errors], [("d", "PreconditionFailed")])
        self.refused("PreconditionFailed", self.s3.delete_object, Bucket=self.bucket, Key="d", IfMatch=self.WRONG)
        self.assertEqual(self.body("d"), b"x")
        self.assertEqual(self.entry(ETag=etag)["Deleted"][0]["Key"], "d")
        self.refused("PreconditionFailed", self.s3.delete_object, Bucket=self.bucket, Key="d", IfMatch="*")
        etag = self.put("d")["ETag"]
        self.s3.delete_object(Bucket=self.bucket, Key="d", IfMatch=etag)
        self.refused("NoSuchKey", self.get, "d")

    def test_other_conditions_delete_nothing(self):
        self.put("d")
        self.put("e")
        self.refused("NotImplemented", self.s3.delete_objects, Bucket=self.bucket,
                     Delete={"Objects": [{"Key": "e"}, {"Key": "d", "Size": 77}]})
        self.refused("NotImplemented", self.entry, LastModifiedTime="1999-01-01T00:00:00Z")
        self.refused("NotImplemented", self.s3.delete_object, Bucket=self.bucket, Key="d", IfMatchSize=999)
        self.refused("NotImplemented", self.s3.delete_object, Bucket=self.bucket, Key="d",
                     IfMatchLastModifiedTime="1999-01-01T00:00:00Z")
        self.assertEqual(self.body("d") + self.body("e"), b"xx")


class Copies(S3Case):
    def test_ranges_of_parts(self):
        self.put("src", b"0123456789")
        upload = {"Bucket": self.bucket, "Key": "mp"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        source = {"Bucket": self.bucket, "Key": "src"}
        for wrong in ["bytes=5-2", "0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=1-2,4-5",
                      "bytes=0-21", "bytes=2-", "bytes=-2"]:
            with self.subTest(range=wrong):
                self.refused("InvalidArgument", self.s3.upload_part_copy, PartNumber=1, CopySource=source,
                             CopySourceRange=wrong, **upload)
        self.s3.upload_part_copy(PartNumber=1, CopySource=source, CopySourceRange="bytes=2-9", **upload)
        self.assertEqual(self.s3.list_parts(**upload)["Parts"][0]["Size"], 8)
        self.s3.abort_multipart_upload(**upload)

    def test_onto_itself_with_another_storage_class(self):
        self.put("k", b"bytes", Metadata={"a": "1"})
        source = {"Bucket": self.bucket, "Key": "k"}
        self.s3.copy_object(CopySource=source, StorageClass="STANDARD_IA", **source)
        self.assertEqual(self.get("k")["Metadata"], {"a": "1"})
        self.refused("InvalidRequest", self.s3.copy_object, CopySource=source, **source)


class Checksums(S3Case):
    def test_kinds_that_cannot_be_verified(self):
        value = base64.b64encode(b"0" * 16).decode()
        for kind in ["md5", "sha512", "xxhash64", "xxhash3", "xxhash128"]:
            with self.subTest(kind=kind):
                status, answer = signed("PUT", f"/{self.bucket}/ck", {f"x-amz-checksum-{kind}": value}, b"abc")
                self.assertEqual(status, 400, answer)
        for trailer in ["x-amz-checksum-md5", "x-amz-checksum-crc32,x-amz-checksum-sha1", "x-amz-checksum-crc32"]:
            with self.subTest(trailer=trailer):  # and the body is not one that has trailers
                status, answer = signed("PUT", f"/{self.bucket}/ck", {"x-amz-trailer": trailer}, b"abc")
                self.assertEqual(status, 400, answer)
        self.refused("NoSuchKey", self.get, "ck")

    def test_a_completion_gives_the_kind_that_the_upload_began_with(self):
        upload = {"Bucket": self.bucket, "Key": "m"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        etag = self.s3.upload_part(PartNumber=1, Body=b"x", **upload)["ETag"]
        self.refused("InvalidRequest", self.s3.complete_multipart_upload, ChecksumSHA1="A" * 27 + "=",
                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **upload)
        self.s3.abort_multipart_upload(**upload)


class Owners(S3Case):
    def test_buckets_of_others_are_not_touched(self):
        self.put("k", b"original")
        where = {"Bucket": self.bucket, "Key": "k"}
        other = {"ExpectedBucketOwner": "111122223333"}
        for call, more in [(self.s3.put_object, {**where, "Body": b"other"}), (self.s3.delete_object, where),
                           (self.s3.get_object, where), (self.s3.list_objects_v2, {"Bucket": self.bucket}),
                           (self.s3.create_multipart_upload, where), (self.s3.delete_bucket, {"Bucket": self.bucket})]:
            self.refused("AccessDenied", call, **more, **other)
        self.refused("InvalidBucketOwnerAWSAccountID", self.s3.get_object, **where, ExpectedBucketOwner="me")
        self.refused("AccessDenied", self.s3.copy_object, CopySource=where, Bucket=self.bucket, Key="copy",
                     ExpectedSourceBucketOwner="111122223333")
        self.assertEqual(self.body("k", ExpectedBucketOwner="000000000000"), b"original")


class Reads(S3Case):
    def test_a_suffix_of_an_empty_object(self):
        self.put("e", b"")
        self.assertEqual(self.body("e", Range="bytes=-5"), b"")
        self.refused("InvalidRange", self.get, "e", Range="bytes=0-")

    def test_a_part_or_a_range(self):
        self.put("k", b"0123")
        self.refused("InvalidRequest", self.get, "k", PartNumber=1, Range="bytes=0-1")

    def test_what_is_kept_comes_back_as_it_was(self):
        self.put("k", ContentEncoding="deflate, gzip")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k")["ContentEncoding"], "deflate, gzip")

    def test_pages_of_buckets(self):
        mine = sorted([self.bucket] + [f"{self.bucket}-{i}" for i in range(3)])
        for name in mine[1:]:
            self.s3.create_bucket(Bucket=name)
            self.addCleanup(self.s3.delete_bucket, Bucket=name)
        found, more = [], {}
        while True:
            page = self.s3.list_buckets(MaxBuckets=2, Prefix=self.bucket, **more)
            self.assertLessEqual(len(page["Buckets"]), 2)
            self.assertEqual(page["Prefix"], self.bucket)
            found += [bucket["Name"] for bucket in page["Buckets"]]
            if "ContinuationToken" not in page:
                break
            more = {"ContinuationToken": page["ContinuationToken"]}
        self.assertEqual(found, mine)
        self.assertEqual(self.s3.list_buckets(Prefix=self.bucket, BucketRegion="eu-west-1")["Buckets"], [])

    def test_a_bucket_without_a_name(self):
        self.assertEqual(signed("GET", f"//{self.bucket}/k")[0], 400)


if __name__ == "__main__":
    unittest.main()
