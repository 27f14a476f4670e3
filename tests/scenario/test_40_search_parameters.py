# SPDX-License-Identifier: AGPL-3.0-or-later
"""Searches by every kind of parameter, through the whole hub: conditions the stored resources decide, orders, totals, links and leniency."""
import httpx
import pytest

from hub import FNR, FORM, bundle, ids, issues, observation, person, results

UCUM = "http://unitsofmeasure.org"
TAG = {"system": "urn:x:tag", "code": "home"}
PANEL = [
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueQuantity": {"value": 140, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueQuantity": {"value": 90, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}},
]


def plain(resource, **rest):
    resource.update(rest)
    return {name: value for name, value in resource.items() if value is not None}


@pytest.fixture(scope="module")
def shelf(hub):
    """One patient's readings by name: (national id, {name: id})."""
    line = person()
    readings = {
        "pulse": observation(line, at="2026-01-05T08:00:05+01:00", value="61", identifier=[{"system": "urn:x", "value": "p1", "type": {"coding": [{"system": "urn:v", "code": "SER"}]}}], meta={"tag": [TAG]}),
        "fever": observation(line, at="2026-01-06T08:00:05+01:00", code="8310-5", value="101.3", unit="[degF]"),
        "cool": observation(line, at="2026-01-07T08:00:05+01:00", code="8310-5", value="36.6", unit="Cel"),
        "panel": plain(observation(line, at="2026-01-08T08:00:05+01:00", code="85354-9"), valueQuantity=None, component=PANEL),
        "words": plain(observation(line, at="2026-01-09T08:00:05+01:00", code="74465-6"), valueQuantity=None, valueString="Bedre enn i går", note=[{"text": "x"}]),
        "absent": plain(observation(line, at="2026-01-10T08:00:05+01:00", code="8867-4"), valueQuantity=None, status="preliminary",
                        dataAbsentReason={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "error"}], "text": "Feil på måler"}),
    }
    answer = hub.as_("solvik-dho").upload(bundle(*readings.values()))
    assert results(answer) == [201] * len(readings), answer.text
    names = [entry["response"]["location"].split("/")[1] for entry in answer.json()["entry"]]
    return line, dict(zip(readings, names))


def named(shelf, answer):
    names = {place: name for name, place in shelf[1].items()}
    return [names[place] for place in ids(answer)]


ALL = {"pulse", "fever", "cool", "panel", "words", "absent"}


@pytest.mark.parametrize("name,value,expected", [
    ("value-quantity", f"38.5|{UCUM}|Cel", {"fever"}), ("value-quantity", f"gt37|{UCUM}|Cel", {"fever"}), ("value-quantity", f"le98|{UCUM}|[degF]", {"cool"}), ("value-quantity", "61", {"pulse"}),
    ("combo-code", "8480-6", {"panel"}), ("component-code-value-quantity", "8480-6$ge140", {"panel"}), ("component-code-value-quantity", "8462-4$ge140", set()),
    ("combo-code-value-quantity", "8867-4$61,8462-4$90", {"pulse", "panel"}), ("code:not", "8867-4", ALL - {"pulse", "absent"}), ("code:in", "urn:maalehub:same:8310-5", {"fever", "cool"}),
    ("status", "preliminary", {"absent"}), ("status:not", "final", {"absent"}), ("data-absent-reason", "error", {"absent"}), ("data-absent-reason:text", "FEIL PA", {"absent"}),
    ("value-string", "BEDRE", {"words"}), ("value-string:contains", "gar", {"words"}), ("identifier", "urn:x|p1", {"pulse"}), ("identifier:of-type", "urn:v|SER|p1", {"pulse"}),
    ("_tag", "urn:x:tag|home", {"pulse"}), ("_tag:not", "home", ALL - {"pulse"}), ("_lastUpdated", "gt2026-01-01", ALL), ("_lastUpdated", "lt2026-01-01", set()),
    ("value-quantity:missing", "true", {"panel", "words", "absent"}), ("device:identifier", "http://vendor.example/serial|D-1", ALL), ("has-member", "Observation/x", set()), ("component-code:missing", "false", {"panel"}),
])
def test_parameters(reader, shelf, name, value, expected):
    answer = reader.search(shelf[0], **{name: value})
    assert set(named(shelf, answer)) == expected
    # and together with a condition that an index decides
    both = reader.search(shelf[0], **{name: value, "date": "ge2026-01-07", "_total": "accurate"})
    late = expected & {"cool", "panel", "words", "absent"}
    assert set(named(shelf, both)) == late and both.json()["total"] == len(late)


@pytest.mark.parametrize("sort,expected", [
    ("value-quantity", ["cool", "fever", "pulse"]), ("-value-quantity", ["pulse", "fever", "cool"]), ("code,date", ["words", "fever", "cool", "panel", "pulse", "absent"]),
    ("-code,-date", ["absent", "pulse", "panel", "cool", "fever", "words"]), ("_lastUpdated,date", ["pulse", "fever", "cool", "panel", "words", "absent"]), ("date", ["pulse", "fever", "cool", "panel", "words", "absent"]),
])
def test_orders_and_their_pages(reader, shelf, sort, expected):
    """By one key and by several, in one page and in pages of two; what has no value comes last."""
    whole = named(shelf, reader.search(shelf[0], _sort=sort))
    assert whole[:len(expected)] == expected and set(whole) == ALL
    seen, answer = [], reader.search(shelf[0], _sort=sort, _count="2")
    while answer is not None:
        seen += named(shelf, answer)
        answer = reader.next(answer)
    assert seen == whole


def test_totals(reader, shelf):
    for total, condition, expected in (("accurate", {"code": "8310-5"}, 2), ("estimate", {"code": "8310-5"}, 2), ("accurate", {"code:not": "8310-5"}, 4), ("accurate", {}, 6)):
        answer = reader.search(shelf[0], _total=total, _count="1", **condition)
        assert answer.json()["total"] == expected and len(ids(answer)) == 1
        assert reader.next(answer).json()["total"] == expected
    assert "total" not in reader.search(shelf[0], _count="1").json()
    assert "total" not in reader.search(shelf[0], _total="none").json()


@pytest.mark.parametrize("how", [{"_count": "0"}, {"_summary": "count"}])
def test_a_count_shows_nothing_else(reader, shelf, how):
    answer = reader.search(shelf[0], code="8310-5", **how).json()
    assert answer["total"] == 2 and "entry" not in answer
    assert [link["relation"] for link in answer["link"]] == ["self"]
    assert reader.search(shelf[0], **{"code:not": "8310-5"}, **how).json()["total"] == 4
    assert reader.search(person(), **how).json()["total"] == 0


def test_self_says_what_was_applied(reader, shelf):
    answer = reader.search(shelf[0], **{"code:not": "8310-5", "_count": "500", "_sort": "-code"})
    link = next(link["url"] for link in answer.json()["link"] if link["relation"] == "self")
    assert "code:not=8310-5" in link and "_count=200" in link and "_sort=-code" in link and shelf[0] not in link
    assert ids(reader.get(link.removeprefix(reader.hub.url))) == ids(answer)


def test_lenient_ignores_what_it_does_not_know_and_says_so(reader, shelf):
    def ask(*pairs, prefer="handling=lenient"):

        form = [("patient.identifier", f"{FNR}|{shelf[0]}"), *pairs]
        return reader.post("/fhir/Observation/_search", headers={**FORM, "Prefer": prefer}, content=str(httpx.QueryParams(form)))
    answer = ask(("colour", "red"), ("code", "8310-5"))
    entries = answer.json()["entry"]
    assert set(named(shelf, answer)) == {"fever", "cool"}
    outcome = next(entry for entry in entries if entry["search"]["mode"] == "outcome")["resource"]
    assert "colour" in str(outcome["issue"]) and "ignored" in str(outcome["issue"])
    assert "colour" not in answer.json()["link"][0]["url"]
    assert ask(("colour", "red"), prefer="handling=strict").status_code == 400
    # never what says whose, or how guarded; never a modifier or a value
    for pair in (("patient.name", "x"), ("_security:above", "R"), ("_id:x", "1"), ("code:above", "x"), ("value-quantity", "abc")):
        answer = ask(pair)
        assert answer.status_code == 400 and pair[0].split(":")[0] in issues(answer), answer.text


def test_what_must_be_looked_at_is_paged_too(reader, vendor):
    """More readings than a slice, few of which match: each stands on one page."""
    line = person()
    for start in range(0, 600, 100):
        rows = [observation(line, at=f"2026-02-{1 + i // 24:02d}T{i % 24:02d}:00:01+01:00", value=str(50 + i % 40)) for i in range(start, start + 100)]
        assert set(results(vendor.upload(bundle(*rows)))) == {201}
    seen, answer = [], reader.search(line, **{"value-quantity": "ge89", "_count": "4", "_total": "accurate"})
    assert answer.json()["total"] == 15
    while answer is not None:
        seen += ids(answer)
        answer = reader.next(answer)
    assert len(seen) == len(set(seen)) == 15


def test_the_log_of_a_filtered_search_counts_what_left(hub, reader, vendor):
    """What was looked at and did not match has not left the hub."""
    line = person()
    assert results(vendor.upload(bundle(*(observation(line, at=f"2026-03-01T08:00:{i:02d}.5Z", value=str(60 + i)) for i in range(10))))) == [201] * 10
    assert len(ids(reader.search(line, **{"value-quantity": "ge68"}))) == 2
    entries = [entry for entry in hub.citizen(line).log().json()["entries"] if entry["event"] == "search"]
    assert entries[0]["count"] == 2, entries[0]


@pytest.mark.parametrize("sort", ["code", "-code", "code,-date", "-code,date", "value-quantity,code", "-_lastUpdated,code"])
def test_what_has_no_coding_comes_last_and_is_not_lost_between_pages(reader, sort):
    line = person()
    bare = [reader.upload({**observation(line, at=f"2026-11-2{at}T08:00:11+01:00"), "code": {"text": f"bare {at}"}}).json()["id"] for at in range(3)]
    coded = [reader.upload(observation(line, at=f"2026-11-1{at}T08:00:11+01:00", code=code)).json()["id"] for at, code in enumerate(("8867-4", "9279-1"))]
    pages, answer = [], reader.search(line, _sort=sort, _count="1")
    while answer is not None:
        pages += ids(answer)
        answer = reader.next(answer) if any(link["relation"] == "next" for link in answer.json()["link"]) else None
    assert sorted(pages) == sorted(bare + coded) and pages == ids(reader.search(line, _sort=sort)), sort
    if sort.lstrip("-").startswith("code"):
        assert set(pages[:2]) == set(coded)
