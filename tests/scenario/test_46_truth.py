# SPDX-License-Identifier: AGPL-3.0-or-later
"""The truth table of search: what the specification says by hand, what an evaluator makes of the specification, and what the hub finds, are one.

truth/sets.tsv has the Observations, truth/rows.tsv the queries with what they must find and the rule they rest on. Each row is asked at the tokened door
and at the development door.
"""
import json

import httpx
import pytest

import truth
from hub import FHIR_JSON, FNR, FORM, issues, person
from truth import evaluator

SETS, ROWS = truth.sets(), truth.rows()


@pytest.fixture(scope="module")
def doors(hub):
    with hub.dev() as plain:
        yield {"token": hub.as_("utvikler"), "development": plain}


@pytest.fixture(scope="module")
def shelves(hub):
    """{set: (national id, {id at the hub: label})}: each set is one patient."""
    vendor, made = hub.as_("solvik-dho"), {}

    def shelf(name):
        if name not in made:
            who, places = person(), {}
            entries = ",".join(f'{{"resource":{truth.body(text, who, FNR)},"request":{{"method":"POST","url":"Observation"}}}}' for text in SETS[name].values())
            answer = vendor.post("/fhir", headers=FHIR_JSON, content=f'{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}'.encode())
            assert answer.status_code == 200, answer.text
            for label, entry in zip(SETS[name], answer.json()["entry"]):
                assert entry["response"]["status"].startswith("201"), (name, label, json.dumps(entry))
                places[entry["response"]["location"].split("/")[1]] = label
            made[name] = who, places
        return made[name]

    return shelf


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_the_evaluator_agrees_with_the_hand(row):
    resources = [truth.resource(text, label) for label, text in SETS[row.set].items()]
    query = [(name, value.replace("@first", resources[0]["id"])) for name, value in row.pairs]
    if row.refused:
        with pytest.raises(evaluator.Refused):
            evaluator.found(resources, query)
        return
    labels = [one["id"] for one in evaluator.found(resources, query)]
    assert labels == row.labels if row.ordered else sorted(labels) == sorted(row.labels), (row.rule, labels)


@pytest.mark.parametrize("door", ["token", "development"])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_the_hub_agrees(doors, shelves, door, row):
    who, places = shelves(row.set)
    query = [(name, value.replace("@first", next(iter(places)))) for name, value in row.pairs]
    form = httpx.QueryParams([("patient.identifier", f"{FNR}|{who}"), ("_count", "200"), *query])
    answer = doors[door].post("/fhir/Observation/_search", headers=FORM, content=str(form))
    if row.refused:
        assert answer.status_code == 400 and row.refused in issues(answer), answer.text
        return
    assert answer.status_code == 200, answer.text
    labels = [places[entry["resource"]["id"]] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"]
    assert labels == row.labels if row.ordered else sorted(labels) == sorted(row.labels), (row.rule, labels)


def test_the_table_is_large_enough_and_cites():
    assert len(ROWS) >= 300 and all(row.rule for row in ROWS)
    assert len({repr(row) for row in ROWS}) == len(ROWS)
