-- fragment: begins the newest of each code, with the leading code each stands for
SELECT o.*, (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = o.code) FROM (
