# SPDX-License-Identifier: AGPL-3.0-or-later
"""maalehub pcd01 explain: what a vendor reads, on a machine without hub, database or configuration."""
import pathlib
import subprocess

from hub import BUILD, ROOT

MESSAGES = ROOT / "tests/golden/hl7"


def explain(*arguments, stdin=None):
    done = subprocess.run([str(BUILD / "tools/maalehub"), "pcd01", "explain", *map(str, arguments)], input=stdin, capture_output=True, cwd="/",
                          env={"MAALEHUB_CONFIG": "/nonexistent/hub.conf"}, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def golden(name):
    return pathlib.Path(MESSAGES / f"{name}.hl7")


def test_the_exit_status_tells_the_tier():
    code, out, err = explain(golden("06-pulse"))
    assert (code, err) == (0, "") and out.startswith("ACCEPTED: 2 Observations ") and "known by device, LOINC 8867-4 and start" in out
    code, out, err = explain(golden("34-paths-and-holes"))
    assert (code, err) == (1, "") and out.startswith("ACCEPTED WITH WARNINGS") and "OBX-4" in out
    code, out, err = explain(golden("90-event"))
    assert (code, err) == (4, "") and out.startswith("QUARANTINED") and "MSH-9.2" in out and "MSA|CE|" in out
    code, out, err = explain(golden("62-message-type"))
    assert (code, err) == (2, "") and out.startswith("REFUSED") and "MSH-9.1" in out and "MSA|AR|" in out


def test_what_cannot_be_read_is_none_of_the_tiers(tmp_path):
    for arguments in ([], [tmp_path / "missing.hl7"], [golden("06-pulse"), "--zone", "Norge"], [tmp_path]):
        code, out, err = explain(*arguments)
        assert code == 3 and out == "" and err.startswith("maalehub: "), arguments


def test_the_sender_s_policy_is_said_by_options():
    plain = golden("66-time-without-zone-nozone")
    assert explain(plain)[0] == 2
    assert explain(plain, "--zone", "Europe/Oslo")[0] == explain("--zone", "+02:00", plain)[0] == 0
    assert explain(golden("06-pulse"), "--production")[0] == 2, "a synthetic patient in production"
    code, out, _ = explain("-", stdin=golden("06-pulse").read_bytes())
    assert code == 0 and out.split("The answer")[0] == explain(golden("06-pulse"))[1].split("The answer")[0]


def test_any_bytes_are_explained():
    for stdin in (b"", b"\0" * 100, b"MSH|^~\\&|", b"<?xml version='1.0'?>", b"MSH" * 500_000, golden("06-pulse").read_bytes()[:-200]):
        code, out, err = explain("-", stdin=stdin)
        assert code in (1, 2) and err == "" and "\n  MSA|" in out
