-- Run at every `maalehub migrate`, before the numbered files: where the migrations are written down. Changes nothing that is there.
CREATE SCHEMA IF NOT EXISTS hub;
CREATE TABLE IF NOT EXISTS hub.migration (
	number int4 PRIMARY KEY,
	name text NOT NULL,
	checksum text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
