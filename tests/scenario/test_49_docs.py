# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages for API users: every block of commands is run as printed, in one shell a page, and prints what stands below it."""
import os
import re
import subprocess

import pytest

from hub import FHIR_JSON, ROOT

pytestmark = pytest.mark.slow
PAGES = ["openapi/epj.md", "openapi/vendor.md", "openapi/mllp.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
MARK = "@@@@ block"


def steps(page):
    """[(commands, what they print)] of a page: each ```sh has its ```text below it."""
    found = BLOCK.findall((ROOT / page).read_text())
    assert [kind for kind, _ in found] == ["sh", "text"] * (len(found) // 2), [kind for kind, _ in found]
    return [(found[at][1], found[at + 1][1]) for at in range(0, len(found), 2)]


@pytest.fixture(scope="module")
def place(hub):
    """What the quickstart has uploaded when its seven steps are done."""
    with hub.dev("solvik-dho") as door:
        answer = door.post("/fhir", headers=FHIR_JSON, content=(ROOT / "tools/sample/bundle.json").read_bytes())
        assert answer.status_code == 200, answer.text
        text = (ROOT / "tools/sample/oximeter.hl7").read_bytes()
        assert door.post("/pcd01", headers={"Content-Type": "application/hl7-v2"}, content=text).status_code == 200
    return {"http://127.0.0.1:8080": hub.dev_url, "https://localhost:8443": hub.url, "localhost:8100": f"localhost:{hub.mllp_port}", ".quickstart": str(hub.dir)}


def expected(text):
    """As a pattern: `…` is anything within a line."""
    return "".join(".*".join(re.escape(part) for part in line.split("…")) + "\n" for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES)
def test_every_block_prints_what_stands_below_it(hub, place, page):
    told = steps(page)
    script = "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in told)
    for printed, real in place.items():
        script = script.replace(printed, real)
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT, env={**environment, "MAALEHUB_STATE": str(hub.dir)})
    outs = done.stdout.replace("\r", "").split(f"{MARK}\n")
    assert len(outs) == len(told) + 1, done.stderr
    for (commands, below), out in zip(told, outs):
        for printed, real in place.items():
            out = out.replace(real, printed)
        assert re.fullmatch(expected(below), out), f"{commands}\nprinted\n{out}\nand not\n{below}{done.stderr}"


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_linked(page):
    name = page.split("/")[1]
    assert page in (ROOT / "README.md").read_text() and f"({name})" in (ROOT / "openapi/README.md").read_text()
