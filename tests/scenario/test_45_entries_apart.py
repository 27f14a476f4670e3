# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is wrong with one entry is that entry's, and what looks alike is not the same: nothing of the others is lost by it."""
import pytest

from hub import bundle, found, observation, person, results


@pytest.mark.parametrize("where", ["code", "category", "component", "unit"])
def test_codings_too_long_to_be_stored_refuse_their_entry_alone(reader, where):
    line = person()
    concept = {"coding": [{"system": f"urn:s{at}", "code": f"{at:060d}"} for at in range(40)]}
    quantity = {"value": 1, "unit": "u", "system": "urn:s", "code": "u" * 2100}
    long = observation(line, **{"code": {}, "category": {"category": [concept]}, "component": {"component": [{"code": concept, "valueString": "a"}]},
                                "unit": {"valueQuantity": quantity}}[where])
    if where == "code":
        long["code"] = concept
    answer = reader.upload(bundle(observation(line, code="9279-1"), long, observation(line, code="8310-5", unit="Cel", value="37.1")))
    assert results(answer) == [201, 413, 201], answer.text
    told = answer.json()["entry"][1]["response"]["outcome"]["issue"][0]
    assert told["expression"][0].startswith("Bundle.entry[1].resource.") and "2000" in told["details"]["text"]
    assert len(found(reader.search(line))) == 2


def test_readings_of_two_timings_are_two(reader):
    """FHIR R4 search, date: of a Timing the outer limits count; and by them alone two equal values are two readings."""
    line = person()
    for day in (20, 21):
        for device in (None, "D-9"):
            sent = observation(line, device=device, effectiveDateTime=None, effectiveTiming={"event": [f"2026-11-{day}T08:00:00+01:00", f"2026-11-{day}T09:00:00+01:00"]})
            assert reader.upload(sent).status_code == 201
            assert reader.upload(sent).status_code == 200
    assert len(found(reader.search(line))) == 4
    assert len(found(reader.search(line, date="2026-11-20"))) == 2
    assert len(found(reader.search(line, date="2026-11-20T08:00"))) == 0 and len(found(reader.search(line, date="sa2026-11-20"))) == 2
    newest_first = [one["effectiveTiming"]["event"][0][8:10] for one in found(reader.search(line))]
    assert newest_first == ["21", "21", "20", "20"]
