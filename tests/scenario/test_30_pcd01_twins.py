# SPDX-License-Identifier: AGPL-3.0-or-later
"""For every row of mdc.tbl a PCD-01 message and its FHIR twin are one Observation, in both orders and 64 at once: a row that is measured is the reading, one that stands in OBX-5 its value,
one of a device's own stands beside it.

The twins are made here, from the table's columns, by none of the hub's code: as the HL7 PHD guide writes them (MDC, LOINC beside it), by LOINC alone, by MDC alone.
"""
import itertools
import re

import pytest

from hub import FNR, ROOT, bundle, person, results, side_by_side

MDC, LOINC, UCUM = "urn:iso:std:iso:11073:10101", "http://loinc.org", "http://unitsofmeasure.org"
EUI64 = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
MEASURED = {"vital-signs", "laboratory", "activity", "procedure", "phd", "device"}
HEAD = ("MSH|^~\\&|HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|Maalehub^1.2.3^ISO||20261120081500+0100||ORU^R01^ORU_R01|{control}|P|2.6|||NE|AL||UNICODE UTF-8|||"
        "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO\r"
        "PID|||{line}^^^&2.16.578.1.12.4.1.4.1&ISO^NI\r"
        "OBR|1|A1^HjemmeHub^AC1D2E3F40516273^EUI-64|B1^HjemmeHub^AC1D2E3F40516273^EUI-64|528457^MDC_DEV_SPEC_PROFILE_GENERIC^MDC|||20261120080000+0100\r"
        "OBX|1||{mds}^MDC|1.0.0.0|||||||X|||||||^^1122334455667788^EUI-64\r")
GENERIC = "528457^MDC_DEV_SPEC_PROFILE_GENERIC"
# plain values inside the table's limits, so that nothing but the value's road differs
VALUES = {"mm[Hg]": "97", "kPa": "13.0", "/min": "61", "%": "55.0", "Cel": "37.20", "[degF]": "98.6", "mmol/L": "6.40", "mg/dL": "115", "kg": "70.50", "g": "70500",
          "[lb_av]": "155.4", "cm": "171", "[in_i]": "67.5", "{INR}": "2.4"}
units = {ucum: (code, refid) for code, refid, ucum in re.findall(r'^UNIT\((\d+), "(\w+)", "([^"]*)"', (ROOT / "fhir/hl7/unit.tbl").read_text(), re.M)}
table = re.findall(r'^MDC\((\d+), "(\w+)", "([^"]*)", "([^"]*)", "([^"]*)", (\w+), "([^"]*)"\)', (ROOT / "fhir/hl7/mdc.tbl").read_text(), re.M)
coded = [(code, refid) for code, refid, _, _, category, _, _ in table if category == "value"]


class Reading:
    """One row of the table in one of its units, at a moment of its own."""

    def __init__(self, number, code, refid, loincs, unit, value=None, mds=GENERIC, beside=""):
        self.number, self.code, self.refid, self.loincs, self.unit, self.mds, self.beside = number, code, refid, loincs, unit, mds, beside
        minutes, self.second = divmod(number, 59)
        self.hour, self.minute = divmod(minutes, 60)
        self.second += 1  # a clock that shows seconds
        self.value = value or (VALUES.get(unit, "12.50") if unit else coded[number % len(coded)])

    def __repr__(self):
        return f"{self.code} {self.refid} [{self.unit}]"

    def time(self):
        return f"2026-11-20T{8 + self.hour:02d}:{self.minute:02d}:{self.second:02d}+01:00"

    def row(self, number=2, path="1.0.0.1"):
        at = f"20261120{8 + self.hour:02d}{self.minute:02d}{self.second:02d}+0100"
        if self.unit:
            unit, name = units[self.unit]
            said = f"|NM|{self.code}^{self.refid}^MDC|{path}|{self.value}|{unit}^{name}^MDC"
        else:
            said = f"|CWE|{self.code}^{self.refid}^MDC|{path}|{self.value[0]}^{self.value[1]}^MDC|"
        return f"OBX|{number}{said}|||||R|||{at}\r"

    def message(self, line):
        return HEAD.format(control=f"T{self.number}", line=line, mds=self.mds) + self.beside + self.row()

    def ways(self):
        """The lists of codings a FHIR sender may use."""
        mdc, loincs = {"system": MDC, "code": self.code}, [{"system": LOINC, "code": one} for one in self.loincs]
        return [[mdc, *loincs], loincs[:1] or [mdc], [mdc], [*reversed(loincs), mdc]]

    def twin(self, line, way):
        resource = {"resourceType": "Observation", "status": "final",
                    "category": [{"coding": [{"system": "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories", "code": "phd"}]}],
                    "code": {"coding": self.ways()[way % 4], "text": "display texts never count"}, "effectiveDateTime": self.time(),
                    "subject": {"identifier": {"system": FNR, "value": line}}, "device": {"identifier": {"system": EUI64, "value": "11-22-33-44-55-66-77-88"}}}
        if self.unit:
            resource["valueQuantity"] = {"value": float(self.value), "unit": "as the app writes it", "system": UCUM, "code": self.unit}
        else:
            resource["valueCodeableConcept"] = {"coding": [{"system": MDC, "code": self.value[0], "display": "something"}]}
        return resource


def readings():
    number = itertools.count()
    for code, refid, _, _, category, _, _ in table:
        if category == "value":  # the session of an activity, with each value there is
            yield Reading(next(number), "8454267", "MDC_HF_SESSION", [], "", value=(code, refid))
        if category == "device-type":
            yield Reading(next(number), "149546", "MDC_PULS_RATE_NON_INV", ["8867-4"], "/min", mds=f"{code}^{refid}")
        if category in ("time", "device-info"):
            yield Reading(next(number), "149546", "MDC_PULS_RATE_NON_INV", ["8867-4"], "/min", beside=f"OBX|9|ST|{code}^{refid}^MDC|1.0.0.9|what it says||||||R\r")
    for code, refid, loinc, ucum, category, _, _ in table:
        if category not in MEASURED:
            continue
        loincs, kinds = loinc.split(";") if loinc else [], ucum.split(";") if ucum else [""]
        pairs = len(loincs) > 1 and len(loincs) == len(kinds)  # then a LOINC code holds for its unit only
        for at, unit in enumerate(kinds):
            yield Reading(next(number), code, refid, [one for one in ([loincs[at]] if pairs else loincs) if one], unit)


ALL = list(readings())


def acknowledged(answer):
    """Taken, and without a word of warning: not that another value is kept beside, either."""
    assert answer.status_code == 200 and "MSA|AA|" in answer.text and "ERR|" not in answer.text, answer.text


def stored(hub):
    return hub.sql("select (select count(*) from hub.observation where type = 1), (select count(*) from hub.observation_history where type = 1)")[0]


def upload(vendor, twins):
    """Status and version of each of these twins, sent as a batch."""
    answer = vendor.upload(bundle(*twins))
    return list(zip(results(answer), (entry["response"].get("etag") for entry in answer.json()["entry"]), strict=True))


MADE, KNOWN, CHANGED = (201, 'W/"1"'), (200, 'W/"1"'), (200, 'W/"2"')


def differing(got, wanted, of):
    """The readings that fared otherwise."""
    return [f"{one!r}: {each}" for each, one in zip(got, of, strict=True) if each != wanted]


def test_the_table_is_read_as_it_is():
    """What is generated is nearly all of what can be measured; a row that the expressions above pass over would go untested."""
    rows = len(re.findall(r"^MDC\(", (ROOT / "fhir/hl7/mdc.tbl").read_text(), re.M))
    assert len(table) == rows > 200 and len(units) > 30 and len(coded) > 30
    assert len({one.code for one in ALL}) > 120 and len(ALL) > 170 and {one.unit for one in ALL} - {""} <= set(units)


def test_each_row_is_tried():
    """The rest by name: facets and durations in test_facets, control solutions are nobody's readings."""
    tried = {one.code for one in ALL} | {one.value[0] for one in ALL if not one.unit} | {one.mds.split("^")[0] for one in ALL}
    tried |= {re.search(r"\|(\d+)\^", one.beside)[1] for one in ALL if one.beside}
    assert {code for code, *_ in table} - tried == {code for code, _, _, _, category, _, _ in table if category in ("facet", "duration", "control")}
    assert {code for code, _, _, _, category, _, _ in table if category in ("facet", "duration")} == {"68193", "68185"}


@pytest.mark.parametrize("code,refid", [(code, refid) for code, refid, _, _, category, _, _ in table if category == "control"])
def test_a_control_solution_is_nobody_s_reading(hub, vendor, code, refid):
    line, before = person(), stored(hub)
    alone = HEAD.format(control="C", line=line, mds=GENERIC) + f"OBX|2|NM|{code}^{refid}^MDC|1.0.0.1|6.4|266866^MDC_DIM_MILLI_MOLE_PER_L^MDC|||||R|||20261120080012+0100\r"
    answer = vendor.pcd01(alone)
    assert "MSA|AE|" in answer.text and "ERR||OBX^2^3|" in answer.text and stored(hub) == before


def test_by_pcd01_and_then_by_fhir(hub, vendor):
    line, half = person(), ALL[0::2]
    before = stored(hub)
    for one in half:
        acknowledged(vendor.pcd01(one.message(line)))
    for way in range(4):
        assert differing(upload(vendor, [one.twin(line, way) for one in half]), KNOWN, half) == []
    assert stored(hub) == (before[0] + len(half), before[1])


def test_by_fhir_and_then_by_pcd01(hub, vendor):
    line, half = person(), ALL[1::2]
    before = stored(hub)
    assert differing(upload(vendor, [one.twin(line, one.number // 2) for one in half]), MADE, half) == []
    for one in half:
        acknowledged(vendor.pcd01(one.message(line)))
    for way in range(4):
        assert differing(upload(vendor, [one.twin(line, way) for one in half]), KNOWN, half) == []
    assert stored(hub) == (before[0] + len(half), before[1])


def test_what_differs_is_another_one(hub, vendor):
    """The control: another second, another device or another patient make another Observation, another value a new version."""
    line, one = person(), next(one for one in ALL if one.code == "150364" and one.unit == "Cel")
    acknowledged(vendor.pcd01(one.message(line)))
    before = stored(hub)
    later, elsewhere, other = one.twin(line, 0), one.twin(line, 0), one.twin(line, 0)
    later["effectiveDateTime"] = one.time().replace("T08", "T07")
    elsewhere["device"]["identifier"]["value"] = "11-22-33-44-55-66-77-89"
    other["valueQuantity"]["value"] = 38.5
    assert upload(vendor, [later, elsewhere, one.twin(person(), 0)]) == [MADE] * 3
    assert stored(hub) == (before[0] + 3, before[1])
    assert upload(vendor, [other]) == [CHANGED] and stored(hub) == (before[0] + 3, before[1] + 1)


def component(code, value, unit="mm[Hg]"):
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "system": UCUM, "code": unit}}


@pytest.mark.parametrize("first", ["pcd01", "fhir"])
@pytest.mark.parametrize("panel_row", [True, False])
@pytest.mark.parametrize("mean", [True, False])
def test_a_blood_pressure(hub, vendor, first, panel_row, mean):
    line, at = person(), "|||||R|||20261120080012+0100\r"
    text = HEAD.format(control="BP", line=line, mds=GENERIC)
    text += f"OBX|2||150020^MDC_PRESS_BLD_NONINV^MDC|1.0.1|||{at.removeprefix('|')}" if panel_row else ""
    for index, (code, value) in enumerate([("150021", 128), ("150022", 81), ("150023", 97)][:3 if mean else 2], 1):
        text += f"OBX|{2 + index}|NM|{code}^^MDC|1.0.1.{index}|{value}|266016^MDC_DIM_MMHG^MDC{at}"
    twin = Reading(0, "150020", "", ["85354-9"], "mm[Hg]").twin(line, 0)
    del twin["valueQuantity"]
    twin["effectiveDateTime"] = "2026-11-20T07:00:12Z"
    twin["component"] = [component("8462-4", 81), *([component("8478-0", 97)] if mean else []), component("8480-6", 128)]
    before = stored(hub)
    if first == "fhir":
        assert upload(vendor, [twin]) == [MADE]
    acknowledged(vendor.pcd01(text))
    if first == "pcd01":
        assert upload(vendor, [twin]) == [KNOWN]
    assert stored(hub) == (before[0] + 1, before[1])


def facet_rows():
    spo2, heart = (next(one for one in ALL if one.code == code) for code in ("150456", "147842"))
    concept = {"code": {"coding": [{"system": MDC, "code": "68193"}]}, "valueCodeableConcept": {"coding": [{"system": MDC, "code": "150588"}]}}
    yield spo2, "OBX|3|CWE|68193^MDC_ATTR_SUPPLEMENTAL_TYPES^MDC|1.0.0.1.1|150588^MDC_MODALITY_SPOT^MDC||||||R\r", {"component": [concept]}
    start = heart.time()
    end = re.sub(r"T(\d\d)", lambda hour: f"T{int(hour[1]) + 1:02d}", start)
    yield heart, "OBX|3|NM|68185^MDC_ATTR_TIME_PD_MSMT_ACTIVE^MDC|1.0.0.1.1|1|264384^MDC_DIM_HR^MDC|||||R\r", {"effectiveDateTime": None, "effectivePeriod": {"start": start, "end": end}}
    yield (next(one for one in ALL if one.code == "8519681"), None,
           {"valueCodeableConcept": None, "component": [{"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/ASN1ToHL7", "code": "8519681.0"}]}, "valueBoolean": True}]})


@pytest.mark.parametrize("first", ["pcd01", "fhir"])
@pytest.mark.parametrize("one,row,change", facet_rows(), ids=["modality", "duration", "bits"])
def test_facets(hub, vendor, first, one, row, change):
    line = person()
    text = one.message(line)
    text = re.sub(r"\|\d+\^MDC_\w+\^MDC\|(\|\|\|\|\|R)", r"|1^fall-detected(0)|\1", text) if row is None else text + row
    twin = {name: value for name, value in {**one.twin(line, 0), **change}.items() if value is not None}
    before = stored(hub)
    if first == "fhir":
        assert upload(vendor, [twin]) == [MADE]
    acknowledged(vendor.pcd01(text))
    if first == "pcd01":
        assert upload(vendor, [twin]) == [KNOWN]
    assert stored(hub) == (before[0] + 1, before[1])


def whole(line, readings):
    """One message with all of them: a tree for each device, all of which are one."""
    rows, number = [], 1
    for tree, mds in enumerate(dict.fromkeys(one.mds for one in readings), 1):
        rows.append(f"OBX|{number}||{mds}^MDC|{tree}.0.0.0|||||||X|||||||^^1122334455667788^EUI-64\r")
        for at, one in enumerate((one for one in readings if one.mds == mds), 1):
            number += 1
            rows.append(one.row(number, f"{tree}.0.0.{at}"))
        number += 1
    head = HEAD.format(control="ALL", line=line, mds=GENERIC)
    return head[:head.index("OBX|")] + "".join(rows)


def test_64_at_once(hub):
    """All rows of the table together, 64 times: half of the senders by PCD-01, half by FHIR, each of these with codes of its own choice."""
    line, before = person(), stored(hub)

    def send(caller, i):
        for _ in range(20):  # a loaded machine may say that it is busy, or not sure
            if i % 2:
                answer = caller.upload(bundle(*(one.twin(line, i // 2) for one in ALL)))
                if answer.status_code == 200 and set(results(answer)) <= {200, 201}:
                    return True
            else:
                answer = caller.pcd01(whole(line, ALL))
                if "MSA|AA|" in answer.text and "ERR|" not in answer.text:
                    return True
            assert answer.status_code in (200, 503, 504), answer.text[:500]
        return answer.text[:500]

    assert [got for got in side_by_side(hub, "solvik-dho", 8, send, range(64)) if got is not True] == []
    assert stored(hub) == (before[0] + len(ALL), before[1])
