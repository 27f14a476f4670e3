-- admin: what was done with a message kept aside. $1 number
SELECT to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), e.what, e.who, e.why
FROM hub.quarantine_event e WHERE substr(replace(e.digest::text, '-', ''), 1, 16) = $1::text ORDER BY e.at
