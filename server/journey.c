/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The steps that are the interaction's own; what all interactions need before theirs stands here once. */
#include "server/body.h"
#include "server/form.h"
#include "server/loop.h"
#include "server/parameters.h"
#include "server/respond.h"
#include "server/steps.h"

#define NOWHERE    ((struct str){ 0 })
#define MEDIA_FORM "application/x-www-form-urlencoded"

/* POST of what is asked like a search and is an operation, whose parameters may come as Parameters too. */
static bool is_operation(const struct exchange *exchange)
{
	const struct str path = str_of(exchange->route->path);
	return str_is(exchange->request.method, "POST") &&
	       (str_ends(path, STR("/$lastn")) || str_ends(path, STR("/$everything")));
}

/* POST of a search, and of what is asked like one: the parameters stand in the body. */
static bool is_form(const struct exchange *exchange)
{
	return is_operation(exchange) ||
	       (str_is(exchange->request.method, "POST") &&
		       str_ends(str_of(exchange->route->path), STR("/_search")));
}

/* The media types a route of this style takes, NULL at the end. */
static const char *const *media_of(const struct exchange *exchange)
{
	static const char *const form[] = { MEDIA_FORM, NULL };
	static const char *const operation[] = { MEDIA_FORM, "application/fhir+json",
		"application/json", "text/json", "application/json+fhir", NULL };
	static const char *const fhir[] = { "application/fhir+json", "application/json",
		"text/json", "application/json+fhir", NULL };
	static const char *const patch[] = { MEDIA_PATCH, NULL };
	static const char *const hl7[] = { "x-application/hl7-v2+er7", "application/hl7-v2",
		"text/plain", NULL };
	/* text/xml is that of SOAP 1.1, which is told so by a fault of its own. */
	static const char *const soap[] = { "application/soap+xml", "text/xml", NULL };
	static const char *const plain[] = { "application/json", NULL };
	switch (exchange->route->style) {
	case STYLE_FHIR:
		if (str_is(exchange->request.method, "PATCH"))
			return patch;
		if (is_operation(exchange))
			return operation;
		return is_form(exchange) ? form : fhir;
	case STYLE_HL7:
		return hl7;
	case STYLE_SOAP:
		return soap;
	case STYLE_JSON:
	case STYLE_TEXT:
		return plain;
	}
	return plain;
}

/* The charset of a message is MSH-18's to tell, so a parameter is tolerated there. */
static bool media_fits(const struct exchange *exchange, const char *media)
{
	struct str type = exchange->request.content_type;
	if (exchange->route->style == STYLE_HL7)
		type = str_cut(type, ';', &(struct str){ 0 });
	return media_is(type, media);
}

static bool check_media(struct exchange *exchange)
{
	if (exchange->route->body_max == 0)
		return true;
	/* All parameters in the URL, and a client that names no type for a body it has not. */
	if (is_form(exchange) && exchange->request.body.length == 0 &&
		exchange->request.content_type.length == 0)
		return true;
	const char *const *media = media_of(exchange);
	for (; *media != NULL; media++)
		if (media_fits(exchange, *media))
			return true;
	if (str_is(exchange->request.method, "PATCH"))
		exchange->response.accept_patch = STR(MEDIA_PATCH); /* RFC 5789 section 2.2 */
	return outcome_fail(&exchange->outcome, OUTCOME_MEDIA_TYPE, NOWHERE,
		"Content-Type must be %s%s, in UTF-8%s", media_of(exchange)[0],
		is_operation(exchange) ? ", or application/fhir+json with Parameters" : "",
		exchange->route->style == STYLE_FHIR && !is_form(exchange) ? ", of fhirVersion 4.0"
									   : "");
}

/* From here on the parameters of an operation are a form, whichever way they came. */
static bool take_parameters(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	if (!is_operation(exchange) || request->body.length == 0 ||
		media_is(request->content_type, MEDIA_FORM))
		return true;
	request->content_type = STR(MEDIA_FORM);
	return parameters_to_form(request->body, &request->body, &exchange->outcome);
}

static bool is_known(const struct interaction *interaction, struct str name)
{
	const char *const *known = interaction->parameters;
	while (known != NULL && *known != NULL)
		if (str_is(name, *known++))
			return true;
	return interaction->reads_query;
}

/* Nothing is dropped in silence: a parameter that nobody here reads is refused by name. */
static bool refuse_parameter(struct exchange *exchange, struct str name)
{
	struct buf known = buf_new(exchange->arena, 128, 1024);
	const char *const *own = exchange->route->interaction->parameters;
	for (; own != NULL && *own != NULL; own++)
		buf_add_format(&known, "%s, ", *own);
	return outcome_fail(&exchange->outcome, OUTCOME_NOT_SUPPORTED, NOWHERE,
		"unknown parameter '%.*s'; here are %.*s_format, _pretty, _summary, _elements",
		(int)(name.length > 64 ? 64 : name.length), name.at, STR_ARG(buf_str(&known)));
}

/* The parameters of form, and no others than the interaction reads; those of _search stand in its body. */
static bool read_form(struct exchange *exchange, struct str text)
{
	const struct interaction *interaction = exchange->route->interaction;
	struct str rest = text, name, value;
	enum form_part part = FORM_END;
	while ((part = form_next(exchange->arena, &rest, &name, &value)) == FORM_PART) {
		if (presentation_is(name)) {
			if (!presentation_take(exchange->arena, &exchange->presentation, name,
				    value, &exchange->outcome))
				return false;
		} else if (!is_known(interaction, name)) {
			return refuse_parameter(exchange, name);
		}
	}
	return part == FORM_END || interaction->reads_query ||
	       outcome_fail(&exchange->outcome, OUTCOME_INVALID, NOWHERE,
		       "the query is not application/x-www-form-urlencoded");
}

static bool read_presentation(struct exchange *exchange)
{
	if (exchange->route->style != STYLE_FHIR)
		return true;
	return read_form(exchange, exchange->request.query) &&
	       (!is_form(exchange) || read_form(exchange, exchange->request.body));
}

/* Does this parameter tell a national identifier, on this path? */
static bool tells_who(const struct exchange *exchange, struct str name)
{
	const struct str stem = str_cut(name, ':', &(struct str){ 0 });
	if (str_is(stem, "patient.identifier"))
		return true;
	if (str_starts(str_of(exchange->route->path), STR("/fhir/Patient/")))
		return str_is(stem, "identifier");
	return str_ends(name, STR(":identifier")) &&
	       (str_is(stem, "patient") || str_is(stem, "subject"));
}

/*
 * FHIR R4 http.html#search: what is posted to _search may have parameters in its URL too, and all of them hold. From here on they stand together in the body; who is
 * meant may stand in the body alone, for logs keep URLs.
 */
static bool join_query(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	if (!is_form(exchange) || request->query.length == 0)
		return true;
	struct str rest = request->query, name, value;
	while (form_next(exchange->arena, &rest, &name, &value) == FORM_PART)
		if (tells_who(exchange, name) && !exchange->loop->hub->config->identifier_in_url)
			return outcome_fail(&exchange->outcome, OUTCOME_INVALID, NOWHERE,
				"%.*s does not belong in a URL, where logs keep it; send it in the "
				"body",
				(int)(name.length > 64 ? 64 : name.length), name.at);
	request->body = str_format(
		exchange->arena, "%.*s&%.*s", STR_ARG(request->query), STR_ARG(request->body));
	request->query = (struct str){ 0 };
	return true;
}

/* SMART App Launch 2.2, conformance: discovery documents are JSON, whatever Accept says. */
static bool is_discovery(const struct route *route)
{
	return route->style == STYLE_JSON && route->kinds == 0;
}

void step_parse(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	const struct request *request = &exchange->request;
	const size_t length =
		request->at_wire.length > 0 ? request->at_wire.length : request->body.length;
	if (length > route->body_max && route->body_max > 0) {
		outcome_fail(&exchange->outcome, OUTCOME_TOO_LARGE, NOWHERE,
			"the body is %zu bytes; this path takes at most %zu", length,
			route->body_max);
		return;
	}
	if (!body_take(exchange) || !check_media(exchange) || !take_parameters(exchange))
		return;
	if (!read_presentation(exchange) || !join_query(exchange))
		return;
	if (!exchange->presentation.format && !is_discovery(route) &&
		!accept_allows(exchange->request.accept, route->style)) {
		outcome_fail(&exchange->outcome, OUTCOME_NOT_ACCEPTABLE, NOWHERE,
			"the answer is %s",
			route->style == STYLE_FHIR ? "application/fhir+json, in UTF-8, of "
						     "fhirVersion 4.0; the hub has "
						     "no XML"
						   : "application/json, in UTF-8");
		return;
	}
	if (route->interaction->parse != NULL)
		route->interaction->parse(exchange);
}

void step_validate(struct exchange *exchange)
{
	if (exchange->route->interaction->validate != NULL)
		exchange->route->interaction->validate(exchange);
}

void step_decide(struct exchange *exchange)
{
	if (exchange->route->interaction->decide != NULL)
		exchange->route->interaction->decide(exchange);
}

void step_store(struct exchange *exchange)
{
	if (exchange->route->interaction->store != NULL)
		exchange->route->interaction->store(exchange);
}
