/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, in the order of `fakebuild help`; and how they find what words name. */
#include "builder/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "oci/container.h"
#include "oci/reference.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

extern const struct command command_run, command_root, command_exec, command_build;
extern const struct command command_pull, command_push, command_login, command_logout;
extern const struct command command_images, command_tag, command_rmi, command_history,
	command_inspect;
extern const struct command command_save, command_load, command_import, command_export, command_bundle;
extern const struct command command_commit, command_diff, command_ps, command_rm, command_cp;
extern const struct command command_create, command_start, command_stop, command_kill, command_wait, command_rename;
extern const struct command command_gc, command_df, command_version, command_help, command_completion;

const struct command *const commands[] = {
	&command_run,     &command_create,  &command_start,   &command_exec,    &command_root,
	&command_pull,    &command_push,    &command_build,   &command_images,  &command_inspect,
	&command_history, &command_tag,     &command_rmi,     &command_save,    &command_bundle,
	&command_load,    &command_import,  &command_login,   &command_logout,  &command_ps,
	&command_stop,    &command_kill,    &command_wait,    &command_rename,  &command_rm,
	&command_cp,      &command_diff,    &command_commit,  &command_export,  &command_gc,
	&command_df,      &command_version, &command_help,    &command_completion, NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0 ||
		    ((*c)->alias && strcmp((*c)->alias, name) == 0))
			return *c;
	return NULL;
}

/* Docker's groups: a name of the group, and the commands that are in it by their own names or others. */
static const struct {
	const char *group, *verb;
	const struct command *command;
} grouped[] = {
	{ "builder", "build", &command_build },
	{ "builder", "prune", &command_gc },
	{ "buildx", "build", &command_build },
	{ "buildx", "du", &command_df },
	{ "buildx", "prune", &command_gc },
	{ "container", "commit", &command_commit },
	{ "container", "cp", &command_cp },
	{ "container", "create", &command_create },
	{ "container", "diff", &command_diff },
	{ "container", "exec", &command_exec },
	{ "container", "export", &command_export },
	{ "container", "inspect", &command_inspect },
	{ "container", "kill", &command_kill },
	{ "container", "list", &command_ps },
	{ "container", "ls", &command_ps },
	{ "container", "ps", &command_ps },
	{ "container", "remove", &command_rm },
	{ "container", "rename", &command_rename },
	{ "container", "rm", &command_rm },
	{ "container", "run", &command_run },
	{ "container", "start", &command_start },
	{ "container", "stop", &command_stop },
	{ "container", "wait", &command_wait },
	{ "image", "build", &command_build },
	{ "image", "history", &command_history },
	{ "image", "import", &command_import },
	{ "image", "inspect", &command_inspect },
	{ "image", "list", &command_images },
	{ "image", "load", &command_load },
	{ "image", "ls", &command_images },
	{ "image", "prune", &command_gc },
	{ "image", "pull", &command_pull },
	{ "image", "push", &command_push },
	{ "image", "remove", &command_rmi },
	{ "image", "rm", &command_rmi },
	{ "image", "save", &command_save },
	{ "image", "tag", &command_tag },
	{ "system", "df", &command_df },
	{ "system", "prune", &command_gc },
};

bool command_is_group(const char *word)
{
	for (size_t i = 0; i < sizeof(grouped) / sizeof(*grouped); i++)
		if (strcmp(grouped[i].group, word) == 0)
			return true;
	return false;
}

const struct command *command_find_words(int count, char *const *words, int *ret_taken)
{
	*ret_taken = 1;
	const struct command *command = command_find(words[0]);
	if (command || count < 2)
		return command;
	*ret_taken = 2;
	for (size_t i = 0; i < sizeof(grouped) / sizeof(*grouped); i++)
		if (strcmp(grouped[i].group, words[0]) == 0 && strcmp(grouped[i].verb, words[1]) == 0)
			return grouped[i].command;
	return NULL;
}

int invocation_store(struct invocation *inv, struct store **ret, struct error *err)
{
	if (!inv->store && store_open(inv, inv->store_root, &inv->store, err) < 0)
		return -1;
	*ret = inv->store;
	return 0;
}

/* 4 to 64 hex digits may be the beginning of an id; a tag or a name may look like that too. */
static bool may_be_id(const char *text)
{
	if (text_starts(text, "sha256:"))
		return true;
	size_t length = strlen(text);
	return length >= 4 && length <= 64 && strspn(text, "0123456789abcdef") == length;
}

int invocation_image(struct invocation *inv, const char *text, struct image **ret,
		     struct error *err)
{
	struct store *store;
	struct reference *reference = NULL;
	struct image *image = NULL;
	struct error bad_name = ERROR_INIT;
	if (invocation_store(inv, &store, err) < 0)
		return -1;
	/* Docker's order: a name first, then an id. */
	if (reference_parse(inv, text, &reference, &bad_name) == 0 &&
	    store_find_image(inv, store, reference->name, &image, err) < 0)
		return -1;
	if (!image && may_be_id(text) && store_find_image(inv, store, text, &image, err) < 0)
		return -1;
	if (!image && !reference && !may_be_id(text)) {
		*err = bad_name;
		return -1;
	}
	if (!image)
		return error_set(err, 0, "no such image: %s", text);
	*ret = image;
	return 0;
}

int invocation_container(struct invocation *inv, const char *text, struct container **ret,
			 struct error *err)
{
	struct store *store;
	struct container *container = NULL;
	if (invocation_store(inv, &store, err) < 0 ||
	    container_find(inv, store, text, &container, err) < 0)
		return -1;
	if (!container)
		return error_set(err, 0, "no such container: %s", text);
	*ret = container;
	return 0;
}

int command_open_output(const char *file, int *ret_fd, struct error *err)
{
	bool is_stdout = !file || strcmp(file, "-") == 0;
	if (is_stdout && isatty(STDOUT_FILENO))
		return error_set(err, 0,
				 "not writing an archive to a terminal: use -o FILE or redirect");
	int fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) :
			     open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set(err, errno, "cannot create '%s'",
				 is_stdout ? "standard output" : file);
	*ret_fd = fd;
	return 0;
}

int command_open_input(const char *file, int *ret_fd, struct error *err)
{
	bool is_stdin = !file || strcmp(file, "-") == 0;
	if (is_stdin && isatty(STDIN_FILENO))
		return error_set(err, 0,
				 "not reading an archive from a terminal: use -i FILE or redirect");
	int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
			    open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'",
				 is_stdin ? "standard input" : file);
	*ret_fd = fd;
	return 0;
}
