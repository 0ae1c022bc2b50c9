/* SPDX-License-Identifier: Apache-2.0 */
/* Owns who we are to a registry: challenges, token servers, passwords and where these may go. */
#include "oci/distribution_private.h"

#include <string.h>
#include <strings.h>

#include "oci/json.h"
#include "tracer/base/base64.h"
#include "tracer/base/text.h"

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

int registry_authenticate(struct registry *r, const char *challenges, unsigned tried, struct error *err)
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
