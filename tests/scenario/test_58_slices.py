# SPDX-License-Identifier: AGPL-3.0-or-later
"""Long work in slices ends, however short they are: here each is over as soon as it has begun, as on a machine that is very slow."""
import pytest

from hub import Hub, bundle, observation, person, results


@pytest.fixture(scope="module")
def slow():
    one = Hub(environment={"MAALEHUB_CONTROL": "slices-over"})
    try:
        yield one.start()
    finally:
        one.stop()


def test_a_bundle_is_answered(slow):
    vendor = slow.as_("solvik-dho")
    answer = vendor.upload(bundle(*(observation(person()) for _ in range(60))))
    assert results(answer) == [201] * 60
    assert results(vendor.upload(bundle(*(observation(person()) for _ in range(250))))) == [201] * 250  # in parts


def test_what_a_page_refers_to_comes_with_it(slow):
    line = person()
    assert results(slow.as_("solvik-dho").upload(bundle(*(observation(line, at=f"2026-11-20T08:0{minute}:11+01:00") for minute in range(5))))) == [201] * 5
    answer = slow.as_("utvikler").search(line, _include="Observation:subject")
    assert [entry["search"]["mode"] for entry in answer.json()["entry"]] == ["match"] * 5 + ["include"], answer.text


def test_a_transaction_changes(slow):
    """Its changes are checked in slices of their own."""
    line, caller = person(), slow.as_("utvikler")
    made = [entry["response"]["location"].split("/")[1] for entry in caller.upload(bundle(*(observation(line, at=f"2026-11-20T08:{minute:02d}:11+01:00") for minute in range(40)))).json()["entry"]]
    entries = [{"resource": {**observation(line, value="81", at=f"2026-11-20T08:{minute:02d}:11+01:00"), "id": id}, "request": {"method": "PUT", "url": f"Observation/{id}"}} for minute, id in enumerate(made)]
    assert results(caller.upload({"resourceType": "Bundle", "type": "transaction", "entry": entries})) == [200] * 40
    entries[39]["resource"]["status"] = "nonsense"
    refused = caller.upload({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert refused.status_code == 400 and "Bundle.entry[39]" in refused.text, refused.text
