# SPDX-License-Identifier: AGPL-3.0-or-later
"""The truth table: sets of Observations, rows that ask for them, and an evaluator that agrees with both."""
import json
import pathlib

from . import evaluator

HERE = pathlib.Path(__file__).parent


def _lines(name):
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def sets():
    """{set: {label: the resource's JSON as written, without resourceType and subject}}."""
    table = {}
    for name, label, text in _lines("sets.tsv"):
        assert label not in table.setdefault(name, {}), (name, label)
        table[name][label] = text
    return table


class Row:
    """One query of one set and what it must find.

    `expected` is the labels found ("-": none); with ">" before them in that order; "!name": a 400 that names `name`.
    """

    def __init__(self, place, query, expected, rule):
        self.set, self.query, self.rule = place, query, rule
        self.pairs = [tuple(one.split("=", 1)) for one in query.split("&")]
        self.refused = expected[1:] if expected[0] == "!" else None
        self.ordered = expected[0] == ">"
        self.labels = [] if self.refused or expected == "-" else expected.lstrip("> ").split()
        self.parameters = {name.split(":")[0] for name, _ in self.pairs}

    def __repr__(self):
        return f"{self.set}?{self.query}"


def rows():
    return [Row(*fields) for fields in _lines("rows.tsv")]


def resource(text, label):
    """As the evaluator reads it; `id` is the label where the hub has not given one."""
    whole = evaluator.load(text)
    return {"resourceType": "Observation", "id": label, **whole, "meta": {"lastUpdated": "2026-11-28T00:00:00Z", **whole.get("meta", {})}}


def body(text, who, system):
    """As it is sent: the numbers' text untouched."""
    subject = json.dumps({"identifier": {"system": system, "value": who}})
    return f'{{"resourceType":"Observation","subject":{subject},{text.lstrip()[1:]}'
