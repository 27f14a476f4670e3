/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Units brought to one per dimension: the table knows those that measurements at home come in, the parser of expressions the rest; a unit that neither knows compares with
 * itself alone.
 */
#include "fhir/base/arena.h"
#include "fhir/code.h"
#include "fhir/ucum_parse.h"

#define UNIT_MAX 64
#define KELVIN   4 /* of the base units */

static const struct unit {
	struct str name;
	struct str canonical;
	double factor, offset;
} units[] = {
#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define UCUM(name, canonical, factor, offset) { TEXT(name), TEXT(canonical), factor, offset },
#include "fhir/ucum.tbl"
#undef UCUM
#undef TEXT
};

static const struct unit *find(struct str name)
{
	size_t low = 0, high = sizeof(units) / sizeof(*units);
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = str_compare(name, units[middle].name);
		if (order == 0)
			return &units[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Copies a unit without its annotations to `out`, which has room for all of it. UCUM 2.1 section 6: they do not change its meaning. */
static struct str without_annotations(struct str unit, char *out)
{
	size_t length = 0;
	bool inside = false;
	for (size_t i = 0; i < unit.length; i++) {
		if (unit.at[i] == '{')
			inside = true;
		else if (unit.at[i] == '}')
			inside = false;
		else if (!inside)
			out[length++] = unit.at[i];
	}
	return length == 0 ? STR("1") : (struct str){ out, length };
}

struct str ucum_plain(struct arena *arena, struct str unit)
{
	if (unit.length == 0)
		return unit;
	struct str plain = unit;
	if (memchr(unit.at, '{', unit.length) != NULL)
		plain = without_annotations(unit, arena_alloc(arena, unit.length));
	const struct unit *known = find(plain);
	const bool same = known != NULL && known->factor == 1 && known->offset == 0;
	return same ? known->canonical : plain;
}

/* Temperatures alone have an offset; a kelvin within an expression is a difference. */
static bool is_temperature(const struct ucum_unit *unit)
{
	for (size_t i = 0; i < UCUM_BASES; i++)
		if (unit->power[i] != (i == KELVIN))
			return false;
	return true;
}

/* The row of the unit's dimension that is its own canonical unit. */
static bool find_dimension(struct str unit, struct str *canonical, double *factor, double *offset)
{
	struct ucum_unit asked, row;
	if (!ucum_parse(unit, &asked))
		return false;
	*offset = 0;
	if (is_temperature(&asked)) {
		*canonical = STR("Cel");
		*factor = asked.factor;
		*offset = -273.15;
		return true;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!str_equal(units[i].name, units[i].canonical) ||
			!ucum_parse(units[i].name, &row) ||
			memcmp(row.power, asked.power, sizeof(row.power)) != 0)
			continue;
		*canonical = units[i].canonical;
		*factor = asked.factor / row.factor;
		return true;
	}
	return false;
}

bool ucum_canonical(struct str unit, struct str *canonical, double *factor, double *offset)
{
	char room[UNIT_MAX];
	if (unit.length == 0 || unit.length > sizeof(room))
		return false;
	struct str plain = unit;
	if (memchr(unit.at, '{', unit.length) != NULL)
		plain = without_annotations(unit, room);
	const struct unit *known = find(plain);
	if (known == NULL)
		return find_dimension(unit, canonical, factor, offset);
	*canonical = known->canonical;
	*factor = known->factor;
	*offset = known->offset;
	return true;
}
