# SPDX-License-Identifier: AGPL-3.0-or-later
"""_include and _revinclude: what comes with a page is judged as a match is, stands there once, is counted in no total, and is in the log before it leaves."""
import datetime
import hashlib
import uuid

import pytest

import hub as hubs
from hub import ATTEST, FNR, bundle, issues, observation, person, results
from test_08_pcd01 import acknowledged, message

ORGNR = "urn:oid:2.16.578.1.12.4.1.4.101"
SECURITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
FORWARD = ["Observation:derived-from", "Observation:device", "Observation:has-member", "Observation:patient", "Observation:performer", "Observation:subject"]
REVERSE = ["Observation:derived-from", "Observation:has-member", "Provenance:target"]


def stored(sender, *resources):
    """Their places, Type/id, in order."""
    answer = sender.upload(bundle(*resources))
    assert results(answer) == [201] * len(resources), answer.text
    return [entry["response"]["location"].split("/_history")[0] for entry in answer.json()["entry"]]


def meter(who, **more):
    return {"resourceType": "Device", "identifier": [{"system": "urn:meter", "value": str(uuid.uuid4())}], "deviceName": [{"name": "UA-651", "type": "model-name"}],
            "patient": {"identifier": {"system": FNR, "value": who}}, **more}


def recorded(sender, readings, *targets):
    """Readings and the Provenances of them, each told by the numbers of its targets: (places, places)."""
    urls = [f"urn:uuid:{uuid.uuid4()}" for _ in range(len(readings) + len(targets))]
    provenances = [{"resourceType": "Provenance", "target": [{"reference": urls[one]} for one in numbers], "recorded": "2026-11-20T08:00:00.250+01:00", "agent": [{"who": {"display": url}}]}
                   for numbers, url in zip(targets, urls[len(readings):])]
    entries = [{"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for url, one in zip(urls, [*readings, *provenances])]
    answer = sender.upload({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert set(results(answer)) == {201}, answer.text
    places = [entry["response"]["location"].split("/_history")[0] for entry in answer.json()["entry"]]
    return places[:len(readings)], places[len(readings):]


_minutes = iter(range(10 ** 6))


def reading(who, device=None, members=(), derived=(), **more):
    """A pulse of its own second."""
    second = next(_minutes)
    one = observation(who, device=None, at=f"2026-11-20T{8 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.5Z", **more)
    for name, places in (("hasMember", members), ("derivedFrom", derived)):
        if places:
            one[name] = [{"reference": place} for place in places]
    return {**one, "device": {"reference": device}} if device else one


def page(answer):
    """(the matches in order, the included sorted, the texts of outcome entries)."""
    assert answer.status_code == 200, answer.text
    sorted_out = {"match": [], "include": [], "outcome": []}
    for entry in answer.json().get("entry", []):
        resource, mode = entry["resource"], entry["search"]["mode"]
        if mode == "outcome":
            sorted_out[mode] += [issue["details"]["text"] for issue in resource["issue"]]
        else:
            place = f"{resource['resourceType']}/{resource['id']}"
            assert entry["fullUrl"].endswith("/fhir/" + place)
            sorted_out[mode].append(place)
    places = sorted_out["match"] + sorted_out["include"]
    assert len(places) == len(set(places)), places
    return sorted_out["match"], sorted(sorted_out["include"]), sorted_out["outcome"]


def link(answer, relation):
    return next((one["url"] for one in answer.json()["link"] if one["relation"] == relation), None)


# ---- what comes


def test_a_device_comes_once_for_all_that_it_measured(vendor, doctor):
    line = person()
    mine, other = stored(vendor, meter(line), meter(line))
    places = stored(vendor, *(reading(line, device) for device in (mine, mine, other, None)))
    answer = doctor.search(line, _include="Observation:device", _total="accurate", _sort="date")
    assert page(answer) == (places, sorted([mine, other]), []) and answer.json()["total"] == 4
    assert doctor.get(f"/fhir/{mine}").json() in [entry["resource"] for entry in answer.json()["entry"]]
    # by GET too, from the link that tells of it
    self = link(answer, "self")
    assert "_include=Observation:device" in self
    again = doctor.get(self.removeprefix(doctor.hub.url))
    assert page(again) == page(answer) and link(again, "self") == self
    assert page(doctor.search(line, _include="Observation:device:Device", _sort="date")) == page(answer)
    assert page(doctor.search(line, _sort="date"))[1] == []
    # by _id, where nobody is named
    ids = ",".join(place.split("/")[1] for place in places[1:3])
    assert page(doctor.get(f"/fhir/Observation?_id={ids}&_include=Observation:device&_sort=date")) == (places[1:3], sorted([mine, other]), [])


def test_what_comes_is_in_the_form_that_was_asked_for(vendor, doctor):
    """_summary is of all that stands on the page, _elements of what was searched for alone."""
    line = person()
    device = stored(vendor, meter(line, manufacturer="A&D", udiCarrier=[{"issuer": "urn:gs1", "carrierHRF": "(01)1"}]))[0]
    stored(vendor, reading(line, device))
    asked = {"_include": ["Observation:device", "Observation:patient"]}

    def resources(**more):
        return {entry["resource"]["resourceType"]: entry["resource"] for entry in doctor.search(line, **asked, **more).json()["entry"]}

    plain, short, named = resources(), resources(_summary="true"), resources(_elements="status")
    assert set(plain) == {"Observation", "Device", "Patient"} and not any("tag" in one.get("meta", {}) for one in plain.values())
    assert short["Device"]["udiCarrier"] == [{"carrierHRF": "(01)1"}] and "manufacturer" not in short["Device"]
    assert short["Patient"]["identifier"] == plain["Patient"]["identifier"]
    assert all(one["meta"]["tag"][-1]["code"] == "SUBSETTED" for one in short.values())
    assert named["Device"] == plain["Device"] and named["Patient"] == plain["Patient"]
    assert "valueQuantity" not in named["Observation"] and named["Observation"]["meta"]["tag"][-1]["code"] == "SUBSETTED"


def test_each_page_brings_what_its_own_matches_refer_to(vendor, doctor):
    line = person()
    meters = stored(vendor, meter(line), meter(line))
    places = stored(vendor, *(reading(line, meters[i // 2]) for i in range(4)))
    answer, seen = doctor.search(line, _include=["Observation:device", "Observation:subject"], _count="2", _sort="date"), []
    while answer is not None:
        seen.append(page(answer))
        answer = doctor.next(answer)
    patient = seen[0][1][1]
    assert patient.startswith("Patient/")
    assert seen == [(places[:2], [meters[0], patient], []), (places[2:], [meters[1], patient], [])]


def test_members_and_sources_come_and_a_match_stays_a_match(vendor, doctor):
    line = person()
    members = stored(vendor, reading(line), reading(line, code="29463-7", unit="kg"))
    source, = stored(vendor, reading(line, code="8310-5", unit="Cel"))
    panel, = stored(vendor, reading(line, members=members, derived=[source]))
    want = dict(_include=["Observation:has-member", "Observation:derived-from"], _sort="date")
    assert page(doctor.search(line, code="8867-4", **want)) == ([members[0], panel], sorted([members[1], source]), [])
    # all are matches: nothing more to come
    assert page(doctor.search(line, **want)) == ([*members, source, panel], [], [])
    back = page(doctor.search(line, code="29463-7,8310-5", _revinclude=["Observation:has-member", "Observation:derived-from"], _sort="date"))
    assert back == ([members[1], source], [panel], [])
    # what is included refers to more: that is for :iterate, which there is not
    outer, = stored(vendor, reading(line, code="9279-1", members=[panel]))
    assert page(doctor.search(line, code="9279-1", **want)) == ([outer], [panel], [])


def test_the_patient_is_a_stub_with_the_number_for_whom_it_is_known(hub, vendor, doctor):
    line = person()
    place, = stored(vendor, reading(line))
    answer = doctor.search(line, _include="Observation:patient")
    _, included, _ = page(answer)
    stub = answer.json()["entry"][1]["resource"]
    assert stub == {"resourceType": "Patient", "id": stub["id"], "identifier": [{"system": FNR, "value": line}]} and included == [f"Patient/{stub['id']}"]
    # asked for by an id alone, the number comes back as from GET Patient/{id}: to whom the attest names it
    by_id = doctor.get(f"/fhir/Observation?patient={stub['id']}&_include=Observation:subject:Patient")
    assert by_id.json()["entry"][1]["resource"] == doctor.get(f"/fhir/Patient/{stub['id']}").json() == {"resourceType": "Patient", "id": stub["id"]}
    attested = hub.as_("sykehus-epj", set={ATTEST: hubs.attest(patients=[{"identifier": {"id": line, "system": FNR}}])})
    by_id = attested.get(f"/fhir/Observation?patient={stub['id']}&_include=Observation:subject")
    assert by_id.json()["entry"][1]["resource"] == attested.get(f"/fhir/Patient/{stub['id']}").json() == stub
    assert page(doctor.search(line, _include=["Observation:subject", "Observation:patient"]))[1] == included


def test_an_organisation_is_one_of_ours(vendor, doctor):
    line, solvik = person(), hubs.SOLVIK
    performer = lambda system, value: [{"identifier": {"system": system, "value": str(value)}}]
    stored(vendor, reading(line, performer=performer(ORGNR, solvik)), reading(line, performer=[{"reference": f"Organization/{solvik}"}]),
           reading(line, performer=performer("urn:other", hubs.SYKEHUS)), reading(line, performer=[{"reference": "Practitioner/1"}, {"reference": "Organization/999999999"}]))
    answer = doctor.search(line, _include="Observation:performer:Organization", _summary="data")
    assert len(page(answer)[0]) == 4 and page(answer)[1] == [f"Organization/{solvik}"]
    assert answer.json()["entry"][4]["resource"]["name"] == doctor.get(f"/fhir/Organization/{solvik}").json()["name"]


def test_provenance_comes_by_its_target(vendor, doctor):
    line = person()
    (first, second, third), (of_both, of_third) = recorded(vendor, [reading(line) for _ in range(3)], (0, 1), (2,))
    answer = doctor.search(line, _revinclude="Provenance:target", _count="2", _sort="date", _total="accurate")
    assert page(answer) == ([first, second], [of_both], []) and answer.json()["total"] == 3
    assert page(doctor.next(answer)) == ([third], [of_third], [])
    assert page(doctor.search(line, _revinclude="Provenance:target:Observation"))[1] == sorted([of_both, of_third])


def test_a_reading_by_pcd01_brings_the_provenance_of_its_message(hub, vendor, doctor):
    line = person()
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    answer = doctor.search(line, _revinclude="Provenance:target")
    match, included, told = page(answer)
    made = {entry["resource"]["target"][0]["reference"]: entry["resource"] for entry in answer.json()["entry"] if entry["search"]["mode"] == "include"}
    assert sorted(made) == sorted(match) and len(match) == len(included) == 2 and told == []
    assert hub.entries(line)[0]["count"] == 4
    assert all(doctor.get(f"/fhir/Provenance/{one['id']}").json() == one for one in made.values())


def test_a_literal_patient_is_the_same_stub(vendor, doctor):
    line = person()
    stored(vendor, reading(line))
    stub = page(doctor.search(line, _include="Observation:subject"))[1]
    stored(vendor, {**reading(line), "subject": {"reference": stub[0]}})
    assert page(doctor.search(line, _include="Observation:subject"))[1] == stub


def test_a_star_is_all_there_is(vendor, doctor):
    line = person()
    device, = stored(vendor, meter(line))
    member, = stored(vendor, reading(line, code="8310-5", unit="Cel"))
    (panel,), (made,) = recorded(vendor, [reading(line, device, members=[member], performer=[{"reference": f"Organization/{hubs.SOLVIK}"}])], (0,))
    for star in ("*", "Observation:*"):
        match, included, _ = page(doctor.search(line, code="8867-4", _include=star))
        assert match == [panel] and {place.split("/")[0] for place in included} == {"Patient", "Organization", "Device", "Observation"} and len(included) == 4
    assert page(doctor.search(line, code="8867-4", _include="Observation:*:Device"))[1] == [device]
    assert page(doctor.search(line, code="8867-4", _revinclude="*"))[1] == [made]
    assert page(doctor.search(line, code="8310-5", _revinclude="*"))[1] == [panel]


# ---- what cannot be asked


@pytest.mark.parametrize("name,value", [
    ("_include", value) for value in ("", "Observation", "Observation:", "Observation:device:", "Observation:device:Patient", "Observation:encounter", "Observation:code", "Device:patient",
                                      "observation:device", "device", "Observation:device,Observation:subject", "Provenance:target", "Observation:device:Device:x", "**")] + [
    ("_revinclude", value) for value in ("Observation:device", "Provenance:agent", "Provenance:target:Device", "Provenance", "Group:member")])
def test_what_is_not_known_is_refused_and_the_known_is_named(doctor, name, value):
    answer = doctor.search(person(), **{name: value})
    assert answer.status_code == 400 and name in issues(answer), answer.text
    assert value == "" or all(one in issues(answer) for one in (FORWARD if name == "_include" else REVERSE))


@pytest.mark.parametrize("name", ["_include:iterate", "_include:recurse", "_revinclude:iterate"])
def test_no_iteration(doctor, name):
    answer = doctor.search(person(), **{name: "Observation:has-member"})
    assert answer.status_code == 400 and name.split(":")[0] in issues(answer) and "modifier" in issues(answer)


def test_where_it_is_not(hub, vendor, doctor):
    line = person()
    stored(vendor, reading(line))
    whose = ("patient.identifier", f"{FNR}|{line}")
    for path, name in (("/fhir/Device/_search", "_include"), ("/fhir/Provenance/_search", "_revinclude"), ("/fhir/Patient/$everything", "_include")):
        answer = doctor.form(path, [("identifier" if "$" in path else whose[0], whose[1]), (name, "*")])
        assert answer.status_code == 400 and name in issues(answer), answer.text
    assert hub.controller()[1].get("/fhir/Observation/_history?_include=*").status_code == 400
    # FHIR R4 search 3.1.1.5.8
    answer = doctor.search(line, _include="Observation:subject", _summary="text")
    assert answer.status_code == 400 and "_summary=text" in issues(answer)
    many = doctor.search(line, _include=["Observation:device"] * 51)
    assert many.status_code == 400 and "_include" in issues(many)


def test_the_forms_of_an_answer(vendor, doctor):
    line = person()
    device, = stored(vendor, meter(line))
    place, = stored(vendor, reading(line, device))
    for nothing in (dict(_summary="count"), dict(_count="0")):
        answer = doctor.search(line, _include="*", **nothing).json()
        assert answer["total"] == 1 and "entry" not in answer
    answer = doctor.search(line, _include="Observation:device", _elements="status")
    match, included = (entry["resource"] for entry in answer.json()["entry"])
    assert "valueQuantity" not in match and included == doctor.get(f"/fhir/{device}").json()  # elements are the matches' own
    assert "_elements=status" in link(answer, "self") and "_include" in link(answer, "self")
    path = f"/fhir/Observation?_id={place.split('/')[1]}&_include=Observation:device"
    head = doctor.request("HEAD", path)
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) == len(doctor.get(path).content)
    last = doctor.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{line}"), ("_include", "Observation:device")])
    assert page(last) == ([place], [device], []) and "_include" in link(last, "self")


def test_the_capability_statement_tells(hub, doctor):
    statement = doctor.get("/fhir/metadata").json()
    reading, = (one for one in statement["rest"][0]["resource"] if one["type"] == "Observation")
    assert reading["searchInclude"] == FORWARD and reading["searchRevInclude"] == REVERSE


def test_more_than_fits_is_said(vendor, doctor):
    line = person()
    members = stored(vendor, *(reading(line, code="9279-1") for _ in range(205)))
    panel, = stored(vendor, reading(line, members=members))
    match, included, told = page(doctor.search(line, code="8867-4", _include="Observation:has-member"))
    assert match == [panel] and included == sorted(members[:200]) and len(told) == 1 and "200" in told[0]
    match, included, told = page(doctor.search(line, code="9279-1", _count="1", _revinclude="Observation:has-member"))
    assert included == [panel] and told == []
    (panel,), _ = recorded(vendor, [reading(line, code="8310-5", unit="Cel")], *[(0,)] * 201)
    match, included, told = page(doctor.search(line, code="8310-5", _revinclude="Provenance:target"))
    assert match == [panel] and len(included) == 200 and len(told) == 1 and "200" in told[0]


def test_large_ones_are_cut_by_their_bytes(vendor, doctor):
    line, text = person(), "x" * 300_000
    members = stored(vendor, *(reading(line, code="9279-1", note=[{"text": text}]) for _ in range(8)))
    panel, = stored(vendor, reading(line, members=members))
    match, included, told = page(doctor.search(line, code="8867-4", _include="Observation:has-member"))
    assert match == [panel] and 5 <= len(included) < 8 and set(included) < set(members) and len(told) == 1


@pytest.mark.slow
def test_what_refers_to_a_match_is_found_behind_thousands(vendor, doctor):
    """A search that looks at readings one by one ends after 5,000 of them; this one goes on."""
    line = person()
    place, = stored(vendor, reading(line, code="9279-1"))
    old = observation(line, device=None, at="2020-01-01T08:00:00.5Z", hasMember=[{"reference": place}])
    panel, = stored(vendor, old)
    start = datetime.datetime(2026, 9, 1, tzinfo=datetime.timezone.utc)
    days = [observation(line, device=None, code="8310-5", unit="Cel", at=f"{start + datetime.timedelta(seconds=i, milliseconds=500):%Y-%m-%dT%H:%M:%S.5Z}") for i in range(20400)]
    for part in (days[:2700], days[2700:5400]):
        stored(vendor, *part)
    assert page(doctor.search(line, code="9279-1", _revinclude="Observation:has-member")) == ([place], [panel], [])
    # there is an end to it, and the page says so
    for first in range(5400, len(days), 5000):
        stored(vendor, *days[first:first + 5000])
    match, included, told = page(doctor.search(line, code="9279-1", _revinclude="Observation:has-member"))
    assert (match, included) == ([place], []) and len(told) == 1 and "_revinclude" in told[0]


# ---- under the same decision


def test_a_reference_opens_nothing_of_another_patients(hub, vendor, doctor):
    line, other = person(), person()
    secret = stored(vendor, meter(other), reading(other))
    (place,), _ = recorded(vendor, [reading(line, secret[0], members=[secret[1]], derived=["Observation/x", "Observation/" + "a" * 26])])
    own, _ = recorded(vendor, [reading(other, members=[place])], (0,))
    for caller in (doctor, hub.as_("utvikler")):
        before = len(hub.entries(other))
        match, included, told = page(caller.search(line, _include=["Observation:device", "Observation:has-member", "Observation:derived-from"], _revinclude="*"))
        assert (match, included, told) == ([place], [], []), own
        assert len(hub.entries(other)) == before


def test_what_another_controller_holds_is_not_there(hub, vendor, doctor):
    line = person()
    _, caller = hub.controller("Lukket kommune")
    theirs = stored(caller, meter(line), reading(line))
    mine, = stored(vendor, meter(line))
    place, = stored(vendor, reading(line, mine, members=[theirs[1]], derived=[theirs[1]]))
    closed, = stored(vendor, reading(line, theirs[0]))
    recorded(caller, [reading(line, members=[place])], (0,))
    match, included, _ = page(doctor.search(line, _include=["Observation:device", "Observation:has-member"], _revinclude="*", _sort="date"))
    assert match == [place, closed] and included == [mine]


def test_a_rule_for_one_code_opens_that_code_alone(hub):
    orgnr, caller = hub.controller("Liten kommune")
    hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT", "--code", "http://loinc.org|8867-4")
    line, doctor = person(), hub.as_("sykehus-epj")
    device, pulse, other = stored(caller, meter(line), reading(line), reading(line, code="9279-1"))
    panel, = stored(caller, reading(line, device, members=[pulse, other]))
    query = dict(_include=["Observation:has-member", "Observation:device"], _count="1", _sort="-date")
    assert page(doctor.search(line, **query)) == ([panel], [pulse], [])
    answer = page(caller.search(line, **query))
    assert answer[0] == [panel] and set(answer[1]) == {device, pulse, other}


def test_a_block_and_a_deletion_take_away_what_is_included_too(hub):
    _, caller = hub.controller()
    line, free = person(), person()
    shelf = {}
    for who in (line, free):
        members = stored(caller, reading(who, code="9279-1"), reading(who, code="8310-5", unit="Cel"), meter(who))
        panel, = stored(caller, reading(who, members[2], members=members[:2]))
        shelf[who] = (*members, panel)
    number = hub.maalehub("block", "add", stdin=line + "\n").split()[1]
    hub.sql("update hub.block set canon = (select code_id from hub.code where concept = 'http://loinc.org|9279-1') where block_id = %s", int(number))
    want = ["Observation:has-member", "Observation:device"]
    # as by GET: a block of one code closes what has no code, too
    expected = {who: {place for place in shelf[who][:3] if caller.get(f"/fhir/{place}").status_code == 200} for who in shelf}
    assert expected == {line: {shelf[line][1]}, free: set(shelf[free][:3])}
    for who in shelf:
        match, included, _ = page(caller.search(who, code="8867-4", _include=want))
        assert match == [shelf[who][3]] and set(included) == expected[who]
    # nobody is named: each patient is decided about as if named
    match, included, _ = page(caller.get("/fhir/Observation?code=8867-4&_include=Observation:has-member&_include=Observation:device"))
    assert set(match) == {shelf[who][3] for who in shelf} and set(included) == expected[line] | expected[free]
    for member in (shelf[free][1], shelf[free][2]):
        answer = caller.request("DELETE", f"/fhir/{member}")
        assert answer.status_code in (200, 204) or member.startswith("Device"), answer.text
    assert page(caller.search(free, code="8867-4", _include="Observation:has-member"))[1] == [shelf[free][0]]
    costly = caller.get("/fhir/Observation?code=8867-4&_revinclude=Observation:has-member")
    assert costly.status_code == 400 and "_revinclude" in issues(costly)


def test_a_poller_gets_what_comes_with_its_page(hub):
    _, caller = hub.controller()
    lines = [person() for _ in range(20)]
    meters = stored(caller, *(meter(line) for line in lines))
    places, made = recorded(caller, [reading(line, device) for line, device in zip(lines, meters)], *((i,) for i in range(len(lines))))
    answer, seen = caller.get("/fhir/Observation?_lastUpdated=gt2026-01-01&_count=18&_include=Observation:device&_revinclude=Provenance:target"), ([], [])
    while answer is not None:
        match, included, told = page(answer)
        assert told == [] and len(included) == 2 * len(match)
        seen[0].extend(match), seen[1].extend(included)
        answer = caller.next(answer)
    assert sorted(seen[0]) == sorted(places) and sorted(seen[1]) == sorted(meters + made)
    assert hub.entries(lines[0])[0]["count"] == 3


def test_a_full_page_of_as_many_patients(hub):
    _, caller = hub.controller()
    lines = [person() for _ in range(200)]
    meters = stored(caller, *(meter(line) for line in lines))
    places = stored(caller, *(reading(line, device) for line, device in zip(lines, meters)))
    path = "/fhir/Observation?_count=200&code=8867-4"
    match, included, told = page(caller.get(f"{path}&_include=Observation:device&_revinclude=Provenance:target"))
    assert (sorted(match), included, told) == (sorted(places), sorted(meters), [])
    match, included, told = page(caller.get(f"{path}&_include=*"))
    assert len(included) == 200 and len(told) == 1


def test_security_holds_for_what_is_included(vendor, doctor):
    line = person()
    guarded, = stored(vendor, reading(line, code="9279-1", meta={"security": [{"system": SECURITY, "code": "R"}]}))
    plain, = stored(vendor, reading(line, code="8310-5", unit="Cel"))
    panel, = stored(vendor, reading(line, members=[guarded, plain]))
    want = dict(code="8867-4", _include="Observation:has-member")
    assert set(page(doctor.search(line, **want))[1]) == {guarded, plain}
    assert page(doctor.search(line, **want, **{"_security:not": f"{SECURITY}|R"})) == ([panel], [plain], [])


# ---- in the log


def test_the_log_has_all_that_left(hub, vendor, doctor):
    line = person()
    device, member = stored(vendor, meter(line), reading(line, code="9279-1"))
    stored(vendor, reading(line, device, members=[member], performer=[{"reference": f"Organization/{hubs.SOLVIK}"}]))
    answer = doctor.search(line, code="8867-4", _include="*")
    assert len(page(answer)[1]) == 4
    entry = hub.entries(line)[0]
    assert entry["event"] == "search" and entry["count"] == 3  # the stub and the organisation hold nothing of the controller's
    released = b""
    for place in page(answer)[0] + page(answer)[1]:
        if not place.startswith(("Patient", "Organization")):
            released += doctor.get(f"/fhir/{place}").content
    assert entry["digest"] == hashlib.sha256(released).hexdigest()
    assert sorted(what["count"] for what in entry["what"]) == [1, 1, 1]
    # who gets nothing is in the log with nothing
    assert page(doctor.search(line, code="nothing", _include="*")) == ([], [], [])
    assert hub.entries(line)[0]["count"] == 0


def test_batch_entries_include_too(hub):
    _, caller = hub.controller()
    line = person()
    device, = stored(caller, meter(line))
    place, = stored(caller, reading(line, device))
    url = f"Observation?_id={place.split('/')[1]}&_include=Observation:device"
    answer = caller.upload({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}}]})
    inner = answer.json()["entry"][0]["resource"]
    assert [(entry["resource"]["id"], entry["search"]["mode"]) for entry in inner["entry"]] == [(place.split("/")[1], "match"), (device.split("/")[1], "include")]
