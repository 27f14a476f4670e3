/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Unit expressions, by recursive descent; brackets nest at most DEPTH_MAX deep. */
#include "fhir/ucum_parse.h"

#include <math.h>

#define DEPTH_MAX    8
#define EXPONENT_MAX 30

static const struct prefix {
	const char *code;
	double factor;
} prefixes[] = {
#define PREFIX(code, factor) { code, factor },
#define ATOM(code, metric, factor, powers)
#include "fhir/ucum_atom.tbl"
#undef PREFIX
#undef ATOM
};

static const struct atom {
	const char *code;
	bool metric;
	struct ucum_unit unit;
} atoms[] = {
#define P(m, g, s, rad, k, mol, c, cd, iu)      \
	{                                       \
		m, g, s, rad, k, mol, c, cd, iu \
	}
#define PREFIX(code, factor)
#define ATOM(code, metric, factor, powers) { code, metric, { factor, powers } },
#include "fhir/ucum_atom.tbl"
#undef PREFIX
#undef ATOM
#undef P
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What is left to read. */
struct reader {
	struct str rest;
	unsigned depth;
};

static char next(const struct reader *reader)
{
	return reader->rest.length == 0 ? '\0' : reader->rest.at[0];
}

static void skip(struct reader *reader, size_t length)
{
	reader->rest = str_part(reader->rest, length, reader->rest.length);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- atoms */

static const struct atom *atom_find(struct str code, bool prefixed)
{
	for (size_t i = 0; i < COUNT(atoms); i++)
		if ((atoms[i].metric || !prefixed) && str_is(code, atoms[i].code))
			return &atoms[i];
	return NULL;
}

/* An atom stands before a prefix and an atom: min is a minute, Pa no peta-year. */
static bool take_symbol(struct str symbol, struct ucum_unit *out)
{
	const struct atom *atom = atom_find(symbol, false);
	if (atom != NULL) {
		*out = atom->unit;
		return true;
	}
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		const struct str prefix = str_of(prefixes[i].code);
		if (!str_starts(symbol, prefix))
			continue;
		atom = atom_find(str_part(symbol, prefix.length, symbol.length), true);
		if (atom != NULL) {
			*out = atom->unit;
			out->factor *= prefixes[i].factor;
			return true;
		}
	}
	return false;
}

/* Up to a digit, sign, operator, bracket or annotation; what stands in [] belongs to the symbol. */
static struct str symbol_of(const struct reader *reader)
{
	size_t at = 0;
	bool inside = false;
	for (; at < reader->rest.length; at++) {
		const char c = reader->rest.at[at];
		if (!inside && (is_digit(c) || memchr("+-./(){}", c, 8) != NULL))
			break;
		inside = c == '[' || (inside && c != ']');
	}
	return str_part(reader->rest, 0, at);
}

/* ---- expressions */

static bool take_digits(struct reader *reader, int most, int *out)
{
	if (!is_digit(next(reader)))
		return false;
	for (*out = 0; is_digit(next(reader)); skip(reader, 1)) {
		const int digit = next(reader) - '0';
		if (digit > most || *out > (most - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return true;
}

static void raise(struct ucum_unit *unit, int exponent)
{
	double factor = 1;
	for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--)
		factor *= unit->factor;
	unit->factor = exponent < 0 ? 1 / factor : factor;
	for (size_t i = 0; i < UCUM_BASES; i++)
		unit->power[i] *= exponent;
}

static bool take_exponent(struct reader *reader, struct ucum_unit *unit)
{
	int exponent;
	const char sign = next(reader);
	if (sign == '+' || sign == '-')
		skip(reader, 1);
	else if (!is_digit(sign))
		return true;
	if (!take_digits(reader, EXPONENT_MAX, &exponent))
		return false;
	raise(unit, sign == '-' ? -exponent : exponent);
	return true;
}

static bool take_annotation(struct reader *reader)
{
	if (next(reader) != '{')
		return true;
	const size_t end = str_index(reader->rest, '}');
	if (end == reader->rest.length)
		return false;
	skip(reader, end + 1);
	return true;
}

static bool take_term(struct reader *reader, struct ucum_unit *out);

static bool take_component(struct reader *reader, struct ucum_unit *out)
{
	const bool power =
		str_starts(reader->rest, STR("10*")) || str_starts(reader->rest, STR("10^"));
	int number;
	if (next(reader) == '(') {
		skip(reader, 1);
		if (++reader->depth > DEPTH_MAX || !take_term(reader, out) || next(reader) != ')')
			return false;
		reader->depth--;
		skip(reader, 1);
		return true;
	}
	if (is_digit(next(reader)) && !power) {
		if (!take_digits(reader, 1000000000, &number))
			return false;
		*out = (struct ucum_unit){ .factor = number };
		return take_annotation(reader);
	}
	*out = (struct ucum_unit){ .factor = 1 };
	if (next(reader) == '{')
		return take_annotation(reader);
	const struct str symbol = power ? str_part(reader->rest, 0, 3) : symbol_of(reader);
	if (!take_symbol(symbol, out))
		return false;
	skip(reader, symbol.length);
	return take_exponent(reader, out) && take_annotation(reader);
}

static bool take_term(struct reader *reader, struct ucum_unit *out)
{
	struct ucum_unit one;
	*out = (struct ucum_unit){ .factor = 1 };
	bool first = next(reader) != '/';
	for (;;) {
		const char joint = first ? '.' : next(reader);
		if (joint != '.' && joint != '/')
			return true;
		skip(reader, first ? 0 : 1);
		first = false;
		if (!take_component(reader, &one))
			return false;
		if (joint == '/')
			raise(&one, -1);
		out->factor *= one.factor;
		for (size_t i = 0; i < UCUM_BASES; i++)
			out->power[i] += one.power[i];
	}
}

bool ucum_parse(struct str unit, struct ucum_unit *out)
{
	struct reader reader = { .rest = unit };
	return unit.length > 0 && take_term(&reader, out) && reader.rest.length == 0 &&
	       out->factor > 0 && isfinite(out->factor);
}
