/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the protocol with a registry: retries, manifests, blobs up and down; who we are is in authentication.c. */
#include "oci/distribution_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/json.h"
#include "tracer/base/text.h"

enum { TRIES = 5, WAIT_MAX_SECONDS = 60, SHORT_ANSWERS_MAX = 3 };

static const char manifest_types[] = MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST
						     ", " MEDIA_DOCKER_MANIFEST;

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
			if (registry_authenticate(r, ret->authenticate, tried, err) < 0)
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
		return registry_authenticate(r, answer.authenticate, 0, err);
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
