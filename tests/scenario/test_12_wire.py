# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hostile and unlucky clients: what the guard around libh2o must stand, frame by frame, and how the hub stops."""
import contextlib
import re
import signal
import socket
import ssl
import struct
import threading
import time

import httpx
import pytest

from hub import Hub

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION, UNKNOWN = 0, 1, 2, 3, 4, 6, 8, 9, 0xEE
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
RESETS = 100_000


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(path, method=b"GET"):
    """A header block that needs no table: :method and :scheme by index, :path and :authority as literals."""
    return (b"\x82" if method == b"GET" else b"\x83") + b"\x87" + b"\x04" + bytes([len(path)]) + path + b"\x01\x09localhost"


def request(stream, path=b"/livez"):
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, block(path))


class Wire:
    """One HTTP/2 connection that keeps to no rule but those it is told to. Reads in the background until the hub closes."""

    def __init__(self, hub, settings=b""):
        context = ssl.create_default_context(cafile=str(hub.ca))
        context.set_alpn_protocols(["h2"])
        self.socket = socket.create_connection(("localhost", hub.port), timeout=30)
        # an SSLSocket may not be read and written by two threads at once; this may, under a lock that is never kept while waiting
        self.coming, self.going, self.lock = ssl.MemoryBIO(), ssl.MemoryBIO(), threading.Lock()
        self.tls = context.wrap_bio(self.coming, self.going, server_hostname="localhost")
        self._shake()
        self.got, self.closed, self.since = bytearray(), threading.Event(), time.time()
        self.ended, self.parsed = 0, 0
        assert self.send(PREFACE + frame(SETTINGS, payload=settings))
        threading.Thread(target=self._read, daemon=True).start()

    def _shake(self):
        while True:
            try:
                self.tls.do_handshake()
                return self.socket.sendall(self.going.read())
            except ssl.SSLWantReadError:
                self.socket.sendall(self.going.read())
                self.coming.write(self.socket.recv(65536))

    def _read(self):
        with contextlib.suppress(OSError):
            while data := self.socket.recv(65536):
                with self.lock, contextlib.suppress(ssl.SSLWantReadError):
                    self.coming.write(data)
                    while part := self.tls.read(65536):
                        self.got += part
        self.took = time.time() - self.since
        self.closed.set()

    def send(self, data):
        """False when the hub has had enough of us."""
        try:
            with self.lock:
                self.tls.write(data)
                data = self.going.read()
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def answers(self):
        """How many streams have ended."""
        while self.parsed + 9 <= len(self.got):
            head = self.got[self.parsed:self.parsed + 9]
            self.ended += head[3] in (DATA, HEADERS) and head[4] & END_STREAM
            self.parsed += 9 + int.from_bytes(head[:3], "big")
        return self.ended

    def answered(self, count, within=10):
        end = time.time() + within
        while self.answers() < count and time.time() < end and not self.closed.is_set():
            time.sleep(0.001)
        return self.answers() >= count


def metric(hub, name):
    return int(re.search(rf"^maalehub_{re.escape(name)} (\d+)$", httpx.get(hub.dev_url + "/metrics").text, re.M).group(1))


def killed(hub, reason):
    return metric(hub, f'connections_killed_total{{reason="{reason}"}}')


@contextlib.contextmanager
def somebody_else(hub):
    """Another client asks all the while, and is answered every time."""
    stop, statuses = threading.Event(), []

    def ask():
        with httpx.Client(http2=True, verify=str(hub.ca)) as client:
            while not stop.is_set():
                try:
                    statuses.append(client.get(hub.url + "/livez", timeout=5).status_code)
                except httpx.HTTPError as fault:
                    statuses.append(repr(fault))
                time.sleep(0.005)

    def wait_for(count):
        end = time.time() + 10
        while len(statuses) < count and time.time() < end:
            time.sleep(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(3)
    yield statuses
    wait_for(len(statuses) + 3)
    stop.set()
    thread.join()
    assert len(statuses) >= 6 and set(statuses) == {200}, statuses


RESET_BY = {
    "the client (CVE-2023-44487)": lambda stream: frame(RST_STREAM, stream=stream, payload=struct.pack(">I", 8)),
    "a window that overflows (CVE-2025-8671)": lambda stream: frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", 0x7FFFFFFF)),
    "a window that grows by nothing": lambda stream: frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", 0)),
    "data behind the end": lambda stream: frame(DATA, stream=stream, payload=b"x"),
}


def reset_flood(hub, how, path, total=RESETS):
    """How many of `total` requests, each reset at once on one connection, began their journey."""
    before = metric(hub, "requests_handled_total")
    wire = Wire(hub)
    for first in range(1, 2 * total, 1000):
        if not wire.send(b"".join(request(stream, path) + how(stream) for stream in range(first, first + 1000, 2))):
            break
    wire.closed.wait(3)
    return metric(hub, "requests_handled_total") - before


@pytest.mark.parametrize("path", [b"/livez", b"/fhir/Observation?patient=x"], ids=["open", "closed"])
@pytest.mark.parametrize("how", RESET_BY.values(), ids=RESET_BY.keys())
def test_resets_are_bounded_and_cost_nobody_else(hub, how, path):
    before = killed(hub, "resets")
    with somebody_else(hub) as others:
        already = len(others)
        begun = reset_flood(hub, how, path) - (len(others) - already)
    assert killed(hub, "resets") == before + 1
    assert begun < 500


def test_the_control_without_the_guard_the_flood_is_handled():
    hub = Hub(environment={"MAALEHUB_CONTROL": "guard-off"}).start()
    try:
        if "event=guard_off" not in hub.text("hub.log"):
            pytest.skip("this build has no controls")
        assert reset_flood(hub, RESET_BY["the client (CVE-2023-44487)"], b"/livez", 20_000) > 5_000
    finally:
        hub.stop()


def test_an_honest_client_keeps_its_connection(hub):
    """Twenty thousand requests on one, fifty at a time, and now and then it changes its mind."""
    wire = Wire(hub)
    stream = 1
    for batch in range(400):
        assert wire.send(b"".join(request(stream + 2 * i) for i in range(50))), "closed"
        stream += 100
        assert wire.answered(50 * (batch + 1)), (wire.answers(), wire.closed.is_set(), bytes(wire.got[-80:]), hub.text("hub.log")[-500:])
        if batch % 40 == 0:
            # of an upload it has only begun
            wire.send(frame(HEADERS, END_HEADERS, stream, block(b"/fhir", b"POST")) + frame(RST_STREAM, stream=stream, payload=struct.pack(">I", 8)))
            stream += 2
    assert not wire.closed.is_set()


FLOODS = {
    "header bomb": ("header_list", lambda: frame(HEADERS, END_STREAM, 1, block(b"/livez") + b"\x82" * 9000) + frame(CONTINUATION, END_HEADERS, 1, b"\x82" * 9000)),
    "130 fields": ("header_list", lambda: frame(HEADERS, END_STREAM | END_HEADERS, 1, block(b"/livez") + b"\x90" * 130)),
    "PING": ("frames", lambda: frame(PING, payload=b"12345678") * 15000),
    "SETTINGS": ("frames", lambda: frame(SETTINGS) * 15000),
    "WINDOW_UPDATE": ("frames", lambda: frame(WINDOW_UPDATE, payload=b"\0\0\0\1") * 15000),
    "unknown": ("frames", lambda: frame(UNKNOWN, payload=b"?") * 15000),
    "PRIORITY": ("frames", lambda: frame(PRIORITY, stream=1, payload=b"\0\0\0\0\1") * 15000),
    "empty DATA": ("frames", lambda: frame(HEADERS, END_HEADERS, 1, block(b"/fhir", b"POST")) + frame(DATA, stream=1) * 15000),
    "empty CONTINUATION": ("frames", lambda: frame(HEADERS, END_STREAM, 1, block(b"/livez")) + frame(CONTINUATION, stream=1) * 15000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_end_their_connection(hub, name):
    reason, flood = FLOODS[name]
    before = killed(hub, reason)
    wire = Wire(hub)
    wire.send(flood())
    assert wire.closed.wait(5)
    assert killed(hub, reason) == before + 1
    assert httpx.get(hub.dev_url + "/livez").status_code == 200


def test_unknown_frames_are_ignored_in_silence(hub):
    log = hub.text("hub.log")
    wire = Wire(hub)
    wire.send(frame(UNKNOWN, payload=b"abc") * 20 + request(1))
    assert wire.answered(1) and not wire.closed.is_set()
    assert hub.text("hub.log") == log


@pytest.mark.slow
def test_slow_clients_do_not_stay(hub):
    """All at once; each has its own deadline."""
    half = Wire(hub)
    half.send(b"\0\0\x10")
    endless = Wire(hub)
    endless.send(frame(HEADERS, END_STREAM, 1, block(b"/livez")))
    body = Wire(hub)
    body.send(frame(HEADERS, END_HEADERS, 1, block(b"/fhir", b"POST")))
    quiet = Wire(hub)
    reader = Wire(hub, settings=struct.pack(">HI", 4, 0))
    reader.send(request(1, b"/openapi.json"))
    begun = time.time()
    while time.time() - begun < 17:
        body.send(frame(DATA, stream=1, payload=b"x"))
        time.sleep(0.5)
    for wire in (half, endless):
        assert wire.closed.is_set() and 9 < wire.took < 13
    assert body.closed.is_set() and 14 < body.took < 17.5
    assert not quiet.closed.is_set() and not reader.closed.is_set()
    assert quiet.send(request(1))
    assert killed(hub, "slow_headers") >= 2 and killed(hub, "slow_body") >= 1


def test_a_graceful_stop_answers_what_is_under_way(own_hub):
    hub = own_hub()
    wire = Wire(hub)
    wire.send(frame(HEADERS, END_HEADERS, 1, block(b"/pcd01", b"POST")))
    idle = socket.create_connection(("127.0.0.1", hub.dev_port))
    idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle.recv(4096).startswith(b"HTTP/1.1 200")
    process = hub.processes["hub"]
    process.send_signal(signal.SIGTERM)
    for _ in range(8):
        assert wire.send(frame(DATA, stream=1, payload=b"x" * 1000))
        time.sleep(0.25)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", hub.dev_port), timeout=1)
    wire.send(frame(DATA, END_STREAM, 1, b"end"))
    assert process.wait(10) == 0
    assert wire.closed.wait(2) and wire.answers() == 1
    assert idle.recv(4096) == b""
    assert "event=stopped unfinished=0" in hub.text("hub.log")


def test_a_header_block_without_end_does_not_hang_the_stop(own_hub):
    """libh2o 2.2.5 alone loops for ever on the CONTINUATION behind its second GOAWAY."""
    hub = own_hub(extra="grace = 4")
    wire = Wire(hub)
    wire.send(frame(HEADERS, END_HEADERS, 1, block(b"/pcd01", b"POST")) + frame(HEADERS, END_STREAM, 3, block(b"/livez")))
    time.sleep(0.3)
    process = hub.processes["hub"]
    process.send_signal(signal.SIGTERM)
    time.sleep(2.8)
    wire.send(frame(CONTINUATION, END_HEADERS, 3, b"\x00\x01a\x01b"))
    assert process.wait(5) == 0


def test_a_port_that_is_taken_is_refused(hub):
    status, said = hub.refusal()
    assert status == 1 and "cannot listen: Address already in use" in said


def test_what_is_too_large_is_answered_by_us(hub):
    """Over HTTP/2 the library would only reset the stream, and clients would send it all again."""
    with httpx.Client(http2=True, verify=str(hub.ca), timeout=30) as client:
        answer = client.post(hub.url + "/fhir", content=b" " * (17 << 20), headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 413 and answer.http_version == "HTTP/2"
    assert "16777216" in answer.text and answer.json()["resourceType"] == "OperationOutcome"
    assert httpx.get(hub.dev_url + "/fhir/metadata", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_every_answer_is_kept_out_of_caches(hub):
    with httpx.Client(http2=True, verify=str(hub.ca)) as client:
        for path in ("/livez", "/fhir/metadata", "/fhir/Observation/x", "/nowhere"):
            answer = client.get(hub.url + path, headers={"X-Request-Id": "abc-1.2_3"})
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-request-id"] == "abc-1.2_3"
        assert "x-request-id" not in client.get(hub.url + "/livez", headers={"X-Request-Id": "a b"}).headers
    wrong = httpx.delete(hub.dev_url + "/fhir/metadata")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "GET, HEAD"
    head = httpx.head(hub.dev_url + "/fhir/metadata")
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 100
