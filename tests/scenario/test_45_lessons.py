# SPDX-License-Identifier: AGPL-3.0-or-later
"""What users of other FHIR servers complain about, 25 times, and what the hub does instead.

Each scenario is one complaint. Three are about things the hub does not have (an export, a reindex job, subscriptions): theirs hold what stands in the place of it.
"""
import concurrent.futures
import json
import random
import re
import threading
import time
import uuid

import pytest

from hub import FHIR_JSON, FNR, bundle, found, ids, observation, person, results

UCUM = "http://unitsofmeasure.org"


def shelf(vendor, count, line=None, **rest):
    """`count` readings of a patient, a second apart: (the patient, their ids)."""
    line = line or person()
    answer = vendor.upload(bundle(*(observation(line, at=f"2026-11-20T{8 + i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}.5Z", device=f"D-{i}", **rest) for i in range(count))))
    assert results(answer) == [201] * count, answer.text
    return line, [entry["response"]["location"].split("Observation/")[1].split("/")[0] for entry in answer.json()["entry"]]


def pages(caller, answer):
    """All pages from this one on, as lists of ids."""
    out = []
    while answer is not None:
        out.append(ids(answer))
        answer = caller.next(answer)
        assert len(out) < 200
    return out


def scans(hub, table):
    """How often the table was read: (from end to end, by an index, through a bitmap or not)."""
    time.sleep(1.2)  # what a session counts is told once a second
    hub.sql("select pg_stat_clear_snapshot()")
    return hub.sql("select seq_scan, coalesce(idx_scan, 0) from pg_stat_user_tables where relid = %s::regclass", f"hub.{table}")[0]


def test_lesson_01_newest_first_walks_an_index_and_stops(hub, vendor, reader):
    line, _ = shelf(vendor, 60)
    reader.search(line)
    time.sleep(1.2)
    before = scans(hub, "observation")
    for turn in range(26):
        if turn == 25:
            time.sleep(1.2)
        assert len(found(reader.search(line, _count="20"))) == 20
        assert len(found(reader.search(line, code="8867-4", date="ge2026-11-20", _count="20"))) == 20
    after = scans(hub, "observation")
    assert after[0] == before[0], "a search read the whole table"
    assert after[1] > before[1]


def test_lesson_02_nobody_waits_for_a_count_he_did_not_ask_for(vendor, reader):
    line, made = shelf(vendor, 23)
    assert "total" not in reader.search(line, _count="5").json()
    assert "total" not in reader.search(line, _count="5", _total="none").json()
    answer = reader.search(line, _count="5", _total="accurate").json()
    assert answer["total"] == len(made) and len(answer["entry"]) == 5


@pytest.mark.parametrize("sort", ["date", "-date", "_lastUpdated", "code,-date"])
def test_lesson_03_pages_neither_repeat_nor_miss(vendor, reader, sort):
    line, made = shelf(vendor, 20)
    twins = vendor.upload(bundle(*(observation(line, code=code, device=f"T-{i}", at="2026-11-20T08:00:05.5Z") for i in range(9) for code in ("8867-4", "9279-1"))))
    assert set(results(twins)) == {201}
    seen = pages(reader, reader.search(line, _count="4", _sort=sort))
    assert [len(page) for page in seen] == [4] * 9 + [2]
    flat = [place for page in seen for place in page]
    assert len(set(flat)) == len(flat) == 38 and set(made) <= set(flat)


def test_lesson_04_pages_hold_still(vendor, reader):
    line, made = shelf(vendor, 12)
    first = reader.search(line, _count="5", _sort="-date")
    newer = vendor.upload(bundle(*(observation(line, at=f"2026-11-21T08:00:{i:02d}.5Z", device=f"N-{i}") for i in range(7))))
    assert set(results(newer)) == {201}
    assert [place for page in pages(reader, first) for place in page] == made[::-1]


def test_lesson_05_pages_are_full_though_much_is_not_for_the_caller(hub, vendor, doctor):
    """Who may read what is a condition of the query, not a sieve behind it."""
    line = person()
    mixed = [observation(line, code="8867-4" if i % 5 == 0 else "9279-1", at=f"2026-11-20T08:{i // 60:02d}:{i % 60:02d}.5Z", device=f"D-{i}") for i in range(60)]
    assert set(results(vendor.upload(bundle(*mixed)))) == {201}
    orgnr, caller = hub.controller("Lesson kommune", scopes="read,write")
    assert set(results(caller.upload(bundle(*(observation(line, code=mixed[i]["code"]["coding"][0]["code"], at=mixed[i]["effectiveDateTime"], device=f"L-{i}") for i in range(60)))))) == {201}
    rule = hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT", "--code", "http://loinc.org|8867-4")
    try:
        seen = pages(doctor, doctor.search(line, _count="10"))
        assert [len(page) for page in seen] == [10] * 7 + [2]  # all 60 of Solvik's, 12 of the other's
    finally:
        hub.maalehub("rule", "revoke", str(rule))


def test_lesson_06_a_page_token_is_of_its_caller(hub, vendor, reader, doctor):
    line, _ = shelf(vendor, 6)
    url = next(link["url"] for link in reader.search(line, _count="2").json()["link"] if link["relation"] == "next").removeprefix(hub.url)
    assert len(ids(reader.get(url))) == 2
    _, stranger = hub.controller("Nysgjerrig kommune", scopes="read,write")
    for other in (doctor, stranger):
        answer = other.get(url)
        assert answer.status_code in (400, 403) and "entry" not in answer.json(), answer.text


def test_lesson_07_no_parameter_tells_what_another_controller_holds(hub, vendor):
    """The same questions about a patient whom only another knows, and about one whom nobody knows, have the same answers."""
    held, made = shelf(vendor, 3, identifier=None)
    nobody = person()
    _, asker = hub.controller("Spørrelysten kommune", scopes="read,write")
    values = {"date": "ge2020", "token": "final", "quantity": "gt1", "reference": "Device/1", "string": "a", "uri": "urn:x", "number": "1", "composite": "8867-4$gt1"}
    resources = vendor.get("/fhir/metadata").json()["rest"][0]["resource"]
    parameters = next(one for one in resources if one["type"] == "Observation")["searchParam"]
    asked = 0
    for parameter in parameters:
        name = parameter["name"]
        if name in ("patient", "subject", "patient.identifier"):
            continue
        value = {"code": "8867-4", "category": "vital-signs", "_id": made[0], "data-absent-reason": "unknown"}.get(name) or values[parameter["type"]]
        answers = [asker.search(line, **{name: value}) for line in (held, nobody)]
        shapes = [(answer.status_code, re.sub(r'"(url|lastUpdated|id|timestamp)":"[^"]*"', "", answer.text)) for answer in answers]
        assert shapes[0] == shapes[1], f"{name}: {shapes}"
        assert answers[0].status_code in (200, 400, 403)
        asked += 1
    assert asked > 20
    for place in made:
        assert asker.get(f"/fhir/Observation/{place}").text.replace(place, "") == asker.get("/fhir/Observation/" + place[::-1]).text.replace(place[::-1], "")


def test_lesson_08_a_controller_shares_what_it_wants_to_share(hub, doctor):
    orgnr, caller = hub.controller("Delende kommune", scopes="read,write")
    line = person()
    assert results(caller.upload(bundle(observation(line, code="8867-4"), observation(line, code="29463-7", unit="kg")))) == [201, 201]
    codes = lambda: sorted(one["code"]["coding"][0]["code"] for one in found(doctor.search(line)))  # noqa: E731
    assert codes() == []
    one = hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT", "--code", "http://loinc.org|8867-4")
    assert codes() == ["8867-4"]
    both = hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT")
    assert codes() == ["29463-7", "8867-4"]
    for rule in (one, both):
        hub.maalehub("rule", "revoke", str(rule))
    assert codes() == []


def test_lesson_09_of_equal_creates_at_once_one_wins(hub, vendor):
    line, name = person(), str(uuid.uuid4())
    sent = observation(line, identifier=[{"system": "urn:lesson", "value": name}])
    callers = [hub.as_("solvik-dho") for _ in range(8)]
    for caller in callers:
        caller.token()

    def create(caller):
        headers = {**FHIR_JSON, "If-None-Exist": f"identifier=urn:lesson|{name}"}
        return caller.post("/fhir/Observation", headers=headers, content=json.dumps(sent))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, callers))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201], [answer.text for answer in answers]
    assert len({answer.headers["Location"].split("/_history")[0] for answer in answers}) == 1
    assert len(found(hub.as_("utvikler").search(line))) == 1


def test_lesson_10_lastn_is_native_and_keeps_to_the_rules(hub, vendor, doctor):
    line, _ = shelf(vendor, 5)
    assert set(results(vendor.upload(bundle(observation(line, code="149530", system="urn:iso:std:iso:11073:10101", at="2026-11-22T08:00:01Z"), observation(line, code="9279-1", at="2026-11-01T08:00:01Z"))))) == {201}
    orgnr, caller = hub.controller("Annen kommune", scopes="read,write")
    assert results(caller.upload(bundle(observation(line, code="29463-7", unit="kg", at="2026-11-23T08:00:01Z")))) == [201]
    answer = doctor.form("/fhir/Observation/$lastn", [("patient.identifier", f"{FNR}|{line}"), ("max", "1")])
    newest = [(one["code"]["coding"][0]["code"], one["effectiveDateTime"][:10]) for one in found(answer)]
    assert sorted(newest) == [("149530", "2026-11-22"), ("9279-1", "2026-11-01")]  # MDC and LOINC of the pulse are one thing; the other controller has no rule


def test_lesson_11_a_time_without_zone_has_one_and_it_is_told(vendor, reader):
    """Also in the hour that comes twice, and in the one that never comes."""
    line = person()
    times = {"2026-03-29T02:30:00": "2026-03-29T01:30:00Z", "2026-10-25T02:30:00": "2026-10-25T00:30:00Z", "2026-07-01T12:00:01": "2026-07-01T10:00:01Z", "2026-01-01T12:00:01": "2026-01-01T11:00:01Z"}
    answer = vendor.upload(bundle(*(observation(line, at=at, device=f"Z-{i}") for i, at in enumerate(times))))
    assert results(answer) == [201] * 4
    for entry in answer.json()["entry"]:
        assert "Europe/Oslo" in json.dumps(entry["response"]["outcome"]["issue"])
    for at, utc in times.items():
        assert [one["effectiveDateTime"] for one in found(reader.search(line, date=utc))] == [at]
    # a day of 23 hours and one of 25
    day = person()
    assert set(results(vendor.upload(bundle(*(observation(day, at=at, device=at) for at in ("2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z")))))) == {201}
    assert len(found(reader.search(day, date="2026-03-29"))) == 2 and len(found(reader.search(day, date="2026-10-25"))) == 2


@pytest.mark.parametrize("number", ["70.50", "1.2E+2", "0.000", "-0.0", "1e3", "99999999999999999.9"])
def test_lesson_12_a_number_stays_the_text_it_was(vendor, reader, number):
    line = person()
    answer = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=json.dumps(observation(line)).replace('"value": 72.0', f'"value": {number}'))
    assert answer.status_code == 201 and f'"value": {number},' in reader.search(line).text


def test_lesson_13_units_of_one_dimension_compare(vendor, reader):
    line = person()
    sent = [("8310-5", "37.0", "Cel"), ("8310-5", "98.6", "[degF]"), ("8310-5", "310.15", "K"), ("8310-5", "35.0", "Cel"), ("29463-7", "70500", "g"), ("29463-7", "70.5", "kg"), ("15074-8", "5.5", "mmol/L"), ("2339-0", "99", "mg/dL"), ("8867-4", "71", "{beats}/min")]
    assert set(results(vendor.upload(bundle(*(observation(line, code=code, value=value, unit=unit, at=f"2026-11-20T08:00:{i:02d}.5Z") for i, (code, value, unit) in enumerate(sent)))))) == {201}
    units = lambda asked: sorted(one["valueQuantity"]["code"] for one in found(reader.search(line, **{"value-quantity": asked})))  # noqa: E731
    assert units(f"gt36.5|{UCUM}|Cel") == ["Cel", "K", "[degF]"]
    assert units(f"gt97.7|{UCUM}|[degF]") == ["Cel", "K", "[degF]"]
    assert units(f"gt155|{UCUM}|[lb_av]") == ["g", "kg"]
    assert units(f"gt1|{UCUM}|mmol/L") == ["mmol/L"]  # a mass is never taken for an amount
    assert units(f"gt1|{UCUM}|g/L") == [] and units(f"gt900|{UCUM}|mg/L") == ["mg/dL"]
    assert units(f"gt1|{UCUM}|/s") == ["{beats}/min"]


def test_lesson_14_what_is_not_understood_is_not_dropped(hub, vendor, reader):
    line, _ = shelf(vendor, 3)
    for name, value in (("_security", "http://x|"), ("value-quantity", "abc"), ("made-up", "1"), ("code:made-up", "8867-4"), ("date", "yesterday"), ("_has:Device:x", "1"), ("status", "done")):
        answer = reader.search(line, **{name: value})
        assert answer.status_code == 400 or (name == "_security" and found(answer) == []), f"{name}: {answer.text}"
        assert answer.status_code != 400 or name.split(":")[0] in answer.text
    # lenient: it says so, the self link is true, and nothing widens
    path, form = "/fhir/Observation/_search", f"patient.identifier={FNR}|{line}&made-up=1&code=9279-1"
    answer = reader.post(path, headers={"Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=lenient"}, content=form)
    assert found(answer) == [] and "made-up" in json.dumps([entry for entry in answer.json()["entry"] if entry["search"]["mode"] == "outcome"])
    assert "made-up" not in next(link["url"] for link in answer.json()["link"] if link["relation"] == "self")
    refused = reader.post(path, headers={"Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=lenient"}, content=f"patient.identifer={FNR}|{line}")
    assert "entry" not in refused.json() or found(refused) == []


def test_lesson_15_a_large_bundle_may_be_sent_again(vendor, reader):
    line = person()
    sent = bundle(*(observation(line, at=f"2026-11-{1 + i // 600:02d}T{i // 60 % 10 + 8:02d}:{i % 60:02d}:01Z", device="D-1") for i in range(1500)))
    first, again = vendor.upload(sent), vendor.upload(sent)
    assert set(results(first)) == {201} and set(results(again)) == {200}
    place = lambda answer: [entry["response"]["location"].split("/_history")[0] for entry in answer.json()["entry"]]  # noqa: E731
    assert place(first) == place(again)
    assert [entry["fullUrl"] for entry in first.json()["entry"]] == [entry["fullUrl"] for entry in sent["entry"]]
    text = vendor.get("/fhir/metadata").text
    assert "5000 entries" in text and "16777216 bytes" in text
    many = bundle(*(observation(line) for _ in range(5001)))
    refused = vendor.upload(many)
    assert refused.status_code == 413 and "5000" in refused.text


def test_lesson_16_large_answers_do_not_add_up(hub, vendor, reader):
    line = person()
    for part in range(2):
        assert set(results(vendor.upload(bundle(*(observation(line, at=f"2026-11-20T08:{part:02d}:{i + 1:02d}Z", note=[{"text": "x" * 600000}]) for i in range(20)))))) == {201}

    def fetch():
        seen = [place for page in pages(reader, reader.search(line, _count="200")) for place in page]
        assert len(seen) == len(set(seen)) == 40

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{hub.processes['hub'].pid}/status").read())[1])

    for _ in range(3):
        fetch()
    before = resident()
    for _ in range(8):
        fetch()
    assert resident() - before < 8 * 24_000 // 2  # of eight answers of 24 MB nothing stays


def test_lesson_17_what_is_fetched_is_what_is_there(hub, reader):
    """No export yet: what a controller fetches page by page is counted against the database."""
    orgnr, caller = hub.controller("Hel kommune", scopes="read,write")
    lines = [person() for _ in range(4)]
    for line in lines:
        shelf(caller, 30, line)
    tenant = hub.sql("select tenant_id from hub.tenant where orgnr = %s", orgnr)[0][0]
    rows = hub.sql("select count(*) from hub.observation where tenant_id = %s and status <> 0", tenant)[0][0]
    fetched = [place for line in lines for page in pages(caller, caller.search(line, _count="50")) for place in page]
    assert len(fetched) == len(set(fetched)) == rows == 120


def test_lesson_18_a_search_leaves_nothing_to_clean_up(hub, vendor, reader):
    line, _ = shelf(vendor, 30)
    tables = [name for name, in hub.sql("select relname from pg_class where relnamespace = 'hub'::regnamespace and relkind in ('r', 'p') and relname not like 'access_log%'")]
    count = lambda: {name: hub.sql(f"select count(*) from hub.{name}")[0][0] for name in tables}  # noqa: E731
    reader.search(line, _count="3")
    before = count()
    for _ in range(40):
        reader.next(reader.search(line, _count="3"))
    assert count() == before


def test_lesson_19_old_versions_slow_no_read(hub, vendor, reader):
    """They stand in a table of their own: reads work without the right to look into it."""
    line = person()
    for i in range(30):
        answer = vendor.upload(observation(line, status="corrected" if i else "final", value=str(60 + i)))
        assert answer.status_code == (200 if i else 201)
    place = answer.json()["id"]
    hub.sql("revoke select on hub.observation_history from hub_read")
    try:
        assert reader.get(f"/fhir/Observation/{place}").headers["ETag"] == 'W/"30"'
        assert len(found(reader.search(line))) == 1
    finally:
        hub.sql("grant select on hub.observation_history to hub_read")


def test_lesson_20_what_is_included_is_judged_too(hub, vendor, doctor):
    """Elsewhere what comes with a page leaves the compartment. Here a reference opens nothing: test_43_resources_include.py has the rest."""
    line = person()
    orgnr, caller = hub.controller("Lukket kommune", scopes="read,write")

    def device(sender):
        answer = sender.upload(bundle({"resourceType": "Device", "identifier": [{"system": "urn:lesson", "value": str(uuid.uuid4())}], "patient": {"identifier": {"system": FNR, "value": line}}}))
        assert results(answer) == [201], answer.text
        return answer.json()["entry"][0]["response"]["location"].split("Device/")[1].split("/")[0]

    place, other = device(vendor), device(caller)
    sent = [observation(line, device=None, at=f"2026-11-20T08:00:0{i}.5Z") for i in range(2)]
    for one, target in zip(sent, (place, other)):
        one["device"] = {"reference": f"Device/{target}"}
    assert results(vendor.upload(bundle(*sent))) == [201, 201]
    answer = doctor.search(line, _include="Observation:device")
    included = [entry["resource"] for entry in answer.json()["entry"] if entry["search"]["mode"] == "include"]
    assert [one["id"] for one in included] == [place] and len(found(answer)) == 2
    assert doctor.get(f"/fhir/Device/{other}").status_code == 404


def test_lesson_21_every_parameter_is_usable_at_once(hub, vendor, reader):
    """There is no reindexing: what has no column is looked for in the stored resource, so a parameter works for what was stored before it."""
    line = person()
    sent = [observation(line, at=f"2026-11-20T08:00:0{i}.5Z", method={"coding": [{"system": "http://snomed.info/sct", "code": "37931006"}]} if i == 1 else None, focus=[{"reference": "Group/1"}] if i == 2 else None) for i in range(4)]
    answer = vendor.upload(bundle(*sent))
    assert results(answer) == [201] * 4
    made = [entry["response"]["location"].split("Observation/")[1].split("/")[0] for entry in answer.json()["entry"]]
    assert ids(reader.search(line, method="37931006")) == [made[1]]
    assert ids(reader.search(line, focus="Group/1")) == [made[2]]
    assert sorted(ids(reader.search(line, **{"method:missing": "true"}))) == sorted(made[:1] + made[2:])


def test_lesson_22_a_migration_is_no_outage(hub, vendor, reader):
    """Run again beside the running hub; that the version before still works with a newer schema can only be shown once there are two."""
    line = person()
    failures, stop = [], threading.Event()

    def work():
        own, number = hub.as_("solvik-dho"), 0
        while not stop.is_set():
            number += 1
            answer = own.upload(observation(line, at=f"2026-11-20T08:{number // 60 % 60:02d}:{number % 60:02d}.5Z", device=f"M-{number}"))
            if answer.status_code != 201:
                failures.append(answer.text)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3):
            hub.maalehub("migrate", "--as", "postgres")
    finally:
        stop.set()
        worker.join()
    assert failures == [] and found(reader.search(line))


def test_lesson_23_a_look_is_one_row_however_much_was_seen(hub, vendor, doctor):
    line, _ = shelf(vendor, 40)
    before = len(hub.entries(line))
    assert len(found(doctor.search(line, _count="40"))) == 40
    rows = hub.entries(line)
    assert len(rows) == before + 1
    assert rows[0]["what"][0]["count"] == 40 and rows[0]["what"][0]["code"] == "8867-4"


def test_lesson_24_who_asks_for_what_is_new_gets_each_once(hub):
    """No subscriptions yet: a controller that asks again by _lastUpdated misses nothing and sees nothing twice."""
    orgnr, caller = hub.controller("Spørrende kommune", scopes="read,write")
    dice, made, seen = random.Random(24), set(), []
    since = "2026-01-01T00:00:00Z"
    for turn in range(8):
        made |= set(shelf(caller, dice.randint(1, 6))[1])
        end = time.time() + 20
        while len(set(seen)) < len(made) and time.time() < end:
            answer = caller.search(None, _lastUpdated=f"gt{since}", _sort="_lastUpdated", _count="50")
            for one in found(answer):
                seen.append(one["id"])
                since = one["meta"]["lastUpdated"]
            time.sleep(0.05)
    assert set(seen) == made and len(seen) == len(made)


def test_lesson_25_a_blood_pressure_is_found_by_its_parts(vendor, reader):
    line = person()

    def pressure(systolic, diastolic, at):
        part = lambda code, value: {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value, "unit": "mm[Hg]", "system": UCUM, "code": "mm[Hg]"}}  # noqa: E731
        return observation(line, code="85354-9", at=at, valueQuantity=None, component=[part("8480-6", systolic), part("8462-4", diastolic)])

    answer = vendor.upload(bundle(pressure(150, 80, "2026-11-20T08:00:01Z"), pressure(120, 95, "2026-11-20T08:00:02Z"), pressure(120, 80, "2026-11-20T08:00:03Z")))
    assert results(answer) == [201] * 3
    made = [entry["response"]["location"].split("Observation/")[1].split("/")[0] for entry in answer.json()["entry"]]
    ask = lambda **rest: sorted(ids(reader.search(line, **{name.replace("__", "-"): value for name, value in rest.items()})))  # noqa: E731
    assert ask(code="8480-6") == [] and ask(combo__code="8480-6") == sorted(made)
    assert ask(component__code__value__quantity=f"8480-6$gt140|{UCUM}|mm[Hg]") == [made[0]]
    assert ask(component__code__value__quantity=f"8462-4$gt90|{UCUM}|mm[Hg]") == [made[1]]
    assert ask(component__code__value__quantity=f"8480-6$gt18|{UCUM}|kPa") == [made[0]]
    assert ask(combo__code__value__quantity="8462-4$gt140") == []  # code and value of one component, never of two
