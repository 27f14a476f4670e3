/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * maalehub-proof KEYFILE METHOD URL: prints a DPoP proof (RFC 9449) by the key of KEYFILE, which is made when it is not there. The access token the
 * proof is for comes on standard input (empty: a proof for the token endpoint). tools/token calls it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "authz/jose.h"
#include "authz/seal.h"
#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

static struct str read_all(struct arena *arena, int fd)
{
	struct buf text = buf_new(arena, 4096, 1 << 16);
	char piece[4096];
	for (ssize_t n = read(fd, piece, sizeof(piece)); n > 0; n = read(fd, piece, sizeof(piece)))
		buf_add(&text, (struct str){ piece, (size_t)n });
	return buf_str(&text);
}

static struct jose_key *load_key(struct arena *arena, const char *path, struct outcome *outcome)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		struct jose_key *key = jose_key_generate(JOSE_ES256);
		struct str pem = jose_key_to_pem(arena, key);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
		if (fd < 0 || write(fd, pem.at, pem.length) != (ssize_t)pem.length)
			outcome_fail(outcome, OUTCOME_FAULT, STR(""), "cannot write %s", path);
		close(fd);
		return key;
	}
	struct jose_key *key = jose_key_from_pem(read_all(arena, fd), outcome);
	close(fd);
	return key;
}

static struct str make_proof(struct arena *arena, const struct jose_key *key, const char *method,
	struct str url, struct str token)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint8_t random[16], digest[32];
	seal_random(random, sizeof(random));
	struct str jwk = jose_key_to_jwk(arena, key), rest;
	struct str header = str_format(
		arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%.*s}", STR_ARG(jwk));
	struct buf payload = buf_new(arena, 512, 4096);
	buf_add_byte(&payload, '{');
	json_write_member(&payload, "htm", str_of(method));
	json_write_member(&payload, "htu", str_cut(str_cut(url, '#', &rest), '?', &rest));
	json_write_member(&payload, "jti", str_hex(arena, random, sizeof(random)));
	if (token.length > 0) {
		seal_sha256(token, digest);
		json_write_member(&payload, "ath",
			str_to_base64url(
				arena, (struct str){ (const char *)digest, sizeof(digest) }));
	}
	buf_add_format(&payload, ",\"iat\":%lld}", (long long)now.tv_sec);
	return jws_sign(arena, header, buf_str(&payload), JOSE_ES256, key);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return fprintf(stderr, "maalehub-proof KEYFILE METHOD URL < token\n") > 0 ? 2 : 2;
	struct arena *arena = arena_new(1 << 20);
	struct outcome outcome = { .arena = arena };
	struct jose_key *key = load_key(arena, argv[1], &outcome);
	if (outcome.errors > 0)
		return fprintf(stderr, "maalehub-proof: %.*s\n", STR_ARG(outcome.first->text)) > 0
			       ? 1
			       : 1;
	struct str proof = make_proof(
		arena, key, argv[2], str_of(argv[3]), str_trim(read_all(arena, STDIN_FILENO)));
	printf("%.*s\n", STR_ARG(proof));
	jose_key_free(&key);
	arena_free(&arena);
	return proof.length > 0 ? 0 : 1;
}
