# SPDX-License-Identifier: AGPL-3.0-or-later
"""`maalehub log`: the access log for the controller whose data it was, and for the organisation whose people looked."""
import hashlib
import hmac
import json
import re
import struct

import pytest

import log_body
import people
from hub import FJELLDAL, SOLVIK, SYKEHUS, bundle, found, observation, person, told


def rows(hub, *arguments, patient=None, whose=("--tenant", str(SOLVIK)), check=True):
    more = ("--patient",) if patient else ()
    out = hub.maalehub("log", "--why", "log control", *whose, *more, "--json", *arguments, stdin=f"{patient}\n" if patient else "", check=check)
    return [json.loads(line) for line in (out if check else out.stdout).splitlines()]


@pytest.fixture(scope="module")
def story(hub):
    """One patient of Solvik's: uploaded, seen by the hospital's doctor, refused to who has no rule."""
    line = person()
    vendor, doctor = hub.as_("solvik-dho"), hub.as_("sykehus-epj")
    assert vendor.upload(bundle(observation(line), observation(line, code="29463-7", value="70", unit="kg"))).status_code == 200
    assert len(found(doctor.search(line, code="8867-4"))) == 1
    return line


def test_a_controllers_own_log_of_one_patient(hub, story):
    entries = [entry for entry in rows(hub, patient=story) if entry["event"] != "insight"]
    assert told(entries) == [("search", "permit", str(SOLVIK), 1), ("create", "permit", str(SOLVIK), 2)]
    seen = hub.entries(story)
    # what the citizen is told is told the controller, word for word, and more
    more = {"patient", "rules", "requestId", "leaf", "leafHolds"}
    assert [{name: value for name, value in entry.items() if name not in more} for entry in entries] == seen
    assert [entry["leafHolds"] for entry in entries] == [True, True] and all(re.fullmatch("[0-9a-f]{64}", entry["leaf"]) for entry in entries)
    assert hub.rule in entries[0]["rules"]
    # the controller's own system knows the patient by this id
    assert {entry["patient"] for entry in entries} == {hub.as_("sykehus-epj").patient_id(story)}


def test_the_look_is_a_row_and_the_citizen_reads_it(hub, story):
    before = hub.rows()
    rows(hub, patient=story, *())
    assert hub.rows() == before + 1
    entry = hub.citizen(story).log(limit=1).json()["entries"][0]
    assert entry["event"] == "insight" and entry["actor"]["kind"] == "operator" and "uid" in entry["actor"]["name"]
    assert entry["actor"]["legalEntity"] == {"orgnr": str(SOLVIK), "name": "Solvik kommune"} and entry["dataController"]["orgnr"] == str(SOLVIK)
    assert entry["basis"]["why"] == "log control" and entry["query"] == f"tenant={SOLVIK}"
    # a look at everybody is a row of nobody's
    rows(hub, "--from", "2026-01-01")
    assert hub.sql("select person_id, op, tenant_id = (select tenant_id from hub.tenant where orgnr = %s) from hub.access_log order by at desc, id desc limit 1", SOLVIK) == [(0, 5, True)]
    # and the look itself keeps to what it was
    assert all(entry["leafHolds"] for entry in rows(hub) if entry["event"] == "insight")


def test_nobody_sees_anothers(hub, story):
    orgnr, uploads = hub.controller()
    other = person()
    assert uploads.upload(observation(other)).status_code == 201
    assert told(rows(hub, whose=("--tenant", str(orgnr)))) == [("create", "permit", str(orgnr), 1)]
    assert rows(hub, whose=("--tenant", str(orgnr)), patient=story) == []
    assert {entry["dataController"]["orgnr"] for entry in rows(hub)} == {str(SOLVIK)}


def test_the_organisation_whose_staff_looked(hub, story):
    entries = [entry for entry in rows(hub, whose=("--actor", str(SYKEHUS)), patient=story) if "count" in entry]
    assert told(entries) == [("search", "permit", str(SOLVIK), 1)] and entries[0]["actor"]["legalEntity"]["orgnr"] == str(SYKEHUS)
    assert {entry["actor"]["legalEntity"]["orgnr"] for entry in rows(hub, whose=("--actor", str(SYKEHUS)))} == {str(SYKEHUS)}
    both = rows(hub, "--actor", str(SYKEHUS))
    assert both and {(entry["dataController"]["orgnr"], entry["actor"]["legalEntity"]["orgnr"]) for entry in both} == {(str(SOLVIK), str(SYKEHUS))}
    # one health worker among them
    hpr = entries[0]["actor"]["hpr"]
    assert {entry["actor"]["hpr"] for entry in rows(hub, "--hpr", hpr)} == {hpr} and rows(hub, "--hpr", "1000000") == []


def test_refusals_alone(hub):
    line = person()
    stored = hub.as_("fjelldal-dho").upload(observation(line)).json()["id"]
    assert hub.as_("sykehus-epj").get(f"/fhir/Observation/{stored}").status_code == 404  # Fjelldal lets nobody read
    whose = ("--tenant", str(FJELLDAL))
    assert told(rows(hub, "--refused", whose=whose, patient=line)) == [("read", "deny", str(FJELLDAL), 0)]
    assert [entry["outcome"] for entry in rows(hub, whose=whose, patient=line)] == ["permit", "deny", "permit"]  # the first look with this command, the read, the upload


def test_pages_and_periods(hub):
    """More rows than are fetched at once come whole, in order and once; a day is the day of the hub's zone, both ends in."""
    orgnr, _ = hub.controller()
    tenant = hub.sql("select tenant_id from hub.tenant where orgnr = %s", orgnr)[0][0]
    hub.sql("""insert into hub.access_log select l.at - n * interval '1 second', 1000000 + n, l.person_id, l.corr, l.bucket, %s, l.actor_orgnr, l.op, l.type, l.outcome, l.classes, l.ctx, l.leaf, l.body
        from (select * from hub.access_log where op = 3 order by at desc limit 1) l, generate_series(1, 1203) n""", tenant)
    done = hub.maalehub("log", "--why", "x", "--tenant", str(orgnr), "--json", check=False)
    # they are copies, with leaves of another row: said, and the status says so too
    assert done.returncode == 1 and "1203 of 1203 rows are not as they were written" in done.stderr
    ids = [int(json.loads(line)["id"]) for line in done.stdout.splitlines()]
    assert ids == [1000000 + n for n in range(1, 1204)]
    table = hub.maalehub("log", "--why", "x", "--tenant", str(orgnr), check=False).stdout.splitlines()
    assert table[0].startswith("time (UTC)") and len([row for row in table if row.endswith("CHANGED AFTER IT WAS WRITTEN")]) == 1203
    day = hub.sql("select ((at - interval '603 second') at time zone 'Europe/Oslo')::text from hub.access_log where id = 1000001 and tenant_id = %s", tenant)[0][0][:19].replace(" ", "T")
    some = rows(hub, "--from", day, "--to", day, whose=("--tenant", str(orgnr)), check=False)
    assert [int(entry["id"]) for entry in some] == [1000604]
    hub.sql("delete from hub.access_log where tenant_id = %s", tenant)


def test_a_row_changed_in_the_database_is_told(hub):
    orgnr, uploads = hub.controller()
    line = person()
    assert uploads.upload(observation(line)).status_code == 201
    assert uploads.upload(observation(line, at="2026-11-20T08:01:11+01:00")).status_code == 201
    whose = ("--tenant", str(orgnr))
    assert [entry["leafHolds"] for entry in rows(hub, whose=whose) if entry["event"] == "create"] == [True, True]
    one = "where id = (select max(id) from hub.access_log where op = 3 and tenant_id = (select tenant_id from hub.tenant where orgnr = %s))"
    for change, back in (("outcome = 1", "outcome = 0"), ("person_id = person_id + 1", "person_id = person_id - 1"), ("body = body || '\\x20'::bytea", "body = substr(body, 1, length(body) - 1)"),
                         ("actor_orgnr = actor_orgnr + 1", "actor_orgnr = actor_orgnr - 1")):
        hub.sql(f"update hub.access_log set {change} {one}", orgnr)
        done = hub.maalehub("log", "--why", "x", *whose, "--json", check=False)
        assert done.returncode == 1 and "1 of " in done.stderr, change
        hub.sql(f"update hub.access_log set {back} {one}", orgnr)
    assert hub.maalehub("log", "--why", "x", *whose, check=False).returncode == 0


def leaf_of(row):
    """The leaf as storage/access_log.h says it is made, of what now stands in a row: it takes no secret."""
    at, number, corr, tenant, actor, op, type_, outcome, classes, ctx, person_id, bucket, column = row
    salt = bytes(column)[:16]
    content = log_body.text(column)
    leaf = struct.pack(">BBQQQIIHHHH", 0, 1, at, number, corr, tenant, actor, op, type_, outcome, classes) + bytes.fromhex(ctx.replace("-", ""))
    leaf += hmac.digest(salt, b"P" + struct.pack(">QH", person_id, bucket), "sha256")
    leaf += hmac.digest(salt, b"B" + hashlib.sha256(content).digest(), "sha256")
    return hashlib.sha256(leaf).digest()


def test_who_works_the_leaf_out_anew_is_found_out_too(hub):
    """A superuser knows all that the leaf is made of, but not the secret that made the salt."""
    orgnr, uploads = hub.controller()
    assert uploads.upload(observation(person())).status_code == 201
    whose = ("--tenant", str(orgnr))
    one = "where op = 3 and tenant_id = (select tenant_id from hub.tenant where orgnr = %s)"
    read = "select (extract(epoch from at) * 1000000)::int8, id, corr, tenant_id, actor_orgnr, op, type, outcome, classes, ctx::text, person_id, bucket, body from hub.access_log " + one
    (leaf,), = hub.sql(f"select leaf from hub.access_log {one}", orgnr)
    assert leaf_of(hub.sql(read, orgnr)[0]) == bytes(leaf)  # it is made so
    for change, back in (("outcome = 1", "outcome = 0"), ("person_id = person_id + 1", "person_id = person_id - 1"), ("at = at - interval '1 second'", "at = at + interval '1 second'"),
                         ("body = '\\x00112233445566778899aabbccddeeff7b7d'::bytea", None)):
        hub.sql(f"update hub.access_log set {change} {one}", orgnr)
        hub.sql(f"update hub.access_log set leaf = %s {one}", leaf_of(hub.sql(read, orgnr)[0]), orgnr)
        done = hub.maalehub("log", "--why", "x", *whose, "--json", check=False)
        assert done.returncode == 1 and "1 of " in done.stderr, change
        assert [json.loads(line)["leafHolds"] for line in done.stdout.splitlines() if json.loads(line)["event"] == "create"] == [False], change
        if back:
            hub.sql(f"update hub.access_log set {back}, leaf = %s {one}", bytes(leaf), orgnr)
            assert hub.maalehub("log", "--why", "x", *whose, check=False).returncode == 0


def test_the_table_reads(hub, story):
    head, *lines = hub.maalehub("log", "--why", "reads", "--tenant", str(SOLVIK), "--patient", stdin=story + "\n").splitlines()
    line = next(one for one in lines if "  search " in one)
    assert head.split()[:2] == ["time", "(UTC)"] and str(SOLVIK) in line and str(SYKEHUS) in line and "TREAT" in line and "8867-4" in line and "HPR" in line
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  search ", line)
    assert story not in "".join(lines)
    # the columns stand under their names
    assert all(row[head.index("owner"):][:9] == str(SOLVIK) for row in lines)


@pytest.mark.parametrize("arguments,says", [
    (("--tenant", str(SOLVIK)), "why do you look"), (("--why", "x"), "whose log"), (("--why", "x", "--tenant", "1"), "--tenant"), (("--why", "x", "--actor", "1"), "--actor"),
    (("--why", "x", "--tenant", people.orgnr(76)), "tenant list"), (("--why", "x", "--tenant", str(SOLVIK), "--from", "yesterday"), "2026-11-28"), (("--why", "x", "--tenant", str(SOLVIK), "--from", "2026-02-30"), "--from"),
    (("--why", "x", "--tenant", str(SOLVIK), "--from", "2026-03-02", "--to", "2026-03-01"), "ends before it begins"), (("--why", "x", "--tenant", str(SOLVIK), "--from", "2199-01-01"), "has not begun"),
    (("--why", "x", "--tenant", str(SOLVIK), "--patient"), "standard input"), (("--why", "", "--tenant", str(SOLVIK)), "why do you look"),
])
def test_what_is_wrong_is_said_and_nothing_is_written(hub, arguments, says):
    before = hub.rows()
    done = hub.maalehub("log", *arguments, stdin="", check=False)
    assert done.returncode == 1 and says in done.stderr and done.stdout == "", done.stderr
    assert hub.rows() == before


def test_no_national_id_goes_in_by_the_command_line_or_comes_out(hub, story):
    done = hub.maalehub("log", "--why", "x", "--tenant", str(SOLVIK), "--patient", story, stdin="", check=False)
    assert done.returncode == 2 and story not in done.stderr
    before = hub.sql("select count(*) from hub.access_log")
    for option, value in (("--why", f"the case of {story}, again"), ("--hpr", story)):
        done = hub.maalehub("log", option, value, *(("--why", "x") if option == "--hpr" else ()), "--tenant", str(SOLVIK), check=False)
        assert done.returncode != 0 and option in done.stderr and story not in done.stderr + done.stdout
    assert hub.sql("select count(*) from hub.access_log") == before
    unknown = person()
    assert rows(hub, patient=unknown) == []
    out = hub.maalehub("log", "--why", "x", "--tenant", str(SOLVIK), "--json") + hub.maalehub("log", "--why", "x", "--actor", str(SYKEHUS))
    assert story not in out and "sealed" not in out


def test_without_its_row_nothing_is_shown(hub, story):
    """The look comes first: where it cannot be written, no line comes."""
    hub.sql("revoke insert on hub.access_log from hub_write")
    try:
        done = hub.maalehub("log", "--why", "x", "--tenant", str(SOLVIK), check=False)
        assert done.returncode == 1 and done.stdout == "" and "permission denied" in done.stderr
    finally:
        hub.sql("grant insert on hub.access_log to hub_write")


def test_signs_that_a_terminal_obeys_are_not_printed(hub):
    """A code is a word of whoever sent it: C1, bidi and line signs come out as \\uXXXX in JSON, as a point else."""
    line, code = person(), "a\u009b31mb\u202ec\u2028d\u2066é"
    reading = observation(line)
    reading["code"] = {"coding": [{"system": "urn:oid:1.2.3", "code": code}]}
    hub.as_("solvik-dho").upload(reading)
    whose = ("--tenant", str(SOLVIK), "--patient")
    out = hub.maalehub("log", "--why", "x", *whose, "--json", stdin=f"{line}\n")
    shown = hub.maalehub("log", "--why", "x", *whose, stdin=f"{line}\n")
    assert "\\u009b31mb\\u202ec\\u2028d\\u2066é" in out and json.loads(out)["what"][0]["code"] == code, out
    assert not set("\u009b\u202e\u2028\u2066") & set(out + shown) and "a.31mb.c.d.é" in shown, shown


# ---- blocks


def test_a_lost_blocks_number_is_found_again(hub):
    line = person()
    first = hub.maalehub("block", "add", "--tenant", str(SOLVIK), "--code", "http://loinc.org|8867-4", stdin=line + "\n").split()[-1]
    second = hub.maalehub("block", "add", "--actor", str(SYKEHUS), stdin=line + "\n").split()[-1]
    hub.maalehub("block", "end", first)
    head, one, two = hub.maalehub("block", "list", stdin=line + "\n").splitlines()
    assert head.split()[0] == "block" and one.split()[0] == first and two.split()[0] == second
    assert str(SOLVIK) in one and "everybody" in one and "8867-4" in one and "in force" not in one
    assert "all controllers" in two and str(SYKEHUS) in two and "all codes" in two and "in force" in two and line not in one + two
    # by another number of the same person too
    later = people.dnr(4711)
    hub.maalehub("person", "join", stdin=f"{line}\n{later}\n")
    assert hub.maalehub("block", "list", stdin=later + "\n").splitlines()[1:] == [one, two]
    assert len(hub.maalehub("block", "list", stdin=person() + "\n").splitlines()) == 1
    assert hub.maalehub("block", "list", stdin="", check=False).returncode == 1
