/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the log says of an upload: one row for each patient, of what was stored and of what was refused. */
#include "server/interaction/upload.h"

#include "server/audit.h"
#include "server/interaction/conditional.h"

struct patient_rows {
	struct log_codes permitted, denied;
	unsigned permits, known, denies, permit_classes, deny_classes;
	bool by_id;
	const char *reason;
	uint64_t person;
	uint16_t bucket;
};

/* Sent, and not stored for it: what the write says, as soon as it does. */
static bool is_known(const struct upload_entry *entry)
{
	return entry->written != NULL &&
	       (entry->written->fate == WRITE_KNOWN || entry->written->fate == WRITE_GONE ||
		       entry->written->fate == WRITE_UNCHANGED);
}

static void count_entry(struct arena *arena, struct patient_rows *rows,
	const struct upload_entry *entry, bool stored)
{
	const struct observation *observation = &entry->observation;
	struct log_codes *codes = stored ? &rows->permitted : &rows->denied;
	const unsigned class = observation->class == 0 ? 0 : 1u << observation->class;
	if (stored) {
		if (is_known(entry))
			rows->known++;
		else
			rows->permits++;
		rows->permit_classes |= class;
	} else {
		rows->denies++;
		rows->deny_classes |= class;
		if (rows->reason == NULL)
			rows->reason = entry->outcome.errors > 0 ? audit_reason(&entry->outcome)
								 : "other-entries";
	}
	if (observation->code.text.length > 0 && observation->type == TYPE_OBSERVATION)
		log_codes_add(arena, codes, observation->code.text, observation->time.low);
	/* What it replaces was looked at, too. */
	const struct store_row *now =
		entry->conditional == NULL ? NULL : conditional_now(entry->conditional);
	if (now == NULL)
		return;
	*(stored ? &rows->permit_classes : &rows->deny_classes) |= 1u << now->class;
	if (observation->type == TYPE_OBSERVATION)
		log_codes_add(arena, codes, now->code, now->time_low);
}

/* Does it put a new version in the place of a row that it named by a condition? */
static bool is_update(const struct upload_entry *entry)
{
	struct resource_key row;
	return entry->conditional != NULL && conditional_row(entry->conditional, &row);
}

/* The patient's row under the caller's own controller, where it writes. */
static void row_of_patient(
	struct exchange *exchange, enum log_op op, const struct patient_rows *rows, bool permit)
{
	struct log_row *row = audit_row(exchange, op, TYPE_OBSERVATION);
	row->person = rows->person;
	row->bucket = rows->bucket;
	row->tenant = exchange->tenant->id;
	row->outcome = permit ? LOG_PERMIT : LOG_DENY;
	row->classes = permit ? rows->permit_classes : rows->deny_classes;
	struct log_detail detail = audit_detail(exchange);
	detail.codes = permit ? &rows->permitted : &rows->denied;
	detail.count = permit ? rows->permits : rows->denies;
	detail.counted = true;
	detail.known = permit ? rows->known : 0;
	detail.reason = permit ? NULL : rows->reason;
	row->body = detail_render(exchange->arena, &detail);
}

/* What was done of one kind for one patient. An id that leads to nobody writes a row for nobody, so that it takes as long as one that leads to somebody else's patient. */
static void log_patient(struct exchange *exchange, const struct upload *upload, size_t number,
	enum log_op op, struct patient_rows *rows)
{
	const struct patient *patient = &exchange->resolve.items[number].patient;
	const bool known = patient->person_count > 0;
	if (!known && !rows->by_id)
		return; /* nothing was to be stored */
	const struct grant *grant = upload->grants == NULL ? NULL : upload->grants[number];
	const bool granted = grant != NULL && grant->count > 0;
	if (known) {
		rows->person = granted ? grant->parts[0].person : patient->persons[0].id;
		rows->bucket = granted ? grant->parts[0].bucket : patient->persons[0].home;
	}
	if (rows->permits + rows->known > 0)
		row_of_patient(exchange, op, rows, true);
	if (rows->denies > 0)
		row_of_patient(exchange, op, rows, false);
}

void upload_log_patients(struct exchange *exchange, struct upload *upload, bool storing)
{
	const size_t patients = exchange->asked;
	/* Those of updates stand behind those of creates. */
	const size_t count = upload->conditionals == NULL ? patients : 2 * patients;
	/* One list for all parts of a long batch, or its memory would go with their number times that of the patients. */
	if (upload->rows_of == NULL || upload->rows_room < count) {
		upload->rows_of = arena_array(exchange->arena, count, sizeof(upload->rows_of[0]));
		upload->rows_room = count;
	}
	struct patient_rows *rows = upload->rows_of;
	memset(rows, 0, count * sizeof(rows[0]));
	for (size_t i = upload->from; i < upload->to; i++) {
		const struct upload_entry *entry = &upload->entries[i];
		const bool failed = entry->outcome.errors > 0 && !audit_is_refusal(&entry->outcome);
		if (entry->patient == UPLOAD_NOBODY || failed)
			continue;
		struct patient_rows *one =
			&rows[entry->patient + (is_update(entry) ? patients : 0)];
		count_entry(exchange->arena, one, entry, storing && upload_is_sound(entry));
		one->by_id = entry->observation.subject.digits[0] == '\0';
	}
	for (size_t i = 0; i < count; i++)
		log_patient(exchange, upload, i % patients, i < patients ? LOG_CREATE : LOG_UPDATE,
			&rows[i]);
}
