/* SPDX-License-Identifier: Apache-2.0 */
/* Owns lists of environment variables. */
#include "builder/environment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { ENV_FILE_MAX_BYTES = 16 << 20 };

static size_t find_key(const struct strlist *env, const char *key, size_t length)
{
	size_t i = 0;
	while (i < env->count &&
	       (strncmp(env->items[i], key, length) != 0 || env->items[i][length] != '='))
		i++;
	return i;
}

void environment_set(struct strlist *env, const char *entry)
{
	const char *equals = strchr(entry, '=');
	size_t length = equals ? (size_t)(equals - entry) : strlen(entry);
	size_t i = find_key(env, entry, length);
	if (i == env->count && equals) {
		strlist_add(env, entry);
	} else if (i < env->count && equals) {
		talloc_free(env->items[i]);
		env->items[i] = mem_strdup(env, entry);
	} else if (i < env->count) {
		talloc_free(env->items[i]);
		memmove(env->items + i, env->items + i + 1, (env->count - i) * sizeof(*env->items));
		env->count--;
	}
}

void environment_set_all(struct strlist *env, const struct strlist *entries)
{
	for (size_t i = 0; entries && i < entries->count; i++)
		environment_set(env, entries->items[i]);
}

const char *environment_get(const struct strlist *env, const char *key)
{
	size_t i = find_key(env, key, strlen(key));
	return i < env->count ? env->items[i] + strlen(key) + 1 : NULL;
}

void environment_default(struct strlist *env, const char *key, const char *value)
{
	if (!environment_get(env, key))
		strlist_addf(env, "%s=%s", key, value);
}

int environment_option(struct strlist *env, const char *option, struct error *err)
{
	if (option[0] == '\0' || option[0] == '=')
		return error_set(err, 0, "invalid environment variable: '%s'", option);
	const char *own = strchr(option, '=') ? NULL : getenv(option);
	if (own) {
		CLEANUP_TALLOC char *entry = mem_printf(NULL, "%s=%s", option, own);
		environment_set(env, entry);
	} else {
		environment_set(env, option);
	}
	return 0;
}

int environment_file(struct strlist *env, const char *host_path, struct error *err)
{
	CLEANUP_TALLOC char *text = NULL;
	if (io_read_file(NULL, AT_FDCWD, host_path, ENV_FILE_MAX_BYTES, &text, NULL, err) < 0)
		return error_wrap(err, "--env-file");
	char *line = text_starts(text, "\xef\xbb\xbf") ? text + 3 : text;
	while (line) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		size_t key = strcspn(line, "=");
		if (*line && *line != '#') {
			if (strcspn(line, " \t") < key)
				return error_set(
					err, 0, "--env-file: '%s': variable '%.*s' contains blanks",
					host_path, (int)key, line);
			/* A name alone that the caller does not have either stays as it is. */
			if ((line[key] || getenv(line)) && environment_option(env, line, err) < 0)
				return error_wrap(err, "--env-file: '%s'", host_path);
		}
		line = end ? end + 1 : NULL;
	}
	return 0;
}

void environment_proxies(struct strlist *env)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			environment_default(env, names[i], value);
	}
}
