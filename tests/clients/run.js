// SPDX-License-Identifier: AGPL-3.0-or-later
// Runs the steps of one client and tells what came of each: one line of JSON a step, {"step", "result"} or {"step", "error"}.
"use strict";

const plain = (value) => value instanceof Error ? { message: value.message, status: value.statusCode } : value;

// `steps` is a function (step) => Promise; step(name, work) never throws, so that one red step hides no other, and gives what the work gave.
module.exports = async function run(steps) {
	const step = async (name, work) => {
		try {
			const result = await work();
			console.log(JSON.stringify({ step: name, result: result === undefined ? null : result }));
			return result;
		} catch (error) {
			const response = error.response;
			console.log(JSON.stringify({ step: name, error: response && response.data ? { status: response.status, body: response.data } : plain(error) }));
			return undefined;
		}
	};
	await steps(step);
};
