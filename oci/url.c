/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the little that registries need of URLs.  libcurl's own parser came with 7.62. */
#include "oci/url.h"

#include <string.h>
#include <strings.h>

#include "tracer/base/text.h"

static const char HTTP[] = "http://", HTTPS[] = "https://";

static const char *after_scheme(const char *url)
{
	if (strncasecmp(url, HTTPS, sizeof(HTTPS) - 1) == 0)
		return url + sizeof(HTTPS) - 1;
	if (strncasecmp(url, HTTP, sizeof(HTTP) - 1) == 0)
		return url + sizeof(HTTP) - 1;
	return NULL;
}

bool url_is_https(const char *url)
{
	return strncasecmp(url, HTTPS, sizeof(HTTPS) - 1) == 0;
}

/*
 * A host is letters, digits, "-", "_", "." or an address in brackets: what readers of URLs take
 * differently (a backslash, a percent sign, "@") is in none.
 */
char *url_host(const void *ctx, const char *url)
{
	const char *host = after_scheme(url);
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return NULL;
	if (!host)
		return NULL;
	size_t size = strcspn(host, "/?#");
	if (!size || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-_.:[]") < size)
		return NULL;
	char *copy = mem_strndup(ctx, host, size);
	for (char *p = copy; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	const char *own_port = url_is_https(url) ? ":443" : ":80";
	if (text_ends(copy, own_port))
		copy[size - strlen(own_port)] = '\0';
	return copy;
}

bool url_same_origin(const char *a, const char *b)
{
	CLEANUP_TALLOC char *host_a = url_host(NULL, a);
	CLEANUP_TALLOC char *host_b = url_host(NULL, b);
	return host_a && host_b && url_is_https(a) == url_is_https(b) && strcmp(host_a, host_b) == 0;
}

char *url_resolve(const void *ctx, const char *base, const char *location)
{
	char *url;
	const char *rest = after_scheme(base);
	if (!rest)
		return NULL;
	const char *path = rest + strcspn(rest, "/?#");
	const char *query = path + strcspn(path, "?#");
	const char *last_slash = query;
	while (last_slash > path && last_slash[-1] != '/')
		last_slash--;
	if (after_scheme(location))
		url = mem_strdup(ctx, location);
	else if (text_starts(location, "//"))
		url = mem_printf(ctx, "%s:%s", url_is_https(base) ? "https" : "http", location);
	else if (*location == '/')
		url = mem_printf(ctx, "%.*s%s", (int)(path - base), base, location);
	else if (*location == '?' || *location == '\0')
		url = mem_printf(ctx, "%.*s%s", (int)(query - base), base, location);
	else
		url = mem_printf(ctx, "%.*s%s%s", (int)(last_slash - base), base,
				 last_slash == path ? "/" : "", location);
	char *fragment = strchr(url, '#');
	if (fragment)
		*fragment = '\0';
	char *host = url_host(ctx, url);
	if (!host) {
		talloc_free(url);
		return NULL;
	}
	talloc_free(host);
	return url;
}

static char *add(char *text, const char *separator, const char *name, const char *value)
{
	text = mem_append(text, "%s%s=", separator, name);
	for (; *value; value++) {
		bool is_plain = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
				(*value >= '0' && *value <= '9') || strchr("-._~:/,", *value);
		text = mem_append(text, is_plain ? "%c" : "%%%02X", (unsigned char)*value);
	}
	return text;
}

char *url_add_query(char *url, const char *name, const char *value)
{
	return add(url, strchr(url, '?') ? "&" : "?", name, value);
}

char *url_add_field(char *form, const char *name, const char *value)
{
	return add(form, *form ? "&" : "", name, value);
}
