/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What pcd01 makes of a message is JSON that observation_read() takes, or an error that names its place; the acknowledgement is well-formed HL7 with one segment for each issue.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fhir/base/arena.h"
#include "fhir/base/json.h"
#include "fhir/envelope.h"
#include "fhir/hl7/ack.h"
#include "fhir/hl7/explain.h"
#include "fhir/observation.h"

/* 2026-11-21T10:00:00Z */
#define NOW (1795255200 * INSTANT_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_observations(struct arena *arena, const struct pcd01 *read)
{
	const struct observation_policy policy = {
		.national = NATIONAL_BOTH, .zone = { .oslo = true }, .now = NOW, .made_here = true
	};
	for (size_t i = 0; i < read->count; i++) {
		struct outcome outcome = { .arena = arena };
		struct observation observation = { 0 };
		const struct json *const json =
			json_parse(arena, read->observations[i], 1000000, &outcome);
		const bool good = json != NULL && observation_read(arena, json, STR("Observation"),
							  &policy, &observation, &outcome);
		if (!good)
			fprintf(stderr, "%.*s: %.*s\n%.*s\n", STR_ARG(outcome.first->expression),
				STR_ARG(outcome.first->text), STR_ARG(read->observations[i]));
		require(good);
		require(read->places[i].sequence > 0);
	}
}

static void check_devices(struct arena *arena, const struct pcd01 *read)
{
	const struct observation_policy policy = {
		.national = NATIONAL_BOTH, .zone = { .oslo = true }, .now = NOW
	};
	for (size_t i = 0; i < read->device_count; i++) {
		struct outcome outcome = { .arena = arena };
		struct observation device = { 0 };
		const struct json *const json =
			json_parse(arena, read->devices[i], 1000000, &outcome);
		require(json != NULL &&
			envelope_read(arena, json, STR("Device"), &policy, &device, &outcome));
	}
}

static void check_ack(struct arena *arena, const struct pcd01 *read, const struct outcome *outcome)
{
	struct buf buf = buf_new(arena, 1024, 4 << 20);
	const struct ack ack = { read, STR("A"), NOW, false };
	ack_render(&buf, &ack, outcome);
	size_t segments = 0;
	for (size_t i = 0; i < buf.length; i++)
		segments += buf.at[i] == '\r';
	require(!buf.full && str_is_utf8(buf_str(&buf)));
	require(segments == 2 + outcome->kept);
	struct er7 message;
	struct outcome own = { .arena = arena };
	require(er7_parse(arena, buf_str(&buf), &message, &own));
}

/* What vendors are shown says the same, and is safe for a terminal. */
static void check_explanation(
	struct arena *arena, struct str bytes, const struct pcd01_policy *policy, bool good)
{
	struct buf buf = buf_new(arena, 4096, 64 << 20);
	const enum pcd01_tier tier = explain_write(&buf, bytes, policy);
	require(good == (tier == PCD01_ACCEPTED || tier == PCD01_WARNED) && !buf.full &&
		str_is_utf8(buf_str(&buf)));
	for (size_t i = 0; i < buf.length; i++)
		require(((unsigned char)buf.at[i] >= ' ' && buf.at[i] != 0x7f) ||
			buf.at[i] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(256 << 20);
	struct outcome outcome = { .arena = arena };
	struct er7 message;
	struct pcd01 read = { 0 };
	const struct pcd01_policy policy = {
		.national = NATIONAL_BOTH, .zone = { .oslo = true }, .zone_known = true, .now = NOW
	};
	const bool split =
		er7_parse(arena, (struct str){ (const char *)data, size }, &message, &outcome);
	const bool good = split && pcd01_read(arena, &message, &policy, &read, &outcome);
	if (!split)
		pcd01_head(arena, &message, &read);
	require(good == (outcome.errors == 0));
	require(good == (read.count > 0));
	check_observations(arena, &read);
	check_devices(arena, &read);
	check_ack(arena, &read, &outcome);
	check_explanation(arena, (struct str){ (const char *)data, size }, &policy, good);
	arena_free(&arena);
	return 0;
}
