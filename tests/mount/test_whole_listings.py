"""A listing is whole or an error: stores of version 1, and what answers in a store's place."""
import http.server
import os
import threading
import unittest
import urllib.parse
from xml.sax.saxutils import escape

from mounts import Mount, needs_fuse, wait_until

LOGIN_PAGE = "<html><body>Please log in</body></html>"
NOT_LISTINGS = (LOGIN_PAGE, "<Error><Code>InternalError</Code><Message>m</Message></Error>", "<ListBucketResult/>", "")


class Store:
    """Answers S3's ListObjects (version 1, without NextMarker) and GET, unsigned; or pages of links.

    `instead`: what a request for a listing is answered with; `instead_at`: that of the path."""

    def __init__(self, objects, page=1000):
        self.objects = dict(objects)
        self.page = page
        self.instead = None
        self.instead_at = {}
        self.listings = 0
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                store.serve(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        name = urllib.parse.unquote(url.path).split("/", 2)[2] if url.path.count("/") > 1 else ""
        if name and name in self.objects:
            body = self.objects[name]
            self.send(handler, 200, body, {"ETag": f'"{len(body)}"', "Content-Type": "application/octet-stream"})
        elif "prefix" in query or url.path.endswith("/"):
            self.listings += 1
            body = self.instead_at.get(url.path, self.instead)
            if body is None:
                body = self.listed(query) if "prefix" in query else self.index(name)
            self.send(handler, 200, body.encode(), {"Content-Type": "text/html"})
        else:
            self.send(handler, 404, b"", {})

    @staticmethod
    def send(handler, status, body, headers):
        span = handler.headers.get("Range", "").removeprefix("bytes=").split("-")
        if len(span) == 2 and status == 200:
            first, last = int(span[0]), min(int(span[1]), len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first:last + 1]
        handler.send_response_only(status)
        for key, value in {**headers, "Content-Length": str(len(body)),
                           "Last-Modified": "Mon, 12 Jan 2026 10:00:00 GMT"}.items():
            handler.send_header(key, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def listed(self, query):
        prefix, marker = query.get("prefix", ""), query.get("marker", "")
        names, more = [], False
        for key in sorted(self.objects):
            if not key.startswith(prefix) or key <= marker:
                continue
            end = key.find("/", len(prefix)) if query.get("delimiter") else -1
            name = key if end < 0 else key[:end + 1]
            if names and names[-1] == name or name == marker:
                continue
            if len(names) == min(self.page, int(query.get("max-keys", self.page))):
                more = True
                break
            names.append(name)
        inside = "".join(
            f"<CommonPrefixes><Prefix>{escape(n)}</Prefix></CommonPrefixes>" if n.endswith("/") else
            f"<Contents><Key>{escape(n)}</Key><Size>{len(self.objects[n])}</Size>"
            f"<ETag>&quot;{len(self.objects[n])}&quot;</ETag></Contents>" for n in names)
        return f"<ListBucketResult>{inside}<IsTruncated>{str(more).lower()}</IsTruncated></ListBucketResult>"

    def index(self, directory):
        names = {key.removeprefix(directory).partition("/") for key in self.objects if key.startswith(directory)}
        links = sorted({name + slash for name, slash, _ in names})
        return "<html><body>" + "".join(f'<a href="{link}">{link}</a>\n' for link in links) + "</body></html>"


def mount_of(store, *flags):
    return Mount("s3://bucket/", "--endpoint", store.url, "--anonymous", *flags)


@needs_fuse
class WholeListingTest(unittest.TestCase):
    def test_a_store_of_version_1_is_listed_to_its_end(self):
        objects = {f"{'ab'[n % 2]}/{n:04}": b"x" * (n + 1) for n in range(2500)} | {"top": b"t"}
        with Store(objects) as store, mount_of(store) as mount:
            found = {os.path.relpath(os.path.join(root, name), mount.path)
                     for root, _, names in os.walk(mount.path) for name in names}
            self.assertEqual(found, set(objects))
            self.assertEqual((mount.path / "b/2499").read_bytes(), objects["b/2499"])

    def test_what_is_no_listing_is_no_empty_mount(self):
        with Store({"a": b"1"}) as store:
            for body in NOT_LISTINGS:
                with self.subTest(body=body):
                    store.instead = body
                    mount = mount_of(store, "--retry-for", "1s")
                    result = mount.mount(check=False)
                    mount.close()
                    self.assertNotEqual(result.returncode, 0)
                    self.assertIn("s3://bucket/", result.stderr)

    def test_names_stay_while_something_else_answers(self):
        with Store({f"f{n}": b"data %d" % n for n in range(20)}) as store, \
                mount_of(store, "--ttl", "1s", "--retry-for", "1s") as mount:
            (mount.path / "f3").read_bytes()
            for n, body in enumerate(NOT_LISTINGS):
                with self.subTest(body=body):
                    store.instead = body
                    before = store.listings
                    # Seen, failed, and seen by the next one again.
                    wait_until(lambda: len(os.listdir(mount.path)) == 20 + n and store.listings > before + 3, 60,
                               what="listings that fail")
                    self.assertEqual((mount.path / "f3").read_bytes(), b"data 3")
                    store.objects[f"new{n}"] = b"new"
                    store.instead = None
                    wait_until(lambda: (mount.path / f"new{n}").exists(), what="the next good listing")

    def test_a_page_without_links_empties_no_directory_at_once(self):
        for logged_out in ("/tree/", "/tree/b/"):
            with self.subTest(logged_out), \
                    Store({f"{d}/f{n}": b"data" for d in "ab" for n in range(9)}) as store, \
                    Mount(f"{store.url}/tree/", "--ttl", "1s", "--retry-for", "6s") as mount:
                def names():
                    return [path for path in mount.path.glob("*/*")]

                self.assertEqual(len(names()), 18)
                store.instead_at[logged_out] = LOGIN_PAGE
                wait_until(lambda: names() and "shows no files any more" in mount.log(), what="the warning")
                self.assertEqual(len(names()), 18)
                store.instead_at.clear()
                store.objects["b/new"] = b"new"
                wait_until(lambda: len(names()) == 19, what="the page that is there again")
                # A directory that stays empty is shown so in the end.
                store.instead_at[logged_out] = LOGIN_PAGE
                wait_until(lambda: len(names()) == (9 if "b" in logged_out else 0), 60, what="the empty directory")
                self.assertEqual(os.path.isdir(mount.path / "b"), "b" in logged_out)

    def test_a_directory_that_is_not_linked_any_more_goes_at_once(self):
        with Store({f"{d}/f": b"data" for d in "ab"}) as store, \
                Mount(f"{store.url}/tree/", "--ttl", "1s", "--retry-for", "600s") as mount:
            self.assertTrue((mount.path / "b/f").exists())
            del store.objects["b/f"]
            wait_until(lambda: os.listdir(mount.path) == ["a"], 60, what="the directory's end")

    def test_mounting_warns_of_a_page_without_links(self):
        with Store({f"{d}/f": b"data" for d in "ab"}) as store:
            store.instead_at["/tree/b/"] = LOGIN_PAGE
            mount = Mount(f"{store.url}/tree/")
            self.addCleanup(mount.close)
            told = mount.mount().stderr
            self.assertIn("shown empty", told)
            self.assertIn(" b/;", told)
            self.assertEqual(sorted(os.listdir(mount.path)), ["a", "b"])
            self.assertEqual(os.listdir(mount.path / "b"), [])


if __name__ == "__main__":
    unittest.main()
