# SPDX-License-Identifier: AGPL-3.0-or-later
"""$validate says what an upload would say, and stores, looks up and logs nothing."""
import json

import pytest

from hub import FHIR_JSON, ROOT, bundle, found, observation, person

R4 = "http://hl7.org/fhir/StructureDefinition/"
GOLDEN = sorted((ROOT / "tests/golden/invalid").glob("*.json"), key=lambda path: path.name)


def ask(caller, resource, query="", type="Observation"):
    content = resource if isinstance(resource, (str, bytes)) else json.dumps(resource)
    return caller.post(f"/fhir/{type}/$validate{query}", headers=FHIR_JSON, content=content)


def issues(answer, status=200):
    assert answer.status_code == status, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome" and outcome["issue"]
    return [(issue["severity"], (issue.get("expression") or [""])[0], issue["details"]["text"]) for issue in outcome["issue"]]


def is_sound(answer):
    told = issues(answer)
    return all(severity == "information" for severity, *_ in told)


def wrapped(resource, **rest):
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}, *({"name": name, ("valueCode" if name == "mode" else "valueUri"): value} for name, value in rest.items())]}


def counts(hub):
    return [hub.sql(f"select count(*) from hub.{table}")[0][0] for table in ("observation", "observation_history", "person", "subject", "access_log", "upload", "obs_key")]


def test_sound_readings_are_sound_and_nothing_comes_of_it(hub, vendor):
    line = person()
    before = counts(hub)
    assert is_sound(ask(vendor, observation(line)))
    assert is_sound(ask(vendor, wrapped(observation(line))))
    assert is_sound(ask(vendor, wrapped(observation(line), mode="create", profile=R4 + "heartrate")))
    assert is_sound(ask(vendor, observation(line), "?mode=profile&profile=" + R4 + "vitalsigns|4.0.1"))
    assert is_sound(ask(vendor, bundle(observation(line), observation(line, code="9279-1")), type="Bundle"))
    assert counts(hub) == before
    assert hub.entries(line) == []
    assert found(hub.as_("utvikler").search(line)) == []


def test_all_issues_at_once_with_their_places(vendor):
    bad = observation(person(), at="i går", status="done", valueQuantity={"value": 1, "code": "kg"}, colour="red", implicitRules="urn:x", effectivePeriod={"start": "2026-11-21", "end": "2026-11-20"})
    places = {place for severity, place, _ in issues(ask(vendor, bad)) if severity == "error"}
    assert places == {"Observation.effectiveDateTime", "Observation.effectivePeriod", "Observation.status", "Observation.valueQuantity", "Observation", "Observation.implicitRules"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_same_as_an_upload(vendor, path):
    text = path.read_text()
    type = json.loads(text).get("resourceType")
    if type != "Observation":
        assert issues(ask(vendor, text), 400)
        return
    told = [issue for issue in issues(ask(vendor, text)) if "profile that is not known" not in issue[2]]
    if path.stem == "16-in-the-future":
        return  # by the clock of the unit test
    upload = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=text.encode())
    assert upload.status_code in (400, 422) and issues(upload, upload.status_code) == told


def test_a_profile_may_be_named(vendor):
    weight = observation(person(), code="29463-7", value="70", unit="[stone_av]")
    assert [severity for severity, *_ in issues(ask(vendor, weight))] == ["warning"]
    assert [(severity, place) for severity, place, _ in issues(ask(vendor, weight, "?profile=" + R4 + "bodyweight"))] == [("error", "Observation.valueQuantity")]
    assert [(severity, place) for severity, place, _ in issues(ask(vendor, wrapped(weight, profile=R4 + "bodyheight")))] == [("error", "Observation.code"), ("error", "Observation.valueQuantity")]
    own = dict(weight, meta={"profile": ["https://vendor.example/own"]})
    assert [severity for severity, *_ in issues(ask(vendor, own))] == ["warning", "warning"]


def test_what_cannot_be_asked(vendor, doctor):
    line = person()
    assert "profile" in issues(ask(vendor, observation(line), "?profile=https://vendor.example/own"), 400)[0][1]
    assert issues(ask(vendor, observation(line), "?mode=delete"), 400)
    assert issues(ask(vendor, observation(line), "?modus=create"), 400)
    assert issues(ask(vendor, wrapped(observation(line), sort="x")), 400)
    assert issues(ask(vendor, {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "create"}]}), 400)
    assert issues(ask(vendor, {"resourceType": "Parameters", "parameter": [{"name": "resource"}]}), 400)
    assert issues(ask(vendor, observation(line), type="Device"), 400)
    assert issues(ask(vendor, "{"), 400)
    assert ask(doctor, observation(line)).status_code == 403


def test_other_resources(vendor):
    device = {"resourceType": "Device", "identifier": [{"system": "urn:x", "value": "1"}], "deviceName": [{"name": "Vekt", "type": "user-friendly-name"}]}
    assert is_sound(ask(vendor, device, type="Device"))
    assert issues(ask(vendor, dict(device, status="on"), type="Device"))[0][1] == "Device.status"
    provenance = {"resourceType": "Provenance", "target": [{"reference": "Observation/1"}], "recorded": "2026-11-20T08:00:00Z", "agent": [{"who": {"display": "a"}}]}
    assert is_sound(ask(vendor, provenance, type="Provenance"))
    assert issues(ask(vendor, dict(provenance, agent=[{}]), type="Provenance"))[0][1] == "Provenance.agent[0]"


def test_a_bundle_tells_of_each_entry(vendor):
    line = person()
    sent = bundle(observation(line), observation(line, status="done"), observation(line[:-1] + str((int(line[-1]) + 1) % 10)))
    del sent["entry"][0]["request"]
    told = issues(ask(vendor, sent, type="Bundle"))
    assert [place for severity, place, _ in told if severity == "error"] == ["Bundle.entry[0]", "Bundle.entry[1].resource.status", "Bundle.entry[2].resource.subject.identifier"]
    assert issues(ask(vendor, {"resourceType": "Bundle", "type": "history"}, type="Bundle"))[0][1] == "Bundle.type"


def test_it_is_in_the_capability_statement(hub, vendor):
    rest = vendor.get("/fhir/metadata").json()["rest"][0]
    observations = next(resource for resource in rest["resource"] if resource["type"] == "Observation")
    assert {"name": "validate", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate"}.items() <= observations["operation"][0].items()
    assert R4 + "bp" in observations["supportedProfile"] and len(observations["supportedProfile"]) == 11


def test_no_identifier_is_told_or_logged(hub, vendor):
    line = person()
    wrong = line[:-1] + str((int(line[-1]) + 1) % 10)
    answer = ask(vendor, observation(wrong, note=[{"text": line, "colour": line}], **{line: 1}))
    assert issues(answer) and wrong not in answer.text and line not in answer.text
    assert wrong not in hub.text("hub.log") and line not in hub.text("hub.log")
