# SPDX-License-Identifier: AGPL-3.0-or-later
"""Messages kept aside: nothing is lost, nobody sees them but one controller's operator, and a release is an upload like any other."""
import re
import time
import uuid

import pytest

from hub import PARENT, SCOPES, SOLVIK, found, person
from test_51_mllp_senders import errors, msa, readings, weight
from test_32_soap import envelope, escaped

NUMBER = re.compile(r"under (Q-[0-9a-f]{16})")


def alert(who, control="A-1"):
    """An alert: an event that is no PCD-01, with the patient's number in a place where none should be as well."""
    return weight(who, control).replace("ORU^R01^ORU_R01", "ORU^R40^ORU_R40").replace("|70.5|", f"|{who}|")


def kept(hub, number):
    return hub.sql("select state, tries, reason, client, bucket from hub.quarantine where substr(replace(digest::text, '-', ''), 1, 16) = %s", number[2:])


def number_of(answer):
    return NUMBER.search(answer).group(1)


def test_an_event_that_is_not_read_is_kept_and_the_sender_told_where(hub, epj):
    who = person()
    before = hub.metrics()['maalehub_quarantine_total{what="kept"}']
    with hub.mllp() as sender:
        answer = sender.send(alert(who))
    assert msa(answer) == ("AE", "A-1")
    assert errors(answer)[0].startswith("|MSH^1^9^1^2|201^Unsupported event code^HL70357|E")
    number = number_of(answer)
    assert kept(hub, number)[0][:4] == (1, 0, "an event other than R01", "solvik-dho")
    assert readings(epj, who) == [] and hub.metrics()['maalehub_quarantine_total{what="kept"}'] == before + 1
    # the patient sees that something was sent
    entry = hub.entries(who)[-1]
    assert entry["event"] == "create" and entry["outcome"] == "permit"


def test_it_is_kept_once_by_every_road(hub, vendor):
    who = person()
    text = alert(who)
    with hub.mllp() as sender:
        numbers = {number_of(one) for one in sender.send(text, text)}
    numbers.add(number_of(vendor.pcd01(text).text))
    assert len(numbers) == 1 and len(kept(hub, numbers.pop())) == 1


def test_commit_mode_says_ce(hub):
    with hub.mllp() as sender:
        assert msa(sender.send(alert(person()).replace("|NE|AL|", "|AL|NE|")))[0] == "CE"


def test_the_operator_sees_no_person_unless_asked_and_noted(hub):
    who = person()
    with hub.mllp() as sender:
        number = number_of(sender.send(alert(who)))
    assert number in hub.maalehub("quarantine", "list") and number in hub.maalehub("quarantine", "list", "--tenant", str(SOLVIK))
    assert number not in hub.maalehub("quarantine", "list", "--tenant", "310000027")
    events = "select count(*) from hub.quarantine_event"  # other scenarios of this hub release and drop too
    before = hub.sql(events)
    shown = hub.maalehub("quarantine", "show", number)
    assert who not in shown and "PID (left out)" in shown and "OBX|1|NM|188736^MDC_MASS_BODY_ACTUAL^MDC|1.0.0.1|***********|" in shown
    assert hub.sql(events) == before
    whole = hub.maalehub("quarantine", "show", number, "--text", "the vendor asks")
    assert f"PID|||{who}" in whole and "looked at whole by" in whole and "the vendor asks" in whole
    assert hub.sql("select what from hub.quarantine_event where why = 'the vendor asks'") == [(1,)]
    assert hub.sql(events) == [(before[0][0] + 1,)]
    # a sender's bytes move nothing on the operator's terminal
    with hub.mllp() as sender:
        number = number_of(sender.send(alert(person()).replace("MDC_MASS_BODY_ACTUAL", "\x1b[2J\x9b2J")))
    for more in ((), ("--text", "controls")):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", hub.maalehub("quarantine", "show", number, *more))
    # who may administrate may not read it, and the operator's login reads nothing else
    for user, table in (("hub_admin", "quarantine"), ("hub_read", "quarantine"), ("hub_quarantine", "observation"), ("hub_quarantine", "person")):
        with pytest.raises(Exception, match="permission denied"):
            hub.sql(f"select * from hub.{table}", user=user)
    assert hub.sql("select body from hub.quarantine", user="hub_quarantine") == []


def test_a_drop_is_for_good_and_remembered(hub):
    with hub.mllp() as sender:
        text = alert(person())
        number = number_of(sender.send(text))
        done = hub.maalehub("quarantine", "drop", number, check=False)
        assert done.returncode == 1 and "why?" in done.stderr
        assert "is gone" in hub.maalehub("quarantine", "drop", number, "--why", "a test of the vendor's")
        assert kept(hub, number) == []
        done = hub.maalehub("quarantine", "drop", number, "--why", "again", check=False)
        assert done.returncode == 1 and "no message is kept under" in done.stderr
        assert ("a test of the vendor's",) in hub.sql("select why from hub.quarantine_event where what = 3")
        # the sender sends it again: it is kept again
        assert number_of(sender.send(text)) == number and len(kept(hub, number)) == 1


def keep(hub, text, client="solvik-dho", form=2):
    """A message as an earlier version of the hub would have kept it."""
    digest = uuid.uuid4()
    hub.sql("insert into hub.quarantine (recv, bucket, tenant_id, door, pack, digest, client, reason, body)"
            " select now(), 7, tenant_id, %s, 0, %s, %s, 'not understood', %s from hub.tenant where orgnr = %s", form, str(digest), client, text.encode(), SOLVIK)
    return f"Q-{digest.hex[:16]}"


def until(hub, number, state, seconds=20):
    end = time.time() + seconds
    while kept(hub, number)[0][0] != state:
        assert time.time() < end, (kept(hub, number), hub.text("hub.log")[-2000:])
        time.sleep(0.1)


def test_a_release_is_an_upload_like_any_other(hub, epj):
    who = person()
    number = keep(hub, weight(who, "R-1"))
    assert "within seconds" in hub.maalehub("quarantine", "release", number, "--why", "understood now")
    until(hub, number, 3)
    assert readings(epj, who) == [70.5]
    entry = hub.entries(who)[-1]
    assert entry["event"] == "create" and entry["actor"]["client"]["id"] == "solvik-dho"
    assert number not in hub.maalehub("quarantine", "list") and number in hub.maalehub("quarantine", "list", "--all")
    assert "released by" in hub.maalehub("quarantine", "show", number)
    # it was released once
    done = hub.maalehub("quarantine", "release", number, "--why", "again", check=False)
    assert done.returncode == 1 and "was released before" in done.stderr
    # and its sender may send it again without doubling it
    with hub.mllp() as sender:
        assert msa(sender.send(weight(who, "R-1")))[0] == "AA"
    assert readings(epj, who) == [70.5]


def test_a_release_that_came_to_nothing_new_changes_nothing(hub, epj):
    """The hub may die between the readings' commit and anything else: it is one transaction, and what is released twice is known again."""
    who = person()
    with hub.mllp() as sender:
        sender.send(weight(who, "R-2"))
    number = keep(hub, weight(who, "R-2"))
    for _ in range(2):
        hub.maalehub("quarantine", "release", number, "--why", "twice")
    until(hub, number, 3)
    assert readings(epj, who) == [70.5]


def test_what_is_still_not_read_stays_kept(hub):
    with hub.mllp() as sender:
        number = number_of(sender.send(alert(person())))
    before = hub.metrics()['maalehub_quarantine_total{what="release_refused"}']
    hub.maalehub("quarantine", "release", number, "--why", "try")
    until(hub, number, 1)
    assert hub.metrics()['maalehub_quarantine_total{what="release_refused"}'] == before + 1
    assert number in hub.maalehub("quarantine", "list")


def test_a_release_that_is_refused_is_said_and_kept(hub):
    """Its sender has gone, or the message cannot be read at all: it is tried thrice at most, and never lost."""
    number = keep(hub, weight(person(), "X"), client="nobody")
    hub.maalehub("quarantine", "release", number, "--why", "try")
    end = time.time() + 20
    while kept(hub, number)[0][1] == 0 or f"release_refused number={number}" not in hub.text("hub.log"):
        assert time.time() < end
        time.sleep(0.1)
    assert "being released" in hub.maalehub("quarantine", "show", number)
    hub.sql("update hub.quarantine set tries = 3 where substr(replace(digest::text, '-', ''), 1, 16) = %s", number[2:])
    assert "release failed" in hub.maalehub("quarantine", "show", number)
    hub.maalehub("quarantine", "drop", number, "--why", "its sender is no more")


def test_a_message_that_names_nobody_is_kept_too(hub):
    text = re.sub(r"\rPID[^\r]*", "", alert(person()))
    with hub.mllp() as sender:
        number = number_of(sender.send(text))
    assert kept(hub, number)[0][4] == 0


def test_soap_keeps_aside_too(hub, vendor):
    who = person()
    answer = vendor.post("/pcd01/soap", headers={"Content-Type": "application/soap+xml"}, content=envelope(escaped(alert(who))))
    assert answer.status_code == 200 and "MSA|AE" in answer.text, answer.text
    assert len(kept(hub, number_of(answer.text))) == 1


def test_a_held_row_is_a_reading_once_it_is_released(hub, epj):
    """The sender's agreed word for "no reading" is kept aside with a warning that names where; the operator who knows better has it stored, and nothing twice."""
    hub.sender_key("sentinels", "/CN=sentinels")
    orgnr, _ = hub.controller()
    client = f"klient-{orgnr}"
    hub.maalehub("sender", "add", client, "--certificate", str(hub.dir / "keys/sentinels.pem"))
    hub.maalehub("client", "set", client, "--sentinels", "188736:127")
    reader = hub.as_("solvik-dho", set={"client_id": client, PARENT: str(orgnr), "scope": SCOPES})
    who, alone = person(), person()
    both = weight(who, "H-1") + weight(who, "x", kilo="127", at="20261120093011+0100").split("\r")[3].replace("OBX|1|", "OBX|2|").replace("1.0.0.1", "1.0.0.2") + "\r"
    with hub.mllp("sentinels") as sender:
        # the agreement holds from the next message that is resolved
        sender.send(weight(person(), "H-0"))
        answer, held = sender.send(both, weight(alone, "H-2", kilo="127"))
    assert msa(answer) == ("AA", "H-1") and msa(held) == ("AE", "H-2")
    assert [one for one in errors(answer) if one.startswith("|OBX^2^5|103^")] and len(NUMBER.findall(answer)) == 1
    assert len(found(reader.search(who))) == 1 and found(reader.search(alone)) == []
    for number in (number_of(answer), number_of(held)):
        hub.maalehub("quarantine", "release", number, "--why", "somebody does weigh 127 kg")
        until(hub, number, 3)
    assert sorted(one["valueQuantity"]["value"] for one in found(reader.search(who))) == [70.5, 127]
    assert [one["valueQuantity"]["value"] for one in found(reader.search(alone))] == [127]
