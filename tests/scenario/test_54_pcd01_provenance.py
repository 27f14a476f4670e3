# SPDX-License-Identifier: AGPL-3.0-or-later
"""A reading that came by PCD-01 has a Provenance that names the message it was made of: nothing is stored for it, and it is open where its reading is."""
import copy
import json

from hub import FHIR_JSON, FNR, SOLVIK, observation, person
from test_08_pcd01 import EUI64, acknowledged, message
from test_50_pcd01_meaning import HEAD, MDS, PULSE, pulse

UPLOAD = "urn:maalehub:upload"


def resources(answer):
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def readings(reader, line):
    return resources(reader.search(line))


def provenances(reader, line, *more):
    return resources(reader.form("/fhir/Provenance/_search", [("patient.identifier", f"{FNR}|{line}"), *more]))


def targets(found):
    return sorted(one["target"][0]["reference"] for one in found)


def uploads(hub):
    """The numbers of the messages that are kept, newest first."""
    return [str(one) for one, in hub.sql("select upload_id from hub.upload order by recv desc, upload_id desc")]


def agents(provenance):
    return {agent["type"]["coding"][0]["code"]: agent["who"].get("identifier") for agent in provenance["agent"]}


def test_each_reading_names_its_message(hub, vendor, reader):
    line = person()
    rows, others = (hub.sql(f"select count(*) from hub.observation {which}")[0][0] for which in ("", "where type = 7"))
    acknowledged(vendor.pcd01(message("blood-pressure", line)))
    mine = readings(reader, line)
    assert len(mine) == hub.sql("select count(*) from hub.observation where type = 1")[0][0] - hub.sql("select count(*) from hub.observation where type = 1 and upload_id <> %s", int(uploads(hub)[0]))[0][0]
    made = provenances(reader, line)
    assert targets(made) == sorted(f"Observation/{one['id']}" for one in mine) and len(mine) == 2
    # nothing is stored for it
    assert hub.sql("select count(*) from hub.observation where type = 7")[0][0] == others and hub.sql("select count(*) from hub.observation")[0][0] > rows
    one = made[0]
    reading = next(r for r in mine if one["target"][0]["reference"].endswith(r["id"]))
    assert one["entity"][0]["role"] == "source" and one["entity"][0]["what"]["identifier"] == {"system": UPLOAD, "value": uploads(hub)[0]}
    who = agents(one)
    assert set(who) == {"performer", "assembler", "transmitter", "custodian"}
    assert who["performer"] == reading["device"]["identifier"] and who["assembler"]["system"] == EUI64
    assert who["transmitter"]["value"] == "solvik-dho" and who["custodian"]["value"] == str(SOLVIK)
    assert one["recorded"] == reading["meta"]["lastUpdated"] == one["meta"]["lastUpdated"]
    assert one["activity"]["coding"][0]["code"] == "CREATE" and one["meta"]["versionId"] == "1"


def test_it_is_found_as_any_other(hub, vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("pulse-oximeter", line)))
    mine = readings(reader, line)
    chosen = mine[0]
    target = f"Observation/{chosen['id']}"
    one, = provenances(reader, line, ("target", target))
    assert targets([one]) == [target]
    whole = f"/fhir/Provenance/{one['id']}"
    answer = reader.get(whole)
    assert answer.status_code == 200 and answer.json() == one and answer.headers["etag"] == 'W/"1"'
    assert reader.get(whole + "/_history/1").json() == one and reader.get(whole + "/_history/2").status_code == 404
    assert resources(reader.get(whole + "/_history")) == [one]
    assert resources(reader.get(f"/fhir/Provenance?_id={one['id']}")) == [one]
    assert resources(reader.get(f"/fhir/Provenance?target={target}")) == [one]
    assert resources(reader.get(f"/fhir/Provenance?target={target},Observation/{mine[1]['id']}&_count=1")) in ([one], provenances(reader, line, ("target", f"Observation/{mine[1]['id']}")))
    number = one["entity"][0]["what"]["identifier"]["value"]
    assert len(provenances(reader, line, ("entity:identifier", f"{UPLOAD}|{number}"))) == len(mine)
    assert provenances(reader, line, ("entity:identifier", f"{UPLOAD}|1")) == []
    assert len(provenances(reader, line, ("agent-type", "custodian"))) == len(mine) and provenances(reader, line, ("agent-type", "verifier")) == []
    total = reader.form("/fhir/Provenance/_search", [("patient.identifier", f"{FNR}|{line}"), ("_total", "accurate"), ("_count", "1"), ("_sort", "_lastUpdated")])
    assert total.json()["total"] == len(mine) and len(resources(total)) == 1
    seen = resources(total)
    while (total := reader.next(total)) is not None:
        seen += resources(total)
    assert sorted(p["id"] for p in seen) == sorted(p["id"] for p in provenances(reader, line))
    page = reader.form("/fhir/Provenance/_search", [("patient.identifier", f"{FNR}|{line}"), ("_count", "1")])
    walked = resources(page)
    while (page := reader.next(page)) is not None:
        walked += resources(page)
    assert targets(walked) == sorted(f"Observation/{r['id']}" for r in mine)


def test_it_comes_with_its_reading(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(message("pulse-oximeter", line)))
    answer = reader.search(line, _revinclude="Provenance:target")
    assert answer.status_code == 200, answer.text
    modes = [(entry["search"]["mode"], entry["resource"]["resourceType"]) for entry in answer.json()["entry"]]
    mine = readings(reader, line)
    assert modes.count(("match", "Observation")) == modes.count(("include", "Provenance")) == len(mine) and len(modes) == 2 * len(mine)
    included = [entry["resource"] for entry in answer.json()["entry"] if entry["search"]["mode"] == "include"]
    assert sorted(included, key=lambda one: one["id"]) == sorted(provenances(reader, line), key=lambda one: one["id"])
    page = reader.search(line, _revinclude="Provenance:target", _count="1")
    assert [entry["resource"]["resourceType"] for entry in page.json()["entry"]] == ["Observation", "Provenance"]
    assert page.json()["entry"][1]["resource"]["target"][0]["reference"] == f"Observation/{page.json()['entry'][0]['resource']['id']}"


def test_what_came_by_fhir_has_none(vendor, reader):
    line = person()
    assert vendor.upload(observation(line)).status_code == 201
    mine, = readings(reader, line)
    assert provenances(reader, line) == [] and resources(reader.get(f"/fhir/Provenance?target=Observation/{mine['id']}")) == []
    assert reader.get(f"/fhir/Provenance/{mine['id']}").status_code == 404


def test_what_is_sent_again_changes_nothing(hub, vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    before = provenances(reader, line)
    acknowledged(vendor.pcd01(pulse(line)))
    assert provenances(reader, line) == before and len(before) == 1


def test_a_correction_is_of_its_own_message(hub, vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    first, = provenances(reader, line)
    acknowledged(vendor.pcd01(pulse(line, "71", "C")))
    second, = provenances(reader, line)
    assert second["id"] == first["id"] and second["meta"]["versionId"] == "2" and second["activity"]["coding"][0]["code"] == "UPDATE"
    assert second["entity"][0]["what"]["identifier"]["value"] != first["entity"][0]["what"]["identifier"]["value"]
    whole = f"/fhir/Provenance/{first['id']}"
    assert reader.get(whole + "/_history/1").json() == first and reader.get(whole).json() == second
    assert resources(reader.get(whole + "/_history")) == [second, first]


def test_a_change_by_fhir_leaves_that_of_the_message(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    first, = provenances(reader, line)
    mine, = readings(reader, line)
    changed = copy.deepcopy(mine)
    changed["note"] = [{"text": "sett på"}]
    answer = vendor.request("PUT", f"/fhir/Observation/{mine['id']}", headers=FHIR_JSON, content=json.dumps(changed))
    assert answer.status_code == 200, answer.text
    assert provenances(reader, line) == [first] and reader.get(f"/fhir/Provenance/{first['id']}").json() == first
    assert reader.get(f"/fhir/Provenance/{first['id']}/_history/2").status_code == 404


def test_it_goes_where_its_reading_goes(vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    first, = provenances(reader, line)
    mine, = readings(reader, line)
    assert vendor.request("DELETE", f"/fhir/Observation/{mine['id']}").status_code == 204
    assert provenances(reader, line) == [] and reader.get(f"/fhir/Provenance/{first['id']}").status_code == 410
    assert reader.get(f"/fhir/Provenance/{first['id']}/_history/1").json() == first


def both(caller, line):
    """A pulse and a respiratory rate of one message, each as (reading, its Provenance), by the caller who sent them."""
    acknowledged(caller.pcd01(HEAD.format(line=line) + MDS + (
        f"OBX|2|NM|{PULSE}|1.0.0.1|70|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||R|||20261120080012+0100\r"
        "OBX|3|NM|151562^MDC_RESP_RATE^MDC|1.0.0.2|14|264928^MDC_DIM_RESP_PER_MIN^MDC|||||R|||20261120080012+0100\r")))
    codes = {one["id"]: one["code"]["coding"][0]["code"] for one in readings(caller, line)}
    made = {codes[one["target"][0]["reference"].split("/")[1]]: (one["target"][0]["reference"], f"Provenance/{one['id']}") for one in provenances(caller, line)}
    assert set(made) == {"8867-4", "9279-1"}
    return made["8867-4"], made["9279-1"]


def seen(caller, line, places):
    """Which of them this caller is shown, by every road; all roads say the same."""
    reading, provenance = places
    ways = {caller.get(f"/fhir/{reading}").status_code == 200, caller.get(f"/fhir/{provenance}").status_code == 200,
            caller.get(f"/fhir/{provenance}/_history/1").status_code == 200, caller.get(f"/fhir/{provenance}/_history").status_code == 200,
            len(resources(caller.get(f"/fhir/Provenance?target={reading}"))) == 1, len(resources(caller.get(f"/fhir/Provenance?_id={provenance.split('/')[1]}"))) == 1,
            reading in targets(provenances(caller, line))}
    assert len(ways) == 1, (ways, places)
    return ways.pop()


def test_it_is_open_where_its_reading_is(hub):
    orgnr, solvik = hub.controller("Liten kommune")
    hub.rule_from(orgnr, "--class", "health", "--purpose", "TREAT", "--code", "http://loinc.org|8867-4")
    line = person()
    pulses, breaths = both(solvik, line)
    assert seen(solvik, line, pulses) and seen(solvik, line, breaths)
    doctor = hub.as_("sykehus-epj")
    assert seen(doctor, line, pulses) and not seen(doctor, line, breaths)
    _, stranger = hub.controller()
    assert not seen(stranger, line, pulses) and not seen(stranger, line, breaths)
    hub.maalehub("block", "add", stdin=line + "\n")
    assert not seen(doctor, line, pulses) and not seen(solvik, line, pulses)


def test_each_look_is_in_the_log(hub, vendor, reader):
    line = person()
    acknowledged(vendor.pcd01(pulse(line)))
    one, = provenances(reader, line)
    reader.get(f"/fhir/Provenance/{one['id']}")
    entries = hub.entries(line)
    assert [entry["event"] for entry in entries[:2]] == ["read", "search"], entries[:2]
