/* SPDX-License-Identifier: Apache-2.0 */
/* Owns challenges and the tokens they led to. */
#include "oci/auth.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "oci/json.h"
#include "oci/retry.h"
#include "oci/url.h"
#include "tracer/base/text.h"

enum {
	TOKEN_LIFE_SEC = 60, /* where the server does not tell (token.md) */
	TOKEN_MARGIN_SEC = 10,
	ANSWER_MAX_BYTES = 1 << 20,
	PARAMETERS_MAX = 32,
	CHALLENGES_MAX = 16,
};

struct token {
	char *scope, *header;
	int64_t expires_sec;
	struct token *next;
};

struct auth {
	char *registry;
	struct credentials credentials;
	pthread_mutex_t lock; /* guards what follows */
	bool wants_basic;
	struct token *tokens;
};

static int64_t now_sec(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int close_auth(struct auth *a)
{
	pthread_mutex_destroy(&a->lock);
	return 0;
}

struct auth *auth_new(const void *ctx, const char *registry, const struct credentials *credentials)
{
	struct auth *a = mem_new(ctx, struct auth);
	a->registry = mem_strdup(a, registry);
	if (credentials) {
		const struct credentials *c = credentials;
		a->credentials = (struct credentials){
			.user = c->user ? mem_strdup(a, c->user) : NULL,
			.password = c->password ? mem_strdup(a, c->password) : NULL,
			.identity_token = c->identity_token ? mem_strdup(a, c->identity_token) : NULL,
			.registry_token = c->registry_token ? mem_strdup(a, c->registry_token) : NULL,
		};
	}
	pthread_mutex_init(&a->lock, NULL);
	talloc_set_destructor(a, close_auth);
	return a;
}

/* ---- challenges ---- */

static const char TOKEN_CHARS[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static char *take_quoted(const void *ctx, const char **at)
{
	char *text = mem_array(ctx, char, strlen(*at) + 1);
	size_t n = 0;
	const char *p = *at + 1;
	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		text[n++] = *p;
	}
	*at = *p ? p + 1 : p;
	return text;
}

void challenge_parse(const void *ctx, const char *header, struct challenge **ret, unsigned *ret_count)
{
	struct challenge *list = mem_array(ctx, struct challenge, CHALLENGES_MAX);
	unsigned count = 0;
	const char *p = header;
	for (;;) {
		p += strspn(p, " \t,");
		size_t size = strspn(p, TOKEN_CHARS);
		if (!size)
			break;
		const char *after = p + size + strspn(p + size, " \t");
		/* A word with "=" is a parameter of the challenge before, one without begins the next. */
		if (*after != '=' || !count) {
			if (count == CHALLENGES_MAX)
				break;
			struct challenge *c = &list[count++];
			c->scheme = mem_strndup(list, p, size);
			c->parameters = (void *)mem_array(list, char,
							  PARAMETERS_MAX * sizeof(*c->parameters));
			p += size;
			continue;
		}
		struct challenge *c = &list[count - 1];
		char *name = mem_strndup(list, p, size), *value;
		p = after + 1;
		p += strspn(p, " \t");
		if (*p == '"') {
			value = take_quoted(list, &p);
		} else {
			size = strcspn(p, " \t,");
			value = mem_strndup(list, p, size);
			p += size;
		}
		if (c->parameter_count < PARAMETERS_MAX) {
			c->parameters[c->parameter_count].name = name;
			c->parameters[c->parameter_count++].value = value;
		}
	}
	*ret = list;
	*ret_count = count;
}

const char *challenge_get(const struct challenge *c, const char *name)
{
	for (unsigned i = 0; i < c->parameter_count; i++)
		if (strcasecmp(c->parameters[i].name, name) == 0)
			return c->parameters[i].value;
	return NULL;
}

/* Bearer before Basic, whatever the order. */
static const struct challenge *choose(const void *ctx, const struct http_reply *reply)
{
	const struct challenge *basic = NULL;
	for (size_t i = 0; i < reply->headers->count; i++) {
		const char *value = http_header_value(reply->headers->items[i], "WWW-Authenticate");
		struct challenge *list;
		unsigned count = 0;
		if (value)
			challenge_parse(ctx, value, &list, &count);
		for (unsigned j = 0; j < count; j++) {
			if (strcasecmp(list[j].scheme, "Bearer") == 0 && challenge_get(&list[j], "realm"))
				return &list[j];
			if (strcasecmp(list[j].scheme, "Basic") == 0 && !basic)
				basic = &list[j];
		}
	}
	return basic;
}

/* ---- tokens ---- */

static struct token *find_token(struct auth *a, const char *scope)
{
	for (struct token *t = a->tokens; t; t = t->next)
		if (strcmp(t->scope, scope) == 0)
			return t->expires_sec > now_sec() ? t : NULL;
	return NULL;
}

static void keep_token(struct auth *a, const char *scope, const char *value, int64_t life_sec)
{
	struct token *t = a->tokens;
	while (t && strcmp(t->scope, scope) != 0)
		t = t->next;
	if (!t) {
		t = mem_new(a, struct token);
		t->scope = mem_strdup(t, scope);
		t->next = a->tokens;
		a->tokens = t;
	}
	talloc_free(t->header);
	t->header = mem_printf(t, "Bearer %s", value);
	/* A short life is still good for the next request. */
	t->expires_sec = now_sec() + (life_sec > 2 * TOKEN_MARGIN_SEC ? life_sec - TOKEN_MARGIN_SEC :
									 life_sec / 2 + 1);
}

static char *basic_header(const void *ctx, const struct credentials *c)
{
	CLEANUP_TALLOC char *pair = mem_printf(NULL, "%s:%s", c->user, c->password);
	CLEANUP_TALLOC char *text = keyring_base64(NULL, pair);
	return mem_printf(ctx, "Basic %s", text);
}

char *auth_header(const void *ctx, struct auth *a, const char *scope)
{
	const struct credentials *c = &a->credentials;
	char *header = NULL;
	if (c->registry_token)
		return mem_printf(ctx, "Bearer %s", c->registry_token);
	pthread_mutex_lock(&a->lock);
	const struct token *t = find_token(a, scope ? scope : "");
	if (t)
		header = mem_strdup(ctx, t->header);
	else if (a->wants_basic)
		header = basic_header(ctx, c);
	pthread_mutex_unlock(&a->lock);
	return header;
}

/* Our scope, and those of the challenge that are others. */
static struct strlist *scopes_of(const void *ctx, const char *scope, const char *challenged)
{
	struct strlist *list = strlist_new(ctx);
	if (scope)
		strlist_add(list, scope);
	while (challenged && *challenged) {
		challenged += strspn(challenged, " ");
		size_t size = strcspn(challenged, " ");
		if (size && !(scope && strlen(scope) == size && strncmp(scope, challenged, size) == 0))
			strlist_addf(list, "%.*s", (int)size, challenged);
		challenged += size;
	}
	return list;
}

/* RFC 6749 by POST, which identity tokens need. */
static int ask_by_post(const void *ctx, struct auth *a, struct http *h, const char *realm,
		       const char *service, const struct strlist *scopes, struct http_reply **ret,
		       struct error *err)
{
	char *form = mem_strdup(ctx, ""), *joined = mem_strdup(ctx, "");
	for (size_t i = 0; i < scopes->count; i++)
		joined = mem_append(joined, "%s%s", i ? " " : "", scopes->items[i]);
	form = url_add_field(form, "grant_type", "refresh_token");
	if (service)
		form = url_add_field(form, "service", service);
	form = url_add_field(form, "client_id", "fakebuild");
	if (*joined)
		form = url_add_field(form, "scope", joined);
	form = url_add_field(form, "refresh_token", a->credentials.identity_token);
	struct strlist *headers = strlist_new(ctx);
	strlist_add(headers, "Content-Type: application/x-www-form-urlencoded");
	struct http_request request = { .method = "POST", .url = realm, .headers = headers,
					.body = form, .body_bytes = strlen(form),
					.max_bytes = ANSWER_MAX_BYTES };
	return http_exchange(ctx, h, &request, ret, err);
}

static int ask_by_get(const void *ctx, struct auth *a, struct http *h, const char *realm,
		      const char *service, const struct strlist *scopes, struct http_reply **ret,
		      struct error *err)
{
	const struct credentials *c = &a->credentials;
	char *url = mem_strdup(ctx, realm);
	if (service)
		url = url_add_query(url, "service", service);
	for (size_t i = 0; i < scopes->count; i++)
		url = url_add_query(url, "scope", scopes->items[i]);
	if (c->user && c->password)
		url = url_add_query(url, "account", c->user);
	struct http_request request = {
		.method = "GET", .url = url, .max_bytes = ANSWER_MAX_BYTES,
		.authorization = c->user && c->password ? basic_header(ctx, c) : NULL,
	};
	return http_exchange(ctx, h, &request, ret, err);
}

static int ask_token_server(const void *ctx, struct auth *a, struct http *h, const char *realm,
			    const char *service, const struct strlist *scopes,
			    struct http_reply **ret, struct error *err)
{
	for (unsigned attempt = 1;; attempt++) {
		int r;
		if (a->credentials.identity_token) {
			r = ask_by_post(ctx, a, h, realm, service, scopes, ret, err);
			/* oauth.md: a server without POST answers 404; some say 405. */
			if (r == 0 && ((*ret)->status == 404 || (*ret)->status == 405))
				r = ask_by_get(ctx, a, h, realm, service, scopes, ret, err);
		} else {
			r = ask_by_get(ctx, a, h, realm, service, scopes, ret, err);
		}
		if (!retry_is_worth(*ret, true) || attempt == RETRY_TRIES)
			return r;
		error_clear(err);
		retry_wait(attempt, *ret, NULL);
	}
}

static bool is_header_text(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static enum auth_answer fetch_token(const void *ctx, struct auth *a, struct http *h,
				    const struct challenge *c, const char *scope, struct error *err)
{
	struct http_reply *reply;
	struct json *json;
	const char *realm = challenge_get(c, "realm");
	const struct strlist *scopes = scopes_of(ctx, scope, challenge_get(c, "scope"));
	bool is_known = a->credentials.password || a->credentials.identity_token;
	if (ask_token_server(ctx, a, h, realm, challenge_get(c, "service"), scopes, &reply, err) < 0)
		return error_wrap(err, "cannot log in to registry '%s'", a->registry);
	if (reply->status == 401 || reply->status == 403 || (reply->status == 400 && is_known)) {
		if (!is_known)
			return AUTH_DENIED;
		return error_set(err, 0, "registry '%s': wrong user name or password", a->registry);
	}
	if (reply->status != 200)
		return error_set(err, 0, "token server '%s' of registry '%s' answered %ld %s", realm,
				 a->registry, reply->status, http_status_text(reply->status));
	if (json_parse(ctx, reply->body, "the token server's answer", &json, err) < 0)
		return AUTH_FAILED;
	const char *token = json_get_string(json, "token");
	if (!token || !*token)
		token = json_get_string(json, "access_token");
	if (!token || !*token || !is_header_text(token))
		return error_set(err, 0, "token server '%s' of registry '%s' gave no token", realm,
				 a->registry);
	int64_t life = json_get_int(json, "expires_in", TOKEN_LIFE_SEC);
	keep_token(a, scope ? scope : "", token, life > 0 ? life : TOKEN_LIFE_SEC);
	return AUTH_RETRY;
}

enum auth_answer auth_answer(struct auth *a, struct http *h, const struct http_reply *reply,
			     const char *sent, const char *scope, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct challenge *c = choose(scratch, reply);
	enum auth_answer answer = AUTH_DENIED;
	if (!c || a->credentials.registry_token)
		return AUTH_DENIED;
	/* Held while the token server is asked: other threads then find the token. */
	pthread_mutex_lock(&a->lock);
	if (strcasecmp(c->scheme, "Basic") == 0) {
		bool was_sent = sent && text_starts(sent, "Basic ");
		if (a->credentials.user && a->credentials.password && !was_sent) {
			a->wants_basic = true;
			answer = AUTH_RETRY;
		}
	} else {
		const struct token *t = find_token(a, scope ? scope : "");
		answer = t && sent && strcmp(t->header, sent) != 0 ?
				 AUTH_RETRY :
				 fetch_token(scratch, a, h, c, scope, err);
	}
	pthread_mutex_unlock(&a->lock);
	return answer;
}
