# SPDX-License-Identifier: AGPL-3.0-or-later
"""Searches: every parameter, alone and together; pages that hold still; and nothing dropped in silence."""
import json
import random
import threading

import httpx
import pytest

from hub import FNR, FORM, bundle, dnr, found, ids, issues, observation, person, results

import people

LOINC, SCT = "http://loinc.org", "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture(scope="module")
def shelf(hub):
    """One patient with readings of many kinds and times: (national id, {name: id})."""
    line = person()
    survey = [{"coding": [{"system": CATEGORY, "code": "survey"}, {"system": "urn:local", "code": "skjema"}]}]
    period = dict(effectiveDateTime=None, effectivePeriod={"start": "2026-03-10T22:00:00+01:00", "end": "2026-03-11T06:00:00+01:00"})
    open_end = dict(effectiveDateTime=None, effectivePeriod={"start": "2026-09-01T00:00:00+02:00"})
    readings = {
        "pulse1": observation(line, at="2026-01-05T08:00:05+01:00", value="61"),
        "pulse2": observation(line, at="2026-02-05T08:00:05+01:00", value="62"),
        "pulse3": observation(line, at="2026-02-05T07:30:05Z", value="63", code="364075005", system=SCT),
        "both": observation(line, at="2026-02-06T08:00:05+01:00"),
        "weight": observation(line, at="2026-02-05", code="29463-7", value="70.5", unit="kg"),
        "month": observation(line, at="2026-04", code="29463-7", value="71", unit="kg"),
        "year": observation(line, at="2025", code="29463-7", value="72", unit="kg"),
        "sleep": observation(line, code="93832-4", value="8", unit="h", **period),
        "oxygen": observation(line, code="3151-8", value="2", unit="L/min", **open_end),
        "survey": observation(line, at="2026-05-17T10:00:01.250+02:00", code="74465-6", value="5", unit="1", category=survey),
        "untimed": observation(line, at=None, code="74465-6", value="6", unit="1", category=survey, effectiveDateTime=None),
        "local": observation(line, at="2026-06-01T10:00:01+02:00", code="8867-4", system=None, value="64"),
    }
    readings["both"]["code"]["coding"].append({"system": SCT, "code": "364075005"})
    del readings["local"]["code"]["coding"][0]["system"]
    answer = hub.as_("solvik-dho").upload(bundle(*readings.values()))
    assert results(answer) == [201] * len(readings), answer.text
    names = [entry["response"]["location"].split("/")[1] for entry in answer.json()["entry"]]
    return line, dict(zip(readings, names))


def names_of(shelf, answer):
    names = {place: name for name, place in shelf[1].items()}
    return [names[place] for place in ids(answer)]


# ---- whose


def test_by_identifier_and_by_the_hubs_id(reader, shelf):
    line, places = shelf
    assert set(names_of(shelf, reader.search(line, _count="200"))) == set(places)
    answer = reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")])
    assert answer.status_code == 200, answer.text
    place = answer.json()["entry"][0]["resource"]["id"]
    for patient in (place, f"Patient/{place}"):
        assert set(ids(reader.get(f"/fhir/Observation?patient={patient}&_count=200"))) == set(places.values())
        assert set(ids(reader.form("/fhir/Observation/_search", [("patient", patient), ("_count", "200")]))) == set(places.values())


def test_the_hubs_id_of_a_patient_tells_nothing(reader):
    """Whoever it knows or not: each valid number has an id, the same each time."""
    unknown = person()
    first, again = (reader.patient_id(unknown) for _ in range(2))
    assert first == again and len(first) == 26 and unknown not in first
    assert found(reader.get(f"/fhir/Observation?patient={first}")) == []


def test_systems_of_national_ids(reader, vendor):
    number = dnr()
    resource = observation(number)
    resource["subject"]["identifier"]["system"] = people.DNR_SYSTEM
    assert vendor.upload(resource).status_code == 201
    for system in (people.DNR_SYSTEM,):
        assert len(found(reader.form("/fhir/Observation/_search", [("patient.identifier", f"{system}|{number}")]))) == 1


@pytest.mark.parametrize("value", ["", "|", "12345678901", f"{FNR}|12345678901", f"{FNR}|", f"urn:oid:1.2.3|{people.fnr(5)}", f"{FNR}|{people.fnr(5)},{FNR}|{people.fnr(6)}"])
def test_identifiers_that_are_none(reader, value):
    answer = reader.form("/fhir/Observation/_search", [("patient.identifier", value)])
    assert answer.status_code in (400, 422), answer.text
    digits = value.split("|")[-1].split(",")[0]
    assert not digits or digits not in answer.text


def test_an_identifier_in_a_url_is_refused_naming_search(hub, reader):
    line = person()
    answer = reader.get(f"/fhir/Observation?patient.identifier={FNR}|{line}")
    assert answer.status_code == 400 and "_search" in issues(answer)
    assert line not in answer.text and line not in str(answer.headers)
    answer = reader.request("POST", f"/fhir/Observation/_search?patient.identifier={FNR}|{line}", headers=FORM)
    assert answer.status_code == 400 and line not in answer.text


def test_a_search_must_name_a_patient(reader, shelf):
    for form in ([], [("code", "8867-4")], [("date", "2026")], [("_count", "5")]):
        answer = reader.form("/fhir/Observation/_search", form)
        assert answer.status_code == 403 and "patient" in issues(answer), answer.text
    two = reader.form("/fhir/Observation/_search", [("patient.identifier", f"{FNR}|{shelf[0]}"), ("patient.identifier", f"{FNR}|{person()}")])
    assert two.status_code == 400


def test_by_id(reader, shelf):
    line, places = shelf
    one, two = places["pulse1"], places["weight"]
    assert ids(reader.get(f"/fhir/Observation?_id={one}")) == [one]
    assert set(ids(reader.get(f"/fhir/Observation?_id={one},{two}"))) == {one, two}
    assert set(ids(reader.search(line, _id=f"{one},{two},nothing"))) == {one, two}
    assert ids(reader.search(line, _id=one, code="29463-7")) == []
    assert ids(reader.search(person(), _id=one)) == []  # of another patient
    assert ids(reader.get("/fhir/Observation?_id=nothing")) == []


# ---- what


@pytest.mark.parametrize("code,expected", [
    ("8867-4", {"pulse1", "pulse2", "both", "local"}), (f"{LOINC}|8867-4", {"pulse1", "pulse2", "both"}), (f"{SCT}|364075005", {"pulse3", "both"}),
    ("|8867-4", {"local"}), (f"{SCT}|", {"pulse3", "both"}), (f"{LOINC}|8867-4,{SCT}|364075005", {"pulse1", "pulse2", "pulse3", "both"}), ("29463-7,3151-8", {"weight", "month", "year", "oxygen"}),
    (f"{LOINC}|364075005", set()), ("never-seen", set()), (f"{LOINC}|8867", set()), ("8867-4 ", set()), ("", None), ("|", None), (",", None), ("a|b|c", None),
])
def test_code(reader, shelf, code, expected):
    answer = reader.search(shelf[0], code=code, _count="200")
    if expected is None:
        assert answer.status_code == 400, answer.text
    else:
        assert set(names_of(shelf, answer)) == expected


@pytest.mark.parametrize("category,expected", [
    ("survey", {"survey", "untimed"}), (f"{CATEGORY}|survey", {"survey", "untimed"}), ("skjema", {"survey", "untimed"}), ("urn:local|skjema", {"survey", "untimed"}), ("laboratory", set()), ("urn:local|survey", set()),
])
def test_category(reader, shelf, category, expected):
    assert set(names_of(shelf, reader.search(shelf[0], category=category))) == expected


def test_conditions_are_anded_and_values_ored(reader, shelf):
    line = shelf[0]
    assert set(names_of(shelf, reader.search(line, code=["8867-4", "364075005"]))) == {"both"}
    assert set(names_of(shelf, reader.search(line, code="74465-6,29463-7", category="survey,laboratory"))) == {"survey", "untimed"}
    assert set(names_of(shelf, reader.search(line, code="8867-4", date=["ge2026-02", "lt2026-02-06"]))) == {"pulse2"}
    assert set(names_of(shelf, reader.search(line, code="8867-4", date="2026-01,2026-02-06"))) == {"pulse1", "both"}


# ---- when

ALL_TIMED = {"pulse1", "pulse2", "pulse3", "both", "weight", "month", "year", "sleep", "oxygen", "survey", "local"}


@pytest.mark.parametrize("date,expected", [
    ("2026-02-05", {"pulse2", "pulse3", "weight"}), ("eq2026-02-05", {"pulse2", "pulse3", "weight"}), ("2026-02", {"pulse2", "pulse3", "both", "weight"}),
    ("2026-02-05T08:00:05+01:00", {"pulse2"}), ("2026-02-05T07:00:05Z", {"pulse2"}), ("2026-02-05T08:00+01:00", {"pulse2"}), ("2026-05-17T10:00:01.250+02:00", {"survey"}), ("2026-05-17T10:00:01+02:00", {"survey"}),
    ("ne2026-02-05", ALL_TIMED - {"pulse2", "pulse3", "weight"}),
    ("gt2026-02-05", {"both", "month", "sleep", "oxygen", "survey", "local"}), ("ge2026-02-05", {"pulse2", "pulse3", "weight", "both", "month", "sleep", "oxygen", "survey", "local"}),
    ("lt2026-02-05", {"pulse1", "year"}), ("le2026-02-05", {"pulse1", "year", "pulse2", "pulse3", "weight"}),
    ("sa2026-02-05", {"both", "month", "sleep", "oxygen", "survey", "local"}), ("eb2026-02-05", {"pulse1", "year"}),
    ("sa2026-03-10", {"month", "oxygen", "survey", "local"}), ("gt2026-03-11", {"month", "oxygen", "survey", "local"}),
    ("gt2026-03-10", {"sleep", "month", "oxygen", "survey", "local"}),  # the night reaches beyond that day
    ("eb2026-03-11", ALL_TIMED - {"sleep", "month", "oxygen", "survey", "local"}), ("gt2030", {"oxygen"}), ("2025", {"year"}), ("eb2025", set()),
])
def test_date(reader, shelf, date, expected):
    assert set(names_of(shelf, reader.search(shelf[0], date=date, _count="200"))) == expected


def test_about_a_date(reader, shelf):
    names = set(names_of(shelf, reader.search(shelf[0], date="ap2026-02-05", _count="200")))
    assert {"pulse2", "pulse3", "weight", "both"} <= names and "year" not in names and "untimed" not in names


@pytest.mark.parametrize("date", ["yesterday", "05.02.2026", "2026-13", "2026-02-30", "2026-2-5", "xx2026", "EQ2026", "2026-02-05T25:00:00Z", "", "2026-02-05 08:00", "ge", "-1", "2026-02-05T08:00:00+99:00"])
def test_dates_that_are_none(reader, shelf, date):
    answer = reader.search(shelf[0], date=date)
    assert answer.status_code == 400 and "date" in answer.text, answer.text


def test_times_without_zone_are_norwegian(reader, shelf):
    assert set(names_of(shelf, reader.search(shelf[0], date="2026-02-05T08:00:05"))) == {"pulse2"}


# ---- order and pages


def test_order(reader, shelf):
    line = shelf[0]
    newest = names_of(shelf, reader.search(line, _count="200"))
    assert newest == names_of(shelf, reader.search(line, _count="200", _sort="-date"))
    assert newest[0] == "oxygen" and newest[-1] == "untimed"
    oldest = names_of(shelf, reader.search(line, _count="200", _sort="date"))
    assert oldest == newest[::-1]


@pytest.mark.parametrize("sort", ["-date", "date"])
@pytest.mark.parametrize("count", [1, 5, 11, 12, 13])
def test_pages(reader, shelf, sort, count):
    line, places = shelf
    whole = ids(reader.search(line, _count="200", _sort=sort))
    seen, answer = [], reader.search(line, _count=str(count), _sort=sort)
    pages = 0
    while answer is not None:
        page = ids(answer)
        assert len(page) <= count and (page or not seen)
        seen += page
        pages += 1
        answer = reader.next(answer)
    assert seen == whole and pages == -(-len(whole) // count)


def test_filters_go_with_the_page(reader, shelf):
    answer = reader.search(shelf[0], _count="2", code="8867-4", date="ge2026-01")
    seen = ids(answer)
    while (answer := reader.next(answer)) is not None:
        seen += ids(answer)
    assert set(seen) == {shelf[1][name] for name in ("pulse1", "pulse2", "both", "local")} and len(seen) == 4


@pytest.mark.parametrize("count,status,got", [("0", 200, 0), ("200", 200, 12), ("201", 200, 12), ("-1", 400, 0), ("x", 400, 0), ("1.5", 400, 0), ("99999999999999999999", 400, 0), ("", 400, 0)])
def test_count(reader, shelf, count, status, got):
    answer = reader.search(shelf[0], _count=count)
    assert answer.status_code == status, answer.text
    assert status != 200 or len(found(answer)) == got
    # R4 lets a server give fewer than asked for; link[self] says how many it was
    self = [link["url"] for link in answer.json().get("link", []) if link["relation"] == "self"]
    assert status != 200 or f"_count={min(int(count), 200)}" in self[0]


def test_what_self_says(hub, reader, shelf):
    answer = reader.search(shelf[0], code="8867-4,364075005", date="ge2026", _sort="date", _count="5")
    url = next(link["url"] for link in answer.json()["link"] if link["relation"] == "self")
    assert shelf[0] not in url and url.startswith(hub.url + "/fhir/Observation?")
    assert ids(reader.get(url.removeprefix(hub.url))) == ids(answer)


@pytest.mark.parametrize("seed", range(6))
def test_pages_hold_still_while_others_write(hub, reader, seed):
    """What was there before the first page is seen once, whatever comes meanwhile, also at the same times."""
    dice, line = random.Random(seed), person()
    times = [f"2026-{dice.randint(1, 10):02d}-{dice.randint(1, 28):02d}T{dice.randint(0, 23):02d}:{dice.randint(0, 59):02d}:{dice.randint(1, 59):02d}Z" for _ in range(12)]
    vendor = hub.as_("solvik-dho")
    at = iter(range(10 ** 6))

    def some(count):
        return bundle(*(observation(line, value=str(40 + i % 90), at=dice.choice(times), device=f"D-{next(at)}") for i in range(count)))

    before = vendor.upload(some(60))
    assert results(before) == [201] * 60
    wanted = {entry["response"]["location"].split("/")[1] for entry in before.json()["entry"]}
    stop = threading.Event()

    def write():
        while not stop.is_set():
            assert set(results(vendor.upload(some(5)))) == {201}

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen, answer = [], reader.search(line, _count="7", _sort=dice.choice(("date", "-date")))
        while answer is not None:
            seen += ids(answer)
            answer = reader.next(answer) if len(seen) < 2000 else None
            if seed % 2 and len(seen) > 120:
                stop.set()
            if len(seen) > 60:
                stop.set()
    finally:
        stop.set()
        writer.join()
    assert len(seen) == len(set(seen)), "an Observation stood on two pages"
    assert wanted <= set(seen), "an Observation stood on no page"


def test_page_tokens_are_for_who_got_them(hub, vendor, reader):
    line = person()
    assert results(vendor.upload(bundle(*(observation(line, at=f"2026-11-20T08:00:{i:02d}.5Z") for i in range(6))))) == [201] * 6
    url = next(link["url"] for link in reader.search(line, _count="2").json()["link"] if link["relation"] == "next").removeprefix(hub.url)
    assert len(ids(reader.get(url))) == 2
    assert len(ids(hub.as_("utvikler").get(url))) == 2  # the same caller by another token
    others = [hub.as_("sykehus-epj"), hub.as_("utvikler", set={"helseid://claims/identity/pid": people.fnr(901)})]
    token = url.split("_page=")[1]
    for answer in [other.get(url) for other in others] + [
            reader.get(f"/fhir/Observation?_page={bad}") for bad in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), token[2:], "x", "", token + token, "A" * len(token))]:
        assert answer.status_code == 400 and "page" in issues(answer), answer.text
    assert reader.get(url + "&code=8867-4").status_code == 400  # a page is what it is
    assert line not in url


def test_a_page_is_no_place_in_another_list(reader, vendor):
    """A page of Observations asked for among Devices left out what was stored before its place, in silence."""
    line = person()
    for day in range(1, 4):
        assert vendor.upload(observation(line, at=f"2026-11-0{day}T08:00:11+01:00")).status_code == 201
    patient = reader.patient_id(line)
    places = ("Observation", "Observation/$lastn", "Observation/_history", "Device", "Provenance", f"Patient/{patient}/$everything")
    for own in ("Observation", f"Patient/{patient}/$everything"):
        first = reader.get(f"/fhir/{own}?_count=1" + (f"&patient={patient}" if own == "Observation" else ""))
        token = [link["url"] for link in first.json()["link"] if link["relation"] == "next"][0].split("_page=")[1]
        for place in places:
            answer = reader.get(f"/fhir/{place}?_page={token}")
            assert answer.status_code == (200 if place == own else 400), (own, place, answer.text)


# ---- what it does not know


@pytest.mark.parametrize("name,value", [("Code", "8867-4"), ("colour", "red"), ("", "x"), ("patient.name", "x"), ("value", "5"), ("device.identifier", "x"), ("performers", "x")])
def test_unknown_parameters(reader, shelf, name, value):
    for answer in (reader.search(shelf[0], **{name: value}), reader.get(f"/fhir/Observation?_id={shelf[1]['weight']}&{name}={value}")):
        assert answer.status_code == 400, answer.text
        assert (f"{name}" in issues(answer)) and "code" in issues(answer), answer.text  # names it, and the known ones


@pytest.mark.parametrize("name", ["code:exact", "code:in", "code:Text", "date:not", "category:above", "patient:exact", "patient.identifier:exact", "_id:exact", "_count:x", "code-value-quantity:missing"])
def test_unknown_modifiers(reader, shelf, name):
    answer = reader.search(shelf[0], **{name: "8867-4"})
    assert answer.status_code == 400 and name.split(":")[0] in issues(answer), answer.text


@pytest.mark.parametrize("name,value", [("_sort", "status"), ("_sort", "date,-date"), ("_sort", "--date"), ("_total", "all"), ("status", "finished"), ("value-quantity", "abc"), ("value-quantity", "5|kg"), ("code-value-quantity", "8867-4"), ("_lastUpdated", "now"), ("_sort", ""), ("_format", "xml"), ("_pretty", "maybe")])
def test_unknown_values(reader, shelf, name, value):
    answer = reader.search(shelf[0], **{name: value})
    assert answer.status_code == (406 if name == "_format" else 400) and name in issues(answer), answer.text


@pytest.mark.parametrize("text", [b"code=%", b"code=%zz", b"code=%ff", b"code=%00", b"code=a%0", b"co%64e=\xff", b"a b=c"])
def test_what_is_no_form(reader, shelf, text):
    good = httpx.QueryParams({"patient.identifier": f"{FNR}|{shelf[0]}"})
    answer = reader.post("/fhir/Observation/_search", headers=FORM, content=str(good).encode() + b"&" + text)
    assert answer.status_code == 400, answer.text


def test_too_many_values(reader, shelf):
    assert reader.search(shelf[0], code=",".join(f"c{i}" for i in range(51))).status_code == 413
    assert reader.search(shelf[0], code=[f"c{i}" for i in range(51)]).status_code == 400
    assert reader.search(shelf[0], code=",".join(f"c{i}" for i in range(50))).status_code == 200


def test_the_media_type_of_a_form(reader, shelf):
    for kind in ("application/json", "text/plain", ""):
        answer = reader.post("/fhir/Observation/_search", headers={"Content-Type": kind}, content=str(httpx.QueryParams({"patient.identifier": f"{FNR}|{shelf[0]}"})))
        assert answer.status_code == 415, answer.text


def test_head_is_get_without_a_body(reader, shelf):
    place = shelf[1]["weight"]
    head, get = reader.request("HEAD", f"/fhir/Observation/{place}"), reader.get(f"/fhir/Observation/{place}")
    assert head.status_code == 200 and head.content == b"" and get.content
    assert head.headers["etag"] == get.headers["etag"] and head.headers["content-length"] == get.headers["content-length"]


def test_metadata_tells_all_of_this(hub, reader):
    statement = reader.plain("GET", "/fhir/metadata").json()
    assert statement["resourceType"] == "CapabilityStatement" and statement["fhirVersion"] == "4.0.1"
    kinds = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert {"patient", "patient.identifier", "code", "date", "category", "_id"} <= {one["name"] for one in kinds["Observation"]["searchParam"]}
    assert "16777216" in json.dumps(statement) and "5000" in json.dumps(statement)
