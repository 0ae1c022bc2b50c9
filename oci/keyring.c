/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the files of credentials and the talk with credential helpers. */
#include "oci/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/json.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

extern char **environ;

enum { CONFIG_MAX_BYTES = 4 << 20, HELPER_ANSWER_MAX_BYTES = 1 << 20 };

/* What Docker calls its own registry in files and to helpers. */
static const char HUB[] = "docker.io", HUB_KEY[] = "https://index.docker.io/v1/";

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *keyring_base64(const void *ctx, const char *text)
{
	size_t size = strlen(text), at = 0;
	const unsigned char *in = (const unsigned char *)text;
	char *out = mem_array(ctx, char, (size + 2) / 3 * 4 + 1);
	for (size_t i = 0; i < size; i += 3) {
		unsigned second = i + 1 < size ? in[i + 1] : 0, third = i + 2 < size ? in[i + 2] : 0;
		unsigned bits = (unsigned)in[i] << 16 | second << 8 | third;
		out[at++] = BASE64[bits >> 18 & 63];
		out[at++] = BASE64[bits >> 12 & 63];
		out[at++] = i + 1 < size ? BASE64[bits >> 6 & 63] : '=';
		out[at++] = i + 2 < size ? BASE64[bits & 63] : '=';
	}
	return out;
}

/* NULL when it is no base64, or has a NUL byte in it. */
static char *from_base64(const void *ctx, const char *text)
{
	size_t at = 0;
	unsigned bits = 0, count = 0;
	char *out = mem_array(ctx, char, strlen(text) / 4 * 3 + 4);
	for (; *text && *text != '='; text++) {
		const char *digit = strchr(BASE64, *text);
		if (!digit)
			goto malformed;
		bits = bits << 6 | (unsigned)(digit - BASE64);
		if (++count % 4 == 0) {
			out[at++] = bits >> 16;
			out[at++] = bits >> 8;
			out[at++] = bits;
			bits = 0;
		}
	}
	if (count % 4 == 1 || text[strspn(text, "=")] != '\0')
		goto malformed;
	if (count % 4 == 2)
		out[at++] = bits >> 4;
	if (count % 4 == 3) {
		out[at++] = bits >> 10;
		out[at++] = bits >> 2;
	}
	/* Some writers of the file end the password with NUL bytes, which Docker strips. */
	while (at && out[at - 1] == '\0')
		at--;
	out[at] = '\0';
	if (strlen(out) == at)
		return out;
malformed:
	talloc_free(out);
	return NULL;
}

/* ---- helpers ---- */

/* Run docker-credential-NAME VERB.  *ret_status is its exit status, *ret_answer on ctx what it wrote. */
static int run_helper(const void *ctx, const char *helper, const char *verb, const char *input,
		      char **ret_answer, int *ret_status, struct error *err)
{
	CLEANUP_TALLOC char *program = mem_printf(NULL, "docker-credential-%s", helper);
	if (strchr(helper, '/'))
		return error_set(err, 0, "'%s' is no name of a credential helper", helper);
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	if (pipe2(to, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	if (pipe2(from, O_CLOEXEC) < 0) {
		int number = errno;
		close(to[0]);
		close(to[1]);
		return error_set(err, number, "cannot make a pipe");
	}
	CLEANUP_CLOSE int write_end = to[1];
	CLEANUP_CLOSE int read_end = from[0];
	CLEANUP_TALLOC char *word = mem_strdup(NULL, verb);
	char *argv[] = { program, word, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
	pid_t child;
	int r = posix_spawnp(&child, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(to[0]);
	close(from[1]);
	if (r != 0)
		return error_set(err, r, "cannot run credential helper '%s'", program);
	/* Its input fits a pipe; who does not read it is told so by the end of its own. */
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	(void)io_write_all(write_end, input, strlen(input));
	signal(SIGPIPE, old);
	close(io_take_fd(&write_end));
	char *answer = mem_array(ctx, char, HELPER_ANSWER_MAX_BYTES + 1);
	ssize_t n = io_read_all(read_end, answer, HELPER_ANSWER_MAX_BYTES);
	close(io_take_fd(&read_end));
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	answer[n > 0 ? n : 0] = '\0';
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	/* glibc before 2.24 tells of a program that is missing by this status only. */
	if (*ret_status == 127)
		return error_set(err, 0, "cannot run credential helper '%s'", program);
	*ret_answer = answer;
	return 0;
}

static int helper_failed(const char *helper, char *answer, struct error *err)
{
	answer[strcspn(answer, "\r\n")] = '\0';
	return error_set(err, 0, "credential helper '%s' failed: %s", helper, answer);
}

static int ask_helper(struct credentials *found, const char *helper, const char *key,
		      struct error *err)
{
	char *answer;
	int status;
	struct json *json;
	if (run_helper(found, helper, "get", key, &answer, &status, err) < 0)
		return -1;
	if (status != 0)
		return strstr(answer, "credentials not found") ? 0 : helper_failed(helper, answer, err);
	if (json_parse(found, answer, "the answer of a credential helper", &json, err) < 0)
		return -1;
	const char *user = json_get_string(json, "Username"), *secret = json_get_string(json, "Secret");
	if (!user || !secret || !*secret)
		return 0;
	if (strcmp(user, "<token>") == 0) {
		found->identity_token = mem_strdup(found, secret);
	} else {
		found->user = mem_strdup(found, user);
		found->password = mem_strdup(found, secret);
	}
	return 0;
}

/* ---- files ---- */

/* "https://HOST/v1/" and the like mean the host; a key with another path means that path. */
static char *plain_key(const void *ctx, const char *key)
{
	static const char *const ends[] = { "/v1/", "/v1", "/v2/", "/v2", "/" };
	if (text_starts(key, "https://"))
		key += 8;
	else if (text_starts(key, "http://"))
		key += 7;
	char *plain = mem_strdup(ctx, key);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		if (text_ends(plain, ends[i])) {
			plain[strlen(plain) - strlen(ends[i])] = '\0';
			break;
		}
	}
	if (strcmp(plain, "index.docker.io") == 0 || strcmp(plain, "registry-1.docker.io") == 0) {
		talloc_free(plain);
		plain = mem_strdup(ctx, HUB);
	}
	return plain;
}

static const char *wire_key(const char *registry)
{
	return strcmp(registry, HUB) == 0 ? HUB_KEY : registry;
}

struct search {
	const char *wanted; /* "quay.io/org/repo" */
	struct json *best;  /* a copy: what is visited lives no longer than the visit */
	size_t best_bytes;
	bool is_helper; /* values are names, not objects */
};

static int weigh(const char *key, struct json *value, void *arg)
{
	struct search *s = arg;
	CLEANUP_TALLOC char *plain = plain_key(NULL, key);
	size_t size = strlen(plain);
	bool is_kind = s->is_helper ? json_holds_string(value) : json_holds_object(value);
	if (is_kind && size > s->best_bytes && strncmp(plain, s->wanted, size) == 0 &&
	    (s->wanted[size] == '\0' || s->wanted[size] == '/')) {
		talloc_free(s->best);
		s->best = json_clone(NULL, value);
		s->best_bytes = size;
	}
	return 0;
}

static struct json *find_member(const void *ctx, struct json *config, const char *member,
				const char *wanted, bool is_helper)
{
	struct search s = { .wanted = wanted, .is_helper = is_helper };
	json_each(json_get(config, member), weigh, &s);
	return s.best ? talloc_steal(ctx, s.best) : NULL;
}

static int read_entry(struct credentials *found, struct json *entry, const char *path,
		      struct error *err)
{
	const char *auth = json_get_string(entry, "auth"),
		   *identity = json_get_string(entry, "identitytoken"),
		   *token = json_get_string(entry, "registrytoken"),
		   *user = json_get_string(entry, "username"),
		   *password = json_get_string(entry, "password");
	if (token && *token)
		found->registry_token = mem_strdup(found, token);
	if (identity && *identity)
		found->identity_token = mem_strdup(found, identity);
	if (auth && *auth) {
		char *text = from_base64(found, auth);
		char *colon = text ? strchr(text, ':') : NULL;
		if (!colon)
			return error_set(err, 0, "'%s' has a malformed \"auth\"", path);
		found->user = mem_strndup(found, text, colon - text);
		found->password = mem_strdup(found, colon + 1);
	} else if (user && password && *user) {
		found->user = mem_strdup(found, user);
		found->password = mem_strdup(found, password);
	}
	/* With a token the user part is a name without a password. */
	if (found->identity_token && found->password && !*found->password)
		TALLOC_FREE(found->password);
	return 0;
}

static bool is_found(const struct credentials *c)
{
	return c->password || c->identity_token || c->registry_token;
}

/* An absent file has nothing. */
static int read_config(const void *ctx, const char *path, struct json **ret, struct error *err)
{
	char *text;
	*ret = NULL;
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (io_read_file(ctx, AT_FDCWD, path, CONFIG_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return 0;
	return json_parse(ctx, text, path, ret, err);
}

/* credHelpers of this registry, else credsStore; NULL: the file itself. */
static const char *helper_of(const void *ctx, struct json *config, const char *registry)
{
	struct json *named = find_member(ctx, config, "credHelpers", registry, true);
	const char *helper = named ? json_text(named) : json_get_string(config, "credsStore");
	return helper && *helper ? helper : NULL;
}

static int look_into(struct credentials *found, const char *path, const char *registry,
		     const char *wanted, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *config;
	if (read_config(scratch, path, &config, err) < 0)
		return -1;
	if (!config)
		return 0;
	const char *helper = helper_of(scratch, config, registry);
	if (helper && ask_helper(found, helper, wire_key(registry), err) < 0)
		return -1;
	struct json *entry = find_member(scratch, config, "auths", wanted, false);
	return is_found(found) || !entry ? 0 : read_entry(found, entry, path, err);
}

static char *docker_config(const void *ctx)
{
	const char *folder = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	if (folder && *folder)
		return mem_printf(ctx, "%s/config.json", folder);
	return home && *home ? mem_printf(ctx, "%s/.docker/config.json", home) : NULL;
}

int keyring_find(const void *ctx, const char *registry, const char *repository,
		 struct credentials **ret, struct error *err)
{
	struct credentials *found = mem_new(ctx, struct credentials);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *named = getenv("REGISTRY_AUTH_FILE"), *runtime = getenv("XDG_RUNTIME_DIR"),
		   *home = getenv("HOME");
	char *wanted = mem_printf(scratch, "%s%s%s", registry, repository ? "/" : "",
				  repository ? repository : "");
	struct strlist *paths = strlist_new(scratch);
	char *docker = docker_config(scratch);
	if (named && *named)
		strlist_add(paths, named);
	if (docker)
		strlist_add(paths, docker);
	if (runtime && *runtime)
		strlist_addf(paths, "%s/containers/auth.json", runtime);
	if (home && *home)
		strlist_addf(paths, "%s/.config/containers/auth.json", home);
	for (size_t i = 0; i < paths->count && !is_found(found); i++) {
		if (look_into(found, paths->items[i], registry, wanted, err) < 0) {
			talloc_free(found);
			return -1;
		}
	}
	*ret = found;
	return 0;
}

/* ---- changing ---- */

/* Where the file really is: a symlink to it stays one. */
static int open_config(const void *ctx, char **ret_path, struct json **ret, struct error *err)
{
	char *path = docker_config(ctx), room[PATH_MAX];
	if (!path)
		return error_set(err, 0, "cannot keep credentials: neither DOCKER_CONFIG nor HOME is set");
	if (realpath(path, room))
		path = mem_strdup(ctx, room);
	if (read_config(ctx, path, ret, err) < 0)
		return -1;
	if (*ret && !json_holds_object(*ret))
		return error_set(err, 0, "'%s' is not a JSON object", path);
	if (!*ret)
		*ret = json_new_object(ctx);
	*ret_path = path;
	return 0;
}

static int write_config(const char *path, const struct json *config, struct error *err)
{
	CLEANUP_TALLOC char *text = json_dump_indented(NULL, config);
	CLEANUP_TALLOC char *folder = mem_strdup(NULL, path);
	char *slash = strrchr(folder, '/');
	if (slash && slash > folder) {
		*slash = '\0';
		int r = io_mkdir_p(AT_FDCWD, folder, 0700);
		if (r < 0)
			return error_set(err, -r, "cannot make '%s'", folder);
	}
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int keyring_store(const char *registry, const char *user, const char *password, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *config;
	char *path;
	if (open_config(scratch, &path, &config, err) < 0)
		return -1;
	struct json *entry = json_new_object(scratch);
	const char *key = wire_key(registry), *helper = helper_of(scratch, config, registry);
	if (helper) {
		struct json *input = json_new_object(scratch);
		char *answer;
		int status;
		json_set_string(input, "ServerURL", key);
		json_set_string(input, "Username", user);
		json_set_string(input, "Secret", password);
		if (run_helper(scratch, helper, "store", json_dump(scratch, input), &answer, &status,
			       err) < 0)
			return -1;
		if (status != 0)
			return helper_failed(helper, answer, err);
	} else {
		char *pair = mem_printf(scratch, "%s:%s", user, password);
		json_set_string(entry, "auth", keyring_base64(scratch, pair));
	}
	struct json *auths = json_get(config, "auths");
	auths = json_holds_object(auths) ? json_clone(scratch, auths) : json_new_object(scratch);
	json_set(auths, key, entry);
	json_set(config, "auths", auths);
	return write_config(path, config, err);
}

struct keys {
	const char *registry;
	struct strlist *found;
};

static int note_key(const char *key, struct json *value, void *arg)
{
	struct keys *keys = arg;
	(void)value;
	CLEANUP_TALLOC char *plain = plain_key(NULL, key);
	if (strcmp(plain, keys->registry) == 0)
		strlist_add(keys->found, key);
	return 0;
}

int keyring_erase(const char *registry, bool *ret_had, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *config;
	char *path;
	if (open_config(scratch, &path, &config, err) < 0)
		return -1;
	struct keys keys = { .registry = registry, .found = strlist_new(scratch) };
	json_each(json_get(config, "auths"), note_key, &keys);
	const char *helper = helper_of(scratch, config, registry);
	bool had = keys.found->count > 0;
	if (helper) {
		char *answer;
		int status;
		if (run_helper(scratch, helper, "erase", wire_key(registry), &answer, &status, err) < 0)
			return -1;
		if (status != 0 && !strstr(answer, "credentials not found"))
			return helper_failed(helper, answer, err);
		had |= status == 0;
	}
	if (keys.found->count) {
		struct json *auths = json_clone(scratch, json_get(config, "auths"));
		for (size_t i = 0; i < keys.found->count; i++)
			json_remove(auths, keys.found->items[i]);
		json_set(config, "auths", auths);
		if (write_config(path, config, err) < 0)
			return -1;
	}
	*ret_had = had;
	return 0;
}
