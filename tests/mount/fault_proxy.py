"""A proxy between a mount and an S3 endpoint that does to chosen answers what networks and stores do to them.

    with FaultProxy(leat.aws) as proxy:
        proxy.fault = once_each(Reset(after=1000))   # or any function of a Request; None: nothing happens
        Mount("s3://bucket", "--endpoint", proxy.url)
"""
import http.client
import http.server
import re
import socket
import struct
import threading
import time
import urllib.parse
from dataclasses import dataclass


@dataclass
class Request:
    method: str
    path: str
    begin: int  # of the range asked for; -1: none
    number: int  # of requests for the same method, path and range, from 0

    @property
    def reads(self):
        """Whether it is for an object's bytes."""
        return self.begin >= 0


@dataclass
class Delay:
    seconds: float


@dataclass
class Truncate:
    """An orderly end after so many bytes of the body, with the whole length announced."""
    after: int


@dataclass
class Reset:
    """A connection reset after so many bytes of the body."""
    after: int


@dataclass
class Answer:
    """An error of the store's own; without a code, one of something before it."""
    status: int
    code: str = ""


@dataclass
class Short:
    """A well-formed answer with fewer bytes than were asked for."""
    by: int = 1


@dataclass
class Shifted:
    """Well-formed, and of another range."""
    by: int = 512


@dataclass
class Elsewhere:
    """What a (presigned) URL answers for the same range and without conditions: a store that knows no If-Match."""
    url: str


@dataclass
class Hold:
    """So many bytes of the body, and the rest only once `until` is set."""
    after: int
    until: threading.Event


@dataclass
class Refused:
    """The connection is reset before any answer."""


def once_each(fault):
    """The first request for bytes from a whole MiB on meets the fault; what goes on where it broke off does not."""
    return lambda request: fault if request.reads and request.begin % 2**20 == 0 and request.number == 0 else None


def always(fault):
    return lambda request: fault if request.reads else None


class FaultProxy:
    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.fault = lambda request: None
        self.seen = {}
        self.faults = 0
        self.lock = threading.Lock()
        self.server = None
        self.port = 0

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def up(self):
        """Listens, on the same port as before."""
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                proxy.open.add(self.connection)

            def finish(self):
                proxy.open.discard(self.connection)
                super().finish()

            def do_GET(self):
                proxy.serve(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a client that went away

        self.open = set()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def down(self):
        """Nothing listens any more, and what was connected is reset."""
        if not self.server:
            return
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.server = None
        for connection in list(self.open):
            reset(connection)

    def forget(self):
        with self.lock:
            self.seen.clear()
            self.faults = 0

    def fault_of(self, handler):
        span = re.match(r"bytes=(\d+)-(\d+)$", handler.headers.get("Range", ""))
        key = (handler.command, handler.path, span and span[0])
        with self.lock:
            number = self.seen.get(key, 0)
            self.seen[key] = number + 1
        fault = self.fault(Request(handler.command, handler.path, int(span[1]) if span else -1, number))
        if fault:
            with self.lock:
                self.faults += 1
        return fault, span

    def serve(self, handler):
        fault, span = self.fault_of(handler)
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if isinstance(fault, Refused):
            return reset(handler.connection, handler)
        if isinstance(fault, Answer):
            return refuse(handler, fault)
        path, headers = handler.path, dict(handler.headers.items())
        if isinstance(fault, Elsewhere):
            url = urllib.parse.urlsplit(fault.url)
            path, headers = f"{url.path}?{url.query}", {"Host": url.netloc, "Range": span[0]}
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            connection.putrequest(handler.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            self.answer(handler, response, fault, span)
        finally:
            connection.close()

    def answer(self, handler, response, fault, span):
        body = response.read()
        headers = [(name, value) for name, value in response.getheaders()
                   if name.lower() not in ("connection", "content-length", "transfer-encoding")]
        length = response.getheader("Content-Length") if handler.command == "HEAD" else len(body)
        status, sent, end = response.status, len(body), None
        if status < 300 and fault:
            if isinstance(fault, Short):
                body = body[:-fault.by]
                sent = length = len(body)
            elif isinstance(fault, Shifted):
                first, last = int(span[1]) + fault.by, int(span[2]) + fault.by
                headers = [(n, f"bytes {first}-{last}/*" if n.lower() == "content-range" else v) for n, v in headers]
            elif isinstance(fault, (Truncate, Reset)):
                sent, end = min(fault.after, max(len(body) - 1, 0)), fault
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if isinstance(fault, Hold):
            handler.wfile.write(body[:fault.after])
            fault.until.wait()
            body = body[fault.after:]
            sent = len(body)
        if handler.command != "HEAD":
            handler.wfile.write(body[:sent])
        if isinstance(end, Truncate):
            handler.close_connection = True
        elif isinstance(end, Reset):
            reset(handler.connection, handler)


def refuse(handler, fault):
    body = (f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>by the proxy</Message></Error>"
            if fault.code else "bad day").encode()
    handler.send_response_only(fault.status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def reset(connection, handler=None):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if handler:
            handler.close_connection = True
            handler.wfile.flush()
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    finally:
        if handler:
            handler.rfile.close()
        connection.close()
