-- Senders that are known by a client certificate, and messages that are kept aside. hub_quarantine is the operator's login for the latter: they are whole messages, national ids and
-- all, which hub_admin must not read. Like the readings themselves they are seen one controller at a time.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'hub_quarantine') THEN
		BEGIN
			CREATE ROLE hub_quarantine LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;
		END;
	END IF;
END
$$;
DO $$
DECLARE
	setting text;
BEGIN
	FOREACH setting IN ARRAY ARRAY['search_path = pg_catalog', 'lock_timeout = ''5s''', 'idle_in_transaction_session_timeout = ''60s'''] LOOP
		EXECUTE format('ALTER ROLE hub_quarantine IN DATABASE %I SET %s', current_database(), setting);
	END LOOP;
END
$$;

SET LOCAL ROLE hub_owner;
GRANT USAGE ON SCHEMA hub TO hub_quarantine;
GRANT SELECT ON hub.migration TO hub_quarantine;

-- Either one certificate (SHA-256 of its DER) or every certificate of an organisation that the door's CA file vouches for. What is revoked stays, with its time.
CREATE TABLE hub.sender (
	sender_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	client_id text NOT NULL REFERENCES hub.client,
	orgnr int4 CHECK (orgnr BETWEEN 100000000 AND 999999999),
	thumbprint bytea CHECK (octet_length(thumbprint) = 32),
	added timestamptz NOT NULL DEFAULT now(),
	revoked timestamptz NOT NULL DEFAULT 'infinity',
	CHECK ((orgnr IS NULL) <> (thumbprint IS NULL))
);
-- One sender a certificate.
CREATE UNIQUE INDEX sender_thumbprint ON hub.sender (thumbprint) WHERE revoked = 'infinity';
CREATE UNIQUE INDEX sender_orgnr ON hub.sender (orgnr) WHERE revoked = 'infinity';
GRANT SELECT ON hub.sender TO hub_resolve;
GRANT SELECT, INSERT, UPDATE (revoked) ON hub.sender TO hub_admin;

-- Messages of which nothing, or not everything, became readings, as they came. digest: keyed, of the bytes, so the same message is kept once; its first half is the number senders and
-- operators know it by. bucket: that of the patient, 0 where the message names nobody. state: 1 kept, 2 to be released, not before `due` and at most three times, 3 released. Rows stay for
-- as long as their controller keeps its readings; one that is dropped is gone, and its event says when and why.
CREATE TABLE hub.quarantine (
	recv timestamptz NOT NULL,
	due timestamptz NOT NULL DEFAULT 'infinity',
	bucket int4 NOT NULL CHECK (bucket BETWEEN 0 AND 65535),
	tenant_id int4 NOT NULL,
	door int2 NOT NULL,
	pack int2 NOT NULL,
	state int2 NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3),
	tries int2 NOT NULL DEFAULT 0,
	digest uuid NOT NULL,
	client text NOT NULL,
	reason text NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (bucket, tenant_id, digest)
);
ALTER TABLE hub.quarantine ALTER body SET STORAGE EXTERNAL;
CREATE INDEX quarantine_tenant ON hub.quarantine (tenant_id, recv DESC);
CREATE INDEX quarantine_due ON hub.quarantine (due) WHERE state = 2;
-- Which operator looked at one, released or dropped it, and why: written with the deed, never changed. what: 1 looked at its text, 2 released, 3 dropped.
CREATE TABLE hub.quarantine_event (
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	bucket int4 NOT NULL,
	tenant_id int4 NOT NULL,
	what int2 NOT NULL CHECK (what BETWEEN 1 AND 3),
	digest uuid NOT NULL,
	who text NOT NULL,
	why text NOT NULL
);
CREATE INDEX quarantine_event_digest ON hub.quarantine_event (bucket, tenant_id, digest, at);

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['quarantine', 'quarantine_event'] LOOP
		EXECUTE format('ALTER TABLE hub.%I ENABLE ROW LEVEL SECURITY', name);
		EXECUTE format('ALTER TABLE hub.%I FORCE ROW LEVEL SECURITY', name);
		EXECUTE format('CREATE POLICY q ON hub.%I TO hub_quarantine USING (tenant_id = nullif(current_setting(''hub.tenant'', true), '''')::int4)', name);
	END LOOP;
END
$$;
CREATE POLICY w ON hub.quarantine TO hub_write USING (tenant_id = nullif(current_setting('hub.tenant', true), '')::int4);
-- That something is to be released, not what.
CREATE POLICY x ON hub.quarantine FOR SELECT TO hub_resolve USING (state = 2);
GRANT SELECT (bucket, tenant_id, digest, due, state, tries) ON hub.quarantine TO hub_resolve;
GRANT SELECT, INSERT, UPDATE (due, state, tries, reason) ON hub.quarantine TO hub_write;
GRANT SELECT, UPDATE (due, state, tries), DELETE ON hub.quarantine TO hub_quarantine;
GRANT SELECT, INSERT ON hub.quarantine_event TO hub_quarantine;
GRANT SELECT ON hub.tenant TO hub_quarantine;
