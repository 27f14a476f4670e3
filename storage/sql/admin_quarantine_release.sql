-- admin: has a message kept aside taken in by the hub, or tried anew where that was in vain; no row: there is none that waits. $1 number
UPDATE hub.quarantine SET state = 2, due = now(), tries = 0
WHERE substr(replace(digest::text, '-', ''), 1, 16) = $1::text AND (state = 1 OR state = 2) RETURNING digest
