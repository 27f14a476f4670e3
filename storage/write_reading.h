/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STORAGE_WRITE_READING_H
#define STORAGE_WRITE_READING_H

#include "storage/store.h"

/* One reading of a group on its way: what is known of it, and how far it has come. */
struct job;

/* What the database has of a reading's identity, after a probe. */
struct hit {
	uint64_t id; /* 0: nothing */
	int version;
	bool same;  /* its content, or that of an earlier version of it, is ours */
	bool equal; /* its content now is ours */
	bool named; /* found by an identifier of the sender's, not by device and time or content */
	bool asked; /* found by the condition of the create */
	bool gone;  /* a tombstone */
	uint64_t upload;
	instant recv;
};

enum reading_state {
	READING_NEW,      /* to be inserted if its keys are unknown */
	READING_ADDED,    /* inserted */
	READING_KNOWN,    /* there already */
	READING_ASKING,   /* another value; was it kept beside before? */
	READING_CHANGING, /* its new version is on the way */
	READING_CHANGED,
	READING_GONE,      /* it was deleted, and stays so */
	READING_REPLACING, /* it is deleted by the same write: its identities are to be freed */
	/* UPDATE and DELETE of a row by its id (write_change.c) */
	READING_DUE,
	READING_DONE,
	READING_REFUSED
};

/* A reading made ready: all that can be known without the database. Lives on the exchange's arena. */
struct reading {
	struct write_item *item;
	struct job *job;
	struct mac128 digest;
	struct mac128 *keys;
	bool *key_hit; /* the probe found this key */
	size_t key_count;
	struct mac128 least; /* the smallest key */
	struct str body;     /* packed */
	int16_t pack;
	int32_t code, category, unit;
	int32_t *term_codes, *term_units;
	/* within a group */
	uint64_t id;
	/* Phase of the probe it waits for: 0, or after the reading of the same request with the same key. */
	unsigned round;
	enum reading_state state;
	bool shared; /* another reading of the same request has a key of it */
	bool beside, asked, terms_due;
	uint64_t replaced;    /* the row whose identities it took over */
	struct str digests;   /* DELETE: of the contents it had */
	instant received;     /* what the database gave: lastUpdated */
	enum write_fate fate; /* DONE, REFUSED */
	struct hit hit;
};

/* Is it an UPDATE or DELETE of a row that is named by its id? */
static inline bool reading_is_change(const struct reading *reading)
{
	return reading->item->mode != WRITE_CREATE;
}

#endif
