# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whatever a valid Observation looks like, it comes back byte for byte, but for id, meta.versionId and meta.lastUpdated.

A generator writes valid resources as no sender would and as all may: members in any order, numbers and texts in any spelling, extensions anywhere.
MAALEHUB_SEED=n runs another set.
"""
import json
import os
import random

import pytest

from hub import FHIR_JSON, found, person
from test_09_exact import members

SEED = int(os.environ.get("MAALEHUB_SEED", "1"))
COUNT = int(os.environ.get("MAALEHUB_READINGS", "120"))
ODD = ["æøå", "Ålesund – 😀", "a\tb\nc", 'sa "hei"', "\\", "\u200f\u202e", "日本語", "</script>", "%s", " ", "a" * 300, "\u00a0", "é"]
UCUM = "http://unitsofmeasure.org"


class Raw(str):
    """JSON as it is to stand."""


class Generator:
    def __init__(self, seed, urns=True):
        self.random = random.Random(seed)
        self.places = ["{}/1", "https://x.example/{}/9"] + ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"] * urns

    def maybe(self, chance=0.3):
        return self.random.random() < chance

    def text(self):
        return self.random.choice(ODD) + str(self.random.randrange(10**4))

    def code(self):
        return self.random.choice(["a", "B-1", "x y", "æ", "1.2.3", "<=>"])

    def uri(self):
        return self.random.choice(["urn:oid:1.2.3", "http://vendor.example/x#y", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "https://x.example/ø?a=b&c"])

    def decimal(self):
        digits = str(self.random.randrange(10 ** self.random.randint(1, 12)))
        form = self.random.randrange(6)
        if form == 0:
            return Raw(digits)
        if form == 1:
            return Raw(f"-{digits}")
        if form == 2:
            return Raw(f"{digits}.{'0' * self.random.randint(1, 5)}")
        if form == 3:
            return Raw(f"{self.random.randrange(10)}.{self.random.randrange(1000):04}E{self.random.choice(['', '+', '-'])}{self.random.randrange(20)}")
        if form == 4:
            return Raw(f"0.{'0' * self.random.randint(0, 6)}{self.random.randrange(1, 999)}e+0{self.random.randrange(9)}")
        return Raw(self.random.choice(["0", "-0.0", "0.000", "1.2E+2", "70.50"]))

    def time(self, whole=False):
        day = f"2026-{self.random.randint(1, 11):02}-{self.random.randint(1, 28):02}"
        clock = f"T{self.random.randrange(24):02}:{self.random.randrange(60):02}:{self.random.randrange(60):02}"
        fraction = "." + "".join(self.random.choice("0123456789") for _ in range(self.random.randint(1, 9))) if self.maybe() else ""
        zone = self.random.choice(["Z", "+00:00", "-00:00", "+01:00", "-11:30", "+14:00"])
        return day + clock + fraction + zone if whole or self.maybe(0.7) else self.random.choice(["2026", "2026-03", day])

    def object(self, depth, **rest):
        out = {name: value for name, value in rest.items() if value is not None}
        if self.maybe(0.15):
            out["id"] = self.random.choice(["a1", "x-9", "Z.z"])
        if depth < 3 and self.maybe(0.2):
            out["extension"] = self.extensions(depth + 1)
        return out

    def extensions(self, depth=0):
        return [self.extension(depth) for _ in range(self.random.randint(1, 2))]

    def extension(self, depth):
        if depth < 3 and self.maybe(0.2):
            return {"url": self.uri(), "extension": self.extensions(depth + 1)}
        name, value = self.random.choice([
            ("valueString", self.text), ("valueDecimal", self.decimal), ("valueBoolean", lambda: self.maybe()), ("valueInteger", lambda: self.random.randint(-9, 9)),
            ("valueCode", self.code), ("valueUri", self.uri), ("valueDateTime", self.time), ("valueInstant", lambda: self.time(True)),
            ("valueTime", lambda: "23:59:59.50"), ("valueBase64Binary", lambda: "AAAA aGVp\n"), ("valueQuantity", lambda: self.quantity(depth)),
            ("valueCodeableConcept", lambda: self.concept(depth)), ("valueReference", lambda: self.reference(depth)),
            ("valuePeriod", lambda: {"start": "2026-01", "end": "2026-02-01"}), ("valueHumanName", lambda: {"given": [self.text()], "family": self.text()}),
            ("valueAttachment", lambda: {"contentType": "text/plain", "data": "AAAA", "title": self.text()}), ("valueMoney", lambda: {"value": self.decimal(), "currency": "NOK"}),
            ("valueMarkdown", self.text), ("valueRatio", lambda: {"numerator": self.quantity(3), "denominator": self.quantity(3)}),
            ("valueTiming", lambda: {"repeat": {"period": Raw("1.0"), "periodUnit": "d"}}), ("valueSampledData", lambda: self.samples(depth)),
        ])
        return {"url": self.uri(), name: value()}

    def coding(self, depth):
        return self.object(depth, system=self.uri() if self.maybe(0.7) else None, code=self.code(), display=self.text() if self.maybe() else None, userSelected=self.maybe() or None)

    def concept(self, depth=0):
        return self.object(depth, coding=[self.coding(depth + 1) for _ in range(self.random.randint(1, 3))], text=self.text() if self.maybe() else None)

    def quantity(self, depth=0):
        system = UCUM if self.maybe(0.6) else None
        return self.object(depth, value=self.decimal(), unit=self.text() if self.maybe() else None, system=system, code=self.random.choice(["kg", "mm[Hg]", "{score}", "no/such"]) if system else None)

    def reference(self, depth=0, kind="Device"):
        return self.object(depth, reference=self.random.choice(self.places).format(kind), display=self.text() if self.maybe() else None)

    def samples(self, depth=0):
        return self.object(depth, origin={"value": self.decimal()}, period=self.decimal(), dimensions=self.random.randint(1, 3), data=self.random.choice(["1 2 E", "0.10 -2 U L"]))

    def value(self, depth=0):
        return self.random.choice([
            ("valueQuantity", lambda: self.quantity(depth)), ("valueString", self.text), ("valueInteger", lambda: self.random.randint(-(2**31), 2**31 - 1)),
            ("valueBoolean", lambda: self.maybe(0.5)), ("valueCodeableConcept", lambda: self.concept(depth)), ("valueTime", lambda: "00:00:00"),
            ("valueDateTime", self.time), ("valuePeriod", lambda: {"start": self.time()}), ("valueRatio", lambda: {"numerator": self.quantity(depth), "denominator": self.quantity(depth)}),
            ("valueRange", lambda: {"low": {"value": Raw("1.50")}, "high": {"value": Raw("1.500")}}), ("valueSampledData", lambda: self.samples(depth)),
        ])

    def observation(self, line):
        name, value = self.value()
        out = {"resourceType": "Observation", "status": self.random.choice(["registered", "preliminary", "final", "unknown"]), "code": self.concept(),
               "subject": self.object(1, identifier={"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": line}, display=self.text() if self.maybe() else None),
               "identifier": [self.object(1, system="urn:generated", value=f"{SEED}-{line}-{self.random.random()}")], name: value()}
        out[self.random.choice(["effectiveDateTime"] * 3 + ["effectiveInstant"])] = self.time(True)
        optional = {
            "meta": lambda: self.object(2, profile=["https://vendor.example/p"], tag=[self.coding(2)], source="urn:vendor#1"),
            "text": lambda: {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a &lt; b&#160;<b>c</b></div>'},
            "language": lambda: "nb-NO", "extension": self.extensions, "issued": lambda: self.time(True), "category": lambda: [self.concept() for _ in range(2)],
            "interpretation": lambda: [self.concept()], "note": lambda: [self.object(1, text=self.text(), time=self.time())], "bodySite": self.concept, "method": self.concept,
            "performer": lambda: [self.reference(kind="Practitioner")], "hasMember": lambda: [self.reference(kind="Observation")],
            "derivedFrom": lambda: [self.reference(kind="Observation")], "encounter": lambda: self.reference(kind="Encounter"),
            "focus": lambda: [self.reference()], "referenceRange": lambda: [self.object(1, low={"value": self.decimal(), "unit": "kg"}, text=self.text())],
            "component": lambda: [self.component(i) for i in range(self.random.randint(1, 3))], "_status": lambda: {"extension": self.extensions()},
            "contained": lambda: [{"resourceType": "Specimen", "id": "s", "note": [{"text": self.text()}], "collection": {"quantity": {"value": Raw("1.0")}}}],
        }
        for what, make in optional.items():
            if self.maybe():
                out[what] = make()
        if "contained" in out:
            out["specimen"] = {"reference": "#s"}
        return out

    def component(self, number):
        name, value = self.value(1)
        return self.object(1, code={"text": f"del {number}"}, **{name: value()})

    # ---- spelling
    def blank(self):
        return self.random.choice(["", "", "", " ", "\n", "\t", " \r\n "])

    def string(self, text):
        out = []
        for letter in text:
            plain = json.dumps(letter, ensure_ascii=False)[1:-1]
            escaped = json.dumps(letter, ensure_ascii=True)[1:-1]
            out.append(self.random.choice([plain, escaped]) if ord(letter) > 127 else "\\/" if letter == "/" and self.maybe(0.05) else plain)
        return '"' + "".join(out) + '"'

    def write(self, value):
        if isinstance(value, Raw):
            return str(value)
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, dict):
            items = list(value.items())
            self.random.shuffle(items)
            return "{" + ",".join(f'{self.blank()}"{name}"{self.blank()}:{self.blank()}{self.write(item)}{self.blank()}' for name, item in items) + self.blank() + "}"
        if isinstance(value, list):
            return "[" + ",".join(self.blank() + self.write(item) + self.blank() for item in value) + "]"
        return json.dumps(value)


def is_kept(sent, back):
    """The members of the one are those of the other, each value byte for byte."""
    sent, back = members(sent), members(back)
    assert back.pop("id") and sent.pop("id", None) is None
    meta, sent_meta = members(back.pop("meta")), members(sent.pop("meta", "{}"))
    assert meta.pop("versionId") == '"1"' and meta.pop("lastUpdated")
    assert meta == sent_meta
    assert back == sent
    assert [name for name in back if name != "resourceType"] == [name for name in sent if name != "resourceType"]


def test_what_is_generated_comes_back(vendor, reader):
    make = Generator(SEED)
    line, kept = person(), []
    for number in range(COUNT):
        if number % 20 == 0:
            line = person()
        text = make.write(make.observation(line))
        answer = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=text.encode())
        assert answer.status_code == 201, f"{number}: {answer.text}\n{text}"
        is_kept(text, answer.text)
        kept.append((answer.json()["id"], answer.text, line))
    for place, text, _ in kept[::5]:
        assert reader.get(f"/fhir/Observation/{place}").text == text
    # and in the pages of a search
    for line in {line for *_, line in kept}:
        page = reader.search(line, _count=200)
        own = {place: text for place, text, who in kept if who == line}
        assert {resource["id"] for resource in found(page)} == set(own)
        assert all(text in page.text for text in own.values())


def test_a_bundle_keeps_them_too(vendor, reader):
    make = Generator(SEED + 1000, urns=False)  # in a Bundle they would have to lead to an entry
    line = person()
    texts = [make.write(make.observation(line)) for _ in range(40)]
    entries = ",".join('{"fullUrl":"urn:uuid:00000000-0000-4000-8000-%012d","request":{"method":"POST","url":"Observation"},"resource":%s}' % (i, text) for i, text in enumerate(texts))
    answer = vendor.post("/fhir", headers=FHIR_JSON, content=('{"resourceType":"Bundle","type":"batch","entry":[' + entries + "]}").encode())
    assert [entry["response"]["status"] for entry in answer.json()["entry"]] == ["201 Created"] * len(texts), answer.text
    for entry, text in zip(answer.json()["entry"], texts):
        place = entry["response"]["location"].split("Observation/")[1].split("/")[0]
        is_kept(text, reader.get(f"/fhir/Observation/{place}").text)


def test_the_generator_can_fail(vendor):
    """The control: a byte more or less is seen."""
    make = Generator(7)
    text = make.write(make.observation(person()))
    answer = vendor.post("/fhir/Observation", headers=FHIR_JSON, content=text.encode())
    assert answer.status_code == 201, answer.text
    is_kept(text, answer.text)
    with pytest.raises(AssertionError):
        is_kept(text.replace("urn:generated", "urn:generateD"), answer.text)
