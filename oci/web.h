/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests with retries.  The only user of libcurl; one handle a thread. */
#ifndef FAKEBUILD_OCI_WEB_H
#define FAKEBUILD_OCI_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct web;

struct web_request {
	const char *method, *url;
	const char *accept;        /* may be NULL */
	const char *content_type;  /* may be NULL */
	const char *range;         /* "123-", may be NULL */
	const char *if_none_match; /* an ETag: the answer may be 304; may be NULL */
	bool allows_plain;         /* plain HTTP is all right to any host: nothing secret is sent */
	const char *unix_socket;   /* talk to this one, whatever the URL's host; may be NULL */
	const char *authorization; /* dropped when a redirect leaves the host; may be NULL */
	const char *body;          /* body_bytes of it, or ... */
	int body_fd;               /* ... a file's content when body is NULL and body_bytes >= 0 */
	int64_t body_bytes;        /* -1: no body */
	/* Takes the body of a successful answer; NULL: it is collected. */
	int (*sink)(void *arg, const void *bytes, size_t size, struct error *err);
	/* Told the status before the first byte goes to sink: 200 where 206 was asked means from the start. */
	int (*begin)(void *arg, long status, struct error *err);
	void *arg;
};

struct web_response {
	long status;
	char *body; /* NUL-terminated; at most IMAGE_JSON_MAX_BYTES */
	size_t body_bytes;
	char *location, *content_type, *authenticate, *digest; /* headers, NULL when absent */
	char *etag, *last_modified, *disposition;
	int retry_after; /* seconds, -1: not said */
	bool is_ours;    /* what failed was the sink or a limit of ours, not the connection */
	int64_t length;  /* Content-Length, -1 */
};

int web_open(const void *ctx, struct web **ret, struct error *err);
/*
 * One exchange, redirects of GET and HEAD followed.  0 whatever the status; -1 when there was no whole
 * answer: *err says why, err->number is ECONNREFUSED, EPROTO for a failed TLS handshake, EIO for a
 * connection that broke, ENOENT for an unknown host, EPERM for plain HTTP to a host it is not for
 * (CVE-2019-10214: the rule holds for every URL but those of allows_plain, token servers' and uploads' included).
 */
int web_perform(const void *ctx, struct web *h, const struct web_request *request, struct web_response *ret,
		 struct error *err);
/* Is plain HTTP to this "host[:port]" acceptable: loopback, or named in $FAKEBUILD_INSECURE_REGISTRIES? */
bool web_may_be_plain(const char *host);
/* Name it there for this process: registry.insecure=true.  Not while other threads run. */
void web_trust_host(const char *host);
/*
 * The "host[:port]" of an http(s) URL on ctx; NULL when it is none, or names a user, which readers of URLs
 * do not agree on.
 */
char *web_host_of(const void *ctx, const char *url);
/* Have both the same scheme, host and port? */
bool web_is_same_origin(const char *a, const char *b);

#endif
