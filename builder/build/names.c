/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what names in a build stand for: stages, contexts, global variables. */
#include <string.h>
#include <strings.h>

#include "builder/build/build.h"
#include "builder/dockerfile/expand.h"
#include "builder/environment.h"
#include "oci/reference.h"
#include "tracer/base/text.h"

int build_find_stage(const struct build *b, const char *name, unsigned before)
{
	uint64_t number;
	/* The last stage of a name counts. */
	for (unsigned i = before; i-- > 0;)
		if (b->file->stages[i].name && strcasecmp(b->file->stages[i].name, name) == 0)
			return i;
	return text_to_number(name, UINT32_MAX, &number) && number < before ? (int)number : -1;
}

/* "debian" also names what FROM calls docker.io/library/debian:latest. */
static bool is_same_name(const char *a, const char *b)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct error ignored = ERROR_INIT;
	struct reference *x, *y;
	return strcasecmp(a, b) == 0 || (reference_parse(scratch, a, &x, &ignored) == 0 &&
					 reference_parse(scratch, b, &y, &ignored) == 0 && strcmp(x->name, y->name) == 0);
}

const struct named_context *build_find_context(const struct build *b, const char *name)
{
	for (unsigned i = 0; i < b->context_count; i++)
		if (is_same_name(b->contexts[i].name, name))
			return &b->contexts[i];
	return NULL;
}

static void add(struct strlist *list, const char *key, const char *value)
{
	CLEANUP_TALLOC char *entry = mem_printf(NULL, "%s=%s", key, value ? value : "");
	environment_set(list, entry);
}

static void add_platform(struct strlist *list, const char *prefix, const struct platform *p)
{
	const struct {
		const char *name, *value;
	} parts[] = { { "OS", p->os }, { "OSVERSION", "" }, { "ARCH", p->architecture }, { "VARIANT", p->variant } };
	CLEANUP_TALLOC char *whole = platform_format(NULL, p);
	CLEANUP_TALLOC char *platform = mem_printf(NULL, "%sPLATFORM", prefix);
	add(list, platform, whole);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		CLEANUP_TALLOC char *key = mem_printf(NULL, "%s%s", prefix, parts[i].name);
		add(list, key, parts[i].value);
	}
}

const char *build_list_value(void *arg, const char *name, size_t length)
{
	const struct strlist *list = arg;
	for (size_t i = list->count; i-- > 0;)
		if (strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')
			return list->items[i] + length + 1;
	return NULL;
}

int build_global_args(const void *ctx, const struct build *b, const struct platform *target, struct strlist **ret,
		      struct error *err)
{
	struct strlist *list = strlist_new(ctx);
	struct expansion e = { .escape = b->file->escape, .get = build_list_value, .arg = list };
	add_platform(list, "BUILD", &b->host);
	add_platform(list, "TARGET", target);
	add(list, "TARGETSTAGE", b->target_name ? b->target_name : "default");
	/* A build argument says otherwise even of the platform. */
	for (size_t i = 0; i < b->build_args->count; i++) {
		const char *entry = b->build_args->items[i];
		if (build_list_value(list, entry, strcspn(entry, "=")))
			environment_set(list, entry);
	}
	for (unsigned i = 0; i < b->file->global_arg_count; i++) {
		const struct instruction *in = b->file->global_args[i];
		for (unsigned j = 0; j < in->pair_count; j++) {
			const char *key = in->pairs[j].key, *given = build_list_value(b->build_args, key, strlen(key));
			char *value = NULL;
			if (!given && in->pairs[j].value && expand_word(list, &e, in->pairs[j].value, &value, err) < 0)
				return error_wrap(err, "%s:%u: ARG", b->file->name, in->line);
			if (given || value)
				add(list, key, given ? given : value);
		}
	}
	*ret = list;
	return 0;
}
