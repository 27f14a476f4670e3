-- admin: ends a block; no row: there is none that stands. $1 block id
UPDATE hub.block SET valid_to = now() WHERE block_id = $1::int8 AND valid_to > now() RETURNING block_id
