# SPDX-License-Identifier: AGPL-3.0-or-later
"""The doors: who may ask what operators ask, targets that name the server, and what is said where there is nothing."""
import json
import socket
import ssl

import httpx
import pytest

from hub import FHIR_JSON, Hub, observation, person

PROBES = ("/readyz", "/metrics")


def shape(answer):
    """Status, headers but for the date, and body."""
    return answer.status_code, sorted((name, value) for name, value in answer.headers.multi_items() if name != "date"), answer.content


@pytest.fixture(scope="module")
def narrow():
    """A hub that one address alone may ask."""
    one = Hub(extra="operations_from = 127.0.0.2, 192.0.2.0/24\n").start()
    yield one
    one.stop()


def loose(hub, source, version=2):
    """The certificate is for localhost; here the address says who we are, not the name."""
    context = ssl.create_default_context(cafile=str(hub.ca))
    context.check_hostname = False
    transport = httpx.HTTPTransport(verify=context, http2=version == 2, local_address=source)
    return httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{hub.port}", timeout=20)


@pytest.mark.parametrize("version", [1, 2])
def test_outsiders_find_nothing_at_operators_paths(narrow, version):
    with loose(narrow, "127.0.0.1", version) as outsider, loose(narrow, "127.0.0.2", version) as operator:
        assert operator.get("/readyz").text == "ok\n" and "maalehub_requests_handled_total" in operator.get("/metrics").text
        assert [outsider.get(path).status_code for path in ("/%72eadyz", "/%6Detrics", "/fhir/%2e%2e/metrics", "/fhir/../metrics")] == [404] * 4
        for path in PROBES:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
                for tail in ("", "/", "?x=1"):
                    there, nowhere = outsider.request(method, path + tail), outsider.request(method, "/nothing" + tail)
                    assert there.status_code == 404 and shape(there) == shape(nowhere), (method, path + tail)
        assert outsider.get("/livez").text == "ok\n" and operator.request("POST", "/metrics").status_code == 405


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "x-forwarded-proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Client-IP"])
def test_what_came_through_a_proxy_is_an_outsiders(hub, header):
    """A proxy on this machine has our address; who stands behind it has not."""
    with loose(hub, "127.0.0.1") as near:
        assert near.get("/metrics").status_code == 200
        proxied = near.get("/metrics", headers={header: "x"})
        assert proxied.status_code == 404 and shape(proxied) == shape(near.get("/nothing", headers={header: "x"}))


def test_nobody_may_be_said(own_hub):
    hub = own_hub(extra="operations_from =\n")
    with loose(hub, "127.0.0.1") as near:
        assert [near.get(path).status_code for path in (*PROBES, "/livez")] == [404, 404, 200]
    # the development door is the developer's own
    assert httpx.get(hub.dev_url + "/readyz").status_code == 200


@pytest.mark.parametrize("value", ["localhost", "10.0.0.1/8", "example.org", "10.0.0.0/33", "127.0.0.1;10.0.0.1"])
def test_a_list_that_is_none_refuses_to_start(hub, value):
    status, text = hub.refusal(f"operations_from = {value}")
    assert status == 1 and "operations_from" in text and "10.0.0.0/8" in text


# ---- targets (RFC 9112 section 3.2)


def raw(hub, text, development=False):
    wire = socket.create_connection(("127.0.0.1", hub.dev_port if development else hub.port), timeout=20)
    if not development:
        # a context of its own: httpx tells the shared one to speak HTTP/2
        wire = ssl.create_default_context(cafile=str(hub.ca)).wrap_socket(wire, server_hostname="localhost")
    with wire:
        wire.sendall(text.encode())
        got = b""
        while data := wire.recv(65536):
            got += data
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body


@pytest.mark.parametrize("target", ["https://localhost:1/livez", "http://hub.example/livez", "HTTPS://localhost/livez", "http://[::1]:8443/livez?x=1"])
def test_a_target_may_name_the_server(hub, target):
    assert raw(hub, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[::2] == (200, b"ok\n")


def test_a_request_by_such_a_target_is_as_any_other(hub, vendor):
    """Token, proof and body too: what is signed is the public URL."""
    path, body = "/fhir/Observation", json.dumps(observation(person()))
    headers = {**vendor.headers("POST", path), **FHIR_JSON, "Content-Length": str(len(body)), "Host": "localhost", "Connection": "close"}
    text = f"POST {hub.url}{path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n" + body
    status, answered, _ = raw(hub, text)
    assert status == 201 and answered["location"].startswith(hub.url + path)


@pytest.mark.parametrize("target,status", [("http://localhost", 404), ("http://localhost?x=1", 404), ("http:///livez", 404), ("ftp://localhost/livez", 404), ("localhost:443", 404), ("http://localhost/http://localhost/livez", 404)])
def test_what_names_nothing(hub, target, status):
    assert raw(hub, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[0] == status


def test_the_target_counts_and_not_host(hub):
    """The development door answers loopback names alone, by whatever of the two says who is meant."""
    for target, host, status in (("http://127.0.0.1/livez", "evil.example", 200), ("http://evil.example/livez", "127.0.0.1", 403), ("/livez", "evil.example", 403)):
        assert raw(hub, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", development=True)[0] == status, target


def test_options_of_the_whole_server(hub):
    status, headers, body = raw(hub, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status == 204 and body == b"" and {"GET", "POST", "PATCH", "OPTIONS"} <= set(headers["allow"].split(", "))
    assert raw(hub, "GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[0] == 404


# ---- where there is nothing


def text_of(answer):
    return answer.json()["issue"][0]["details"]["text"]


def test_what_is_not_there_says_where_to_look(hub, doctor, vendor):
    unknown = doctor.get("/fhir/Encounter")
    assert unknown.status_code == 404 and "/fhir/metadata" in text_of(unknown)
    assert "/openapi.json" in doctor.get("/nothing").text
    found = doctor.request("DELETE", "/fhir/Patient")
    assert found.status_code == 405 and found.headers["allow"] == "POST, GET, HEAD" and text_of(found).endswith("POST /fhir/Patient/_search")
    # an id that is not there and one that is not for you are one answer still
    stored = hub.as_("fjelldal-dho").upload(observation(person())).json()["id"]
    absent, forbidden = doctor.get("/fhir/Observation/" + "v" * 26), doctor.get(f"/fhir/Observation/{stored}")
    assert shape(absent) == shape(forbidden) and absent.status_code == 404 and "metadata" not in absent.text


# ---- what the library refuses before it asks us


@pytest.mark.parametrize("head,body,status,says", [
    ("POST /fhir HTTP/1.1\r\nTransfer-Encoding: chunked", "nothing\r\n", 400, "chunk"),
    ("POST /fhir HTTP/1.1\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n-\r\n", 400, "chunk"),
    ("POST /fhir HTTP/1.1\r\nContent-Length: x", "", 400, "content-length"),
    ("POST /fhir HTTP/1.1\r\nTransfer-Encoding: gzip", "", 400, "transfer-encoding"),
    ("POST /fhir HTTP/1.1\r\nExpect: the unexpected\r\nContent-Length: 5", "hello", 417, "expectation"),
    ("POST /fhir HTTP/1.1\r\nContent-Length: 999999999999", "", 413, "too large"),
])
def test_the_librarys_own_refusals_read_as_ours(hub, head, body, status, says):
    got, headers, said = raw(hub, f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n{body}")
    assert got == status and headers["content-type"].startswith("application/fhir+json") and headers["cache-control"] == "no-store"
    assert len(said) == int(headers["content-length"])
    issue = json.loads(said)["issue"][0]
    assert issue["severity"] == "error" and says in issue["details"]["text"], issue
