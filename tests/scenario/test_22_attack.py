# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hostile HTTP/2 through TLS, on loopback, each bounded in time; and the same with the guard off, which must succeed.

CVE-2023-44487 (rapid reset), CVE-2025-8671 (made you reset), CVE-2019-9511..9518 (floods), header bombs, slow clients, the endless loop of
libh2o 2.2.5 behind the second GOAWAY. Attackers come from addresses of their own; a bystander asks all the while and must be answered.
"""
import contextlib
import itertools
import os
import pathlib
import resource
import select
import signal
import socket
import ssl
import struct
import threading
import time

import httpx
import pytest

from hub import Hub, observation, person

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, UNKNOWN = 0, 1, 2, 3, 4, 6, 7, 8, 9, 0x2b
END_STREAM, END_HEADERS = 1, 4
RESETS = 100_000
HANDLED_AT_MOST = 500
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_sources = itertools.count(2)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    numbers = {"header_table": 1, "window": 4}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def fields(method="GET", path="/fhir/metadata", extra=b""):
    """RFC 7541: indexed :method and :scheme https, the path and authority spelt out."""
    return {"GET": b"\x82", "POST": b"\x83"}[method] + b"\x87" + b"\x04" + bytes([len(path)]) + path.encode() + b"\x01\x09localhost" + extra


def request(stream, method="GET", path="/fhir/metadata", extra=b"", end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, fields(method, path, extra))


class Attacker:
    """One connection from an address of its own. Never blocks: what comes back is read between what is sent, and thrown away."""

    def __init__(self, hub, source, opening=None, reads=True, alpn="h2"):
        context = ssl.create_default_context(cafile=str(hub.ca))
        context.set_alpn_protocols([alpn])
        raw = socket.socket()
        raw.settimeout(10)
        raw.bind((source, 0))
        raw.connect(("127.0.0.1", hub.port))
        self.tls = context.wrap_socket(raw, server_hostname="localhost")
        self.tls.setblocking(False)
        self.kinds, self.reads, self.closed, self.rest = [], reads, False, b""
        if alpn == "h2":
            self.send(PREFACE + (opening or settings()))

    def _take(self, got):
        self.rest += got
        while len(self.rest) >= 9 and len(self.rest) >= 9 + int.from_bytes(self.rest[:3], "big"):
            self.kinds.append(self.rest[3])
            self.rest = self.rest[9 + int.from_bytes(self.rest[:3], "big"):]

    def drain(self):
        try:
            while not self.closed:
                got = self.tls.recv(65536)
                self.closed = not got
                self._take(got)
        except ssl.SSLWantReadError:
            pass
        except OSError:
            self.closed = True

    def send(self, data, seconds=20):
        """False once the other side has had enough."""
        left, end = memoryview(data), time.monotonic() + seconds
        while left and not self.closed and time.monotonic() < end:
            if self.reads:
                self.drain()
            try:
                left = left[self.tls.send(left):]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.tls] if self.reads else [], [self.tls], [], 0.1)
            except OSError:
                self.closed = True
        return not self.closed and not left

    def is_closed(self, within=0.0):
        end = time.monotonic() + within
        self.drain()
        while not self.closed and time.monotonic() < end:
            select.select([self.tls], [], [], 0.02)
            self.drain()
        return self.closed

    def close(self):
        self.tls.close()


@pytest.fixture
def source():
    """An attacker's address: what the guard holds against it must not fall on the next test."""
    number = next(_sources)
    return f"127.0.{100 + number // 250}.{1 + number % 250}"


def metric(hub, name, label=""):
    text = httpx.get(f"{hub.dev_url}/metrics", timeout=30).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"maalehub_{name}_total") and label in line)


def memory(hub):
    """Resident MiB of the hub."""
    status = pathlib.Path(f"/proc/{hub.processes['hub'].pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


class Bystander:
    """Somebody who works while others attack: searches on connections of both loops, one after the other."""

    def __init__(self, hub, slowest=3.0):
        self.hub, self.slowest, self.took, self.faults = hub, slowest, [], []
        if not hasattr(hub, "bystanders"):
            hub.line, hub.bystanders = person(), [hub.as_("sykehus-epj") for _ in range(4)]
            assert hub.as_("solvik-dho").upload(observation(hub.line)).status_code == 201
        self.line, self.callers = hub.line, hub.bystanders
        for caller in self.callers:
            assert caller.search(self.line).status_code == 200

    def _work(self):
        for caller in itertools.cycle(self.callers):
            if self.stop.wait(0.02):
                return
            began = time.monotonic()
            try:
                answer = caller.search(self.line)
                if answer.status_code != 200 or not answer.json().get("entry"):
                    self.faults.append(answer.text)
            except httpx.HTTPError as fault:
                self.faults.append(repr(fault))
            self.took.append(time.monotonic() - began)

    def __enter__(self):
        self.stop, self.thread = threading.Event(), threading.Thread(target=self._work, daemon=True)
        self.handled = metric(self.hub, "requests_handled")
        self.thread.start()
        return self

    def __exit__(self, *fault):
        end = time.monotonic() + 30
        while len(self.took) < 5 and time.monotonic() < end:
            time.sleep(0.02)
        self.stop.set()
        self.thread.join(60)
        # its own requests, and the two looks at the counters
        self.others = metric(self.hub, "requests_handled") - self.handled - len(self.took) - 1

    def was_served(self):
        assert self.faults == [] and len(self.took) >= 5, (self.faults[:3], len(self.took))
        assert max(self.took) < self.slowest, f"the slowest answer took {max(self.took):.2f} s"


EXTRA = "address_connections = 100\nanswers_max = 32\ngrace = 2\n"


@pytest.fixture(scope="module")
def hub():
    one = Hub(extra=EXTRA).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def open_hub():
    """The control: built with controls, the guard off."""
    one = Hub(extra=EXTRA, environment={"MAALEHUB_CONTROL": "guard-off"}).start()
    assert "guard_off" in one.text("hub.log"), "the hub was built without -Dcontrols=true"
    yield one
    one.stop()


# ---- resets


def rapid(stream):
    return request(stream) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


MADE = {
    "window overflow": lambda s: request(s) + frame(WINDOW_UPDATE, 0, s, struct.pack(">I", 0x7fffffff)),
    "window of nothing": lambda s: request(s) + frame(WINDOW_UPDATE, 0, s, struct.pack(">I", 0)),
    "depends on itself": lambda s: request(s) + frame(PRIORITY, 0, s, struct.pack(">IB", s, 15)),
    "data after the end": lambda s: request(s) + frame(DATA, 0, s, b"x"),
    "data after the end of a post": lambda s: request(s, "POST", "/fhir", end=False) + frame(DATA, END_STREAM, s, b"{}") + frame(DATA, 0, s, b"x"),
    "headers again": lambda s: request(s, "POST", "/fhir", end=False) + request(s, "POST", "/fhir", end=False),
    "more than it said": lambda s: request(s, "POST", "/fhir", b"\x5c\x011", end=False) + frame(DATA, END_STREAM, s, b"12345"),
}


def reset_many(hub, source, shape, count=RESETS):
    """Sends `count` on one connection; how many went out before it was closed."""
    attacker = Attacker(hub, source)
    sent = 0
    try:
        while sent < count and attacker.send(b"".join(shape(2 * (sent + i) + 1) for i in range(500))):
            sent += 500
        attacker.is_closed(within=2 if sent < count else 0.2)
    finally:
        attacker.close()
    return sent


def test_rapid_reset(hub, source):
    with Bystander(hub) as bystander:
        sent = reset_many(hub, source, rapid)
        time.sleep(0.3)
    print(f"rapid reset: sent {sent} of {RESETS}, handled {bystander.others:.0f}, bystander {len(bystander.took)} answers, slowest {max(bystander.took):.3f} s")
    assert bystander.others < HANDLED_AT_MOST
    assert metric(hub, "connections_killed", "resets") >= 1
    bystander.was_served()


def test_rapid_reset_without_the_guard(open_hub, source):
    """The control: by the measure of the test above, libh2o alone fails."""
    with Bystander(open_hub) as bystander:
        sent = reset_many(open_hub, source, rapid)
        time.sleep(1.5)  # the hub has a backlog
    print(f"without the guard: sent {sent}, handled {bystander.others:.0f}, slowest {max(bystander.took):.3f} s")
    assert bystander.others >= HANDLED_AT_MOST


@pytest.mark.parametrize("shape", MADE.values(), ids=MADE.keys())
def test_made_you_reset(hub, source, shape):
    with Bystander(hub) as bystander:
        sent = reset_many(hub, source, shape, 20_000)
        time.sleep(0.2)
    print(f"sent {sent}, handled {bystander.others:.0f}, slowest {max(bystander.took):.3f} s")
    assert bystander.others < HANDLED_AT_MOST
    bystander.was_served()


@pytest.mark.attack
def test_resets_from_many_connections(hub, source):
    """Ten seconds, four attackers that come again as soon as they are thrown out."""
    end, sent, lock = time.monotonic() + 10, [0, 0], threading.Lock()

    def attack(number):
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                one = reset_many(hub, source[:-1] + str(number), rapid, 20_000)
                with lock:
                    sent[0], sent[1] = sent[0] + one, sent[1] + 1
    with Bystander(hub) as bystander:
        threads = [threading.Thread(target=attack, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"{sent[1]} connections sent {sent[0]}, handled {bystander.others:.0f}, bystander {len(bystander.took)} answers, slowest {max(bystander.took):.3f} s")
    assert bystander.others <= 400 * max(sent[1], 1)
    bystander.was_served()


# ---- frames that do nothing


FLOODS = {
    "ping": lambda: frame(PING, 0, 0, b"12345678") * 1000,
    "settings": lambda: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 1000,
    "empty settings": lambda: frame(SETTINGS, 0, 0) * 1000,
    "empty data": lambda: frame(DATA, 0, 1) * 1000,
    "one byte of data": lambda: frame(DATA, 0, 1, b"x") * 1000,
    "priority": lambda: b"".join(frame(PRIORITY, 0, 101 + 2 * i, struct.pack(">IB", 0, 1)) for i in range(50)) * 20,
    "window": lambda: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1000,
    "unknown": lambda: frame(UNKNOWN, 0, 0) * 1000,
    "empty continuation": lambda: frame(CONTINUATION, 0, 3) * 1000,
    "resets of nothing": lambda: frame(RST_STREAM, 0, 1, struct.pack(">I", 8)) * 1000,
}


def flood(hub, source, name, thousands=300, reads=True):
    """Thousands of frames until the connection is closed; how many thousand that took, or None."""
    attacker = Attacker(hub, source, reads=reads)
    attacker.send(request(1, "POST", "/fhir", end=False))
    if "continuation" in name:
        attacker.send(frame(HEADERS, END_STREAM, 3, fields()))
    many = FLOODS[name]()
    try:
        for sent in range(1, thousands + 1):
            if not attacker.send(many):
                return sent
        return thousands if attacker.is_closed(within=2) else None
    finally:
        attacker.close()


@pytest.mark.attack
@pytest.mark.parametrize("name", FLOODS)
def test_frames_that_do_nothing(hub, source, name):
    before = memory(hub)
    with Bystander(hub) as bystander:
        sent = flood(hub, source, name)
    grown = memory(hub) - before
    print(f"{name}: closed after {sent} thousand, {grown:.0f} MiB more, slowest {max(bystander.took):.3f} s")
    assert sent is not None  # what the kernel holds is sent too
    assert grown < 64
    bystander.was_served()


@pytest.mark.attack
def test_frames_that_do_nothing_without_the_guard(open_hub, source):
    assert flood(open_hub, source, "ping", 60) is None


def test_answers_nobody_reads(hub, source):
    """PINGs whose answers are left lying: the hub keeps none of them for long."""
    before = memory(hub)
    with Bystander(hub) as bystander:
        sent = flood(hub, source, "ping", reads=False)
        time.sleep(0.5)
    assert sent is not None and memory(hub) - before < 64
    bystander.was_served()


def closed_windows(hub, source, connections, streams=100):
    """Answers of open pages that nobody can read: the window of each stream is 0. What the hub holds for them, in MiB."""
    before, attackers = memory(hub), []
    try:
        for _ in range(connections):
            for _ in range(40):  # so many at once may be more than one address gets
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    attackers.append(Attacker(hub, source, settings(window=0)))
                    break
                time.sleep(0.1)
            attackers[-1].send(b"".join(request(2 * i + 1) for i in range(streams)))
        most, end = 0, time.monotonic() + 4
        while time.monotonic() < end:
            for attacker in attackers:
                attacker.drain()
            most = max(most, memory(hub) - before)
            time.sleep(0.1)
        return most, sum(attacker.closed for attacker in attackers)
    finally:
        for attacker in attackers:
            attacker.close()


def test_answers_behind_closed_windows_do_not_add_up(hub, source):
    """A hundred streams of each connection with a window of 0: without a limit they cost some 50 KiB each for half a minute, and no token. The control is a hub without it."""
    patient = Hub(extra=EXTRA.replace("answers_max = 32", "answers_max = 4096")).start()
    try:
        without, none = closed_windows(patient, source, 60)
    finally:
        patient.stop()
    with Bystander(hub) as bystander:
        most, cut = closed_windows(hub, source, 60)
    assert none == 0 and cut > 0 and most < without * 0.75, (most, cut, without, none)
    bystander.was_served()


# ---- header lists


def bomb(hub, source, count, size=200_000):
    """One field of 4000 bytes into the table, then a byte each to name it again, in requests that stay open."""
    attacker = Attacker(hub, source)
    many, stream = b"\xbe", 1
    try:
        for number in range(count):
            first = fields("POST", "/fhir", b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000 if number == 0 else b"")
            first += many * (16384 - len(first))
            rest = [frame(CONTINUATION, 0, stream, many * 16384) for _ in range(size // 16384)] + [frame(CONTINUATION, END_HEADERS, stream, many)]
            if not attacker.send(frame(HEADERS, 0, stream, first) + b"".join(rest)):
                return number
            stream += 2
        return count if attacker.is_closed(within=1) else None
    finally:
        attacker.close()


def test_header_bombs(hub, source):
    before = memory(hub)
    with Bystander(hub) as bystander:
        for _ in range(20):
            with contextlib.suppress(OSError):
                assert bomb(hub, source, 8) is not None
    print(f"header bombs: {memory(hub) - before:.0f} MiB more, slowest {max(bystander.took):.3f} s")
    assert memory(hub) - before < 64
    assert metric(hub, "connections_killed", "header_list") >= 1
    bystander.was_served()


def test_header_bombs_without_the_guard(open_hub, source):
    before = memory(open_hub)
    attacked = threading.Thread(target=bomb, args=(open_hub, source, 8))
    attacked.start()
    most = 0
    while attacked.is_alive():
        most = max(most, memory(open_hub) - before)
        time.sleep(0.02)
    print(f"without the guard: {most:.0f} MiB more for 1.6 MB sent")
    assert most >= 64


# ---- many connections


def test_a_flood_of_connections(hub, source):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = []
    try:
        with Bystander(hub) as bystander:
            for _ in range(600):
                one = socket.socket()
                held.append(one)
                one.bind((source, 0))
                with contextlib.suppress(OSError):
                    one.connect(("127.0.0.1", hub.port))
            time.sleep(0.5)
            gone, _, _ = select.select(held, [], [], 0) if len(held) < 900 else ([], [], [])
            # who comes from elsewhere is let in
            assert hub.as_("sykehus-epj").search(bystander.line).status_code == 200
        print(f"600 connections of one address: {len(held) - len(gone)} held")
        assert len(held) - len(gone) <= 200  # 100 a loop
        bystander.was_served()
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- slow ones


def http1(text):
    return lambda hub, source: _said(Attacker(hub, source, alpn="http/1.1"), text)


def http2(data, opening=None):
    return lambda hub, source: _said(Attacker(hub, source, opening), data)


def _said(attacker, data):
    attacker.send(data)
    return attacker


def _silent(hub, source):
    one = socket.socket()
    one.bind((source, 0))
    one.connect(("127.0.0.1", hub.port))
    return one


# name: how it begins, what it says every second, after how many seconds it must be over
SLOW = {
    "no handshake": (_silent, None, 75),
    "headers, HTTP/1": (http1(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"), b"X-a: b\r\n", 15),
    "body, HTTP/1": (http1(b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"), b"x", 25),
    "nothing, HTTP/1": (http1(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"), None, 75),
    "nothing, HTTP/2": (http2(b""), None, 75),
    "pings alone": (http2(b""), frame(PING, 0, 0, b"12345678"), 75),
    "headers, HTTP/2": (http2(frame(HEADERS, 0, 1, fields("POST", "/fhir"))), frame(CONTINUATION, 0, 1), 15),
    "bodies, HTTP/2": (http2(b"".join(request(s, "POST", "/fhir", end=False) for s in range(1, 199, 2))), frame(DATA, 0, 1, b"x"), 25),
    "readers": (http2(b"".join(request(s) for s in range(1, 199, 2)), settings(window=0)), frame(PING, 0, 0, b"12345678"), 45),
}


@pytest.mark.attack
def test_slow_clients(hub, source):
    """All kinds at once; each is shown out in its time, and others are served meanwhile."""
    began, ended = time.monotonic(), {}
    alive = {name: begin(hub, source) for name, (begin, _, _) in SLOW.items()}
    with Bystander(hub) as bystander:
        while alive and time.monotonic() - began < 80:
            time.sleep(0.5)
            for name, one in list(alive.items()):
                if isinstance(one, socket.socket):
                    over = bool(select.select([one], [], [], 0)[0])
                else:
                    over = one.is_closed() or (SLOW[name][1] is not None and int(time.monotonic() * 2) % 2 == 0 and not one.send(SLOW[name][1]))
                if over:
                    ended[name] = time.monotonic() - began
                    alive.pop(name)
    print({name: round(seconds, 1) for name, seconds in ended.items()})
    assert {name: ended.get(name) for name in SLOW if ended.get(name, 99) > SLOW[name][2]} == {}
    bystander.was_served()


# ---- the stop; it ends the hubs, so it comes last


def continue_after_goaway(hub, seconds):
    """TERM, the second GOAWAY, and then the rest of a header block: did the process end within `seconds`?"""
    attacker = Attacker(hub, "127.0.0.1", settings(window=0))
    attacker.send(request(1) + frame(HEADERS, END_STREAM, 3, fields()))
    time.sleep(0.3)
    process = hub.processes["hub"]
    process.send_signal(signal.SIGTERM)
    end = time.monotonic() + seconds
    while time.monotonic() < end and attacker.kinds.count(GOAWAY) < 2 and not attacker.is_closed(within=0.02):
        pass
    attacker.send(frame(CONTINUATION, END_HEADERS, 3, b"\x00\x01a\x01b"))
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    attacker.close()
    if process.poll() is None:
        process.kill()
    hub.processes.pop("hub")
    return process.wait()


def test_a_header_block_that_goes_on_after_the_goaway(hub):
    assert continue_after_goaway(hub, 15) == 0
    assert os.path.exists(hub.ca)


@pytest.mark.attack
def test_a_header_block_that_goes_on_after_the_goaway_without_the_guard(open_hub):
    assert continue_after_goaway(open_hub, 10) == -signal.SIGKILL
