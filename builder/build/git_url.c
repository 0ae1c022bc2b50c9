/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the URLs of repositories, as BuildKit's dfgitutil reads them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/build/git.h"
#include "tracer/base/text.h"

static const char host_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
static const char user_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/* USER@HOST:PATH */
static bool is_scp_style(const char *text)
{
	size_t user = strspn(text, user_characters);
	if (!user || text[user] != '@')
		return false;
	size_t host = strspn(text + user + 1, host_characters);
	return host && text[user + 1 + host] == ':';
}

static const char *scheme_of(const char *text)
{
	static const char *const schemes[] = { "https://", "http://", "ssh://", "git://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return schemes[i];
	return NULL;
}

/* Relative, and nowhere above where it begins. */
static char *clean_subdir(const void *ctx, const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/%s", text);
	text_clean_path(path);
	return mem_strdup(ctx, path + 1);
}

static char *decode(const void *ctx, const char *text, size_t length)
{
	char *out = mem_strndup(ctx, text, length), *to = out;
	for (const char *from = out; *from; from++) {
		char digits[] = { from[1], from[1] ? from[2] : '\0', '\0' };
		unsigned byte;
		if (*from == '%' && isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]) &&
		    (byte = strtoul(digits, NULL, 16)) != 0) {
			*to++ = byte;
			from += 2;
		} else {
			*to++ = *from == '+' ? ' ' : *from;
		}
	}
	*to = '\0';
	return out;
}

static int set_ref(struct git_url *u, const char *prefix, const char *value, struct error *err)
{
	CLEANUP_TALLOC char *ref = mem_printf(NULL, "%s%s", text_starts(value, prefix) ? "" : prefix, value);
	if (u->ref && strcmp(u->ref, ref) != 0)
		return error_set(err, 0, "ref conflicts: '%s' vs '%s'", u->ref, ref);
	u->ref = mem_strdup(u, ref);
	return 0;
}

static int read_flag(const char *key, const char *value, int *ret, struct error *err)
{
	static const char *const no[] = { "0", "f", "F", "false", "False", "FALSE" };
	static const char *const yes[] = { "", "1", "t", "T", "true", "True", "TRUE" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (strcmp(value, yes[i]) == 0)
			return *ret = 1, 0;
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (strcmp(value, no[i]) == 0)
			return *ret = 0, 0;
	return error_set(err, 0, "invalid %s value: '%s'", key, value);
}

static int set_field(struct git_url *u, const char *key, const char *value, struct error *err)
{
	int flag;
	if (strcmp(key, "keep-git-dir") == 0)
		return read_flag(key, value, &u->keeps_git_dir, err);
	if (strcmp(key, "submodules") == 0 || strcmp(key, "fetch-by-commit") == 0) {
		if (read_flag(key, value, &flag, err) < 0)
			return -1;
		if (*key == 's')
			u->has_submodules = flag;
		return 0;
	}
	if (!*value)
		return error_set(err, 0, "query '%s' has no value", key);
	if (strcmp(key, "ref") == 0)
		return set_ref(u, "", value, err);
	if (strcmp(key, "tag") == 0)
		return set_ref(u, "refs/tags/", value, err);
	if (strcmp(key, "branch") == 0)
		return set_ref(u, "refs/heads/", value, err);
	if (strcmp(key, "subdir") == 0) {
		CLEANUP_TALLOC char *subdir = clean_subdir(NULL, value);
		if (*u->subdir && strcmp(u->subdir, subdir) != 0)
			return error_set(err, 0, "subdir conflicts: '%s' vs '%s'", u->subdir, subdir);
		u->subdir = mem_strdup(u, subdir);
		return 0;
	}
	if (strcmp(key, "checksum") == 0 || strcmp(key, "commit") == 0) {
		u->checksum = mem_strdup(u, value);
		return 0;
	}
	/* What a file's time is, is decided elsewhere: both are accepted. */
	if (strcmp(key, "mtime") == 0 && (strcmp(value, "checkout") == 0 || strcmp(value, "commit") == 0))
		return 0;
	return error_set(err, 0, "unexpected query '%s'", key);
}

static int read_query(struct git_url *u, const char *text, size_t length, struct error *err)
{
	const char *end = text + length;
	while (text < end) {
		size_t size = strcspn(text, "&");
		if (text + size > end)
			size = end - text;
		const char *equals = memchr(text, '=', size);
		CLEANUP_TALLOC char *key = decode(NULL, text, equals ? (size_t)(equals - text) : size);
		CLEANUP_TALLOC char *value = decode(NULL, equals ? equals + 1 : "", equals ? text + size - equals - 1 : 0);
		if (*key && set_field(u, key, value, err) < 0)
			return -1;
		text += size + 1;
	}
	return 0;
}

/* Nothing that git would take for an option, a range, or a second argument. */
static int check(const struct git_url *u, const char *text, struct error *err)
{
	const char *const parts[] = { u->remote, u->ref, u->checksum };
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i])
			continue;
		bool is_bad = *parts[i] == '-' || (i > 0 && (strpbrk(parts[i], " ~^:?*[\\") || strstr(parts[i], "..")));
		for (const char *c = parts[i]; *c; c++)
			is_bad |= (unsigned char)*c < ' ' || *c == 0x7f;
		if (is_bad)
			return error_set(err, 0, "'%s' is no git URL: '%s' cannot be a part of one", text, parts[i]);
	}
	return 0;
}

int git_url_parse(const void *ctx, const char *text, bool is_context, struct git_url **ret, struct error *err)
{
	const char *scheme = scheme_of(text);
	bool is_github = is_context && text_starts(text, "github.com/");
	*ret = NULL;
	if (!scheme && !is_github && !is_scp_style(text))
		return 0;
	size_t all = strcspn(text, "#"), path = strcspn(text, "?#");
	const char *fragment = text[all] ? text + all + 1 : "";
	bool is_http = scheme && (*scheme == 'h');
	/* What is fetched over HTTP is a repository only when its name says so. */
	if (is_http && (path < 4 || memcmp(text + path - 4, ".git", 4) != 0))
		return 0;
	CLEANUP_TALLOC struct git_url *u = mem_new(NULL, struct git_url);
	size_t ref = strcspn(fragment, ":");
	u->keeps_git_dir = -1;
	u->has_submodules = true;
	u->remote = mem_printf(u, "%s%.*s", is_github ? "https://" : "", (int)path, text);
	u->ref = ref ? mem_strndup(u, fragment, ref) : NULL;
	u->subdir = clean_subdir(u, fragment[ref] ? fragment + ref + 1 : "");
	if ((path < all && read_query(u, text + path + 1, all - path - 1, err) < 0) || check(u, text, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, u);
	u = NULL;
	return 0;
}
