-- fragment: of a reading: its code is in c
AND x.code IN (SELECT c.code_id FROM c)
