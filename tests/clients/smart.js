// SPDX-License-Identifier: AGPL-3.0-or-later
// fhirclient (SMART on FHIR) as it is. It sends "Bearer" and offers no place to sign, so the process has another default Agent: it puts
// the proof of each request in, and writes DPoP where the client wrote Bearer. The client itself is not touched.
"use strict";
const https = require("https");
const { signer, SigningAgent } = require("./dpop");
const run = require("./run");

const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
https.globalAgent = new SigningAgent(signer(input), { keepAlive: true });
const FHIR = require("fhirclient");

const memory = new Map();
const storage = { get: async (key) => memory.get(key), set: async (key, value) => memory.set(key, value).get(key), unset: async (key) => memory.delete(key) };
const api = FHIR({ url: "/", headers: { host: "app.example" }, socket: { encrypted: true }, connection: { encrypted: true } }, {}, storage);
const form = (parameters) => ({
	url: "Observation/_search", method: "POST", body: new URLSearchParams(parameters).toString(),
	headers: { "content-type": "application/x-www-form-urlencoded" },
});
const anonymous = api.client({ serverUrl: input.base });
// A launched app has the Patient's id from the launch; here it is asked for.
const patient = async () => (await anonymous.request({ ...form({ identifier: input.patient }), url: "Patient/_search" })).entry[0].resource.id;

run(async (step) => {
	const id = await step("launch", patient);
	const client = api.client({ serverUrl: input.base, tokenResponse: { access_token: input.token, token_type: "DPoP", patient: id } });
	// what an app does first: it finds the issuer's endpoints by .well-known/smart-configuration and goes there to log in
	await step("authorize", () => api.authorize({ clientId: "app", iss: input.base, redirectUri: "https://app.example/", scope: "openid", noRedirect: true }));
	await step("version", () => client.getFhirVersion());
	await step("release", () => client.getFhirRelease());
	const made = await step("create", () => client.create(input.reading, { includeResponse: true }).then(({ body, response }) => ({
		status: response.status, location: response.headers.get("location"), body,
	})));
	const place = `Observation/${made.location.split("/Observation/")[1].split("/")[0]}`;
	const read = await step("read", () => client.request(place));
	await step("update", () => client.update({ ...read, note: [{ text: "fra appen" }] }, { headers: { Prefer: "return=representation" } }));
	await step("patch", () => client.patch(place, [{ op: "replace", path: "/status", value: "corrected" }], { headers: { Prefer: "return=representation" } }));
	await step("search", () => client.request(form({ "patient.identifier": input.patient, _count: "200" })));
	await step("flat", () => client.request(`Observation?patient=${id}&_count=2`, { pageLimit: 0, flat: true }));
	await step("pages", async () => {
		let pages = 0;
		for await (const page of client.pages(`Observation?patient=${id}&_count=2`)) pages += page.resourceType === "Bundle";
		return pages;
	});
	await step("patientRequest", () => client.patient.request("Observation", { flat: true, pageLimit: 0 }));
	await step("byCode", async () => {
		const all = await client.request(`Observation?patient=${id}&_count=200`, { flat: true, pageLimit: 0 });
		return Object.keys(client.byCode(all, "code"));
	});
	await step("patientRead", () => client.patient.read());
	await step("lastn", () => client.request(`Observation/$lastn?patient=${id}&max=1`, { flat: true }));
	await step("references", () => client.request(place, { resolveReferences: ["subject"] }));
	await step("absent", () => client.request("Observation/nobody"));
	await step("delete", () => client.delete(place).then(() => "done"));
	await step("gone", () => client.request(place));
});
