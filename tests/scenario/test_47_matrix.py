# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every parameter of fhir/search.tbl x every modifier of R4 x every prefix: each cell finds what the evaluator finds, or is a 400 that names the parameter.

What the table says the parameter takes must be answered; a refusal there is a fault, so that refusing all is not a way out.
"""
import random
import re

import httpx
import pytest

import truth
from hub import FHIR_JSON, FNR, FORM, ROOT, issues, person
from truth import evaluator

PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
MODIFIERS = ["", "missing", "not", "in", "not-in", "text", "of-type", "identifier", "Device", "Practitioner", "exact", "contains", "above", "below", "nonsense", "Not", ""]
SHELVES = ["period", "loose", "pressure", "token", "meta", "value", "reference"]
VITALS = "http://hl7.org/fhir/ValueSet/observation-vitalsignresult"
OF_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203|PLAC|B-2"

# A value each that finds something among the shelves, and something it does not find
VALUES = {
    "_lastUpdated": "2026", "_profile": "http://hl7.org/fhir/StructureDefinition/heartrate", "_security": "R", "_source": "urn:gateway:7#41", "_tag": "http://tags.example|x", "based-on": "CarePlan/p1",
    "category": "survey", "code": "8867-4", "code-value-concept": "1104441000000107$248234008", "code-value-date": "d$2026-02-03",
    "code-value-quantity": "8480-6$155|http://unitsofmeasure.org|mm[Hg]", "code-value-string": "s$eple", "combo-code": "8480-6",
    "combo-code-value-concept": "8361-8$33586001", "combo-code-value-quantity": "8480-6$150", "combo-data-absent-reason": "masked", "combo-value-concept": "33586001",
    "combo-value-quantity": "150|http://unitsofmeasure.org|mm[Hg]", "component-code": "8478-0", "component-code-value-concept": "8361-8$33586001",
    "component-code-value-quantity": "8462-4$80", "component-data-absent-reason": "masked", "component-value-concept": "33586001", "component-value-quantity": "80",
    "data-absent-reason": "error", "date": "2026-05-01", "derived-from": "Observation/m3", "device": "Device/none", "encounter": "Encounter/e1", "focus": "Device/f1",
    "has-member": "Observation/m1", "identifier": "A-1", "method": "37931006", "part-of": "Procedure/q1", "performer": "Practitioner/a1", "specimen": "Specimen/x1",
    "status": "final", "value-concept": "248234008", "value-date": "2026-02-03", "value-quantity": "5|http://unitsofmeasure.org|g", "value-string": "eple",
}
# Where a value of the kind cannot be found because of what was uploaded
FINDS_NOTHING = {"device"}
WHOSE = {"patient", "subject", "patient.identifier"}
RESULT = {"_count", "_sort", "_total", "_totalMethod", "_id", "_include", "_revinclude"}


def table():
    """{name: (type, the modifiers it takes)} of Observation, as fhir/search.tbl and the sets of modifiers in fhir/search_parameter.c have it."""
    text = (ROOT / "fhir/search.tbl").read_text()
    sets = {name: {one.lower().replace("_", "-") for one in re.findall(r"HAS\((\w+)\)", rest)}
            for name, rest in re.findall(r"^\t(\w+) = (.*?),?$", (ROOT / "fhir/search_parameter.c").read_text(), re.M)}
    rows = {name: (kind, sets[modifiers]) for name, kind, modifiers in
            re.findall(r'^SEARCH\((?:NONE|OBSERVATION), "([^"]+)", \w+, "(\w+)", "[^"]*", "[^"]*", \w+, (\w+), ', text, re.M)}
    rows.update({name: ("composite", {"missing"} & sets.get("OF_COMPOSITE", set())) for name in re.findall(r'^COMPOSITE\((?:NONE|OBSERVATION), "([^"]+)"', text, re.M)})
    return rows


TABLE = table()


@pytest.fixture(scope="module")
def door(hub):
    with hub.dev() as one:
        yield one


@pytest.fixture(scope="module")
def shelf(hub):
    """All shelves as one patient's: (national id, {id at the hub: label}, the resources as the evaluator reads them)."""
    who, sent, resources = person(), {}, []
    for name in SHELVES:
        for label, text in truth.sets()[name].items():
            sent[f"{name}.{label}"] = text
            resources.append(truth.resource(text, f"{name}.{label}"))
    entries = ",".join(f'{{"resource":{truth.body(text, who, FNR)},"request":{{"method":"POST","url":"Observation"}}}}' for text in sent.values())
    answer = hub.as_("solvik-dho").post("/fhir", headers=FHIR_JSON, content=f'{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}'.encode())
    assert answer.status_code == 200, answer.text
    places = {}
    for label, entry in zip(sent, answer.json()["entry"]):
        assert entry["response"]["status"].startswith("201"), (label, entry)
        places[entry["response"]["location"].split("/")[1]] = label
    return who, places, resources


def ask(door, who, name, value):
    form = httpx.QueryParams([("patient.identifier", f"{FNR}|{who}"), ("_count", "200"), (name, value)])
    return door.post("/fhir/Observation/_search", headers=FORM, content=str(form))


def prefixed(kind, name, prefix):
    """The parameter's value with a prefix where its kind takes one: in a composite on the second part."""
    value = VALUES[name]
    if kind == "composite":
        first, second = value.split("$")
        return f"{first}${prefix}{second}" if name.endswith(("quantity", "date")) else None if prefix else value
    return prefix + value


def cells(name):
    """[(parameter with modifier, value, must it be answered?)]"""
    kind, takes = TABLE[name]
    for modifier in dict.fromkeys(MODIFIERS):
        known = not modifier or modifier in takes or modifier[0].isupper() and modifier != "Not" and "type" in takes
        written = f"{name}:{modifier}" if modifier else name
        if modifier == "missing":
            for value in ("true", "false"):
                yield written, value, known
        elif modifier in ("in", "not-in"):
            yield written, VITALS, known
        elif modifier == "of-type":
            yield written, OF_TYPE, known
        elif modifier == "identifier":
            yield written, "http://vendor.example/serial|SN-1", known
        elif modifier in ("Device", "Practitioner"):
            yield written, VALUES[name].split("/")[-1], known
        else:
            for prefix in PREFIXES if kind in ("date", "quantity", "composite") else [""]:
                if (value := prefixed(kind, name, prefix)) is not None:
                    yield written, value, known


@pytest.mark.parametrize("name", sorted(set(TABLE) - WHOSE - RESULT))
def test_each_cell(door, shelf, name):
    who, places, resources = shelf
    assert name in VALUES and name in evaluator.PARAMETERS, f"{name} is new: give the matrix a value and the evaluator a rule"
    wrong, answered = [], 0
    for parameter, value, known in cells(name):
        answer = ask(door, who, parameter, value)
        try:
            expected = {one["id"] for one in evaluator.found(resources, [(parameter, value)])}
        except evaluator.Refused:
            expected = None
        if answer.status_code == 400 and (expected is None or not known):
            if name not in issues(answer):
                wrong.append(f"{parameter}={value}: a 400 that does not name it: {issues(answer)}")
        elif answer.status_code != 200 or expected is None:
            wrong.append(f"{parameter}={value}: {answer.status_code} {answer.text[:200]}")
        else:
            answered += 1
            got = {places[entry["resource"]["id"]] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"}
            if got != expected:
                wrong.append(f"{parameter}={value}: too many {sorted(got - expected)[:5]}, missing {sorted(expected - got)[:5]}")
    assert wrong == [] and answered > 0


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_values_tell_apart(shelf, name):
    resources = shelf[2]
    count = len(evaluator.found(resources, [(name, VALUES[name])]))
    assert (count == 0) == (name in FINDS_NOTHING) and (count < len(resources) or name == "_lastUpdated")


@pytest.mark.parametrize("name", sorted(RESULT & set(TABLE)))
@pytest.mark.parametrize("modifier", ["missing", "not", "exact", "nonsense"])
def test_what_is_no_filter_takes_no_modifier(door, shelf, name, modifier):
    answer = ask(door, shelf[0], f"{name}:{modifier}", "1")
    assert answer.status_code == 400 and name in issues(answer), answer.text


@pytest.mark.parametrize("modifier", [one for one in dict.fromkeys(MODIFIERS) if one and one != "identifier"])
@pytest.mark.parametrize("name", sorted(WHOSE))
def test_whose_is_never_widened(door, shelf, name, modifier):
    """A patient may be named by type; nothing else may stand beside the name of whose measurements these are."""
    who, places, _ = shelf
    answer = door.post("/fhir/Observation/_search", headers=FORM, content=str(httpx.QueryParams([(f"{name}:{modifier}", "true"), ("patient.identifier", f"{FNR}|{who}")])))
    assert answer.status_code == 400 and name in issues(answer), answer.text


@pytest.mark.parametrize("name", ["patient", "subject"])
def test_the_patient_by_reference(door, shelf, name):
    who, places, _ = shelf
    place = door.post("/fhir/Patient/_search", headers=FORM, content=str(httpx.QueryParams([("identifier", f"{FNR}|{who}")]))).json()["entry"][0]["resource"]["id"]
    for parameter, value in ((name, place), (name, f"Patient/{place}"), (f"{name}:Patient", place)):
        answer = door.get("/fhir/Observation", params={parameter: value, "_count": "200"})
        assert answer.status_code == 200, answer.text
        assert {entry["resource"]["id"] for entry in answer.json()["entry"]} == set(places), parameter
    answer = door.get("/fhir/Observation", params={f"{name}:Device": place})
    assert answer.status_code == 400 or not answer.json().get("entry")


def pool():
    """Every condition of the truth table that is none of errors, order or results."""
    pairs = {pair for row in truth.rows() if not row.refused and not row.ordered for pair in row.pairs if "@" not in pair[1] and not pair[0].startswith("_sort")}
    return sorted(pairs)


@pytest.mark.parametrize("seed", range(12))
def test_conditions_together(door, shelf, seed):
    """Random conditions of the truth table together, some OR-ed, in pages of random size: what the evaluator finds, no more, no less, each once."""
    who, places, resources = shelf
    dice, conditions = random.Random(seed), pool()
    for _ in range(25):
        query = dice.sample(conditions, dice.choice((1, 1, 2, 2, 3)))
        name, value = query[0]
        others = [one for one in conditions if one[0] == name and not name.endswith(":missing")]
        if others and dice.random() < 0.4:
            query[0] = name, f"{value},{dice.choice(others)[1]}"
        expected = {one["id"] for one in evaluator.found(resources, query)}
        form = [("patient.identifier", f"{FNR}|{who}"), ("_count", str(dice.choice((2, 3, 7, 50)))), ("_sort", dice.choice(("date", "-date", "code,-date"))), *query]
        answer = door.post("/fhir/Observation/_search", headers=FORM, content=str(httpx.QueryParams(form)))
        got = []
        while answer is not None:
            assert answer.status_code == 200, (query, answer.text)
            body = answer.json()
            got += [places[entry["resource"]["id"]] for entry in body.get("entry", []) if entry["search"]["mode"] == "match"]
            after = [link["url"] for link in body["link"] if link["relation"] == "next"]
            answer = door.get(after[0]) if after else None
        assert len(got) == len(set(got)), query
        assert set(got) == expected, (query, sorted(set(got) - expected)[:5], sorted(expected - set(got))[:5])


def test_the_table_is_read_whole():
    text = (ROOT / "fhir/search.tbl").read_text()
    assert len(re.findall(r"^(?:SEARCH|COMPOSITE)\((?:NONE|OBSERVATION), ", text, re.M)) == len(TABLE) >= 40
