# SPDX-License-Identifier: AGPL-3.0-or-later
"""Clients that others wrote, unmodified, through TLS and DPoP: fhir-kit-client, fhirclient (SMART on FHIR) and @medplum/core from npm.

tests/clients says where the proofs go: fhir-kit-client has a place for a signer of requests, MedplumClient takes a fetch; fhirclient has none, so its process has a signing Agent.
"""
import json
import os
import pathlib
import subprocess
import uuid

import pytest

from hub import FNR, ROOT, bundle, observation, person

pytestmark = pytest.mark.slow
CLIENTS = ROOT / "tests/clients"
INSTALLED = pathlib.Path(os.environ.get("MAALEHUB_CLIENTS", ROOT / "build-test/clients"))


@pytest.fixture(scope="session")
def installed():
    """node_modules, made once (tools/test has made it before)."""
    done = subprocess.run([CLIENTS / "install.sh", INSTALLED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return INSTALLED / "node_modules"


class Drive:
    """What came of each step of one client."""

    def __init__(self, hub, modules, script):
        self.who = person()
        doctor = hub.as_("utvikler")
        vendor = hub.as_("solvik-dho")
        before = vendor.upload(bundle(*(observation(self.who, value=str(60 + i), at=f"2026-11-2{i}T08:00:11+01:00", device=f"C-{i}") for i in range(5))))
        assert before.status_code == 200, before.text
        self.identifier = f"http://vendor.example/id|{uuid.uuid4()}"
        system, value = self.identifier.split("|")
        reading = observation(self.who, code="29463-7", value="70.5", unit="kg", device=None, identifier=[{"system": system, "value": value}])
        self.batch = bundle(*(observation(self.who, value=str(80 + i), at=f"2026-10-1{i}T08:00:11+01:00", device=f"B-{i}") for i in range(2)))
        given = {
            "base": f"{hub.url}/fhir", "token": doctor.token(), "jwk": json.loads(doctor.key.key.export_private()), "patient": f"{FNR}|{self.who}",
            "identifier": self.identifier, "reading": reading, "batch": self.batch,
            "transaction": bundle(observation(self.who, value="90", at="2026-10-20T08:00:11+01:00", device="T-1"), type="transaction"),
        }
        environment = {**os.environ, "NODE_PATH": str(modules), "NODE_EXTRA_CA_CERTS": str(hub.ca), "NODE_NO_WARNINGS": "1"}
        done = subprocess.run(["node", CLIENTS / script], input=json.dumps(given), capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr
        self.steps = {one["step"]: one for one in map(json.loads, done.stdout.splitlines())}

    def result(self, step):
        assert "result" in self.steps[step], self.steps[step]
        return self.steps[step]["result"]

    def error(self, step):
        assert "error" in self.steps[step], self.steps[step]
        return self.steps[step]["error"]


@pytest.fixture(scope="module")
def kit(hub, installed):
    return Drive(hub, installed, "kit.js")


@pytest.fixture(scope="module")
def smart(hub, installed):
    return Drive(hub, installed, "smart.js")


@pytest.fixture(scope="module")
def medplum(hub, installed):
    return Drive(hub, installed, "medplum.js")


def observations(answer):
    return [entry["resource"] for entry in answer.get("entry", []) if entry["resource"]["resourceType"] == "Observation"]


# ---- fhir-kit-client


def test_kit_reads_the_capabilities(kit):
    statement = kit.result("capability")
    assert statement["resourceType"] == "CapabilityStatement" and statement["fhirVersion"] == "4.0.1"


def test_kit_creates_and_reads(kit):
    made = kit.result("create")
    assert made["status"] == 201 and made["etag"] == 'W/"1"' and made["location"].endswith("/_history/1")
    for step in ("read", "vread"):
        one = kit.result(step)
        assert one["valueQuantity"]["value"] == 70.5 and one["meta"]["versionId"] == "1", step


def test_kit_sends_again(kit):
    assert kit.result("again") == 200
    assert kit.result("conditional") == 200


def test_kit_updates_and_patches(kit):
    updated = kit.result("update")
    assert updated["meta"]["versionId"] == "2" and updated["note"][0]["text"] == "fra klienten"
    patched = kit.result("patch")
    assert patched["meta"]["versionId"] == "3" and patched["status"] == "corrected"


def test_kit_marks_a_reading_as_unreliable(kit):
    marked = kit.result("unreliable")
    assert marked["meta"]["versionId"] == "4" and marked["meta"]["tag"][0]["code"] == "unreliable" and marked["valueQuantity"]["value"] == 70.5


def test_kit_reads_the_history(kit):
    history = kit.result("history")
    assert history["type"] == "history" and [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["4", "3", "2", "1"]


def test_kit_sends_bundles(kit):
    answer = kit.result("batch")
    assert answer["type"] == "batch-response" and [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    assert [entry["fullUrl"] for entry in answer["entry"]] == [entry["fullUrl"] for entry in kit.batch["entry"]]
    answer = kit.result("transaction")
    assert answer["type"] == "transaction-response" and answer["entry"][0]["response"]["status"].startswith("201")


def test_kit_searches_and_turns_pages(kit):
    assert len(observations(kit.result("search"))) == 2
    ids = kit.result("pages")
    assert len(ids) == len(set(ids)) == 8
    assert len(observations(kit.result("byReference"))) == 9


def test_kit_asks_for_the_newest(kit):
    newest = observations(kit.result("lastn"))
    assert sorted(one["code"]["coding"][0]["code"] for one in newest) == ["29463-7", "8867-4"]


def test_kit_takes_everything_of_a_patient(kit):
    kinds = [entry["resource"]["resourceType"] for entry in kit.result("everything")["entry"]]
    assert "Patient" in kinds and kinds.count("Observation") == 9


def test_kit_is_told_what_is_wrong(kit):
    for step, status in (("unknownParameter", 400), ("absent", 404), ("unsigned", 401)):
        error = kit.error(step)
        assert error["status"] == status and error["body"]["resourceType"] == "OperationOutcome", step
    invalid = kit.error("invalid")
    assert invalid["status"] in (400, 422) and len(invalid["body"]["issue"]) >= 2
    assert "nonsense" in json.dumps(kit.error("unknownParameter")["body"])


def test_kit_deletes(kit):
    assert kit.result("delete") in (200, 204)
    assert kit.error("gone")["status"] == 410


# ---- fhirclient


def test_smart_finds_the_issuer(hub, smart):
    assert smart.result("authorize").startswith(f"{hub.issuer}/staff/connect/authorize?")


def test_smart_knows_the_version(smart):
    assert smart.result("version") == "4.0.1" and smart.result("release") == 4


def test_smart_creates_and_reads(smart):
    assert smart.result("create")["status"] == 201
    assert smart.result("read")["valueQuantity"]["value"] == 70.5


def test_smart_updates_and_patches(smart):
    assert smart.result("update")["note"][0]["text"] == "fra appen"
    assert smart.result("patch")["status"] == "corrected"


def test_smart_searches_and_turns_pages(smart):
    assert len(observations(smart.result("search"))) == 6
    assert len({one["id"] for one in smart.result("flat")}) == 6
    assert smart.result("pages") == 3
    assert len(smart.result("patientRequest")) == 6
    assert set(smart.result("byCode")) == {"8867-4", "29463-7"}


def test_smart_reads_the_patient(smart):
    patient = smart.result("patientRead")
    assert patient["resourceType"] == "Patient" and patient["id"] == smart.result("launch")


def test_smart_asks_for_the_newest(smart):
    assert len(smart.result("lastn")) == 2


def test_smart_resolves_references(smart):
    assert smart.result("references")["resourceType"] == "Observation"


def test_smart_is_told_what_is_wrong(smart):
    assert "404" in smart.error("absent")["message"]


def test_smart_deletes(smart):
    assert smart.result("delete") == "done"
    assert "410" in smart.error("gone")["message"]


# ---- MedplumClient


def test_medplum_creates_and_reads(medplum):
    made = medplum.result("create")
    assert made["meta"]["versionId"] == "1" and medplum.result("read") == made and medplum.result("version") == made


def test_medplum_updates_and_patches(medplum):
    assert medplum.result("update")["note"][0]["text"] == "fra Medplum"
    patched = medplum.result("patch")
    assert patched["status"] == "corrected" and patched["meta"]["versionId"] == "3"
    assert [entry["resource"]["meta"]["versionId"] for entry in medplum.result("history")["entry"]] == ["3", "2", "1"]


def test_medplum_validates(medplum):
    assert {issue["severity"] for issue in medplum.result("validate")["issue"]} <= {"information", "warning"}


def test_medplum_sends_bundles(medplum):
    for step, count in (("batch", 2), ("transaction", 1)):
        assert [entry["response"]["status"][:3] for entry in medplum.result(step)["entry"]] == ["201"] * count


def test_medplum_searches_and_turns_pages(medplum):
    first = medplum.result("search")
    assert first["total"] == 8 and len(first["entry"]) == 2 and any(link["relation"] == "next" for link in first["link"])
    assert len(set(medplum.result("resources"))) == 9
    assert len(medplum.result("pages")) == len(set(medplum.result("pages"))) == 9
    assert medplum.result("one")["code"]["coding"][0]["code"] == "29463-7"


def test_medplum_takes_what_is_of_a_patient(medplum):
    assert len(observations(medplum.result("everything"))) == 9
    assert len(observations(medplum.result("compartment"))) == 9


def test_medplum_is_told_what_is_wrong(medplum):
    for step, word in (("unknownParameter", "nonsense"), ("absent", "no such Observation"), ("invalid", "Observation.code"), ("gone", "deleted")):
        assert word in medplum.error(step)["message"], step
    assert medplum.result("delete") is None
