-- fragment: of a reading: its categories are in g
AND x.category IN (SELECT g.code_id FROM g)
