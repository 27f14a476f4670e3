-- write: a concept, unless somebody was first. $1 concept text, $2 concept text of its leading coding ('': itself; if it is not there the concept is refused, or no rule or block would know it), $3 class, $4 and $5 systems and codes of its codings
WITH made AS (
INSERT INTO hub.code (canon, class, concept)
SELECT CASE $2::text WHEN '' THEN 0 ELSE (SELECT x.code_id FROM hub.code x WHERE x.concept = $2::text) END, $3::int2, $1::text
ON CONFLICT (concept) DO NOTHING RETURNING code_id)
INSERT INTO hub.coding (code_id, system, code)
SELECT m.code_id, u.system, u.code FROM made m CROSS JOIN unnest($4::text[], $5::text[]) u(system, code)
ON CONFLICT (system, code, code_id) DO NOTHING
