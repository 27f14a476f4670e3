# SPDX-License-Identifier: AGPL-3.0-or-later
"""A controller among its own, no patient named: polling, look-ups, whose log says so; and never a row of another controller's, nor one that a patient objected to."""
import time

import psycopg2
import pytest

from hub import bundle, dnr, found, ids, issues, observation, person, results

LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def every(caller, path):
    """All pages behind a path: ids in order."""
    answer, seen = caller.get(path), []
    while answer is not None:
        seen += ids(answer)
        answer = caller.next(answer)
    return seen


def places(answer):
    assert set(results(answer)) == {201}, answer.text
    return [entry["response"]["location"].split("/")[1] for entry in answer.json()["entry"]]


def readings(line, *more, marks="a"):
    """Of one patient: pulse, weight, a blood pressure by components, one without time."""
    return [
        observation(line, value="61", at="2026-11-01T08:00:01+01:00", device=f"{marks}-1", identifier=[{"system": "urn:own", "value": f"{marks}-pulse"}]),
        observation(line, value="70.5", code="29463-7", unit="kg", at="2026-11-02T08:00:01+01:00", device=f"{marks}-2"),
        observation(line, value="5", code="74465-6", unit="1", at=None, effectiveDateTime=None, category=[{"coding": [{"system": CATEGORY, "code": "survey"}]}]),
        *more]


@pytest.fixture(scope="module")
def town(hub):
    """A controller with two patients: (caller, {patient: its ids})."""
    _, caller = hub.controller("Pollens kommune")
    return caller, {line: places(caller.upload(bundle(*readings(line, marks=mark)))) for mark, line in (("a", person()), ("b", person()))}


@pytest.fixture(scope="module")
def neighbour(hub, town):
    """Another that holds the same readings of the same patients."""
    _, caller = hub.controller("Naboens kommune")
    return caller, {line: places(caller.upload(bundle(*readings(line, marks=mark)))) for mark, line in zip("ab", town[1])}


def own(side):
    return {place for part in side[1].values() for place in part}


# ---- who may


def test_only_a_controllers_own_system(hub, doctor, town):
    for caller in (doctor, hub.as_("utvikler")):
        for query in ("", "?_lastUpdated=gt2026-01-01", "?code=8867-4", "?identifier=urn:own|a-pulse"):
            answer = caller.get("/fhir/Observation" + query)
            assert answer.status_code == 403 and "patient" in issues(answer), answer.text
    orgnr, caller = hub.controller("Leser", scopes="read,write")
    assert caller.get("/fhir/Observation").status_code == 200
    hub.sql("with t as (update hub.tenant set controller = false where orgnr = %s), v as (update hub.rules_version set version = version + 1) select 1", orgnr)
    assert caller.search(person()).status_code == 200  # whoever is named brings the newest rules
    answer = caller.get("/fhir/Observation")
    assert answer.status_code == 403 and "patient" in issues(answer)


def test_what_is_not_for_it_is_said(town):
    caller = town[0]
    for query, word in (("_total=accurate", "_total"), ("_count=0", "total"), ("_sort=code", "_sort"), ("_sort=date,code", "_sort"), ("nonsense=1", "nonsense")):
        answer = caller.get(f"/fhir/Observation?{query}")
        assert answer.status_code in (400, 403) and word in issues(answer), answer.text
    # what lenient handling ignores might have named somebody
    answer = caller.get("/fhir/Observation?pasient=1", headers={"Prefer": "handling=lenient"})
    assert answer.status_code == 400 and "ignored" in issues(answer)


# ---- what is found


def test_all_that_came_in_order(town):
    caller, mine = town
    assert set(every(caller, "/fhir/Observation")) == own(town)
    oldest = every(caller, "/fhir/Observation?_sort=_lastUpdated&_count=1")
    assert len(oldest) == len(set(oldest)) == 6 and set(oldest) == own(town)
    assert every(caller, "/fhir/Observation?_sort=-_lastUpdated&_count=4") == oldest[::-1]
    assert every(caller, "/fhir/Observation?_count=2") == oldest
    first, second = mine.values()
    assert set(oldest[:3]) == set(first) and set(oldest[3:]) == set(second)
    newest_first = every(caller, "/fhir/Observation?_sort=-date&_count=1")
    assert len(newest_first) == 6 and set(newest_first) == own(town)
    times = [one.get("effectiveDateTime", "") for one in found(caller.get("/fhir/Observation?_sort=-date"))]
    assert times == sorted(times, reverse=True) and times[-1] == ""
    assert every(caller, "/fhir/Observation?_sort=date&_count=5") == newest_first[::-1]


def test_readings_of_one_time_stand_on_one_page_each(hub):
    """Readings that were written together have one time of receipt; here they lie on disk in another order than that of their ids, as they may after changes."""
    _, caller = hub.controller("Samme øyeblikk")
    line = person()
    answer = caller.upload(bundle(*[observation(line, value=str(60 + i % 40), at=f"2026-11-01T08:{i // 60:02}:{i % 60:02}+01:00") for i in range(200)]))
    assert len(places(answer)) == 200
    tenant = hub.sql("select tenant_id from hub.observation order by recv desc limit 1")[0][0]
    for moved in ("recv + interval '1 hour' where id %% 2 = 0 and", "(select min(recv) from hub.observation where tenant_id = o.tenant_id) where"):
        hub.sql(f"with moved as (update hub.observation o set recv = {moved} tenant_id = %s returning 1) select count(*) from moved", tenant)
    assert hub.sql("select count(distinct recv), count(*) from hub.observation where tenant_id = %s", tenant) == [(1, 200)]
    oldest = every(caller, "/fhir/Observation?_sort=_lastUpdated&_count=7")
    assert len(oldest) == len(set(oldest)) == 200
    assert every(caller, "/fhir/Observation?_sort=-_lastUpdated&_count=11") == oldest[::-1]
    assert every(caller, "/fhir/Observation/_history?_count=9") == oldest[::-1]


@pytest.mark.parametrize("query,expected", [
    ("code=8867-4", {0}), (f"code={LOINC}|8867-4", {0}), ("code=8867-4,29463-7", {0, 1}), ("code=nothing", set()), (f"code={LOINC}|", {0, 1, 2}),
    ("code=8867-4&date=2026-11-01", {0}), ("code=8867-4&date=gt2026-11-01", set()), ("date=ge2026-11-02", {1}), ("date=2026-11", {0, 1}),
    ("code=8867-4&_sort=date", {0}), ("code=8867-4&_sort=_lastUpdated", {0}), ("code=8867-4&_lastUpdated=gt2026-01-01", {0}),
    ("category=survey", {2}), ("category=survey&_sort=date", {2}), ("status=final", {0, 1, 2}), ("status=amended", set()),
    ("value-quantity=gt60|http://unitsofmeasure.org|kg", {1}), ("value-quantity=lt62&code=8867-4", {0}), ("code=29463-7&value-quantity=70.5", {1}),
    ("_lastUpdated=gt2026-01-01", {0, 1, 2}), ("_lastUpdated=lt2026-01-01", set()), ("_lastUpdated=gt2026-01-01&_sort=-date", {0, 1, 2}),
    ("code:text=puls", set()), ("identifier:missing=true", {1, 2}), ("identifier=urn:other|a-pulse", set()),
])
def test_each_condition(town, query, expected):
    caller, mine = town
    assert set(every(caller, f"/fhir/Observation?{query}&_count=1")) == {part[i] for part in mine.values() for i in expected}


def test_look_up_by_identifier_and_device(town):
    caller, mine = town
    first, second = mine.values()
    assert every(caller, "/fhir/Observation?identifier=urn:own|a-pulse") == [first[0]]
    assert every(caller, "/fhir/Observation?identifier=urn:own|a-pulse,urn:own|b-pulse&_count=1") == [first[0], second[0]]
    assert every(caller, "/fhir/Observation?identifier=urn:own|a-pulse&_sort=-date") == [first[0]]
    assert every(caller, "/fhir/Observation?identifier=urn:own|a-pulse&code=29463-7") == []
    assert every(caller, "/fhir/Observation?identifier=urn:own|a-pulse&identifier=urn:own|b-pulse") == []
    assert every(caller, "/fhir/Observation?identifier=a-pulse") == [first[0]]  # without system: looked at one by one
    assert every(caller, "/fhir/Observation?device:identifier=http://vendor.example/serial|b-2") == [second[1]]


def test_what_stands_beside_has_the_identifier_too(hub):
    """Two readings within a minute with one identifier are both kept, and both are found by it."""
    _, caller = hub.controller()
    line = person()
    one = observation(line, at="2026-11-20T08:00+01:00", value="61", identifier=[{"system": "urn:own", "value": "twice"}])
    one["effectiveDateTime"] = "2026-11-20T08:00:00+01:00"
    first = caller.upload(one)
    second = caller.upload({**one, "valueQuantity": {**one["valueQuantity"], "value": 62}})
    assert (first.status_code, second.status_code) == (201, 201)
    assert set(every(caller, "/fhir/Observation?identifier=urn:own|twice")) == {first.json()["id"], second.json()["id"]}


# ---- whose, and what is written down


def test_one_row_for_each_patient_on_the_page(hub):
    _, caller = hub.controller()
    lines = [person() for _ in range(3)]
    for line in lines:
        caller.upload(bundle(*readings(line)))
    before = hub.rows()
    page = caller.get("/fhir/Observation?_count=7")
    assert len(found(page)) == 7 and hub.rows() == before + 3
    for line, count in zip(lines, (3, 3, 1)):
        entry = next(entry for entry in hub.entries(line) if entry["event"] == "search")
        assert entry["outcome"] == "permit" and sum(what["count"] for what in entry["what"]) == count
    assert caller.get("/fhir/Observation?code=nothing").status_code == 200
    assert hub.rows() >= before + 4  # nobody was found: one row all the same


def test_persons_that_are_one_have_one_row(hub):
    _, caller = hub.controller()
    line, other = person(), dnr()
    for who in (line, other):
        assert caller.upload(observation(who)).status_code == 201
    hub.maalehub("person", "join", stdin=f"{line}\n{other}\n")
    before = hub.rows()
    assert len(found(caller.get("/fhir/Observation"))) == 2
    assert hub.rows() == before + 1


def test_a_block_holds_as_if_the_patient_were_named(hub):
    orgnr, caller = hub.controller()
    lines = [person() for _ in range(4)]
    mine = {line: places(caller.upload(bundle(*readings(line)))) for line in lines}
    hub.maalehub("block", "add", stdin=lines[0] + "\n")
    hub.maalehub("block", "add", "--actor", str(orgnr), stdin=lines[1] + "\n")
    hub.maalehub("block", "add", "--code", f"{LOINC}|8867-4", stdin=lines[2] + "\n")
    hub.maalehub("block", "add", "--actor", "999999999", stdin=lines[3] + "\n", check=False)
    named = {place for line in lines for place in ids(caller.search(line))}
    assert mine[lines[0]][0] not in named and mine[lines[2]][0] not in named and set(mine[lines[3]]) <= named
    for query in ("_count=200", "_count=1", "_sort=-date&_count=2", "code=8867-4", "identifier=urn:own|a-pulse", "date=2026-11", "category=survey"):
        seen = every(caller, f"/fhir/Observation?{query}")
        assert len(seen) == len(set(seen)) and set(seen) <= named, query
    assert set(every(caller, "/fhir/Observation")) == named
    before = len(hub.entries(lines[0]))
    every(caller, "/fhir/Observation")
    assert len(hub.entries(lines[0])) == before  # nothing of that patient left


# ---- two controllers


QUERIES = ["", "_sort=_lastUpdated", "_sort=-_lastUpdated", "_sort=date", "_sort=-date", "_lastUpdated=gt2026-01-01", "_lastUpdated=ge2026-01-01&_sort=-date", "code=8867-4",
           f"code={LOINC}|8867-4&date=2026-11-01", f"code={LOINC}|", "code=8867-4,29463-7&_sort=date", "date=2026-11", "date=ne2020", "category=survey", "category:not=survey", "status=final",
           "status:not=amended", "identifier=urn:own|a-pulse", "identifier=a-pulse", "identifier:missing=true", "identifier:missing=false", "device:identifier=http://vendor.example/serial|a-1",
           "device:missing=false", "value-quantity=gt1", "value-quantity=61", "combo-code=8867-4", "combo-value-quantity=gt60", "combo-code-value-quantity=8867-4$61",
           "code-value-quantity=8867-4$gt1", "code:in=http://loinc.org/vs", "method:missing=true", "performer:missing=true", "_tag:missing=true", "_security:missing=true", "_profile:missing=true",
           "focus:missing=true", "has-member:missing=true", "derived-from:missing=true", "value-string:missing=true", "value-concept:missing=true", "value-date:missing=true", "data-absent-reason:missing=true"]


@pytest.mark.parametrize("query", QUERIES)
def test_no_parameter_shows_anothers(town, neighbour, query):
    (one, _), (two, _) = town, neighbour
    sides = []
    for caller, mine, theirs in ((one, own(town), own(neighbour)), (two, own(neighbour), own(town))):
        answer = caller.get(f"/fhir/Observation?{query}&_count=200")
        if answer.status_code == 400:
            continue
        seen = every(caller, f"/fhir/Observation?{query}&_count=2")
        assert set(seen) <= mine and not set(seen) & theirs and seen == ids(answer)
        sides.append(len(seen))
    assert len(set(sides)) <= 1  # both hold the same


def test_what_another_does_changes_nothing(hub, town):
    """The same bytes before and after, but for what the second page's seal draws by lot."""
    caller, mine = town
    paths = [f"/fhir/Observation?{query}&_count=200" for query in QUERIES]
    before = [(answer.status_code, answer.content) for answer in map(caller.get, paths)]
    _, other = hub.controller("Tredje kommune")
    for mark, line in zip("ab", mine):
        other.upload(bundle(*readings(line, marks=mark)))
    assert [(answer.status_code, answer.content) for answer in map(caller.get, paths)] == before


def test_a_page_is_for_its_own_caller(town, neighbour):
    page = town[0].get("/fhir/Observation?_count=1")
    link = next(link["url"] for link in page.json()["link"] if link["relation"] == "next").removeprefix(town[0].hub.url)
    assert town[0].get(link).status_code == 200 and neighbour[0].get(link).status_code == 400


# ---- the poll horizon


def polled(caller, since):
    """What a poller does: everything from the last time it has seen, ids it knows left out by who calls."""
    answer, seen = caller.get(f"/fhir/Observation?_lastUpdated=ge{since}&_sort=_lastUpdated&_count=3"), []
    while answer is not None:
        seen += found(answer)
        answer = caller.next(answer)
    return seen


def test_nothing_is_missed_that_commits_late(hub):
    """Another hub's write stands open while ours are committed: the poller waits for it. The control looks without the horizon, and misses it."""
    _, caller = hub.controller()
    line = person()
    first = caller.upload(observation(line)).json()
    since, seen, careless = "2026-01-01T00:00:00.000Z", [], []
    with psycopg2.connect(host=hub.pg["PGHOST"], port=hub.pg["PGPORT"], dbname=hub.pg["PGDATABASE"], user="hub_write") as late, late.cursor() as cursor:
        tenant = hub.sql("select tenant_id from hub.observation order by recv desc limit 1")[0][0]
        cursor.execute(f"set local hub.tenant = {tenant}")
        columns = "time_low, time_high, subject_id, upload_id, bucket, tenant_id, code, category, version, type, class, status, pack, digest, body"
        cursor.execute(f"insert into hub.observation (id, recv, {columns}) select 7, date_trunc('milliseconds', statement_timestamp()), {columns} from hub.observation")
        time.sleep(0.01)
        newer = caller.upload(observation(line, at="2026-11-20T09:00:01+01:00")).json()
        got = polled(caller, since)
        seen += [one["id"] for one in got]
        assert newer["id"] not in seen and first["id"] in seen
        since = got[-1]["meta"]["lastUpdated"]
        careless_rows = "select id from hub.observation where tenant_id = %s and recv > %s order by recv"
        control = hub.sql("select id, recv from hub.observation where tenant_id = %s order by recv", tenant)
        careless += [row[0] for row in control]
        late.commit()
    late.close()
    careless += [row[0] for row in hub.sql(careless_rows, tenant, control[-1][1])]
    assert 7 not in careless and len(careless) == 2
    end = time.time() + 10
    while len(set(seen)) < 3:
        assert time.time() < end
        seen += [one["id"] for one in polled(caller, since)]
    assert newer["id"] in seen and len(set(seen)) == 3
