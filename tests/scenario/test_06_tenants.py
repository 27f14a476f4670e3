# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whose data it is: controllers, rules, classes, codes, the patient's blocks, break-glass, and persons with several numbers."""
import psycopg2
import pytest

import people
from hub import ATTEST, FJELLDAL, FNR, PARENT, PID, SOLVIK, SYKEHUS, attest, bundle, dnr, found, ids, issues, observation, person, results

LOINC, SCT = "http://loinc.org", "http://snomed.info/sct"


def fall(line, **rest):
    return observation(line, code="1912002", system=SCT, category=None, valueQuantity=None, valueBoolean=True, **rest)


def opened(hub, purpose="BTG", **decision):
    """The hospital's doctor, breaking the glass."""
    claim = attest(purpose=purpose)
    claim["care_relationship"]["decision_ref"].update({"description": "Bevisstløs pasient i akuttmottak", **decision})
    return hub.as_("sykehus-epj", set={ATTEST: claim})


@pytest.fixture
def fjelldal_epj(hub):
    """A controller of its own, with a doctor who reads: (orgnr, uploads, reads)."""
    orgnr, uploads = hub.controller("Fremmed kommune")
    doctor = hub.as_("utvikler", set={"client_id": f"klient-{orgnr}", PARENT: str(orgnr), PID: people.fnr(910), ATTEST: attest(orgnr)})
    return orgnr, uploads, doctor


# ---- isolation


def test_two_controllers_of_one_patient(hub, vendor, fjelldal_epj):
    """Over every route each sees its own alone."""
    line = person()
    orgnr, other_uploads, other = fjelldal_epj
    own = hub.as_("utvikler")
    mine = vendor.upload(observation(line, value="61")).json()["id"]
    theirs = other_uploads.upload(observation(line, value="62")).json()["id"]
    for caller, sees, hidden, controller in ((own, mine, theirs, SOLVIK), (other, theirs, mine, orgnr)):
        assert ids(caller.search(line)) == [sees]
        assert ids(caller.search(line, _count="1", _sort="date")) == [sees]
        place = caller.patient_id(line)
        assert ids(caller.get(f"/fhir/Observation?patient={place}")) == [sees]
        assert ids(caller.get(f"/fhir/Observation?_id={mine},{theirs}")) == [sees]
        assert ids(caller.search(line, _id=hidden)) == []
        assert caller.get(f"/fhir/Observation/{sees}").status_code == 200 and caller.get(f"/fhir/Observation/{hidden}").status_code == 404
        assert [entry["dataController"]["value"] for entry in caller.locate(line).json()["entries"]] == [str(controller)]
    # a re-send, a correction: what the other holds is neither found nor touched
    again = vendor.upload(observation(line, value="62"))
    assert again.status_code == 200 and again.headers["etag"] == 'W/"2"'
    assert other.get(f"/fhir/Observation/{theirs}").json()["meta"]["versionId"] == "1"
    assert {entry["dataController"]["orgnr"] for entry in hub.entries(line) if entry["event"] == "create"} == {str(SOLVIK), str(orgnr)}


def shape(answer):
    """An answer without what differs from request to request."""
    return answer.status_code, [(name, value) for name, value in answer.headers.multi_items() if name not in ("date", "x-request-id")], answer.content


def test_absent_and_forbidden_are_one_answer(hub, vendor, fjelldal, doctor):
    """What must never happen, 4: a difference between "absent" and "not for you"."""
    line, unknown = person(), person()
    forbidden = fjelldal.upload(observation(line)).json()["id"]
    granted = vendor.upload(observation(line)).json()["id"]
    blocked_line = person()
    blocked = vendor.upload(observation(blocked_line)).json()["id"]
    hub.maalehub("block", "add", stdin=blocked_line + "\n")
    other_patient = doctor.patient_id(unknown)
    flipped = granted[:-1] + ("0" if granted[-1] != "0" else "1")
    assert doctor.get(f"/fhir/Observation/{granted}").status_code == 200
    shapes = {place: shape(doctor.get(f"/fhir/Observation/{place}")) for place in (forbidden, blocked, other_patient, flipped, "0" * 26, "v" * 26, "x", "A" * 26, granted.upper(), granted + "0")}
    assert shapes["x"][0] == 404 and len(set(map(repr, shapes.values()))) == 1, shapes
    shapes = [shape(doctor.get(f"/fhir/Observation?_id={place}"))[:2] for place in (forbidden, blocked, flipped)]
    assert shapes[0][0] == 200 and shapes[0] == shapes[1] == shapes[2]


def test_a_search_does_not_tell_who_holds_what(hub, fjelldal, doctor):
    """Before and after somebody else holds the patient: the same bytes, also where a block stands in the way."""
    line = person()
    before = [shape(doctor.search(line)), shape(doctor.search(line, code="8867-4", _count="1")), shape(doctor.locate(line))]
    fjelldal.upload(observation(line))
    assert [shape(doctor.search(line)), shape(doctor.search(line, code="8867-4", _count="1")), shape(doctor.locate(line))] == before
    hub.as_("solvik-dho").upload(observation(line))
    assert shape(doctor.search(line)) != before[0]
    hub.maalehub("block", "add", stdin=line + "\n")
    assert [shape(doctor.search(line)), shape(doctor.search(line, code="8867-4", _count="1")), shape(doctor.locate(line))] == before


def test_the_database_keeps_controllers_apart_itself(hub, vendor, fjelldal):
    """Forced row-level security: what the roles that serve requests see without, and with, a controller set."""
    line = person()
    vendor.upload(observation(line))
    fjelldal.upload(observation(line))
    tables = [name for name, in hub.sql("select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped "
                                        "where c.relnamespace = 'hub'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition")]
    assert "observation" in tables
    forced = dict(hub.sql("select relname, relrowsecurity and relforcerowsecurity from pg_class where relnamespace = 'hub'::regnamespace"))
    assert [name for name in tables if name != "tenant" and not forced[name]] == []
    for role in ("hub_read", "hub_write"):
        assert hub.sql("select count(*) from hub.observation", user=role)[0][0] == 0
        with psycopg2.connect(host=hub.pg["PGHOST"], port=hub.pg["PGPORT"], dbname=hub.pg["PGDATABASE"], user=role) as connection, connection.cursor() as cursor:
            tenant = hub.sql("select tenant_id from hub.tenant where orgnr = %s", SOLVIK)[0][0]
            cursor.execute(f"set local hub.tenant = {tenant}")
            cursor.execute("select array_agg(distinct tenant_id) from hub.observation")
            assert cursor.fetchone()[0] == [tenant]
        connection.close()
    for role, table in (("hub_read", "person"), ("hub_read", "access_log"), ("hub_resolve", "observation"), ("hub_audit", "observation"), ("hub_write", "person"), ("hub_audit", "person")):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            hub.sql(f"select * from hub.{table}", user=role)
    for role in ("hub_read", "hub_resolve", "hub_audit", "hub_write"):
        for what in ("update hub.access_log set op = 1", "delete from hub.access_log", "truncate hub.access_log", "create table hub.x (a int)", "alter table hub.observation disable row level security", "set role hub_owner"):
            with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.InvalidParameterValue)):
                hub.sql(what, user=role)


# ---- rules


def test_a_revoked_rule_is_gone_for_the_next_request(hub, doctor):
    orgnr, uploads = hub.controller("Snudd kommune")
    line = person()
    place = uploads.upload(observation(line)).json()["id"]
    assert found(doctor.search(line)) == []
    for _ in range(3):
        rule = hub.rule_from(orgnr)
        assert ids(doctor.search(line)) == [place]
        assert doctor.get(f"/fhir/Observation/{place}").status_code == 200
        assert [entry["dataController"]["value"] for entry in doctor.locate(line).json()["entries"]] == [str(orgnr)]
        hub.maalehub("rule", "revoke", str(rule))
        assert found(doctor.search(line)) == []
        assert doctor.get(f"/fhir/Observation/{place}").status_code == 404
        assert doctor.locate(line).json()["entries"] == []


def test_a_rule_ends_the_pages_too(hub, doctor):
    orgnr, uploads = hub.controller()
    line = person()
    rule = hub.rule_from(orgnr)
    assert results(uploads.upload(bundle(*(observation(line, at=f"2026-11-20T08:00:{i:02d}.1Z") for i in range(4))))) == [201] * 4
    page = doctor.search(line, _count="2")
    assert len(found(page)) == 2
    hub.maalehub("rule", "revoke", str(rule))
    assert found(doctor.next(page)) == []


@pytest.mark.parametrize("purpose,opens", [("TREAT", {"TREAT"}), ("ETREAT", {"ETREAT"}), ("COC", {"COC"})])
def test_a_rule_is_for_one_purpose(hub, purpose, opens):
    orgnr, uploads = hub.controller()
    hub.rule_from(orgnr, "--purpose", purpose)
    line = person()
    assert uploads.upload(observation(line)).status_code == 201
    for asked in ("TREAT", "ETREAT", "COC"):
        caller = hub.as_("sykehus-epj", set={ATTEST: attest(purpose=asked)})
        assert bool(found(caller.search(line))) == (asked in opens)


def test_a_rule_for_one_code(hub, doctor):
    orgnr, uploads = hub.controller()
    line = person()
    sent = uploads.upload(bundle(observation(line), observation(line, code="29463-7", value="70", unit="kg"), observation(line, code="364075005", system=SCT, at="2026-11-20T08:00:12+01:00"), observation(line, code="2708-6", value="97", unit="%")))
    assert results(sent) == [201] * 4
    pulse, weight, pulse_sct, oxygen = (entry["response"]["location"].split("/")[1] for entry in sent.json()["entry"])
    hub.rule_from(orgnr, "--code", f"{LOINC}|8867-4")
    # the rule is for the thing, by whichever code it was sent
    assert set(ids(doctor.search(line))) == {pulse, pulse_sct}
    assert ids(doctor.search(line, code="29463-7")) == [] and doctor.get(f"/fhir/Observation/{weight}").status_code == 404
    hub.rule_from(orgnr, "--code", f"{SCT}|431314004")
    assert set(ids(doctor.search(line))) == {pulse, pulse_sct, oxygen}


def test_health_does_not_open_welfare(hub, doctor):
    """Fall, bed and door alarms tell how somebody lives: a rule for health never opens them."""
    orgnr, uploads = hub.controller()
    line = person()
    health, alarm = (answer.json()["id"] for answer in (uploads.upload(observation(line)), uploads.upload(fall(line))))
    rule = hub.rule_from(orgnr, "--class", "health")
    assert ids(doctor.search(line)) == [health] and doctor.get(f"/fhir/Observation/{alarm}").status_code == 404
    assert ids(doctor.search(line, code=f"{SCT}|1912002")) == [] and ids(doctor.get(f"/fhir/Observation?_id={alarm}")) == []
    hub.maalehub("rule", "revoke", str(rule))
    hub.rule_from(orgnr, "--class", "welfare")
    assert ids(doctor.search(line)) == [alarm] and doctor.get(f"/fhir/Observation/{health}").status_code == 404
    own = hub.as_("utvikler", set={"client_id": f"klient-{orgnr}", PARENT: str(orgnr), ATTEST: attest(orgnr)})
    assert set(ids(own.search(line))) == {health, alarm}


def test_a_code_of_safety_beside_one_of_health_is_safety(hub, doctor):
    orgnr, uploads = hub.controller()
    hub.rule_from(orgnr)
    line = person()
    for codes in ([(LOINC, "8867-4"), (SCT, "1912002")], [(SCT, "1912002"), (LOINC, "8867-4")]):
        resource = fall(line, at=f"2026-11-20T08:00:{len(codes[0][1]):02d}+01:00")
        resource["code"]["coding"] = [{"system": system, "code": code} for system, code in codes]
        assert uploads.upload(resource).status_code == 201
    assert found(doctor.search(line)) == []


def test_two_controllers_with_rules_are_one_answer(hub, vendor, doctor):
    orgnr, uploads = hub.controller()
    hub.rule_from(orgnr)
    line = person()
    for i in range(6):
        (vendor if i % 2 else uploads).upload(observation(line, value=str(60 + i), at=f"2026-11-20T08:00:{10 + i}+01:00"))
    assert [one["valueQuantity"]["value"] for one in found(doctor.search(line))] == [65, 64, 63, 62, 61, 60]
    seen, answer = [], doctor.search(line, _count="1", _sort="date")
    while answer is not None:
        seen += [one["valueQuantity"]["value"] for one in found(answer)]
        answer = doctor.next(answer)
    assert seen == [60, 61, 62, 63, 64, 65]
    assert {entry["dataController"]["value"] for entry in doctor.locate(line).json()["entries"]} == {str(SOLVIK), str(orgnr)}


# ---- the patient's objections


def test_a_block_holds_from_the_next_request(hub, vendor, doctor):
    line = person()
    place = vendor.upload(observation(line)).json()["id"]
    assert ids(doctor.search(line)) == [place]
    number = hub.maalehub("block", "add", "--tenant", str(SOLVIK), stdin=line + "\n").split()[-1]
    assert found(doctor.search(line)) == [] and doctor.get(f"/fhir/Observation/{place}").status_code == 404 and doctor.locate(line).json()["entries"] == []
    # the patient's measurements still come in, and the log tells of the tries
    assert vendor.upload(observation(line, at="2026-11-20T09:00:01+01:00")).status_code == 201
    hub.maalehub("block", "end", number)
    assert place in ids(doctor.search(line))


def test_a_block_against_one_organisation(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    hub.maalehub("block", "add", "--actor", str(SYKEHUS), stdin=line + "\n")
    assert found(doctor.search(line)) == []
    assert len(found(hub.as_("utvikler").search(line))) == 1  # the controller itself
    other = person()
    vendor.upload(observation(other))
    hub.maalehub("block", "add", "--actor", str(FJELLDAL), stdin=other + "\n")
    assert len(found(doctor.search(other))) == 1


def test_breaking_the_glass(hub, vendor, doctor):
    line = person()
    place = vendor.upload(observation(line)).json()["id"]
    hub.maalehub("block", "add", stdin=line + "\n")
    assert found(doctor.search(line)) == []
    emergency = hub.as_("sykehus-epj", set={ATTEST: attest(purpose="ETREAT")})
    assert found(emergency.search(line)) == []  # an emergency alone overrides nothing
    broken = opened(hub)
    assert ids(broken.search(line)) == [place]
    assert broken.get(f"/fhir/Observation/{place}").status_code == 200
    entry = next(entry for entry in hub.entries(line) if entry["event"] == "search" and entry.get("breakGlass"))
    assert entry["basis"]["purpose"] == "BTG" and entry["basis"]["breakGlassReason"] == "Bevisstløs pasient i akuttmottak" and entry["basis"]["userSelected"] is True
    assert "purposeText" in entry["basis"]


@pytest.mark.parametrize("decision", [dict(description=""), dict(description="kort"), dict(description="          "), dict(user_selected=False)])
def test_the_glass_is_broken_by_a_person_with_a_reason(hub, vendor, decision):
    line = person()
    vendor.upload(observation(line))
    hub.maalehub("block", "add", stdin=line + "\n")
    for answer in (opened(hub, **decision).search(line), opened(hub, **decision).locate(line)):
        assert answer.status_code == 403 and "BTG" in issues(answer) if answer.headers["content-type"].startswith("application/fhir") else answer.status_code == 403
    assert [entry["outcome"] for entry in hub.entries(line) if entry["event"] != "create"] == ["deny", "deny"]


def test_the_glass_is_not_broken_for_nothing(hub, vendor):
    """Using it where it opens nothing more fails, so that it does not become a habit (norway.md 3.5)."""
    line = person()
    vendor.upload(observation(line))
    answer = opened(hub).search(line)
    assert answer.status_code == 403 and "nothing more" in issues(answer)


def test_break_glass_opens_no_door_without_a_rule(hub, fjelldal):
    line = person()
    fjelldal.upload(observation(line))
    hub.maalehub("block", "add", stdin=line + "\n")
    assert opened(hub).search(line).status_code == 403


# ---- persons with several numbers


def by_dnr(number, **rest):
    resource = observation(number, **rest)
    resource["subject"]["identifier"]["system"] = people.DNR_SYSTEM
    return resource


def test_what_came_by_d_number_is_read_by_fnr(hub, vendor, doctor):
    number, line = dnr(), person()
    early = vendor.upload(by_dnr(number, value="61")).json()["id"]
    late = vendor.upload(observation(line, value="62", at="2026-11-20T09:00:01+01:00")).json()["id"]
    assert ids(doctor.search(line)) == [late]
    hub.maalehub("person", "join", stdin=f"{number}\n{line}\n")
    for asked in ([("patient.identifier", f"{FNR}|{line}")], [("patient.identifier", f"{people.DNR_SYSTEM}|{number}")]):
        assert ids(doctor.form("/fhir/Observation/_search", asked)) == [late, early]
    assert doctor.get(f"/fhir/Observation/{early}").status_code == 200
    assert len(doctor.locate(line).json()["entries"]) == 1
    # the log too, by either number
    log = hub.entries(line)
    assert sorted(entry["event"] for entry in log if entry["actor"]["kind"] == "system") == ["create", "create"]
    assert {entry["id"] for entry in hub.entries(number)} >= {entry["id"] for entry in log}
    # pages hold over both, and a block by either number holds for both
    first = doctor.search(line, _count="1")
    assert ids(first) + ids(doctor.next(first)) == [late, early]
    hub.maalehub("block", "add", stdin=number + "\n")
    assert found(doctor.search(line)) == []


def test_a_d_number_joined_before_anything_came(hub, vendor, doctor):
    number, line = dnr(), person()
    hub.maalehub("person", "join", stdin=f"{number}\n{line}\n")
    vendor.upload(by_dnr(number))
    assert len(found(doctor.search(line))) == 1
    assert vendor.upload(observation(line)).status_code == 200  # the same reading by the other number


def test_an_attest_may_name_the_other_number(hub, vendor):
    number, line = dnr(), person()
    place = vendor.upload(observation(line)).json()["id"]
    of_dnr = hub.as_("sykehus-epj", set={ATTEST: attest(patients=[{"identifier": {"id": number, "system": people.DNR_SYSTEM}}])})
    assert of_dnr.search(line).status_code == 403
    assert of_dnr.get(f"/fhir/Observation/{place}").status_code == 404
    hub.maalehub("person", "join", stdin=f"{number}\n{line}\n")
    assert ids(of_dnr.search(line)) == [place]
    assert of_dnr.get(f"/fhir/Observation/{place}").status_code == 200


def test_help_numbers(hub, vendor, doctor):
    help_number, line = people.fhn(1), person()
    resource = observation(help_number)
    resource["subject"]["identifier"]["system"] = people.FHN_SYSTEM
    answer = vendor.upload(resource)
    assert answer.status_code == 201, answer.text
    place = answer.json()["id"]
    assert ids(doctor.form("/fhir/Observation/_search", [("patient.identifier", f"{people.FHN_SYSTEM}|{help_number}")])) == [place]
    hub.maalehub("person", "join", stdin=f"{help_number}\n{line}\n")
    assert ids(doctor.search(line)) == [place]
