-- The tables. Columns of eight bytes first, then four, two, the rest: no padding.
SET LOCAL ROLE hub_owner;

-- ---- small tables, whole on every node (Citus: reference tables); no patient in them

-- A FHIR id has 20 bits for the tenant. tenant_id 0 is nobody's.
CREATE TABLE hub.tenant (
	tenant_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (tenant_id BETWEEN 1 AND 1048575),
	orgnr int4 NOT NULL UNIQUE CHECK (orgnr BETWEEN 100000000 AND 999999999),
	controller bool NOT NULL,
	state int2 NOT NULL DEFAULT 1,
	name text NOT NULL
);

-- zone: how times without one are read; NULL where the client sends none
CREATE TABLE hub.client (
	client_id text PRIMARY KEY CHECK (client_id <> ''),
	orgnr int4 NOT NULL REFERENCES hub.tenant (orgnr),
	scopes int4 NOT NULL,
	state int2 NOT NULL DEFAULT 1,
	zone text,
	name text NOT NULL
);

-- A list of codings as one integer: `concept` is its text (struct concept), at most 2000 bytes so that it can be a key.
-- canon: code_id of the leading coding's own concept of one coding; 0: this one itself.
CREATE TABLE hub.code (
	code_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	canon int4 NOT NULL,
	class int2 NOT NULL CHECK (class BETWEEN 1 AND 3),
	concept text NOT NULL UNIQUE CHECK (octet_length(concept) <= 2000)
);
-- Leads from a coding to the concepts that hold it, and back. system is empty where the coding has none.
CREATE TABLE hub.coding (
	code_id int4 NOT NULL REFERENCES hub.code,
	system text NOT NULL,
	code text NOT NULL
);
CREATE INDEX coding_concept ON hub.coding (code_id, system, code);
CREATE INDEX coding_code ON hub.coding (code, system, code_id);
ALTER TABLE hub.coding ADD PRIMARY KEY (system, code, code_id);
ALTER TABLE hub.code SET (autovacuum_analyze_threshold = 20);
ALTER TABLE hub.coding SET (autovacuum_analyze_threshold = 20);

-- reader is a tenant too; canon 0: all codes of the class
CREATE TABLE hub.rule (
	rule_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant_id int4 NOT NULL REFERENCES hub.tenant,
	reader int4 NOT NULL REFERENCES hub.tenant,
	canon int4 NOT NULL DEFAULT 0,
	class int2 NOT NULL CHECK (class BETWEEN 1 AND 3),
	purpose int2 NOT NULL,
	valid_from timestamptz NOT NULL DEFAULT now(),
	valid_to timestamptz NOT NULL DEFAULT 'infinity'
);

-- One row, moved in the transaction that changes tenant, client, rule or block; every RESOLVE reads it.
CREATE TABLE hub.rules_version (one bool PRIMARY KEY DEFAULT true CHECK (one), version int8 NOT NULL);
INSERT INTO hub.rules_version (version) VALUES (1);

-- Who and on what basis, once per session instead of once per log row; ctx is an HMAC of body.
CREATE TABLE hub.log_ctx (ctx uuid PRIMARY KEY, last_month int4 NOT NULL, body bytea NOT NULL);

-- The hub leases blocks of 65536 ids and numbers its rows itself. Persons and subjects are rare: a sequence each; a FHIR id has 40 bits for a subject.
CREATE SEQUENCE hub.id_lease INCREMENT BY 65536 MINVALUE 65536 NO CYCLE;
CREATE SEQUENCE hub.person_id MAXVALUE 1099511627775 NO CYCLE;
CREATE SEQUENCE hub.subject_id MAXVALUE 1099511627775 NO CYCLE;
CREATE SEQUENCE hub.block_id NO CYCLE;

-- ---- persons: bucket first in every key, so that one patient's rows live on one shard

-- bucket: the home, kept for life. id_enc: the national id, encrypted; no login can read it.
CREATE TABLE hub.person (
	person_id int8 NOT NULL,
	bucket int4 NOT NULL CHECK (bucket BETWEEN 0 AND 65535),
	id_enc bytea NOT NULL,
	PRIMARY KEY (bucket, person_id)
);
-- One row per national id: its own (bucket, mac) leads to (home, person_id).
CREATE TABLE hub.alias (
	mac uuid NOT NULL,
	person_id int8 NOT NULL,
	bucket int4 NOT NULL CHECK (bucket BETWEEN 0 AND 65535),
	home int4 NOT NULL CHECK (home BETWEEN 0 AND 65535),
	PRIMARY KEY (bucket, mac)
);
-- Persons that turned out to be one: a row for each ordered pair of them, so one step finds all.
CREATE TABLE hub.person_link (
	person_id int8 NOT NULL,
	to_person int8 NOT NULL,
	bucket int4 NOT NULL CHECK (bucket BETWEEN 0 AND 65535),
	to_home int4 NOT NULL CHECK (to_home BETWEEN 0 AND 65535),
	PRIMARY KEY (bucket, person_id, to_home, to_person)
);
-- What a controller knows a person as.
CREATE TABLE hub.subject (
	subject_id int8 NOT NULL,
	person_id int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	PRIMARY KEY (bucket, tenant_id, subject_id),
	UNIQUE (bucket, person_id, tenant_id)
);
-- A patient's objection. tenant_id 0: all controllers; actor_orgnr 0: everybody; canon 0: everything.
CREATE TABLE hub.block (
	block_id int8 NOT NULL,
	person_id int8 NOT NULL,
	valid_from timestamptz NOT NULL DEFAULT now(),
	valid_to timestamptz NOT NULL DEFAULT 'infinity',
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	actor_orgnr int4 NOT NULL,
	canon int4 NOT NULL DEFAULT 0,
	PRIMARY KEY (bucket, person_id, tenant_id, block_id)
);

-- ---- readings

-- One envelope for every resource type. time_low, time_high: half-open; both '-infinity' where there is no time (NULL would come first in DESC
-- and fall out of keyset conditions). code, category, unit: hub.code. body: packed by the hub with dictionary number `pack`.
-- No foreign key to subject: subjects are never deleted, RESOLVE made the row, and the check would run past the policies.
CREATE TABLE hub.observation (
	id int8 NOT NULL,
	time_low timestamptz NOT NULL,
	time_high timestamptz NOT NULL,
	val_low float8,
	val_high float8,
	recv timestamptz NOT NULL,
	subject_id int8 NOT NULL,
	upload_id int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	code int4 NOT NULL,
	category int4 NOT NULL,
	unit int4,
	version int4 NOT NULL,
	type int2 NOT NULL,
	class int2 NOT NULL,
	status int2 NOT NULL,
	pack int2 NOT NULL,
	digest uuid NOT NULL,
	body bytea NOT NULL
);
ALTER TABLE hub.observation ALTER body SET STORAGE EXTERNAL;
-- While a table is empty its indexes cost the same, and PostgreSQL takes the youngest that will do: so the key comes last, or reads by id would
-- be planned along the index led by subject, and that plan would stay.
-- Few readings last longer than a day (25 hours: the longest there is). A search for "ends after T" starts its walk 25 hours before T, or
-- at the oldest of these that ends after T; without it the walk would go through all that is older.
CREATE INDEX observation_long ON hub.observation (bucket, tenant_id, subject_id, time_high, time_low)
	WHERE (CASE WHEN isfinite(time_low) AND isfinite(time_high) THEN time_high - time_low > interval '25 hours' ELSE time_high > time_low END);
CREATE INDEX observation_code ON hub.observation (bucket, tenant_id, subject_id, code, time_low DESC, id DESC);
-- Only for statements that say `type = 1`. Those led by a code take the type as a parameter, so that no plan can prefer this index to the one above:
-- both give the order, and on an empty table, or with a period, this one may seem as good.
CREATE INDEX observation_new ON hub.observation (bucket, tenant_id, subject_id, time_low DESC, id DESC) WHERE type = 1;
ALTER TABLE hub.observation ADD PRIMARY KEY (bucket, tenant_id, id);
ALTER TABLE hub.observation SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE hub.observation_history (LIKE hub.observation, PRIMARY KEY (bucket, tenant_id, id, version));
ALTER TABLE hub.observation_history ALTER body SET STORAGE EXTERNAL;

-- Identity: every key of a reading. This constraint decides every race.
CREATE TABLE hub.obs_key (
	id int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	key uuid NOT NULL,
	PRIMARY KEY (bucket, tenant_id, key)
);
ALTER TABLE hub.obs_key SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Components (kind 2).
CREATE TABLE hub.term (
	id int8 NOT NULL,
	time_low timestamptz NOT NULL,
	val_low float8,
	val_high float8,
	subject_id int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	code int4 NOT NULL,
	unit int4,
	kind int2 NOT NULL
);
CREATE INDEX term_code ON hub.term (bucket, tenant_id, subject_id, code, time_low DESC, id DESC);

-- Second and later sources of one reading; the first is observation.upload_id.
CREATE TABLE hub.obs_source (
	id int8 NOT NULL,
	upload_id int8 NOT NULL,
	recv timestamptz NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	PRIMARY KEY (bucket, tenant_id, id, upload_id)
);
-- The message as it came (PCD-01); upload_id is the request's correlation id, bucket that of its first subject.
CREATE TABLE hub.upload (
	upload_id int8 NOT NULL,
	recv timestamptz NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	door int2 NOT NULL,
	pack int2 NOT NULL,
	client text NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (bucket, tenant_id, upload_id)
);
ALTER TABLE hub.upload ALTER body SET STORAGE EXTERNAL;
-- Who holds what kind of data about whom, by month (since 1970-01). category: hub.code. class as in the rules: a rule for one opens no other.
CREATE TABLE hub.locator (
	person_id int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	category int4 NOT NULL,
	month int4 NOT NULL,
	class int2 NOT NULL,
	PRIMARY KEY (bucket, person_id, tenant_id, category, class, month)
);

-- ---- the access log: insert-only, without unique key (ids are leased, nothing upserts), by month of `at`.
-- classes: bit mask 1 << class. body: 16 bytes of salt, then JSON, packed where that pays (storage/access_log.h).
CREATE TABLE hub.access_log (
	at timestamptz NOT NULL,
	id int8 NOT NULL,
	person_id int8 NOT NULL,
	corr int8 NOT NULL,
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	actor_orgnr int4 NOT NULL,
	op int2 NOT NULL,
	type int2 NOT NULL,
	outcome int2 NOT NULL,
	classes int2 NOT NULL,
	ctx uuid NOT NULL,
	leaf bytea NOT NULL,
	body bytea NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX access_log_person ON hub.access_log (bucket, person_id, at DESC, id DESC);
CREATE INDEX access_log_tenant ON hub.access_log (tenant_id, at DESC);
CREATE INDEX access_log_actor ON hub.access_log (actor_orgnr, at DESC);
