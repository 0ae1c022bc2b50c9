/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from arguments to execve. */
#include "compat/runc/execute.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/runc/identity.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { WORDS_ROOM = 128 };

static const char *value_of(const struct strlist *env, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = env ? env->count : 0; i-- > 0;)
		if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=')
			return env->items[i] + length + 1;
	return NULL;
}

/* Callers look for Go's words, which are the C library's but for the first letter. */
static const char *words_of(int number, char buffer[WORDS_ROOM])
{
	snprintf(buffer, WORDS_ROOM, "%s", strerror(number));
	buffer[0] = tolower((unsigned char)buffer[0]);
	return buffer;
}

/* 0, or why it is none. */
static int check_program(const char *path, bool *ret_is_stat)
{
	struct stat st;
	*ret_is_stat = stat(path, &st) < 0;
	if (*ret_is_stat)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	/* By the rights that the execve will have: access(2) goes by the real user, who has no capabilities. */
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* No word of access(2), but of a filter that is older than faccessat2(2). */
	if (errno == EPERM)
		return st.st_mode & 0111 ? 0 : EACCES;
	return errno;
}

char *execute_find(const void *ctx, const struct spec_process *p, struct error *err)
{
	const char *name = p->args->items[0], *path = value_of(p->env, "PATH");
	char words[WORDS_ROOM];
	bool is_stat;
	if (strchr(name, '/')) {
		int r = check_program(name, &is_stat);
		if (r == 0)
			return mem_strdup(ctx, name);
		error_set(err, 0, "exec: \"%s\": %s%s%s%s", name, is_stat ? "stat " : "", is_stat ? name : "",
			  is_stat ? ": " : "", words_of(r, words));
		error_status(err, r == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
		return NULL;
	}
	for (const char *part = *name ? path : NULL; part;) {
		size_t length = strcspn(part, ":");
		char *candidate = length ? mem_printf(ctx, "%.*s/%s", (int)length, part, name) : mem_printf(ctx, "./%s", name);
		if (check_program(candidate, &is_stat) == 0)
			return candidate;
		talloc_free(candidate);
		part = part[length] ? part + length + 1 : NULL;
	}
	error_set(err, 0, "exec: \"%s\": executable file not found in $PATH", name);
	error_status(err, EXIT_NOT_FOUND);
	return NULL;
}

static bool is_last_of_name(const struct strlist *env, size_t index)
{
	size_t length = strcspn(env->items[index], "=");
	for (size_t i = index + 1; i < env->count; i++)
		if (strncmp(env->items[i], env->items[index], length) == 0 && env->items[i][length] == '=')
			return false;
	return true;
}

struct strlist *execute_environment(const void *ctx, const struct spec_process *p, int listen_fds)
{
	struct strlist *env = strlist_new(ctx);
	const char *own_home = value_of(p->env, "HOME");
	bool has_home = own_home && *own_home;
	for (size_t i = 0; p->env && i < p->env->count; i++) {
		const char *item = p->env->items[i];
		if (is_last_of_name(p->env, i) && (has_home || !text_starts(item, "HOME=")))
			strlist_add(env, item);
	}
	if (!has_home) {
		CLEANUP_TALLOC char *home = identity_home(NULL, p->user.uid);
		strlist_addf(env, "HOME=%s", home);
	}
	if (listen_fds > 0) {
		strlist_addf(env, "LISTEN_FDS=%d", listen_fds);
		strlist_addf(env, "LISTEN_PID=%d", getpid());
	}
	return env;
}

int execute_enter(const char *cwd, bool *ret_is_later, struct error *err)
{
	*ret_is_later = false;
	if (chdir(cwd) < 0) {
		*ret_is_later = errno == EACCES || errno == EPERM;
		return error_set(err, errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
	}
	/* A name like /proc/self/fd/N could lead to a directory outside (CVE-2024-21626). */
	CLEANUP_FREE char *now = getcwd(NULL, 0);
	if (!now || now[0] != '/')
		return error_set(err, 0, "current working directory is outside of container mount namespace root");
	return 0;
}

int execute_program(const char *path, const struct spec_process *p, const struct strlist *env, struct error *err)
{
	char words[WORDS_ROOM];
	execve(path, p->args->items, env->items);
	error_set(err, 0, "exec %s: %s", path, words_of(errno, words));
	return error_status(err, EXIT_CANNOT_EXECUTE);
}
