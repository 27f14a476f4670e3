-- fragment: of a reading: its code is in c. IS TRUE keeps it a look-up in a hash: as a join it would lose the order of the walk
AND (x.code IN (SELECT c.code_id FROM c)) IS TRUE
