# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a client learns of the hub before it has a token: SMART, RFC 9728, CapabilityStatement."""
import pathlib
import re

import httpx
import pytest

from hub import ATTEST, SOLVIK, issues, observation, person


@pytest.fixture(scope="module")
def open_door(hub):
    return httpx.Client(base_url=hub.url, verify=hub.trusted(), event_hooks={"response": [hub.note]})


def test_smart_configuration_tells_where_tokens_come_from(hub, open_door):
    answers = [open_door.get(path) for path in ("/fhir/.well-known/smart-configuration", "/.well-known/smart-configuration")]
    assert [answer.status_code for answer in answers] == [200, 200] and answers[0].json() == answers[1].json()
    assert answers[0].headers["content-type"].startswith("application/json")
    said = answers[0].json()
    discovered = httpx.get(f"{said['issuer']}/.well-known/openid-configuration").json()
    assert said["issuer"] == f"{hub.issuer}/staff"
    assert said["token_endpoint"] == discovered["token_endpoint"] and said["jwks_uri"] == discovered["jwks_uri"]
    assert "client_credentials" in said["grant_types_supported"] and said["code_challenge_methods_supported"] == ["S256"]
    assert "nhn:pmd/observation.read" in said["scopes_supported"] and "client-confidential-asymmetric" in said["capabilities"]


def test_protected_resource_metadata_names_every_issuer(hub, open_door):
    said = open_door.get("/.well-known/oauth-protected-resource").json()
    assert said["resource"] == hub.url
    assert said["authorization_servers"] == [f"{hub.issuer}/staff", f"{hub.issuer}/citizen"]
    assert said["dpop_bound_access_tokens_required"] is True and "ES256" in said["dpop_signing_alg_values_supported"]
    assert ATTEST in said["authorization_details_types_required"]["allOf"]


def test_a_refusal_leads_to_the_metadata(hub, open_door):
    refused = open_door.get("/fhir/Observation/x")
    where = refused.headers["www-authenticate"].split('resource_metadata="')[1].split('"')[0]
    assert refused.status_code == 401 and where == f"{hub.url}/.well-known/oauth-protected-resource"
    assert open_door.get(where.removeprefix(hub.url)).status_code == 200


def test_the_development_door_names_itself(hub):
    with hub.dev() as door:
        assert door.get("/.well-known/oauth-protected-resource").json()["resource"] == hub.dev_url


def test_the_capability_statement_tells_of_every_type_that_has_routes(open_door):
    said = {one["type"]: one for one in open_door.get("/fhir/metadata").json()["rest"][0]["resource"]}
    assert set(said) == {"Observation", "Patient", "Device", "Provenance", "Organization"}
    codes = {name: {one["code"] for one in row["interaction"]} for name, row in said.items()}
    assert codes["Provenance"] == {"read", "vread", "history-instance", "search-type"} and codes["Device"] == codes["Provenance"] | {"create", "update", "delete"}
    assert codes["Organization"] == {"read", "search-type"} and codes["Patient"] == codes["Organization"] | {"create"}
    whole = next(one for one in open_door.get("/fhir/metadata").json()["rest"][0]["interaction"] if one["code"] == "transaction")
    assert "puts also by an identifier" in whole["documentation"]
    assert {"identifier", "patient", "_id"} <= {one["name"] for one in said["Device"]["searchParam"]}
    assert {"target", "recorded", "agent"} <= {one["name"] for one in said["Provenance"]["searchParam"]}


MADE = re.findall(r'^MADE\((\w+), "(\w+)",', (pathlib.Path(__file__).resolve().parents[2] / "fhir/made.tbl").read_text(), re.MULTILINE)
PARTS = ["_summary=true", "_summary=text", "_summary=data"]


def members_of(kind):
    found = [name for one, name in MADE if one == kind]
    assert len(found) > 5
    return found


def test_every_part_of_the_capability_statement_is_one(open_door):
    """Mandatory elements, cpb-1 (rest), cpb-2 and cpb-14 (implementation) hold in each; the lane `responses` asks a validator."""
    whole = open_door.get("/fhir/metadata").json()
    for name in members_of("CAPABILITY_STATEMENT"):
        part = open_door.get(f"/fhir/metadata?_elements={name}").json()
        assert set(part) == {"resourceType", "meta", "status", "date", "kind", "fhirVersion", "format", "implementation", "rest"} | {name} & set(whole), name
        assert part["rest"] == (whole["rest"] if name == "rest" else [{"mode": "server"}])
        assert part["meta"]["tag"][0]["code"] == "SUBSETTED" and "meta" not in whole
    parts = {asked: open_door.get(f"/fhir/metadata?{asked}").json() for asked in PARTS}
    assert all(part["meta"]["tag"][0]["code"] == "SUBSETTED" for part in parts.values())
    assert parts["_summary=data"]["rest"] == whole["rest"] and parts["_summary=text"]["rest"] == [{"mode": "server"}]
    brief = parts["_summary=true"]["rest"][0]
    assert brief["mode"] == "server" and [one["type"] for one in brief["resource"]] == [one["type"] for one in whole["rest"][0]["resource"]]
    assert all(set(one) <= {"type", "supportedProfile", "operation"} for one in brief["resource"])  # what R4 marks


def test_every_part_of_an_organization_has_its_name(doctor):
    """org-1"""
    for asked in [f"_elements={name}" for name in members_of("ORGANIZATION")] + PARTS:
        assert doctor.get(f"/fhir/Organization/{SOLVIK}?{asked}").json()["name"] == "Solvik kommune", asked


def test_any_element_of_r4_may_be_asked_of_a_patient(doctor, vendor):
    line = person()
    vendor.upload(observation(line))
    found = doctor.patient_id(line)
    for name in members_of("PATIENT"):
        assert doctor.get(f"/fhir/Patient/{found}?_elements={name}").json()["id"] == found


@pytest.mark.parametrize("path", ["metadata", f"Organization/{SOLVIK}", "Patient/nobody"])
def test_there_is_no_count_of_one(doctor, path):
    answer = doctor.get(f"/fhir/{path}?_summary=count")
    assert answer.status_code == 400 and "_summary=count is for searches" in issues(answer)
