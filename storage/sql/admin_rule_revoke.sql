-- admin: ends a rule; no row: there is none that stands. $1 rule id
UPDATE hub.rule SET valid_to = now() WHERE rule_id = $1::int4 AND valid_to > now() RETURNING rule_id
