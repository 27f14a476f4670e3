/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fhir/period.h"

static bool span_of(const struct json *json, struct zone zone, struct span *out)
{
	return json != NULL && json->type == JSON_STRING && span_parse(json->text, zone, out);
}

bool period_span(const struct json *period, struct zone zone, struct span *out)
{
	struct span start, end;
	const bool starts = span_of(json_get(period, "start"), zone, &start);
	const bool ends = span_of(json_get(period, "end"), zone, &end);
	if (!starts && !ends)
		return false;
	*out = starts ? start : end;
	out->low = starts ? start.low : INSTANT_MIN;
	out->high = ends ? end.high : INSTANT_MAX;
	return true;
}

bool timing_span(const struct json *timing, struct zone zone, struct span *out)
{
	struct span one;
	bool found = period_span(json_get(json_get(timing, "repeat"), "boundsPeriod"), zone, out);
	json_each(event, json_get(timing, "event"))
	{
		if (!span_of(event, zone, &one))
			continue;
		if (!found)
			*out = one;
		out->low = one.low < out->low ? one.low : out->low;
		out->high = one.high > out->high ? one.high : out->high;
		found = true;
	}
	return found;
}
