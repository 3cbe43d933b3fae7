"""Clients that mean ill or are very slow. A crowd opens its connections at once and goes on with each of them, a
few bytes at a time; one that Leat cuts comes again, as an attacker would."""
import random
import socket
import ssl
import time
import urllib.parse


class Crowd:
    size = 100
    api = False  # which port; the API's speaks TLS

    def __init__(self, stage, seed):
        self.stage = stage
        self.random = random.Random(seed)
        self.sockets = {}  # what each connection sends next
        self.cut = 0

    def begin(self):
        for _ in range(self.size):
            self.join()

    def join(self):
        port = self.stage.api_port if self.api else self.stage.aws_port
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            if self.api and self.handshakes:
                connection = self.stage.tls(with_key=self.with_key).wrap_socket(connection, server_hostname="127.0.0.1")
            connection.sendall(self.first())
            connection.setblocking(False)
        except OSError:
            self.cut += 1
            return
        self.sockets[connection] = time.monotonic()

    handshakes = True
    with_key = False

    def first(self):
        return b""

    def more(self):
        """What each connection sends now and then; nothing to stand still."""
        return b""

    def step(self):
        for connection in list(self.sockets):
            try:
                more = self.more()
                if more:
                    connection.send(more)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                continue
            except OSError:
                connection.close()
                del self.sockets[connection]
                self.cut += 1
                self.join()

    def end(self):
        for connection in self.sockets:
            connection.close()
        self.sockets.clear()


class SlowHeads(Crowd):
    def first(self):
        return b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "

    def more(self):
        return bytes([self.random.choice(b"abcdef")])


class SlowHeadsOfTheApi(SlowHeads):
    api = True


class SlowHandshakes(Crowd):
    api = True
    handshakes = False
    size = 300

    def first(self):
        return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

    def more(self):
        return b"\x00"


class SlowBodiesWithoutKey(Crowd):
    authorization = ""

    def first(self):
        return (f"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: SageMaker.ListTrainingJobs\r\n{self.authorization}"
                "Content-Length: 800000\r\n\r\n").encode()

    def more(self):
        return b"x" * self.random.randrange(600, 1200)


class SlowBodiesWithAWrongKey(SlowBodiesWithoutKey):
    authorization = ("Authorization: AWS4-HMAC-SHA256 Credential=AKIANONE/20260101/us-east-1/sagemaker/aws4_request, "
                     "SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n")


class SlowUploads(Crowd):
    """With a key, as a job has."""
    method = "PUT"

    def first(self):
        url = urllib.parse.urlsplit(self.stage.presigned("put_object", f"slow-{self.random.randrange(1000)}"))
        return (f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
                "Content-Length: 8000000\r\n\r\n").encode()

    def more(self):
        return b"x" * self.random.randrange(600, 1200)


class SlowManifests(Crowd):
    """With the administrator's key."""
    api = True
    with_key = True

    def first(self):
        return (b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: h\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")

    def more(self):
        return b" " * self.random.randrange(600, 1200)


class StalledForms(Crowd):
    def first(self):
        return (b"POST /bucket HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                b"Content-Length: 100000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk")


class SlowReaders(Crowd):
    """Of an object that is larger than all buffers."""

    def first(self):
        url = urllib.parse.urlsplit(self.stage.presigned("get_object", "big"))
        return f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()

    def step(self):
        for connection in list(self.sockets):
            try:
                if connection.recv(self.random.randrange(1, 50)) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                del self.sockets[connection]
                self.cut += 1
                self.join()


class WatchersThatNeverRead(Crowd):
    api = True
    with_key = True
    size = 200

    def first(self):
        return b"GET /api/v1/configmaps?watch=1 HTTP/1.1\r\nHost: h\r\n\r\n"


class Idle(Crowd):
    """More than a port holds."""
    size = 4600

    def step(self):
        """Comes again, a few at a time, whenever Leat has closed some."""
        for connection in list(self.sockets):
            try:
                if connection.recv(1) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                del self.sockets[connection]
                self.cut += 1
        for _ in range(min(100, self.size - len(self.sockets))):
            self.join()


class IdleOfTheApi(Idle):
    api = True
    handshakes = False


class PipelinesThatNeverRead(Crowd):
    def first(self):
        return b"GET /bucket/x HTTP/1.1\r\nHost: h\r\n\r\n" * 2000

    def join(self):
        try:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self.stage.aws_port))
            connection.setblocking(False)
            connection.send(self.first())
        except BlockingIOError:
            pass
        except OSError:
            self.cut += 1
            return
        self.sockets[connection] = time.monotonic()


class HalfClosed(Crowd):
    """Send half a request and end their side."""

    def first(self):
        return self.random.choice([b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: a.b\r\n"
                                   b"Content-Length: 10\r\n\r\nabc", b"PUT /b/k HTTP/1.1\r\nHost: h\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])

    def join(self):
        before = set(self.sockets)
        super().join()
        for connection in set(self.sockets) - before:
            connection.shutdown(socket.SHUT_WR)


CROWDS = [SlowHeads, SlowHeadsOfTheApi, SlowHandshakes, SlowBodiesWithoutKey, SlowBodiesWithAWrongKey, SlowUploads,
          SlowManifests, StalledForms, SlowReaders, WatchersThatNeverRead, Idle, IdleOfTheApi, PipelinesThatNeverRead,
          HalfClosed]
