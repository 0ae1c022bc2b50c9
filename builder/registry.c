/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that speak to registries: pull, push, login, logout. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/command.h"
#include "builder/progress.h"
#include "tracer/base/terminal.h"
#include "oci/reference.h"
#include "oci/transport.h"
#include "tracer/base/io.h"

enum { PASSWORD_MAX_BYTES = 64 * 1024 };
#define DEFAULT_REGISTRY "docker.io"

struct pull_options {
	const char *platform;
	bool is_quiet;
};

static const struct option_row pull_rows[] = {
	{ "platform", 0, "OS/ARCH", "Platform to choose of an image that has several", OPTION_TEXT,
	  offsetof(struct pull_options, platform) },
	{ "quiet", 'q', NULL, "Show no progress", OPTION_FLAG,
	  offsetof(struct pull_options, is_quiet) },
	{ "all-tags", 'a', NULL, "name the tags that are wanted", OPTION_REFUSED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_pull(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct pull_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	if (invocation_store(inv, &store, err) < 0)
		return -1;
	for (int i = 0; i < inv->arg_count; i++) {
		struct image *image;
		char *name;
		const struct progress *progress = progress_begin(inv, o->is_quiet);
		int r = transport_pull(inv, store, inv->args[i], PULL_ALWAYS, o->platform, progress,
				       &image, &name, err);
		progress_end(progress);
		if (r < 0)
			return -1;
		puts(name);
	}
	return 0;
}

extern const struct command command_pull, command_push, command_login, command_logout;

const struct command command_pull = {
	.name = "pull",
	.usage = "[OPTIONS] IMAGE...",
	.summary = "Get images from a registry or an archive",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = pull_rows,
	.options_bytes = sizeof(struct pull_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_pull,
};

struct push_options {
	bool is_quiet;
};

static const struct option_row push_rows[] = {
	{ "quiet", 'q', NULL, "Show no progress", OPTION_FLAG,
	  offsetof(struct push_options, is_quiet) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_push(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct push_options *o = inv->options;
	(void)ret_status;
	struct image *image;
	struct reference *reference;
	const char *destination = inv->args[1];
	if (invocation_image(inv, inv->args[0], &image, err) < 0)
		return -1;
	if (!destination) {
		if (reference_parse(inv, inv->args[0], &reference, err) < 0)
			return -1;
		destination = reference->name;
	}
	const struct progress *progress = progress_begin(inv, o->is_quiet);
	int r = transport_push(inv->store, image, destination, progress, err);
	progress_end(progress);
	if (r == 0)
		puts(destination);
	return r;
}

const struct command command_push = {
	.name = "push",
	.usage = "[OPTIONS] IMAGE [DESTINATION]",
	.summary = "Send an image to a registry or into an archive",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = push_rows,
	.options_bytes = sizeof(struct push_options),
	.min_args = 1,
	.max_args = 2,
	.run = run_push,
};

struct login_options {
	const char *user, *password;
	bool is_password_on_stdin;
};

static const struct option_row login_rows[] = {
	{ "username", 'u', "NAME", "User name, asked for when missing", OPTION_TEXT,
	  offsetof(struct login_options, user) },
	{ "password", 'p', "PASSWORD", "Password; others can read it in the list of processes",
	  OPTION_TEXT, offsetof(struct login_options, password) },
	{ "password-stdin", 0, NULL, "Read the password from standard input", OPTION_FLAG,
	  offsetof(struct login_options, is_password_on_stdin) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int read_password(struct invocation *inv, char **ret, struct error *err)
{
	char *text = mem_array(inv, char, PASSWORD_MAX_BYTES);
	ssize_t n = io_read_all(STDIN_FILENO, text, PASSWORD_MAX_BYTES - 1);
	if (n < 0)
		return error_set(err, -n, "cannot read the password from standard input");
	text[n] = '\0';
	/* As Docker: one newline at the end is the shell's, not the password's. */
	if (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (n > 0 && text[n - 1] == '\r')
		text[--n] = '\0';
	*ret = text;
	return 0;
}

static int run_login(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct login_options *o = inv->options;
	(void)ret_status;
	const char *registry = inv->arg_count ? inv->args[0] : DEFAULT_REGISTRY;
	const char *user = o->user, *password = o->password;
	char *answer;
	if (o->is_password_on_stdin && (password || !user)) {
		error_set(err, 0, "login: --password-stdin needs --username, and no --password");
		return error_status(err, EXIT_USAGE);
	}
	if (!user) {
		if (terminal_ask(inv, "Username: ", false, &answer, err) < 0)
			return -1;
		user = answer;
	}
	if (!password) {
		if (o->is_password_on_stdin ?
			    read_password(inv, &answer, err) < 0 :
			    terminal_ask(inv, "Password: ", true, &answer, err) < 0)
			return -1;
		password = answer;
	}
	if (transport_login(registry, user, password, err) < 0)
		return -1;
	puts("Login Succeeded");
	return 0;
}

const struct command command_login = {
	.name = "login",
	.usage = "[OPTIONS] [REGISTRY]",
	.summary = "Keep a user name and password for a registry",
	.group = GROUP_IMAGES,
	.options = login_rows,
	.options_bytes = sizeof(struct login_options),
	.min_args = 0,
	.max_args = 1,
	.run = run_login,
};

static const struct option_row no_rows[] = {
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_logout(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	const char *registry = inv->arg_count ? inv->args[0] : DEFAULT_REGISTRY;
	bool had;
	if (transport_logout(registry, &had, err) < 0)
		return -1;
	printf(had ? "Removing login credentials for %s\n" : "Not logged in to %s\n", registry);
	return 0;
}

const struct command command_logout = {
	.name = "logout",
	.usage = "[REGISTRY]",
	.summary = "Forget the user name and password for a registry",
	.group = GROUP_IMAGES,
	.options = no_rows,
	.min_args = 0,
	.max_args = 1,
	.run = run_logout,
};
