/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * h2o's requests to exchanges and back. What an exchange needs of a request is copied to its arena,
 * because h2o frees the request the moment its stream is reset, also while a write is under way.
 */
#include "server/http.h"

#include "server/body.h"
#include "server/head.h"
#include "server/http_refusal.h"
#include "server/loop_wire.h"

/*
 * What a journey may use besides its body, and for each byte of it (the tree of parsed JSON,
 * mostly).
 */
#define ARENA_BASE         ((size_t)32 << 20)
#define ARENA_PER_BYTE     ((size_t)16)
#define REQUEST_ID_MAX     ((size_t)64)
#define JOINED_MAX         ((size_t)4 << 10) /* of a header that stands more than once */
#define HEADER(literal)    literal, sizeof(literal) - 1
#define ID_HEADER          "x-request-id"
#define CORRELATION_HEADER "x-correlation-id"

struct handler {
	h2o_handler_t super;
	struct server *server;
};

static struct str slice(h2o_iovec_t vector)
{
	return (struct str){ vector.base, vector.len };
}

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = { { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 304, "Not Modified" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 409, "Conflict" },
		{ 410, "Gone" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" }, { 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" }, { 500, "Internal Server Error" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" } };
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* ---- in */

/* Goes back to the client and into logs: nothing but what cannot be mistaken for anything else. */
static bool is_request_id(struct str id)
{
	for (size_t i = 0; i < id.length; i++) {
		const char byte = id.at[i];
		if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
			    (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' ||
			    byte == '-'))
			return false;
	}
	return id.length > 0 && id.length <= REQUEST_ID_MAX;
}

static void take_request_id(struct exchange *exchange, struct str name, struct str value)
{
	struct wire *wire = exchange->wire;
	if (exchange->request.request_id.length > 0 || !is_request_id(value))
		return;
	exchange->request.request_id = str_copy(exchange->arena, value);
	wire->id_header = str_is(name, ID_HEADER) ? ID_HEADER : CORRELATION_HEADER;
}

/*
 * RFC 9110 section 5.3: a header that stands twice is one, its values in a list; what takes no list refuses it. Each joining is a copy, and a byte of HPACK repeats a header: so the list
 * is short, or a connection's requests would hold hundreds of MiB for nobody.
 */
static void keep(
	struct exchange *exchange, struct str *member, struct str value, const char *separator)
{
	if (member->at == NULL)
		*member = str_copy(exchange->arena, value);
	else if (member->length + value.length <= JOINED_MAX)
		*member = str_format(
			exchange->arena, "%.*s%s%.*s", STR_ARG(*member), separator, STR_ARG(value));
	else if (exchange->outcome.errors == 0) /* said once */
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR(""),
			"the values of a header that stands more than once are more than %zu bytes "
			"together",
			JOINED_MAX);
}

/* What a proxy adds: the address is its own, and whoever stands behind it is somebody else. */
static bool is_of_proxy(struct str name)
{
	static const char *const names[] = { "forwarded", "via", "x-real-ip", "x-client-ip",
		"true-client-ip", "cf-connecting-ip" };
	if (str_starts(name, STR("x-forwarded-")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

static void take_header(struct exchange *exchange, struct str name, struct str value)
{
	struct request *request = &exchange->request;
	/* Refused where they stand twice, whatever they say. */
	if ((str_is(name, "authorization") && request->authorization_count++ > 0) ||
		(str_is(name, "dpop") && request->dpop_count++ > 0))
		return;
	const struct {
		const char *name;
		struct str *member;
	} plain[] = { { "content-type", &request->content_type }, { "accept", &request->accept },
		{ "prefer", &request->prefer }, { "if-none-exist", &request->if_none_exist },
		{ "if-match", &request->if_match }, { "if-none-match", &request->if_none_match },
		{ "if-modified-since", &request->if_modified_since },
		{ "origin", &request->origin }, { "authorization", &request->authorization },
		{ "dpop", &request->dpop }, { "x-dev-principal", &request->dev_principal } };
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (str_is(name, plain[i].name))
			keep(exchange, plain[i].member, value,
				plain[i].member == &request->if_none_exist ? "&" : ", ");
	if (str_is(name, "host") && !str_equal_nocase(value, request->host))
		outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR(""),
			"Host is not what :authority says; send one of them, or both alike");
	else if (str_is(name, ID_HEADER) || str_is(name, CORRELATION_HEADER))
		take_request_id(exchange, name, value);
	else if (is_of_proxy(name))
		((struct wire *)exchange->wire)->forwarded = true;
	else if (str_is(name, "content-encoding") && !str_equal_nocase(value, STR("identity")))
		outcome_fail(&exchange->outcome, OUTCOME_MEDIA_TYPE, STR(""),
			"a body with Content-Encoding is not taken; send it uncompressed");
}

/*
 * RFC 9112 section 3.2.2: a target may name the server, as a proxy is told it; then that counts and not what Host says. Empty: it is a path, or no http URL.
 */
static struct str target_authority(struct str *target)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const size_t length = strlen(schemes[i]);
		if (!str_equal_nocase(str_part(*target, 0, length), str_of(schemes[i])))
			continue;
		size_t end = length;
		while (end < target->length && target->at[end] != '/' && target->at[end] != '?')
			end++;
		const struct str authority = str_part(*target, length, end - length);
		if (authority.length > 0)
			*target = str_part(*target, end, target->length);
		return authority;
	}
	return (struct str){ 0 };
}

static void take_request(struct exchange *exchange, const h2o_req_t *from, bool development)
{
	struct request *request = &exchange->request;
	struct str target = slice(from->input.path), query;
	const struct str named =
		from->version < 0x200 ? target_authority(&target) : (struct str){ 0 };
	const struct str path = str_cut(target, '?', &query);
	request->method = str_copy(exchange->arena, slice(from->input.method));
	request->path =
		str_copy(exchange->arena, named.length > 0 && path.length == 0 ? STR("/") : path);
	if (query.at != NULL)
		request->query = str_copy(exchange->arena, query);
	request->host =
		str_copy(exchange->arena, named.length > 0 ? named : slice(from->input.authority));
	request->development = development;
	request->head = str_is(request->method, "HEAD");
	for (size_t i = 0; i < from->headers.size; i++)
		take_header(exchange, slice(*from->headers.entries[i].name),
			slice(from->headers.entries[i].value));
	if (!development)
		request->dev_principal = (struct str){ 0 };
}

/*
 * A page in somebody's browser must not reach the door that asks for no token, by whatever name it
 * found it (DNS rebinding).
 */
static bool check_development(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	struct str host = request->host;
	size_t end = host.length;
	if (host.length > 0 && host.at[0] == '[')
		end = str_index(host, ']') + 1;
	else
		end = str_index(host, ':');
	const struct str port = str_part(host, end, host.length);
	host = str_part(host, 0, end);
	if (!config_is_loopback(host) ||
		(port.length > 0 &&
			(port.at[0] != ':' || !str_is_digits(str_part(port, 1, port.length)))))
		return outcome_fail(&exchange->outcome, OUTCOME_FORBIDDEN, STR(""),
			"the development door answers to a loopback Host only");
	if (request->origin.at != NULL)
		return outcome_fail(&exchange->outcome, OUTCOME_FORBIDDEN, STR(""),
			"the development door takes no request with an Origin");
	return true;
}

/* To who is no operator there is nothing at operators' paths, by any method: an empty path is answered as any unknown one is. */
static struct str visible_path(const struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	const struct wire *wire = exchange->wire;
	const bool operations =
		request->development || (wire->connection->operations && !wire->forwarded);
	return !operations && route_is_for_operators(request->path) ? STR("") : request->path;
}

/* Finds the route, and refuses what needs no look at the body. */
static bool check_request(struct exchange *exchange, size_t body_length)
{
	const struct request *request = &exchange->request;
	struct str segments[ROUTE_SEGMENTS];
	exchange->route = route_find(exchange->arena, request->method, visible_path(exchange),
		segments, &exchange->response.allow, &exchange->outcome);
	exchange->request.segment = segments[0];
	exchange->request.version = segments[1];
	if (request->development && !check_development(exchange))
		return false;
	if (exchange->route == NULL || exchange->outcome.errors > 0)
		return false;
	if (body_length > exchange->route->body_max)
		return outcome_fail(&exchange->outcome, OUTCOME_TOO_LARGE, STR(""),
			"the body is %zu bytes; this path takes at most %zu", body_length,
			exchange->route->body_max);
	if (exchange->route->kinds != 0 && !exchange->loop->hub->open)
		return outcome_fail(&exchange->outcome, OUTCOME_BUSY, STR(""),
			"the hub has not yet made sure of the database's isolation; try again");
	return true;
}

/* The whole request still stands in the socket's input, its head first. */
static void check_head(struct exchange *exchange, h2o_req_t *from)
{
	if (from->version >= 0x200)
		return;
	const h2o_buffer_t *input = from->conn->callbacks->get_socket(from->conn)->input;
	const char *fault = head_fault((struct str){ input->bytes, input->size });
	if (fault == NULL)
		return;
	from->http1_is_persistent = 0;
	outcome_fail(&exchange->outcome, OUTCOME_INVALID, STR(""), "%s", fault);
}

static int on_request(h2o_handler_t *self, h2o_req_t *from)
{
	struct server *server = ((struct handler *)self)->server;
	struct connection *connection =
		guard_connection(from->conn->callbacks->get_socket(from->conn));
	if (connection == NULL)
		return -1;
	const bool development = connection->development;
	struct wire *wire = guard_wire(connection, from);
	struct exchange *exchange =
		exchange_new(server->loop, development ? &http_development_door : &http_door, wire,
			ARENA_BASE + ARENA_PER_BYTE * from->entity.len);
	wire->exchange = exchange;
	guard_handled(wire);
	metric_add(METRIC_REQUEST_HANDLED, 1);
	take_request(exchange, from, development);
	check_head(exchange, from);
	if (check_request(exchange, from->entity.len) && from->entity.len > 0)
		exchange->request.at_wire = slice(from->entity);
	if (from->entity.len <= BODY_AT_ONCE)
		body_take(exchange);
	exchange_run(exchange);
	return 0;
}

void http_register(struct server *server, h2o_hostconf_t *host)
{
	h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
	/* The library would write them to standard error. */
	path->error_log.emit_request_errors = 0;
	host->fallback_path.error_log.emit_request_errors = 0;
	http_refusal_register(path);
	http_refusal_register(&host->fallback_path);
	struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(*handler));
	handler->super.on_req = on_request;
	handler->server = server;
}

/* ---- out */

static void add(h2o_req_t *to, const char *name, size_t name_length, struct str value)
{
	if (value.length > 0)
		h2o_add_header_by_str(&to->pool, &to->res.headers, name, name_length, 1, NULL,
			value.at, value.length);
}

/* IMF-fixdate (RFC 9110 section 5.6.7). */
static struct str http_date(struct arena *arena, instant at)
{
	char text[H2O_TIMESTR_RFC1123_LEN + 1];
	struct tm parts;
	const time_t seconds = (time_t)(at / INSTANT_SECOND);
	if (gmtime_r(&seconds, &parts) == NULL)
		return (struct str){ 0 };
	h2o_time2str_rfc1123(text, &parts);
	return str_copy(arena, (struct str){ text, H2O_TIMESTR_RFC1123_LEN });
}

static void add_headers(const struct exchange *exchange, const struct wire *wire)
{
	h2o_req_t *to = wire->request;
	const struct response *response = &exchange->response;
	if (response->content_type != NULL)
		add(to, HEADER("content-type"), str_of(response->content_type));
	add(to, HEADER("location"), response->location);
	add(to, HEADER("etag"), response->etag);
	add(to, HEADER("www-authenticate"), response->authenticate);
	if (response->status == outcome_status(OUTCOME_METHOD) ||
		str_is(exchange->request.method, "OPTIONS"))
		add(to, HEADER("allow"), response->allow);
	add(to, HEADER("accept-patch"), response->accept_patch);
	if (response->retry_after > 0)
		add(to, HEADER("retry-after"),
			str_format(exchange->arena, "%u", response->retry_after));
	if (response->modified != 0)
		add(to, HEADER("last-modified"), http_date(exchange->arena, response->modified));
	if (wire->id_header != NULL)
		add(to, wire->id_header, strlen(wire->id_header), exchange->request.request_id);
	/* Health data stays out of every cache, frame and sniffer. */
	add(to, HEADER("cache-control"), STR("no-store"));
	add(to, HEADER("x-content-type-options"), STR("nosniff"));
	add(to, HEADER("content-security-policy"),
		STR("default-src 'none'; frame-ancestors 'none'"));
	if (!exchange->request.development)
		add(to, HEADER("strict-transport-security"), STR("max-age=31536000"));
}

/* The exchange, and with it the body, lives until h2o has freed the request (guard.c). */
static void answer(struct exchange *exchange)
{
	struct wire *wire = exchange->wire;
	h2o_req_t *to = wire->request;
	const struct response *response = &exchange->response;
	to->res.status = response->status;
	to->res.reason = reason_of(response->status);
	to->res.content_length = response->body.length;
	add_headers(exchange, wire);
	guard_answered(wire, response->body.length);
	metric_request(exchange->route, response->status, hub_now() - exchange->began);
	h2o_iovec_t body = h2o_iovec_init(response->body.at, response->body.length);
	h2o_start_response(to, &wire->generator);
	h2o_send(to, &body, exchange->request.head || body.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

const struct door http_door = { .name = "https", .answer = answer };
const struct door http_development_door = { .name = "development", .answer = answer };
