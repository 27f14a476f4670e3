-- fragment: c, those codes of s that are asked for, begins
c(code_id) AS MATERIALIZED (SELECT s.code_id FROM s WHERE s.code_id IS NOT NULL
