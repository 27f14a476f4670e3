-- admin: the migrations that were applied.
SELECT m.number, m.checksum FROM hub.migration m ORDER BY m.number
