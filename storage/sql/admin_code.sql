-- admin: the concept of a text. $1 concept text
SELECT c.code_id FROM hub.code c WHERE c.concept = $1::text
