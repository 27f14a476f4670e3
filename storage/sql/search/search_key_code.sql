-- fragment: key of _sort: code, by its codings as one text, byte by byte
(SELECT k.concept COLLATE "C" FROM hub.code k WHERE k.code_id = o.code)
