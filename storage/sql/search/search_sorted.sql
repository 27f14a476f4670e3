-- fragment: begins what is ordered by keys of _sort, around the rows that hold; the concept is for merging
SELECT o.*, (SELECT k.concept FROM hub.code k WHERE k.code_id = o.code) FROM (
