-- fragment: key of _sort: code, by its codings as one text, byte by byte; what has none comes last
COALESCE((SELECT k.concept FROM hub.code k WHERE k.code_id = o.code), $code_none::text) COLLATE "C"
