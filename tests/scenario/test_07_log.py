# SPDX-License-Identifier: AGPL-3.0-or-later
"""The access log: which requests make which rows, and what the citizen is told."""
import hashlib
import time

import pytest

from hub import ATTEST, FJELLDAL, FNR, PID, SOLVIK, SYKEHUS, attest, bundle, found, observation, person, results, told

STAFF = ("10895800045", "21810200089", "16858000037")  # the personal numbers of the sample principals


# ---- which rows


def test_an_upload_is_one_row_for_each_patient(hub, vendor):
    line, other = person(), person()
    readings = [observation(who, at=f"2026-11-20T08:00:{i:02d}.1+01:00") for i, who in enumerate([line, other, line, line, other])]
    assert results(vendor.upload(bundle(*readings))) == [201] * 5
    first, second = hub.entries(line), hub.entries(other)
    assert told(first) == [("create", "permit", str(SOLVIK), 3)] and told(second) == [("create", "permit", str(SOLVIK), 2)]
    assert first[0]["correlationId"] == second[0]["correlationId"]  # one request
    # a re-send is a look too
    assert results(vendor.upload(bundle(*readings))) == [200] * 5
    assert told(hub.entries(line)) == [("create", "permit", str(SOLVIK), 0), ("create", "permit", str(SOLVIK), 3)] and hub.entries(line)[0]["seenBefore"] == 3


def test_a_read(hub, vendor, doctor):
    line = person()
    place = vendor.upload(observation(line)).json()["id"]
    answer = doctor.get(f"/fhir/Observation/{place}")
    entry = hub.entries(line)[0]
    assert told([entry]) == [("read", "permit", str(SOLVIK), 1)]
    assert entry["digest"] == hashlib.sha256(answer.content).hexdigest()  # of what was released


def test_a_search_with_hits(hub, vendor, doctor):
    line = person()
    vendor.upload(bundle(observation(line), observation(line, code="29463-7", value="70", unit="kg", at="2026-10-01T08:00:01+02:00"), observation(line, at="2026-11-19T08:00:11+01:00")))
    assert len(found(doctor.search(line, date="ge2026"))) == 3
    entry = hub.entries(line)[0]
    assert told([entry]) == [("search", "permit", str(SOLVIK), 3)]
    what = {one["code"]: one for one in entry["what"]}
    assert (what["8867-4"]["count"], what["8867-4"]["text"], what["8867-4"]["type"]) == (2, "Puls", "Observation")
    assert what["8867-4"]["from"].startswith("2026-11-19T07:00:11") and what["8867-4"]["to"].startswith("2026-11-20T07:00:11")
    assert (what["29463-7"]["count"], what["29463-7"]["text"]) == (1, "Vekt")
    assert entry["query"] == "date=ge2026" or "date=ge2026" in entry["query"]


def test_zero_hits_are_a_row_under_the_callers_own_organisation(hub, vendor, fjelldal, doctor):
    unknown = person()
    assert found(doctor.search(unknown)) == []
    assert told(hub.entries(unknown)) == [("search", "permit", str(SYKEHUS), 0)]  # nobody had heard of the patient
    line = person()
    fjelldal.upload(observation(line))
    assert found(doctor.search(line)) == []
    assert told(hub.entries(line))[0] == ("search", "permit", str(SYKEHUS), 0)
    vendor.upload(observation(line))
    assert found(doctor.search(line, code="29463-7")) == []
    assert told(hub.entries(line))[0] == ("search", "permit", str(SOLVIK), 0)


def test_a_row_for_each_controller_whose_data_left(hub, vendor, doctor):
    orgnr, uploads = hub.controller()
    hub.rule_from(orgnr)
    line = person()
    vendor.upload(observation(line))
    uploads.upload(bundle(observation(line, at="2026-11-20T08:00:12+01:00"), observation(line, at="2026-11-20T08:00:13+01:00")))
    assert len(found(doctor.search(line))) == 3
    entries = hub.entries(line)[:2]
    assert {row[2:] for row in told(entries)} == {(str(SOLVIK), 1), (str(orgnr), 2)}
    assert entries[0]["correlationId"] == entries[1]["correlationId"] and entries[0]["digest"] != entries[1]["digest"]


def test_each_page_is_a_look(hub, vendor, doctor):
    line = person()
    vendor.upload(bundle(*(observation(line, at=f"2026-11-20T08:00:{i:02d}.1Z") for i in range(5))))
    page = doctor.search(line, _count="2")
    while page is not None:
        page = doctor.next(page)
    assert [row[3] for row in told(hub.entries(line)) if row[0] == "search"] == [1, 2, 2]


def test_refusals_are_rows_once_the_patient_is_named(hub, vendor):
    line = person()
    place = vendor.upload(observation(line)).json()["id"]
    nosy = hub.as_("sykehus-annen")
    assert nosy.search(line).status_code == 403
    assert nosy.get(f"/fhir/Observation/{place}").status_code == 404
    assert nosy.locate(line).status_code == 403
    rows = hub.entries(line)[:3]
    assert [row[:3] for row in told(rows)] == [("locate", "deny", str(SOLVIK)), ("read", "deny", str(SOLVIK)), ("search", "deny", str(SOLVIK))]
    assert all("reason" in row and "digest" not in row and row["what"] == [] for row in rows)
    assert rows[0]["reasonText"] and rows[1]["reasonText"]


def test_reads_that_no_rule_allows_stand_with_their_controller(hub, fjelldal, doctor):
    line = person()
    place = fjelldal.upload(observation(line)).json()["id"]
    assert doctor.get(f"/fhir/Observation/{place}").status_code == 404
    assert told(hub.entries(line))[0][:3] == ("read", "deny", str(FJELLDAL))


def test_who_is_refused_before_a_patient_is_named_fills_nobodys_log(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    before = hub.rows()
    vendor.search(line)  # no scope
    doctor.upload(observation(line))
    doctor.search(line, unknown="x")
    doctor.search("12345678901")
    hub.as_("solvik-dho", set={"client_id": "nobody"}).upload(observation(line))
    hub.as_("sykehus-epj", set={ATTEST: None}).search(line)
    hub.as_("sykehus-epj", lifetime="-60").search(line)
    assert hub.rows() == before
    log = hub.text("hub.log")
    assert "unauthenticated" in log and "refused" in log  # the security log instead


def test_refused_entries_of_a_known_patient(hub, vendor):
    line, unknown = person(), person()
    vendor.upload(observation(line))
    answer = vendor.upload(bundle(observation(line, status="done"), observation(unknown, status="done"), observation(line, at="2026-11-20T09:00:01+01:00")))
    assert results(answer) == [400, 400, 201]
    rows = hub.entries(line)
    assert sorted(told(rows)[:2]) == [("create", "deny", str(SOLVIK), 1), ("create", "permit", str(SOLVIK), 1)]
    assert hub.entries(unknown) == []


def test_the_locator_is_a_look(hub, vendor, doctor):
    line, unknown = person(), person()
    vendor.upload(observation(line))
    doctor.locate(line)
    doctor.locate(unknown)
    assert told(hub.entries(line))[0] == ("locate", "permit", str(SOLVIK), 1)
    assert told(hub.entries(unknown)) == [("locate", "permit", str(SYKEHUS), 0)]


def test_the_look_for_a_patients_id(hub, doctor):
    line = person()
    doctor.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")])
    assert [row[:3] for row in told(hub.entries(line))] == [("search", "permit", str(SYKEHUS))]


def test_the_citizens_own_look_is_a_row(hub, vendor):
    line = person()
    vendor.upload(observation(line))
    citizen = hub.citizen(line)
    assert [entry["event"] for entry in citizen.log().json()["entries"]] == ["create"]
    entries = citizen.log().json()["entries"]
    assert [entry["event"] for entry in entries] == ["insight", "create"]
    assert entries[0]["actor"] == {"kind": "citizen"} and entries[0]["dataController"]["orgnr"] is None


def test_no_answer_without_its_row(hub, vendor, doctor):
    """The row is there before the answer is: asked for at once over another road, fifty times."""
    line = person()
    vendor.upload(observation(line))
    for seen in range(50):
        doctor.search(line)
        rows = hub.sql("select count(*) from hub.access_log where op = 2 and person_id in (select person_id from hub.access_log order by at desc limit 1)")[0][0]
        assert rows == seen + 1


# ---- what it says


def test_what_the_citizen_is_told(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    claim = attest()
    caller = hub.as_("sykehus-epj", set={ATTEST: claim, "jti": "kvittering-17"})
    before = time.time()
    answer = caller.request("POST", "/fhir/Observation/_search", headers={"Content-Type": "application/x-www-form-urlencoded", "X-Request-Id": "sak-4711"}, content=f"patient.identifier={FNR}%7C{line}")
    assert answer.headers["x-request-id"] == "sak-4711"
    entry = hub.entries(line)[0]
    assert set(entry) >= {"id", "time", "event", "eventText", "actor", "dataController", "basis", "what", "outcome", "tokenJti", "correlationId", "count", "digest"}
    assert entry["event"] == "search" and entry["outcome"] == "permit" and entry["tokenJti"] == "kvittering-17"
    when = time.mktime(time.strptime(entry["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert before - 2 <= when <= time.time() + 2 and entry["time"].endswith("Z")
    assert entry["actor"]["kind"] == "practitioner" and entry["actor"]["name"] == "Berit Lege" and entry["actor"]["hpr"] == "181000002"
    assert entry["actor"]["authorization"] == {"code": "LE", "text": "Lege"} or entry["actor"]["authorization"]["code"] == "LE"
    assert entry["actor"]["legalEntity"] == {"orgnr": str(SYKEHUS), "name": "Nordre sykehus HF"}
    assert entry["actor"]["pointOfCare"]["orgnr"] == str(SYKEHUS)
    assert entry["actor"]["department"]["name"] == "Lungeavdelingen" and entry["actor"]["department"]["id"] == "705592"
    assert entry["actor"]["client"]["id"] == "sykehus-epj"
    assert entry["dataController"] == {"orgnr": str(SOLVIK), "name": "Solvik kommune"}
    basis = entry["basis"]
    assert basis["purpose"] == "TREAT" and basis["purposeText"] == "Helsehjelp" and basis["userSelected"] is True and basis["toa"] == claim["toa"]
    assert basis["decisionRef"] == claim["care_relationship"]["decision_ref"]["id"] and basis["service"]["code"] == "S03"
    create = hub.entries(line)[-1]
    assert create["actor"]["kind"] == "system" and create["actor"]["client"]["supplierOrgnr"] == "310000043" and "name" not in create["actor"]


def test_a_staff_members_national_id_is_never_told(hub, vendor, doctor):
    line, pid = person(), person()
    vendor.upload(observation(line))
    caller = hub.as_("sykehus-epj", set={PID: pid})
    caller.search(line)
    text = hub.citizen(line).log().text
    assert pid not in text and "sealed" not in text and not any(number in text for number in STAFF)
    # and is kept for following up, sealed
    rows = hub.sql("select convert_from(body, 'UTF8') from hub.log_ctx")
    assert any("sealed" in body for body, in rows) and not any(pid in body for body, in rows)


def test_another_citizen_sees_nothing_of_it(hub, vendor, doctor):
    line, other = person(), person()
    vendor.upload(observation(line))
    doctor.search(line)
    assert hub.entries(other) == []
    cursor = None
    for _ in range(4):
        vendor.upload(observation(line, at=f"2026-11-20T10:00:{10 + _}+01:00"))
    page = hub.citizen(line).log(limit=2).json()
    stolen = hub.citizen(other).log(cursor=page["cursor"])
    assert stolen.status_code == 400


def test_pages_of_the_log(hub, vendor):
    line = person()
    for i in range(9):
        vendor.upload(observation(line, at=f"2026-11-20T08:00:{10 + i}+01:00"))
    citizen, seen, cursor = hub.citizen(line), [], None
    whole = hub.entries(line)
    assert [entry["time"] for entry in whole] == sorted((entry["time"] for entry in whole), reverse=True)
    while True:
        page = citizen.log(limit=4, **({"cursor": cursor} if cursor else {})).json()
        assert len(page["entries"]) <= 4
        seen += [entry for entry in page["entries"] if entry["event"] != "insight"]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert [entry["id"] for entry in seen] == [entry["id"] for entry in whole] and len(seen) == 9


@pytest.mark.parametrize("parameters", [dict(limit="0"), dict(limit="201"), dict(limit="x"), dict(cursor="x"), dict(cursor=""), dict(person="19927100005"), dict(limit=["5", "6"])])
def test_what_the_log_is_not_asked(hub, parameters):
    answer = hub.citizen(person()).log(**parameters)
    assert answer.status_code == 400 and answer.json()["error"]["issues"][0]["text"]


def test_rows_cannot_be_changed_or_removed_by_the_hub(hub):
    grants = hub.sql("select grantee, privilege_type from information_schema.role_table_grants where table_schema = 'hub' and table_name like 'access_log%' and grantee like 'hub\\_%' and grantee <> 'hub_owner'")
    assert {privilege for _, privilege in grants} <= {"INSERT", "SELECT"}
    assert {who for who, privilege in grants if privilege == "INSERT"} == {"hub_write"}
