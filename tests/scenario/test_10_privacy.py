# SPDX-License-Identifier: AGPL-3.0-or-later
"""What must never happen, 6: a national id in a URL, log line, metric or core dump. Canaries are sent by every road, rightly and wrongly."""
import concurrent.futures
import json
import pathlib

import httpx

import hub as hub_module
import people
from hub import ATTEST, FHIR_JSON, FNR, FORM, PID, attest, bundle, observation, person

STAFF = ("10895800045", "21810200089", "16858000037", "19927100005")


def hl7(line, place="{line}^^^&2.16.578.1.12.4.1.4.1&ISO^NNN"):
    return (f"MSH|^~\\&|Hub {line}^0011223344556677^EUI-64||||20261120120000+0100||ORU^R01^ORU_R01|{line}|P|2.6|||NE|AL||UNICODE UTF-8\r"
            f"PID|||{place.format(line=line)}||{line}\rOBR|1|{line}||182777000^monitoring of patient^SCT|||20261120080000+0100\r"
            f"OBX|1|NM|188736^MDC_MASS_BODY_ACTUAL^MDC|1.0.0.1|{line}|263875^MDC_DIM_KILO_G^MDC|||||R|||20261120080012+0100\r")


def everywhere(hub):
    """Sends one canary wherever a text can stand; some of it is good, most is not."""
    line = person()
    vendor, doctor, citizen = hub.as_("solvik-dho"), hub.as_("sykehus-epj"), hub.citizen(line)
    vendor.upload(observation(line))
    vendor.upload(bundle(observation(line, code="29463-7", value="70", unit="kg"), observation(line, note=[{"text": f"fnr {line}"}], at="2026-11-20T08:00:12+01:00")))
    odd = [
        observation(line, status=line), observation(line, at=line), observation(line, unit=line), observation(line, code=line), observation(line, device=line), observation(line, **{line: 1}), observation(line, system=line),
        observation(line, performer=[{"type": "Organization", "identifier": {"system": people.ORGNR_SYSTEM, "value": line}}]), observation(line, valueQuantity={"value": line}), observation(line, extension=[{"url": line}]),
        observation(line, subject={"reference": f"Patient/{line}"}), observation(line, subject={"identifier": {"system": line, "value": line}}), observation(line[:-1] + "x"), {"resourceType": line}, {"resourceType": "Bundle", "type": line},
        observation(line, identifier=[{"system": "urn:x", "value": line}]), observation(line, meta={"versionId": line, "source": line}), observation(line, category=line),
    ]
    for resource in odd:
        vendor.post("/fhir/Observation", headers=FHIR_JSON, content=json.dumps(resource))
        vendor.upload(bundle(resource))
        whole = bundle(resource, observation(line, at="2026-11-20T08:00:13+01:00"), type="transaction")
        whole["entry"][0]["fullUrl"] = f"urn:{line}"
        vendor.upload(whole)
    for text in (line, "{" + line, f'{{"resourceType":"Observation","{line}":1,"{line}":2}}', f'"{line}"', f"[{line}]"):
        vendor.post("/fhir/Observation", headers=FHIR_JSON, content=text)
    for text in (hl7(line), hl7(line, "{line}"), hl7(line, "{line}^^^X^PI"), hl7(line).replace("ORU^R01", f"ORU^{line}"), hl7(line).replace("20261120080012", line), line, "MSH|" + line, hl7(line).replace("|2.6|", f"|{line}|"), hl7(line).replace("UNICODE UTF-8", line)):
        vendor.pcd01(text)
    for parameters in (dict(), dict(code=line), dict(date=line), dict(_count=line), dict(_sort=line), dict(category=line), dict(_id=line), dict(patient=line), {line: line}, dict(_page=line), {f"code:{line}": "x"}):
        doctor.search(line, **parameters)
    doctor.form("/fhir/Observation/_search", [("patient.identifier", line)])
    doctor.form("/fhir/Observation/_search", [("patient.identifier", f"{line}|{line}")])
    doctor.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}"), (line, line)])
    doctor.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{line}")])
    for path in (f"/fhir/Observation?patient.identifier={FNR}|{line}", f"/fhir/Observation?patient={line}", f"/fhir/Observation/{line}", f"/fhir/Observation/{line}/x", f"/{line}", f"/fhir/{line}", f"/fhir/Observation?{line}", f"/fhir/metadata?{line}", f"/metrics?{line}", f"/livez/{line}", f"/innsyn/v1/log?cursor={line}&{line}={line}"):
        doctor.get(path)
        citizen.get(path)
        httpx.get(hub.dev_url + path)
    doctor.locate(line)
    doctor.locate(line, category=[line])
    doctor.locate(line, **{line: 1})
    doctor.post("/pil/v1/search", json={"patient": {"system": line, "value": line}})
    citizen.log()
    for name in ("X-Request-Id", "X-Correlation-Id", "If-None-Exist", "Prefer", "Accept", "Content-Type", "User-Agent", "Referer", "Cookie", "X-Dev-Principal", "Forwarded", "X-Forwarded-For"):
        if name not in ("X-Request-Id", "X-Correlation-Id"):  # what a caller calls its request comes back, and is the caller's own
            doctor.request("POST", "/fhir/Observation/_search", headers={**FORM, name: line}, content=f"patient.identifier={FNR}%7C{line}")
            vendor.request("POST", "/fhir/Observation", headers={**FHIR_JSON, name: line}, content=json.dumps(observation(line)))
            httpx.get(hub.dev_url + "/fhir/metadata", headers={name: line})
    hub.as_("sykehus-epj", set={PID: line}).search(line)
    hub.as_("sykehus-epj", set={ATTEST: attest(patients=[{"identifier": {"id": line, "system": FNR}}])}).search(person())
    for claims in ({"jti": line}, {"name": line}, {PID: line, "client_id": "nobody"}, {"iss": line}, {"scope": line}, {"aud": line}, {"helseid://claims/hpr/hpr_number": line}, {ATTEST: attest(type=line)}):
        hub.as_("sykehus-epj", set=claims).search(line)
    hub.maalehub("block", "add", stdin=line + "\n")
    hub.maalehub("block", "add", stdin="x" + line + "\n", check=False)
    hub.maalehub("person", "join", stdin=f"{line}\n{line}\n", check=False)
    return line


def leaks(text):
    return sorted({number for number in {*hub_module.issued, *STAFF} if number in text})


def test_no_canary_sings(hub):
    line = everywhere(hub)
    places = {
        "the hub's log": hub.text("hub.log"), "PostgreSQL's log": hub.database_log(), "metrics": httpx.get(hub.dev_url + "/metrics").text,
        "headers": "\n".join(hub.headers), "openapi": httpx.get(hub.dev_url + "/openapi.json").text,
    }
    assert places["the hub's log"] and places["metrics"] and places["headers"]
    for name, text in places.items():
        assert line not in text, name
        found = leaks(text)
        assert found == [], f"{name}: {len(found)} national ids"


def test_not_in_the_open_in_the_database(hub, vendor):
    """Pseudonyms, MACs and ciphertexts; the number stands in the resource alone, packed."""
    line = person()
    vendor.upload(observation(line, note=[{"text": "kanari"}]))
    hub.as_("sykehus-epj").search(line)
    columns = hub.sql("select c.table_name, c.column_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name) "
                      "where c.table_schema = 'hub' and t.table_type = 'BASE TABLE' and not (c.column_name = 'body' and c.table_name in ('observation', 'observation_history', 'upload'))")
    for table, column in columns:
        assert hub.sql(f"select count(*) from hub.{table} where position(%s in convert_from(convert_to({column}::text, 'UTF8'), 'UTF8')) > 0", line)[0][0] == 0, (table, column)
        assert hub.sql(f"select count(*) from hub.{table} where position(encode(%s::bytea, 'hex') in {column}::text) > 0", line.encode())[0][0] == 0, (table, column)


def test_no_core_dump(hub):
    pid = hub.processes["hub"].pid
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    core = next(row for row in limits.splitlines() if row.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert "NoNewPrivs:\t1" in pathlib.Path(f"/proc/{pid}/status").read_text()
    assert not leaks(pathlib.Path(f"/proc/{pid}/cmdline").read_text())


def test_what_faults_say(own_hub):
    """At the most talkative level, while the database refuses and goes away under the hub."""
    hub = own_hub(extra="log_level = debug\n")
    line = person()
    vendor, doctor = hub.as_("solvik-dho"), hub.as_("sykehus-epj")
    vendor.upload(observation(line))
    hub.sql("alter table hub.observation add constraint spite check (status <> 4) not valid")
    hub.sql("alter table hub.locator add constraint spite check (month < 0) not valid")
    for at in (1, 2):
        answer = vendor.upload(observation(line, at=f"2025-0{at}-20T08:00:12+01:00", status="amended"))
        assert answer.status_code in (500, 503), answer.text
        assert line not in answer.text and "spite" not in answer.text
    hub.sql("alter table hub.access_log rename to hidden")
    for answer in (doctor.search(line), doctor.get("/fhir/Observation/" + "0" * 26), hub.citizen(line).log(), doctor.locate(line)):
        assert answer.status_code in (500, 503), answer.text  # no answer without its row
        assert "Observation" not in answer.text or answer.json()["resourceType"] == "OperationOutcome"
        assert line not in answer.text and "hidden" not in answer.text
    hub.sql("alter table hub.hidden rename to access_log")
    hub.cluster("stop")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda ask: ask(), (lambda: vendor.upload(observation(line)), lambda: doctor.search(line))))
    for answer in answers:
        assert answer.status_code == 503 and answer.headers["retry-after"] and line not in answer.text
    assert len(hub.text("hub.log").splitlines()) > 5
    assert leaks(hub.text("hub.log")) == [] and leaks(hub.database_log()) == []
