# SPDX-License-Identifier: AGPL-3.0-or-later
"""Running a hub: the operator's tool, the settings, starting, stopping, and the database going away."""
import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import hpack
import httpx
import psycopg2
import pytest

import people
from hub import BUILD, FNR, ROOT, SOLVIK, SYKEHUS, found, observation, person


def run(hub, *arguments, **rest):
    return hub.maalehub(*arguments, check=False, **rest)


# ---- the tool


def test_help_teaches(hub):
    text = hub.maalehub("--help")
    for noun, verb in re.findall(r'^COMMAND\("(\w+)", *"(\w*)"', (ROOT / "tools/commands.tbl").read_text(), re.M):
        assert f"{noun} {verb}".strip() in text
    assert "migrate, tenant add" in text and "next request" in text
    bare = subprocess.run([hub.build / "tools/maalehub"], capture_output=True, text=True)
    assert bare.returncode == 2 and "tenant" in bare.stderr


@pytest.mark.parametrize("arguments,says", [
    (("fly",), "no command `fly`"), (("tenant",), "no command"), (("tenant", "fly"), "tenant fly"), (("tenant", "add"), "ORGNR"), (("tenant", "add", "12345"), "organisation number"),
    (("tenant", "add", "310000018", "X"), "organisation number"), (("tenant", "add", "310000019"), "NAME"), (("client", "add", "x"), "ORGNR"), (("client", "add", "x", "310000019", "X"), "--scopes"),
    (("client", "add", "x", "310000019", "X", "--scopes", "read,fly"), "fly"), (("client", "add", "x", "310000019", "X", "--scopes", "read", "--zone", "Mars"), "Mars"), (("client", "add", "x", "999999999", "X", "--scopes", "read"), ""),
    (("tenant", "add", str(SOLVIK), "Solvik"), "registered already"), (("client", "add", "solvik-dho", str(SOLVIK), "X", "--scopes", "read"), "registered already"),
    (("client", "set", "solvik-dho"), "--scopes"), (("client", "set", "nobody", "--scopes", ""), "no such client"), (("client", "set", "solvik-dho", "--scopes", "fly"), "fly"), (("rule", "add"), "--from"), (("rule", "add", "--from", "310000019"), "--to"), (("rule", "add", "--from", "310000019", "--to", "310000035", "--class", "all"), "all"),
    (("rule", "add", "--from", "310000019", "--to", "310000035", "--purpose", "FUN"), "FUN"), (("rule", "add", "--from", "310000019", "--to", "310000035", "--code", "8867-4"), "SYSTEM|CODE"),
    (("rule", "add", "--from", people.orgnr(77), "--to", "310000035"), ""), (("rule", "add", "--from", "310000019", "--to", "310000019"), "reads its own data without a rule"), (("rule", "revoke"), "number"), (("rule", "revoke", "x"), "number"), (("rule", "revoke", "999999"), ""), (("block", "end", "999999"), ""), (("block", "add", "--tenant", "1"), "--tenant"),
])
def test_what_is_wrong_is_said(hub, arguments, says):
    done = run(hub, *arguments, stdin="")
    assert done.returncode in (1, 2) and done.stderr.startswith("maalehub: ") and says in done.stderr, done.stderr


COMMANDS = re.findall(r'^COMMAND\("(\w+)", *"(\w*)", *"([^"]*)"', (ROOT / "tools/commands.tbl").read_text(), re.M)


@pytest.mark.parametrize("noun,verb,takes", COMMANDS)
def test_every_command_has_its_help_and_passes_over_nothing(noun, verb, takes):
    """What is not taken is refused before the configuration is read: nothing is there, and nothing is done by half."""
    def say(*words):
        done = subprocess.run([BUILD / "tools/maalehub", *f"{noun} {verb}".split(), *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env={"MAALEHUB_CONFIG": "/nowhere"})
        return done.returncode, done.stdout, done.stderr

    status, out, _ = say("--help")
    assert status == 0 and takes in out and len(out.splitlines()) == 2
    words = re.sub(r"\[.*?\]", "", takes).split()
    for more, says in ((["--nonsense", "x"], "--nonsense"), (["--nonsense"], "--nonsense"), (["x"] * (len(words) + 1) + ["99999999999"], "word"), (["--config", "x"], "before the command")):
        status, out, err = say(*more)
        assert status == (3 if noun == "pcd01" else 2) and out == "" and says in err and takes in err and "99999999999" not in err, err
    for option in re.findall(r"--\w+(?= [^-\]])", takes):
        for more in ([option], [option, "--config"]):
            assert say(*more)[0] in (2, 3) and f"`{option}` wants a value" in say(*more)[2], option
        assert "twice" in say(option, "x", option, "y")[2]


def test_the_help_of_a_noun():
    done = subprocess.run([BUILD / "tools/maalehub", "rule", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and [line.split()[1] for line in done.stdout.splitlines()] == ["add", "list", "revoke"]
    done = subprocess.run([BUILD / "tools/maalehub", "--config"], capture_output=True, text=True)
    assert done.returncode == 2 and "wants a file" in done.stderr


def test_a_client_is_stopped_at_once(hub):
    orgnr, caller = hub.controller()
    name = f"klient-{orgnr}"
    assert caller.upload(observation(person())).status_code == 201
    hub.maalehub("client", "set", name, "--scopes", "")
    assert next(line for line in hub.maalehub("client", "list").splitlines() if line.startswith(f"{name} ")).split()[2] == "nothing"
    assert caller.upload(observation(person())).status_code == 403 and caller.get("/fhir/Observation").status_code == 403
    hub.maalehub("client", "set", name, "--scopes", "write")
    time.sleep(1.1)  # before an unregistered caller is refused the rules are asked for, once a second
    assert caller.upload(observation(person())).status_code == 201 and caller.get("/fhir/Observation").status_code == 403


def test_a_block_of_one_code(hub):
    """The patient objects to the pulse alone, by whatever code it is; the weight is seen, and the end of the block ends it."""
    line, vendor, doctor = person(), hub.as_("solvik-dho"), hub.as_("sykehus-epj")
    for code in ("8867-4", "29463-7"):
        assert vendor.upload(observation(line, code=code)).status_code == 201
    block = hub.maalehub("block", "add", "--tenant", str(SOLVIK), "--code", "http://snomed.info/sct|364075005", stdin=line + "\n").split()[-1]
    assert [one["code"]["coding"][0]["code"] for one in found(doctor.search(line))] == ["29463-7"]
    hub.maalehub("block", "end", block)
    assert len(found(doctor.search(line))) == 2
    assert run(hub, "block", "add", "--code", "8867-4", stdin=line + "\n").returncode == 1


def test_lists(hub):
    assert f"{SOLVIK}" in hub.maalehub("tenant", "list") and "Solvik kommune" in hub.maalehub("tenant", "list")
    clients = hub.maalehub("client", "list")
    assert re.search(r"^solvik-dho\s+310000019\s+.*write", clients, re.M) and "zone Europe/Oslo" in clients
    rule = hub.rule_from(SOLVIK, "--class", "welfare", "--purpose", "COC", "--code", "http://loinc.org|8867-4")
    line = next(row for row in hub.maalehub("rule", "list").splitlines() if row.split()[0] == str(rule))
    assert "welfare" in line and "COC" in line and "8867-4" in line and "revoked" not in line
    hub.maalehub("rule", "revoke", str(rule))
    assert "revoked" in next(row for row in hub.maalehub("rule", "list").splitlines() if row.split()[0] == str(rule))
    again = run(hub, "rule", "revoke", str(rule))
    assert again.returncode == 1
    for noun, verb in (("rule", "revoke"), ("sender", "revoke"), ("block", "end")):
        for number in ("none", "99999999999999999999", *(["4294967296"] if noun != "block" else [])):
            wrong = run(hub, noun, verb, number)
            assert wrong.returncode == 1 and f"`{noun} list` tells it" in wrong.stderr, (noun, number, wrong.stderr)
    # each list tells what its columns are, under the same names that the options have
    for noun, first in (("tenant", "orgnr"), ("client", "client"), ("rule", "rule"), ("sender", "sender"), ("quarantine", "message")):
        assert hub.maalehub(noun, "list").split()[0] == first


def test_a_reader_holds_no_data(hub):
    orgnr = people.orgnr(90)
    hub.maalehub("tenant", "add", orgnr, "Legekontor", "--reader")
    assert re.search(rf"^{orgnr}\s+reader", hub.maalehub("tenant", "list"), re.M)
    assert run(hub, "rule", "add", "--from", orgnr, "--to", str(SYKEHUS)).returncode == 1
    hub.maalehub("client", "add", "legekontor", orgnr, "Legekontor", "--scopes", "read,write")
    uploads = hub.as_("solvik-dho", set={"client_id": "legekontor", "helseid://claims/client/claims/orgnr_parent": orgnr})
    time.sleep(1.1)
    answer = uploads.upload(observation(person()))
    assert answer.status_code == 403 and "data controller" in answer.text


def test_migrate_is_safe_to_run_again(hub):
    out = hub.maalehub("migrate", "--as", "postgres")
    assert "0 migrations applied" in out


def test_check(hub):
    out = hub.maalehub("check")
    assert "isolation of controllers: holds" in out and "secret file: good" in out


def test_the_configuration_by_environment(hub):
    done = subprocess.run([hub.build / "tools/maalehub", "tenant", "list"], capture_output=True, text=True, env={**os.environ, "MAALEHUB_CONFIG": str(hub.dir / "hub.conf")})
    assert done.returncode == 0 and "Solvik" in done.stdout
    done = subprocess.run([hub.build / "tools/maalehub", "--config", "/nowhere", "tenant", "list"], capture_output=True, text=True)
    assert done.returncode == 1 and "/nowhere" in done.stderr


def test_national_ids_are_read_from_standard_input_alone(hub):
    line = person()
    done = run(hub, "block", "add", line, stdin="")
    assert done.returncode != 0 and line not in done.stderr
    done = run(hub, "block", "add", stdin="12345678901\n")
    assert done.returncode == 1 and "12345678901" not in done.stderr


# ---- settings


def test_settings_are_all_told(hub):
    out = subprocess.run([hub.build / "server/maalehubd", "--settings"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^SETTING\((\w+),", (ROOT / "server/config.tbl").read_text(), re.M)
    assert len(names) > 30 and all(re.search(rf"\b{name}\b", out) for name in names)
    assert "principal" in out and "60 minutes" in out


@pytest.mark.parametrize("lines,without,says", [
    (["thread = 2"], [], '"threads"'), (["isuer = https://x"], [], '"issuer"'), (["Listen = 127.0.0.1:1"], [], '"listen"'), (["threads"], [], ""), (["threads = 2"], [], "threads"), (["threads = many"], ["threads"], "threads"),
    (["threads = 99999"], ["threads"], "threads"), (["threads = -1"], ["threads"], "threads"), (["environment = prod"], ["environment"], "environment"), (["leeway = 1h"], [], "leeway"), (["bearer = perhaps"], [], "bearer"),
    ([], ["database"], "database"), ([], ["secret_file"], "secret_file"), (["secret_file = /nowhere"], ["secret_file"], "/nowhere"), (["tls_key = /nowhere"], ["tls_key"], "/nowhere"), ([], ["public_url"], "public_url"),
    (["zone = Mars"], [], "zone"), (["issuer = http://example.org"], ["issuer"], "issuer"), (["dev_principal = nobody"], ["dev_principal"], "dev_principal"), (["principal.x = {"], [], "principal"), (["principal.x = {}"], [], "principal.x"),
    (["principal.utvikler = {}"], [], "named twice"), (["public_url = https://x/"], ["public_url"], "public_url"), (["= 5"], [], ""),
])
def test_a_configuration_half_understood_refuses_to_start(hub, lines, without, says):
    status, text = hub.refusal(*lines, without=without)
    assert status == 1 and says in text and "not started" in text, text
    assert "refused.conf:" in text or not lines or "principal" in text or "nowhere" in text, text  # file and line


def test_a_secret_others_can_read_is_refused(hub):
    secret = hub.dir / "loose"
    secret.write_bytes(os.urandom(64))
    secret.chmod(0o644)
    status, text = hub.refusal(f"secret_file = {secret}", without=["secret_file"])
    assert status == 1 and "loose" in text and "owner" in text, text
    secret.chmod(0o600)
    secret.write_bytes(b"short")
    status, text = hub.refusal(f"secret_file = {secret}", without=["secret_file"])
    assert status == 1 and "32" in text, text


def test_check_only(hub):
    good = subprocess.run([hub.build / "server/maalehubd", "--config", hub.dir / "hub.conf", "--check"], capture_output=True, text=True)
    assert good.returncode == 0 and "is good" in good.stderr
    for words in ([], ["--fly"], ["--config"]):
        assert subprocess.run([hub.build / "server/maalehubd", *words], capture_output=True).returncode == 2


def test_a_port_that_is_taken(hub):
    status, text = hub.refusal()
    assert status == 1 and "not started" in text, text


# ---- what monitors ask


def test_probes(hub, vendor):
    for base, client in ((hub.dev_url, httpx.Client()), (hub.url, httpx.Client(http2=True, verify=hub.trusted()))):
        with client:
            assert client.get(base + "/livez").text == "ok\n" and client.get(base + "/readyz").text == "ok\n"
    before = hub.metrics()
    vendor.upload(observation(person()))
    after = hub.metrics()
    assert after["maalehub_requests_handled_total"] > before["maalehub_requests_handled_total"]
    text = httpx.get(hub.dev_url + "/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = set(re.findall(r"^# TYPE (\w+)", text.text, re.M))
    assert len(families) > 10 and all(name.startswith("maalehub_") for name in families)
    assert families == set(re.findall(r"^# HELP (\w+)", text.text, re.M))


def test_the_contract(hub):
    answer = httpx.get(hub.dev_url + "/openapi.json")
    whole = answer.json()
    assert whole["openapi"].startswith("3.1")
    routes = re.findall(r'^ROUTE\("(\w+)", *"([^"]+)"', (ROOT / "server/routes.tbl").read_text(), re.M)
    assert {(method.lower(), path) for method, path in routes} == {(method, path) for path, one in whole["paths"].items() for method in one if method in ("get", "post", "put", "delete", "patch")}


# ---- life and death: on a hub of its own


@pytest.fixture(scope="module")
def mortals():
    from hub import Hub
    one = Hub().start()
    yield one
    one.stop()


@pytest.fixture
def mortal(mortals):
    """Up when a test begins, whatever became of the one before."""
    if "hub" not in mortals.processes or mortals.processes["hub"].poll() is not None:
        mortals.processes.pop("hub", None)
        mortals.start_hub()
    return mortals


def by_h2c(hub, resource):
    """The status of an upload by HTTP/2 at the development door. By hand: the libraries here give up their requests at a GOAWAY (RFC 9113 6.8 says not to)."""
    def frame(kind, flags, stream, payload):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    head = [(":method", "POST"), (":path", "/fhir/Observation"), (":scheme", "http"), (":authority", f"127.0.0.1:{hub.dev_port}"), ("content-type", "application/fhir+json")]
    with socket.create_connection(("127.0.0.1", hub.dev_port), timeout=20) as wire:
        wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, hpack.Encoder().encode(head)) + frame(0, 1, 1, json.dumps(resource).encode()))
        data = b""
        while True:
            more = wire.recv(65536)
            if not more:
                return None
            data += more
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                length = int.from_bytes(data[:3], "big")
                kind, flags, payload, data = data[3], data[4], data[9:9 + length], data[9 + length:]
                if kind == 4 and not flags & 1:
                    wire.sendall(frame(4, 1, 0, b""))
                if kind == 1:
                    return int(dict(hpack.Decoder().decode(payload))[":status"])


HANDLED = "maalehub_requests_handled_total"


def test_sigterm_answers_what_is_under_way(mortal):
    line = person()
    vendor = mortal.as_("solvik-dho")
    vendor.http = httpx.Client(verify=mortal.trusted(), base_url=mortal.url, timeout=30)  # HTTP/1.1; httpx drops its HTTP/2 requests at a GOAWAY
    assert vendor.upload(observation(line)).status_code == 201
    answers = []
    lock = psycopg2.connect(host=mortal.pg["PGHOST"], port=mortal.pg["PGPORT"], dbname=mortal.pg["PGDATABASE"], user="postgres")
    with lock, lock.cursor() as cursor:
        cursor.execute("lock table hub.observation in access exclusive mode")
        before, asked = mortal.metrics()[HANDLED], 0
        senders = [threading.Thread(target=lambda: answers.append(vendor.upload(observation(line, at="2026-11-20T09:00:01+01:00")).status_code)),
                   threading.Thread(target=lambda: answers.append(by_h2c(mortal, observation(line, at="2026-11-20T09:00:02+01:00"))))]
        for sender in senders:
            sender.start()
        end, both = time.time() + 30, False
        while not both and time.time() < end:
            time.sleep(0.02)
            asked += 1
            both = mortal.metrics()[HANDLED] - asked >= before + 2  # they were taken in, beside what asks here
        assert both
        process = mortal.processes["hub"]
        process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        assert process.poll() is None  # it waits for the answer
        with pytest.raises(httpx.HTTPError):
            httpx.get(mortal.dev_url + "/livez", timeout=2)  # and takes nothing new
    lock.close()
    for sender in senders:
        sender.join(20)
    assert answers == [201, 201], answers
    assert process.wait(20) == 0
    del mortal.processes["hub"]
    assert "stopped" in mortal.text("hub.log") and "unfinished=0" in mortal.text("hub.log").splitlines()[-1]
    mortal.start_hub()
    assert len(found(mortal.as_("sykehus-epj").search(line))) == 3


def test_it_stops_at_once_when_nothing_is_under_way(mortal):
    caller = mortal.as_("sykehus-epj")
    caller.search(person())  # leaves an idle connection
    began = time.time()
    assert mortal.kill_hub(signal.SIGTERM) == 0
    assert time.time() - began < 5
    mortal.start_hub()


def test_what_was_acknowledged_outlives_sigkill(mortal):
    line = person()
    vendor = mortal.as_("solvik-dho")
    for i in range(20):
        assert vendor.upload(observation(line, at=f"2026-11-20T08:00:{10 + i}+01:00")).status_code == 201
    mortal.kill_hub()
    mortal.start_hub()
    assert len(found(mortal.as_("utvikler").search(line))) == 20
    assert len(mortal.entries(line)) == 21


def test_a_proof_of_before_the_restart_is_refused(mortal):
    doctor = mortal.as_("sykehus-epj")
    headers = [("Content-Type", "application/x-www-form-urlencoded"), *doctor.headers("POST", "/fhir/Observation/_search").items()]
    body = str(httpx.QueryParams({"patient.identifier": f"{FNR}|{person()}"}))
    assert doctor.plain("POST", "/fhir/Observation/_search", headers=headers, content=body).status_code == 200
    mortal.kill_hub()
    mortal.start_hub()
    with httpx.Client(http2=True, verify=mortal.trusted(), base_url=mortal.url) as again:
        answer = again.request("POST", "/fhir/Observation/_search", headers=headers, content=body)
    assert answer.status_code == 401 and "invalid_dpop_proof" in answer.headers["www-authenticate"]


def test_the_database_goes_and_comes_back(mortal):
    line = person()
    vendor, doctor = mortal.as_("solvik-dho"), mortal.as_("sykehus-epj")
    assert vendor.upload(observation(line)).status_code == 201
    mortal.cluster("stop")
    end = time.time() + 10
    while httpx.get(mortal.dev_url + "/readyz", timeout=20).status_code != 503 and time.time() < end:
        time.sleep(0.1)
    ready = httpx.get(mortal.dev_url + "/readyz", timeout=20)
    assert ready.status_code == 503 and ready.text.strip() and httpx.get(mortal.dev_url + "/livez").status_code == 200
    others = mortal.as_("solvik-dho")
    asks = (lambda: vendor.upload(observation(line, at="2026-11-20T09:00:01+01:00")), lambda: doctor.search(line), lambda: mortal.as_("sykehus-epj").locate(line), lambda: others.upload(observation(person())))
    with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
        for answer in pool.map(lambda ask: ask(), asks):
            assert answer.status_code == 503 and answer.headers["retry-after"], answer.text
    mortal.cluster("start")
    end = time.time() + 30
    while httpx.get(mortal.dev_url + "/readyz", timeout=20).status_code != 200 and time.time() < end:
        time.sleep(0.1)
    assert httpx.get(mortal.dev_url + "/readyz", timeout=20).status_code == 200
    assert vendor.upload(observation(line, at="2026-11-20T09:00:01+01:00")).status_code == 201
    assert len(found(doctor.search(line))) == 2


def test_a_backup_restored_into_a_new_database(mortal):
    """What belongs to a database and not to its contents does not come back by pg_restore: migrate brings it, and check tells before."""
    assert mortal.as_("solvik-dho").upload(observation(person())).status_code == 201
    at, dump = ["-h", mortal.pg["PGHOST"], "-U", "postgres"], str(mortal.dir / "hub.dump")
    subprocess.run(["pg_dump", *at, "-Fc", "-f", dump, mortal.pg["PGDATABASE"]], check=True)
    subprocess.run(["createdb", *at, "restored"], check=True)
    subprocess.run(["pg_restore", *at, "-d", "restored", "--exit-on-error", dump], check=True)
    settings = "select r.rolname, s.setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole join pg_database d on d.oid = s.setdatabase where d.datname = %s order by 1"
    try:
        assert mortal.sql(settings, "restored") == []
        (mortal.dir / "restored.conf").write_text((mortal.dir / "hub.conf").read_text().replace(f"dbname={mortal.pg['PGDATABASE']}", "dbname=restored"))

        def tool(*words):
            return subprocess.run([mortal.build / "tools/maalehub", "--config", mortal.dir / "restored.conf", *words], capture_output=True, text=True)

        assert tool("check").returncode == 1
        assert "0 migrations applied" in tool("migrate").stdout
        checked = tool("check")
        assert checked.returncode == 0, checked.stderr
        assert mortal.sql(settings, "restored") == mortal.sql(settings, mortal.pg["PGDATABASE"]) != []
    finally:
        mortal.sql("drop database restored")


def test_it_starts_before_its_database(mortal):
    mortal.kill_hub(signal.SIGTERM)
    mortal.cluster("stop")
    mortal._spawn("hub", mortal.build / "server/maalehubd", "--config", mortal.dir / "hub.conf")
    end = time.time() + 20
    while time.time() < end:
        try:
            if httpx.get(mortal.dev_url + "/livez").status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.05)
    assert httpx.get(mortal.dev_url + "/readyz", timeout=20).status_code == 503
    assert mortal.as_("solvik-dho").upload(observation(person())).status_code == 503
    mortal.cluster("start")
    mortal._wait(f"{mortal.dev_url}/readyz", "hub", 30)
    assert mortal.as_("solvik-dho").upload(observation(person())).status_code == 201


def test_broken_isolation_refuses_to_serve(mortal):
    mortal.kill_hub(signal.SIGTERM)
    for breaking, mending in (
            ("alter table hub.observation no force row level security", "alter table hub.observation force row level security"),
            ("alter table hub.locator disable row level security", "alter table hub.locator enable row level security"),
            ("alter role hub_read bypassrls", "alter role hub_read nobypassrls"),
            ("create function hub.sneak() returns int language sql security definer as 'select 1'", "drop function hub.sneak()"),
            ("create unique index sneak on hub.observation (id)", "drop index hub.sneak"),
            ("grant select on hub.observation to hub_resolve", "revoke select on hub.observation from hub_resolve"),
            ("create policy sneak on hub.observation for select to hub_read using (true)", "drop policy sneak on hub.observation")):
        mortal.sql(breaking)
        try:
            checked = run(mortal, "check")
            status, text = mortal.refusal()
        finally:
            mortal.sql(mending)
        assert checked.returncode == 1 and "BROKEN" in checked.stdout, breaking
        assert status == 1 and "isolation" in text, (breaking, text)
    assert run(mortal, "check").returncode == 0
    mortal.start_hub()
