-- admin: the person a national id leads to. $1 bucket, $2 mac
SELECT a.home, a.person_id FROM hub.alias a WHERE a.bucket = $1::int4 AND a.mac = $2::uuid
