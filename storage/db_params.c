/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * PostgreSQL's binary formats, as its send and receive functions have them: integers and floats big-endian, times as microseconds since
 * 2000-01-01 UTC, arrays as dimensions, has-null flag, element type, length, lower bound and then each element behind its length.
 */
#include "storage/db_private.h"

#include <assert.h>
#include <math.h>

/* pg_type.dat */
enum {
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_FLOAT8 = 701,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950
};

/* 2000-01-01T00:00:00Z in our epoch. */
#define POSTGRES_EPOCH ((instant)946684800 * INSTANT_SECOND)

static char *put16(char *at, uint16_t value)
{
	const uint16_t wire = __builtin_bswap16(value);
	memcpy(at, &wire, sizeof(wire));
	return at + sizeof(wire);
}

static char *put32(char *at, uint32_t value)
{
	const uint32_t wire = __builtin_bswap32(value);
	memcpy(at, &wire, sizeof(wire));
	return at + sizeof(wire);
}

static char *put64(char *at, uint64_t value)
{
	const uint64_t wire = __builtin_bswap64(value);
	memcpy(at, &wire, sizeof(wire));
	return at + sizeof(wire);
}

static uint64_t float_bits(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static int64_t time_bits(instant value)
{
	/* The infinities are the same two numbers in both; what lies before PostgreSQL's calendar is refused there. */
	if (value == INSTANT_MIN || value == INSTANT_MAX)
		return value;
	return value < INSTANT_MIN + POSTGRES_EPOCH ? INSTANT_MIN + 1 : value - POSTGRES_EPOCH;
}

struct db_params *db_params(struct arena *arena, unsigned count)
{
	struct db_params *params = arena_alloc(arena, sizeof(*params));
	params->arena = arena;
	params->count = count;
	params->values = arena_array(arena, count, sizeof(*params->values));
	params->lengths = arena_array(arena, count, sizeof(*params->lengths));
	params->formats = arena_array(arena, count, sizeof(*params->formats));
	return params;
}

/* The next parameter; NULL makes it null. */
static void add(struct db_params *params, const char *value, size_t length)
{
	assert(params->used < params->count && length <= INT32_MAX);
	params->values[params->used] = value;
	params->lengths[params->used] = (int)length;
	params->formats[params->used] = 1;
	params->used++;
}

static char *add_room(struct db_params *params, size_t length)
{
	char *at = arena_bytes(params->arena, length);
	add(params, at, length);
	return at;
}

void db_null(struct db_params *params)
{
	add(params, NULL, 0);
}

void db_int2(struct db_params *params, int16_t value)
{
	put16(add_room(params, 2), (uint16_t)value);
}

void db_int4(struct db_params *params, int32_t value)
{
	put32(add_room(params, 4), (uint32_t)value);
}

void db_int8(struct db_params *params, int64_t value)
{
	put64(add_room(params, 8), (uint64_t)value);
}

void db_float8(struct db_params *params, double value)
{
	put64(add_room(params, 8), float_bits(value));
}

void db_bool(struct db_params *params, bool value)
{
	*add_room(params, 1) = (char)value;
}

void db_time(struct db_params *params, instant value)
{
	put64(add_room(params, 8), (uint64_t)time_bits(value));
}

void db_uuid(struct db_params *params, const struct mac128 *value)
{
	memcpy(add_room(params, sizeof(value->bytes)), value->bytes, sizeof(value->bytes));
}

void db_text(struct db_params *params, struct str value)
{
	char *at = add_room(params, value.length);
	if (value.length > 0)
		memcpy(at, value.at, value.length);
}

void db_bytea(struct db_params *params, struct str value)
{
	db_text(params, value);
}

/* Room for an array of `bytes` bytes of elements, their lengths not counted; *at_out is where the first stands. */
static void array_start(struct db_params *params, uint32_t type, size_t count, size_t bytes,
	bool nulls, char **at_out)
{
	if (count == 0) {
		put32(put32(put32(add_room(params, 12), 0), 0), type);
		*at_out = NULL;
		return;
	}
	char *at = put32(add_room(params, 20 + 4 * count + bytes), 1);
	at = put32(at, nulls);
	at = put32(at, type);
	at = put32(at, (uint32_t)count);
	*at_out = put32(at, 1);
}

void db_int2s(struct db_params *params, const int16_t *values, size_t count)
{
	char *at;
	array_start(params, OID_INT2, count, 2 * count, false, &at);
	for (size_t i = 0; i < count; i++)
		at = put16(put32(at, 2), (uint16_t)values[i]);
}

void db_int4s(struct db_params *params, const int32_t *values, size_t count)
{
	char *at;
	array_start(params, OID_INT4, count, 4 * count, false, &at);
	for (size_t i = 0; i < count; i++)
		at = put32(put32(at, 4), (uint32_t)values[i]);
}

void db_int8s(struct db_params *params, const int64_t *values, size_t count)
{
	char *at;
	array_start(params, OID_INT8, count, 8 * count, false, &at);
	for (size_t i = 0; i < count; i++)
		at = put64(put32(at, 8), (uint64_t)values[i]);
}

void db_float8s(struct db_params *params, const double *values, size_t count)
{
	size_t nulls = 0;
	for (size_t i = 0; i < count; i++)
		nulls += isnan(values[i]) != 0;
	char *at;
	array_start(params, OID_FLOAT8, count, 8 * (count - nulls), nulls > 0, &at);
	for (size_t i = 0; i < count; i++) {
		if (isnan(values[i]))
			at = put32(at, UINT32_MAX);
		else
			at = put64(put32(at, 8), float_bits(values[i]));
	}
}

void db_times(struct db_params *params, const instant *values, size_t count)
{
	char *at;
	array_start(params, OID_TIMESTAMPTZ, count, 8 * count, false, &at);
	for (size_t i = 0; i < count; i++)
		at = put64(put32(at, 8), (uint64_t)time_bits(values[i]));
}

void db_uuids(struct db_params *params, const struct mac128 *values, size_t count)
{
	char *at;
	array_start(params, OID_UUID, count, sizeof(values->bytes) * count, false, &at);
	for (size_t i = 0; i < count; i++) {
		at = put32(at, sizeof(values[i].bytes));
		memcpy(at, values[i].bytes, sizeof(values[i].bytes));
		at += sizeof(values[i].bytes);
	}
}

static void slices(struct db_params *params, uint32_t type, const struct str *values, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += values[i].length;
	char *at;
	array_start(params, type, count, bytes, false, &at);
	for (size_t i = 0; i < count; i++) {
		at = put32(at, (uint32_t)values[i].length);
		if (values[i].length > 0)
			memcpy(at, values[i].at, values[i].length);
		at += values[i].length;
	}
}

void db_texts(struct db_params *params, const struct str *values, size_t count)
{
	slices(params, OID_TEXT, values, count);
}

void db_byteas(struct db_params *params, const struct str *values, size_t count)
{
	slices(params, OID_BYTEA, values, count);
}

/* A struct db_rows is libpq's result seen as const. */
static const PGresult *result_of(const struct db_rows *rows)
{
	return (const PGresult *)rows;
}

unsigned db_row_count(const struct db_rows *rows)
{
	return (unsigned)PQntuples(result_of(rows));
}

bool db_is_null(const struct db_rows *rows, unsigned row, unsigned column)
{
	return PQgetisnull(result_of(rows), (int)row, (int)column) != 0;
}

struct str db_get_bytes(const struct db_rows *rows, unsigned row, unsigned column)
{
	return (struct str){ PQgetvalue(result_of(rows), (int)row, (int)column),
		(size_t)PQgetlength(result_of(rows), (int)row, (int)column) };
}

int64_t db_get_int(const struct db_rows *rows, unsigned row, unsigned column)
{
	const struct str bytes = db_get_bytes(rows, row, column);
	if (bytes.length == 0)
		return 0;
	assert(bytes.length <= sizeof(int64_t));
	uint64_t value = (signed char)bytes.at[0] < 0 ? UINT64_MAX : 0;
	for (size_t i = 0; i < bytes.length; i++)
		value = value << 8 | (unsigned char)bytes.at[i];
	return (int64_t)value;
}

double db_get_float8(const struct db_rows *rows, unsigned row, unsigned column)
{
	if (db_is_null(rows, row, column))
		return NAN;
	const int64_t bits = db_get_int(rows, row, column);
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool db_get_bool(const struct db_rows *rows, unsigned row, unsigned column)
{
	const struct str bytes = db_get_bytes(rows, row, column);
	return bytes.length == 1 && bytes.at[0] != 0;
}

instant db_get_time(const struct db_rows *rows, unsigned row, unsigned column)
{
	const int64_t bits = db_get_int(rows, row, column);
	if (bits == INSTANT_MIN || bits == INSTANT_MAX)
		return bits;
	return bits + POSTGRES_EPOCH;
}

struct mac128 db_get_uuid(const struct db_rows *rows, unsigned row, unsigned column)
{
	struct mac128 value = { 0 };
	const struct str bytes = db_get_bytes(rows, row, column);
	if (bytes.length == sizeof(value.bytes))
		memcpy(value.bytes, bytes.at, sizeof(value.bytes));
	return value;
}
