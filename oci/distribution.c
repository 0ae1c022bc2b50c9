/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the protocol with a registry: tokens, retries, manifests, blobs up and down. */
#include "oci/distribution.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "oci/credentials.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "tracer/base/base64.h"
#include "tracer/base/text.h"

enum { TRIES = 5, WAIT_MAX_SECONDS = 60, SHORT_ANSWERS_MAX = 3 };

static const char manifest_types[] = MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST
						     ", " MEDIA_DOCKER_MANIFEST;

struct registry {
	struct web *web;
	char *host;       /* as in the reference, for people and credentials */
	char *base;       /* "https://host" */
	char *repository; /* NULL: none */
	char *actions;
	struct credentials credentials;
	char *authorization; /* NULL: nothing yet */
};

/* ---- who we are ---- */

/* One parameter of a challenge, quotes removed: name="value". */
static char *parameter(const void *ctx, const char *challenge, const char *name)
{
	size_t length = strlen(name);
	for (const char *p = challenge; *p;) {
		p += strspn(p, " ,\t");
		size_t n = strcspn(p, "= ,\t");
		bool is_it = n == length && strncasecmp(p, name, n) == 0 && p[n] == '=';
		p += n;
		if (*p != '=')
			continue;
		p++;
		const char *value = p;
		size_t size;
		if (*p == '"') {
			value = ++p;
			while (*p && *p != '"')
				p += *p == '\\' && p[1] ? 2 : 1;
			size = p - value;
			p += *p == '"';
		} else {
			size = strcspn(p, " ,\t");
			p += size;
		}
		if (is_it)
			return mem_strndup(ctx, value, size);
	}
	return NULL;
}

static const char *find_scheme(const char *challenges, const char *scheme)
{
	size_t length = strlen(scheme);
	for (const char *p = challenges; p && *p; p++)
		if (strncasecmp(p, scheme, length) == 0 && p[length] == ' ' &&
		    (p == challenges || p[-1] == ' ' || p[-1] == ','))
			return p + length + 1;
	return NULL;
}

static char *basic(const void *ctx, const struct credentials *c)
{
	CLEANUP_TALLOC char *pair = mem_printf(NULL, "%s:%s", c->user, c->password);
	return mem_printf(ctx, "Basic %s", base64_encode(pair, pair, strlen(pair)));
}

static void append_escaped(char **url, const char *text)
{
	for (; *text; text++) {
		bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
				(*text >= '0' && *text <= '9') || strchr("-._~:/,", *text);
		*url = is_plain ? mem_append(*url, "%c", *text) : mem_append(*url, "%%%02X", (unsigned char)*text);
	}
}

static int refused(const struct registry *r, struct error *err)
{
	if (r->credentials.user || r->credentials.identity_token)
		return error_set(err, 0, "registry '%s' refuses the user name or password", r->host);
	return error_set(err, 0, "registry '%s' wants credentials%s%s: `fakebuild login %s`", r->host,
			 r->repository ? " for " : "", r->repository ? r->repository : "", r->host);
}

static int take_token(struct registry *r, const char *text, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	if (json_parse(scratch, text, "the token server's answer", &root, err) < 0)
		return -1;
	const char *token = json_get_string(root, "token");
	token = token && *token ? token : json_get_string(root, "access_token");
	if (!token || strpbrk(token, "\r\n"))
		return error_set(err, 0, "registry '%s': the token server gave no token", r->host);
	r->authorization = mem_printf(r, "Bearer %s", token);
	return 0;
}

static int get_token(struct registry *r, const char *challenge, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *realm = parameter(scratch, challenge, "realm"), *service = parameter(scratch, challenge, "service");
	char *scope = parameter(scratch, challenge, "scope");
	if (!scope && r->repository)
		scope = mem_printf(scratch, "repository:%s:%s", r->repository, r->actions);
	if (!realm)
		return error_set(err, 0, "registry '%s' names no token server", r->host);
	char *host = web_host_of(scratch, realm);
	bool has_secret = r->credentials.user || r->credentials.identity_token;
	/* CVE-2019-10214: the rules for the registry hold for its token server, too. */
	if (!host || (!text_starts(realm, "https://") && !web_may_be_plain(host)))
		return error_set(err, 0, "registry '%s' sends us to the token server '%s', which is not https", r->host,
				 realm);
	struct web_response answer;
	if (r->credentials.identity_token) {
		char *form = mem_strdup(scratch, "grant_type=refresh_token&client_id=fakebuild&service=");
		append_escaped(&form, service ? service : "");
		form = mem_append(form, "&scope=");
		append_escaped(&form, scope ? scope : "");
		form = mem_append(form, "&refresh_token=");
		append_escaped(&form, r->credentials.identity_token);
		struct web_request q = { .method = "POST", .url = realm, .body = form, .body_bytes = strlen(form),
					 .content_type = "application/x-www-form-urlencoded" };
		if (web_perform(scratch, r->web, &q, &answer, err) < 0)
			return error_wrap(err, "token server of registry '%s'", r->host);
		if (answer.status == 200)
			return take_token(r, answer.body, err);
		if (answer.status != 404 && answer.status != 405)
			return refused(r, err);
	}
	char *url = mem_printf(scratch, "%s%sservice=", realm, strchr(realm, '?') ? "&" : "?");
	append_escaped(&url, service ? service : "");
	if (scope) {
		url = mem_append(url, "&scope=");
		append_escaped(&url, scope);
	}
	struct web_request q = { .method = "GET", .url = url, .body_bytes = -1,
				 .authorization = r->credentials.user ? basic(scratch, &r->credentials) : NULL };
	if (web_perform(scratch, r->web, &q, &answer, err) < 0)
		return error_wrap(err, "token server of registry '%s'", r->host);
	if (answer.status == 401 || answer.status == 403)
		return refused(r, err);
	if (answer.status != 200)
		return error_set(err, 0, "the token server of registry '%s' answers %ld%s", r->host, answer.status,
				 has_secret ? "" : " to an anonymous request");
	return take_token(r, answer.body, err);
}

/* Answer a 401.  The second one in a row is final, the third when it wants another scope. */
static int authenticate(struct registry *r, const char *challenges, unsigned tried, struct error *err)
{
	const char *bearer = find_scheme(challenges, "Bearer");
	const char *partial = bearer ? strstr(bearer, "insufficient_scope") : NULL;
	if (tried > 1 || (tried && !partial))
		return refused(r, err);
	TALLOC_FREE(r->authorization);
	if (bearer)
		return get_token(r, bearer, err);
	if (!challenges || !find_scheme(challenges, "Basic"))
		return error_set(err, 0, "registry '%s' wants a kind of authentication that is not known: %s", r->host,
				 challenges ? challenges : "none named");
	if (!r->credentials.user)
		return refused(r, err);
	if (!text_starts(r->base, "https:") && !web_may_be_plain(r->host))
		return error_set(err, 0, "registry '%s' wants a password over plain http", r->host);
	r->authorization = basic(r, &r->credentials);
	return 0;
}

/* ---- one call, with patience ---- */

static bool is_passing(long status)
{
	return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static void wait_before(unsigned attempt, int retry_after)
{
	unsigned seconds = retry_after >= 0 ? (unsigned)retry_after : 1u << (attempt < 3 ? attempt : 3);
	sleep(seconds > WAIT_MAX_SECONDS ? WAIT_MAX_SECONDS : seconds);
}

static int unreachable(const struct registry *r, struct error *err)
{
	return error_wrap(err, "cannot reach registry '%s'", r->host);
}

/* Perform until it is answered, with authentication and retries.  The url of q may be changed by the caller. */
static int call(const void *ctx, struct registry *r, struct web_request *q, struct web_response *ret,
		struct error *err)
{
	unsigned tried = 0;
	for (unsigned attempt = 0;; attempt++) {
		/* An upload may be taken by another host: who we are is no business of it. */
		q->authorization = web_is_same_origin(q->url, r->base) ? r->authorization : NULL;
		if (web_perform(ctx, r->web, q, ret, err) < 0) {
			/* A body that broke off is resumed by who knows how far it got. */
			if (ret->is_ours)
				return -1;
			if (q->sink || err->number != EIO || attempt + 1 >= TRIES)
				return err->number ? unreachable(r, err) : -1;
			error_clear(err);
			wait_before(attempt, -1);
			continue;
		}
		if (ret->status == 401) {
			if (authenticate(r, ret->authenticate, tried, err) < 0)
				return -1;
			tried++;
			continue;
		}
		if (!is_passing(ret->status) || attempt + 1 >= TRIES)
			return 0;
		wait_before(attempt, ret->retry_after);
	}
}

/* What a registry says of a failure, in one line. */
static int unexpected(const struct registry *r, const char *what, const struct web_response *answer, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	char *message = NULL;
	if (json_parse(scratch, answer->body, "answer", &root, NULL) == 0) {
		const char *text = json_get_string(json_at(json_get(root, "errors"), 0), "message");
		message = text ? mem_strdup(scratch, text) : NULL;
	}
	/* What others say shall not drive the terminal. */
	for (char *p = message; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return error_set(err, 0, "registry '%s': %s: status %ld%s%s", r->host, what, answer->status, message ? ": " : "",
			 message ? message : "");
}

/* ---- opening ---- */

static struct registry *make(const void *ctx, const char *host, struct error *err)
{
	struct registry *r = mem_new(ctx, struct registry);
	if (web_open(r, &r->web, err) < 0) {
		talloc_free(r);
		return NULL;
	}
	r->host = mem_strdup(r, host);
	r->actions = mem_strdup(r, "pull");
	return r;
}

/* Find the scheme by asking for /v2/, and answer its challenge. */
static int greet(struct registry *r, struct error *err)
{
	const char *wire = strcmp(r->host, "docker.io") == 0 ? "registry-1.docker.io" : r->host;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct web_response answer;
	r->base = mem_printf(r, "https://%s", wire);
	for (unsigned attempt = 0;; attempt++) {
		struct web_request q = { .method = "GET", .url = mem_printf(scratch, "%s/v2/", r->base), .body_bytes = -1 };
		if (web_perform(scratch, r->web, &q, &answer, err) == 0)
			break;
		/* Where nobody is at the port of https, there may be somebody at that of http. */
		bool is_other_port = err->number != ECONNREFUSED || !strchr(r->host, ':');
		if (is_other_port && text_starts(r->base, "https:") && web_may_be_plain(r->host)) {
			error_clear(err);
			r->base = mem_printf(r, "http://%s", wire);
			continue;
		}
		if (err->number != EIO || attempt + 1 >= 3)
			return unreachable(r, err);
		error_clear(err);
		wait_before(attempt, -1);
	}
	if (answer.status == 401)
		return authenticate(r, answer.authenticate, 0, err);
	if (answer.status != 200 && answer.status != 404 && !is_passing(answer.status))
		return unexpected(r, "it is no registry", &answer, err);
	return 0;
}

int registry_open(const void *ctx, const struct reference *ref, const char *actions, struct registry **ret,
		  struct error *err)
{
	struct registry *r = make(ctx, ref->registry, err);
	if (!r)
		return -1;
	r->repository = mem_strdup(r, ref->repository);
	r->actions = mem_strdup(r, actions);
	if (credentials_find(r, r->host, r->repository, &r->credentials, err) < 0 || greet(r, err) < 0) {
		talloc_free(r);
		return -1;
	}
	*ret = r;
	return 0;
}

int registry_clone(const void *ctx, const struct registry *from, struct registry **ret, struct error *err)
{
	struct registry *r = make(ctx, from->host, err);
	if (!r)
		return -1;
	r->base = mem_strdup(r, from->base);
	r->repository = mem_strdup(r, from->repository);
	r->actions = mem_strdup(r, from->actions);
	r->authorization = from->authorization ? mem_strdup(r, from->authorization) : NULL;
	const struct credentials *c = &from->credentials;
	r->credentials.user = c->user ? mem_strdup(r, c->user) : NULL;
	r->credentials.password = c->password ? mem_strdup(r, c->password) : NULL;
	r->credentials.identity_token = c->identity_token ? mem_strdup(r, c->identity_token) : NULL;
	*ret = r;
	return 0;
}

int registry_check(const char *host, const char *user, const char *password, struct error *err)
{
	CLEANUP_TALLOC struct registry *r = make(NULL, host, err);
	if (!r)
		return -1;
	r->credentials.user = mem_strdup(r, user);
	r->credentials.password = mem_strdup(r, password);
	if (greet(r, err) < 0)
		return -1;
	struct web_response answer;
	struct web_request q = { .method = "GET", .url = mem_printf(r, "%s/v2/", r->base), .body_bytes = -1 };
	if (call(r, r, &q, &answer, err) < 0)
		return -1;
	return answer.status == 200 ? 0 : unexpected(r, "login", &answer, err);
}

/* ---- manifests ---- */

int registry_get_manifest(const void *ctx, struct registry *r, const char *tag_or_digest, char **ret_text,
			  struct descriptor *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char digest[DIGEST_ROOM];
	struct web_response answer;
	struct web_request q = {
		.method = "GET", .accept = manifest_types, .body_bytes = -1,
		.url = mem_printf(scratch, "%s/v2/%s/manifests/%s", r->base, r->repository, tag_or_digest),
	};
	if (call(scratch, r, &q, &answer, err) < 0)
		return -1;
	if (answer.status == 404) {
		error_set(err, 0, "image '%s%s%s' not found in registry '%s'", r->repository,
			  digest_is_valid(tag_or_digest) ? "@" : ":", tag_or_digest, r->host);
		err->number = ENODATA;
		return -1;
	}
	if (answer.status == 403)
		return error_set(err, 0, "registry '%s' denies access to '%s', or it does not exist", r->host,
				 r->repository);
	if (answer.status != 200)
		return unexpected(r, "cannot get the manifest", &answer, err);
	digest_of(answer.body, answer.body_bytes, digest);
	if (digest_is_valid(tag_or_digest) && strcmp(tag_or_digest, digest) != 0)
		return error_set(err, 0, "digest mismatch: registry '%s' gives manifest %s for %s", r->host, digest,
				 tag_or_digest);
	if (answer.digest && digest_is_valid(answer.digest) && strcmp(answer.digest, digest) != 0)
		return error_set(err, 0, "digest mismatch: registry '%s' gives manifest %s and calls it %s", r->host,
				 digest, answer.digest);
	if (strlen(answer.body) != answer.body_bytes)
		return error_set(err, 0, "registry '%s' gives a malformed manifest", r->host);
	char *type = answer.content_type;
	if (type)
		type[strcspn(type, "; ")] = '\0';
	bool is_known = type && strstr(manifest_types, type) && strchr(type, '/');
	*ret = (struct descriptor){ .media_type = is_known ? mem_strdup(ctx, type) : NULL,
				    .digest = mem_strdup(ctx, digest), .size_bytes = answer.body_bytes };
	*ret_text = mem_strdup(ctx, answer.body);
	return 0;
}

int registry_head_manifest(struct registry *r, const char *tag_or_digest, char ret_digest[DIGEST_ROOM])
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct error ignored = ERROR_INIT;
	struct web_response answer;
	struct web_request q = {
		.method = "HEAD", .accept = manifest_types, .body_bytes = -1,
		.url = mem_printf(scratch, "%s/v2/%s/manifests/%s", r->base, r->repository, tag_or_digest),
	};
	if (call(scratch, r, &q, &answer, &ignored) < 0 || answer.status != 200 || !answer.digest ||
	    !digest_is_valid(answer.digest))
		return -1;
	memcpy(ret_digest, answer.digest, strlen(answer.digest) + 1);
	return 0;
}

int registry_put_manifest(struct registry *r, const char *tag_or_digest, const char *media_type, const char *text,
			  struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct web_response answer;
	struct web_request q = {
		.method = "PUT", .content_type = media_type, .body = text, .body_bytes = strlen(text),
		.url = mem_printf(scratch, "%s/v2/%s/manifests/%s", r->base, r->repository, tag_or_digest),
	};
	if (call(scratch, r, &q, &answer, err) < 0)
		return -1;
	return answer.status == 201 || answer.status == 200 ? 0 : unexpected(r, "cannot put the manifest", &answer, err);
}

/* ---- blobs ---- */

bool registry_has_blob(struct registry *r, const char *digest)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct error ignored = ERROR_INIT;
	struct web_response answer;
	struct web_request q = { .method = "HEAD", .body_bytes = -1,
				 .url = mem_printf(scratch, "%s/v2/%s/blobs/%s", r->base, r->repository, digest) };
	return call(scratch, r, &q, &answer, &ignored) == 0 && answer.status == 200;
}

struct download {
	const struct blob_sink *sink;
	int64_t have_bytes, limit_bytes;
	bool was_resumed;
};

static int begin_download(void *arg, long status, struct error *err)
{
	struct download *d = arg;
	if (!d->was_resumed || status == 206 || !d->have_bytes)
		return 0;
	d->have_bytes = 0;
	return d->sink->restart(d->sink->arg, err);
}

static int write_download(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct download *d = arg;
	if (d->have_bytes + (int64_t)size > d->limit_bytes)
		return error_set(err, 0, "digest mismatch: the blob is longer than the %lld bytes announced",
				 (long long)d->limit_bytes);
	d->have_bytes += size;
	return d->sink->write(d->sink->arg, bytes, size, err);
}

int registry_get_blob(struct registry *r, const struct descriptor *blob, int64_t have_bytes,
		      const struct blob_sink *sink, struct error *err)
{
	struct download d = { sink, have_bytes, blob->size_bytes, false };
	/* Only bytes never had before are progress: a blob that ends early each time must have an end. */
	int64_t most_bytes = have_bytes;
	unsigned short_answers = 0;
	for (unsigned attempt = 0;; attempt++) {
		CLEANUP_TALLOC void *scratch = talloc_new(NULL);
		struct web_response answer = { .status = 0 };
		d.was_resumed = d.have_bytes > 0;
		struct web_request q = {
			.method = "GET", .body_bytes = -1, .sink = write_download, .begin = begin_download, .arg = &d,
			.url = mem_printf(scratch, "%s/v2/%s/blobs/%s", r->base, r->repository, blob->digest),
			.range = d.was_resumed ? mem_printf(scratch, "%lld-", (long long)d.have_bytes) : NULL,
		};
		int result = call(scratch, r, &q, &answer, err);
		if (result == 0 && (answer.status == 200 || answer.status == 206) && d.have_bytes >= blob->size_bytes)
			return 0;
		if (result == 0 && answer.status == 404)
			return error_set(err, 0, "registry '%s' lacks blob %s", r->host, blob->digest);
		bool is_past_end = result == 0 && answer.status == 416 && d.was_resumed;
		if (result == 0 && answer.status != 200 && answer.status != 206 && !is_past_end)
			return unexpected(r, "cannot get a blob", &answer, err);
		if (result < 0 && (!err->number || answer.is_ours))
			return -1;
		if (d.have_bytes > most_bytes) {
			most_bytes = d.have_bytes;
			attempt = 0;
		}
		/* Whole answers, and yet too little: that is what the registry has. */
		if (result == 0 && ++short_answers >= SHORT_ANSWERS_MAX)
			return error_set(err, 0, "blob %s is truncated: registry '%s' sends %lld of %lld bytes",
					 blob->digest, r->host, (long long)most_bytes, (long long)blob->size_bytes);
		if (attempt + 1 >= TRIES)
			return -1;
		error_clear(err);
		/* What was kept may be longer than what there is: begin again. */
		if (is_past_end) {
			d.have_bytes = 0;
			if (sink->restart(sink->arg, err) < 0)
				return -1;
		}
		sink->retrying(sink->arg);
		wait_before(attempt, -1);
	}
}

static char *absolute(const void *ctx, const struct registry *r, const char *location)
{
	if (strstr(location, "://"))
		return mem_strdup(ctx, location);
	return mem_printf(ctx, "%s%s%s", r->base, location[0] == '/' ? "" : "/", location);
}

int registry_put_blob(struct registry *r, const struct descriptor *blob, int fd, struct error *err)
{
	for (unsigned attempt = 0;; attempt++) {
		CLEANUP_TALLOC void *scratch = talloc_new(NULL);
		struct web_response answer;
		struct web_request begin = { .method = "POST", .body = "", .body_bytes = 0,
					     .url = mem_printf(scratch, "%s/v2/%s/blobs/uploads/", r->base,
							       r->repository) };
		if (call(scratch, r, &begin, &answer, err) < 0)
			return -1;
		if (answer.status != 202 || !answer.location)
			return unexpected(r, "cannot begin an upload", &answer, err);
		char *url = absolute(scratch, r, answer.location);
		if (text_starts(r->base, "https:") && !text_starts(url, "https:"))
			return error_set(err, 0, "registry '%s' wants the upload sent over plain http", r->host);
		url = mem_append(url, "%sdigest=%s", strchr(url, '?') ? "&" : "?", blob->digest);
		struct web_request put = { .method = "PUT", .url = url, .content_type = "application/octet-stream",
					   .body_fd = fd, .body_bytes = blob->size_bytes };
		int result = call(scratch, r, &put, &answer, err);
		if (result == 0 && (answer.status == 201 || answer.status == 204))
			return 0;
		if (result == 0 && answer.status != 404 && answer.status < 500)
			return unexpected(r, "cannot upload a blob", &answer, err);
		if (attempt + 1 >= TRIES)
			return result < 0 ? -1 : unexpected(r, "cannot upload a blob", &answer, err);
		error_clear(err);
		wait_before(attempt, -1);
	}
}
