-- write: the first number of a block of 65536 ids
SELECT nextval('hub.id_lease')
