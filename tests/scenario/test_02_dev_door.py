# SPDX-License-Identifier: AGPL-3.0-or-later
"""The development door: curl without tokens, judged like everybody else; and never where it could be reached from outside."""
import json

import httpx
import pytest

from hub import ER7, FHIR_JSON, FNR, FORM, SOLVIK, found, issues, observation, person

LINE = "19927100005"  # whom the principal innbygger-line is


def search_form(who):
    return str(httpx.QueryParams({"patient.identifier": f"{FNR}|{who}"}))


def upload(door, resource):
    return door.post("/fhir/Observation", headers=FHIR_JSON, content=json.dumps(resource))


def search(door, who):
    return door.post("/fhir/Observation/_search", headers=FORM, content=search_form(who))


def test_the_whole_job_without_a_token(hub):
    line = person()
    with hub.dev() as door:
        created = upload(door, observation(line, value="61"))
        assert created.status_code == 201, created.text
        assert created.headers["location"].startswith(hub.dev_url + "/fhir/Observation/")
        assert [one["valueQuantity"]["value"] for one in found(search(door, line))] == [61]
        assert door.get(created.headers["location"].split("/_history/")[0]).status_code == 200
        located = door.post("/pil/v1/search", json={"patient": {"system": FNR, "value": line}})
        assert [entry["dataController"]["value"] for entry in located.json()["entries"]] == [str(SOLVIK)]


def test_each_principal_sees_what_it_would_see_by_token(hub):
    shared, own = person(), person()
    with hub.dev() as door:
        assert upload(door, observation(shared)).status_code == 201
    with hub.dev("fjelldal-dho") as door:
        assert upload(door, observation(own)).status_code == 201
        refused = search(door, own)  # it may only upload
        assert refused.status_code == 403 and "insufficient_scope" in issues(refused)
    with hub.dev("sykehus-epj") as door:
        assert len(found(search(door, shared))) == 1
        assert found(search(door, own)) == []
        assert upload(door, observation(own)).status_code == 403
    with hub.dev("sykehus-annen") as door:
        assert search(door, shared).status_code == 403  # its attest is for another patient


def test_it_is_logged(hub):
    with hub.dev("solvik-dho") as door:
        assert upload(door, observation(LINE, at="2026-10-01T08:00:01+02:00")).status_code == 201
    with hub.dev("sykehus-epj") as door:
        assert len(found(search(door, LINE))) >= 1
    with hub.dev("innbygger-line") as door:
        entries = door.get("/innsyn/v1/log").json()["entries"]
    assert [entry["event"] for entry in entries[:2]] == ["search", "create"]
    assert entries[0]["actor"]["name"] == "Berit Lege"


def test_pcd01_by_curl(hub):
    line = person()
    text = (f"MSH|^~\\&|Hub^0011223344556677^EUI-64||||20261120120000+0100||ORU^R01^ORU_R01|DEV-1|P|2.6|||NE|AL||UNICODE UTF-8\r"
            f"PID|||{line}^^^&2.16.578.1.12.4.1.4.1&ISO^NNN\r"
            "OBR|1|1^Hub^0011223344556677^EUI-64|1^Hub^0011223344556677^EUI-64|182777000^monitoring of patient^SCT|||20261120080000+0100\r"
            "OBX|1||528388^MDC_DEV_SPEC_PROFILE_PULS_OXIM^MDC|1.0.0.0|||||||X|||||||O^^AABBCCDDEEFF0011^EUI-64\r"
            "OBX|2|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.0.0.1|97|262688^MDC_DIM_PERCENT^MDC|||||R|||20261120080007+0100\r")
    with hub.dev() as door:
        answer = door.post("/pcd01", headers=ER7, content=text.encode())
        assert answer.status_code == 200 and "MSA|AA|DEV-1" in answer.text, answer.text
        assert len(found(search(door, line))) == 1


def test_unknown_principals_are_nobody(hub):
    with hub.dev("nobody") as door:
        answer = search(door, person())
        assert answer.status_code == 401 and "X-Dev-Principal" in issues(answer)
        assert door.get("/fhir/metadata").status_code == 200  # open to everybody


def test_the_header_means_nothing_at_the_real_door(hub):
    with httpx.Client(http2=True, verify=hub.trusted(), base_url=hub.url) as real:
        answer = real.post("/fhir/Observation/_search", headers={**FORM, "X-Dev-Principal": "utvikler"}, content=search_form(person()))
    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1@evil.example", "10.0.0.1", "[::2]:80", "127.0.0.1:80:80"])
@pytest.mark.parametrize("path", ["/fhir/metadata", "/livez", "/metrics", "/fhir/Observation?patient=x"])
def test_a_host_that_is_not_loopback_is_refused(hub, host, path):
    with hub.dev() as door:
        assert door.get(path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LocalHost:8080", "[::1]:8080", "127.0.0.1:1"])
def test_loopback_by_its_names(hub, host):
    with hub.dev() as door:
        assert door.get("/fhir/metadata", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:8080", "null"])
def test_a_page_in_a_browser_is_refused(hub, origin):
    line = person()
    with hub.dev() as door:
        before = hub.rows()
        answer = door.post("/fhir/Observation", headers={**FHIR_JSON, "Origin": origin}, content=json.dumps(observation(line)))
        assert answer.status_code == 403 and hub.rows() == before
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("versions", [dict(http1=True, http2=False), dict(http1=False, http2=True)])
def test_http_1_1_and_h2c(hub, versions):
    line = person()
    with hub.dev(**versions) as door:
        answer = upload(door, observation(line))
        assert answer.status_code == 201
        assert answer.http_version == ("HTTP/2" if versions["http2"] else "HTTP/1.1")
        for _ in range(20):  # on one connection
            assert len(found(search(door, line))) == 1


@pytest.mark.parametrize("lines,without,says", [
    (["environment = test"], ["environment"], "environment = development"),
    (["environment = production"], ["environment"], "environment = development"),
    (["dev_listen = 0.0.0.0:18080"], ["dev_listen"], "loopback"),
    (["dev_listen = 192.0.2.1:18080"], ["dev_listen"], "loopback"),
    (["dev_listen = example.org:18080"], ["dev_listen"], "loopback"),
    (["dev_principal = nobody"], ["dev_principal"], "dev_principal"),
])
def test_it_refuses_to_start_where_it_could_be_reached(hub, lines, without, says):
    status, text = hub.refusal(*lines, without=without)
    assert status == 1 and says in text, text
