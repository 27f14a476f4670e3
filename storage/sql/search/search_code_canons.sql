-- fragment: of a concept in s: a part of a grant that is limited to codes opens it, and no block closes it
AND EXISTS (SELECT FROM hub.code k WHERE k.code_id = s.code_id
	AND ($classes::int4 <> 0 OR CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END = ANY ($canons::int4[]))
	AND CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END <> ALL ($blocked::int4[]))
