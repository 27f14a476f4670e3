-- admin: writes down that a migration was applied, in its transaction. $1 number, $2 name, $3 checksum
INSERT INTO hub.migration (number, name, checksum) VALUES ($1::int4, $2::text, $3::text)
