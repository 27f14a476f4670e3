# SPDX-License-Identifier: AGPL-3.0-or-later
"""The main job: upload, store for the right controller, read by a rule, log, locate."""
from hub import SOLVIK, bundle, found, observation, person


def test_what_a_vendor_uploads_the_hospital_reads(vendor, doctor):
    line = person()
    answer = vendor.upload(bundle(observation(line, value="72"), observation(line, code="29463-7", value="70.5", unit="kg")))
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "201"]
    assert {one["code"]["coding"][0]["code"] for one in found(doctor.search(line))} == {"8867-4", "29463-7"}


def test_what_no_rule_shares_is_not_seen(fjelldal, doctor):
    line = person()
    assert fjelldal.upload(observation(line)).status_code == 201
    assert found(doctor.search(line)) == []


def test_the_look_stands_in_the_citizens_log(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    found(doctor.search(line))
    citizen = hub.as_("innbygger-line", set={"helseid://claims/identity/pid": line})
    events = [(entry["event"], entry["dataController"]["orgnr"]) for entry in citizen.log().json()["entries"]]
    assert ("search", str(SOLVIK)) in events and ("create", str(SOLVIK)) in events


def test_the_locator_knows_who_holds_data(vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    answer = doctor.locate(line)
    assert answer.status_code == 200, answer.text
    assert [entry["dataController"]["value"] for entry in answer.json()["entries"]] == [str(SOLVIK)]
