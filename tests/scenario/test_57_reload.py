# SPDX-License-Identifier: AGPL-3.0-or-later
"""SIGHUP: certificates, CAs and lists of revoked certificates are read again; a bad file never takes a running hub down."""
import contextlib
import datetime
import hashlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from hub import Hub, person
from test_51_mllp_senders import msa, weight

CA_CONFIG = """[ca]
default_ca = one
[one]
database = {keys}/index.txt
crlnumber = {keys}/crlnumber
default_md = sha256
default_crl_days = 30
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Lists:
    """The senders' CA and its list, as `openssl ca` keeps them."""

    def __init__(self, hub, ca="sender-ca"):
        self.keys, self.ca = hub.dir / "keys", ca
        (self.keys / "ca.cnf").write_text(CA_CONFIG.format(keys=self.keys))
        (self.keys / "index.txt").write_text("")
        (self.keys / "crlnumber").write_text("01\n")
        self.path = self.keys / "revoked.pem"

    def run(self, *arguments):
        openssl("ca", "-config", self.keys / "ca.cnf", "-cert", self.keys / f"{self.ca}.pem", "-keyfile", self.keys / f"{self.ca}.key", *arguments)

    def revoke(self, name):
        self.run("-revoke", self.keys / f"{name}.pem")

    def write(self, *more):
        self.run("-gencrl", "-out", self.path, *more)


@pytest.fixture(scope="module")
def own():
    one = Hub(extra="mllp_crl = \n")
    one.extra = f"mllp_crl = {one.dir}/keys/revoked.pem\n"
    with contextlib.ExitStack() as stack:
        stack.callback(one.stop)
        one._shell("hub_keys")  # the CA is there before the hub, and its list with it
        one.lists = Lists(one)
        one.lists.write()
        one.start()
        yield one


def reload(hub, expect="reloaded"):
    """Sends SIGHUP and waits for what the hub says; then for its loops, which look five times a second."""
    before = len(hub.text("hub.log"))
    hub.processes["hub"].send_signal(signal.SIGHUP)
    end = time.time() + 10
    while not (said := re.findall(rf"event={expect} .*", hub.text("hub.log")[before:])):
        assert time.time() < end, hub.text("hub.log")[before:]
        time.sleep(0.02)
    time.sleep(0.7)
    return said[0]


def shown(hub):
    """SHA-256 of the certificate that the TLS door shows, on a new connection."""
    context = ssl.create_default_context(cafile=str(hub.ca))
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as wire, context.wrap_socket(wire, server_hostname="localhost") as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def new_certificate(hub, days="90"):
    keys = hub.dir / "keys"
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", keys / "next.key", "-out", keys / "next.csr")
    openssl("x509", "-req", "-in", keys / "next.csr", "-CA", keys / "ca.pem", "-CAkey", keys / "ca.key", "-CAcreateserial", "-days", days, "-extfile", keys / "server.ext", "-out", keys / "next.pem")
    return keys


def refused(hub, name):
    """TLS 1.3 tells a client after its own part is done: the first read says so."""
    assert (hub.dir / "keys" / f"{name}.pem").exists()
    with hub.mllp():
        pass  # the door is open to others
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        with hub.mllp(name) as sender:
            return sender.send(weight(person(), "R")) is None
    return True


def test_a_new_certificate_is_shown_without_a_restart(own):
    before, process = shown(own), own.processes["hub"].pid
    with own.as_("solvik-dho").http as kept:
        assert kept.get("/livez").status_code == 200
        keys = new_certificate(own)
        shutil.copy(keys / "next.key", keys / "server.key")
        shutil.copy(keys / "next.pem", keys / "server.pem")
        said = reload(own)
        after = shown(own)
        assert after != before and f"sha256={after}" in said and "expires=20" in said and "crl_until=20" in said
        assert kept.get("/livez").status_code == 200  # an open connection goes on
    assert own.processes["hub"].pid == process and own.processes["hub"].poll() is None
    with own.mllp() as sender:  # the MLLP door shows it too
        assert hashlib.sha256(sender.wire.getpeercert(binary_form=True)).hexdigest() == after
        assert msa(sender.send(weight(person(), "A"))) == ("AA", "A")


WRONG = {
    "a key of another": lambda keys: new_key(keys / "server.key"),
    "no key": lambda keys: (keys / "server.key").write_text("nothing"),
    "a key under a passphrase": lambda keys: openssl("ec", "-in", keys / "server.key", "-aes256", "-passout", "pass:secret", "-out", keys / "server.key"),
    "no certificate": lambda keys: (keys / "server.pem").write_text(""),
    "a certificate that is gone": lambda keys: (keys / "server.pem").unlink(),
    "no CA": lambda keys: (keys / "sender-ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "no list": lambda keys: (keys / "revoked.pem").write_text("nothing"),
    "a list that is gone": lambda keys: (keys / "revoked.pem").unlink(),
    "a list of nobody's": lambda keys: foreign_list(keys),
    "a list that is old": lambda keys: old_list(keys),
}


def new_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def foreign_list(keys):
    openssl("ca", "-config", keys / "ca.cnf", "-cert", keys / "ca.pem", "-keyfile", keys / "ca.key", "-gencrl", "-out", keys / "revoked.pem")


def old_list(keys):
    openssl("ca", "-config", keys / "ca.cnf", "-cert", keys / "sender-ca.pem", "-keyfile", keys / "sender-ca.key", "-gencrl", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z", "-out", keys / "revoked.pem")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_bad_file_changes_nothing(own, wrong):
    keys, names = own.dir / "keys", ("server.pem", "server.key", "sender-ca.pem", "revoked.pem")
    before, kept = shown(own), {name: (keys / name).read_bytes() for name in names}
    try:
        WRONG[wrong](keys)
        said = reload(own, "not_reloaded")
        assert str(keys) in said, said
        assert shown(own) == before
        with own.mllp() as sender:
            assert msa(sender.send(weight(person(), "B"))) == ("AA", "B")
    finally:
        for name, content in kept.items():
            (keys / name).write_bytes(content)
    reload(own)
    # the same at the start, and by --check: it does not come up half
    WRONG[wrong](keys)
    try:
        done = subprocess.run([own.build / "server/maalehubd", "--config", own.dir / "hub.conf", "--check"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and str(keys) in done.stderr, done.stderr
    finally:
        for name, content in kept.items():
            (keys / name).write_bytes(content)


def is_not_taken(hub, why):
    """The certificate and key beside the door's, put in their place."""
    keys, before = hub.dir / "keys", shown(hub)
    kept = {name: (keys / name).read_bytes() for name in ("server.pem", "server.key")}
    shutil.copy(keys / "next.key", keys / "server.key")
    shutil.copy(keys / "next.pem", keys / "server.pem")
    try:
        assert why in reload(hub, "not_reloaded") and shown(hub) == before
    finally:
        for name, content in kept.items():
            (keys / name).write_bytes(content)


def test_a_certificate_that_has_expired_does_not_replace_a_good_one(own):
    new_certificate(own, days="0")
    time.sleep(1.1)
    is_not_taken(own, "expired")


def test_a_certificate_that_is_not_valid_yet_does_not_replace_a_good_one(own):
    keys = new_certificate(own)
    authority = x509.load_pem_x509_certificate((keys / "ca.pem").read_bytes())
    signed = x509.load_pem_x509_certificate((keys / "next.pem").read_bytes())
    begins = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)
    later = x509.CertificateBuilder(authority.subject, signed.subject, signed.public_key(), signed.serial_number, begins, begins + datetime.timedelta(days=1))
    later = later.sign(serialization.load_pem_private_key((keys / "ca.key").read_bytes(), None), hashes.SHA256())
    (keys / "next.pem").write_bytes(later.public_bytes(serialization.Encoding.PEM))
    is_not_taken(own, f"not valid before {begins:%Y-%m-%dT%H:%M:%S}")


def test_a_revoked_certificate_is_refused_and_counted(own):
    own.sender_key("lost", "/CN=lost")
    own.maalehub("sender", "add", "solvik-dho", "--certificate", str(own.dir / "keys/lost.pem"))
    with own.mllp("lost") as open_one, own.mllp() as other:
        assert msa(open_one.send(weight(person(), "1"))) == ("AA", "1") and msa(other.send(weight(person(), "1"))) == ("AA", "1")
        own.lists.revoke("lost")
        own.lists.write()
        # not before it is told
        assert msa(open_one.send(weight(person(), "2"))) == ("AA", "2")
        reload(own)
        # open connections are closed between two messages, so that their senders show what they have again
        assert open_one.answer() is None and other.answer() is None
    counted = 'maalehub_mllp_connections_total{what="certificate_revoked"}'
    before = own.metrics()[counted]
    assert refused(own, "lost")
    assert own.metrics()[counted] == before + 1
    end = time.time() + 5
    while 'certificate="certificate revoked"' not in own.text("hub.log"):
        assert time.time() < end
        time.sleep(0.05)
    with own.mllp() as sender:  # the others go on
        assert msa(sender.send(weight(person(), "3"))) == ("AA", "3")


def test_a_ca_without_a_list_is_nobodys(own):
    """Two CAs, one list: who comes from the other could have been revoked a year ago."""
    keys = own.dir / "keys"
    kept = (keys / "sender-ca.pem").read_bytes()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=another CA", "-keyout", keys / "other-ca.key", "-out", keys / "other-ca.pem")
    own.sender_key("elsewhere", "/CN=elsewhere")
    openssl("x509", "-req", "-in", keys / "elsewhere.csr", "-CA", keys / "other-ca.pem", "-CAkey", keys / "other-ca.key", "-CAcreateserial", "-days", "30", "-extfile", keys / "elsewhere.ext", "-out", keys / "elsewhere.pem")
    own.maalehub("sender", "add", "solvik-dho", "--certificate", str(keys / "elsewhere.pem"))
    assert refused(own, "elsewhere")
    (keys / "sender-ca.pem").write_bytes(kept + (keys / "other-ca.pem").read_bytes())
    reload(own)
    assert refused(own, "elsewhere")
    # with both lists in the file it is somebody's
    first = own.lists.path.read_bytes()
    other = Lists(own, "other-ca")
    other.write()
    own.lists.path.write_bytes(first + own.lists.path.read_bytes())
    reload(own)
    with own.mllp("elsewhere") as sender:
        assert msa(sender.send(weight(person(), "4"))) == ("AA", "4")
    # and a CA that is taken out is gone
    (keys / "sender-ca.pem").write_bytes(kept)
    own.lists.path.write_bytes(first)
    reload(own)
    assert refused(own, "elsewhere")
    if (keys / "lost.pem").exists():  # the test before made it
        assert refused(own, "lost")  # still revoked


def test_a_message_under_way_is_answered(own):
    """The reload closes connections behind the message under way, never in it."""
    text = weight(person(), "5").encode()
    with own.mllp() as sender:
        sender.write(b"\x0b" + text[:100])
        time.sleep(0.3)
        reload(own)
        sender.write(text[100:] + b"\x1c\r")
        assert msa(sender.answer()) == ("AA", "5") and sender.answer() is None


def test_hangups_without_end_do_no_harm(own):
    for _ in range(200):
        own.processes["hub"].send_signal(signal.SIGHUP)
    reload(own)
    assert shown(own) and own.as_("solvik-dho").http.get("/livez").status_code == 200
