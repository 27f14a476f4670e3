# SPDX-License-Identifier: AGPL-3.0-or-later
"""The MLLP door under attack: whoever stalls, floods or talks nonsense is bounded, told where that can be, and costs nobody else anything."""
import contextlib
import os
import signal
import socket
import ssl
import time

import pytest

from hub import Hub, found, mllp, person
from test_51_mllp_senders import errors, msa, weight

MIB = 1 << 20
LIMITS = "mllp_frame = 2\nmllp_idle = 4\nmllp_connections = 6\n"


@pytest.fixture(scope="module")
def door():
    """One loop, so that its limits are the hub's."""
    one = Hub(extra=LIMITS, threads=1).start()
    yield one
    one.stop()


def closed_within(sender, seconds):
    """Reads what is left; True once the hub has closed."""
    sender.wire.settimeout(seconds)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        try:
            while sender.wire.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


def memory(hub):
    """Resident bytes of the daemon."""
    pages = open(f"/proc/{hub.processes['hub'].pid}/statm").read().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def still_serves(hub):
    with hub.mllp() as sender:
        assert msa(sender.send(weight(person(), "STILL")))[0] == "AA"


def test_a_message_that_stops_in_its_midst_is_told_and_ended(door):
    raw = mllp(weight(person(), "HALF"))
    with door.mllp() as sender:
        sender.write(raw[:200])
        answer = sender.answer()
        assert msa(answer) == ("AE", "HALF") and "did not end with 0x1C 0x0D in time" in answer
        assert sender.answer() is None
    still_serves(door)


def test_one_byte_at_a_time_is_too_slow(door):
    raw = mllp(weight(person(), "DRIP"))
    with door.mllp() as sender:
        began = time.monotonic()
        for at in range(len(raw)):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                sender.write(raw[at:at + 1])
            sender.wire.settimeout(0.05)
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                if sender.wire.recv(1):
                    break
        else:
            pytest.fail("every byte was waited for")
        # the whole message would have taken far longer than it may
        assert len(raw) * 0.05 > 4 * (time.monotonic() - began)
    still_serves(door)


def test_the_silent_are_closed_and_noise_keeps_nobody_alive(door):
    with door.mllp() as quiet, door.mllp() as noisy:
        end = time.time() + 20
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while time.time() < end:
                noisy.write(b"\0\r\n")
                time.sleep(0.1)
        assert time.time() < end
        assert closed_within(quiet, 10)
    still_serves(door)


@pytest.mark.slow
def test_without_a_handshake_nobody_stays(door):
    with socket.create_connection(("127.0.0.1", door.mllp_port), timeout=20) as mute, socket.create_connection(("127.0.0.1", door.mllp_port), timeout=20) as rude:
        rude.sendall(b"\x0bMSH|^~\\&|" + bytes(range(256)) * 10)
        for wire in (rude, mute):
            with contextlib.suppress(ConnectionError):
                while wire.recv(4096):
                    pass
    still_serves(door)


def test_a_message_that_is_too_long_is_told_and_passed_by(door):
    text = weight(person(), "LONG")
    with door.mllp(seconds=60) as sender:
        sender.write(b"\x0b" + text.encode() + b"NTE|" + b"x" * (2 * MIB) + b"\r\x1c\r" + mllp(weight(person(), "NEXT")))
        answer = sender.answer()
        assert msa(answer) == ("AR", "LONG") and "1 MiB" in answer
        assert msa(sender.answer()) == ("AA", "NEXT")


@pytest.mark.slow  # a sanitiser keeps what was freed
def test_a_message_without_end_costs_no_memory(door):
    before = memory(door)
    with door.mllp(seconds=60) as sender:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            sender.write(b"\x0bMSH|^~\\&|")
            for _ in range(400):
                sender.write(b"x" * 65536)
    assert memory(door) < before + 48 * MIB
    still_serves(door)


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n", b"MSH|^~\\&|B40|||\rPID|\r", bytes(70000), b"\xff" * 10, b"\x1c\r\x1c\rx"])
def test_what_is_no_frame_is_told_and_ended(door, raw):
    with door.mllp() as sender:
        sender.write(raw)
        answer = sender.answer()
        assert msa(answer)[0] == "AE" and "between 0x0B and 0x1C 0x0D" in answer and errors(answer)[0].startswith("||100^")
        assert sender.answer() is None
    still_serves(door)


def test_frames_with_nonsense_are_answered_one_by_one(door):
    nonsense = [b"", b"\x00", b"MSH", b"MSH|", b"MSH|^~\\&|\r", b"\xff\xfe" * 100, b"PID|1\r", b"\x1c", b"MSH|^~\\&|" + b"|" * 100000, b"MSH|^~\\&|A\r" + b"OBX\r" * 20000]
    with door.mllp(seconds=60) as sender:
        sender.write(b"".join(b"\x0b" + one + b"\x1c\r" for one in nonsense) + mllp(weight(person(), "SOUND")))
        for one in nonsense:
            assert msa(sender.answer())[0] in ("AE", "AR"), one[:20]
        assert msa(sender.answer()) == ("AA", "SOUND")


def test_connections_are_bounded_and_come_again(door):
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(door.mllp())
        # the seventh waits outside, while the other doors are open
        with pytest.raises((TimeoutError, ssl.SSLError, ConnectionError)):
            door.mllp(seconds=1)
        assert door.as_("solvik-dho").pcd01(weight(person(), "HTTP")).status_code == 200
    still_serves(door)


def test_who_does_not_read_is_held_back_and_loses_nothing(door):
    who = person()
    messages = [mllp(weight(who, f"N-{i}", kilo=f"{i}.5", at=f"20261120{i // 60:02d}{i % 60:02d}11+0100").replace("UNICODE UTF-8", "UNICODE UTF-8" + " " * 2000)) for i in range(100)]
    with door.mllp(seconds=60) as sender:
        sender.write(b"".join(messages))
        time.sleep(0.5)
        assert [msa(sender.answer())[1] for _ in messages] == [f"N-{i}" for i in range(100)]


def test_who_leaves_does_not_stop_the_write(door):
    who = person()
    sender = door.mllp()
    sender.write(mllp(weight(who, "GONE")))
    # no close_notify, no answer read: a reset, as when the line breaks
    sender.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sender.close()
    reader = door.as_("utvikler")
    end = time.time() + 20
    while not found(reader.search(who)):
        assert time.time() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_stop_answers_what_is_under_way_and_closes_the_rest(own_hub):
    """SIGTERM: open connections do not keep it waiting, and what was taken in is answered."""
    mortal = own_hub(threads=1)
    idle, busy = mortal.mllp(), mortal.mllp()
    assert msa(idle.send(weight(person(), "1")))[0] == "AA"
    busy.write(b"".join(mllp(weight(person(), f"S-{i}")) for i in range(20)))
    assert msa(busy.answer()) == ("AA", "S-0")
    process = mortal.processes["hub"]
    process.send_signal(signal.SIGTERM)
    answers = ["S-0"]
    with contextlib.suppress(ConnectionError, ssl.SSLError, AssertionError):
        while (answer := busy.answer()) is not None:
            answers.append(msa(answer)[1])
    assert answers == [f"S-{i}" for i in range(len(answers))]
    assert idle.answer() is None
    assert process.wait(15) == 0
    mortal.processes.pop("hub")
