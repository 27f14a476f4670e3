-- fragment: key of _sort: date
o.time_low
