# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real hub on a real PostgreSQL with the test issuer, and callers who talk to it as the field does: TLS, HTTP/2, DPoP.

The proofs are made by jwcrypto, not by the hub's own code, so that one can judge the other.
"""
import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import queue
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

import httpx
import psycopg2
from jwcrypto import jwk, jws

_connect = socket.create_connection


def _connect_promptly(*arguments, **rest):
    """Debian's httpcore leaves Nagle's algorithm on: each body would wait 40 ms for the acknowledgement of its headers."""
    wire = _connect(*arguments, **rest)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


socket.create_connection = _connect_promptly

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import people  # noqa: E402
import response_record  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MAALEHUB_BUILD", ROOT / "build"))
FNR = people.FNR_SYSTEM
FHIR_JSON = {"Content-Type": "application/fhir+json"}
ER7 = {"Content-Type": "x-application/hl7-v2+er7"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

PARENT = "helseid://claims/client/claims/orgnr_parent"
PID = "helseid://claims/identity/pid"
ATTEST = "nhn:tillitsrammeverk:parameters"
SCOPES = ["nhn:pmd/observation.read", "nhn:pmd/observation.write", "nhn:pmd/pil.read"]
SOLVIK, FJELLDAL, SYKEHUS, VENDOR = 310000019, 310000027, 310000035, 310000043


def free_port():
    """One below those that the kernel gives to outgoing connections, or one of these takes it before the hub does."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Key:
    """A client's DPoP key."""

    def __init__(self, kind="ES256"):
        self.alg = kind
        self.key = jwk.JWK.generate(kty="EC", crv="P-256") if kind.startswith("ES") else jwk.JWK.generate(kty="RSA", size=2048)
        self.public = self.key.export_public(as_dict=True)
        self.public.pop("kid", None)

    def proof(self, method, url, token=None, header=None, **claims):
        body = {"htm": method, "htu": url.split("?")[0].split("#")[0], "iat": int(time.time()), "jti": str(uuid.uuid4())}
        if token:
            body["ath"] = b64url(hashlib.sha256(token.encode()).digest())
        body.update(claims)
        body = {name: value for name, value in body.items() if value is not None}
        head = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.public, **(header or {})}
        signed = jws.JWS(json.dumps(body))
        signed.add_signature(self.key, None, json.dumps(head))
        return signed.serialize(compact=True)


class Caller:
    """One principal through the TLS door. A fresh proof for each request; the token is kept until it is old."""

    def __init__(self, hub, name, **token):
        self.hub, self.name, self.key, self.options = hub, name, Key(), token
        self.issuer = f"{hub.issuer}/{'citizen' if name.startswith('innbygger') else 'staff'}"
        self._token, self._made = None, 0
        self.http = httpx.Client(http2=True, verify=hub.trusted(), base_url=hub.url, timeout=30, event_hooks={"response": [hub.note]})

    def token(self, fresh=False, **extra):
        if fresh or extra or self._token is None or time.time() - self._made > 240:
            form = {"persona": self.name, **self.options, **extra}
            if isinstance(form.get("set"), dict):
                form["set"] = json.dumps(form["set"])
            headers = {} if form.pop("bearer", False) else {"DPoP": self.key.proof("POST", f"{self.issuer}/connect/token")}
            answer = httpx.post(f"{self.issuer}/connect/token", data=form, headers=headers)
            answer.raise_for_status()
            token = answer.json()["access_token"]
            if extra:
                return token
            self._token, self._made = token, time.time()
        return self._token

    def headers(self, method, path, **proof):
        token = proof.pop("token", None) or self.token()
        url = self.hub.url + path
        return {"Authorization": f"DPoP {token}", "DPoP": self.key.proof(method, url, token, **proof)}

    def request(self, method, path, headers=None, **rest):
        own = self.headers(method, path)
        return self.http.request(method, path, headers={**own, **(headers or {})}, **rest)

    def get(self, path, **rest):
        return self.request("GET", path, **rest)

    def post(self, path, **rest):
        return self.request("POST", path, **rest)

    def plain(self, method, path, headers=(), **rest):
        """A request with exactly these headers besides httpx's own; a list, so that one may stand twice."""
        return self.http.request(method, path, headers=list(headers), **rest)

    # ---- what callers do
    def upload(self, resource):
        path = "/fhir" if resource["resourceType"] == "Bundle" else f"/fhir/{resource['resourceType']}"
        return self.post(path, headers=FHIR_JSON, content=json.dumps(resource))

    def pcd01(self, text):
        return self.post("/pcd01", headers=ER7, content=text.encode() if isinstance(text, str) else text)

    def search(self, person=None, **parameters):
        form = [] if person is None else [("patient.identifier", f"{FNR}|{person}")]
        for name, value in parameters.items():
            form += [(name, one) for one in (value if isinstance(value, list) else [value])]
        return self.form("/fhir/Observation/_search", form)

    def form(self, path, pairs):
        return self.post(path, headers=FORM, content=str(httpx.QueryParams(pairs)))

    def next(self, answer):
        """The page after this one, or None."""
        urls = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        return self.get(urls[0].removeprefix(self.hub.url)) if urls else None

    def patient_id(self, person):
        """By which the person is a Patient here, for what stands in URLs."""
        return self.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{person}")]).json()["entry"][0]["resource"]["id"]

    def locate(self, person, **rest):
        return self.post("/pil/v1/search", json={"patient": {"system": FNR, "value": person}, **rest})

    def log(self, **parameters):
        return self.get("/innsyn/v1/log" + ("?" + str(httpx.QueryParams(parameters)) if parameters else ""))


class Mllp:
    """A sender at the MLLP door, by the client certificate keys/NAME.pem (None: without one)."""

    def __init__(self, hub, name="sender", seconds=20, version=None):
        context = ssl.create_default_context(cafile=str(hub.ca))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if name is not None:
            context.load_cert_chain(hub.dir / "keys" / f"{name}.pem", hub.dir / "keys" / f"{name}.key")
        self.wire = context.wrap_socket(_connect_promptly(("127.0.0.1", hub.mllp_port), timeout=seconds), server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.wire.close()

    def write(self, raw):
        self.wire.sendall(raw)

    def answer(self):
        """The next frame's content, or None where the hub has closed the connection."""
        while b"\x1c\r" not in self.buffer:
            more = self.wire.recv(65536)
            if not more:
                assert self.buffer == b"", self.buffer
                return None
            self.buffer += more
        frame, self.buffer = self.buffer.split(b"\x1c\r", 1)
        assert frame[:1] == b"\x0b", frame
        return frame[1:].decode()

    def send(self, *messages):
        """Each message in its frame, all at once; the answers, in order."""
        self.write(b"".join(mllp(message) for message in messages))
        answers = [self.answer() for _ in messages]
        return answers[0] if len(messages) == 1 else answers


def mllp(message):
    return b"\x0b" + (message.encode() if isinstance(message, str) else message) + b"\x1c\r"


class Hub:
    """A hub with all it needs in one temporary folder."""

    def __init__(self, extra="", threads=2, environment=None, build=None):
        self.build = pathlib.Path(build or BUILD)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mh-", dir=os.environ.get("MAALEHUB_TMP")))
        self.dir.chmod(0o755)
        self.port, self.dev_port, self.issuer_port, self.mllp_port = free_port(), free_port(), free_port(), free_port()
        self.url, self.dev_url = f"https://localhost:{self.port}", f"http://127.0.0.1:{self.dev_port}"
        self.issuer = f"http://127.0.0.1:{self.issuer_port}"
        self.ca = self.dir / "keys" / "ca.pem"
        self.extra, self.threads, self.environment = extra, threads, environment or {}
        self.processes = {}
        self.pg = {}
        self._trusted = None
        self.headers = set()

    # ---- life
    def start(self):
        try:
            self._shell("hub_database && hub_keys && hub_env")
            self.pg = dict(line.split("=", 1) for line in (self.dir / "env").read_text().splitlines() if line.startswith("PG"))
            self.configure()
            self.maalehub("migrate", "--as", "postgres")
            self.register()
            self.start_issuer()
            self.start_hub()
        except BaseException:
            self.stop()
            raise
        return self

    def _shell(self, what):
        variables = dict(root=ROOT, state=self.dir, build=self.build, port=self.port, dev_port=self.dev_port, issuer_port=self.issuer_port, mllp_port=self.mllp_port)
        text = "".join(f"{name}={value}\n" for name, value in variables.items()) + f". {ROOT}/tools/shell/hub.sh\nset -e\n{what}\n"
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def configure(self, extra=None):
        text = (ROOT / "tools/sample/hub.conf").read_text()
        values = {"STATE": self.dir, "PORT": self.port, "DEV_PORT": self.dev_port, "MLLP_PORT": self.mllp_port, "ISSUER": self.issuer,
                  "DATABASE": f"host={self.pg['PGHOST']} port={self.pg['PGPORT']} dbname={self.pg['PGDATABASE']}"}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        # a key the issuer has just made is asked for at once, not after half a minute
        text += f"threads = {self.threads}\nkeys_retry = 1\n"
        (self.dir / "hub.conf").write_text(text + (self.extra if extra is None else extra) + "\n")

    def refusal(self, *lines, without=()):
        """How maalehubd ends with these lines more and those settings less: (exit status, what it says)."""
        kept = [line for line in self.text("hub.conf").splitlines() if line.split(" ")[0] not in without]
        path = self.dir / "refused.conf"
        path.write_text("\n".join([*kept, *lines]) + "\n")
        done = subprocess.run([self.build / "server/maalehubd", "--config", path], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stderr

    def register(self):
        for orgnr, name in ((SOLVIK, "Solvik kommune"), (FJELLDAL, "Fjelldal kommune"), (SYKEHUS, "Nordre sykehus HF")):
            self.maalehub("tenant", "add", str(orgnr), name)
        for client, orgnr, scopes in (("solvik-dho", SOLVIK, "write"), ("solvik-epj", SOLVIK, "read,write,locator"), ("fjelldal-dho", FJELLDAL, "write"),
                                      ("sykehus-epj", SYKEHUS, "read,locator"), ("helsenorge", SYKEHUS, "log")):
            self.maalehub("client", "add", client, str(orgnr), client, "--scopes", scopes, "--zone", "Europe/Oslo")
        self.sender = int(self.maalehub("sender", "add", "solvik-dho", "--certificate", str(self.dir / "keys/sender.pem")).split()[-1])
        self.rule = int(self.maalehub("rule", "add", "--from", str(SOLVIK), "--to", str(SYKEHUS), "--class", "health", "--purpose", "TREAT").split()[-1])

    def _spawn(self, name, *arguments):
        log = open(self.dir / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(a) for a in arguments], stderr=log, stdout=log, env={**os.environ, **self.environment})

    def _wait(self, url, name, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            assert self.processes[name].poll() is None, f"{name} ended: " + self.text(f"{name}.log")[-2000:]
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{name} did not come up: " + self.text(f"{name}.log")[-2000:])

    def start_issuer(self):
        self._spawn("issuer", self.build / "tools/maalehub-issuer", "--listen", f"127.0.0.1:{self.issuer_port}", "--personas", self.dir / "hub.conf")
        self._wait(f"{self.issuer}/staff/.well-known/openid-configuration", "issuer")

    def start_hub(self):
        self._spawn("hub", self.build / "server/maalehubd", "--config", self.dir / "hub.conf")
        self._wait(f"{self.dev_url}/readyz", "hub", 60)

    def kill_hub(self, how=signal.SIGKILL):
        process = self.processes.pop("hub")
        process.send_signal(how)
        return process.wait(60)

    def stop(self):
        """Ends everything. What a sanitizer or an assertion said on the way is a fault of the scenario that stops."""
        said = [row for row in self._end() if re.search(r"Sanitizer|runtime error:|Assertion .* failed", row)]
        assert said == [], said[:5]

    def _end(self):
        for name in list(self.processes):
            process = self.processes.pop(name)
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        rows = [row for name in ("hub.log", "issuer.log") for row in self.text(name).splitlines()]
        subprocess.run([ROOT / "tools/shell/cluster.sh", "drop", self.dir], check=False, capture_output=True)
        if os.environ.get("MAALEHUB_KEEP") != "yes":
            shutil.rmtree(self.dir, ignore_errors=True)
        return rows

    # ---- talk
    def trusted(self):
        """What callers verify the hub's certificate with. Made once: reading it takes longer than a request."""
        if self._trusted is None:
            self._trusted = ssl.create_default_context(cafile=str(self.ca))
        return self._trusted

    def as_(self, name, **token):
        return Caller(self, name, **token)

    def mllp(self, name="sender", **rest):
        return Mllp(self, name, **rest)

    def sender_key(self, name, subject):
        """A client certificate more of the senders' CA."""
        self._shell(f"hub_sender_key {name} '{subject}'")
        return self.dir / "keys" / f"{name}.pem"

    def citizen(self, who):
        return self.as_("innbygger-line", set={"helseid://claims/identity/pid": who})

    def entries(self, who, **parameters):
        """The citizen's log, newest first, without the citizen's own looks at it."""
        answer = self.citizen(who).log(limit=200, **parameters)
        assert answer.status_code == 200, answer.text
        return [entry for entry in answer.json()["entries"] if entry["event"] != "insight"]

    def controller(self, name="Ny kommune", scopes="read,write,locator", *more):
        """A data controller more, with a client that uploads for it: (orgnr, caller)."""
        orgnr = int(people.orgnr(next(_organisations)))
        client = f"klient-{orgnr}"
        self.maalehub("tenant", "add", str(orgnr), name, *more)
        self.maalehub("client", "add", client, str(orgnr), client, "--scopes", scopes)
        caller = self.as_("solvik-dho", set={"client_id": client, PARENT: str(orgnr), "scope": SCOPES})
        # a loop looks for new clients once a second at most, or whoever is refused could keep the database busy
        end = time.time() + 5
        while "write" in scopes and caller.upload({"resourceType": "Bundle", "type": "batch"}).status_code == 403:
            assert time.time() < end
            time.sleep(0.1)
        return orgnr, caller

    def rule_from(self, orgnr, *more, to=SYKEHUS):
        out = self.maalehub("rule", "add", "--from", str(orgnr), "--to", str(to), *more)
        return int(out.split()[-1])

    def rows(self):
        """How many rows the access log holds."""
        return self.sql("select count(*) from hub.access_log")[0][0]

    def dev(self, principal=None, **rest):
        headers = {"X-Dev-Principal": principal} if principal else {}
        return httpx.Client(base_url=self.dev_url, headers=headers, timeout=30, event_hooks={"response": [self.note]}, **rest)

    def note(self, response):
        """Every header the hub has answered with, for the scenarios of privacy; and bodies for the foreign validator."""
        self.headers.update(value for name, value in response.headers.multi_items() if name not in ("date", "content-length"))
        response_record.keep(response)

    def maalehub(self, *arguments, stdin=None, check=True):
        done = subprocess.run([str(self.build / "tools/maalehub"), "--config", str(self.dir / "hub.conf"), *arguments], input=stdin, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout if check else done

    def sql(self, text, *values, user="postgres"):
        with contextlib.closing(psycopg2.connect(host=self.pg["PGHOST"], port=self.pg["PGPORT"], dbname=self.pg["PGDATABASE"], user=user)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text, values or None)
                return cursor.fetchall() if cursor.description else None

    def database_log(self):
        """What PostgreSQL itself wrote. Root's cluster has a folder of its own (tools/shell/cluster.sh)."""
        tag = hashlib.sha256(str(self.dir.resolve()).encode()).hexdigest()[:10]
        for place in (pathlib.Path(f"/var/lib/postgresql/maalehub-{tag}/pg.log"), self.dir / "pg.log"):
            with contextlib.suppress(FileNotFoundError):
                return place.read_text(errors="replace")
        raise AssertionError("PostgreSQL's log is not where it should be")

    def cluster(self, action):
        subprocess.run([ROOT / "tools/shell/cluster.sh", action, self.dir], check=True, capture_output=True)

    def metrics(self):
        """/metrics as {name with labels: value}."""
        lines = httpx.get(f"{self.dev_url}/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and not line.startswith("#")}

    def text(self, name):
        with contextlib.suppress(FileNotFoundError):
            return (self.dir / name).read_text(errors="replace")
        return ""


_people = iter(range(1000, 10 ** 6))
_organisations = iter(range(100, 10 ** 6))
issued = []  # every national id this run has used: none may be found where none belongs


def side_by_side(hub, name, threads, work, turns):
    """work(caller, turn) of every turn by so many threads, in the order of the turns; each thread has a caller of its own: Debian's httpcore does not number the streams of two threads on one connection in order."""
    free = queue.SimpleQueue()
    for _ in range(threads):
        caller = hub.as_(name)
        caller.token()
        free.put(caller)

    def one(turn):
        caller = free.get()
        try:
            return work(caller, turn)
        finally:
            free.put(caller)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, turns))


def person():
    """A synthetic fødselsnummer nobody in this run has had."""
    issued.append(people.fnr(next(_people)))
    return issued[-1]


def dnr():
    issued.append(people.dnr(next(_people)))
    return issued[-1]


def attest(orgnr=SYKEHUS, purpose="TREAT", **more):
    """The trust framework's attest as a client sends it; members of `more` replace its own."""
    unit = {"id": str(orgnr), "system": people.ORGNR_SYSTEM, "name": "Nordre sykehus HF"}
    whole = {
        "type": "nhn:tillitsrammeverk:parameters", "toa": int(time.time()),
        "practitioner": {"authorization": {"code": "LE", "system": "urn:oid:2.16.578.1.12.4.1.1.9060", "text": "Lege"},
                         "legal_entity": unit, "point_of_care": unit,
                         "department": {"id": "705592", "system": "urn:oid:2.16.578.1.12.4.1.4.102", "name": "Lungeavdelingen"}},
        "care_relationship": {"healthcare_service": {"code": "S03", "system": "urn:oid:2.16.578.1.12.4.1.1.8655"},
                              "purpose_of_use": {"code": purpose, "system": "urn:oid:2.16.840.1.113883.1.11.20448"},
                              "decision_ref": {"id": str(uuid.uuid4()), "user_selected": True}},
        "patients": [],
    }
    whole.update(more)
    return {name: value for name, value in whole.items() if value is not None}


def observation(who, code="8867-4", value="72", unit="/min", at="2026-11-20T08:00:11+01:00", device="D-1", system="http://loinc.org", **rest):
    """A PMD-shaped Observation; value is the decimal's text and stays it."""
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"identifier": {"system": FNR, "value": who}},
        "effectiveDateTime": at,
        "valueQuantity": {"value": float(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }
    if device:
        resource["device"] = {"identifier": {"system": "http://vendor.example/serial", "value": device}}
    resource.update(rest)
    return {name: value for name, value in resource.items() if value is not None}


def bundle(*resources, type="batch"):
    entries = []
    for resource in resources:
        entry = {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource}
        if type != "collection":
            entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        entries.append(entry)
    return {"resourceType": "Bundle", "type": type, "entry": entries}


def found(answer):
    """The Observations of a searchset."""
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", []) if entry["resource"]["resourceType"] == "Observation"]


def ids(answer):
    return [resource["id"] for resource in found(answer)]


def listed(answer):
    """What stands on a page, of any type: Type/id of each entry."""
    assert answer.status_code == 200, answer.text
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in answer.json().get("entry", [])]


def told(entries):
    """What matters most of rows of the access log, as the citizen or the operator reads them."""
    return [(entry["event"], entry["outcome"], entry["dataController"]["orgnr"], entry.get("count")) for entry in entries]


def results(answer):
    """Of a Bundle's answer: each entry's status as a number."""
    assert answer.status_code == 200, answer.text
    return [int(entry["response"]["status"][:3]) for entry in answer.json()["entry"]]


def issues(answer):
    return " / ".join(issue.get("details", {}).get("text", "") for issue in answer.json()["issue"])


def outcome_of(entry):
    """The texts of the OperationOutcome in a Bundle's entry."""
    return " / ".join(issue.get("details", {}).get("text", "") for issue in entry["response"].get("outcome", {}).get("issue", []))
