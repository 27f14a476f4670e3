# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bundles that cost more than they weigh: references that were looked up again and again, and a few bytes that ask for megabytes."""
import json
import pathlib

import hub as hubs
from hub import FHIR_JSON, bundle, observation, person, results


def processor(hub):
    """Seconds of the processor that the hub has used."""
    fields = pathlib.Path(f"/proc/{hub.processes['hub'].pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def cost(hub, caller, whole):
    """(what became of each entry, seconds of the processor)."""
    before = processor(hub)
    answer = caller.post("/fhir", headers=FHIR_JSON, content=json.dumps(whole, separators=(",", ":")), timeout=120)
    return results(answer), processor(hub) - before


def reading(who, number, **rest):
    return observation(who, at=f"2026-11-{1 + number % 20:02d}T{number // 20 % 24:02d}:{number // 480 % 60:02d}:11+01:00", device=f"D-{number}", **rest)


def linked(count, number):
    """`count` references from one reading to the first entry."""
    who = person()
    whole = bundle(reading(who, 0), *(reading(who, 1 + one, hasMember=[{"reference": "urn:a"}] * count) for one in range(number)))
    whole["entry"][0]["fullUrl"] = "urn:a"
    return whole


def chain(count, backwards):
    """Each entry refers to the one behind it (or before it), forty times; the last is refused, and with it all."""
    who = person()
    whole = bundle(*(reading(who, number) for number in range(count)))
    entries = whole["entry"]
    for one, other in zip(entries, entries[1:]):
        if backwards:
            one, other = other, one
        one["resource"]["hasMember"] = [{"reference": other["fullUrl"]}] * 40
    entries[0 if backwards else -1]["resource"]["status"] = "nonsense"
    return whole


def test_conditions_are_looked_up_in_the_bundle_once(vendor):
    """Each looked through all entries anew, and left what it made on the way in memory: 5 MB for each, until nothing was stored."""
    who = person()
    many = [reading(who, number, identifier=[{"system": "urn:vendor", "value": f"{who}-{number}"}]) for number in range(1500)]
    many[0]["hasMember"] = [{"reference": f"Observation?identifier=urn:vendor|{who}-1499"}] * 10000
    answer = vendor.post("/fhir", headers=FHIR_JSON, content=json.dumps(bundle(*many), separators=(",", ":")), timeout=120)
    assert results(answer) == [201] * 1500


def test_many_references_to_one_entry_cost_no_more_than_to_many(hub, vendor):
    status, few = cost(hub, vendor, linked(1000, 18))
    assert set(status) == {201}
    status, many = cost(hub, vendor, linked(18000, 1))
    assert set(status) == {201}
    assert many < 3 * few + 0.2


def test_a_chain_of_refusals_costs_no_more_forwards_than_backwards(hub, vendor):
    status, backwards = cost(hub, vendor, chain(4000, True))
    assert set(status) == {400, 422}
    status, forwards = cost(hub, vendor, chain(4000, False))
    assert set(status) == {400, 422}
    assert forwards < 2 * backwards


def test_the_answers_of_a_batch_are_bounded(hub):
    """A page of a megabyte, asked for forty times in 4 KB: past 32 MiB the entries are refused, each with what to do."""
    _, caller = hub.controller()
    who = person()
    for start in range(0, 200, 50):
        assert set(results(caller.upload(bundle(*(reading(who, number, note=[{"text": "x" * 5000}]) for number in range(start, start + 50)))))) == {201}
    asking = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Observation?_count=200&code=8867-4"}}] * 48}
    answer = caller.post("/fhir", headers=FHIR_JSON, content=json.dumps(asking), timeout=120)
    status = results(answer)
    pages = status.count(200)
    assert status == [200] * pages + [413] * (48 - pages) and 8 < pages < 48
    assert len(answer.content) < 48 << 20
    assert "Bundle of its own" in hubs.outcome_of(answer.json()["entry"][-1])
    assert results(caller.post("/fhir", headers=FHIR_JSON, content=json.dumps({**asking, "entry": asking["entry"][:1]}))) == [200]


def test_a_list_that_is_too_long_refuses_its_own_entry(vendor):
    """Thousands of identifiers, contained resources or components held the loop for seconds, and were a row or a look-up each."""
    who = person()
    good = reading(who, 0)
    device = {"resourceType": "Device"}
    for number, (name, most, one) in enumerate((("identifier", 100, lambda i: {"system": "urn:vendor", "value": f"{who}-{i}"}), ("contained", 64, lambda i: {**device, "id": f"d{i}"}),
                                                ("component", 1000, lambda i: {"code": {"coding": [{"system": "urn:vendor", "code": "a"}]}, "valueInteger": i})), 1):
        for count, status in ((most, 201), (most + 1, 413)):
            answer = vendor.upload(bundle(good, reading(who, number, **{name: [one(i) for i in range(count)]}), reading(who, 10 * number + count)))
            assert results(answer)[1:] == [status, 201], (name, count, answer.text[:500])


def test_a_text_of_megabytes_is_refused_as_it_comes(vendor):
    """The parser read it from its beginning again with each slice: 16 MiB took a minute."""
    answer = vendor.post("/fhir", headers=FHIR_JSON, content='{"resourceType":"Bundle","type":"' + "\\u0041" * 500000 + '","entry":[]}')
    assert answer.status_code == 413 and "2 MiB" in hubs.issues(answer)
    answer = vendor.post("/fhir", headers=FHIR_JSON, content='{"resourceType":"Bundle","type":"batch",' + " " * (3 << 20) + '"entry":[]}')
    assert answer.status_code == 413
