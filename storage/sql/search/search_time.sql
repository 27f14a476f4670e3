-- fragment: of a reading: the conditions on its time that are simple bounds; the first two bound the walk
AND x.time_low >= $low_from::timestamptz AND x.time_low < $low_to::timestamptz AND x.time_high > $high_over::timestamptz AND x.time_high <= $high_to::timestamptz
AND (x.time_low >= $from_low::timestamptz OR x.time_high > $from_high::timestamptz) AND (x.time_low < $to_low::timestamptz OR x.time_high <= $to_high::timestamptz)
