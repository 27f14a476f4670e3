-- fragment: of a reading: its categories are in g. IS TRUE keeps it a look-up in a hash: as a join it would lose the order of the walk
AND (x.category IN (SELECT g.code_id FROM g)) IS TRUE
