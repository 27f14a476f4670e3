# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing acknowledged is lost and nothing sent twice is doubled: the hub is killed before, after and between, and senders send again what was not acknowledged."""
import concurrent.futures
import contextlib
import random
import re
import ssl
import subprocess
import time

import pytest

from hub import BUILD, person
from test_08_pcd01 import SAMPLES
from test_32_soap import acknowledged as soap_acknowledged
from test_32_soap import envelope, escaped, send as soap_send
from test_51_mllp_senders import errors, msa, readings, weight

BROKEN = (ConnectionError, ssl.SSLError, TimeoutError)


def attempt(hub, text):
    """One message on a connection of its own; its code, or None where nobody answered."""
    with contextlib.suppress(*BROKEN), hub.mllp(seconds=10) as sender:
        sender.write(b"\x0b" + text.encode() + b"\x1c\r")
        answer = sender.answer()
        return None if answer is None else msa(answer)[0]


@pytest.mark.slow
@pytest.mark.parametrize("where,answered", [("mllp-unanswered", None), ("mllp-answered", "AA")])
def test_killed_before_and_after_the_answer(own_hub, where, answered):
    """The control makes the process kill itself: between the commit and AA, and right behind AA."""
    mortal = own_hub(threads=1, environment={"MAALEHUB_CONTROL": where})
    who = person()
    text = weight(who, "K-1")
    assert attempt(mortal, text) == answered
    assert mortal.processes.pop("hub").wait(20) == -9
    mortal.environment = {}
    mortal.start_hub()
    reader = mortal.as_("utvikler")
    assert readings(reader, who) == [70.5]
    # whoever heard nothing sends again
    assert attempt(mortal, text) == "AA"
    assert readings(reader, who) == [70.5]
    assert [entry["event"] for entry in mortal.entries(who)].count("create") == 2


@pytest.mark.slow
def test_killed_at_any_moment(own_hub):
    mortal = own_hub(threads=1)
    who, chance = person(), random.Random(20261128)
    texts = {f"R-{i}": weight(who, f"R-{i}", kilo=f"{i + 10}.5", at=f"20261120{i // 60:02d}{i % 60:02d}11+0100") for i in range(150)}
    todo, acknowledged, rounds = list(texts), set(), 0
    while todo:
        rounds += 1
        last = rounds > 4

        def sending():
            with contextlib.suppress(*BROKEN), mortal.mllp(seconds=5) as sender:
                batch = list(todo)
                sender.write(b"".join(b"\x0b" + texts[one].encode() + b"\x1c\r" for one in batch))
                for one in batch:
                    answer = sender.answer()
                    if answer is None:
                        return
                    assert msa(answer) == ("AA", one)
                    acknowledged.add(one)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(sending)
            if not last:
                time.sleep(chance.uniform(0.01, 0.12))
                mortal.kill_hub()
            with contextlib.suppress(AssertionError):
                done.result(30)
        if not last:
            mortal.start_hub()
        todo = [one for one in texts if one not in acknowledged]
        assert rounds < 8
    values = readings(mortal.as_("utvikler"), who)
    assert sorted(values) == [i + 10.5 for i in range(150)]


def test_sixty_four_at_once(hub):
    """The same reading by sixty-four connections is one; sixty-four readings are all there."""
    same, many = person(), person()
    reader = hub.as_("utvikler")
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert set(pool.map(lambda i: attempt(hub, weight(same, f"A-{i}")), range(64))) == {"AA"}
        assert set(pool.map(lambda i: attempt(hub, weight(many, f"B-{i}", kilo=f"{i + 30}", at=f"202611200900{i % 60:02d}+0{1 + i // 60}00")), range(64))) == {"AA"}
    assert readings(reader, same) == [70.5]
    assert sorted(readings(reader, many)) == [i + 30 for i in range(64)]


# ---- the samples of others, by every road

TIERS = {"01": "AA", "02": "AA", "03": "AA", "05": "AA", "10": "AA", "18": "AA"}


@pytest.mark.parametrize("number", TIERS)
def test_a_sample_gets_its_tier_by_every_road(hub, vendor, number):
    if not SAMPLES.is_dir():
        pytest.skip("../shared/samples/pcd01 is not there")
    raw, = SAMPLES.glob(f"{number}-*.hl7")

    def fresh():
        text, count = re.subn(r"(PID\|[^|]*\|[^|]*\|)[^|\r\n]*", lambda match: match[1] + f"{person()}^^^&2.16.578.1.12.4.1.4.1&ISO^NNN", raw.read_bytes().decode("utf-8", "replace"))
        assert count == 1
        return re.sub("\r\n|\n", "\r", text)

    explained = subprocess.run([BUILD / "tools/maalehub", "pcd01", "explain", "-", "--zone", "Europe/Oslo"], input=fresh(), capture_output=True, text=True)
    assert (explained.returncode <= 1) == (TIERS[number] == "AA"), explained.stdout
    by_http = vendor.pcd01(fresh()).text
    by_soap = soap_acknowledged(soap_send(vendor, envelope(escaped(fresh()))), msa(by_http)[0])[1].replace("\n", "\r")
    with hub.mllp() as sender:
        by_mllp = sender.send(fresh())
    assert msa(by_http)[0][1] == TIERS[number][1]
    assert msa(by_http) == msa(by_soap) == msa(by_mllp)
    assert errors(by_http) == errors(by_soap) == errors(by_mllp)
