"""A million small objects: how long the listing takes, how large the manifest is, and the worker with it.

They exist only in the listings of a small S3 server in this file, a process of its own, which keeps each page that it
has made: all mounts but the first one wait for no Python. The same listings fetched one page after the other are the
measure. The walk is find(1)'s, which asks for the size of each file.
"""
import contextlib
import http.client
import http.server
import multiprocessing
import os
import statistics
import subprocess
import time
import urllib.parse

import peers
from mounted import LeatMount
from servers import Endpoint

PAGE = 1000
PER_DIRECTORY = 1000
SIZE = 4096
PEER_FILES = 20_000  # for peers, and the native file system: some peers show 2,000 a second
PATIENCE = 45  # seconds that a peer's walk may take
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
    """The answer to ListObjectsV2, and to ListObjects, which some peers use."""
    prefix = query.get("prefix", "")
    after = query.get("continuation-token") or query.get("marker") or query.get("start-after") or ""
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
    name = "NextContinuationToken" if query.get("list-type") else "NextMarker"
    token = f"<{name}>{urllib.parse.quote(last)}</{name}>" if more else ""
    return (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name><Prefix>{prefix}</Prefix>'
            f"<KeyCount>{count}</KeyCount><MaxKeys>{limit}</MaxKeys><IsTruncated>{'true' if more else 'false'}"
            f"</IsTruncated>{token}{''.join(body)}</ListBucketResult>").encode()


class Listings(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files = 0
    pages = {}  # by query: the second listing then costs the server nothing, as the first one of a real one

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        for name in {"continuation-token", "marker"} & query.keys():
            query[name] = urllib.parse.unquote(query[name])
        asked = tuple(sorted(query.items()))
        if asked not in self.pages:
            self.pages[asked] = page(query, self.files)
        body = self.pages[asked]
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        """Of an object, or of the bucket."""
        name = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/bench").lstrip("/")
        at = number_after(name, self.files) - 1
        self.send_response(200 if not name or (at >= 0 and key(at) == name) else 404)
        self.send_header("Content-Length", str(SIZE if name else 0))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"5d41402abc4b2a76b9719d911017c592"')
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(files, port):
    Listings.files = files
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listings)
    port.value = server.server_port
    server.serve_forever()


def list_plainly(endpoint):
    """Seconds to fetch all pages, one after the other."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=60)
    token = ""
    while True:
        connection.request("GET", "/bench?list-type=2" + (f"&continuation-token={token}" if token else ""))
        body = connection.getresponse().read()
        start = body.find(b"<NextContinuationToken>")
        if start < 0:
            return time.perf_counter() - begin
        token = urllib.parse.quote(body[start + 23:body.index(b"</Next", start)].decode())


def walk(root, files, patience=600):
    """Seconds that find(1) takes to tell the size of each file in the tree; fails when one is missing or wrong."""
    begin = time.perf_counter()
    found = subprocess.run(["find", str(root), "-type", "f", "-printf", "%s\\n"], capture_output=True, text=True,
                           check=True, timeout=patience).stdout
    took = time.perf_counter() - begin
    if found != f"{SIZE}\n" * files:
        raise RuntimeError(f"{root} shows {found.count(chr(10))} files of {files}, or other sizes")
    return took


def native(scratch, files):
    """Seconds for the second walk of files of that size, without bytes, on the cache's own file system."""
    root = scratch / "native"
    for at in range(files):
        path = root / key(at)
        if at % PER_DIRECTORY == 0:
            path.parent.mkdir(parents=True)
        with open(path, "wb") as file:
            os.truncate(file.fileno(), SIZE)
    walk(root, files)
    return walk(root, files)


def of_leat(endpoint, files, scratch, rounds):
    """The figures of mounts from an empty cache directory on; the tree is walked in the last one."""
    mounted = []
    for at in range(rounds):
        mount = LeatMount("s3://bench/", scratch, env=endpoint.environment())
        begin = time.perf_counter()
        with mount:
            mounted.append(time.perf_counter() - begin)
            if at == rounds - 1:
                first, again = walk(mount.path, files), walk(mount.path, files)
                now, peak = mount.memory()
                manifest = max(path.stat().st_size for path in mount.cache.rglob("*manifest*") if path.is_file())
    return {"files": files, "mount_s": statistics.median(mounted), "rounds": rounds, "walk_s": first, "again_s": again,
            "manifest": manifest, "rss": now, "peak_rss": peak}


def of_peers(endpoint, files, scratch, say):
    """A first and a second walk of each peer that shows plain buckets; those that take too long are said so."""
    figures = {}
    for name in peers.found():
        if not peers.PEERS[name].own:
            try:
                with peers.PeerMount(name, endpoint, "bench", scratch) as mount:
                    walks = [walk(mount.path, files, PATIENCE), walk(mount.path, files, PATIENCE)]
                    figures[name] = {"walk_s": walks[0], "again_s": walks[1], "rss": mount.memory()}
            except subprocess.TimeoutExpired:
                figures[name] = {"patience": PATIENCE}
            except peers.FAILURES as error:
                figures[name] = {"failed": str(error)[-300:]}
            say(f"{files} files by {name}: {figures[name]}")
    return figures


@contextlib.contextmanager
def listings(files):
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(files, port), daemon=True)
    server.start()
    try:
        while not port.value:
            time.sleep(0.01)
        yield Endpoint("listings", f"http://127.0.0.1:{port.value}")
    finally:
        server.kill()
        server.join()


def measure(options, scratch):
    with listings(options.files) as endpoint:
        list_plainly(endpoint)  # has the server make its pages, as the first mount does with those it asks for
        plain = list_plainly(endpoint)
        part = {"pages_s": plain, **of_leat(endpoint, options.files, scratch, 1 if options.short else 3)}
    options.say(f"{options.files} files: mounted in {part['mount_s']:.1f} s, pages alone {plain:.1f} s; walk "
                f"{options.files / part['walk_s']:.0f}/s, again {options.files / part['again_s']:.0f}/s; "
                f"manifest {part['manifest'] / 1e6:.1f} MB, worker {part['rss'] / 1e6:.0f} MB (at its peak "
                f"{part['peak_rss'] / 1e6:.0f} MB)")
    part["peer_files"] = min(options.files, PEER_FILES)
    part["native_s"] = native(scratch, part["peer_files"])
    with listings(part["peer_files"]) as endpoint:
        part["peers"] = of_peers(endpoint, part["peer_files"], scratch, options.say)
    return part
