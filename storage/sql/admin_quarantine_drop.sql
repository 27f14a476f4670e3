-- admin: drops a message kept aside. $1 number
DELETE FROM hub.quarantine WHERE substr(replace(digest::text, '-', ''), 1, 16) = $1::text AND state < 3 RETURNING digest
