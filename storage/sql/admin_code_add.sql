-- admin: interns a coding as a concept of its own. $1 class, $2 concept text, $3 system, $4 code
WITH n AS (INSERT INTO hub.code (canon, class, concept) VALUES (0, $1::int2, $2::text) ON CONFLICT (concept) DO NOTHING RETURNING code_id)
INSERT INTO hub.coding (code_id, system, code) SELECT n.code_id, $3::text, $4::text FROM n
