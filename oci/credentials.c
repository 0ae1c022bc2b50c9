/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where credentials are kept; tokens that registries give for them are registry.c's. */
#include "oci/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oci/json.h"
#include "tracer/base/base64.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CONFIG_MAX_BYTES = 1 << 20 };

static char *config_path(const void *ctx)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	return dir && *dir ? mem_printf(ctx, "%s/config.json", dir) :
			     mem_printf(ctx, "%s/.docker/config.json", home ? home : "");
}

/* The keys under which a registry may be found, most particular first. */
static struct strlist *keys_of(const void *ctx, const char *registry, const char *repository)
{
	struct strlist *keys = strlist_new(ctx);
	char *path = repository ? mem_printf(keys, "%s/%s", registry, repository) : NULL;
	for (char *slash; path && (slash = strrchr(path, '/')); *slash = '\0')
		strlist_add(keys, path);
	strlist_add(keys, registry);
	strlist_addf(keys, "https://%s", registry);
	strlist_addf(keys, "https://%s/v1/", registry);
	strlist_addf(keys, "https://%s/v2/", registry);
	if (strcmp(registry, "docker.io") == 0) {
		strlist_add(keys, "https://index.docker.io/v1/");
		strlist_add(keys, "index.docker.io");
	}
	return keys;
}

static const char *server_of(const char *registry)
{
	return strcmp(registry, "docker.io") == 0 ? "https://index.docker.io/v1/" : registry;
}

static int load(const void *ctx, const char *path, struct json **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text;
	if (access(path, F_OK) < 0) {
		*ret = NULL;
		return 0;
	}
	if (io_read_file(scratch, AT_FDCWD, path, CONFIG_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	return json_parse(ctx, *text ? text : "{}", path, ret, err);
}

/* Run docker-credential-NAME VERB with `input`; its output on ctx, its exit status. */
static int run_helper(const void *ctx, const char *name, const char *verb, const char *input, char **ret_output,
		      int *ret_status, struct error *err)
{
	int in[2], out[2];
	CLEANUP_TALLOC char *program = mem_printf(NULL, "docker-credential-%s", name);
	if (strchr(name, '/'))
		return error_set(err, 0, "the credential helper '%s' is malformed", name);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp(program, program, verb, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (pid > 0)
		io_write_all(in[1], input, strlen(input));
	close(in[1]);
	*ret_output = mem_array(ctx, char, 65536);
	ssize_t n = io_read_all(out[0], *ret_output, 65535);
	close(out[0]);
	(*ret_output)[n < 0 ? 0 : n] = '\0';
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return error_set(err, 0, "cannot run the credential helper '%s'", program);
	*ret_status = WEXITSTATUS(status);
	return 0;
}

static const char *helper_for(struct json *config, const struct strlist *keys)
{
	struct json *helpers = json_get(config, "credHelpers");
	for (size_t i = 0; i < keys->count; i++)
		if (json_get_string(helpers, keys->items[i]))
			return json_get_string(helpers, keys->items[i]);
	const char *store = json_get_string(config, "credsStore");
	return store && *store ? store : NULL;
}

static int ask_helper(const void *ctx, const char *helper, const char *registry, struct credentials *ret,
		      struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *output;
	int status;
	struct json *answer;
	if (run_helper(scratch, helper, "get", server_of(registry), &output, &status, err) < 0)
		return -1;
	if (status != 0)
		return 0; /* "credentials not found in native keychain" */
	if (json_parse(scratch, output, "the credential helper's answer", &answer, err) < 0)
		return -1;
	const char *user = json_get_string(answer, "Username"), *secret = json_get_string(answer, "Secret");
	if (!user || !secret)
		return 0;
	if (strcmp(user, "<token>") == 0) {
		ret->identity_token = mem_strdup(ctx, secret);
	} else {
		ret->user = mem_strdup(ctx, user);
		ret->password = mem_strdup(ctx, secret);
	}
	return 0;
}

static int look_in(const void *ctx, const char *path, const char *registry, const struct strlist *keys,
		   struct credentials *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *config;
	if (load(scratch, path, &config, err) < 0)
		return -1;
	struct json *auths = json_get(config, "auths");
	for (size_t i = 0; i < keys->count; i++) {
		struct json *entry = json_get(auths, keys->items[i]);
		const char *auth = json_get_string(entry, "auth"), *token = json_get_string(entry, "identitytoken");
		if (token && *token)
			ret->identity_token = mem_strdup(ctx, token);
		size_t size;
		char *pair = auth && *auth ? base64_decode(scratch, auth, &size) : NULL;
		char *colon = pair ? strchr(pair, ':') : NULL;
		if (auth && *auth && !colon)
			return error_set(err, 0, "'%s': the entry of '%s' is malformed", path, keys->items[i]);
		if (colon) {
			*colon = '\0';
			ret->user = mem_strdup(ctx, pair);
			ret->password = mem_strdup(ctx, colon + 1);
		}
		if (ret->user || ret->identity_token)
			return 0;
	}
	const char *helper = config ? helper_for(config, keys) : NULL;
	return helper ? ask_helper(ctx, helper, registry, ret, err) : 0;
}

int credentials_find(const void *ctx, const char *registry, const char *repository, struct credentials *ret,
	      struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *keys = keys_of(scratch, registry, repository);
	const char *own = getenv("REGISTRY_AUTH_FILE"), *runtime = getenv("XDG_RUNTIME_DIR");
	char *paths[3] = { own && *own ? mem_strdup(scratch, own) : NULL, config_path(scratch),
			   runtime ? mem_printf(scratch, "%s/containers/auth.json", runtime) : NULL };
	*ret = (struct credentials){ NULL, NULL, NULL };
	for (size_t i = 0; i < 3; i++) {
		if (paths[i] && look_in(ctx, paths[i], registry, keys, ret, err) < 0)
			return -1;
		if (ret->user || ret->identity_token)
			return 0;
	}
	return 0;
}

static int save(struct json *config, const char *path, struct error *err)
{
	CLEANUP_TALLOC char *text = json_dump_indented(NULL, config), *dir = mem_strdup(NULL, path);
	*strrchr(dir, '/') = '\0';
	int r = io_mkdir_p(AT_FDCWD, dir, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot make '%s'", dir);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int credentials_store(const char *registry, const struct credentials *c, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = config_path(scratch), *output;
	struct json *config;
	int status;
	if (load(scratch, path, &config, err) < 0)
		return -1;
	config = config ? config : json_new_object(scratch);
	const char *helper = helper_for(config, keys_of(scratch, registry, NULL));
	if (helper) {
		struct json *request = json_new_object(scratch);
		json_set_string(request, "ServerURL", server_of(registry));
		json_set_string(request, "Username", c->identity_token ? "<token>" : c->user);
		json_set_string(request, "Secret", c->identity_token ? c->identity_token : c->password);
		if (run_helper(scratch, helper, "store", json_dump(scratch, request), &output, &status, err) < 0)
			return -1;
		return status ? error_set(err, 0, "the credential helper '%s' refuses: %s", helper, output) : 0;
	}
	struct json *old = json_get(config, "auths"), *entry = json_new_object(scratch);
	struct json *auths = old ? json_clone(scratch, old) : json_new_object(scratch);
	char *pair = mem_printf(scratch, "%s:%s", c->user, c->password);
	json_set_string(entry, "auth", base64_encode(scratch, pair, strlen(pair)));
	json_set(auths, server_of(registry), entry);
	json_set(config, "auths", auths);
	return save(config, path, err);
}

int credentials_erase(const char *registry, bool *ret_had, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = config_path(scratch), *output;
	struct json *config;
	int status;
	*ret_had = false;
	if (load(scratch, path, &config, err) < 0)
		return -1;
	if (!config)
		return 0;
	struct strlist *keys = keys_of(scratch, registry, NULL);
	const char *helper = helper_for(config, keys);
	if (helper) {
		if (run_helper(scratch, helper, "erase", server_of(registry), &output, &status, err) < 0)
			return -1;
		*ret_had = status == 0;
	}
	struct json *old = json_get(config, "auths");
	if (!old)
		return 0;
	struct json *auths = json_clone(scratch, old);
	bool is_changed = false;
	for (size_t i = 0; i < keys->count; i++) {
		is_changed |= json_get(auths, keys->items[i]) != NULL;
		json_remove(auths, keys->items[i]);
	}
	*ret_had |= is_changed;
	json_set(config, "auths", auths);
	return is_changed ? save(config, path, err) : 0;
}
