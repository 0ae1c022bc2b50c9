/* SPDX-License-Identifier: Apache-2.0 */
/* The commands for images and roots as archives: save, load, import, export. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/command.h"
#include "builder/progress.h"
#include "oci/container.h"
#include "oci/derive.h"
#include "oci/layer.h"
#include "oci/reference.h"
#include "oci/transport.h"
#include "tracer/base/io.h"

struct output_options {
	const char *file;
	int format;
};

enum save_format { SAVE_DOCKER, SAVE_OCI };

static const struct option_row save_rows[] = {
	{ "output", 'o', "FILE", "Write to FILE instead of standard output", OPTION_TEXT,
	  offsetof(struct output_options, file) },
	{ "format", 0, "docker-archive|oci-archive", "What to write", OPTION_CHOICE,
	  offsetof(struct output_options, format) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* A close that fails (NFS, a full disk) means that the file is not whole. */
static int finish_output(int *fd, const char *file, struct error *err)
{
	if (close(io_take_fd(fd)) < 0)
		return error_set(err, errno, "cannot write '%s'", file ? file : "standard output");
	return 0;
}

static int run_save(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct output_options *o = inv->options;
	(void)ret_status;
	struct image *image;
	struct strlist *names = strlist_new(inv);
	for (int i = 0; i < inv->arg_count; i++) {
		struct reference *reference = NULL;
		struct error ignored = ERROR_INIT;
		if (invocation_image(inv, inv->args[i], &image, err) < 0)
			return -1;
		/* An id is saved without a name. */
		struct image *named = NULL;
		if (reference_parse(inv, inv->args[i], &reference, &ignored) == 0 &&
		    store_find_image(inv, inv->store, reference->name, &named, &ignored) < 0)
			named = NULL;
		strlist_add(names, named ? reference->name : image->config.digest);
	}
	CLEANUP_CLOSE int fd = -1;
	if (command_open_output(o->file, &fd, err) < 0 ||
	    transport_save(inv->store, names->items, (unsigned)names->count, fd,
			   o->format == SAVE_OCI, err) < 0)
		return -1;
	return finish_output(&fd, o->file, err);
}

extern const struct command command_save, command_load, command_import, command_export;

const struct command command_save = {
	.name = "save",
	.usage = "[OPTIONS] IMAGE...",
	.summary = "Write images into an archive that docker load reads",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = save_rows,
	.options_bytes = sizeof(struct output_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_save,
};

struct load_options {
	const char *file;
	bool is_quiet;
};

static const struct option_row load_rows[] = {
	{ "input", 'i', "FILE", "Read FILE instead of standard input", OPTION_TEXT,
	  offsetof(struct load_options, file) },
	{ "quiet", 'q', NULL, "Show no progress", OPTION_FLAG,
	  offsetof(struct load_options, is_quiet) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_load(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct load_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct strlist *names;
	CLEANUP_CLOSE int fd = -1;
	if (command_open_input(o->file, &fd, err) < 0 || invocation_store(inv, &store, err) < 0)
		return -1;
	const struct progress *progress = progress_begin(inv, o->is_quiet);
	int r = transport_load(inv, store, fd, progress, &names, err);
	progress_end(progress);
	for (size_t i = 0; r == 0 && i < names->count; i++)
		printf("Loaded image: %s\n", names->items[i]);
	return r;
}

const struct command command_load = {
	.name = "load",
	.usage = "[OPTIONS]",
	.summary = "Read images from an archive that docker save or fakebuild save wrote",
	.group = GROUP_IMAGES,
	.options = load_rows,
	.options_bytes = sizeof(struct load_options),
	.min_args = 0,
	.max_args = 0,
	.run = run_load,
};

struct import_options {
	struct strlist *change;
	const char *message, *platform;
};

static const struct option_row import_rows[] = {
	{ "change", 'c', "INSTRUCTION", "Apply a Dockerfile instruction (CMD, ENV, ...)",
	  OPTION_LIST, offsetof(struct import_options, change) },
	{ "message", 'm', "TEXT", "The comment in the history", OPTION_TEXT,
	  offsetof(struct import_options, message) },
	{ "platform", 0, "OS/ARCH", "Platform that the root is for", OPTION_TEXT,
	  offsetof(struct import_options, platform) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_import(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct import_options *o = inv->options;
	(void)ret_status;
	const char *file = inv->args[0];
	struct store *store;
	struct reference *reference = NULL;
	struct descriptor layer;
	struct image *image;
	char *diff_id, *config;
	CLEANUP_CLOSE int fd = -1;
	if (inv->args[1] && reference_parse(inv, inv->args[1], &reference, err) < 0)
		return -1;
	if (command_open_input(file, &fd, err) < 0 || invocation_store(inv, &store, err) < 0 ||
	    layer_import(inv, store, fd, &layer, &diff_id, err) < 0)
		return -1;
	struct image_changes changes = {
		.created_by = mem_printf(inv, "fakebuild import %s", file),
		.comment = o->message ? o->message : mem_printf(inv, "Imported from %s", file),
		.change = o->change,
		.platform = o->platform,
	};
	if (image_derive(inv, NULL, &layer, diff_id, &changes, &config, err) < 0 ||
	    store_add_image(inv, store, config, &layer, 1, reference ? reference->name : NULL,
			    &image, err) < 0)
		return -1;
	puts(image->config.digest);
	return 0;
}

const struct command command_import = {
	.name = "import",
	.usage = "[OPTIONS] FILE|- [NAME[:TAG]]",
	.summary = "Make an image of a root file system in a tar",
	.group = GROUP_IMAGES,
	.words = WORDS_FILES,
	.options = import_rows,
	.options_bytes = sizeof(struct import_options),
	.min_args = 1,
	.max_args = 2,
	.run = run_import,
};

static const struct option_row export_rows[] = {
	{ "output", 'o', "FILE", "Write to FILE instead of standard output", OPTION_TEXT,
	  offsetof(struct output_options, file) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_export(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct output_options *o = inv->options;
	(void)ret_status;
	struct container *container;
	CLEANUP_CLOSE int fd = -1;
	if (invocation_container(inv, inv->args[0], &container, err) < 0 ||
	    command_open_output(o->file, &fd, err) < 0 || container_export(container, fd, err) < 0)
		return -1;
	return finish_output(&fd, o->file, err);
}

const struct command command_export = {
	.name = "export",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "Write a container's root file system as a tar",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = export_rows,
	.options_bytes = sizeof(struct output_options),
	.min_args = 1,
	.max_args = 1,
	.run = run_export,
};
