-- fragment: begins a count of the rows that hold
SELECT count(*) FROM (
