// SPDX-License-Identifier: AGPL-3.0-or-later
// fhir-kit-client as it is. It offers `requestSigner`, a function that may add headers to each request: there the DPoP proof goes.
"use strict";
const Client = require("fhir-kit-client");
const { signer } = require("./dpop");
const run = require("./run");

const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
const sign = signer(input);
const client = new Client({
	baseUrl: input.base,
	requestSigner: (url, request) => {
		for (const [name, value] of Object.entries(sign(request.method, url))) request.headers.set(name, value);
	},
});
const open = new Client({ baseUrl: input.base });
const resourceType = "Observation";
const post = { postSearch: true };
const header = (answer, name) => Client.httpFor(answer).response.headers.get(name);

run(async (step) => {
	await step("capability", () => open.capabilityStatement());
	const made = await step("create", async () => {
		const answer = await client.create({ resourceType, body: input.reading });
		return { status: Client.httpFor(answer).response.status, location: header(answer, "location"), etag: header(answer, "etag"), body: answer };
	});
	const id = made.location.split(`/${resourceType}/`)[1].split("/")[0];
	await step("read", () => client.read({ resourceType, id }));
	await step("vread", () => client.vread({ resourceType, id, version: "1" }));
	await step("again", async () => Client.httpFor(await client.create({ resourceType, body: input.reading })).response.status);
	await step("conditional", async () => {
		const options = { headers: { "If-None-Exist": `identifier=${input.identifier}` } };
		return Client.httpFor(await client.create({ resourceType, body: input.reading, options })).response.status;
	});
	await step("update", async () => {
		const current = await client.read({ resourceType, id });
		return client.update({ resourceType, id, body: { ...current, note: [{ text: "fra klienten" }] }, options: { headers: { Prefer: "return=representation" } } });
	});
	await step("patch", () => client.patch({
		resourceType, id, JSONPatch: [{ op: "replace", path: "/status", value: "corrected" }], options: { headers: { Prefer: "return=representation" } },
	}));
	await step("unreliable", () => client.operation({
		name: "$mark-unreliable", resourceType, id, input: { resourceType: "Parameters", parameter: [{ name: "reason", valueString: "løs mansjett" }] },
		options: { headers: { Prefer: "return=representation" } },
	}));
	await step("history", () => client.history({ resourceType, id }));
	await step("batch", () => client.batch({ body: input.batch }));
	await step("transaction", () => client.transaction({ body: input.transaction }));
	const first = await step("search", () => client.search({ resourceType, searchParams: { "patient.identifier": input.patient, _count: "2", code: "8867-4" }, options: post }));
	await step("pages", async () => {
		const ids = [];
		for (let bundle = first; bundle; bundle = await client.nextPage({ bundle }))
			ids.push(...(bundle.entry || []).map((entry) => entry.resource.id));
		return ids;
	});
	const patient = await step("patient", async () =>
		(await client.search({ resourceType: "Patient", searchParams: { identifier: input.patient }, options: post })).entry[0].resource);
	await step("byReference", () => client.search({ resourceType, searchParams: { patient: patient.id, _count: "200" } }));
	await step("lastn", () => client.operation({ name: "$lastn", resourceType, method: "GET", input: { patient: patient.id, max: "1" } }));
	await step("everything", () => client.operation({ name: "$everything", resourceType: "Patient", id: patient.id, method: "GET" }));
	await step("unknownParameter", () => client.search({ resourceType, searchParams: { "patient.identifier": input.patient, nonsense: "1" }, options: post }));
	await step("absent", () => client.read({ resourceType, id: "nobody" }));
	await step("invalid", () => client.create({ resourceType, body: { resourceType, status: "final" } }));
	await step("delete", async () => Client.httpFor(await client.delete({ resourceType, id })).response.status);
	await step("gone", () => client.read({ resourceType, id }));
	await step("unsigned", () => open.read({ resourceType, id }));
});
