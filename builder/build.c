/* SPDX-License-Identifier: Apache-2.0 */
/* The command build: from the command line to the images, and what is shown meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "builder/build/building.h"
#include "builder/build/outputs.h"
#include "oci/largest.h"
#include "tracer/base/mem.h"

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
	const struct solve_watcher watcher = { .show = building_show, .tick = building_tick, .leave_terminal = building_leave_terminal,
					       .arg = g, .interval_msec = display_interval_msec(g->display) };
	if (solve(g->b, g->b, &watcher, ret, err) == 0) {
		for (unsigned i = 0; i < g->b->platform_count; i++)
			add_labels(g, ret->results[i]);
		return 0;
	}
	if (ret->failed_line)
		building_show_excerpt(g, dockerfile_excerpt(g->b, g->b->file, ret->failed_line, ret->failed_last_line));
	return -1;
}

static int import_caches(struct building *g, struct outputs *outputs, struct error *err)
{
	if (!g->o.cache_from->count)
		return 0;
	struct telling t = { g, building_begin(g, "importing cache") };
	return building_finish(g, t.vertex, outputs_import_caches(outputs, g->b, building_tell, &t, err), err);
}

static int export_result(struct building *g, const struct solve_result *result, struct outputs *outputs, struct error *err)
{
	struct telling t = { g, building_begin(g, "exporting to image") };
	return building_finish(g, t.vertex, outputs_write(outputs, g->b, result, building_tell, &t, err), err);
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
	if (outputs_read(g->b, &g->o, &outputs, err) < 0 || building_read_context(g, context, err) < 0 ||
	    building_read_dockerfile(g, &ignored, err) < 0 || building_find_target(g, err) < 0 ||
	    building_answer_call(g, ignored, &is_over, ret_status, err) < 0)
		return -1;
	if (is_over)
		return 0;
	if (building_warn_of_checks(g, ignored, err) < 0)
		return -1;
	building_warn_of_unused(g);
	if (building_read_named_contexts(g, err) < 0 || import_caches(g, outputs, err) < 0 ||
	    solve_build(g, &result, err) < 0 || export_result(g, &result, outputs, err) < 0)
		return -1;
	building_end_display(g);
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
	building_end_display(g);
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
