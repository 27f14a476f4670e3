# SPDX-License-Identifier: AGPL-3.0-or-later
"""What must never happen, 9: unbounded anything. Each limit is met just below, and just above."""
import contextlib
import json
import random
import socket
import ssl

import httpx
import pytest

from hub import FHIR_JSON, FORM, bundle, found, ids, issues, observation, person, results

MIB = 1 << 20


def post(vendor, text, path="/fhir/Observation", headers=FHIR_JSON):
    return vendor.post(path, headers=headers, content=text)


def alive(hub):
    assert httpx.get(hub.dev_url + "/livez").status_code == 200 and hub.processes["hub"].poll() is None


# ---- JSON


@pytest.mark.parametrize("depth", [49, 100, 10000, 200000])
@pytest.mark.parametrize("open,close", [("[", "]"), ('{"a":', "}")])
def test_depth(hub, vendor, depth, open, close):
    for text in (open * depth + "1" + close * depth, open * depth):
        answer = post(vendor, text)
        assert answer.status_code == (400 if len(text) <= MIB else 413) and answer.json()["resourceType"] == "OperationOutcome"
    nested = json.dumps(observation(person()))[:-1] + ',"extension":[{"url":"x","valueString":"y","extension":' + open * depth + "1" + close * depth + "}]}"
    answer = post(vendor, nested)
    assert answer.status_code == (400 if len(nested) <= MIB else 413) and len(answer.content) < 10000
    alive(hub)


def test_duplicate_names(vendor):
    good = json.dumps(observation(person()))
    for text in (good[:-1] + ',"status":"final"}', good[:-1] + ',"st\\u0061tus":"final"}', good.replace('"value": 72.0', '"value": 72.0, "value": 73.0'), good[:-1] + ',"extension":[{"url":"x","url":"x","valueString":"y"}]}'):
        answer = post(vendor, text)
        assert answer.status_code == 400, answer.text
        assert "there already" in issues(answer), answer.text


def test_many_names_and_values(vendor):
    wide = json.dumps(observation(person()))[:-1] + "".join(f',"x{i}":1' for i in range(5000)) + "}"
    answer = post(vendor, wide)
    assert answer.status_code == 400 and len(answer.content) < 200000
    many = observation(person(), note=[{"text": "x"}] * 60000)
    answer = post(vendor, json.dumps(many))
    assert answer.status_code == 413, answer.text[:300]


@pytest.mark.parametrize("number", ["1e999999999", "1E-999999999", "9" * 1000, "9" * 500000, "0." + "0" * 100000 + "1", "-1e400", "1e4000000000000000000000"])
def test_huge_numbers(hub, vendor, number):
    answer = post(vendor, json.dumps(observation(person())).replace("72.0", number))
    assert answer.status_code == 400 and len(answer.content) < 10000, answer.text[:300]
    alive(hub)


@pytest.mark.parametrize("bytes", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x00", b"\\u0000", b"\\ud800", b"\\udc00x", b"\x1f", b"\n", b"\\x", b"\\u12g4", b"\x7f\xff"])
def test_texts_that_are_none(vendor, bytes):
    text = json.dumps(observation(person(), note=[{"text": "@"}])).encode().replace(b"@", b"a" + bytes + b"b")
    answer = post(vendor, text)
    assert answer.status_code == 400, answer.text
    answer.content.decode()  # and the answer is well formed itself
    vendor.pcd01(b"MSH|^~\\&|" + bytes)


def test_errors_are_not_without_end(vendor):
    """A Bundle of nothing but faults does not make an answer many times its size."""
    wrong = {"resourceType": "Observation", **{f"e{i}": i for i in range(200)}}
    answer = vendor.upload(bundle(*([wrong] * 1000)))
    assert results(answer) == [400] * 1000
    assert len(answer.content) < 16 * MIB


# ---- bodies


def test_bodies_at_the_limit(vendor):
    # a text is at most 1 MiB; two of half that size make a resource of exactly 1 MiB
    whole = json.dumps(observation(person(), note=[{"text": "@"}, {"text": "@@"}]))
    room = MIB - len(whole) + 3
    fit = whole.replace('"@@"', '"' + "y" * (room // 2) + '"').replace('"@"', '"' + "x" * (room - room // 2) + '"')
    assert len(fit) == MIB
    assert post(vendor, fit).status_code == 201
    over = post(vendor, fit.replace('"resourceType"', ' "resourceType"'))
    assert over.status_code == 413 and str(MIB) in issues(over)


def test_what_each_route_takes(hub, vendor, doctor):
    line = person()
    assert doctor.post("/fhir/Observation/_search", headers=FORM, content=b"x=" + b"y" * 65536).status_code == 413
    assert doctor.post("/fhir/Patient/_search", headers=FORM, content=b"x=" + b"y" * 65536).status_code == 413
    assert doctor.post("/pil/v1/search", headers={"Content-Type": "application/json"}, content=b" " * 65537).status_code == 413
    assert doctor.request("GET", "/fhir/Observation?_id=x", content=b"x").status_code == 413
    alive(hub)


def test_far_too_large_bodies_are_cut_off(hub):
    """40 MiB to a door that takes 16: refused, whoever sends it, and the connection's memory given back."""
    with httpx.Client(verify=hub.trusted(), base_url=hub.url, timeout=10) as client:
        try:
            answer = client.post("/fhir", headers=FHIR_JSON, content=b" " * (40 * MIB))
            assert answer.status_code in (401, 413)
        except httpx.HTTPError:
            pass  # the door may shut, or take no more, while we still talk
    alive(hub)


# ---- headers


def test_many_headers(hub):
    def with_headers(count, size=10):
        with httpx.Client(http1=False, http2=True, base_url=hub.dev_url, timeout=20) as client:
            try:
                return client.get("/livez", headers=[(f"x-{i}", "v" * size) for i in range(count)]).status_code
            except httpx.HTTPError:
                return None
    assert with_headers(90) == 200
    assert with_headers(1000) in (None, 400, 413, 431)
    assert with_headers(100, 2000) in (None, 400, 413, 431)
    alive(hub)


def test_headers_that_are_repeated(hub):
    """HPACK names a field again by one byte, and each joining is a copy: what is joined is bounded."""
    def repeated(name, value, count, path="/fhir/metadata"):
        with httpx.Client(http1=False, http2=True, base_url=hub.dev_url, timeout=20) as client:
            return client.get(path, headers=[(name, value)] * count)
    assert repeated("accept", "application/fhir+json", 100).status_code == 200
    assert repeated("accept", "a/" + "x" * 5000, 1).status_code == 406
    for name in ("accept", "prefer", "if-none-match", "if-none-exist"):
        answer = repeated(name, "a/" + "x" * 480, 100)
        assert answer.status_code == 400 and "4096 bytes" in answer.text, answer.text
        assert len(answer.json()["issue"]) == 1 and len(answer.content) < 1000, answer.text
    alive(hub)


@pytest.mark.parametrize("size,good", [(7000, True), (500000, False)])
def test_long_headers_and_urls(hub, size, good):
    for request in (f"GET /livez?{'v' * size} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", f"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: {'v' * size}\r\nConnection: close\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", hub.dev_port), timeout=10) as wire:
            try:
                wire.sendall(request.encode())
                answer = b""
                while part := wire.recv(65536):
                    answer += part
            except ConnectionError:
                pass
        assert answer.startswith(b"HTTP/1.1 200") == good, answer[:100]
    alive(hub)


@pytest.mark.parametrize("text", [
    b"GET /livez\r\n\r\n", b"\x00" * 100, b"GET /livez HTTP/9.9\r\n\r\n", b"\r\n" * 1000, b"GET  /livez HTTP/1.1\r\n\r\n", b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhelloo", b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX\x00Y: 1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
])
def test_what_is_no_http(hub, text):
    with socket.create_connection(("127.0.0.1", hub.dev_port), timeout=1) as wire:
        try:
            wire.sendall(text)
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(65536)
        except (ConnectionError, socket.timeout):
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 200") or b"Content-Length: 5\r\nContent-Length: 6" not in text
    alive(hub)


def test_requests_that_two_would_read_differently(hub):
    """A proxy that takes the other length, or the other host, would have one caller's bytes read as the next one's request (RFC 9112 6.3)."""
    body, smuggled = "hello", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for first, lines in (("POST /fhir HTTP/1.1", "Content-Length: 5\r\nContent-Length: 40\r\n"), ("POST /fhir HTTP/1.1", "content-length: 5\r\nContent-Length: 5\r\n"),
                         ("POST /fhir HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), ("POST /fhir HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
                         ("POST /fhir HTTP/1.1", "Host: elsewhere\r\nContent-Length: 5\r\n"),
                         ("POST /fhir HTTP/1.1", "X-A: b\r\n c\r\nContent-Length: 5\r\n"), ("POST /fhir HTTP/1.0", "Transfer-Encoding: chunked\r\n"),
                         ("POST /fhir HTTP/1.1", "X-A: b\nContent-Length: 5\r\n")):
        sent = "5\r\nhello\r\n0\r\n\r\n" if "chunked" in lines else body
        for before in ("", smuggled):  # also as the second request of a connection
            with socket.create_connection(("127.0.0.1", hub.dev_port), timeout=10) as wire:
                wire.sendall(f"{before}{first}\r\nHost: localhost\r\n{lines}\r\n{sent}{smuggled}".encode())
                answer = b""
                while part := wire.recv(65536):
                    answer += part
            assert answer.count(b"HTTP/1.1 200") == (1 if before else 0), answer
            assert answer.count(b"HTTP/1.1 400") == 1 and b"OperationOutcome" in answer, answer


CHUNKS = {
    "a size in another notation": b"0x2\r\n{}\r\n0\r\n\r\n", "something behind the size": b"2 x\r\n{}\r\n0\r\n\r\n", "a blank behind the size": b"2 \r\n{}\r\n0\r\n\r\n",
    "a line that ends in LF": b"2\n{}\r\n0\r\n\r\n", "an extension that ends in LF": b"2;a\n{}\r\n0\r\n\r\n", "a CR within an extension": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    "data that ends in LF": b"2\r\n{}\n0\r\n\r\n", "data longer than said": b"2\r\n{}}\r\n0\r\n\r\n", "no size": b";a\r\n{}\r\n0\r\n\r\n", "an empty line": b"\r\n{}\r\n0\r\n\r\n",
    "a size of 17 digits": b"00000000000000002\r\n{}\r\n0\r\n\r\n", "a trailer that is a request": b"2\r\n{}\r\n0\r\nGET /livez HTTP/1.1\r\n\r\n", "a folded trailer": b"2\r\n{}\r\n0\r\nX: a\r\n b\r\n\r\n",
    "a trailer that ends in LF": b"2\r\n{}\r\n0\r\nX: a\n\r\n", "an end by LF": b"2\r\n{}\r\n0\r\n\n", "a trailer without name": b"2\r\n{}\r\n0\r\n: a\r\n\r\n",
}


def chunked(hub, *parts):
    """A body in chunks, in these parts, and a request behind it: everything that is answered."""
    with socket.create_connection(("127.0.0.1", hub.dev_port), timeout=10) as wire:
        wire.sendall(b"POST /fhir/Observation HTTP/1.1\r\nHost: localhost\r\nX-Dev-Principal: solvik-dho\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (*parts, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
            wire.sendall(part)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # the hub closes with the rest unread
            while part := wire.recv(65536):
                answer += part
    return answer


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS.keys())
def test_chunks_that_two_would_read_differently(hub, body):
    answer = chunked(hub, body)
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400") and b"broken chunked-encoding" in answer, answer


def test_chunks_by_the_grammar(hub):
    """However they are cut, and with all that RFC 9112 7.1 lets stand in them."""
    text = b'{"resourceType": "Observation"}'
    body = b"5\r\n" + text[:5] + b"\r\n00000a;name;n=v; q=\"x\" \r\n" + text[5:15] + b"\r\n%X \t;x\r\n" % len(text[15:]) + text[15:] + b"\r\n0;last\r\nX-Trailer: a b\r\nOther:\r\n\r\n"
    for parts in ([body], [body[i:i + 1] for i in range(len(body))], [body[:-1], body[-1:]], [body[:40], body[40:]]):
        answer = chunked(hub, *parts)
        assert answer.startswith(b"HTTP/1.1 422") or b"is required" in answer, answer
        assert answer.count(b"HTTP/1.1 200") == 1 and answer.endswith(b"ok\n"), answer
    assert chunked(hub, b"0\r\n\r\n").count(b"HTTP/1.1 ") == 2


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(hub):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.create_default_context(cafile=str(hub.ca))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(("127.0.0.1", hub.port), timeout=5) as raw:
            context.wrap_socket(raw, server_hostname="localhost").close()
    for version, protocols, expected in ((ssl.TLSVersion.TLSv1_2, ["h2", "http/1.1"], "h2"), (ssl.TLSVersion.TLSv1_3, ["h2"], "h2"), (ssl.TLSVersion.TLSv1_3, ["http/1.1"], "http/1.1"), (ssl.TLSVersion.TLSv1_2, [], None)):
        context = ssl.create_default_context(cafile=str(hub.ca))
        context.minimum_version = context.maximum_version = version
        if protocols:
            context.set_alpn_protocols(protocols)
        with socket.create_connection(("127.0.0.1", hub.port), timeout=5) as raw, context.wrap_socket(raw, server_hostname="localhost") as wire:
            assert wire.version() == version.name.replace("_", ".") and wire.selected_alpn_protocol() == expected


# ---- asked for too much


def test_the_page_is_bounded(hub, vendor):
    line, reader = person(), hub.as_("utvikler")
    sent = [observation(line, value=str(40 + i % 90), at=f"2026-11-{1 + i // 60 % 20:02d}T08:{i % 60:02d}:01Z", device=f"D-{i}") for i in range(260)]
    assert set(results(vendor.upload(bundle(*sent)))) == {201}
    assert len(found(reader.search(line))) == 20
    first = reader.search(line, _count="200")
    assert len(found(first)) == 200 and len(found(reader.next(first))) == 60
    # large resources: the answer is bounded too, and no row is lost on the way
    fat = person()
    for part in range(3):
        assert set(results(vendor.upload(bundle(*(observation(fat, at=f"2026-11-20T08:{part:02d}:{i + 1:02d}Z", note=[{"text": "x" * 500000}]) for i in range(25)))))) == {201}
    seen, answer = [], reader.search(fat, _count="200")
    for _ in range(80):
        if answer.status_code != 200:
            break
        seen += ids(answer)
        answer = reader.next(answer)
        if answer is None:
            break
    if answer is not None:
        assert answer.status_code in (413, 503) and issues(answer)
    else:
        assert len(seen) == len(set(seen)) == 75
    alive(hub)


def test_noise(hub, vendor):
    """Random damage to good uploads, by a seed: never a crash, never a 5xx, never an answer that is no answer."""
    dice = random.Random(20261121)
    good = json.dumps(observation(person(), note=[{"text": "æøå"}], component=[{"code": {"text": "x"}, "valueInteger": 1}])).encode()
    with hub.dev(http1=False, http2=True) as door:
        for _ in range(400):
            text = bytearray(good)
            for _ in range(dice.randint(1, 4)):
                at = dice.randrange(len(text))
                what = dice.random()
                if what < 0.4:
                    text[at] = dice.randrange(256)
                elif what < 0.6:
                    del text[at:at + dice.randint(1, 20)]
                elif what < 0.8:
                    text[at:at] = dice.choice([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"null", b"\x00", b"1e9", b"\xff"])
                else:
                    text = text[:at]
            answer = door.post("/fhir/Observation", headers=FHIR_JSON, content=bytes(text))
            assert answer.status_code < 500, (bytes(text), answer.text)
            assert answer.json()["resourceType"] in ("OperationOutcome", "Observation")
    alive(hub)
