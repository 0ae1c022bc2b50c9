/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the grammar of image references; what a name means to a registry is for registry.c. */
#include "oci/reference.h"

#include <stdbool.h>
#include <string.h>

#include "oci/digest.h"
#include "tracer/base/mem.h"

enum { NAME_MAX_BYTES = 255, TAG_MAX_BYTES = 128, ID_DIGITS = 64 };

static const char DOCKER_HUB[] = "docker.io";

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_image_id(const char *text)
{
	return strlen(text) == ID_DIGITS && strspn(text, "0123456789abcdef") == ID_DIGITS;
}

/* domain-component *("." domain-component), or "[" IPv6 "]"; then [":" port]. */
static bool is_registry(const char *text)
{
	size_t n = 0;
	if (*text == '[') {
		size_t digits = strspn(text + 1, "0123456789abcdefABCDEF:");
		if (!digits || text[1 + digits] != ']')
			return false;
		n = digits + 2;
	} else {
		char before = '.';
		for (; is_alnum(text[n]) || text[n] == '-' || text[n] == '.'; before = text[n++])
			if (!is_alnum(text[n]) && !is_alnum(before) && !(before == '-' && text[n] == '-'))
				return false;
		if (!n || !is_alnum(before))
			return false;
	}
	if (text[n] == '\0')
		return true;
	if (text[n++] != ':')
		return false;
	size_t digits = strspn(text + n, "0123456789");
	return digits >= 1 && digits <= 5 && text[n + digits] == '\0';
}

/* path-component: [a-z0-9]+ ((\. | _ | __ | -+) [a-z0-9]+)* */
static bool is_component(const char *text, size_t size)
{
	size_t i = 0;
	for (;;) {
		size_t begin = i;
		while (i < size && is_lower_alnum(text[i]))
			i++;
		if (i == begin)
			return false;
		if (i == size)
			return true;
		char separator = text[i];
		size_t count = 0;
		while (i < size && text[i] == separator)
			i++, count++;
		if (!(separator == '-' || (separator == '_' && count <= 2) ||
		      (separator == '.' && count == 1)))
			return false;
	}
}

static bool is_repository(const char *text)
{
	for (;;) {
		size_t size = strcspn(text, "/");
		if (!is_component(text, size))
			return false;
		if (text[size] == '\0')
			return true;
		text += size + 1;
	}
}

static bool is_tag(const char *text)
{
	size_t n = strlen(text);
	if (n == 0 || n > TAG_MAX_BYTES || !(is_alnum(text[0]) || text[0] == '_'))
		return false;
	while (is_alnum(*text) || *text == '_' || *text == '.' || *text == '-')
		text++;
	return *text == '\0';
}

/* distribution/reference, splitDockerDomain: what makes the part before the first slash a host. */
static bool looks_like_host(const char *text)
{
	bool has_mark = false;
	for (const char *p = text; *p; p++)
		has_mark |= *p == '.' || *p == ':' || (*p >= 'A' && *p <= 'Z');
	return has_mark || strcmp(text, "localhost") == 0;
}

static int split(struct reference *r, const char *text, struct error *err)
{
	char *rest = mem_strdup(r, text);
	char *at = strchr(rest, '@');
	if (at) {
		*at = '\0';
		if (!digest_is_valid(at + 1))
			return error_set(err, 0, "invalid reference '%s': '%s' is not a sha256 digest",
					 text, at + 1);
		r->digest = mem_strdup(r, at + 1);
	}
	char *last_slash = strrchr(rest, '/');
	char *colon = strrchr(last_slash ? last_slash : rest, ':');
	if (colon) {
		*colon = '\0';
		if (!is_tag(colon + 1))
			return error_set(err, 0, "invalid reference '%s': malformed tag '%s'", text,
					 colon + 1);
		r->tag = mem_strdup(r, colon + 1);
	}
	const char *path = rest;
	char *slash = strchr(rest, '/');
	if (slash) {
		*slash = '\0';
		if (looks_like_host(rest)) {
			r->registry = mem_strdup(r, rest);
			path = slash + 1;
		} else {
			*slash = '/';
		}
	}
	if (!r->registry || strcmp(r->registry, "index.docker.io") == 0)
		r->registry = mem_strdup(r, DOCKER_HUB);
	bool is_official = strcmp(r->registry, DOCKER_HUB) == 0 && !strchr(path, '/');
	r->repository = mem_printf(r, "%s%s", is_official ? "library/" : "", path);
	talloc_free(rest);
	return 0;
}

static int check(const struct reference *r, const char *text, struct error *err)
{
	if (!is_registry(r->registry))
		return error_set(err, 0, "invalid reference '%s': malformed registry '%s'", text,
				 r->registry);
	for (const char *p = r->repository; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			return error_set(err, 0,
					 "invalid reference '%s': the repository must be lower-case",
					 text);
	if (!is_repository(r->repository))
		return error_set(err, 0, "invalid reference '%s': malformed repository '%s'", text,
				 r->repository);
	if (strlen(r->registry) + 1 + strlen(r->repository) > NAME_MAX_BYTES)
		return error_set(err, 0, "invalid reference '%s': the name is longer than %d bytes",
				 text, NAME_MAX_BYTES);
	return 0;
}

int reference_parse(const void *ctx, const char *text, struct reference **ret, struct error *err)
{
	if (!*text)
		return error_set(err, 0, "invalid reference '': it is empty");
	if (is_image_id(text))
		return error_set(err, 0, "invalid reference '%s': 64 hex digits are an image id", text);
	struct reference *r = mem_new(ctx, struct reference);
	if (split(r, text, err) < 0 || check(r, text, err) < 0) {
		talloc_free(r);
		return -1;
	}
	if (!r->tag && !r->digest)
		r->tag = mem_strdup(r, "latest");
	const char *short_name = r->repository;
	bool is_hub = strcmp(r->registry, DOCKER_HUB) == 0;
	if (is_hub && strncmp(short_name, "library/", 8) == 0 && !strchr(short_name + 8, '/'))
		short_name += 8;
	char *end = mem_printf(r, "%s%s%s%s", r->tag ? ":" : "", r->tag ? r->tag : "",
			       r->digest ? "@" : "", r->digest ? r->digest : "");
	r->name = mem_printf(r, "%s/%s%s", r->registry, r->repository, end);
	r->familiar = is_hub ? mem_printf(r, "%s%s", short_name, end) : mem_strdup(r, r->name);
	talloc_free(end);
	*ret = r;
	return 0;
}
