// SPDX-License-Identifier: AGPL-3.0-or-later
// DPoP proofs (RFC 9449) beside clients that know only bearer tokens. Made by Node's own crypto, so that the hub is judged by a third hand.
"use strict";
const crypto = require("crypto");
const https = require("https");

const base64url = (value) => Buffer.from(value).toString("base64url");

// A signer of one caller: `token` and the private JWK (P-256) it is bound to.
function signer({ token, jwk }) {
	const key = crypto.createPrivateKey({ key: jwk, format: "jwk" });
	const { kty, crv, x, y } = jwk;
	const ath = crypto.createHash("sha256").update(token).digest("base64url");
	return (method, url) => {
		const head = base64url(JSON.stringify({ typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } }));
		const body = base64url(JSON.stringify({
			htm: method, htu: url.split(/[?#]/)[0], iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID(), ath,
		}));
		const signature = crypto.sign("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" });
		return { authorization: `DPoP ${token}`, dpop: `${head}.${body}.${base64url(signature)}` };
	};
}

// An Agent that signs every request on its way out: for clients that offer no place to do so. Node gives it each request before its headers are sent.
class SigningAgent extends https.Agent {
	constructor(sign, options) {
		super(options);
		this.sign = sign;
	}

	addRequest(request, options) {
		const port = Number(options.port) === 443 ? "" : `:${options.port}`;
		for (const [name, value] of Object.entries(this.sign(request.method, `https://${options.host}${port}${request.path}`)))
			request.setHeader(name, value);
		return super.addRequest(request, options);
	}
}

module.exports = { signer, SigningAgent };
