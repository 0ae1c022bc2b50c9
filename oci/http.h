/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP exchanges under the rules that registries need: no plain http but to hosts that are named as
 * insecure, credentials for one host only, redirects followed here and not by the library.  The only
 * user of libcurl.  What to ask and when to ask again is for registry.c.
 */
#ifndef FAKEBUILD_OCI_HTTP_H
#define FAKEBUILD_OCI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* Connections to be used again.  One per thread. */
struct http;
struct http *http_new(const void *ctx);

/* Why an exchange did not come to its end. */
enum http_failure {
	HTTP_COMPLETE,
	HTTP_UNREACHABLE, /* no such host, connection refused: nobody is there */
	HTTP_NO_TLS,      /* there is somebody, but without TLS or with a wrong certificate */
	HTTP_BROKEN,      /* cut off, reset, stalled: worth another try */
	HTTP_HERE,        /* the fault is on this side: a sink failed, a rule forbids it */
};

struct http_reply {
	long status;             /* of the last redirect's target */
	struct strlist *headers; /* "Name: value", as received */
	char *body;              /* NUL-terminated; "" where a sink took it */
	size_t body_bytes;
	char *url; /* that was asked last, after redirects */
	enum http_failure failure;
};

struct http_request {
	const char *method; /* GET, HEAD, POST, PUT, PATCH */
	const char *url;
	const struct strlist *headers; /* NULL: none beyond the usual */
	const char *authorization;     /* value of the header, for the url's own host and port only */

	/* What is sent: bytes, or a file read from its beginning; nothing when both are NULL. */
	const char *body, *body_path;
	int64_t body_bytes;

	/*
	 * Where the content of a 200 or 206 goes; `begin` is called before the first byte, and also when
	 * there is none.  NULL: the content is kept, at most max_bytes of it, which is also the limit for
	 * what comes with any other status.
	 */
	int (*begin)(void *arg, const struct http_reply *reply, struct error *err);
	int (*sink)(void *arg, const void *bytes, size_t size, struct error *err);
	size_t max_bytes;
	/* How much of the body has been sent; may be NULL. */
	void (*sent)(void *arg, int64_t bytes);
	/* Non-zero: give up, and fail as HTTP_HERE.  May be NULL. */
	const int *is_cancelled;
	void *arg;
};

/*
 * One exchange, redirects of GET and HEAD (and 307, 308 of others) followed, at most ten.  0 when an
 * answer came, whatever its status.  -1 with a sentence, and (*ret)->failure saying why; *ret is set
 * in both cases.
 */
int http_exchange(const void *ctx, struct http *h, const struct http_request *request,
		  struct http_reply **ret, struct error *err);

/* The value of the first header of this name; NULL when there is none. */
const char *http_header(const struct http_reply *reply, const char *name);
/* The value when this header line has this name, else NULL. */
const char *http_header_value(const char *line, const char *name);
/* What a status means in words: "Service Unavailable" for 503; "" when it is not known. */
const char *http_status_text(long status);

/*
 * May this host ("localhost:5000") be spoken to by plain http, and without a certificate that is known?
 * localhost, 127.0.0.0/8, ::1, and what the comma list $FAKEBUILD_INSECURE_REGISTRIES names.
 */
bool http_host_is_insecure(const char *host);

#endif
