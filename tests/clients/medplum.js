// SPDX-License-Identifier: AGPL-3.0-or-later
// @medplum/core's MedplumClient as it is. It takes a `fetch` of the caller's: there the DPoP proof goes.
"use strict";
const { MedplumClient } = require("@medplum/core");
const { signer } = require("./dpop");
const run = require("./run");

const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
const sign = signer(input);
const client = new MedplumClient({
	baseUrl: input.base.replace(/fhir$/, ""),
	fhirUrlPath: "fhir",
	cacheTime: 0,
	fetch: (url, options) => fetch(url, { ...options, headers: { ...options.headers, ...sign(options.method, String(url)) } }),
});
const type = "Observation";

run(async (step) => {
	const made = await step("create", () => client.createResource(input.reading));
	await step("read", () => client.readResource(type, made.id));
	await step("update", () => client.updateResource({ ...made, note: [{ text: "fra Medplum" }] }));
	await step("patch", () => client.patchResource(type, made.id, [{ op: "replace", path: "/status", value: "corrected" }]));
	await step("version", () => client.readVersion(type, made.id, "1"));
	await step("history", () => client.readHistory(type, made.id));
	await step("validate", () => client.validateResource(input.reading));
	await step("batch", () => client.executeBatch(input.batch));
	await step("transaction", () => client.executeBatch(input.transaction));
	const patient = await step("patient", async () => {
		const form = { body: new URLSearchParams({ identifier: input.patient }).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded" } };
		return (await client.post(client.fhirUrl("Patient", "_search"), form.body, form.headers["Content-Type"])).entry[0].resource;
	});
	await step("search", () => client.search(type, { patient: patient.id, code: "http://loinc.org|8867-4", _count: 2, _total: "accurate" }));
	await step("resources", async () => (await client.searchResources(type, `patient=Patient/${patient.id}&_sort=-date`)).map((one) => one.id));
	await step("one", () => client.searchOne(type, { patient: patient.id, code: "29463-7" }));
	await step("pages", async () => {
		const ids = [];
		for await (const page of client.searchResourcePages(type, { patient: patient.id, _count: 2 })) ids.push(...page.map((one) => one.id));
		return ids;
	});
	await step("everything", () => client.readPatientEverything(patient.id));
	await step("compartment", () => client.get(client.fhirUrl("Patient", patient.id, type)));
	await step("unknownParameter", () => client.search(type, { patient: patient.id, nonsense: "1" }));
	await step("absent", () => client.readResource(type, "nobody"));
	await step("invalid", () => client.createResource({ resourceType: type, status: "final" }));
	await step("delete", () => client.deleteResource(type, made.id));
	await step("gone", () => client.readResource(type, made.id));
});
