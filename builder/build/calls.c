/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is asked of a Dockerfile instead of a build (--call), and the warnings before one. */
#include "builder/build/building.h"

#include <stdio.h>
#include <string.h>

#include "builder/dockerfile/check.h"
#include "oci/reference.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

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

void building_warn_of_unused(struct building *g)
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
	building_warn(g, text);
}

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
	building_end_display(g);
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
	building_end_display(g);
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
	building_end_display(g);
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

int building_answer_call(struct building *g, const struct strlist *ignored, bool *ret_is_over, int *ret_status,
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
int building_warn_of_checks(struct building *g, const struct strlist *ignored, struct error *err)
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
		building_warn(g, text);
	}
	return count && is_error ? error_set(err, 0, "%s: build checks found %u problem%s", g->b->file->name, count,
					     count == 1 ? "" : "s") :
				   0;
}
