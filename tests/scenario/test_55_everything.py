# SPDX-License-Identifier: AGPL-3.0-or-later
"""$everything of all types: Observations, Devices and Provenances, the Patient and the Organizations that hold it, each on one page, by the grant of a search for each."""
import hashlib

import pytest

from hub import FNR, SOLVIK, issues, listed, observation, person
from test_08_pcd01 import acknowledged, message
from test_43_resources_include import meter, reading, recorded, stored


def everything(reader, line, query=""):
    return reader.get(f"/fhir/Patient/{reader.patient_id(line)}/$everything{query}")


def walk(reader, answer):
    pages = []
    while answer is not None:
        pages.append(listed(answer))
        answer = reader.next(answer)
        assert len(pages) < 100
    return pages


def searched(reader, line, kind):
    return listed(reader.form(f"/fhir/{kind}/_search", [("patient.identifier", f"{FNR}|{line}"), ("_count", "200")]))


@pytest.fixture
def chart(vendor):
    """A patient of two devices, five readings, two Provenances that were sent and two of a message: (number, places)."""
    line = person()
    devices = stored(vendor, meter(line), meter(line))
    readings, provenances = recorded(vendor, [reading(line, devices[i % 2]) for i in range(3)], (0, 1), (2,))
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    return line, devices, readings, provenances


def test_the_provenances_of_a_patient_are_a_compartment(reader, chart):
    place = reader.patient_id(chart[0])
    whole = searched(reader, chart[0], "Provenance")
    pages = walk(reader, reader.get(f"/fhir/Patient/{place}/Provenance?_count=1"))
    assert len(whole) > 2 and [one for page in pages for one in page] == whole
    answer = reader.get(f"/fhir/Patient/{place}/Provenance?code=8867-4")
    assert answer.status_code == 400 and "recorded" in issues(answer)  # the parameters are those of Provenance
    assert listed(reader.get("/fhir/Patient/nobody/Provenance")) == []


def test_all_types_stand_on_it_once(reader, chart):
    line, devices, readings, provenances = chart
    found = listed(everything(reader, line, "?_count=200"))
    kinds = {kind: searched(reader, line, kind) for kind in ("Observation", "Device", "Provenance")}
    assert set(readings) < set(kinds["Observation"]) and set(devices) <= set(kinds["Device"]) and set(provenances) < set(kinds["Provenance"])
    assert len(kinds["Provenance"]) == len(provenances) + len(kinds["Observation"]) - len(readings) > len(provenances)
    # in the order of the types, each as a search for it gives it
    assert found == [*kinds["Observation"], *kinds["Device"], *kinds["Provenance"], f"Patient/{reader.patient_id(line)}", f"Organization/{SOLVIK}"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_no_page_repeats_another(reader, chart, count):
    line = chart[0]
    whole = listed(everything(reader, line, "?_count=200"))
    pages = walk(reader, everything(reader, line, f"?_count={count}"))
    rows = [[one for one in page if not one.startswith(("Patient/", "Organization/"))] for page in pages]
    assert sum(rows, []) == whole[:-2] and all(len(page) == count for page in rows[:-1]) and 0 < len(rows[-1]) <= count
    # what is of the patient and of the controllers stands where they are met first
    assert [len(page) - len(row) for page, row in zip(pages, rows)] == [2] + [0] * (len(pages) - 1)


def test_a_controller_is_named_where_it_is_met(hub, vendor, doctor):
    line = person()
    orgnr, other = hub.controller()
    hub.rule_from(orgnr)
    for sender, days in ((vendor, (1, 3, 5)), (other, (2, 4))):
        for day in days:
            assert sender.upload(observation(line, at=f"2026-11-0{day}T08:00:00.5+01:00")).status_code == 201
    pages = walk(doctor, everything(doctor, line, "?_count=1"))
    assert len(pages) == 5
    assert [[one for one in page if one.startswith("Organization/")] for page in pages] == [[f"Organization/{SOLVIK}"], [f"Organization/{orgnr}"], [], [], []]


@pytest.mark.parametrize("types", ["Device", "Provenance", "Observation,Device", "Provenance,Patient", "Device,Organization", "Organization,Provenance,Observation,Device,Patient"])
def test_types(reader, chart, types):
    line = chart[0]
    answer = everything(reader, line, f"?_type={types}&_count=2")
    pages = walk(reader, answer)
    wanted = set(types.split(","))
    assert {one.split("/")[0] for page in pages for one in page} == wanted
    for kind in wanted - {"Patient", "Organization"}:
        assert [one for page in pages for one in page if one.startswith(kind)] == searched(reader, line, kind)
    own = answer.json()["link"][0]["url"]
    assert ("_type=" in own) == (len(wanted) < 5)
    assert walk(reader, reader.get(own.removeprefix(reader.hub.url))) == pages
    counted = everything(reader, line, f"?_type={types}&_summary=count").json()
    assert counted["total"] == sum(len(page) for page in pages) - len(wanted & {"Patient", "Organization"}) and "entry" not in counted


@pytest.mark.parametrize("types,found", [("Patient", ["Patient"]), ("Condition", []), ("Bundle,Patient", ["Patient"]), ("Device,Condition", ["Device"]), ("Organization", []), ("Patient,Organization", ["Patient"])])
def test_types_of_which_there_is_nothing(reader, chart, types, found):
    answer = everything(reader, chart[0], f"?_type={types}")
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    assert {one["resource"]["resourceType"] for one in entries if one["search"]["mode"] != "outcome"} == set(found)
    told = [one["resource"]["issue"][0]["details"]["text"] for one in entries if one["search"]["mode"] == "outcome"]
    assert ["Organizations come with what they are the controllers of" in text for text in told] == [True] * ("Organization" in types)
    own = answer.json()["link"][0]["url"]
    assert set(own.split("_type=")[1].split(",")) == set(types.split(","))
    counted = everything(reader, chart[0], f"?_type={types}&_summary=count").json()
    assert counted["total"] == (len(entries) if "Device" in types else 0)


@pytest.mark.parametrize("types", ["device", "Device,,Patient", "Device,", "", "Sykdom"])
def test_types_that_are_none(reader, chart, types):
    answer = everything(reader, chart[0], f"?_type={types}")
    assert answer.status_code == 400 and "_type" in issues(answer) and "Device" in issues(answer)
    assert everything(reader, chart[0], "?_type=Device&_type=Observation").status_code == 400


def test_a_page_goes_on_with_its_types(reader, chart):
    page = everything(reader, chart[0], "?_type=Device&_count=1")
    next_ = next(link["url"] for link in page.json()["link"] if link["relation"] == "next").removeprefix(reader.hub.url)
    assert reader.get(next_).status_code == 200
    answer = reader.get(next_ + "&_type=Provenance")
    assert answer.status_code == 400 and "_type" in issues(answer)


def test_dates_are_those_of_readings(vendor, reader):
    """Devices have no date and all come; the Provenance of a message has its reading's; one that was sent comes, whenever it was written."""
    line = person()
    device = stored(vendor, meter(line))
    readings, sent = recorded(vendor, [observation(line, at="2026-11-02T08:00:00.5Z")], (0,))  # written on the 20th
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    made = sorted(set(searched(reader, line, "Provenance")) - set(sent))
    measured = sorted(set(searched(reader, line, "Observation")) - set(readings))
    time = next(entry["resource"]["effectiveDateTime"] for entry in reader.search(line).json()["entry"] if entry["resource"]["id"] in measured[0])[:10]
    assert time != "2026-11-02" and len(made) == len(measured) > 0
    found = listed(everything(reader, line, "?start=2026-11-02&end=2026-11-02&_type=Observation,Device,Provenance"))
    assert sorted(found) == sorted([*readings, *device, *sent])
    found = listed(everything(reader, line, f"?start={time}&end={time}&_type=Observation,Device,Provenance"))
    assert [one for one in found if one in readings] == [] and set(made) < set(found) and set(device + sent) < set(found)


def test_since(vendor, reader, hub):
    line = person()
    old = stored(vendor, meter(line))[0]
    since = reader.get(f"/fhir/{old}").json()["meta"]["lastUpdated"]
    newer = stored(vendor, meter(line), reading(line, old))
    found = listed(everything(reader, line, f"?_since={since.replace('+', '%2B')}&_type=Observation,Device"))
    assert set(newer) <= set(found)
    assert listed(everything(reader, line, "?_since=2099-01-01T00:00:00Z")) == [f"Patient/{reader.patient_id(line)}"]


def test_what_is_not_open_is_not_there(hub, vendor, fjelldal, doctor):
    """Neither the Devices nor the Organization of a controller of whom nothing is open; a block closes all types."""
    line = person()
    mine = stored(vendor, meter(line))[0]
    stored(vendor, reading(line, mine))
    closed = stored(fjelldal, meter(line))[0]
    fjelldal.upload(observation(line))
    found = listed(everything(doctor, line))
    assert mine in found and closed not in found and [one for one in found if one.startswith("Organization/")] == [f"Organization/{SOLVIK}"]
    hub.maalehub("block", "add", stdin=line + "\n")
    assert listed(everything(doctor, line)) == [f"Patient/{doctor.patient_id(line)}"]


def test_what_leaves_is_written_down(hub, reader, chart):
    """One row of the controller for a page of three types, with the digest of all that left."""
    line = chart[0]
    sent = [one for one in listed(everything(reader, line, "?_count=200")) if one.startswith(("Observation", "Device", "Provenance"))]
    entry = hub.entries(line)[0]
    assert entry["event"] == "search" and entry["outcome"] == "permit" and entry["count"] == len(sent)
    assert entry["digest"] == hashlib.sha256(b"".join(reader.get(f"/fhir/{one}").content for one in sent)).hexdigest()
    everything(reader, line, "?_type=Device")
    assert hub.entries(line)[0]["count"] == 2
