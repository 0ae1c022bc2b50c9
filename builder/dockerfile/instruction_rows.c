/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of instructions: what their flags are, how the rest of the line is split, and what must be in it.
 * BuildKit's instructions/parse.go.  How to add one: a kind in dockerfile.h, a row here, one in fields.c when it
 * has variables, one in check_instructions.c when there are rules for it.
 */
#include "builder/dockerfile/instruction_rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/buffer.h"
#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/durations.h"
#include "builder/dockerfile/expand.h"
#include "builder/dockerfile/mounts.h"
#include "tracer/base/text.h"

#define FLAG(name, kind, member) { name, kind, offsetof(struct flag_values, member) }
static const struct flag_row no_flags[] = { { NULL, 0, 0 } };
static const struct flag_row add_flags[] = {
	FLAG("chown", FLAG_TEXT, chown),
	FLAG("chmod", FLAG_TEXT, chmod),
	FLAG("link", FLAG_BOOL, link),
	FLAG("keep-git-dir", FLAG_BOOL, keep_git_dir),
	FLAG("checksum", FLAG_TEXT, checksum),
	FLAG("unpack", FLAG_BOOL, unpack),
	FLAG("exclude", FLAG_TEXTS, exclude),
	{ NULL, 0, 0 },
};
static const struct flag_row copy_flags[] = {
	FLAG("chown", FLAG_TEXT, chown),
	FLAG("from", FLAG_TEXT, from),
	FLAG("chmod", FLAG_TEXT, chmod),
	FLAG("link", FLAG_BOOL, link),
	FLAG("exclude", FLAG_TEXTS, exclude),
	FLAG("parents", FLAG_BOOL, parents),
	{ NULL, 0, 0 },
};
static const struct flag_row from_flags[] = {
	FLAG("platform", FLAG_TEXT, platform),
	{ NULL, 0, 0 },
};
static const struct flag_row run_flags[] = {
	FLAG("mount", FLAG_TEXTS, mount),
	FLAG("network", FLAG_TEXT, network),
	FLAG("security", FLAG_TEXT, security),
	FLAG("device", FLAG_TEXTS, device),
	{ NULL, 0, 0 },
};
static const struct flag_row healthcheck_flags[] = {
	FLAG("interval", FLAG_TEXT, interval),
	FLAG("timeout", FLAG_TEXT, timeout),
	FLAG("start-period", FLAG_TEXT, start_period),
	FLAG("start-interval", FLAG_TEXT, start_interval),
	FLAG("retries", FLAG_TEXT, retries),
	{ NULL, 0, 0 },
};

static char *member(const struct draft *d, const char *text)
{
	return text ? mem_strdup(d->in, text) : NULL;
}

static char *not_empty(const struct draft *d, const char *text)
{
	return text && *text ? mem_strdup(d->in, text) : NULL;
}

static void add_heredoc(struct instruction *in, const struct raw_heredoc *raw, const char *content)
{
	struct heredoc *doc;
	in->heredocs = mem_grow(in, in->heredocs, struct heredoc, in->heredoc_count + 1);
	doc = &in->heredocs[in->heredoc_count++];
	*doc = (struct heredoc){ .expands = raw->expands, .fd = raw->fd };
	doc->name = mem_strdup(in, raw->name);
	doc->content = raw->tabs_go ? heredoc_strip_tabs(in, content) : mem_strdup(in, content);
}

/* The last one of a name gives its content to all. */
static const char *content_of(const struct draft *d, const char *name)
{
	for (unsigned i = d->heredoc_count; i-- > 0;)
		if (strcmp(d->heredocs[i]->name, name) == 0)
			return d->heredocs[i]->content;
	return "";
}

/* "variable expansion is not supported": a stage's name is known before anything has a value. */
static int check_from(const struct draft *d, const char *from, struct error *err)
{
	const struct expansion nothing = { .escape = d->escape };
	CLEANUP_TALLOC char *value = NULL;
	if (expand_word(NULL, &nothing, from, &value, err) < 0)
		return -1;
	if (strcmp(value, from) != 0)
		return error_set(err, 0,
				 "variable expansion is not supported for --from, define a new stage with FROM using "
				 "ARG from global scope as a workaround");
	return 0;
}

static int finish_copy(struct draft *d, struct error *err)
{
	struct instruction *in = d->in;
	const struct flag_values *f = &d->flags;
	CLEANUP_TALLOC struct strlist *given = in->words;
	struct raw_heredoc *doc;
	if (heredoc_of_word(d, given->items[given->count - 1], &doc, NULL) == 0 && doc)
		return error_set(err, 0, "cannot accept a heredoc as a destination");
	in->words = strlist_new(in);
	for (size_t i = 0; i < given->count; i++) {
		if (heredoc_of_word(d, given->items[i], &doc, NULL) == 0 && doc)
			add_heredoc(in, doc, content_of(d, doc->name));
		else
			strlist_add(in->words, given->items[i]);
	}
	in->copy.from = not_empty(d, f->from);
	in->copy.chown = not_empty(d, f->chown);
	in->copy.chmod = not_empty(d, f->chmod);
	in->copy.checksum = not_empty(d, f->checksum);
	for (size_t i = 0; i < f->exclude->count; i++)
		strlist_add(in->copy.exclude, f->exclude->items[i]);
	in->copy.is_link = f->link > 0;
	in->copy.has_parents = f->parents > 0;
	in->copy.keeps_git_dir = f->keep_git_dir > 0;
	in->copy.unpack = f->unpack;
	return in->copy.from ? check_from(d, in->copy.from, err) : 0;
}

static int one_of(const char *value, const char *const *options)
{
	for (; *options; options++)
		if (strcmp(value, *options) == 0)
			return 0;
	return -1;
}

static int finish_run(struct draft *d, struct error *err)
{
	static const char *const networks[] = { "default", "none", "host", NULL };
	static const char *const securities[] = { "insecure", "sandbox", NULL };
	const struct flag_values *f = &d->flags;
	const struct expansion nothing = { .escape = d->escape };
	struct instruction *in = d->in;
	if (f->network && one_of(f->network, networks) < 0)
		return error_set(err, 0, "invalid network mode \"%s\"", f->network);
	if (f->security && one_of(f->security, securities) < 0)
		return error_set(err, 0, "security \"%s\" is not valid", f->security);
	in->network = member(d, f->network);
	in->security = member(d, f->security);
	for (size_t i = 0; i < f->device->count; i++)
		strlist_add(in->devices, f->device->items[i]);
	in->mounts = mem_array(in, struct run_mount, f->mount->count);
	for (; in->mount_count < f->mount->count; in->mount_count++)
		if (mount_read(in, f->mount->items[in->mount_count], &nothing, true, &in->mounts[in->mount_count],
			       err) < 0)
			return -1;
	for (unsigned i = 0; i < d->heredoc_count; i++)
		add_heredoc(in, d->heredocs[i], d->heredocs[i]->content);
	struct raw_heredoc *whole = NULL;
	if (in->heredoc_count && heredoc_of_word(d, in->words->items[0], &whole, NULL) < 0)
		return 0;
	in->is_script = whole != NULL;
	return 0;
}

/* [a-z][a-z0-9-_.]*, once it is lower case. */
static bool is_stage_name(const char *name)
{
	static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	bool begins = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
	return begins && name[strspn(name, others)] == '\0';
}

static int finish_from(struct draft *d, struct error *err)
{
	const struct strlist *words = d->in->words;
	if (words->count != 1 && !(words->count == 3 && strcasecmp(words->items[1], "as") == 0))
		return error_set(err, 0, "requires either one or three arguments");
	if (words->count == 3 && !is_stage_name(words->items[2]))
		return error_set(err, 0,
				 "invalid name for build stage: \"%s\", name can't start with a number or contain symbols",
				 words->items[2]);
	return 0;
}

static int read_interval(const char *flag, const char *text, int64_t *ret, struct error *err)
{
	*ret = 0;
	if (!text || !*text)
		return 0;
	if (!duration_parse(text, ret))
		return error_set(err, 0, "--%s: \"%s\" is not a duration like 1m30s", flag, text);
	if (*ret && *ret < 1000000)
		return error_set(err, 0, "Interval \"%s\" cannot be less than 1ms", flag);
	return 0;
}

static int read_retries(const char *text, int64_t *ret, struct error *err)
{
	uint64_t number = 0;
	if (!text || !*text)
		return 0;
	bool is_negative = *text == '-';
	const char *digits = text + (is_negative || *text == '+');
	if (!text_to_number(digits, INT32_MAX, &number))
		return error_set(err, 0, "--retries: \"%s\" is not a number up to %d", text, INT32_MAX);
	if (is_negative && number)
		return error_set(err, 0, "--retries cannot be negative (%s)", text);
	*ret = (int64_t)number;
	return 0;
}

static int finish_healthcheck(struct draft *d, struct error *err)
{
	struct instruction *in = d->in;
	struct healthcheck *h = &in->health;
	const struct flag_values *f = &d->flags;
	CLEANUP_TALLOC struct strlist *given = in->words;
	const char *type = given->items[0];
	in->words = strlist_new(in);
	if (strcasecmp(type, "NONE") == 0) {
		h->is_none = true;
		return given->count > 1 ? error_set(err, 0, "NONE takes no arguments") : 0;
	}
	if (flags_read(d, d->row->flags, d->flag_words, &d->flags, err) < 0)
		return -1;
	if (strcasecmp(type, "CMD") != 0)
		return error_set(err, 0, "unknown type \"%s\" (try CMD)", type);
	if (given->count == 1)
		return error_set(err, 0, "missing command after CMD");
	for (size_t i = 1; i < given->count; i++)
		strlist_add(in->words, given->items[i]);
	if (read_interval("interval", f->interval, &h->interval, err) < 0 ||
	    read_interval("timeout", f->timeout, &h->timeout, err) < 0 ||
	    read_interval("start-period", f->start_period, &h->start_period, err) < 0 ||
	    read_interval("start-interval", f->start_interval, &h->start_interval, err) < 0)
		return -1;
	return read_retries(f->retries, &h->retries, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int finish_pairs(struct draft *d, struct error *err)
{
	if (!d->in->pair_count)
		return error_set(err, 0, "requires at least one argument");
	for (unsigned i = 0; i < d->in->pair_count; i++)
		if (!*d->in->pairs[i].key)
			return error_set(err, 0, "names can not be blank");
	return 0;
}

static int finish_expose(struct draft *d, struct error *err)
{
	(void)err;
	qsort(d->in->words->items, d->in->words->count, sizeof(char *), compare);
	return 0;
}

static int finish_volume(struct draft *d, struct error *err)
{
	struct strlist *words = d->in->words;
	for (size_t i = 0; i < words->count; i++) {
		words->items[i] = characters_trim(words->items[i]);
		if (!*words->items[i])
			return error_set(err, 0, "a volume cannot be an empty string");
	}
	return 0;
}

/* The trigger as the image will hold it: on one line, its heredocs below. */
static char *trigger_text(const struct draft *d)
{
	CLEANUP_TALLOC struct buffer *text = buffer_new(NULL);
	const char *line = characters_trim_start(d->line) + strlen(d->row->name);
	buffer_add_text(text, line + strspn(line, " \t\n\f\r"));
	for (unsigned i = 0; i < d->heredoc_count; i++) {
		buffer_add_text(text, "\n");
		buffer_add_text(text, d->heredocs[i]->content);
		buffer_add_text(text, d->heredocs[i]->name);
	}
	return mem_strndup(d->in, text->text, text->size);
}

/* BuildKit tells what is wrong with a trigger when it fires. */
static int finish_onbuild(struct draft *d, struct error *err)
{
	struct instruction *in = d->in;
	struct draft *t = d->trigger;
	(void)err;
	strlist_add(in->words, "");
	in->words->items[0] = trigger_text(d);
	if (!t)
		return 0;
	t->heredocs = d->heredocs;
	t->heredoc_count = d->heredoc_count;
	t->in->line = in->line;
	t->in->last_line = in->last_line;
	if (instruction_finish(t, NULL) == 0)
		in->trigger = t->in;
	else
		talloc_free(t->in);
	return 0;
}

const struct instruction_row instruction_rows[INSTRUCTION_COUNT] = {
	[INSTRUCTION_ADD] = { "ADD", SHAPE_JSON_OR_WORDS, COUNT_TWO, HOLDS_HEREDOCS, add_flags, finish_copy },
	/* BuildKit looks at no flag of ARG and STOPSIGNAL. */
	[INSTRUCTION_ARG] = { "ARG", SHAPE_ARGUMENTS, COUNT_ANY, IGNORES_FLAGS, no_flags, finish_pairs },
	[INSTRUCTION_CMD] = { "CMD", SHAPE_JSON_OR_TEXT, COUNT_ANY, 0, no_flags, NULL },
	[INSTRUCTION_COPY] = { "COPY", SHAPE_JSON_OR_WORDS, COUNT_TWO, HOLDS_HEREDOCS, copy_flags, finish_copy },
	[INSTRUCTION_ENTRYPOINT] = { "ENTRYPOINT", SHAPE_JSON_OR_TEXT, COUNT_ANY, 0, no_flags, NULL },
	[INSTRUCTION_ENV] = { "ENV", SHAPE_PAIRS, COUNT_ANY, 0, no_flags, finish_pairs },
	[INSTRUCTION_EXPOSE] = { "EXPOSE", SHAPE_WORDS, COUNT_SOME, 0, no_flags, finish_expose },
	[INSTRUCTION_FROM] = { "FROM", SHAPE_WORDS, COUNT_ANY, 0, from_flags, finish_from },
	/* HEALTHCHECK NONE may have any. */
	[INSTRUCTION_HEALTHCHECK] = { "HEALTHCHECK", SHAPE_HEALTHCHECK, COUNT_SOME, IGNORES_FLAGS,
				      healthcheck_flags, finish_healthcheck },
	[INSTRUCTION_LABEL] = { "LABEL", SHAPE_PAIRS, COUNT_ANY, 0, no_flags, finish_pairs },
	[INSTRUCTION_MAINTAINER] = { "MAINTAINER", SHAPE_TEXT, COUNT_ONE, 0, no_flags, NULL },
	[INSTRUCTION_ONBUILD] = { "ONBUILD", SHAPE_TRIGGER, COUNT_ANY, 0, no_flags, finish_onbuild },
	[INSTRUCTION_RUN] = { "RUN", SHAPE_JSON_OR_TEXT, COUNT_ANY, HOLDS_HEREDOCS, run_flags, finish_run },
	[INSTRUCTION_SHELL] = { "SHELL", SHAPE_JSON_OR_TEXT, COUNT_SOME, MUST_BE_JSON, no_flags, NULL },
	[INSTRUCTION_STOPSIGNAL] = { "STOPSIGNAL", SHAPE_TEXT, COUNT_ONE, IGNORES_FLAGS, no_flags, NULL },
	[INSTRUCTION_USER] = { "USER", SHAPE_TEXT, COUNT_ONE, 0, no_flags, NULL },
	[INSTRUCTION_VOLUME] = { "VOLUME", SHAPE_JSON_OR_WORDS, COUNT_SOME, 0, no_flags, finish_volume },
	[INSTRUCTION_WORKDIR] = { "WORKDIR", SHAPE_TEXT, COUNT_ONE, 0, no_flags, NULL },
};
