# SPDX-License-Identifier: AGPL-3.0-or-later
"""The quickstart, as somebody who has just cloned the tree uses it: the job once, the five commands as printed, files of their own, the stop."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import pytest

from hub import BUILD, ROOT, free_port, observation, person

pytestmark = pytest.mark.slow
QUICKSTART = ROOT / "tools/quickstart"


def free_ports():
    """A TLS port, and a development port whose issuer (ten above) is free too."""
    while True:
        port = free_port()
        if port < 60000 and port + 10 != (tls := free_port()):
            return tls, port


class Place:
    """A state folder and ports of its own."""

    def __init__(self):
        self.state = tempfile.mkdtemp(prefix="mh-new-", dir=os.environ.get("MAALEHUB_TMP"))
        os.chmod(self.state, 0o755)
        self.port, self.dev_port = free_ports()
        self.environment = {**os.environ, "MAALEHUB_STATE": self.state, "MAALEHUB_BUILD": str(BUILD)}

    def run(self, *arguments, seconds=240, command=QUICKSTART, environment=None, **rest):
        return subprocess.run([str(command), *arguments], env={**self.environment, **(environment or {})}, capture_output=True, text=True, timeout=seconds, cwd=ROOT, **rest)

    def start(self):
        self.log = open(os.path.join(self.state, "out"), "w+")
        self.process = subprocess.Popen([QUICKSTART, "--port", str(self.port), "--dev-port", str(self.dev_port)],
                                        env=self.environment, stdout=self.log, stderr=self.log, cwd=ROOT,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a job in the background has it ignored, and a shell keeps that
        end = time.time() + 240
        while "Ctrl-C stops everything" not in self.said():
            assert self.process.poll() is None and time.time() < end, self.said()
            time.sleep(0.2)

    def said(self):
        with open(os.path.join(self.state, "out")) as text:
            return text.read()

    def theirs(self):
        """Processes that still run for this place."""
        listed = subprocess.run(["pgrep", "-af", self.state], capture_output=True, text=True).stdout.splitlines()
        return [line for line in listed if "pgrep" not in line and "pytest" not in line]


@pytest.fixture(scope="module")
def place():
    one = Place()
    try:
        one.start()
        yield one
    finally:
        one.run("--stop", seconds=60)
        subprocess.run([ROOT / "tools/shell/cluster.sh", "drop", one.state], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", one.state], check=False)


def send(place, name, content):
    path = os.path.join(place.state, name)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return place.run("--send", path, seconds=60)


def printed(place):
    return re.findall(r"^  (\S.*)$", place.said().split("In another terminal")[1], re.M)


def test_it_shows_the_job(place):
    said = place.said()
    assert [int(number) for number in re.findall(r"^(\d+)\. ", said, re.M)] == [1, 2, 3, 4, 5, 6, 7]
    assert "every step went as it should" in said
    for word in ("MSA|AA", "HTTP 403", "Nordre sykehus HF", "Solvik kommune"):
        assert word in said, word
    assert not re.search(r"\d{11}", re.sub(r"urn:oid:\S+\|\d{11}", "", said)), "a national id in what is shown"


def test_the_five_commands_work_as_printed(place):
    commands = printed(place)
    assert len(commands) == 5
    outs = []
    for command in commands:
        # as a person would: in a shell, in the checkout, with nothing set
        clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(["bash", "-c", f"set -o pipefail\n{command}"], capture_output=True, text=True, timeout=60, cwd=ROOT, env=clean)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        outs.append(done.stdout)
    assert '"patient.identifier"' in outs[0] and '"date"' in outs[0]
    assert outs[1].count('"code"') >= 2
    refusal = json.loads(outs[2])
    assert refusal["resourceType"] == "OperationOutcome" and refusal["issue"][0]["severity"] == "error"
    assert int(outs[3]) >= 2
    assert "MSA|AA" in outs[4]


def test_a_fhir_file_of_ones_own(place):
    done = send(place, "mine.json", json.dumps(observation(person(), value="64")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HTTP 201" in done.stdout and '"value": 64' in done.stdout


def test_a_pcd01_file_of_ones_own(place):
    text = (ROOT / "tools/sample/oximeter.hl7").read_bytes().decode().replace("HH-000731", "MINE-1").replace("19927100005", person())
    for number, newline in enumerate(("\r", "\n", "\r\n")):
        done = send(place, f"mine{number}.hl7", newline.join(text.replace("MINE-1", f"MINE-{number}").split("\r")))
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"MSA|AA|MINE-{number}" in done.stdout
        # the first is stored, and nothing else is shown; the others are the same again
        assert done.stdout.count('"resourceType": "Observation"') == (2 if number == 0 else 0) and ("Nothing new" in done.stdout) == (number > 0), done.stdout


@pytest.mark.parametrize("name,content,says", [
    ("broken.json", '{"resourceType": "Observation", "status":', "OperationOutcome"),
    ("wrong.json", json.dumps(observation(None, subject=None)), "subject"),
    ("broken.hl7", "MSH|^~\\&|x||||20261120||ORU^R01^ORU_R01|B-1|P|2.6\rOBX|1|NM|1\r", "MSA|A"),
    ("letter.txt", "Kjære hub, her er pulsen min: 72.", "Not an HL7 message"),
    ("empty.json", "", "is empty"),
    ("list.json", "[1]", "OperationOutcome"),
    ("bom.json", b"\xef\xbb\xbf" + json.dumps(observation(None)).encode(), "byte order mark"),
    ("xml.xml", '<?xml version="1.0"?><Observation xmlns="http://hl7.org/fhir"/>', "application/fhir+json"),
    ("soap.xml", '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body/></e:Envelope>', "Fault"),
    ("words.hl7", "PID|1\r", "must begin with MSH|^~\\&|"),
    ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00", "MSA|A"),
])
def test_a_file_that_is_broken(place, name, content, says):
    done = send(place, name, content)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr, done.stdout + done.stderr


def test_a_large_file_is_what_it_begins_with(place):
    """The kind is told by the first sign, however much stands behind it."""
    line = person()
    entries = [{"resource": observation(line, at=f"2026-11-{day:02}T08:{minute:02}:01+01:00"), "request": {"method": "POST", "url": "Observation"}} for day in range(1, 11) for minute in range(40)]
    done = send(place, "large.json", json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}))
    assert done.returncode == 0 and "batch-response" in done.stdout and done.stdout.count('"201 Created"') == 400, done.stdout[:2000] + done.stderr


def test_what_was_refused_shows_nothing_of_the_patient(place):
    done = send(place, "framed.hl7", b"\x0b" + (ROOT / "tools/sample/oximeter.hl7").read_bytes() + b"\x1c\r")
    assert done.returncode != 0 and "MSA|AE" in done.stdout and "Observation" not in done.stdout


def test_a_file_that_is_not_there(place):
    done = place.run("--send", os.path.join(place.state, "nowhere.json"), seconds=60)
    assert done.returncode != 0 and "nowhere.json" in done.stdout + done.stderr


def test_a_second_run_is_told_what_to_do(place):
    done = place.run("--once", "--port", str(place.port), "--dev-port", str(place.dev_port), seconds=60)
    assert done.returncode != 0
    assert "already running" in done.stderr and "--stop" in done.stderr and "MAALEHUB_STATE" in done.stderr
    assert place.process.poll() is None  # and the first goes on


def test_two_at_once_on_one_folder(place):
    """The second is told so though the first is still building."""
    other = Place()
    command = [QUICKSTART, "--once", "--port", str(other.port), "--dev-port", str(other.dev_port)]
    first = subprocess.Popen(command, env=other.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    first.stdout.readline()  # Building ...
    second = other.run(*command[1:], seconds=60)
    said = first.communicate(timeout=240)[0]
    assert second.returncode == 1 and "already running" in second.stderr
    assert first.returncode == 0 and "every step" in said, said
    subprocess.run([ROOT / "tools/shell/cluster.sh", "drop", other.state], check=False, capture_output=True)
    subprocess.run(["rm", "-rf", other.state], check=False)


def test_ports_that_are_taken(place):
    other = Place()
    done = other.run("--once", "--port", str(place.port), "--dev-port", str(other.dev_port), seconds=240)
    assert done.returncode != 0 and str(place.port) in done.stderr and "--port" in done.stderr
    assert other.theirs() == []
    subprocess.run(["rm", "-rf", other.state], check=False)


@pytest.mark.parametrize("arguments,says", [(["--nonsense"], "--help"), (["--port"], "--port"), (["--port", "x"], "port"), (["--send"], "--send")])
def test_arguments_it_does_not_know(place, arguments, says):
    done = place.run(*arguments, seconds=30)
    assert done.returncode != 0 and says in done.stdout + done.stderr


def test_ports_that_cannot_be(place):
    for arguments in (["--port", "99999"], ["--port", "0"], ["--port", "123456"], ["--dev-port", "65530"], ["--port", "7000", "--dev-port", "6990"], ["--dev-port", "-1"]):
        done = place.run("--once", *arguments, seconds=30)
        assert done.returncode == 2 and "port" in done.stderr and "Building" not in done.stdout, (arguments, done.stdout, done.stderr)


@pytest.mark.parametrize("option", ["--send", "--port", "--dev-port"])
def test_an_option_without_its_value_starts_nothing(place, option):
    other = Place()
    done = other.run(option, seconds=30)
    assert done.returncode == 2 and f"{option} wants a" in done.stderr and done.stdout == ""
    assert os.listdir(other.state) == []


def test_a_state_folder_that_cannot_be(place):
    with tempfile.NamedTemporaryFile() as file:
        for state in (file.name, "/proc/nowhere"):
            done = place.run("--once", seconds=30, environment={"MAALEHUB_STATE": state})
            assert done.returncode == 1 and state in done.stderr and "MAALEHUB_STATE" in done.stderr and "Building" not in done.stdout


def test_fresh_deletes_no_strangers_folder(place):
    other = Place()
    letter = os.path.join(other.state, "letter")
    open(letter, "w").close()
    done = other.run("--once", "--fresh", seconds=30)
    assert done.returncode == 1 and other.state in done.stderr and os.path.exists(letter)


def test_signs_in_the_path_and_settings_of_others(place):
    """A folder with blanks and signs that scripts mind, a proxy, another database's settings: none of it is meant for the private hub."""
    other = Place()
    other.state = os.path.join(other.state, "o'brien & co|#1")
    strange = {"MAALEHUB_STATE": other.state, "PGHOST": "db.example.org", "PGPORT": "1", "PGSERVICE": "none", "PGOPTIONS": "-c statement_timeout=1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
               "all_proxy": "http://127.0.0.1:9", "TMPDIR": "/nonexistent"}
    done = other.run("--once", "--port", str(other.port), "--dev-port", str(other.dev_port), environment=strange)
    try:
        assert done.returncode == 0 and "every step went as it should" in done.stdout, done.stdout + done.stderr
        shown = subprocess.run(["bash", "-c", '. "$1/env" && test -f "$CA_FILE" && echo "$MAALEHUB_STATE"', "bash", other.state], capture_output=True, text=True)
        assert shown.stdout == other.state + "\n", shown.stderr
    finally:
        subprocess.run([ROOT / "tools/shell/cluster.sh", "drop", other.state], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", other.state], check=False)


def test_the_token_by_path_and_by_url(place):
    by_path = place.run("sykehus-epj", "GET", "/fhir/metadata", command=ROOT / "tools/token")
    assert f'url = "https://localhost:{place.port}/fhir/metadata"' in by_path.stdout and "cacert" in by_path.stdout and "DPoP" in by_path.stdout
    assert "url =" not in place.run("sykehus-epj", "GET", f"https://localhost:{place.port}/fhir/metadata", command=ROOT / "tools/token").stdout
    nobody = place.run("nobody", "GET", "/fhir/metadata", command=ROOT / "tools/token")
    assert nobody.returncode == 1 and "sykehus-epj" in nobody.stderr and nobody.stdout == ""


def test_what_it_writes_for_others(place):
    lines = dict(line.split("=", 1) for line in open(os.path.join(place.state, "env")).read().splitlines())
    assert lines["HUB_URL"] == f"https://localhost:{place.port}" and lines["DEV_URL"] == f"http://127.0.0.1:{place.dev_port}"
    assert {"ISSUER_URL", "CA_FILE", "PGHOST"} <= set(lines)


def test_stop_then_once_then_nothing_is_left(place):
    done = place.run("--stop", seconds=60)
    assert done.returncode == 0
    place.process.wait(30)
    assert place.theirs() == []
    # the same state again: what is there is used, and a re-send is a re-send
    done = place.run("--once", "--port", str(place.port), "--dev-port", str(place.dev_port))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^   200 OK +Observation/", done.stdout, re.M), done.stdout
    assert place.theirs() == []


def test_ctrl_c_ends_all_of_it(place):
    place.start()
    place.process.send_signal(signal.SIGINT)
    place.process.wait(120)
    assert place.theirs() == []
