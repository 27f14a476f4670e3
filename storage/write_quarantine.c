/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storage/pack.h"
#include "storage/write_rows.h"

static void keep(struct group *group, const struct store_write *write)
{
	const struct store_keep *kept = &write->keep;
	struct str body;
	const int pack = pack_bytes(group->arena, write->raw, &body);
	struct db_params *params = db_params(group->arena, 9);
	db_int4(params, (int32_t)write->grant->own_tenant);
	db_time(params, group->at);
	db_int4(params, kept->bucket);
	db_uuid(params, &kept->digest);
	db_int2(params, (int16_t)kept->form);
	db_int2(params, (int16_t)pack);
	db_text(params, write->client);
	db_text(params, kept->reason);
	db_bytea(params, body);
	db_add(group->flight, SQL_WRITE_QUARANTINE, params, NULL, NULL);
}

static void settle(struct group *group, const struct store_write *write)
{
	const struct store_keep *kept = &write->keep;
	struct db_params *params = db_params(group->arena, 4);
	db_int4(params, (int32_t)write->grant->own_tenant);
	db_int4(params, kept->bucket);
	db_uuid(params, &kept->digest);
	db_text(params, kept->reason);
	db_add(group->flight, SQL_WRITE_QUARANTINE_SETTLED, params, NULL, NULL);
}

void rows_quarantine(struct group *group, uint32_t tenant)
{
	for (const struct job *job = group->jobs; job != NULL; job = job->next) {
		if (job->tenant != tenant || job->write == NULL)
			continue;
		switch (job->write->keep.what) {
		case KEEP_NOT:
			break;
		case KEEP_ASIDE:
			keep(group, job->write);
			break;
		case KEEP_SETTLE:
			settle(group, job->write);
			break;
		}
	}
}
