/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_CHANGE_H
#define SERVER_INTERACTION_CHANGE_H

#include "fhir/observation.h"
#include "server/interaction/one.h"

/*
 * A change of one stored resource by its id, as a plan: whoever takes it in (a request of its own, an entry of a Bundle) fills in what is asked and calls the steps in order, each in the step of the
 * journey that is named. What stands in the way is in change->outcome; a step does nothing where there are errors already.
 *
 * Only rows of the caller's own controller may be changed, and only those the caller may read: what it may not read is 404, what it may read of others is 403.
 */
enum change_kind {
	CHANGE_UPDATE, /* `body` is the resource */
	CHANGE_PATCH,  /* a JSON Patch */
	CHANGE_DELETE, /* NULL */
	CHANGE_MARK    /* Parameters of $mark-unreliable */
};
struct change {
	/* asked */
	enum change_kind kind;
	enum resource_type type;
	struct str id;                      /* empty where `condition` names it */
	struct str condition;               /* identifier=system|value, undecoded: update alone */
	struct str if_match, if_none_match; /* the headers, or empty */
	/* Where the resource stands: "Observation", "Bundle.entry[3].resource". */
	struct str expression;
	const struct json *body;
	/* the way; the outcome's arena is set by change_new() */
	struct outcome outcome;
	struct one one;
	size_t item, items; /* of exchange->resolve.items: the row's, then the body's patient */
	int expected;       /* 0: any version */
	struct str condition_text;      /* as an identity */
	struct observation observation; /* the new version */
	const struct grant *reading, *writing;
	const struct grant_part *part; /* of `writing`: the row's subject */
	struct store_read now;
	bool read; /* the row as it is now is in `now` */
	unsigned tries;
	bool unchanged; /* the write says: it was so before; for its log row */
};

/* `count` changes, zeroed but for their outcomes' arena. */
struct change *change_new(struct exchange *exchange, size_t count);

/* VALIDATE: ids, conditions, and of an update the resource. */
void change_validate(struct exchange *exchange, struct change *change);
/* How many resolve items it needs: 0, 1 or 2. */
size_t change_items(const struct change *change);
/* RESOLVE: fills in items[first] and on. Changes need the database's word, so the exchange does not rely on what is remembered (exchange->afresh). */
void change_who(
	struct exchange *exchange, struct change *change, struct resolve_item *items, size_t first);
/* DECIDE: what may be read, and written. */
void change_decide(struct exchange *exchange, struct change *change);
/* STORE, first: the row as it is now is asked for; false where nothing was, and nothing need be waited for. */
bool change_read(struct exchange *exchange, struct change *change);
/* STORE, when it has come: what to write of it. False where an error says why not. */
bool change_plan(struct exchange *exchange, struct change *change, struct write_item *item);
/* After change_read(), of an update or patch: the version that it will be of when it is made. A patch that changes nothing is not foreseen. */
int change_version(const struct change *change);
/*
 * When the write has been answered: what a refused change is told. True: another writer came between, and the change, which asked for no version, is to be read and planned again.
 */
bool change_settle(struct change *change, const struct write_item *item, bool refused);

/* For whoever writes changes of its own. _part: the grant's part of the subject that the row is of, or NULL. _tell_fate: an error for an item that was refused as a CLASH or CONFLICT; false adds none. `match`: where If-Match stands. */
const struct grant_part *change_part(const struct grant *grant, const struct resource_key *key);
bool change_tell_fate(const struct write_item *item, struct str expression, struct str match,
	struct outcome *outcome);

/* Its row in the access log: of what was changed, or of the refusal in its outcome. */
void change_log(struct exchange *exchange, const struct change *change);
/* HTTP status of a change that was made: 200, 201 (brought back), 204. */
int change_status(const struct write_item *item);

#endif
