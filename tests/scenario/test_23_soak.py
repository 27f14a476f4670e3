# SPDX-License-Identifier: AGPL-3.0-or-later
"""Minutes of mixed work while the hub is killed again and again, and the database under it: nothing lost, nothing doubled, no look without its row."""
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import threading
import time
import uuid

import httpx
import psycopg2
import pytest

import log_body
from hub import ER7, FHIR_JSON, FNR, FORM, bundle, person
from test_20_oracle import all_of, as_fhir, as_hl7, make, seen, Oracle

SECONDS = int(os.environ.get("MAALEHUB_SOAK_SECONDS", "300"))
KILL_EVERY = 30
GROWN_AT_MOST = 48  # MiB, over the part without a kill
WORKERS = {"one": 2, "bundle": 2, "hl7": 2, "search": 2, "read": 1, "refused": 1, "log": 1, "locate": 1}


class Soak:
    def __init__(self, hub, seed):
        self.hub, self.dice, self.lock = hub, random.Random(seed), threading.Lock()
        self.people = [person() for _ in range(60)]
        self.oracle = Oracle()
        self.taken, self.again, self.acknowledged, self.ids = set(), [], [], []
        self.served, self.unserved, self.faults = {}, collections.Counter(), []
        self.over, self.killed = threading.Event(), 0.0

    # ---- what is sent
    def fresh(self, count):
        """Readings nobody has sent; one device measures one thing at one second once."""
        out = []
        with self.lock:
            while len(out) < count:
                reading = make(self.dice, self.people)
                key = (reading.who, reading.kind, reading.at, reading.device)
                if key not in self.taken:
                    self.taken.add(key)
                    out.append(reading)
        return out

    def next_upload(self, road):
        """Mostly fresh; what is unsure again by the same road, what is sure by the other."""
        with self.lock:
            roll = self.dice.random()
            if self.again and roll < 0.3:
                return self.again.pop(self.dice.randrange(len(self.again)))
            if self.acknowledged and roll < 0.4:
                reading = self.dice.choice(self.acknowledged)
                return ("one" if road == "hl7" else "hl7", [reading])
        return road, self.fresh(self.dice.randint(2, 20) if road == "bundle" else 1)

    def upload(self, caller, road, readings):
        name = str(uuid.uuid4())
        path, kind, body = {
            "hl7": lambda: ("/pcd01", ER7, as_hl7(readings[0])),
            "one": lambda: ("/fhir/Observation", FHIR_JSON, json.dumps(as_fhir(readings[0]))),
            "bundle": lambda: ("/fhir", FHIR_JSON, json.dumps(bundle(*map(as_fhir, readings)))),
        }[road]()
        answer = self.call(f"upload {road}", lambda: caller.post(path, headers={**kind, "X-Request-Id": name}, content=body.encode()), (200, 201))
        good = answer is not None and (
            b"MSA|AA|" in answer.content if road == "hl7" else
            all(entry["response"]["status"][:3] in ("200", "201") for entry in answer.json()["entry"]) if road == "bundle" else True)
        with self.lock:
            if good:
                self.served[name] = f"upload {road}"
                self.oracle.sent((road, readings), True)
                self.acknowledged += readings
                if road == "one":
                    self.ids.append(answer.headers["location"].split("/Observation/")[1].split("/")[0])
            else:
                self.again.append((road, readings))
        return good

    # ---- how it is asked
    def call(self, what, ask, statuses):
        """The answer, or None where the hub or its database was away."""
        try:
            answer = ask()
        except httpx.HTTPError:
            self.unserved[what] += 1
            return None
        if answer.status_code in statuses:
            return answer
        # a proof made before the second in which the hub started is not taken
        early = answer.status_code == 401 and "older than this service's start" in answer.text and time.time() - self.killed < 15
        if answer.status_code >= 500 or early:
            self.unserved[what] += 1
            return None
        self.faults.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return None

    def look(self, what, caller, method, path, statuses=(200,), **rest):
        name = str(uuid.uuid4())
        headers = {**rest.pop("headers", {}), "X-Request-Id": name}
        if self.call(what, lambda: caller.request(method, path, headers=headers, **rest), statuses) is not None:
            with self.lock:
                self.served[name] = what

    def search(self, what, caller, who, statuses=(200,)):
        form = str(httpx.QueryParams({"patient.identifier": f"{FNR}|{who}", "_count": "20"}))
        self.look(what, caller, "POST", "/fhir/Observation/_search", statuses, headers=FORM, content=form)

    # ---- workers
    def work(self, kind):
        vendor, doctor, nurse, own = (self.hub.as_(name) for name in ("solvik-dho", "sykehus-epj", "sykehus-annen", "utvikler"))
        while not self.over.is_set():
            who = random.choice(self.people)
            try:
                if kind in ("one", "bundle", "hl7"):
                    self.upload(vendor, *self.next_upload(kind))
                elif kind == "search":
                    self.search("search", random.choice((doctor, own)), who)
                elif kind == "read" and self.ids:
                    self.look("read", own, "GET", f"/fhir/Observation/{random.choice(self.ids)}")
                elif kind == "refused":
                    self.search("refused", nurse, who, (403,))
                elif kind == "log":
                    self.look("log", self.hub.citizen(who), "GET", "/innsyn/v1/log")
                elif kind == "locate":
                    self.look("locate", doctor, "POST", "/pil/v1/search", json={"patient": {"system": FNR, "value": who}})
            except Exception as fault:  # a worker that dies in silence would show nothing
                self.faults.append(f"{kind}: {fault!r}")
            time.sleep(0.01)

    def break_something(self, turn):
        """The hub each time; a connection of the database, or the whole of it, in between."""
        if turn % 3 == 1:
            with contextlib.suppress(psycopg2.Error):
                self.hub.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename like 'hub_%%' order by random() limit 2", None)
        if turn % 3 == 2:
            rows = self.hub.sql("select pid from pg_stat_activity where usename = 'hub_write'")
            if rows:  # PostgreSQL then restarts all of its own, and recovers
                os.kill(rows[0][0], signal.SIGKILL)
        time.sleep(3)
        self.killed = time.time()
        self.hub.kill_hub()
        self.hub.start_hub()

    def size(self):
        """Resident MiB of the hub, and its open files."""
        proc = pathlib.Path(f"/proc/{self.hub.processes['hub'].pid}")
        status = (proc / "status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024, len(list((proc / "fd").iterdir()))

    def logged(self):
        """The request ids that stand in the access log."""
        out = set()
        for body, in self.hub.sql("select body from hub.access_log"):
            out.add(log_body.read(body).get("request"))
        return out


@pytest.mark.soak
def test_nothing_is_lost_doubled_or_unseen(own_hub):
    seed = int(os.environ.get("MAALEHUB_SEED", time.time()))
    print(f"seed {seed}")
    soak = Soak(own_hub(extra="log_level = warning\n"), seed)
    threads = [threading.Thread(target=soak.work, args=(kind,), daemon=True) for kind, count in WORKERS.items() for _ in range(count)]
    for thread in threads:
        thread.start()
    began, turn = time.monotonic(), 0
    while time.monotonic() - began < SECONDS * 0.6:
        time.sleep(KILL_EVERY - 8)
        soak.break_something(turn)
        turn += 1
    time.sleep(SECONDS * 0.1)
    sizes = [soak.size()]
    while time.monotonic() - began < SECONDS:
        time.sleep(2)
        sizes.append(soak.size())
    soak.over.set()
    for thread in threads:
        thread.join(60)
    vendor = soak.hub.as_("solvik-dho")
    for _ in range(len(soak.again) * 3):
        if not soak.again:
            break
        soak.upload(vendor, *soak.again.pop())
    print(f"{turn} kills; served {dict(collections.Counter(soak.served.values()))}; away {dict(soak.unserved)}; {len(soak.oracle.readings)} readings; "
          f"RSS {sizes[0][0]:.0f} -> {sizes[-1][0]:.0f} MiB, files {sizes[0][1]} -> {sizes[-1][1]}")
    assert turn >= 1 and soak.again == []
    assert soak.faults == []

    # nothing lost, nothing doubled
    reader = soak.hub.as_("utvikler")
    for who in soak.people:
        resources = all_of(reader, who, "200")
        assert collections.Counter(map(seen, resources)) == soak.oracle.observations(who)
        assert {resource["meta"]["versionId"] for resource in resources} <= {"1"}
    assert soak.hub.sql("select count(*) from hub.observation")[0][0] == len(soak.oracle.readings)
    # no answer without its row
    missing = set(soak.served) - soak.logged()
    assert not missing, collections.Counter(soak.served[name] for name in missing)
    # flat
    assert sizes[-1][0] - sizes[0][0] < GROWN_AT_MOST
    assert max(files for _, files in sizes) <= sizes[0][1] + 20
