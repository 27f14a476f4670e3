# SPDX-License-Identifier: AGPL-3.0-or-later
"""A long batch is stored in parts, and only the last one's commit waits for the disk. Whoever was told 200 or 201 still finds the reading after PostgreSQL has died."""
import concurrent.futures
import contextlib
import time

import httpx
import psycopg2
import pytest
from hub import Hub, bundle, ids, observation, outcome_of, person, results


@pytest.fixture(scope="module")
def hub():
    one = Hub().start()
    one.sql("alter system set wal_writer_delay = '10s'")  # what did not wait stays out of the file for long
    one.sql("select pg_reload_conf()")
    yield one
    one.stop()


def long_batch(count):
    line = person()
    return line, [observation(line, value=str(40 + i % 90), at=f"2026-11-{1 + i // 1440:02d}T{i // 60 % 24:02d}:{i % 60:02d}:01Z", device=f"D-{line}-{i}") for i in range(count)]


def back_again(hub):
    hub.cluster("crash")
    hub.cluster("start")
    end = time.time() + 60
    while httpx.get(hub.dev_url + "/readyz", timeout=30).status_code != 200 and time.time() < end:
        time.sleep(0.05)


def kept(hub):
    return hub.sql("select count(*) from hub.observation where type = 1 and status <> 0")[0][0]


def stored_ids(hub, line):
    reader = hub.as_("utvikler")
    page, there = reader.search(line, _count="200"), set()
    while page is not None:
        there |= set(ids(page))
        page = reader.next(page)
    return there


def test_what_was_told_is_there_after_a_crash(hub):
    for _ in range(2):
        before, (_, sent) = kept(hub), long_batch(300)
        answer = hub.as_("solvik-dho").upload(bundle(*sent))
        hub.cluster("crash")
        hub.cluster("start")
        assert answer.status_code == 200 and results(answer) == [201] * 300
        assert kept(hub) == before + 300
        back_again(hub)


def test_the_last_sound_entry_decides(hub):
    """What follows the last part that holds anything to store is refused entries alone: there is no later commit to wait for."""
    before, (line, sent) = kept(hub), long_batch(300)
    for one in sent[192:]:  # six parts
        del one["code"]
    answer = hub.as_("solvik-dho").upload(bundle(*sent))
    hub.cluster("crash")
    hub.cluster("start")
    assert results(answer) == [201] * 192 + [400] * 108
    assert kept(hub) == before + 192
    back_again(hub)


def test_nobody_is_told_what_a_crash_took(hub):
    """PostgreSQL dies while a long batch is under way, at several places of it. Told is stored; the rest is told so; sent again, all is there, once."""
    torn = 0
    for place in (60, 400, 900):
        before, (line, sent) = kept(hub), long_batch(1500)
        vendor = hub.as_("solvik-dho")
        vendor.token()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(vendor.upload, bundle(*sent))
            end = time.time() + 30
            while kept(hub) < before + place and time.time() < end:
                time.sleep(0.001)
            back_again(hub)
            answer = running.result(60)
        if answer.status_code == 200:
            entries, there = answer.json()["entry"], stored_ids(hub, line)
            for entry, status in zip(entries, results(answer)):
                if status < 300:
                    assert entry["response"]["location"].split("Observation/")[1].split("/")[0] in there
                else:
                    assert status in (503, 504) and ("again" in outcome_of(entry) or "nothing was stored" in outcome_of(entry))
            torn += max(results(answer)) >= 300
        else:
            assert answer.status_code in (503, 504), answer.text[:300]
            torn += 1
        again = hub.as_("solvik-dho").upload(bundle(*sent))
        assert again.status_code == 200 and set(results(again)) <= {200, 201}
        assert kept(hub) == before + len(sent)
    assert torn  # it did die in the middle


@pytest.mark.parametrize("culprits", [[100], [97, 298, 299], list(range(96, 128))])
def test_only_the_culprits_of_a_part_are_refused(hub, culprits):
    """The database refuses one part, for rows that it does not take. Those are told so; all others are stored, those before it and what stands behind it too. What was refused is written down."""
    line, sent = long_batch(300)
    before = kept(hub)
    for index in culprits:
        sent[index]["effectiveDateTime"] = "1999-01-01T00:00:01Z"
    refused = [index for index in (98, 110, 250, 297) if index not in culprits]
    for index in refused:
        sent[index]["performer"] = [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310000051"}}]
    hub.sql("alter table hub.observation add constraint poison check (time_low > '2000-01-01') not valid")
    try:
        answer = hub.as_("solvik-dho").upload(bundle(*sent))
    finally:
        hub.cluster("crash")
        hub.cluster("start")
        hub.sql("alter table hub.observation drop constraint poison")
    back_again(hub)
    expected = [500 if index in culprits else 422 if index in refused else 201 for index in range(300)]
    assert results(answer) == expected
    assert kept(hub) == before + expected.count(201)
    rows = [row for row in hub.entries(line) if row["event"] == "create"]
    assert sum(row["count"] for row in rows if row["outcome"] == "deny") == len(refused), rows
    assert sum(row["count"] for row in rows if row["outcome"] == "permit") == expected.count(201), rows


@pytest.mark.parametrize("count, culprits", [(300, [0]), (300, [3, 31, 97]), (40, [39]), (3, [0, 1, 2]), (1, [0])])
def test_culprits_of_a_first_part_cost_themselves(hub, count, culprits):
    """As above where nothing was stored before it; a short batch is one part."""
    line, sent = long_batch(count)
    before = kept(hub)
    for index in culprits:
        sent[index]["effectiveDateTime"] = "1999-01-01T00:00:01Z"
    refused = [index for index in (1, 17) if index < count and index not in culprits]
    for index in refused:
        sent[index]["performer"] = [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310000051"}}]
    hub.sql("alter table hub.observation add constraint poison check (time_low > '2000-01-01') not valid")
    try:
        answer = hub.as_("solvik-dho").upload(bundle(*sent))
        whole = hub.as_("solvik-dho").upload(bundle(*[one for index, one in enumerate(sent) if index not in refused], type="transaction"))
    finally:
        hub.sql("alter table hub.observation drop constraint poison")
    expected = [500 if index in culprits else 422 if index in refused else 201 for index in range(count)]
    if len(culprits) == count:  # a batch of which nothing is stored has not succeeded
        assert answer.status_code == 500, answer.text[:300]
    else:
        assert results(answer) == expected
    assert whole.status_code == 500, whole.text[:300]
    assert kept(hub) == before + expected.count(201)
    rows = [row for row in hub.entries(line) if row["event"] == "create"]
    assert sum(row["count"] for row in rows if row["outcome"] == "deny") == len(refused), rows
    assert sum(row["count"] for row in rows if row["outcome"] == "permit") == expected.count(201), rows


def test_what_takes_no_row_is_not_asked_for_each(hub):
    """Where the database takes nothing at all, that is found out by the entries of one part, not by thousands."""
    _, sent = long_batch(1000)
    hub.sql("alter table hub.observation add constraint poison check (time_low < '2000-01-01') not valid")
    before = hub.database_log().count("poison")
    try:
        answer = hub.as_("solvik-dho").upload(bundle(*sent))
        tried = hub.database_log().count("poison") - before
    finally:
        hub.sql("alter table hub.observation drop constraint poison")
    assert answer.status_code == 500, answer.text[:300]
    assert 34 <= tried < 100  # a part, its 32 entries, the next part


def test_a_last_part_of_culprits_alone(hub):
    """Nothing that waits for the disk comes after the parts before it, so whether they last is not known."""
    line, sent = long_batch(300)
    for one in sent[256:]:
        one["effectiveDateTime"] = "1999-01-01T00:00:01Z"
    sent[250]["performer"] = sent[299]["performer"] = [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310000051"}}]
    hub.sql("alter table hub.observation add constraint poison check (time_low > '2000-01-01') not valid")
    try:
        told = results(hub.as_("solvik-dho").upload(bundle(*sent)))
    finally:
        hub.sql("alter table hub.observation drop constraint poison")
    # the part with a refusal waited for the disk, those behind it did not, but for the refusals' own rows
    assert told[299] == 422 and set(told[256:299]) == {500} and set(told[:250]) <= {201, 504}, told
    deny = [row for row in hub.entries(line) if row["outcome"] == "deny" and row["event"] == "create"]
    assert sum(row["count"] for row in deny) == 2, deny
    assert set(results(hub.as_("solvik-dho").upload(bundle(*sent[:250])))) == {200}


def standby(hub, on):
    """What a server that has become a standby says: it takes no writes (25006)."""
    with contextlib.closing(psycopg2.connect(host=hub.pg["PGHOST"], port=hub.pg["PGPORT"], dbname=hub.pg["PGDATABASE"], user="postgres", options="-c default_transaction_read_only=off")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("alter system " + ("set default_transaction_read_only = on" if on else "reset default_transaction_read_only"))
            cursor.execute("select pg_reload_conf()")
    end = time.time() + 30
    while (httpx.get(hub.dev_url + "/readyz", timeout=30).status_code == 200) == on and time.time() < end:
        time.sleep(0.05)


def test_a_standby_is_told_as_for_a_while(hub):
    """Not as the rows' fault: who sent them sends them again, and nothing is lost. No entry is tried by itself."""
    vendor, reader, line = hub.as_("solvik-dho"), hub.as_("utvikler"), person()
    place = vendor.upload(observation(line)).json()["id"]
    _, sent = long_batch(300)
    standby(hub, True)
    try:
        begun, before = time.time(), hub.database_log().count("read-only transaction")
        answers = [vendor.upload(observation(line, device="other")), vendor.upload(bundle(*sent)), vendor.upload(bundle(*sent[:3], type="transaction")), reader.request("DELETE", f"/fhir/Observation/{place}"),
                   vendor.upload(observation(line, code="never-seen-before")), reader.get(f"/fhir/Observation/{place}"), httpx.get(hub.dev_url + "/readyz", timeout=30)]
        tried, took = hub.database_log().count("read-only transaction") - before, time.time() - begun
    finally:
        standby(hub, False)
    assert [answer.status_code for answer in answers] == [503] * 7, [answer.text[:200] for answer in answers]
    assert tried < 40 + 10 * took  # nothing asks again without a rest, which is a second
    assert vendor.upload(observation(line, code="never-seen-before")).status_code == 201
    assert results(vendor.upload(bundle(*sent))) == [201] * 300 and reader.get(f"/fhir/Observation/{place}").status_code == 200
