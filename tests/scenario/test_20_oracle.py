# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two hundred readings by random road, fifty of them again by the other, a SIGKILL in between; an oracle predicts all that must be there.

The oracle shares nothing with the hub: it knows the readings it made, and what the promises say follows from them.
"""
import collections
import concurrent.futures
import datetime
import decimal
import json
import os
import random
import uuid

import httpx
import pytest

from hub import ER7, FHIR_JSON, FNR, SOLVIK, bundle, person

OSLO = datetime.timezone(datetime.timedelta(hours=1))
EUI64 = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
# name: LOINC, MDC code and name, UCUM, MDC unit, smallest and largest value in steps of 10^-digits
KINDS = {
    "pulse": ("8867-4", "149530^MDC_PULS_OXIM_PULS_RATE", "/min", "264864^MDC_DIM_BEAT_PER_MIN", 45, 120, 0),
    "spo2": ("59408-5", "150456^MDC_PULS_OXIM_SAT_O2", "%", "262688^MDC_DIM_PERCENT", 85, 99, 0),
    "weight": ("29463-7", "188736^MDC_MASS_BODY_ACTUAL", "kg", "263875^MDC_DIM_KILO_G", 450, 1200, 1),
    "temperature": ("8310-5", "150364^MDC_TEMP_BODY", "Cel", "268192^MDC_DIM_DEGC", 355, 410, 1),
    "pressure": ("85354-9", None, "mm[Hg]", "266016^MDC_DIM_MMHG", 0, 0, 0),
}
SAME = {"2708-6": "59408-5"}  # codes of one thing, as the oracle names them

Reading = collections.namedtuple("Reading", "who kind at device values")


def make(dice, people):
    kind = dice.choice(list(KINDS))
    at = datetime.datetime(2026, dice.choice((9, 10, 11)), dice.randint(1, 18), dice.randint(0, 23), dice.randint(0, 59), dice.randint(1, 59), tzinfo=OSLO)
    if kind == "pressure":
        values = (str(dice.randint(95, 170)), str(dice.randint(50, 94)))
    else:
        low, high, digits = KINDS[kind][4:]
        values = (str(decimal.Decimal(dice.randint(low, high)).scaleb(-digits)),)
    return Reading(dice.choice(people), kind, at, f"{dice.randint(1, 9):016X}", values)


def quantity(value, ucum):
    return {"value": json.loads(value), "unit": ucum, "system": "http://unitsofmeasure.org", "code": ucum}


def as_fhir(reading):
    loinc, _, ucum = KINDS[reading.kind][:3]
    coding = lambda code: {"coding": [{"system": "http://loinc.org", "code": code}]}  # noqa: E731
    resource = {
        "resourceType": "Observation", "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": coding(loinc), "subject": {"identifier": {"system": FNR, "value": reading.who}},
        "effectiveDateTime": reading.at.isoformat(), "device": {"identifier": {"system": EUI64, "value": "-".join(reading.device[i:i + 2] for i in range(0, 16, 2))}},
    }
    if reading.kind == "pressure":
        resource["component"] = [{"code": coding(code), "valueQuantity": quantity(value, ucum)} for code, value in zip(("8480-6", "8462-4"), reading.values)]
    else:
        resource["valueQuantity"] = quantity(reading.values[0], ucum)
    return resource


def as_hl7(reading):
    stamp = reading.at.strftime("%Y%m%d%H%M%S%z")
    device = f"{reading.device}^^{reading.device}^EUI-64"
    _, mdc, _, unit = KINDS[reading.kind][:4]
    rows = [f"OBX|1||528384^MDC_DEV_SPEC_PROFILE_GENERIC^MDC|1.0.0.0|||||||X|||||||{device}"]
    if reading.kind == "pressure":
        rows.append(f"OBX|2||150020^MDC_PRESS_BLD_NONINV^MDC|1.0.1|||||||X|||{stamp}")
        for number, (code, value) in enumerate(zip(("150021^MDC_PRESS_BLD_NONINV_SYS", "150022^MDC_PRESS_BLD_NONINV_DIA"), reading.values), 1):
            rows.append(f"OBX|{number + 2}|NM|{code}^MDC|1.0.1.{number}|{value}|{unit}^MDC|||||R")
    else:
        rows.append(f"OBX|2|NM|{mdc}^MDC|1.0.0.1|{reading.values[0]}|{unit}^MDC|||||R|||{stamp}")
    return "\r".join([
        f"MSH|^~\\&|Hub^0011223344556677^EUI-64||||20261120120000+0100||ORU^R01^ORU_R01|{uuid.uuid4().hex[:20]}|P|2.6|||NE|AL||UNICODE UTF-8|||"
        "IHE PCD ORU-R01 2006^HL7^1.3.6.1.4.1.19376.1.6.1.1.1^ISO",
        f"PID|||{reading.who}^^^&2.16.578.1.12.4.1.4.1&ISO^NNN",
        f"OBR|1|1^Hub^0011223344556677^EUI-64|1^Hub^0011223344556677^EUI-64|182777000^monitoring of patient^SCT|||{stamp}|{stamp}", *rows, ""])


def send(caller, request):
    """One upload; True when the hub acknowledged it."""
    road, readings = request
    try:
        if road == "hl7":
            answer = caller.post("/pcd01", headers=ER7, content=as_hl7(readings[0]).encode())
            assert answer.status_code == 200 and b"MSA|AA|" in answer.content, answer.text
        elif road == "one":
            answer = caller.post("/fhir/Observation", headers=FHIR_JSON, content=json.dumps(as_fhir(readings[0])))
            assert answer.status_code in (200, 201), answer.text
        else:
            answer = caller.post("/fhir", headers=FHIR_JSON, content=json.dumps(bundle(*map(as_fhir, readings))))
            assert answer.status_code == 200, answer.text
            assert all(entry["response"]["status"][:3] in ("200", "201") for entry in answer.json()["entry"]), answer.text
    except httpx.HTTPError:
        return False
    return True


class Oracle:
    """What must be there after what was sent."""

    def __init__(self):
        self.readings, self.log, self.unsure = set(), collections.Counter(), collections.Counter()

    def sent(self, request, acknowledged):
        readings = request[1]
        if acknowledged:
            self.readings.update(readings)
        for who, count in collections.Counter(reading.who for reading in readings).items():
            (self.log if acknowledged else self.unsure)[(who, "create", "permit", str(SOLVIK), count)] += 1

    def observations(self, who):
        return collections.Counter((SAME.get(KINDS[r.kind][0], KINDS[r.kind][0]), r.at.astimezone(datetime.timezone.utc),
                                    tuple(decimal.Decimal(v).normalize() for v in r.values)) for r in self.readings if r.who == who)

    def months(self, who):
        """The locator counts in months of UTC."""
        return {r.at.astimezone(datetime.timezone.utc).strftime("%Y-%m") for r in self.readings if r.who == who}


def seen(resource):
    """What the hub holds, in the oracle's words."""
    codes = {SAME.get(c["code"], c["code"]) for c in resource["code"]["coding"] if c["system"] == "http://loinc.org"}
    at = datetime.datetime.fromisoformat(resource["effectiveDateTime"]).astimezone(datetime.timezone.utc)
    if "component" in resource:
        parts = {c["code"]["coding"][-1]["code"]: c for c in resource["component"]}
        for component in resource["component"]:
            for coding in component["code"]["coding"]:
                parts[coding["code"]] = component
        values = [parts[code]["valueQuantity"]["value"] for code in ("8480-6", "8462-4")]
    else:
        values = [resource["valueQuantity"]["value"]]
    assert len(codes) == 1, resource["code"]
    return codes.pop(), at, tuple(value.normalize() for value in values)


def all_of(caller, who, count="7"):
    """Every Observation of a patient, page by page."""
    out, answer = [], caller.search(who, _count=count)
    while True:
        assert answer.status_code == 200, answer.text
        page = json.loads(answer.text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
        out += [entry["resource"] for entry in page.get("entry", []) if entry["resource"]["resourceType"] == "Observation"]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            return out
        answer = caller.get(following[0].removeprefix(caller.hub.url))


def log_of(hub, who):
    """The citizen's whole log, newest first, without the citizen's own looks at it."""
    citizen, out, cursor = hub.as_("innbygger-line", set={"helseid://claims/identity/pid": who}), [], None
    while True:
        page = citizen.log(limit=50, **({"cursor": cursor} if cursor else {})).json()
        out += [entry for entry in page["entries"] if entry["event"] != "insight"]
        cursor = page.get("cursor")
        if not cursor:
            return out


@pytest.mark.parametrize("seed", [int(os.environ.get("MAALEHUB_SEED", "20261121"))])
def test_all_that_was_acknowledged_is_there_once(own_hub, seed):
    hub, dice, oracle = own_hub(), random.Random(seed), Oracle()
    print(f"seed {seed} (MAALEHUB_SEED={seed} plays it again)")
    vendor = hub.as_("solvik-dho")
    vendor.token()
    people = [person() for _ in range(12)]
    readings = set()
    while len(readings) < 200:
        reading = make(dice, people)
        # one device measures one thing at one second once
        if not any((r.who, r.kind, r.at, r.device) == (reading.who, reading.kind, reading.at, reading.device) for r in readings):
            readings.add(reading)
    readings = sorted(readings, key=lambda r: dice.random())
    requests, at = [], 0
    while at < len(readings):
        road = dice.choice(("hl7", "one", "bundle"))
        count = min(dice.randint(2, 9) if road == "bundle" else 1, len(readings) - at)
        requests.append((road, readings[at:at + count]))
        at += count
    # fifty come again, by the other road
    first_road = {reading: road for road, batch in requests for reading in batch}
    for reading in dice.sample(readings, 50):
        requests.append(("one" if first_road[reading] == "hl7" else "hl7", [reading]))
    middle = requests[len(requests) // 3: len(requests) // 3 + 6]
    before, after = requests[:len(requests) // 3], requests[len(requests) // 3 + 6:]

    for request in before:
        assert send(vendor, request)
        oracle.sent(request, True)
    # SIGKILL while six uploads are on their way
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        callers = [hub.as_("solvik-dho") for _ in middle]
        for caller in callers:
            caller.token()
        running = [pool.submit(send, caller, request) for caller, request in zip(callers, middle)]
        hub.kill_hub()
        acknowledged = [one.result() for one in running]
    for request, done in zip(middle, acknowledged):
        oracle.sent(request, done)
    hub.start_hub()
    vendor = hub.as_("solvik-dho")
    for request in [request for request, done in zip(middle, acknowledged) if not done] + after:
        assert send(vendor, request)
        oracle.sent(request, True)

    # the log first: searching adds to it
    entries = [(who, entry) for who in people for entry in log_of(hub, who)]
    rows = collections.Counter((who, e["event"], e["outcome"], e["dataController"]["orgnr"], sum(w["count"] for w in e["what"])) for who, e in entries)
    extra = rows - oracle.log
    assert oracle.log - rows == collections.Counter(), "rows that are missing"
    assert extra - oracle.unsure == collections.Counter(), "rows that nothing accounts for"
    assert hub.sql("select count(*) from hub.access_log where op = 3")[0][0] == sum(rows.values())

    reader = hub.as_("utvikler")
    for who in people:
        expected = oracle.observations(who)
        resources = all_of(reader, who)
        assert collections.Counter(map(seen, resources)) == expected
        assert {resource["meta"]["versionId"] for resource in resources} <= {"1"}
        if expected:
            entries = reader.locate(who).json()["entries"]
            assert [(e["dataController"]["value"], e["category"], e["mostRecent"]) for e in entries] == [(str(SOLVIK), "vital-signs", max(oracle.months(who)))]
    assert hub.sql("select count(*) from hub.observation")[0][0] == len(readings)
    # the roads name a category by different lists of codings (PCD-01 says phd too), each with rows of its own
    assert hub.sql("select count(*) from (select distinct bucket, person_id, tenant_id, month from hub.locator) as months")[0][0] == sum(len(oracle.months(who)) for who in people)
