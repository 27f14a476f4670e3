/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include "authz/decide.h"
#include "authz/sender.h"
#include "fhir/base/arena.h"
#include "fhir/base/outcome.h"
#include "fhir/presentation.h"
#include "server/routes.h"
#include "storage/store.h"

struct loop;
struct session;

/* The journey (steps.tbl): an error skips to AUDIT; AUDIT and RESPOND always run. */
enum step {
#define STEP(name, function) STEP_##name,
#include "server/steps.tbl"
#undef STEP
	STEP_END
};

/* What a door read off the wire; slices live as long as the exchange (the body and headers are copied or kept by the door). */
struct request {
	struct str method, path, query, body;
	struct str at_wire; /* a long body's bytes, valid while there is a wire: body.h */
	struct str content_type, accept, prefer, if_none_exist, host, origin;
	struct str if_match, if_none_match, if_modified_since;
	instant modified_since; /* the same of an entry of a Bundle, to the millisecond; 0: none */
	struct str authorization, dpop; /* empty where absent */
	unsigned authorization_count, dpop_count;
	struct str dev_principal; /* X-Dev-Principal, development door only */
	struct str request_id;    /* X-Request-Id as sent: 1 to 64 of [A-Za-z0-9._-], else empty */
	/* Of the connection, by which the caller is known; NULL: by token. */
	const struct certificate *certificate;
	/* The message was kept aside and an operator has released it; lives as long as the wire. NULL: it comes from its sender. */
	const struct store_release *release;
	/* What the door found wrong with the bytes of a message, for PARSE to say; NULL: nothing. */
	const char *fault;
	enum outcome_kind fault_kind;
	struct str segment; /* what {id} of the route's path stood for */
	struct str version; /* what {version} did */
	bool development;   /* came in by the development door */
	bool head;
};

/* What RESPOND gives the door. */
struct response {
	int status;
	const char *content_type;
	struct str body;
	struct str location, etag;
	struct str authenticate; /* WWW-Authenticate */
	unsigned retry_after;    /* seconds; 0: none */
	instant modified;        /* Last-Modified; 0: none */
	struct str allow;        /* with 405, from route_find() */
	struct str accept_patch; /* what PATCH takes */
	bool is_aside;           /* a message was kept aside, and nothing of it stored */
	bool unwanted; /* the message asked not to be answered so: doors that can be silent are */
};

/* How an exchange's answer reaches its client. `answer` is called once, from RESPOND, and only while `wire` is not NULL. */
struct door {
	const char *name;
	bool acknowledges; /* every answer is an acknowledgement of HL7, also where nothing was parsed */
	void (*answer)(struct exchange *exchange);
};

/* One request from accept to answer. Owners: the wire, and each piece of work that is out (exchange_hold); the last to let go frees the arena and the exchange with it. */
struct exchange {
	struct arena *arena;
	struct loop *loop;
	const struct door *door;
	void *wire; /* the door's; NULL when the client has left */
	const struct route *route;
	struct request request;
	struct response response;
	struct presentation presentation; /* of FHIR routes, from PARSE on */
	struct outcome outcome;
	enum step step;
	unsigned owners, pending, turns; /* turns: slices of long work it has had (turn.h) */
	bool yielded;                    /* a step gave way and wants to be run again */
	bool waiting;                    /* between a step that waits and its resumption */
	unsigned phase; /* of the step, for those that wait more than once; 0 when it begins */
	instant began;

	struct rules *rules;        /* the snapshot this exchange decides by; held */
	struct session *session;    /* the caller as the loop remembers it (session.h); held */
	struct principal principal; /* the session's */
	bool authenticated;
	bool rehearsal; /* inner.h: nobody is told what was found, and nothing is written down of it */
	const char *challenge;       /* error code of WWW-Authenticate on 401 and 403, or NULL */
	const struct tenant *tenant; /* the caller's */
	const struct client *client;
	uint64_t corr;
	struct store_resolve resolve; /* filled by `who`; empty: nobody is named */
	size_t asked; /* items of it that `who` filled; behind them stand the attest's patients */
	/* Some of them were filled in from memory, under this version of the rules; 0: none. Good for a write that says so. */
	int64_t remembered;
	bool afresh;               /* memory has failed: ask the database */
	const struct grant *grant; /* of single-patient interactions */
	void *work;                /* the interaction's own state */
	struct log_row *log_rows;  /* rows AUDIT still has to write (a write's rows went with it) */
	size_t log_count, log_room;
	struct outcome audit;  /* what became of them */
	struct exchange *next; /* the loop's list of those to resume, or that wait for rules */
};

/* What an interaction does at each step; NULL: nothing to do there. */
struct interaction {
	const char *name;
	/* Query parameters of a FHIR route besides those of form (fhir/presentation.h), NULL at the end; NULL: none. All others are refused, unless it reads the query itself. */
	const char *const *parameters;
	bool reads_query;
	void (*parse)(struct exchange *exchange); /* body and query -> its state */
	void (*validate)(struct exchange *exchange);
	void (*who)(struct exchange *exchange); /* which persons RESOLVE asks for */
	void (*decide)(struct exchange *exchange);
	void (*store)(struct exchange *exchange);
	/* Which rows to write, for success, refusal and zero hits alike. */
	void (*audit)(struct exchange *exchange);
	/* Result -> response; not called when the outcome has errors (the door renders those). */
	void (*respond)(struct exchange *exchange);
};

/* A new exchange with one owner (the wire). Takes no part of `request`: the door fills it in, on the arena. */
struct exchange *exchange_new(
	struct loop *loop, const struct door *door, void *wire, size_t arena_limit);
/* Has the loop run it in its next turn, from the step it stands at: for an exchange that another one makes. */
void exchange_begin(struct exchange *exchange);
/* Runs steps until one waits, yields or the end. Called by the door once, and by the loop for exchanges to resume. */
void exchange_run(struct exchange *exchange);
/* Work is out: the journey waits. */
void exchange_hold(struct exchange *exchange);
/* The work is back; the loop resumes the exchange after the current callback (never from within). Matches store_call.done. */
void exchange_done(void *exchange);
/* A call to the store on the exchange's arena, whose failures are issues of the exchange's outcome and whose end is exchange_done(); its caller holds the exchange. */
struct store_call exchange_call(struct exchange *exchange);
/*
 * The step is run again from its start, with the phase it has set: when what it holds for has come, or, if it holds for nothing, in the next turn of the loop (long work is
 * done in slices: turn.h). An error in the outcome skips to AUDIT instead.
 */
void exchange_yield(struct exchange *exchange);
/* Runs what was to be resumed when this was called, in order. The loop calls it once a turn, after the callbacks, and does not sleep while loop->resume is not empty. */
void exchange_resume(struct loop *loop);
/* The client has gone. The journey goes on to its end; RESPOND finds no wire. */
void exchange_wire_gone(struct exchange *exchange);

#endif
