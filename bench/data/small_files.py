"""A million small objects: how long the listing takes, how large the manifest is, and the worker with it.

They exist only in the listings of a small S3 server in this file, a process of its own. The same listings fetched
one page after the other by Python are the measure.
"""
import http.client
import http.server
import multiprocessing
import os
import time
import urllib.parse

from mounted import LeatMount

PAGE = 1000
PER_DIRECTORY = 1000
SIZE = 4096
OBJECT = ('<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>'
          '<ETag>"5d41402abc4b2a76b9719d911017c592"</ETag><Size>%d</Size>'
          '<StorageClass>STANDARD</StorageClass></Contents>' % SIZE)


def key(at):
    return f"train/{at // PER_DIRECTORY:05}/image-{at % PER_DIRECTORY:05}.jpeg"


def number_after(name, files):
    """The number of the first key that is greater than the name (any prefix of a key, or a key)."""
    low, high = 0, files
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if key(middle) <= name else (low, middle)
    return low


def page(query, files):
    """The answer to ListObjectsV2."""
    prefix = query.get("prefix", "")
    after = query.get("continuation-token") or query.get("start-after") or ""
    limit = min(int(query.get("max-keys", PAGE)), PAGE)
    at = number_after(max(prefix, after), files) if max(prefix, after) else 0
    body, count, last = [], 0, ""
    while at < files and count < limit and key(at).startswith(prefix):
        rest = key(at)[len(prefix):]
        if query.get("delimiter") and "/" in rest:
            last = prefix + rest.split("/")[0] + "/"
            body.append(f"<CommonPrefixes><Prefix>{last}</Prefix></CommonPrefixes>")
            last += "\x7f"  # after all that it stands for
            at = number_after(last, files)
        else:
            last = key(at)
            body.append(OBJECT.format(last))
            at += 1
        count += 1
    more = at < files and key(at).startswith(prefix)
    token = f"<NextContinuationToken>{urllib.parse.quote(last)}</NextContinuationToken>" if more else ""
    return (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name><Prefix>{prefix}</Prefix>'
            f"<KeyCount>{count}</KeyCount><MaxKeys>{limit}</MaxKeys><IsTruncated>{'true' if more else 'false'}"
            f"</IsTruncated>{token}{''.join(body)}</ListBucketResult>").encode()


class Listings(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files = 0
    pages = {}  # by query: the second listing then costs the server nothing, as the first one of a real one

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        if "continuation-token" in query:
            query["continuation-token"] = urllib.parse.unquote(query["continuation-token"])
        asked = tuple(query.get(name, "") for name in ("prefix", "delimiter", "start-after", "continuation-token"))
        if asked not in self.pages:
            self.pages[asked] = page(query, self.files)
        body = self.pages[asked]
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(files, port):
    Listings.files = files
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listings)
    port.value = server.server_port
    server.serve_forever()


def list_plainly(port):
    """Seconds to fetch all pages, one after the other."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    token = ""
    while True:
        connection.request("GET", "/bench?list-type=2" + (f"&continuation-token={token}" if token else ""))
        body = connection.getresponse().read()
        start = body.find(b"<NextContinuationToken>")
        if start < 0:
            return time.perf_counter() - begin
        token = urllib.parse.quote(body[start + 23:body.index(b"</Next", start)].decode())


def walk(root):
    """(names seen, seconds) of a walk with the attributes of all files, as `ls -lR` does."""
    begin, count = time.perf_counter(), 0
    for directory, _, files in os.walk(root):
        for name in files:
            count += 1
            os.stat(f"{directory}/{name}")
    return count, time.perf_counter() - begin


def measure(options, scratch):
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(options.files, port), daemon=True)
    server.start()
    try:
        while not port.value:
            time.sleep(0.01)
        list_plainly(port.value)  # makes the server's pages
        plain = list_plainly(port.value)
        mount = LeatMount("s3://bench/", scratch, "--anonymous", "--endpoint", f"http://127.0.0.1:{port.value}")
        begin = time.perf_counter()
        with mount:
            mounted = time.perf_counter() - begin
            listed = mount.memory()
            seen, walked = walk(mount.path)
            if seen != options.files:
                raise RuntimeError(f"the mount shows {seen} files of {options.files}")
            memory = mount.memory()
            kept = {str(path.relative_to(mount.cache)): path.stat().st_size
                    for path in mount.cache.rglob("*") if path.is_file()}
            manifest = max(size for name, size in kept.items() if "manifest" in name)
    finally:
        server.kill()
        server.join()
    options.say(f"{options.files} files: mounted in {mounted:.1f} s ({options.files / mounted:.0f}/s), pages alone "
                f"{plain:.1f} s; walk {options.files / walked:.0f}/s; manifest {manifest / 1e6:.1f} MB, worker "
                f"{memory[0] / 1e6:.0f} MB (at its peak {memory[1] / 1e6:.0f} MB)")
    return {"files": options.files, "mount_s": mounted, "pages_s": plain, "walk_s": walked, "manifest": manifest,
            "listed_rss": listed[0], "rss": memory[0], "peak_rss": memory[1]}
