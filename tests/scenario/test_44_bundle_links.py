# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bundles whose entries refer to each other: Devices, Provenances, members, patients, by urn:uuid or by a condition."""
import concurrent.futures
import json
import uuid

import pytest

import hub as hubs
from hub import FNR, VENDOR, found, issues, person, results

SERIAL = "https://vendor.example/serial"
EUI = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"


def urn():
    return f"urn:uuid:{uuid.uuid4()}"


def device(serial=None, system=SERIAL, **more):
    return {"resourceType": "Device", "identifier": [{"system": system, "value": serial or str(uuid.uuid4())}],
            "type": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "528391"}]}, **more}


def observation(who, device=None, **rest):
    """With a reference to its device, or none."""
    return {**hubs.observation(who, device=None, **rest), **({"device": device} if device else {})}


def provenance(*targets, **more):
    return {"resourceType": "Provenance", "target": [{"reference": target} for target in targets], "recorded": "2026-11-20T08:00:00Z",
            "agent": [{"who": {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310000019"}}}], **more}


def patient(who):
    return {"resourceType": "Patient", "identifier": [{"system": FNR, "value": who}]}


def of(*entries, type="transaction"):
    """A Bundle of (fullUrl, resource) or (fullUrl, resource, ifNoneExist)."""
    made = []
    for url, resource, *condition in entries:
        request = {"method": "POST", "url": resource["resourceType"], **({"ifNoneExist": condition[0]} if condition else {})}
        made.append({"fullUrl": url, "resource": resource, **({} if type == "collection" else {"request": request})})
    return {"resourceType": "Bundle", "type": type, "entry": made}


def places(answer):
    return [entry["response"].get("location", "").split("/_history")[0] for entry in answer.json()["entry"]]


def read(caller, answer):
    """The Observations of the answer, by id, as the doctor reads them."""
    return {place: caller.get(f"/fhir/{place}").json() for place in places(answer) if place.startswith("Observation/")}


@pytest.mark.parametrize("type", ["transaction", "batch", "collection"])
def test_references_lead_to_what_was_stored_whatever_the_order(vendor, reader, type):
    line, meter, first, panel = person(), urn(), urn(), urn()
    reading = observation(line, device={"reference": meter})
    whole = observation(line, code="85353-1", value="1", unit="1", device={"reference": meter}, hasMember=[{"reference": first}])
    sent = of((panel, whole), (first, reading), (meter, device("S-1")), type=type)
    answer = vendor.upload(sent)
    assert answer.status_code == 200 and results(answer) == [201, 201, 201], answer.text
    assert [entry["fullUrl"] for entry in answer.json()["entry"]] == [panel, first, meter]
    stored, (whole_at, first_at, meter_at) = read(reader, answer), places(answer)
    assert meter_at.startswith("Device/")
    assert stored[first_at]["device"] == {"reference": meter_at, "identifier": device("S-1")["identifier"][0]}
    assert stored[whole_at]["hasMember"] == [{"reference": first_at}] and stored[whole_at]["device"]["reference"] == meter_at
    again = vendor.upload(sent)
    assert results(again) == [200, 200, 200] and places(again) == places(answer), again.text


def test_a_circle_is_no_trouble(vendor, reader):
    line, one, two = person(), urn(), urn()
    answer = vendor.upload(of((one, observation(line, derivedFrom=[{"reference": two}])),
                              (two, observation(line, code="2708-6", value="97", unit="%", hasMember=[{"reference": one}]))))
    assert results(answer) == [201, 201], answer.text
    stored, (first, second) = read(reader, answer), places(answer)
    assert stored[first]["derivedFrom"] == [{"reference": second}] and stored[second]["hasMember"] == [{"reference": first}]


def test_a_device_is_one_for_a_patient_however_often_it_is_sent(vendor, reader):
    line, serial = person(), str(uuid.uuid4())
    places_of = set()
    for i in range(4):
        meter = urn()
        answer = vendor.upload(of((meter, device(serial), f"identifier={SERIAL}|{serial}"),
                                  (urn(), observation(line, at=f"2026-11-20T08:0{i}:01+01:00", device={"reference": meter}))))
        assert results(answer) == [201 if i == 0 else 200, 201], answer.text
        places_of.add(places(answer)[0])
        assert read(reader, answer)[places(answer)[1]]["device"]["reference"] == places(answer)[0]
    assert len(places_of) == 1
    other = vendor.upload(of((urn(), device(serial, patient={"identifier": {"system": FNR, "value": person()}}))))
    assert results(other) == [201] and places(other)[0] not in places_of


def test_a_device_that_stands_twice_is_one(vendor, reader):
    """Nobody refers to the first of the two: the second is the same row, and the reading's device."""
    line, serial, meter = person(), str(uuid.uuid4()), urn()
    owner = {"identifier": {"system": FNR, "value": line}}
    answer = vendor.upload(of((urn(), device(serial, patient=owner)), (urn(), observation(line, device={"reference": meter})), (meter, device(serial, patient=owner))))
    assert results(answer) in ([201, 201, 200], [200, 201, 201]), answer.text
    assert places(answer)[0] == places(answer)[2] == read(reader, answer)[places(answer)[1]]["device"]["reference"]


def test_a_device_that_changed_is_a_new_version_unless_the_sender_says_if_none_exists(vendor):
    line, serial = person(), str(uuid.uuid4())
    whose = {"identifier": {"system": FNR, "value": line}}
    condition = f"identifier={SERIAL}|{serial}"
    assert results(vendor.upload(of((urn(), device(serial, patient=whose))))) == [201]
    kept = vendor.upload(of((urn(), device(serial, patient=whose, lotNumber="7"), condition)))
    assert results(kept) == [200] and places(kept)[0] and kept.json()["entry"][0]["response"]["etag"] == 'W/"1"'
    changed = vendor.upload(of((urn(), device(serial, patient=whose, lotNumber="7"))))
    assert results(changed) == [200] and changed.json()["entry"][0]["response"]["etag"] == 'W/"2"' and places(changed) == places(kept)


def test_equal_bundles_at_once_make_one_device(vendor, hub):
    line, serial = person(), str(uuid.uuid4())

    def send(i):
        meter = urn()
        with_own = hub.as_("solvik-dho")
        return with_own.upload(of((meter, device(serial)), (urn(), observation(line, at=f"2026-11-21T08:{i:02d}:01+01:00", device={"reference": meter}))))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers if answer.status_code != 200][:1]
    assert len({places(answer)[0] for answer in answers}) == 1
    assert hub.sql("select count(*) from hub.observation where type = 3 and subject_id = (select subject_id from hub.observation where id = (select max(id) from hub.observation))")[0][0] == 1


def test_a_subject_may_be_a_patient_entry_or_a_condition(vendor, reader):
    line, whom = person(), urn()
    subjects = [{"reference": whom}, {"reference": f"Patient?identifier={FNR}|{line}"}]
    answer = vendor.upload(of((whom, patient(line)), *((urn(), observation(line, subject=subject, code=code)) for subject, code in zip(subjects, ("8867-4", "9279-1")))))
    assert results(answer) == [200, 201, 201] and "ignored" in json.dumps(answer.json()["entry"][0])
    known = reader.patient_id(line)
    assert len(found(reader.search(line))) == 2
    for stored in read(reader, answer).values():
        assert stored["subject"] == {"reference": f"Patient/{known}", "identifier": {"system": FNR, "value": line}}


def test_a_conditional_reference_finds_what_is_stored(vendor, reader):
    line, serial = person(), str(uuid.uuid4())
    first = vendor.upload(of((urn(), device(serial, patient={"identifier": {"system": FNR, "value": line}}))))
    reference = {"reference": f"Device?identifier={SERIAL}|{serial}"}
    answer = vendor.upload(of((urn(), observation(line, device=reference))))
    assert results(answer) == [201], answer.text
    assert list(read(reader, answer).values())[0]["device"]["reference"] == places(first)[0]
    nothing = {"reference": f"Device?identifier={SERIAL}|{uuid.uuid4()}"}
    refused = vendor.upload(of((urn(), observation(line, at="2026-11-20T09:00:01Z", device=nothing)), (urn(), observation(line, code="9279-1"))))
    assert refused.status_code == 412 and "leads to nothing" in issues(refused)
    mixed = vendor.upload(of((urn(), observation(line, at="2026-11-20T09:00:01Z", device=nothing)), (urn(), observation(line, code="9279-1")), type="batch"))
    assert results(mixed) == [412, 201]
    # the device of another patient is nobody's here
    assert vendor.upload(of((urn(), observation(person(), device=reference)))).status_code == 412


def test_provenance_is_stored_with_its_targets(vendor, hub):
    line, reading, meter = person(), urn(), urn()
    sent = of((urn(), provenance(reading, meter)), (reading, observation(line, device={"reference": meter})), (meter, device()))
    answer = vendor.upload(sent)
    assert results(answer) == [201, 201, 201], answer.text
    assert results(vendor.upload(sent)) == [200, 200, 200]
    types = hub.sql("select type, count(*), count(distinct subject_id) from hub.observation where upload_id = "
                    "(select upload_id from hub.observation where type = 7 order by recv desc limit 1) group by type order by type")
    assert types == [(1, 1, 1), (3, 1, 1), (7, 1, 1)]


def test_what_cannot_be_linked_is_refused(vendor):
    line, meter = person(), urn()
    nowhere = vendor.upload(of((urn(), observation(line, device={"reference": urn()}))))
    assert nowhere.status_code == 422 and "no entry of the Bundle" in issues(nowhere)
    for type, expected in (("batch", [422, 422, 201]), ("transaction", 422)):
        answer = vendor.upload(of((urn(), observation(line, device={"reference": meter}, at="2026-11-20T10:00:01Z")), (meter, {**device(), "colour": "red"}),
                                  (urn(), observation(line, code="9279-1")), type=type))
        assert (results(answer) if type == "batch" else answer.status_code) in (expected, [422, 400, 201], 400), answer.text
    lonely = vendor.upload(of((urn(), device())))
    assert lonely.status_code == 422 and "nobody" in issues(lonely)
    shared = vendor.upload(of((meter, device()), *((urn(), observation(person(), device={"reference": meter})) for _ in range(2))))
    assert shared.status_code == 422 and "more than one patient" in issues(shared)


def test_text_that_looks_like_a_place_stays(vendor, reader):
    """Only what stands for an id is replaced; a note that holds the urn is the sender's own."""
    line, meter = person(), urn()
    answer = vendor.upload(of((meter, device()), (urn(), observation(line, device={"reference": meter}, note=[{"text": f"se {meter} 70.50"}]))))
    assert list(read(reader, answer).values())[0]["note"] == [{"text": f"se {meter} 70.50"}]


def test_relative_references_follow_the_full_urls_server(vendor, reader):
    line = person()
    answer = vendor.upload(of(("https://vendor.example/fhir/Device/7", device("S-7")),
                              ("https://vendor.example/fhir/Observation/8", observation(line, device={"reference": "Device/7"}))))
    assert list(read(reader, answer).values())[0]["device"]["reference"] == places(answer)[0], answer.text


def test_performers_are_still_checked(vendor):
    meter = urn()
    wrong = [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": str(VENDOR)}}]
    answer = vendor.upload(of((meter, device()), (urn(), observation(person(), performer=wrong, device={"reference": meter})), (urn(), observation(person())), type="batch"))
    assert results(answer) == [422, 422, 201]


# ---- what is told of a device (FHIR PHD guide: the coincident time stamp's subject is the Device)

PHD_TIME, CLOCK = "2026-11-21T07:02:41.936+01:00", "67975"


def clock(device, gateway, **more):
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": CLOCK}]},
            "subject": {"reference": device}, "effectiveDateTime": PHD_TIME, "valueDateTime": "2026-11-21T07:02:40+01:00",
            "device": {"reference": gateway}, **more}


def phd_upload(who, eui, *, reading=True):
    """As a Continua gateway sends one pulse with its clock: Patient, gateway, device, clock, measurement."""
    me, gateway, meter, time, pulse = (urn() for _ in range(5))
    body = observation(who, code="8867-4", value="62", unit="/min", device={"reference": meter}, effectiveDateTime=PHD_TIME,
                       subject={"reference": me}, derivedFrom=[{"reference": time}],
                       extension=[{"url": "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice", "valueReference": {"reference": gateway}}])
    body["code"]["coding"].insert(0, {"system": "urn:iso:std:iso:11073:10101", "code": "149530"})
    entries = [(me, patient(who)), (gateway, device("AC-1D-2E-3F-40-51-62-73", EUI)), (meter, device(eui, EUI)), (time, clock(meter, gateway)), (pulse, body)]
    return of(*entries[:None if reading else -1])


def by_pcd01(who, eui):
    eui, at = eui.replace("-", ""), "20261121070241.936+0100"
    return "\r".join([
        "MSH|^~\\&|Hub^AC1D2E3F40516273^EUI-64||||20261121070300+0100||ORU^R01^ORU_R01|1|P|2.6|||NE|AL||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO",
        f"PID|||{who}^^^&2.16.578.1.12.4.1.4.1&ISO^NI", "OBR|1|1|1|182777000^monitoring of patient^SCT|||20261121070200+0100",
        f"OBX|1||528388^MDC_DEV_SPEC_PROFILE_PULS_OXIM^MDC|1.0.0.0|||||||X|||||||^^{eui}^EUI-64",
        f"OBX|2|DTM|67975^MDC_ATTR_TIME_ABS^MDC|1.0.0.1|20261121070240+0100||||||R|||{at}",
        f"OBX|3|NM|149530^MDC_PULS_OXIM_PULS_RATE^MDC|1.0.0.2|62|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||R|||{at}", ""])


@pytest.mark.parametrize("first", ["fhir", "pcd01"])
def test_a_device_s_clock_is_of_the_patient_whose_reading_names_it(vendor, reader, first):
    line, eui = person(), "00-1C-05-04-00-" + uuid.uuid4().hex[:2].upper() + "-78-25"
    sent = phd_upload(line, eui)
    roads = [lambda: vendor.upload(sent), lambda: vendor.pcd01(by_pcd01(line, eui))]
    for road in roads if first == "fhir" else reversed(roads):
        answer = road()
        assert answer.status_code == 200 and ("MSA|AA" in answer.text or answer.json()["type"] == "transaction-response"), answer.text
    again = vendor.upload(sent)
    assert [entry["response"]["status"][:3] for entry in again.json()["entry"]] == ["200"] * 5
    at = places(again)
    stored = found(reader.search(line))
    assert {f"Observation/{one['id']}" for one in stored} == {at[3], at[4]}, stored
    if first == "fhir":
        told = reader.get(f"/fhir/{at[3]}").json()
        assert told["subject"]["reference"] == at[2] and told["subject"]["identifier"]["value"] == eui and told["device"]["reference"] == at[1]


def test_what_is_told_of_a_device_needs_a_patient_from_somewhere(hub, vendor, reader):
    line, eui = person(), str(uuid.uuid4())
    nobodys = vendor.upload(phd_upload(line, eui, reading=False))
    assert nobodys.status_code == 422 and "nobody" in str(issues(nobodys)), nobodys.text
    at = places(vendor.upload(phd_upload(line, eui)))
    alone = vendor.upload(clock(at[2], at[1]))
    assert alone.status_code == 422 and alone.json()["issue"][0]["expression"] == ["Observation.subject"], alone.text
    conditional = vendor.request("PUT", "/fhir/Observation?identifier=https://vendor.example/clock|1", headers={"Content-Type": "application/fhir+json"},
                                 content=json.dumps(clock(at[2], at[1], identifier=[{"system": "https://vendor.example/clock", "value": "1"}])))
    assert conditional.status_code == 422, conditional.text
    # One that two patients' readings derive from is neither's; a device that two share is refused as before.
    two = phd_upload(line, eui)
    other = phd_upload(person(), eui)["entry"][4]
    other["resource"]["device"] = two["entry"][4]["resource"]["device"]
    del other["resource"]["extension"]
    other["resource"]["subject"] = {"identifier": {"system": FNR, "value": person()}}
    other["resource"]["derivedFrom"] = two["entry"][4]["resource"]["derivedFrom"]
    two["entry"].append(other)
    refused = vendor.upload(two)
    assert refused.status_code == 422, refused.text
