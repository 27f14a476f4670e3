# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tokens, proofs and attests: each negative case of norway.md 1.2, 1.5 and 2.4, alone. Proofs and forgeries are made by jwcrypto."""
import base64
import copy
import hashlib
import hmac
import json
import re
import time

import httpx
import pytest
from jwcrypto import jwk, jws

import people
from hub import ATTEST, FHIR_JSON, FJELLDAL, FNR, FORM, PARENT, PID, SCOPES, SOLVIK, SYKEHUS, VENDOR, Key, attest, b64url, found, issues, observation, person

PATH = "/fhir/Observation/_search"
LEVEL = "helseid://claims/identity/security_level"
ALGS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"


def body(who):
    return str(httpx.QueryParams({"patient.identifier": f"{FNR}|{who}"}))


def parts(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def search_with(caller, token, who=None, **proof):
    """A search with this token and a proof made for it."""
    return caller.plain("POST", PATH, content=body(who or person()), headers=[
        *FORM.items(), ("Authorization", f"DPoP {token}"), ("DPoP", caller.key.proof("POST", caller.hub.url + PATH, token, **proof))])


def is_refused(answer, error, status=401):
    assert answer.status_code == status, answer.text
    assert answer.headers["www-authenticate"].startswith(f'DPoP error="{error}", algs="{ALGS}", resource_metadata="https://')
    assert answer.json()["issue"][0]["severity"] == "error" and issues(answer)


# ---- the token


def test_without_a_token(hub, doctor):
    for path, method in ((PATH, "POST"), ("/fhir", "POST"), ("/fhir/Observation/x", "GET"), ("/pcd01", "POST"), ("/innsyn/v1/log", "GET"), ("/pil/v1/search", "POST")):
        answer = doctor.plain(method, path, content=b"" if method == "GET" else b"{")
        assert answer.status_code == 401, (path, answer.text)
        assert answer.headers["www-authenticate"].startswith(f'DPoP algs="{ALGS}", resource_metadata="https://')  # RFC 6750 3.1: no error code where nothing was shown


@pytest.mark.parametrize("ask", [
    dict(lifetime="-60"),
    dict(set={"exp": None}), dict(set={"exp": "tomorrow"}), dict(set={"exp": 10 ** 30}),
    dict(set={"nbf": int(time.time()) + 3600}), dict(set={"iat": int(time.time()) + 3600}), dict(set={"nbf": "now"}),
    dict(set={"aud": "nhn:kjernejournal"}), dict(set={"aud": None}), dict(set={"aud": []}), dict(set={"aud": ["nhn:pmd", "nhn:kjernejournal"]}), dict(set={"aud": "nhn:pmd "}),
    dict(set={"iss": "https://helseid-sts.nhn.no"}), dict(set={"iss": None}), dict(set={"iss": ["x"]}),
    dict(alg="PS256"), dict(alg="RS512", typ="at+jwt"),  # the key is for RS256
    dict(typ="jwt"), dict(typ="dpop+jwt"), dict(typ="id_token"),
    dict(kid="no-such-key"), dict(kid="../../etc/passwd"),
    dict(set={"client_id": None}), dict(set={"jti": None}), dict(set={"client_id": ""}),
    dict(set={"cnf": None}), dict(set={"cnf": {"jkt": "short"}}), dict(set={"cnf": {"jkt": "A" * 43, "x5t#S256": "A" * 43}}), dict(set={"cnf": "x"}),
    dict(set={LEVEL: "3"}), dict(set={LEVEL: None}), dict(set={LEVEL: 4}),
    dict(set={PID: "12345678901"}), dict(set={PID: 12345678901}), dict(set={PID: ""}),
    dict(set={PARENT: None}), dict(set={PARENT: "31000003"}), dict(set={PARENT: 310000035}),
    dict(set={"scope": {"a": "b"}}), dict(set={"scope": [1]}),
    dict(set={"name": "x" * 10000}), dict(set={"name": "Berit \u202e Lege"}),
], ids=lambda ask: re.sub(r"\d{9,}", "N", json.dumps(ask))[:60])
def test_tokens_that_are_not_trusted(hub, doctor, ask):
    is_refused(search_with(doctor, doctor.token(**ask)), "invalid_token")


def test_what_a_token_may_look_like(hub, doctor):
    for ask in (dict(typ="at+jwt"), dict(set={"aud": ["nhn:pmd"]}),
                dict(set={"scope": " ".join(SCOPES) + " openid nhn:kjernejournal/x"}), dict(set={"nbf": None}), dict(set={LEVEL: None, "helseid://claims/identity/assurance_level": "high"})):
        answer = search_with(doctor, doctor.token(**ask))
        assert answer.status_code == 200, (ask, answer.text)


def test_forged_tokens(hub, doctor):
    token = doctor.token()
    head, claims = parts(token)
    signing_input = token.rsplit(".", 1)[0]
    thief = jwk.JWK.generate(kty="RSA", size=2048)

    def signed(key, header):
        one = jws.JWS(json.dumps(claims))
        one.add_signature(key, None, json.dumps(header))
        return one.serialize(compact=True)

    issuer_key = next(key for key in httpx.get(f"{hub.issuer}/staff/.well-known/openid-configuration/jwks").json()["keys"] if key["kid"] == head["kid"])
    pem = jwk.JWK(**issuer_key).export_to_pem()
    hs256 = b64url(json.dumps({**head, "alg": "HS256"}).encode()) + "." + signing_input.split(".")[1]
    other = copy.deepcopy(claims)
    other["scope"] = SCOPES
    changed = b64url(json.dumps(other).encode())
    bad = [
        signed(thief, head),  # another key under the issuer's kid
        signed(thief, {"alg": "RS256", "typ": "JWT", "kid": head["kid"], "jwk": json.loads(thief.export_public())}),  # that brings its own key along
        signed(thief, {"alg": "RS256", "typ": "JWT"}),  # without kid
        hs256 + "." + b64url(hmac.new(pem, hs256.encode(), hashlib.sha256).digest()),  # the public key as a secret
        b64url(json.dumps({**head, "alg": "none"}).encode()) + "." + signing_input.split(".")[1] + ".",
        b64url(json.dumps({**head, "alg": "None"}).encode()) + "." + signing_input.split(".")[1] + "." + token.rsplit(".", 1)[1],
        b64url(json.dumps({**head, "alg": "PS256"}).encode()) + "." + ".".join(token.split(".")[1:]),
        b64url(json.dumps({**head, "crit": ["exp"]}).encode()) + "." + ".".join(token.split(".")[1:]),
        token.split(".")[0] + "." + changed + "." + token.split(".")[2],  # other claims under the old signature
        token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        token + ".x", token.replace(".", "", 1), signing_input, signing_input + ".", "x", "a.b.c", "..", token + "=",
    ]
    for one in bad:
        is_refused(search_with(doctor, one), "invalid_token")
    assert search_with(doctor, token).status_code == 200


def test_who_is_not_known_costs_no_parsing(doctor):
    """What must never happen, 8: a parser that reads before the caller is known."""
    for path, kind, text in (("/fhir", "application/fhir+json", b"{" * 500), ("/fhir/Observation", "text/html", b"<"), ("/pcd01", "text/plain", b"x"), (PATH, "text/html", b"%zz")):
        assert doctor.plain("POST", path, headers=[("Content-Type", kind)], content=text).status_code == 401


def test_keys_are_rolled_over_without_a_restart(hub, doctor):
    old = doctor.token(fresh=True)
    assert search_with(doctor, old).status_code == 200
    for alg in ("ES256", "PS256", "RS256"):
        assert httpx.post(f"{hub.issuer}/staff/rotate", data={"alg": alg}).status_code == 200
        new = doctor.token(fresh=True)
        assert parts(new)[0]["alg"] == alg and parts(new)[0]["kid"] != parts(old)[0]["kid"]
        answer = search_with(doctor, new)
        if answer.status_code == 401:  # the hub asks an issuer once a second at most (keys_retry)
            time.sleep(1.1)
            answer = search_with(doctor, new)
        assert answer.status_code == 200, answer.text
        assert search_with(doctor, old).status_code == 200  # still in the key set
    assert httpx.post(f"{hub.issuer}/staff/rotate", data={"alg": "RS256", "forget": "1"}).status_code == 200
    time.sleep(1.1)
    assert search_with(doctor, doctor.token(fresh=True)).status_code == 200
    is_refused(search_with(doctor, old), "invalid_token")  # also where the hub remembers having verified it


# ---- proof of possession


PROOFS = {
    "no htm": dict(htm=None), "no htu": dict(htu=None), "no iat": dict(iat=None), "no jti": dict(jti=None), "no ath": dict(ath=None),
    "another method": dict(htm="GET"), "method in lower case": dict(htm="post"),
    "another path": dict(htu="https://localhost/fhir/Observation"), "empty url": dict(htu=""),
    "in the past": dict(iat=int(time.time()) - 3600), "in the future": dict(iat=int(time.time()) + 3600), "no number": dict(iat="now"),
    "of another token": dict(ath=b64url(hashlib.sha256(b"another").digest())), "empty ath": dict(ath=""), "empty jti": dict(jti=""), "long jti": dict(jti="x" * 9000),
    "wrong typ": dict(header={"typ": "JWT"}), "no typ": dict(header={"typ": ""}), "no key": dict(header={"jwk": None}),
}


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS.keys())
def test_proofs_that_prove_nothing(doctor, proof):
    is_refused(search_with(doctor, doctor.token(), **proof), "invalid_dpop_proof")


def test_forged_proofs(hub, doctor):
    token, url = doctor.token(), hub.url + PATH
    good = doctor.key.proof("POST", url, token)
    head, claims = parts(good)
    signing_input = good.rsplit(".", 1)[0]

    def with_head(header, rest=None):
        return b64url(json.dumps(header).encode()) + "." + (rest or ".".join(good.split(".")[1:]))

    private = json.loads(doctor.key.key.export_private())
    symmetric = b64url(json.dumps({"typ": "dpop+jwt", "alg": "HS256", "jwk": {"kty": "oct", "k": b64url(b"secret")}}).encode()) + "." + signing_input.split(".")[1]
    bad = {
        "of another key": Key().proof("POST", url, token),
        "private key inside": doctor.key.proof("POST", url, token, header={"jwk": private}),
        "symmetric": symmetric + "." + b64url(hmac.new(b"secret", symmetric.encode(), hashlib.sha256).digest()),
        "alg none": with_head({**head, "alg": "none"}, signing_input.split(".")[1] + "."),
        "bad signature": good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB"),
        "no signature": signing_input + ".",
        "alg of another kind": with_head({**head, "alg": "RS256"}),
        "no alg": with_head({name: value for name, value in head.items() if name != "alg"}),
        "not a token": "x", "empty": "",
        "for another host": doctor.key.proof("POST", "https://localhost" + PATH, token),
        "for plain http": doctor.key.proof("POST", url.replace("https", "http"), token),
        "for another path": doctor.key.proof("POST", hub.url + "/fhir", token),
    }
    for name, proof in bad.items():
        answer = doctor.plain("POST", PATH, content=body(person()), headers=[*FORM.items(), ("Authorization", f"DPoP {token}"), ("DPoP", proof)])
        assert answer.status_code == 401, (name, answer.text)
        assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"], name


def test_keys_that_clients_have(hub, doctor):
    for kind in ("ES256", "RS256", "PS256"):
        doctor.key = Key(kind)
        answer = search_with(doctor, doctor.token(fresh=True))
        assert answer.status_code == 200, (kind, answer.text)


def test_a_proof_is_good_once(hub, doctor):
    token = doctor.token()
    headers = [*FORM.items(), ("Authorization", f"DPoP {token}"), ("DPoP", doctor.key.proof("POST", hub.url + PATH, token))]
    assert doctor.plain("POST", PATH, content=body(person()), headers=headers).status_code == 200
    for _ in range(8):  # new connections fall on all loops
        with httpx.Client(http2=True, verify=hub.trusted(), base_url=hub.url) as again:
            is_refused(again.request("POST", PATH, content=body(person()), headers=headers), "invalid_dpop_proof")


def test_the_url_is_compared_without_query(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    place = doctor.patient_id(line)
    assert len(found(doctor.get(f"/fhir/Observation?patient={place}"))) == 1
    token = doctor.token()
    path = f"/fhir/Observation?patient={place}"
    proof = doctor.key.proof("GET", "", token, htu=hub.url + path)
    assert doctor.plain("GET", path, headers=[("Authorization", f"DPoP {token}"), ("DPoP", proof)]).status_code == 200


def test_headers_that_do_not_fit(hub, doctor):
    token, url = doctor.token(), hub.url + PATH
    unbound = doctor.token(bearer=True)

    def proof(of):
        return ("DPoP", doctor.key.proof("POST", url, of))

    cases = [
        ([("Authorization", f"DPoP {token}")], "invalid_dpop_proof"),  # no proof
        ([("Authorization", f"DPoP {token}"), proof(token), proof(token)], "invalid_dpop_proof"),  # two
        ([("Authorization", f"DPoP {token}"), ("Authorization", f"DPoP {token}"), proof(token)], "invalid_token"),
        ([("Authorization", f"Bearer {token}"), proof(token)], "invalid_token"),  # RFC 9449 7.2: a bound token is no bearer token
        ([("Authorization", f"Bearer {token}")], "invalid_token"),
        ([("Authorization", f"Bearer {unbound}")], "invalid_token"),
        ([("Authorization", f"DPoP {unbound}"), proof(unbound)], "invalid_token"),
        ([("Authorization", f"Basic {token}"), proof(token)], "invalid_token"),
        ([("Authorization", token), proof(token)], "invalid_token"),
        ([("Authorization", "DPoP"), proof(token)], "invalid_token"),
        ([("Authorization", "DPoP " + "x" * 20000), proof(token)], "invalid_token"),
    ]
    for headers, error in cases:
        is_refused(doctor.plain("POST", PATH, content=body(person()), headers=[*FORM.items(), *headers]), error)


# ---- scopes and kinds of callers


def test_the_scope_opens_the_door(hub, vendor, doctor):
    line = person()
    is_refused(vendor.search(line), "insufficient_scope", 403)
    is_refused(doctor.upload(observation(line)), "insufficient_scope", 403)
    is_refused(search_with(doctor, doctor.token(set={"scope": []})), "insufficient_scope", 403)
    is_refused(search_with(doctor, doctor.token(set={"scope": None})), "insufficient_scope", 403)
    # the token has the scope, the registration of the client has not
    token = doctor.token(set={"scope": SCOPES})
    answer = doctor.plain("POST", "/fhir/Observation", content=json.dumps(observation(line)), headers=[
        *FHIR_JSON.items(), ("Authorization", f"DPoP {token}"), ("DPoP", doctor.key.proof("POST", hub.url + "/fhir/Observation", token))])
    is_refused(answer, "insufficient_scope", 403)


def test_clients_must_be_registered_for_their_organisation(hub, vendor, doctor):
    line = person()
    for claims in ({"client_id": "nobody"}, {"client_id": "fjelldal-dho"}, {PARENT: str(FJELLDAL)}, {PARENT: str(VENDOR), "client_id": "nobody"}):
        other = hub.as_("solvik-dho", set=claims)
        answer = other.upload(observation(line))
        assert answer.status_code == 403 and "registered" in issues(answer), answer.text
        assert "www-authenticate" not in answer.headers
    assert hub.entries(line) == []


def test_citizens_and_staff_have_doors_of_their_own(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    citizen = hub.as_("innbygger-line", set={PID: line, "scope": [*SCOPES, "nhn:pmd/accesslog.read"]})
    assert citizen.log().status_code == 200
    for answer in (citizen.search(line), citizen.locate(line), citizen.upload(observation(line)), citizen.get("/fhir/Observation/abc")):
        assert answer.status_code == 403, answer.text
    # a staff token holds a personal number too, and is nobody's as a citizen
    staff = hub.as_("sykehus-epj", set={"client_id": "helsenorge", PID: line, "scope": ["nhn:pmd/accesslog.read"]})
    assert staff.log().status_code == 403


def test_one_issuer_cannot_speak_for_the_other(hub, vendor):
    line = person()
    vendor.upload(observation(line))
    # signed by the citizens' issuer, said to be of the staff's; and the other way round
    for name, issuer in (("sykehus-epj", "citizen"), ("innbygger-line", "staff")):
        caller = hub.as_(name, set={PID: line, LEVEL: "4"})
        caller.issuer = f"{hub.issuer}/{issuer}"
        answer = caller.search(line) if name == "sykehus-epj" else caller.log()
        assert answer.status_code == 401, answer.text
    # a citizen's token with everything a doctor's has
    caller = hub.as_("sykehus-epj", set={"iss": f"{hub.issuer}/citizen"})
    caller.issuer = f"{hub.issuer}/citizen"
    answer = caller.search(line)
    assert answer.status_code == 403, answer.text


def test_a_token_that_lost_its_person_reads_its_own_alone(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    machine = hub.as_("sykehus-epj", set={PID: None})
    assert len(found(doctor.search(line))) == 1 and found(machine.search(line)) == []
    own = hub.as_("solvik-dho", set={"client_id": "solvik-epj", "scope": SCOPES})
    assert len(found(own.search(line))) == 1


# ---- the attest


def changed(path, value, orgnr=SYKEHUS):
    """An attest with one member replaced, or taken away."""
    whole = attest(orgnr)
    at = whole
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return whole


UNIT = {"id": str(SOLVIK), "system": people.ORGNR_SYSTEM}
CODE = {"code": "X", "system": "urn:x"}
ATTESTS = {
    "another legal entity": changed(("practitioner", "legal_entity"), UNIT),
    "no legal entity": changed(("practitioner", "legal_entity"), None),
    "no point of care": changed(("practitioner", "point_of_care"), None),
    "entity of another system": changed(("practitioner", "legal_entity", "system"), "urn:oid:1.2.3"),
    "another practitioner": changed(("practitioner", "identifier"), {"id": people.fnr(900), "system": FNR}),
    "practitioner without number": changed(("practitioner", "identifier"), {"id": "12345678901", "system": FNR}),
    "another HPR number": changed(("practitioner", "hpr_nr"), {"id": "999999999", "system": "urn:oid:2.16.578.1.12.4.1.4.4"}),
    "no practitioner": changed(("practitioner",), None),
    "no care relationship": changed(("care_relationship",), None),
    "unknown purpose": changed(("care_relationship", "purpose_of_use", "code"), "MARKETING"),
    "purpose of another system": changed(("care_relationship", "purpose_of_use", "system"), "urn:x"),
    "no purpose": changed(("care_relationship", "purpose_of_use"), None),
    "neither service nor details": changed(("care_relationship", "healthcare_service"), None),
    "no decision": changed(("care_relationship", "decision_ref"), None),
    "authorization of another list": changed(("practitioner", "authorization"), CODE),
    "of tomorrow": changed(("toa",), int(time.time()) + 86400),
    "toa is text": changed(("toa",), "now"),
    "patients is text": changed(("patients",), "all"),
    "patient without number": changed(("patients",), [{"identifier": {"id": "1", "system": FNR}}]),
    "another type": changed(("type",), "openid"),
    "text": "x", "number": 5, "list of none": [], "list of two": [attest(), attest()], "empty": {},
}


@pytest.mark.parametrize("claim", ATTESTS.values(), ids=ATTESTS.keys())
def test_attests_that_are_wrong(doctor, claim):
    answer = search_with(doctor, doctor.token(set={ATTEST: claim}))
    is_refused(answer, "insufficient_authorization_details", 403)


def test_a_missing_attest(doctor):
    token = doctor.token(set={ATTEST: None})
    answer = search_with(doctor, token)
    is_refused(answer, "insufficient_authorization_details", 403)


def test_an_old_attest(doctor):
    answer = search_with(doctor, doctor.token(set={ATTEST: attest(toa=int(time.time()) - 3700)}))
    is_refused(answer, "insufficient_authorization_details", 403)
    assert issues(answer) == "attestation_has_expired"  # ATT-58: the specification's words


def test_what_an_attest_may_look_like(hub, vendor, doctor):
    line = person()
    vendor.upload(observation(line))
    whole = attest()
    old_name = attest(care_relation=whole["care_relationship"], care_relationship=None)
    tracing = attest()
    del tracing["care_relationship"]["decision_ref"]
    tracing["care_relationship"]["tracing_ref"] = {"ref_id": "abc"}
    bare = json.loads(json.dumps(whole).replace("urn:oid:", ""))
    of_patient = attest(patients=[{"identifier": {"id": line, "system": FNR}}])
    without_type = attest(type=None)
    for claim in (whole, [whole], json.dumps(whole), json.dumps([whole]), old_name, tracing, bare, of_patient, without_type, attest(toa=None), attest(toa=int(time.time()) - 3000)):
        answer = search_with(doctor, doctor.token(set={ATTEST: claim}), line)
        assert len(found(answer)) == 1, claim


def test_an_attest_for_another_patient(hub, vendor):
    """ATT-4. The refusal stands in the log of whom it was about."""
    line = person()
    vendor.upload(observation(line))
    nosy = hub.as_("sykehus-annen")
    for answer in (nosy.search(line), nosy.locate(line)):
        assert answer.status_code == 403, answer.text
    entries = hub.entries(line)
    assert [(entry["event"], entry["outcome"]) for entry in entries] == [("locate", "deny"), ("search", "deny"), ("create", "permit")]
    assert entries[0]["actor"]["name"] == "Nils Nysgjerrig" and entries[0]["dataController"]["orgnr"] == str(SOLVIK)


def test_uploads_need_no_attest_but_not_a_wrong_one(hub):
    line = person()
    doctor = hub.as_("utvikler", set={ATTEST: None})
    assert doctor.upload(observation(line)).status_code == 201
    wrong = hub.as_("utvikler", set={ATTEST: attest(FJELLDAL)})
    assert wrong.upload(observation(line)).status_code == 403
