/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_UPLOAD_H
#define SERVER_INTERACTION_UPLOAD_H

#include "fhir/observation.h"
#include "server/exchange.h"

/*
 * The way of readings into the hub, whatever door they came by: create, the three Bundles and PCD-01 fill in entries and share the rest. An entry has its own outcome; where the
 * upload is `whole`, one error refuses all of them.
 */
enum upload_as {
	UPLOAD_SENT,
	UPLOAD_PATCHED /* it was taken in before, by whatever door, and what was measured is untouched: who performed and which profiles it might have claimed is not asked again */
};
struct upload_entry {
	enum upload_as as;
	const struct json *resource; /* NULL: nothing to store (refused, or ignored) */
	struct str expression;
	struct str if_none_exist; /* as sent */
	struct str condition;     /* the identity it names, or empty */
	bool correction;          /* the sender says that it replaces what it sent before */
	bool ignored;
	struct outcome outcome;
	struct observation observation;
	size_t patient; /* of exchange->resolve.items; UPLOAD_NOBODY: no national id could be read */
	struct write_item *written;      /* NULL: was not stored */
	struct conditional *conditional; /* of a conditional update in a transaction, else NULL */
	uint64_t fresh; /* the id that it gets where it is new; 0: as it comes, or not given yet */
};
struct links;
struct changes;
struct conditionals;
#define UPLOAD_NOBODY SIZE_MAX
/* What POST /fhir/Observation takes is what an entry may be. A message has a limit of its own. */
#define UPLOAD_RESOURCE_MAX ((size_t)1 << 20)

struct upload {
	struct exchange *exchange;
	struct upload_entry *entries;
	size_t count;
	bool whole;
	enum write_door door;
	struct zone zone;       /* of times without zone */
	struct str base;        /* of absolute references to what is here */
	struct str raw;         /* the message to keep, or empty */
	struct str profile;     /* to hold Observations to beside those they claim, or empty */
	struct store_keep keep; /* what else becomes of it */
	size_t checked;         /* VALIDATE goes on here */
	struct links *links;    /* of a Bundle, else NULL */
	struct changes
		*changes; /* of a transaction that changes what is there by its id, else NULL */
	struct conditionals *conditionals; /* of one that does so by a condition, else NULL */
	const struct grant **grants;       /* of each patient; NULL: refused */
	/* STORE: which entries the write under way is of. A long batch is several writes, one after the other, so that nobody waits behind all of it. */
	size_t from, to;
	size_t alone; /* entries before this one go by themselves: their part was refused for good */
	bool unlogged; /* the rows of refusals from `from` on go with the next write */
	/* Of the writes whose commits did not wait for the disk; 0: there is none to answer for. */
	uint64_t life;
	/* What the log says of each patient, of the write under way. */
	struct patient_rows *rows_of;
	size_t rows_room;
	struct outcome trouble; /* of that write */
	struct store_write write;
};

/* `count` entries, zeroed but for their outcomes' arena. */
struct upload *upload_new(struct exchange *exchange, size_t count);

/*
 * A resource as an upload by FHIR reads it: against R4, what the hub needs, and who the token says performs. Fills *out and adds every issue; false when an error was added, and then out->subject alone is filled,
 * where it could be read.
 */
bool upload_read(struct exchange *exchange, const struct json *json, struct str expression,
	enum upload_as as, struct observation *out, struct outcome *outcome);

/* Does it say whose it is, by a national id or by the id of a Patient? A Device, or an Observation about one, may say neither. */
bool upload_names_patient(const struct observation *observation);
/* Whose it says it is. False where it says nothing, or by an id that is none of ours. */
bool upload_patient_key(const struct exchange *exchange, const struct observation *observation,
	struct person_key *out);
/* Does it say whose it is? False adds an error. */
bool upload_require_patient(
	const struct observation *observation, struct str expression, struct outcome *outcome);
/* Adds the error for an id that leads to nobody, or to nobody of whom the caller's own controller holds anything, and returns false: one text for both, because the hub does not tell whom it knows. */
bool upload_refuse_patient(
	const struct observation *observation, struct str expression, struct outcome *outcome);

/* The steps; each takes the exchange's upload explicitly because it lies within the interaction's own state. */
void upload_validate(struct exchange *exchange, struct upload *upload);
void upload_who(struct exchange *exchange, struct upload *upload);
void upload_decide(struct exchange *exchange, struct upload *upload);
void upload_store(struct exchange *exchange, struct upload *upload);
void upload_audit(struct exchange *exchange, struct upload *upload);

/* May it be stored, as far as is known? */
bool upload_is_sound(const struct upload_entry *entry);
/* Makes the access-log rows of entries from..to: one a patient and outcome. `storing`: sound entries are about to be committed with these rows. */
void upload_log_patients(struct exchange *exchange, struct upload *upload, bool storing);

/* Where the entry's request stands: `Bundle.entry[i].request.<element>`, or nowhere where it is alone. */
struct str upload_request_place(const struct upload_entry *entry, const char *element);
/* Gives the entry the id that it gets where it is new, once. False: an error was added to the exchange. */
bool upload_give_id(struct exchange *exchange, struct upload_entry *entry);

/* Says in the outcome what became of a stored entry, where that is not plain: a re-send, a new version, kept beside. */
void upload_explain(struct upload_entry *entry);
/* HTTP status of a stored entry: 201 or 200. */
int upload_status(const struct upload_entry *entry);
/* The FHIR id of what is stored, on the arena. */
struct str upload_id(struct exchange *exchange, const struct upload_entry *entry);

#endif
