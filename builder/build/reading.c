/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is read before a build: contexts, the Dockerfile, the stage that is wanted. */
#include "builder/build/building.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

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

int building_read_context(struct building *g, const char *word, struct error *err)
{
	struct telling t = { g, building_begin(g, "[internal] load build context") };
	/* Either the context or the Dockerfile is on standard input. */
	bool has_dockerfile_there = g->o.file && strcmp(g->o.file, "-") == 0;
	int r = has_dockerfile_there && strcmp(word, "-") == 0 ?
			error_set(err, 0, "standard input cannot be both the context and the Dockerfile") :
			context_open(g->b, g->b->store, word, keeps_git_dir(g->b), has_dockerfile_there ? -1 : STDIN_FILENO,
				     building_tell, &t, &g->b->context, err);
	if (r == 0 && !g->b->context->folder)
		r = error_set(err, 0, "the context '%s' is an image, not files", word);
	return building_finish(g, t.vertex, r, err);
}

int building_read_named_contexts(struct building *g, struct error *err)
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
		struct telling t = { g, building_begin(g, title) };
		int r = context_open(b, b->store, equals + 1, keeps_git_dir(b), -1, building_tell, &t, &c->context, err);
		if (r == 0 && c->context->folder && context_ignore_lines(b, c->context, "", &lines, err) == 0 &&
		    lines->count)
			r = patterns_new(b, lines, &c->ignored, err);
		if (building_finish(g, t.vertex, r, err) < 0)
			return error_wrap(err, "--build-context %s", c->name);
		b->context_count++;
	}
	return 0;
}

int building_read_dockerfile(struct building *g, struct strlist **ret_ignored, struct error *err)
{
	struct build *b = g->b;
	char *text, *name;
	size_t size;
	unsigned line = 0;
	unsigned vertex = building_begin(g, "[internal] load build definition from Dockerfile");
	int r = context_dockerfile(b, b->context, g->o.file, STDIN_FILENO, &text, &size, &name, err);
	if (r == 0 && (r = dockerfile_parse(b, name, text, size, &b->file, &line, err)) < 0 && line) {
		building_finish(g, vertex, r, err);
		building_show_excerpt(g, dockerfile_excerpt_text(b, name, text, size, line));
		return -1;
	}
	if (r == 0)
		r = context_ignore_lines(b, b->context, g->o.file ? g->o.file : "", ret_ignored, err);
	if (r == 0 && (*ret_ignored)->count)
		r = patterns_new(b, *ret_ignored, &b->ignored, err);
	return building_finish(g, vertex, r, err);
}

int building_find_target(struct building *g, struct error *err)
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
