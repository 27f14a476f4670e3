-- admin: a controller's messages kept aside, newest first; those released too where $1 is true, one alone where $2, its number, is not empty. The transaction is bound to the controller.
SELECT substr(replace(q.digest::text, '-', ''), 1, 16), to_char(q.recv AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), q.client, q.state, q.tries, q.reason, q.door, q.pack, encode(CASE WHEN $2::text = '' THEN ''::bytea ELSE q.body END, 'hex')
FROM hub.quarantine q
WHERE ($1::bool OR q.state < 3) AND ($2::text = '' OR substr(replace(q.digest::text, '-', ''), 1, 16) = $2::text)
ORDER BY q.recv DESC
