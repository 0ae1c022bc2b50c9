/* SPDX-License-Identifier: Apache-2.0 */
/* The commands for containers that are kept: ps, rm, diff, commit; and gc, which removes the
 * others. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "builder/command.h"
#include "builder/life.h"
#include "builder/listing.h"
#include "oci/bundle.h"
#include "oci/container.h"
#include "oci/derive.h"
#include "oci/json.h"
#include "oci/prune.h"
#include "oci/reference.h"
#include "tracer/base/text.h"

struct ps_options {
	int format; /* enum listing_format */
	bool is_quiet, is_whole;
};

#define PS_MEMBER(member) offsetof(struct ps_options, member)
static const struct option_row ps_rows[] = {
	{ "all", 'a', NULL, "Taken for Docker's sake: all containers are always shown",
	  OPTION_IGNORED, 0 },
	{ "format", 0, LISTING_FORMATS, "json: an object a line", OPTION_CHOICE,
	  PS_MEMBER(format) },
	{ "no-trunc", 0, NULL, "Show whole ids and commands", OPTION_FLAG, PS_MEMBER(is_whole) },
	{ "quiet", 'q', NULL, "Show only ids", OPTION_FLAG, PS_MEMBER(is_quiet) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static const struct column ps_columns[] = {
	{ "CONTAINER ID", "ID" },    { "IMAGE", "Image" },   { "COMMAND", "Command" },
	{ "CREATED", "RunningFor" }, { "STATUS", "Status" }, { "NAMES", "Names" },
	{ NULL, "CreatedAt" },       { NULL, NULL },
};

static char *container_status(const void *ctx, const struct container *c)
{
	if (c->pid)
		return mem_strdup(ctx, "Up");
	if (c->exit_code < 0)
		return mem_strdup(ctx, "Created");
	return mem_printf(ctx, "Exited (%d)", c->exit_code);
}

/* "\"sh -c 'a long...\"", cut to Docker's 20 characters. */
static char *container_command(const void *ctx, const struct container *c, bool is_whole)
{
	enum { SHOWN = 20 };
	const char *command = c->command ? c->command : "";
	if (is_whole || strlen(command) <= SHOWN)
		return mem_printf(ctx, "\"%s\"", command);
	return mem_printf(ctx, "\"%.*s…\"", SHOWN - 1, command);
}

/* Its name in short, or its id. */
static const char *container_image(struct invocation *inv, const struct container *c)
{
	struct reference *reference;
	struct image *image = NULL;
	struct error ignored = ERROR_INIT;
	if (c->image_name && reference_parse(inv, c->image_name, &reference, &ignored) == 0)
		return reference->familiar;
	if (store_find_image(inv, inv->store, c->image_digest, &image, &ignored) == 0 && image)
		return listing_id(inv, image->config.digest, false);
	return listing_id(inv, c->image_digest, false);
}

static int run_ps(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct ps_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct container **containers;
	unsigned count;
	if (invocation_store(inv, &store, err) < 0 ||
	    container_list(inv, store, &containers, &count, err) < 0)
		return -1;
	struct listing *l = listing_new(inv, ps_columns);
	for (unsigned i = 0; i < count; i++) {
		const struct container *c = containers[i];
		listing_cell(l, "%s", listing_id(inv, c->id, o->is_whole));
		listing_cell(l, "%s", container_image(inv, c));
		listing_cell(l, "%s", container_command(inv, c, o->is_whole));
		listing_cell(l, "%s", listing_ago(inv, c->created));
		listing_cell(l, "%s", container_status(inv, c));
		listing_cell(l, "%s", c->name ? c->name : "");
		listing_cell(l, "%s", c->created ? c->created : "");
	}
	if (o->is_quiet)
		listing_print_column(l, stdout, 0);
	else
		listing_print(l, stdout, o->format);
	return 0;
}

extern const struct command command_ps, command_rm, command_diff, command_commit, command_gc;

const struct command command_ps = {
	.name = "ps",
	.usage = "[OPTIONS]",
	.summary = "List containers",
	.group = GROUP_CONTAINERS,
	.options = ps_rows,
	.options_bytes = sizeof(struct ps_options),
	.min_args = 0,
	.max_args = 0,
	.run = run_ps,
};

struct rm_options {
	bool is_forced;
};

static const struct option_row rm_rows[] = {
	{ "force", 'f', NULL, "Kill what runs in it; do not mind when there is none", OPTION_FLAG,
	  offsetof(struct rm_options, is_forced) },
	{ "volumes", 'v', NULL, "Taken for Docker's sake: unnamed volumes last for one run",
	  OPTION_IGNORED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_rm(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct rm_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	if (invocation_store(inv, &store, err) < 0)
		return -1;
	for (int i = 0; i < inv->arg_count; i++) {
		struct container *c;
		if (container_find(inv, store, inv->args[i], &c, err) < 0)
			return -1;
		if (!c && o->is_forced)
			continue;
		if (!c)
			return error_set(err, 0, "no such container: %s", inv->args[i]);
		if (c->pid && !o->is_forced)
			return error_set(err, 0, "container %s is running: stop it, or use --force",
					 inv->args[i]);
		if (c->pid)
			life_kill(inv, c);
		if (container_remove(store, c, err) < 0)
			return -1;
		puts(inv->args[i]);
	}
	return 0;
}

const struct command command_rm = {
	.name = "rm",
	.usage = "[OPTIONS] CONTAINER...",
	.summary = "Remove containers",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = rm_rows,
	.options_bytes = sizeof(struct rm_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_rm,
};

struct diff_options {
	int format; /* enum listing_format */
};

static const struct option_row diff_rows[] = {
	{ "format", 0, LISTING_FORMATS, "json: an object a line", OPTION_CHOICE,
	  offsetof(struct diff_options, format) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static void print_change(int format, enum change_kind change, const char *path)
{
	char kind[] = { (char)change, '\0' };
	if (format == LISTING_JSON) {
		CLEANUP_TALLOC struct json *object = json_new_object(NULL);
		json_set_string(object, "Kind", kind);
		json_set_string(object, "Path", path);
		listing_print_object(stdout, object);
	} else {
		printf("%s %s\n", kind, path);
	}
}

/* The folders of a change have changed too.  Changes come folder by folder: `before` says what was printed. */
static void print_changed_parents(int format, const char *before, const char *path)
{
	CLEANUP_TALLOC char *parent = mem_strdup(NULL, path);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!text_is_at_or_below(before, parent, slash - parent))
			print_change(format, CHANGE_MODIFIED, parent);
		*slash = '/';
	}
}

static int run_diff(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct diff_options *o = inv->options;
	(void)ret_status;
	struct container *c;
	struct change *changes;
	unsigned count;
	if (invocation_container(inv, inv->args[0], &c, err) < 0 ||
	    container_diff(inv, c, &changes, &count, err) < 0)
		return -1;
	const char *before = "";
	for (unsigned i = 0; i < count; before = changes[i++].path) {
		print_changed_parents(o->format, before, changes[i].path);
		print_change(o->format, changes[i].kind, changes[i].path);
	}
	return 0;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "[OPTIONS] CONTAINER",
	.summary = "List what a container changed in its image",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = diff_rows,
	.options_bytes = sizeof(struct diff_options),
	.min_args = 1,
	.max_args = 1,
	.run = run_diff,
};

struct commit_options {
	struct strlist *change;
	const char *message, *author, *bundle;
};

#define COMMIT_MEMBER(member) offsetof(struct commit_options, member)
static const struct option_row commit_rows[] = {
	{ "author", 'a', "TEXT", "Who made it", OPTION_TEXT, COMMIT_MEMBER(author) },
	{ "bundle", 0, "DIR", "Of a bundle (fakebuild bundle, umoci unpack) instead of a container", OPTION_TEXT,
	  COMMIT_MEMBER(bundle) },
	{ "change", 'c', "INSTRUCTION", "Apply a Dockerfile instruction (CMD, ENV, ...)",
	  OPTION_LIST, COMMIT_MEMBER(change) },
	{ "message", 'm', "TEXT", "The comment in the history", OPTION_TEXT,
	  COMMIT_MEMBER(message) },
	{ "pause", 'p', NULL, "Taken for Docker's sake", OPTION_IGNORED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_commit(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct commit_options *o = inv->options;
	(void)ret_status;
	struct container *c = NULL;
	struct reference *reference = NULL;
	struct image *image;
	struct store *store;
	int words = inv->arg_count + (o->bundle != NULL);
	if (words < 1 || words > 2) {
		error_set(err, 0, "commit: a container or --bundle DIR is needed, and at most one name");
		return error_status(err, EXIT_USAGE);
	}
	const char *name = inv->args[o->bundle ? 0 : 1];
	if (name && reference_parse(inv, name, &reference, err) < 0)
		return -1;
	if (o->bundle ? invocation_store(inv, &store, err) < 0 : invocation_container(inv, inv->args[0], &c, err) < 0)
		return -1;
	struct image_changes changes = {
		.created_by = c ? c->command : mem_printf(inv, "fakebuild commit --bundle %s", o->bundle),
		.comment = o->message,
		.author = o->author,
		.change = o->change,
	};
	const char *full_name = reference ? reference->name : NULL;
	int r = c ? container_commit(inv, inv->store, c, full_name, &changes, &image, err) :
		    bundle_commit(inv, inv->store, o->bundle, full_name, &changes, &image, err);
	if (r < 0)
		return -1;
	puts(image->config.digest);
	return 0;
}

const struct command command_commit = {
	.name = "commit",
	.usage = "[OPTIONS] CONTAINER [NAME[:TAG]]\n[OPTIONS] --bundle DIR [NAME[:TAG]]",
	.summary = "Make an image of a container",
	.group = GROUP_CONTAINERS,
	.words = WORDS_CONTAINERS,
	.options = commit_rows,
	.options_bytes = sizeof(struct commit_options),
	.min_args = 0,
	.max_args = 2,
	.run = run_commit,
};

struct gc_options {
	bool is_dry_run, removes_cache;
	const char *until, *keep_storage;
	struct strlist *filters;
};

#define GC_MEMBER(member) offsetof(struct gc_options, member)
static const struct option_row gc_rows[] = {
	{ "all", 'a', NULL, "The whole build cache, too", OPTION_FLAG, GC_MEMBER(removes_cache) },
	{ "dry-run", 'n', NULL, "Only tell what would be freed", OPTION_FLAG, GC_MEMBER(is_dry_run) },
	{ "filter", 0, "until=TIME", "As --until", OPTION_LIST, GC_MEMBER(filters) },
	{ "force", 'f', NULL, "Taken for Docker's sake: nothing is asked", OPTION_IGNORED, 0 },
	{ "keep-storage", 0, "BYTES", "Of the build cache, keep what was used last, up to BYTES (10GB)",
	  OPTION_TEXT, GC_MEMBER(keep_storage) },
	{ "until", 0, "TIME", "What the build cache has not used for TIME (24h, 7d), too", OPTION_TEXT,
	  GC_MEMBER(until) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* A number with a unit of these; the first is what none means. */
struct unit {
	const char *name;
	int64_t size;
};

static int read_amount(const char *option, const char *text, const struct unit *units, int64_t *ret, struct error *err)
{
	char digits[20];
	size_t n = strspn(text, "0123456789");
	uint64_t number;
	if (n && n < sizeof(digits)) {
		memcpy(digits, text, n);
		digits[n] = '\0';
		for (const struct unit *u = units; u->name; u++) {
			if (strcasecmp(text + n, u->name) == 0 && text_to_number(digits, INT64_MAX / u->size, &number)) {
				*ret = (int64_t)number * u->size;
				return 0;
			}
		}
	}
	error_set(err, 0, "%s %s: want a number with a unit", option, text);
	return error_status(err, EXIT_USAGE);
}

static int read_limits(const struct gc_options *o, struct prune_limits *ret, struct error *err)
{
	static const struct unit times[] = { { "s", 1 }, { "", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
					     { "w", 604800 }, { NULL, 0 } };
	static const struct unit sizes[] = { { "", 1 }, { "b", 1 }, { "kb", 1000 }, { "k", 1000 }, { "mb", 1000000 },
					     { "m", 1000000 }, { "gb", 1000000000 }, { "g", 1000000000 },
					     { "tb", 1000000000000 }, { "kib", 1024 }, { "mib", 1 << 20 },
					     { "gib", 1 << 30 }, { NULL, 0 } };
	const char *until = o->until;
	*ret = (struct prune_limits){ -1, -1, o->removes_cache && !o->until && !o->keep_storage && !o->filters->count };
	for (size_t i = 0; i < o->filters->count; i++) {
		if (!text_starts(o->filters->items[i], "until=")) {
			error_set(err, 0, "--filter %s: want until=TIME", o->filters->items[i]);
			return error_status(err, EXIT_USAGE);
		}
		until = o->filters->items[i] + strlen("until=");
	}
	if (until && read_amount("--until", until, times, &ret->unused_sec, err) < 0)
		return -1;
	return o->keep_storage ? read_amount("--keep-storage", o->keep_storage, sizes, &ret->keep_bytes, err) : 0;
}

/* Other commands hold the store for milliseconds, pulls for minutes: wait for the former only. */
static int collect(struct store *store, bool is_dry_run, struct gc_result *ret, struct error *err)
{
	enum { TRIES = 30 };
	static const struct timespec pause = { 0, 100 * 1000 * 1000 };
	int r = store_gc(store, is_dry_run, ret, err);
	for (int i = 1; r < 0 && i < TRIES; i++) {
		nanosleep(&pause, NULL);
		error_clear(err);
		r = store_gc(store, is_dry_run, ret, err);
	}
	return r;
}

static int run_gc(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct gc_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct gc_result freed;
	struct prune_limits limits;
	struct prune_result pruned = { 0, 0, 0 };
	unsigned containers;
	char size[16];
	if (read_limits(o, &limits, err) < 0 || invocation_store(inv, &store, err) < 0 ||
	    container_remove_left_overs(store, o->is_dry_run, &containers, err) < 0)
		return -1;
	bool has_limit = limits.removes_all || limits.unused_sec >= 0 || limits.keep_bytes >= 0;
	if ((has_limit && store_prune_cache(store, &limits, o->is_dry_run, &pruned, err) < 0) ||
	    collect(store, o->is_dry_run, &freed, err) < 0)
		return -1;
	printf("%s %u containers, %u layers, %u blobs", o->is_dry_run ? "Would delete" : "Deleted", containers,
	       freed.layers, freed.blobs);
	if (has_limit)
		printf(", %u build steps, %u cache mounts", pruned.steps, pruned.mounts);
	if (freed.host_files)
		printf(", what 'fakebuild root' made of %llu files", (unsigned long long)freed.host_files);
	printf("\nTotal reclaimed space: %s\n", text_size(freed.bytes + pruned.bytes, size, sizeof(size)));
	return 0;
}

const struct command command_gc = {
	.name = "gc",
	.alias = "prune",
	.usage = "[OPTIONS]",
	.summary = "Free the room of what no image and no container needs",
	.group = GROUP_OTHER,
	.options = gc_rows,
	.options_bytes = sizeof(struct gc_options),
	.min_args = 0,
	.max_args = 0,
	.run = run_gc,
};

struct df_options {
	int format; /* enum listing_format */
};

static const struct option_row df_rows[] = {
	{ "format", 0, LISTING_FORMATS, "json: an object a line", OPTION_CHOICE, offsetof(struct df_options, format) },
	{ "verbose", 'v', NULL, "Taken for Docker's sake", OPTION_IGNORED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static const struct column df_columns[] = {
	{ "TYPE", "Type" }, { "TOTAL", "TotalCount" }, { "ACTIVE", "Active" },
	{ "SIZE", "Size" }, { "RECLAIMABLE", "Reclaimable" }, { NULL, NULL },
};

static void add_usage(struct listing *l, const char *name, const struct usage *u)
{
	char size[16], reclaimable[16];
	listing_cell(l, "%s", name);
	listing_cell(l, "%u", u->total);
	listing_cell(l, "%u", u->active);
	listing_cell(l, "%s", text_size(u->bytes, size, sizeof(size)));
	listing_cell(l, "%s", text_size(u->reclaimable_bytes, reclaimable, sizeof(reclaimable)));
}

static int run_df(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct df_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct store_usage u;
	if (invocation_store(inv, &store, err) < 0 || store_usage(store, &u, err) < 0)
		return -1;
	struct listing *l = listing_new(inv, df_columns);
	add_usage(l, "Images", &u.images);
	add_usage(l, "Containers", &u.containers);
	add_usage(l, "Local Volumes", &u.volumes);
	add_usage(l, "Build Cache", &u.build_cache);
	listing_print(l, stdout, o->format);
	return 0;
}

extern const struct command command_df;

const struct command command_df = {
	.name = "df",
	.usage = "[OPTIONS]",
	.summary = "Show what takes room in the store",
	.group = GROUP_OTHER,
	.options = df_rows,
	.options_bytes = sizeof(struct df_options),
	.min_args = 0,
	.max_args = 0,
	.run = run_df,
};
