/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef FHIR_ELEMENT_WALK_H
#define FHIR_ELEMENT_WALK_H

/* What element.c and element_rule.c share; for nobody else. */

#include "fhir/base/instant.h"
#include "fhir/base/json.h"

/* Where we are: a link to where we came from. */
struct place {
	const struct place *up;
	struct str name;
	int index; /* -1 where the element is not repeated */
};

/* One walk over a resource. */
struct walk {
	struct outcome *outcome;
	struct zone zone; /* for times without one */
	const struct json *root;
	bool holds;        /* contained resources */
	uint64_t referred; /* bits of the first 64 of them that something refers to */
};

/* The FHIRPath of a place, on the outcome's arena. */
struct str place_path(const struct place *place, const struct walk *walk);

/* What a rule asks of the members that are there (the first three), or of the values of `these` and `those` where both are there. */
enum rule_kind {
	RULE_ANY,      /* one of `these` */
	RULE_IMPLIES,  /* where one of `these` is there, one of `those` is too */
	RULE_NEVER,    /* none of `these` beside one of `those` */
	RULE_LOCAL,    /* reference "#id": a contained resource has this id */
	RULE_ORDER,    /* low is not above high, where their units compare */
	RULE_TIMES,    /* start is not behind end */
	RULE_DURATION, /* is not negative */
	RULE_PERIOD,   /* neither */
	RULE_MARKUP,   /* the narrative is basic formatting */
	RULE_WORDS,    /* and says something */
	RULE_MEALS     /* an offset counts from no meal whose hour is not known */
};

struct element_rule {
	const char *key, *text;
	enum rule_kind kind;
	uint64_t these, those;
};

/* Is the rule broken by an object that has these members? Marks what a local reference refers to. */
bool element_rule_broken(const struct element_rule *rule, uint64_t members, const struct json *json,
	struct walk *walk);

/* Adds an error where a Reference is seen to lead to a type that is not among `targets` (joined by '|'; NULL: any may be), or to another than its own `type` says. */
void element_target_check(const char *targets, const struct json *json, const struct place *place,
	const struct walk *walk);

/* Tells of contained resources that nothing refers to and that do not refer to the one around them (dom-3). */
void element_contained_check(struct str expression, struct walk *walk);

#endif
