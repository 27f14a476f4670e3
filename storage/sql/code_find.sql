-- write: the numbers of concepts that are there. $1 concept texts
SELECT c.concept, c.code_id FROM unnest($1::text[]) u(concept)
CROSS JOIN LATERAL (SELECT x.concept, x.code_id FROM hub.code x WHERE x.concept = u.concept LIMIT 1) c
