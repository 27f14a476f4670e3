-- fragment: of a reading: the range its value was written with, in the canonical unit, meets the one asked for. Wider than the question, which fhir/match.h decides
AND x.val_high >= $value_from::float8 AND x.val_low <= $value_to::float8
