-- read,resolve: texts of concepts. $1 numbers
SELECT k.code_id, k.concept FROM unnest($1::int4[]) u(code_id)
CROSS JOIN LATERAL (SELECT x.code_id, x.concept FROM hub.code x WHERE x.code_id = u.code_id LIMIT 1) k
