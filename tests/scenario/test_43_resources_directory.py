# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who is who: Organization from the operator's register, Patient as the stub behind a reference."""
import pytest

from hub import FNR, SOLVIK, SYKEHUS, issues, observation, person

ORGNR = "urn:oid:2.16.578.1.12.4.1.4.101"


def names(answer):
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["name"] for entry in answer.json().get("entry", []))


def test_an_organisation_is_read_by_its_number(reader):
    answer = reader.get(f"/fhir/Organization/{SOLVIK}")
    assert answer.status_code == 200 and answer.json()["name"] == "Solvik kommune"
    assert answer.json()["identifier"] == [{"system": ORGNR, "value": str(SOLVIK)}] and answer.json()["id"] == str(SOLVIK)
    for nobody in ("999999999", "x", "31000001", "0310000019"):
        assert reader.get(f"/fhir/Organization/{nobody}").status_code == 404


def test_organisations_are_found(reader):
    assert names(reader.get(f"/fhir/Organization?identifier={ORGNR}|{SYKEHUS}")) == ["Nordre sykehus HF"]
    assert names(reader.get(f"/fhir/Organization?identifier={SYKEHUS},{SOLVIK}")) == ["Nordre sykehus HF", "Solvik kommune"]
    assert names(reader.get(f"/fhir/Organization?identifier=urn:other|{SYKEHUS}")) == []
    assert names(reader.get("/fhir/Organization?name=solVIK")) == ["Solvik kommune"] and names(reader.get("/fhir/Organization?name=kommune")) == []
    assert names(reader.get("/fhir/Organization?name:contains=sykehus")) == ["Nordre sykehus HF"] and names(reader.get("/fhir/Organization?name:exact=Solvik")) == []
    assert names(reader.form("/fhir/Organization/_search", [("_id", str(SOLVIK)), ("name", "Sol")])) == ["Solvik kommune"]
    counted = reader.get("/fhir/Organization?name=sol&_summary=count").json()
    assert counted["total"] == 1 and "entry" not in counted
    text = reader.get(f"/fhir/Organization/{SOLVIK}?_summary=text").json()
    assert set(text) == {"resourceType", "id", "meta", "name"} and text["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert reader.get(f"/fhir/Organization/{SOLVIK}?_summary=true").json()["name"] == "Solvik kommune"
    for bad in ("colour=red", "name=", "_count=x", "_count=-1", "_page=x", "name:missing=true"):
        answer = reader.get(f"/fhir/Organization?{bad}")
        assert answer.status_code == 400 and issues(answer), bad


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_organisations_come_in_pages(hub, reader, way):
    """Each once, under the total of all pages, whatever _count; the links say what was asked for."""
    whole = names(reader.get("/fhir/Organization?name:contains=e"))
    assert len(whole) >= 3
    asked = [("name:contains", "e"), ("_count", "1"), ("_elements", "name")]
    page = reader.form("/fhir/Organization/_search", asked) if way == "POST" else reader.get("/fhir/Organization?" + "&".join("=".join(pair) for pair in asked))
    assert page.json()["link"][0] == {"relation": "self", "url": f"{hub.url}/fhir/Organization?name:contains=e&_count=1&_elements=name"}
    pages = []
    while page is not None:
        assert page.json()["total"] == len(whole)
        own = page.json()["link"][0]["url"].removeprefix(hub.url)
        assert reader.get(own).json() == page.json()
        pages += names(page)
        assert len(pages) <= len(whole)
        page = reader.next(page)
    assert sorted(pages) == whole
    alone = reader.get("/fhir/Organization?name:contains=e&_count=0").json()
    assert alone["total"] == len(whole) and "entry" not in alone
    assert reader.get("/fhir/Organization?_count=100000").status_code == 200  # as for Observations: 200 at most
    assert reader.form("/fhir/Organization/_search", [("identifier", "19927100005")]).json()["link"][0]["url"] == f"{hub.url}/fhir/Organization"


def test_organisations_are_no_look_at_a_patient(hub, reader):
    before = hub.rows()
    reader.get("/fhir/Organization?name=Sol")
    reader.get(f"/fhir/Organization/{SOLVIK}")
    assert hub.rows() == before


def test_a_patient_is_a_stub_whether_known_or_not(hub, vendor, reader):
    known, unknown = person(), person()
    vendor.upload(observation(known))
    ids = [reader.patient_id(who) for who in (known, unknown)]
    answers = [reader.get(f"/fhir/Patient/{id}") for id in ids]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json() for answer in answers] == [{"resourceType": "Patient", "id": id} for id in ids]
    assert known not in answers[0].text
    assert [entry["event"] for entry in hub.entries(known)].count("read") == 1
    assert reader.get("/fhir/Patient/x").status_code == 404 and reader.get(f"/fhir/Patient/{ids[0][:-1]}").status_code == 404


def test_the_number_comes_back_to_whom_the_attest_names_it(hub):
    who = "04813700013"  # of the persona's attest
    doctor = hub.as_("sykehus-annen")
    id = hub.as_("utvikler").patient_id(who)
    assert doctor.get(f"/fhir/Patient/{id}").json()["identifier"] == [{"system": FNR, "value": who}]


def test_a_patient_is_shown_as_it_is_asked_for(hub, reader):
    who = person()
    counted = reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{who}"), ("_summary", "count")]).json()
    assert counted["total"] == 1 and "entry" not in counted
    shown = {summary: reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{who}"), ("_summary", summary)]).json()["entry"][0]["resource"] for summary in ("false", "true", "data", "text")}
    assert [who in str(shown[summary]) for summary in shown] == [True, True, True, False]
    assert "meta" not in shown["false"] and all(shown[summary]["meta"]["tag"][0]["code"] == "SUBSETTED" for summary in ("true", "data", "text"))
    everything = reader.form("/fhir/Patient/$everything", [("identifier", f"{FNR}|{who}"), ("_elements", "status")]).json()["entry"][0]["resource"]
    assert everything["resourceType"] == "Patient" and who not in str(everything)


# ---- a Patient by _id, as SMART apps and suites look it up


def test_a_patient_is_found_by_id(hub, reader, doctor):
    who, other = person(), person()
    named = reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{who}")]).json()
    id = named["entry"][0]["resource"]["id"]
    own = f"{hub.url}/fhir/Patient?_id={id}"
    assert named["link"] == [{"relation": "self", "url": own}] and who not in own
    for answer in (doctor.get(f"/fhir/Patient?_id={id}"), doctor.form("/fhir/Patient/_search", [("_id", id)]), doctor.post(f"/fhir/Patient/_search?_id={id}")):
        page = answer.json()
        assert page["total"] == 1 and page["link"] == named["link"] and page["entry"][0]["fullUrl"] == f"{hub.url}/fhir/Patient/{id}"
        assert page["entry"][0]["resource"] == doctor.get(f"/fhir/Patient/{id}").json() and page["entry"][0]["search"] == {"mode": "match"}
    both = reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{who}"), ("_id", id)]).json()
    assert both["total"] == 1 and both["entry"] == named["entry"]
    apart = reader.form("/fhir/Patient/_search", [("identifier", f"{FNR}|{other}"), ("_id", id)])
    assert apart.json()["total"] == 0 and "entry" not in apart.json() and apart.json()["link"][0]["url"] == f"{hub.url}/fhir/Patient"
    nobody = doctor.get("/fhir/Patient?_id=nobody&_pretty=true").json()
    assert nobody["total"] == 0 and "entry" not in nobody and nobody["link"][0]["url"] == f"{hub.url}/fhir/Patient?_pretty=true"
    counted = doctor.get(f"/fhir/Patient?_id={id}&_count=0").json()
    assert counted["total"] == 1 and "entry" not in counted
    assert "entry" in doctor.get(f"/fhir/Patient?_id={id}&_count=50").json()


def test_the_look_for_a_patient_by_id_is_in_the_log(hub, doctor, vendor):
    who = person()
    vendor.upload(observation(who))
    id = doctor.patient_id(who)
    before = len(hub.entries(who))
    assert doctor.get(f"/fhir/Patient?_id={id}").json()["total"] == 1
    assert len(hub.entries(who)) == before + 1


@pytest.mark.parametrize("query,word", [("", "_id"), ("_id=a,b", "_id"), ("_id=a&_id=b", "once"), ("name=x", "identifier and _id"), ("_count=x", "_count"), ("identifier=urn:x|y", "does not belong in a URL")])
def test_what_a_patient_is_not_found_by(doctor, query, word):
    answer = doctor.get(f"/fhir/Patient?{query}")
    assert answer.status_code == 400 and word in issues(answer)
