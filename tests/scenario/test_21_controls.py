# SPDX-License-Identifier: AGPL-3.0-or-later
"""Guards that stand behind one another, each shown alone; tests/mutations.sh takes every one away and wants a test to fail."""
import contextlib
import datetime
import time

import psycopg2
import pytest

from hub import FJELLDAL, SOLVIK, SYKEHUS, bundle, found, ids, observation, person
from test_20_oracle import OSLO, Reading, as_hl7

ELSEWHERE = {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": str(SYKEHUS)}}
CLINICAL = ("observation", "observation_history", "obs_key", "term", "obs_source", "upload")


@contextlib.contextmanager
def at_commit(hub, body):
    """Whatever writes a row of the access log runs this at its COMMIT."""
    hub.sql(f"create function public.at_commit() returns trigger language plpgsql as $$ begin {body} return null; end $$")
    names = [name for name, in hub.sql("select inhrelid::regclass::text from pg_inherits where inhparent = 'hub.access_log'::regclass")]
    for name in names:
        hub.sql(f"create constraint trigger at_commit after insert on {name} deferrable initially deferred for each row execute function public.at_commit()")
    try:
        yield
    finally:
        for name in names:
            hub.sql(f"drop trigger at_commit on {name}")
        hub.sql("drop function public.at_commit")


def everything(hub, line, other):
    """One request of each kind that is logged: (name, call)."""
    vendor, doctor, citizen = hub.as_("solvik-dho"), hub.as_("sykehus-epj"), hub.citizen(line)
    nurse = hub.as_("sykehus-annen")
    known = ids(doctor.search(line))[0]
    at = datetime.datetime(2026, 11, 2, 3, 4, 5, tzinfo=OSLO)
    calls = [
        ("create", lambda: vendor.upload(observation(line, value="61"))),
        ("bundle", lambda: vendor.upload(bundle(observation(line, value="62", at="2026-11-01T01:02:03+01:00"), observation(other, value="63")))),
        ("pcd01", lambda: vendor.pcd01(as_hl7(Reading(line, "pulse", at, "00000000000000AA", ("64",))))),
        ("re-send", lambda: vendor.upload(observation(line, value="72"))),
        ("refused upload", lambda: vendor.upload(observation(line, value="65", performer=[ELSEWHERE]))),
        ("read", lambda: doctor.get(f"/fhir/Observation/{known}")),
        ("read of what is not there", lambda: doctor.get(f"/fhir/Observation/{known[::-1]}")),
        ("search", lambda: doctor.search(line)),
        ("search of nobody", lambda: doctor.search(person())),
        ("refused search", lambda: nurse.search(line)),
        ("locate", lambda: doctor.locate(line)),
        ("log", lambda: citizen.log()),
    ]
    for caller in (vendor, doctor, citizen, nurse):
        caller.token()
    return calls


def test_no_answer_leaves_before_the_commit_of_its_row(hub):
    line, other = person(), person()
    assert hub.as_("solvik-dho").upload(observation(line)).status_code == 201
    calls = everything(hub, line, other)
    with at_commit(hub, "perform pg_sleep(0.4);"):
        for name, call in calls:
            before, began = hub.rows(), time.monotonic()
            answer = call()
            took = time.monotonic() - began
            assert took >= 0.4, f"{name}: {answer.status_code} after {took:.2f} s, before its row was committed"
            assert hub.rows() > before, f"{name}: without a row"


def test_no_answer_leaves_where_the_commit_fails(hub):
    line, other = person(), person()
    assert hub.as_("solvik-dho").upload(observation(line)).status_code == 201
    calls = everything(hub, line, other)
    rows, stored = hub.rows(), hub.sql("select count(*) from hub.observation")
    with at_commit(hub, "raise exception 'no';"):
        for name, call in calls:
            answer = call()
            text = answer.text
            assert answer.status_code >= 500, f"{name}: {answer.status_code} {text}"
            assert "valueQuantity" not in text and "entries" not in text and "MSA|AA" not in text, (name, text)
    assert (hub.rows(), hub.sql("select count(*) from hub.observation")) == (rows, stored)
    assert ids(hub.as_("sykehus-epj").search(line)) != []  # and the hub goes on


def test_an_upload_and_its_row_are_one_transaction(hub):
    """Neither without the other, whichever of the two the database refuses."""
    line = person()
    vendor = hub.as_("solvik-dho")
    assert vendor.upload(observation(line)).status_code == 201
    rows, stored = hub.rows(), hub.sql("select count(*) from hub.observation")
    hub.sql("alter table hub.observation add constraint no check (recv < '2000-01-01') not valid")
    try:
        assert vendor.upload(observation(line, value="80", at="2026-11-03T01:02:03+01:00")).status_code >= 500
    finally:
        hub.sql("alter table hub.observation drop constraint no")
    assert hub.rows() == rows
    assert hub.sql("select count(*) from hub.observation") == stored


# ---- isolation: the statement's condition and the policy, each without the other


def twin(hub, since, tenant):
    """Every reading since then once more, as if `tenant` held it: the same bucket, subject and id, the value of the last."""
    columns = [name for name, in hub.sql("select attname from pg_attribute where attrelid = 'hub.observation'::regclass and attnum > 0 and not attisdropped")]
    last = "(select y.{} from hub.observation y order by y.recv desc, y.id desc limit 1)"
    values = [{"tenant_id": str(tenant), "body": last.format("body"), "pack": last.format("pack")}.get(name, name) for name in columns]
    hub.sql(f"insert into hub.observation ({', '.join(columns)}) select {', '.join(values)} from hub.observation where tenant_id <> {tenant} and recv >= %s", since)


def test_the_statements_alone_keep_controllers_apart(hub):
    """Without row-level security, each kind of search and read still sees its own controller's rows alone."""
    line = person()
    vendor, doctor = hub.as_("solvik-dho"), hub.as_("sykehus-epj")
    since = hub.sql("select now()")[0][0]
    orgnr, other = hub.controller()
    hub.rule_from(orgnr, "--code", "http://loinc.org|8867-4", "--class", "health", "--purpose", "TREAT")
    for who in (vendor, other):
        assert who.upload(observation(line, value="72")).status_code == 201
        assert who.upload(observation(line, value="73", at="2026-11-02T03:04:05+01:00")).status_code == 201
    vendor.upload(observation(person(), value="999"))  # the value of the twins
    known = ids(doctor.search(line))
    assert len(known) == 4
    stranger = hub.sql("select tenant_id from hub.tenant where orgnr = %s", FJELLDAL)[0][0]
    try:
        for name in CLINICAL:
            hub.sql(f"alter table hub.{name} disable row level security")
        twin(hub, since, stranger)
        loinc = "http://loinc.org|8867-4"
        asks = [dict(), dict(code=loinc), dict(code="8867-4"), dict(code=f"{loinc},http://loinc.org|8310-5"), dict(category="vital-signs"), dict(_sort="date"),
                dict(date="gt2020-01-01"), dict(date="lt2030-01-01"), dict(date="ne2020-01-01"), dict(code=loinc, date=["ge2026-11-01", "lt2027-01-01"], _sort="date"),
                dict(_id=",".join(known)), dict(_id=",".join(known), code=loinc)]
        for ask in asks:
            values = sorted(one["valueQuantity"]["value"] for one in found(doctor.search(line, **ask)))
            assert values and set(values) <= {72, 73} and len(values) <= 4, (ask, values)
        for one in known:
            assert doctor.get(f"/fhir/Observation/{one}").json()["valueQuantity"]["value"] in (72, 73)
        hub.sql(f"delete from hub.observation where tenant_id <> {stranger} and recv >= %s", since)
        for ask in asks:
            assert found(doctor.search(line, **ask)) == [], ask
        for one in known:
            assert doctor.get(f"/fhir/Observation/{one}").status_code == 404
    finally:
        hub.sql(f"delete from hub.observation where tenant_id = {stranger} and recv >= %s", since)
        for name in CLINICAL:
            hub.sql(f"alter table hub.{name} enable row level security")


def test_the_policies_alone_keep_controllers_apart(hub):
    """Without any condition, in every clinical table: the rows of the one tenant a transaction is bound to, none without; and health alone, unless it says more."""
    line, at = person(), datetime.datetime(2026, 11, 2, 3, 4, 5, tzinfo=OSLO)
    for name in ("solvik-dho", "fjelldal-dho"):
        caller = hub.as_(name)
        assert caller.upload(observation(line, value="70")).status_code == 201
        assert caller.upload(observation(line, value="71")).status_code == 200  # a version more: history
        assert caller.upload(observation(line, code="1912002", system="http://snomed.info/sct", category=None, valueQuantity=None, valueBoolean=True)).status_code == 201
        for _ in range(2):  # a second source of the same
            assert caller.pcd01(as_hl7(Reading(line, "pressure", at, "00000000000000AB", ("120", "80")))).status_code == 200
    tenants = [tenant for tenant, in hub.sql("select tenant_id from hub.tenant where orgnr in (%s, %s)", SOLVIK, FJELLDAL)]
    assert len(tenants) == 2
    for role, table in ((role, table) for role in ("hub_read", "hub_write") for table in CLINICAL):
        if not hub.sql(f"select has_table_privilege('{role}', 'hub.{table}', 'SELECT')")[0][0]:
            continue
        classed = role == "hub_read" and table.startswith("observation")
        with contextlib.closing(psycopg2.connect(host=hub.pg["PGHOST"], port=hub.pg["PGPORT"], dbname=hub.pg["PGDATABASE"], user=role)) as connection, connection.cursor() as cursor:
            def count():
                cursor.execute(f"select count(*) from hub.{table}")
                return cursor.fetchall()
            assert count() == [(0,)], (role, table)
            for tenant in tenants:
                cursor.execute(f"set local hub.tenant = {tenant}")
                whole = hub.sql(f"select count(*) from hub.{table} where tenant_id = {tenant}")
                assert whole != [(0,)], (role, table)
                assert count() == (hub.sql(f"select count(*) from hub.{table} where tenant_id = {tenant} and class = 1") if classed else whole), (role, table)
                cursor.execute("set local hub.classes = 4")
                assert count() == (hub.sql(f"select count(*) from hub.{table} where tenant_id = {tenant} and class in (1, 2)") if classed else whole), (role, table)
                cursor.execute("set local hub.classes = 0")


def test_the_scope_is_looked_at_before_the_body(hub):
    """What must never happen, 8: who may not use the door is told so, whatever the body holds."""
    doctor = hub.as_("sykehus-epj")
    for path, kind, text in (("/fhir", "application/fhir+json", b"{" * 500), ("/fhir/Observation", "text/html", b"<"), ("/pcd01", "text/plain", b"x")):
        assert doctor.post(path, headers={"Content-Type": kind}, content=text).status_code == 403
    vendor = hub.as_("solvik-dho")
    assert vendor.post("/fhir/Observation/_search", headers={"Content-Type": "application/x-www-form-urlencoded"}, content=b"nonsense=%zz").status_code == 403


# ---- the assertion at the start


@pytest.mark.parametrize("fault,mend,says", [
    ("alter table hub.term no force row level security", "alter table hub.term force row level security", "without forced row-level security"),
    ("alter policy r on hub.observation using (true)",
     "alter policy r on hub.observation using (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4)", "does not bind the tenant"),
    ("grant select on hub.access_log to hub_read", "revoke select on hub.access_log from hub_read", "access log"),
    ("alter table hub.obs_key drop constraint obs_key_pkey", "alter table hub.obs_key add primary key (tenant_id, key, bucket)", "duplicate key constraint is missing"),
])
def test_a_hub_whose_database_keeps_nobody_apart_does_not_start(hub, fault, mend, says):
    hub.sql(fault)
    try:
        status, text = hub.refusal("listen = 127.0.0.1:0", "dev_listen =", without=("listen", "dev_listen"))
        assert status == 1 and says in text, text
        checked = hub.maalehub("check", check=False)
        assert checked.returncode != 0 and says in checked.stdout + checked.stderr
    finally:
        hub.sql(mend)
