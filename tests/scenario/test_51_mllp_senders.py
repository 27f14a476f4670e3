# SPDX-License-Identifier: AGPL-3.0-or-later
"""The MLLP door: who may send by it, what comes back, and that what is acknowledged is stored."""
import contextlib
import itertools
import re
import ssl
import time

import pytest

from hub import found, person


def msa(answer):
    """(code, control id) of an acknowledgement."""
    fields = re.search(r"\rMSA\|([^\r]*)\r", answer).group(1).split("|")
    return fields[0], fields[1] if len(fields) > 1 else ""


def errors(answer):
    return re.findall(r"\rERR\|([^\r]*)", answer)


def weight(who, control, kilo="70.5", at="20261120080011+0100", code="F", ack="|NE|AL"):
    """A message of one reading."""
    return ("MSH|^~\\&|DHO||||20261120090000+0100||ORU^R01^ORU_R01|%s|P|2.6||%s||UNICODE UTF-8|||IHE PCD ORU-R01 2006^HL7^1.3.6.1.4.1.19376.1.6.1.1.1^ISO\r"
            "PID|||%s^^^&2.16.578.1.12.4.1.4.1&ISO^NNN\r"
            "OBR|1|%s^DHO|%s^DHO|182777000^monitoring of patient^SCT|||%s\r"
            "OBX|1|NM|188736^MDC_MASS_BODY_ACTUAL^MDC|1.0.0.1|%s|263875^MDC_DIM_KILO_G^MDC|||||%s|||%s||||VEKT7^^0022446688AACCEE^EUI-64\r"
            % (control, ack, who, control, control, at, kilo, code, at))


def readings(epj, who):
    return [one.get("valueQuantity", {}).get("value") for one in found(epj.search(who, _count=200))]


def test_a_message_is_stored_and_acknowledged(hub, epj):
    who = person()
    with hub.mllp() as sender:
        assert msa(sender.send(weight(who, "W-1"))) == ("AA", "W-1")
        assert readings(epj, who) == [70.5]
        # the connection stays, and the next message goes the same way
        assert msa(sender.send(weight(who, "W-2", kilo="70.6", at="20261120090011+0100"))) == ("AA", "W-2")
    assert readings(epj, who) == [70.6, 70.5]
    entry = hub.entries(who)[-1]
    assert entry["event"] == "create" and entry["actor"]["client"]["id"] == "solvik-dho"


def test_the_same_reading_by_all_doors_is_one(hub, epj, vendor):
    who = person()
    text = weight(who, "W-1")
    with hub.mllp() as sender:
        assert msa(sender.send(text))[0] == "AA"
        assert msa(sender.send(text))[0] == "AA"
    assert "MSA|AA" in vendor.pcd01(text).text
    assert readings(epj, who) == [70.5]


def test_many_at_once_are_answered_in_their_order(hub, epj):
    who = person()
    with hub.mllp() as sender:
        answers = sender.send(*[weight(who, f"P-{i}", kilo=f"{60 + i}", at=f"202611200800{i:02d}+0100") for i in range(40)])
        assert [msa(one) for one in answers] == [("AA", f"P-{i}") for i in range(40)]
    assert sorted(readings(epj, who)) == [60 + i for i in range(40)]


def test_a_correction_never_overtakes_what_it_corrects(hub, epj):
    for _ in range(5):
        who = person()
        with hub.mllp() as sender:
            sender.send(weight(who, "O", kilo="80"), weight(who, "C", kilo="81", code="C"))
        assert readings(epj, who) == [81]


def test_frames_may_come_in_any_pieces(hub, epj):
    who = person()
    raw = b"\0\0\x0b" + weight(who, "S-1").encode() + b"\x1c\r\r\n\0\x0b" + weight(who, "S-2", kilo="71", at="20261120090000+0100").encode() + b"\x1c\r"
    ends = [1, 2, 3, 50, raw.index(b"\x1c\r") + 1, raw.index(b"\x1c\r") + 2, len(raw) - 1, len(raw)]
    with hub.mllp() as sender:
        for begin, end in zip([0, *ends], ends):
            sender.write(raw[begin:end])
            time.sleep(0.02)
        assert [msa(sender.answer())[1], msa(sender.answer())[1]] == ["S-1", "S-2"]
    assert readings(epj, who) == [71, 70.5]


@pytest.mark.parametrize("fields,stored_code,refused_code", [
    ("|", "AA", "AE"), ("|NE|AL", "AA", "AE"), ("|AL|NE", "CA", "CE"), ("|AL|AL", "AA", "AE"), ("|NE|NE", None, None), ("|ER|NE", None, "CE"),
    ("|SU|NE", "CA", None), ("|NE|ER", None, "AE"), ("|NE|SU", "AA", None), ("|AL|ER", "CA", "AE")])
def test_the_message_says_when_it_wants_an_answer(hub, epj, fields, stored_code, refused_code):
    """MSH-15 and MSH-16; a last message that always wants one shows that the others had none."""
    who = person()
    with hub.mllp() as sender:
        sender.write(b"".join(b"\x0b" + one.encode() + b"\x1c\r" for one in (
            weight(who, "GOOD", ack=fields), weight(who, "BAD", ack=fields).replace("|NM|", "|QQ|").replace("PID|||" + who, "PID|||12345678901"), weight(who, "LAST", at="20261120090000+0100"))))
        wanted = [(stored_code, "GOOD"), (refused_code, "BAD"), ("AA", "LAST")]
        for one in wanted:
            if one[0] is not None:
                assert msa(sender.answer()) == one
    assert len(readings(epj, who)) == 2


def test_who_shows_no_certificate_or_a_strangers_is_refused_by_tls(hub):
    hub._shell("(cd $state/keys && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stranger -keyout stranger.key -out stranger.pem 2>/dev/null)")
    before = hub.metrics()['maalehub_mllp_connections_total{what="handshake_failed"}']
    for name in (None, "stranger", "server"):
        # in TLS 1.3 the client learns of it when it reads
        with contextlib.suppress(ssl.SSLError, ConnectionError), hub.mllp(name) as sender:
            sender.write(b"\x0bMSH|^~\\&|\r\x1c\r")
            assert sender.answer() is None, name
    assert hub.metrics()['maalehub_mllp_connections_total{what="handshake_failed"}'] >= before + 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3(hub, version):
    with hub.mllp(version=version) as sender:
        assert sender.wire.version() in ("TLSv1.2", "TLSv1.3")
        assert msa(sender.send(weight(person(), "V")))[0] == "AA"


def test_a_certificate_nobody_has_registered_is_told_so(hub):
    hub.sender_key("unknown", "/CN=nobody")
    with hub.mllp("unknown") as sender:
        answer = sender.send(weight(person(), "X"))
        assert msa(answer) == ("AR", "") and "No sender is registered for this client certificate" in answer
        shown = re.search(r"thumbprint is ([0-9a-f]{64})", answer).group(1)
        assert sender.answer() is None and "the hub's operator registers it by that" in answer
    # what the answer shows is what the operator registers
    number = hub.maalehub("sender", "add", "solvik-dho", "--thumbprint", shown).split()[-1]
    with hub.mllp("unknown") as sender:
        assert msa(sender.send(weight(person(), "Y"))) == ("AA", "Y")
    hub.maalehub("sender", "revoke", number)


def test_a_revoked_sender_is_refused_on_its_open_connection(hub, epj):
    hub.sender_key("revoked", "/CN=revoked")
    number = hub.maalehub("sender", "add", "solvik-dho", "--certificate", str(hub.dir / "keys/revoked.pem")).split()[-1]
    who, later = person(), person()
    with hub.mllp("revoked") as sender:
        assert msa(sender.send(weight(who, "1")))[0] == "AA"
        hub.maalehub("sender", "revoke", number)
        assert re.search(rf"^{number} .* revoked ", hub.maalehub("sender", "list"), re.M)
        assert msa(sender.send(weight(who, "2", at="20261120100000+0100")))[0] == "AR"
        assert sender.answer() is None
    with hub.mllp("revoked") as sender:
        assert msa(sender.send(weight(later, "3")))[0] == "AR"
    assert readings(epj, who) == [70.5] and readings(epj, later) == []


_names = itertools.count()


@pytest.fixture(scope="module")
def kommune(hub):
    orgnr, _ = hub.controller()
    hub.maalehub("sender", "add", f"klient-{orgnr}", "--orgnr", str(orgnr))
    return orgnr


@pytest.mark.parametrize("subject,registered", [
    ("/CN=a/organizationIdentifier=NTRNO-{0}", True), ("/CN=a/serialNumber={0}", True), ("/CN=a/organizationIdentifier=NTRNO-{0}/serialNumber={0}", True),
    ("/CN=a/organizationIdentifier=NTRNO-{0}/serialNumber=310000043", False), ("/CN=a/organizationIdentifier=VATNO-{0}", False),
    ("/CN={0}", False), ("/CN=a/serialNumber=UN:NO-9578-{0}", False), ("/CN=a/serialNumber={0}/serialNumber={0}", False)])
def test_enterprise_certificates_of_an_organisation(hub, kommune, subject, registered):
    """Any certificate of the CA whose subject names the organisation, in either way they are written; never by its common name."""
    name = f"organisation-{next(_names)}"
    hub.sender_key(name, subject.format(kommune))
    who = person()
    with hub.mllp(name) as sender:
        assert msa(sender.send(weight(who, "1")))[0] == ("AA" if registered else "AR")
    rows = hub.sql("select t.orgnr from hub.upload u join hub.tenant t using (tenant_id) where u.client = %s order by u.upload_id desc limit 1", f"klient-{kommune}")
    assert not registered or rows == [(kommune,)]


def test_the_commands_say_what_is_wrong(hub):
    def said(*words):
        done = hub.maalehub("sender", *words, check=False)
        assert done.returncode == 1, done.stdout
        return done.stderr
    assert "one of --certificate FILE" in said("add", "solvik-dho")
    assert "64 hexadecimal digits" in said("add", "solvik-dho", "--thumbprint", "abc")
    assert "no organisation number" in said("add", "solvik-dho", "--orgnr", "123456789")
    assert "is no certificate" in said("add", "solvik-dho", "--certificate", "/dev/null")
    assert "no such client" in said("add", "nobody", "--thumbprint", "ab" * 32)
    assert "registered already" in said("add", "solvik-dho", "--certificate", str(hub.dir / "keys/sender.pem"))
    assert "no sender with this number" in said("revoke", "999999")


def test_a_configuration_without_a_ca_opens_no_door(hub):
    status, said = hub.refusal(without=("mllp_ca",))
    assert status == 1 and "mllp_listen needs mllp_ca" in said
    status, said = hub.refusal("mllp_ca = /dev/null", without=("mllp_ca",))
    assert status == 1 and "holds no certificates in PEM" in said
    status, said = hub.refusal("mllp_listen = nowhere", without=("mllp_listen",))
    assert status == 1 and "mllp_listen is host:port" in said


def test_a_client_without_the_scope_may_not_write_by_certificate_either(hub):
    hub.sender_key("reader", "/CN=reader")
    number = hub.maalehub("sender", "add", "sykehus-epj", "--certificate", str(hub.dir / "keys/reader.pem")).split()[-1]
    with hub.mllp("reader") as sender:
        answer = sender.send(weight(person(), "1"))
        assert msa(answer)[0] == "AR" and "not registered for this scope" in answer
    hub.maalehub("sender", "revoke", number)
