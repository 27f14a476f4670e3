-- fragment: of a reading: its class is open, for all codes or for this one, and its code is not blocked
AND ((1 << x.class) & $classes::int4 <> 0 OR EXISTS (SELECT FROM hub.code k, unnest($canons::int4[], $canon_classes::int4[]) r(canon, classes)
	WHERE k.code_id = x.code AND r.canon = CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END AND (1 << x.class) & r.classes <> 0))
AND (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code) <> ALL ($blocked::int4[])
