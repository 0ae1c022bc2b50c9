/* SPDX-License-Identifier: Apache-2.0 */
/* The command build: from the command line to the images, and what is shown meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/build/display.h"
#include "builder/build/outputs.h"
#include "builder/build/request.h"
#include "builder/command.h"
#include "builder/dockerfile/check.h"
#include "oci/largest.h"
#include "oci/reference.h"
#include "oci/snapshot.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

#define MEMBER(member) offsetof(struct build_options, member)
#define TEXT(name, letter, argument, help, member)                            \
	{                                                                     \
		name, letter, argument, help, OPTION_TEXT, MEMBER(member)     \
	}
#define LIST(name, letter, argument, help, member)                            \
	{                                                                     \
		name, letter, argument, help, OPTION_LIST, MEMBER(member)     \
	}
#define FLAG(name, letter, help, member)                                      \
	{                                                                     \
		name, letter, NULL, help, OPTION_FLAG, MEMBER(member)         \
	}
#define TAKEN(name, argument)                                                 \
	{                                                                     \
		name, 0, argument, "Taken for other builders' sake", OPTION_IGNORED, 0 \
	}

static const struct option_row build_rows[] = {
	LIST("add-host", 0, "NAME:IP", "Add a line to /etc/hosts of RUN", add_hosts),
	LIST("annotation", 0, "KEY=VALUE", "Add an annotation to the manifest", annotations),
	LIST("attest", 0, "type=sbom|provenance", "Attach what the image was made of", attests),
	LIST("build-arg", 0, "KEY[=VALUE]", "Set a variable that the Dockerfile declares with ARG", build_args),
	LIST("build-context", 0, "NAME=SOURCE", "A folder, image or URL that --from=NAME and FROM NAME mean", contexts),
	LIST("cache-from", 0, "type=TYPE,...", "Take finished steps from elsewhere: local, registry", cache_from),
	LIST("cache-to", 0, "type=TYPE,...", "Leave finished steps elsewhere: local, registry, inline", cache_to),
	TEXT("call", 0, "METHOD", "Instead of building: check, outline, targets", call),
	FLAG("check", 0, "Only check the Dockerfile", is_check),
	TEXT("file", 'f', "FILE", "The Dockerfile; '-' is standard input", file),
	TEXT("iidfile", 0, "FILE", "Write the image's id into FILE", iid_file),
	{ "jobs", 0, "NUMBER", "Stages that are worked on at a time", OPTION_TEXT, MEMBER(jobs) },
	LIST("label", 0, "KEY=VALUE", "Add a label to the image", labels),
	FLAG("load", 0, "Give the image to the Docker daemon", is_loaded),
	TEXT("metadata-file", 0, "FILE", "Write digests and names of the result into FILE, as JSON", metadata_file),
	TEXT("network", 0, "default|host|none", "The network of RUN that names none", network),
	FLAG("no-cache", 0, "Do all steps anew", has_no_cache),
	LIST("no-cache-filter", 0, "STAGE,...", "Do the steps of these stages anew", no_cache_filter),
	FLAG("no-fast-path", 0, "Answer no call inside the processes of RUN", has_no_fast_path),
	{ "on-error", 0, "stop|shell", "shell: open one where a RUN failed", OPTION_CHOICE, MEMBER(on_error) },
	LIST("output", 'o', "type=TYPE,...", "Where the result goes: image, registry, oci, docker, tar, local, or a folder",
	     outputs),
	LIST("platform", 0, "OS/ARCH,...", "What to build for", platforms),
	{ "progress", 0, DISPLAY_MODES, "How the build is shown", OPTION_CHOICE, MEMBER(progress) },
	TEXT("provenance", 0, "true|false|mode=...", "Attach how the image was made", provenance),
	FLAG("pull", 0, "Ask the registry even for base images that are here", is_pulled),
	FLAG("push", 0, "Send the image to the registry of its name", is_pushed),
	FLAG("quiet", 'q', "Show nothing but the image's id", is_quiet),
	TEXT("report", 0, "FILE", "Write a page about the build: times, cache, sizes", report),
	TEXT("sbom", 0, "true|false", "Attach a list of the packages in the image", sbom),
	LIST("secret", 0, "id=ID[,src=FILE|,env=NAME]", "What RUN --mount=type=secret gets", secrets),
	LIST("ssh", 0, "ID[=SOCKET|=KEY]", "The agent that RUN --mount=type=ssh gets", ssh),
	LIST("tag", 't', "NAME[:TAG]", "Name the image", tags),
	TEXT("target", 0, "STAGE", "Build up to this stage", target),
	/* kaniko */
	TEXT("context", 0, "DIR", "kaniko's word for the context", context),
	TEXT("context-sub-path", 0, "DIR", "kaniko: a folder in the context", sub_path),
	TEXT("dockerfile", 0, "FILE", "kaniko's word for --file", file),
	LIST("destination", 'd', "NAME", "kaniko: --tag and --push in one", destinations),
	FLAG("no-push", 0, "kaniko: do not send what --destination names", is_not_pushed),
	TEXT("tar-path", 0, "FILE", "kaniko: write a docker-archive", tar_path),
	TEXT("oci-layout-path", 0, "DIR", "kaniko: write an OCI layout", layout_path),
	TEXT("digest-file", 0, "FILE", "kaniko: write the manifest's digest into FILE", digest_file),
	TEXT("cache", 0, "true|false", "kaniko: use finished steps", cache),
	TEXT("cache-repo", 0, "NAME", "kaniko: keep finished steps in this repository", cache_repo),
	FLAG("reproducible", 0, "kaniko: no times, as SOURCE_DATE_EPOCH=0", is_reproducible),
	LIST("custom-platform", 0, "OS/ARCH", "kaniko's word for --platform", platforms),
	/* buildctl */
	LIST("local", 0, "NAME=DIR", "buildctl: context=DIR and dockerfile=DIR", locals),
	LIST("opt", 0, "KEY=VALUE", "buildctl: filename, target, platform, build-arg:KEY, label:KEY, ...", opts),
	LIST("import-cache", 0, "type=TYPE,...", "buildctl's word for --cache-from", import_caches),
	LIST("export-cache", 0, "type=TYPE,...", "buildctl's word for --cache-to", export_caches),
	TAKEN("allow", "ENTITLEMENT"), TAKEN("builder", "NAME"), TAKEN("cgroup-parent", "NAME"),
	TAKEN("cleanup", NULL), TAKEN("compress", NULL), TAKEN("cpu-period", "NUMBER"), TAKEN("cpu-quota", "NUMBER"),
	TAKEN("cpu-shares", "NUMBER"), TAKEN("cpuset-cpus", "LIST"), TAKEN("force", NULL), TAKEN("force-rm", NULL),
	TAKEN("frontend", "NAME"), TAKEN("isolation", "NAME"), TAKEN("log-format", "NAME"), TAKEN("memory", "BYTES"),
	TAKEN("memory-swap", "BYTES"), TAKEN("rm", NULL), TAKEN("security-opt", "OPTION"), TAKEN("shm-size", "BYTES"),
	TAKEN("single-snapshot", NULL), TAKEN("skip-unused-stages", NULL), TAKEN("snapshot-mode", "NAME"),
	TAKEN("ulimit", "LIMIT"), TAKEN("use-new-run", NULL), TAKEN("verbosity", "LEVEL"),
	{ "squash", 0, NULL, "layers are what the cache keeps: use a last stage that copies what is wanted",
	  OPTION_REFUSED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

struct building {
	struct invocation *inv;
	struct build_options o;
	struct build *b;
	struct display *display;
	struct report *report; /* NULL: none is wanted */
	bool is_display_over;
};

/* ---- showing ---- */

static void show(void *arg, const struct event *e)
{
	struct building *g = arg;
	if (!g->is_display_over)
		display_event(g->display, e);
	if (g->report)
		report_event(g->report, e);
}

static void tick(void *arg)
{
	const struct building *g = arg;
	display_tick(g->display);
}

static void end_display(void *arg)
{
	struct building *g = arg;
	if (!g->is_display_over)
		display_end(g->display);
	g->is_display_over = true;
}

static void leave_terminal(void *arg)
{
	end_display(arg);
	fputs("A shell where the step failed, with what it left; the build ends when it does.\n", stderr);
}

static unsigned begin(struct building *g, const char *name)
{
	struct event e = { .kind = EVENT_STARTED, .time_nsec = event_now(), .name = name, .command = name };
	e.vertex = __atomic_add_fetch(g->b->vertex_count, 1, __ATOMIC_RELAXED);
	show(g, &e);
	return e.vertex;
}

static int finish(struct building *g, unsigned vertex, int r, const struct error *err)
{
	struct event e = { .kind = EVENT_DONE, .vertex = vertex, .time_nsec = event_now(), .layer_bytes = -1,
			   .has_failed = r < 0, .text = r < 0 ? err->text : NULL };
	show(g, &e);
	return r;
}

struct telling {
	struct building *g;
	unsigned vertex;
};

static void tell(void *arg, const char *line)
{
	struct telling *t = arg;
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s\n", line);
	struct event e = { .kind = EVENT_LOG, .vertex = t->vertex, .time_nsec = event_now(), .stream = 2, .text = text,
			   .size = strlen(text), .layer_bytes = -1 };
	show(t->g, &e);
}

static void warn(struct building *g, const char *text)
{
	struct event e = { .kind = EVENT_WARNING, .time_nsec = event_now(), .text = text, .layer_bytes = -1 };
	show(g, &e);
}

/* ---- reading ---- */

static bool keeps_git_dir(const struct build *b)
{
	static const char key[] = "BUILDKIT_CONTEXT_KEEP_GIT_DIR=";
	bool keeps = false;
	for (size_t i = 0; i < b->build_args->count; i++) {
		const char *entry = b->build_args->items[i];
		if (text_starts(entry, key))
			keeps = strcmp(entry + strlen(key), "1") == 0 || strcasecmp(entry + strlen(key), "true") == 0;
	}
	return keeps;
}

static int read_context(struct building *g, const char *word, struct error *err)
{
	struct telling t = { g, begin(g, "[internal] load build context") };
	/* Either the context or the Dockerfile is on standard input. */
	bool has_dockerfile_there = g->o.file && strcmp(g->o.file, "-") == 0;
	int r = has_dockerfile_there && strcmp(word, "-") == 0 ?
			error_set(err, 0, "standard input cannot be both the context and the Dockerfile") :
			context_open(g->b, g->b->store, word, keeps_git_dir(g->b), has_dockerfile_there ? -1 : STDIN_FILENO,
				     tell, &t, &g->b->context, err);
	if (r == 0 && !g->b->context->folder)
		r = error_set(err, 0, "the context '%s' is an image, not files", word);
	return finish(g, t.vertex, r, err);
}

static int read_named_contexts(struct building *g, struct error *err)
{
	struct build *b = g->b;
	const struct strlist *list = g->o.contexts;
	b->contexts = mem_array(b, struct named_context, list->count);
	for (size_t i = 0; i < list->count; i++) {
		struct named_context *c = &b->contexts[b->context_count];
		const char *equals = strchr(list->items[i], '=');
		struct strlist *lines;
		if (!equals || equals == list->items[i]) {
			error_set(err, 0, "--build-context %s: want NAME=SOURCE", list->items[i]);
			return error_status(err, EXIT_USAGE);
		}
		c->name = mem_strndup(b, list->items[i], equals - list->items[i]);
		CLEANUP_TALLOC char *title = mem_printf(NULL, "[context %s] load", c->name);
		struct telling t = { g, begin(g, title) };
		int r = context_open(b, b->store, equals + 1, keeps_git_dir(b), -1, tell, &t, &c->context, err);
		if (r == 0 && c->context->folder && context_ignore_lines(b, c->context, "", &lines, err) == 0 &&
		    lines->count)
			r = patterns_new(b, lines, &c->ignored, err);
		if (finish(g, t.vertex, r, err) < 0)
			return error_wrap(err, "--build-context %s", c->name);
		b->context_count++;
	}
	return 0;
}

/* A text that cannot be read is shown where it is wrong. */
static void show_excerpt(struct building *g, const char *excerpt)
{
	end_display(g);
	if (g->o.progress != DISPLAY_QUIET && g->o.progress != DISPLAY_RAWJSON)
		fputs(excerpt, stderr);
}

static int read_dockerfile(struct building *g, struct strlist **ret_ignored, struct error *err)
{
	struct build *b = g->b;
	char *text, *name;
	size_t size;
	unsigned line = 0;
	unsigned vertex = begin(g, "[internal] load build definition from Dockerfile");
	int r = context_dockerfile(b, b->context, g->o.file, STDIN_FILENO, &text, &size, &name, err);
	if (r == 0 && (r = dockerfile_parse(b, name, text, size, &b->file, &line, err)) < 0 && line) {
		finish(g, vertex, r, err);
		show_excerpt(g, dockerfile_excerpt_text(b, name, text, size, line));
		return -1;
	}
	if (r == 0)
		r = context_ignore_lines(b, b->context, g->o.file ? g->o.file : "", ret_ignored, err);
	if (r == 0 && (*ret_ignored)->count)
		r = patterns_new(b, *ret_ignored, &b->ignored, err);
	return finish(g, vertex, r, err);
}

static int find_target(struct building *g, struct error *err)
{
	struct build *b = g->b;
	b->target = b->file->stage_count - 1;
	if (!b->target_name || !*b->target_name)
		return 0;
	/* By its name only: a number is none. */
	for (unsigned i = b->file->stage_count; i-- > 0;) {
		if (b->file->stages[i].name && strcasecmp(b->file->stages[i].name, b->target_name) == 0) {
			b->target = i;
			return 0;
		}
	}
	return error_set(err, 0, "%s: target stage \"%s\" could not be found", b->file->name, b->target_name);
}

static bool declares(const struct instruction *in, const char *entry)
{
	size_t n = strcspn(entry, "=");
	for (unsigned i = 0; in->kind == INSTRUCTION_ARG && i < in->pair_count; i++)
		if (strlen(in->pairs[i].key) == n && strncmp(in->pairs[i].key, entry, n) == 0)
			return true;
	return false;
}

static bool is_consumed(const struct dockerfile *f, const char *entry)
{
	static const char *const known[] = { "BUILDKIT_", "SOURCE_DATE_EPOCH=", "TARGET", "BUILD", "HTTP_PROXY=",
					     "HTTPS_PROXY=", "FTP_PROXY=", "NO_PROXY=", "ALL_PROXY=", "http_proxy=",
					     "https_proxy=", "ftp_proxy=", "no_proxy=", "all_proxy=" };
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (text_starts(entry, known[i]))
			return true;
	for (unsigned i = 0; i < f->global_arg_count; i++)
		if (declares(f->global_args[i], entry))
			return true;
	for (unsigned i = 0; i < f->stage_count; i++)
		for (unsigned j = 0; j < f->stages[i].count; j++)
			if (declares(f->stages[i].instructions[j], entry))
				return true;
	return false;
}

static void warn_of_unused(struct building *g)
{
	CLEANUP_TALLOC char *names = mem_strdup(NULL, "");
	for (size_t i = 0; i < g->b->build_args->count; i++) {
		const char *entry = g->b->build_args->items[i];
		if (!is_consumed(g->b->file, entry))
			names = mem_append(names, "%s%.*s", *names ? " " : "", (int)strcspn(entry, "="), entry);
	}
	if (!*names)
		return;
	CLEANUP_TALLOC char *text = mem_printf(NULL, "One or more build-args [%s] were not consumed", names);
	warn(g, text);
}

/* ---- checks ---- */

/* What the store has of a base image: nothing is fetched for a check. */
static bool find_check_image(void *arg, const char *reference, const char *platform, struct check_image *ret)
{
	const struct building *g = arg;
	struct reference *ref;
	struct image *image = NULL;
	struct error ignored = ERROR_INIT;
	(void)platform;
	if (reference_parse(g->b, reference, &ref, &ignored) < 0 ||
	    store_find_image(g->b, g->b->store, ref->name, &image, &ignored) < 0 || !image)
		return false;
	const struct platform *p = &image->run.platform;
	*ret = (struct check_image){
		.environment = image->run.env,
		.platform = p->os && p->architecture ? platform_format(g->b, p) :
						       NULL,
		.has_shell = image->run.shell != NULL,
	};
	return true;
}

static struct check_options read_check_options(struct building *g, const struct strlist *ignored)
{
	static const char spec[] = "BUILDKIT_DOCKERFILE_CHECK=";
	const struct platform *p = &g->b->platforms[0];
	struct check_options options = {
		.build_args = g->b->build_args, .ignored = ignored, .target = g->b->target_name,
		.platform = platform_format(g->b, p),
		.image = find_check_image, .arg = g,
	};
	for (size_t i = 0; i < g->b->build_args->count; i++)
		if (text_starts(g->b->build_args->items[i], spec))
			options.spec = g->b->build_args->items[i] + strlen(spec);
	return options;
}

/* As `docker build --check` prints them; *ret_status is 1 when there were any. */
static int print_checks(struct building *g, const struct strlist *ignored, int *ret_status, struct error *err)
{
	struct check_options options = read_check_options(g, ignored);
	options.all_stages = !g->b->target_name;
	struct dockerfile_warning *warnings;
	unsigned count;
	bool is_error;
	if (dockerfile_check(g->b, g->b->file, &options, &warnings, &count, &is_error, err) < 0)
		return -1;
	end_display(g);
	if (!count)
		puts("Check complete, no warnings found.");
	else
		printf("Check complete, %u warning%s been found!\n", count, count == 1 ? " has" : "s have");
	for (unsigned i = 0; i < count; i++) {
		const struct dockerfile_warning *w = &warnings[i];
		const char *url = check_url(w->rule);
		printf("\nWARNING: %s%s%s\n%s\n", w->rule, url ? " - " : "", url ? url : "", w->text);
		if (w->line)
			fputs(dockerfile_excerpt(g->b, g->b->file, w->line, w->line), stdout);
	}
	*ret_status = count ? 1 : 0;
	return 0;
}

static int print_targets(struct building *g)
{
	const struct dockerfile *f = g->b->file;
	end_display(g);
	puts("TARGET\tDESCRIPTION");
	for (unsigned i = 0; i < f->stage_count; i++) {
		const char *name = f->stages[i].name;
		bool is_default = i == f->stage_count - 1;
		if (name || is_default)
			printf("%s%s\t\n", name ? name : "(default)", name && is_default ? " (default)" : "");
	}
	return 0;
}

static int print_outline(struct building *g)
{
	const struct dockerfile *f = g->b->file;
	end_display(g);
	puts("BUILD ARG\tVALUE");
	for (unsigned i = 0; i < f->global_arg_count; i++)
		for (unsigned j = 0; j < f->global_args[i]->pair_count; j++)
			printf("%s\t%s\n", f->global_args[i]->pairs[j].key,
			       f->global_args[i]->pairs[j].value ? f->global_args[i]->pairs[j].value : "");
	for (unsigned i = 0; i < f->stage_count; i++) {
		for (unsigned j = 0; j < f->stages[i].count; j++) {
			const struct instruction *in = f->stages[i].instructions[j];
			for (unsigned k = 0; in->kind == INSTRUCTION_ARG && k < in->pair_count; k++)
				printf("%s\t%s\n", in->pairs[k].key, in->pairs[k].value ? in->pairs[k].value : "");
		}
	}
	return 0;
}

static int call_method(struct building *g, const struct strlist *ignored, bool *ret_is_over, int *ret_status,
		       struct error *err)
{
	const char *call = g->o.is_check ? "check" : g->o.call ? g->o.call : "build";
	*ret_is_over = true;
	if (strcmp(call, "check") == 0 || strcmp(call, "lint") == 0)
		return print_checks(g, ignored, ret_status, err);
	if (strcmp(call, "targets") == 0)
		return print_targets(g);
	if (strcmp(call, "outline") == 0)
		return print_outline(g);
	*ret_is_over = false;
	if (strcmp(call, "build") == 0)
		return 0;
	error_set(err, 0, "--call %s: want build, check, outline or targets", call);
	return error_status(err, EXIT_USAGE);
}

/* What is legal and still wrong is told, and with `# check=error=true` stops the build. */
static int warn_of_checks(struct building *g, const struct strlist *ignored, struct error *err)
{
	const struct check_options options = read_check_options(g, ignored);
	struct dockerfile_warning *warnings;
	unsigned count;
	bool is_error;
	if (dockerfile_check(g->b, g->b->file, &options, &warnings, &count, &is_error, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		CLEANUP_TALLOC char *text = mem_printf(NULL, "%s: %s (line %u)", warnings[i].rule, warnings[i].text,
						       warnings[i].line);
		warn(g, text);
	}
	return count && is_error ? error_set(err, 0, "%s: build checks found %u problem%s", g->b->file->name, count,
					     count == 1 ? "" : "s") :
				   0;
}

/* ---- building ---- */

static void add_labels(struct building *g, struct stage_result *result)
{
	struct json *doc = result->state->doc, *config = json_get(doc, "config");
	if (!g->b->labels->count)
		return;
	if (!json_holds_object(json_get(config, "Labels"))) {
		CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
		json_set(config, "Labels", empty);
	}
	for (size_t i = 0; i < g->b->labels->count; i++) {
		const char *label = g->b->labels->items[i], *equals = strchr(label, '=');
		CLEANUP_TALLOC char *key = mem_strndup(NULL, label, equals ? (size_t)(equals - label) : strlen(label));
		json_set_string(json_get(config, "Labels"), key, equals ? equals + 1 : "");
	}
}

static int solve_build(struct building *g, struct solve_result *ret, struct error *err)
{
	const struct solve_watcher watcher = { .show = show, .tick = tick, .leave_terminal = leave_terminal, .arg = g,
					       .interval_msec = display_interval_msec(g->display) };
	if (solve(g->b, g->b, &watcher, ret, err) == 0) {
		for (unsigned i = 0; i < g->b->platform_count; i++)
			add_labels(g, ret->results[i]);
		return 0;
	}
	if (ret->failed_line)
		show_excerpt(g, dockerfile_excerpt(g->b, g->b->file, ret->failed_line, ret->failed_last_line));
	return -1;
}

static int import_caches(struct building *g, struct outputs *outputs, struct error *err)
{
	if (!g->o.cache_from->count)
		return 0;
	struct telling t = { g, begin(g, "importing cache") };
	return finish(g, t.vertex, outputs_import_caches(outputs, g->b, tell, &t, err), err);
}

static int export_result(struct building *g, const struct solve_result *result, struct outputs *outputs, struct error *err)
{
	struct telling t = { g, begin(g, "exporting to image") };
	return finish(g, t.vertex, outputs_write(outputs, g->b, result, tell, &t, err), err);
}

static int report_largest(struct building *g, const struct chain *chain, struct error *err)
{
	enum { REPORTED_FILES = 30 };
	struct large_file *files;
	unsigned count;
	if (largest_files(g, g->b->store, chain, REPORTED_FILES, &files, &count, err) < 0)
		return error_wrap(err, "--report");
	for (unsigned i = 0; i < count; i++)
		report_file(g->report, files[i].guest_path, files[i].bytes, chain->layers[files[i].layer].folder);
	return 0;
}

static int run_all(struct building *g, const char *context, int *ret_status, struct error *err)
{
	struct strlist *ignored;
	struct solve_result result;
	struct outputs *outputs;
	bool is_over;
	if (outputs_read(g->b, &g->o, &outputs, err) < 0 || read_context(g, context, err) < 0 ||
	    read_dockerfile(g, &ignored, err) < 0 || find_target(g, err) < 0 ||
	    call_method(g, ignored, &is_over, ret_status, err) < 0)
		return -1;
	if (is_over)
		return 0;
	if (warn_of_checks(g, ignored, err) < 0)
		return -1;
	warn_of_unused(g);
	if (read_named_contexts(g, err) < 0 || import_caches(g, outputs, err) < 0 ||
	    solve_build(g, &result, err) < 0 || export_result(g, &result, outputs, err) < 0)
		return -1;
	end_display(g);
	if (g->report && report_largest(g, result.results[0]->chain, err) < 0)
		return -1;
	if (g->o.is_quiet && outputs_image_id(outputs))
		puts(outputs_image_id(outputs));
	return 0;
}

static enum display_mode display_mode(const struct build_options *o)
{
	static const char *const words[] = { "auto", "plain", "tty", "rawjson", "quiet" };
	const char *own = getenv("BUILDKIT_PROGRESS");
	if (o->is_quiet)
		return DISPLAY_QUIET;
	for (int i = 0; o->progress == DISPLAY_AUTO && own && i < 5; i++)
		if (strcmp(own, words[i]) == 0)
			return i;
	return o->progress;
}

static int run_build(struct invocation *inv, int *ret_status, struct error *err)
{
	struct building *g = mem_new(inv, struct building);
	const char *context;
	g->inv = inv;
	g->o = *(const struct build_options *)inv->options;
	g->b = mem_new(g, struct build);
	if (request_unify(g, &g->o, inv->arg_count ? inv->args[0] : NULL, &context, err) < 0 ||
	    request_read(g->b, &g->o, err) < 0 || invocation_store(inv, &g->b->store, err) < 0)
		return -1;
	g->b->vertex_count = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->b->vertex_count == MAP_FAILED)
		return error_set(err, errno, "cannot have memory");
	g->display = display_new(g, display_mode(&g->o), stderr, g->o.file ? g->o.file : "Dockerfile");
	if (g->o.report)
		g->report = report_new(g, g->o.tags->count ? g->o.tags->items[0] : context);
	int r = run_all(g, context, ret_status, err);
	end_display(g);
	struct error ignored = ERROR_INIT;
	if (g->report && report_write(g->report, g->o.report, r < 0 ? &ignored : err) < 0)
		r = -1;
	/* Contexts that were fetched lie in folders that go with their memory. */
	TALLOC_FREE(g->b);
	return r;
}

extern const struct command command_build;

const struct command command_build = {
	.name = "build",
	.usage = "[OPTIONS] CONTEXT",
	.summary = "Build an image from a Dockerfile",
	.group = GROUP_IMAGES,
	.words = WORDS_FILES,
	.options = build_rows,
	.options_bytes = sizeof(struct build_options),
	.min_args = 0,
	.max_args = 1,
	.run = run_build,
};
