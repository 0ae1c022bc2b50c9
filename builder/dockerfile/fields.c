/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns which fields of which instruction hold variables, as a table of rows, and what is only known to be wrong
 * when they have values.  BuildKit's instructions/commands.go and dockerfile2llb/convert.go.
 */
#include "builder/dockerfile/expand.h"

#include <string.h>

#include "builder/dockerfile/mounts.h"
#include "builder/dockerfile/ports.h"
#include "builder/dockerfile/signals.h"

enum { PORTS_MAX = 200000 };

enum fields {
	WORDS = 1,
	PAIRS = 2,
	COPY_FLAGS = 4, /* --chown, --chmod, --checksum; no others */
	HEREDOCS = 8,
	MOUNTS = 16,
	PORTS = 32, /* the words, split when they are expanded */
};

static int check_signal(const struct instruction *in, struct error *err)
{
	if (signal_is_known(in->words->items[0]))
		return 0;
	return error_set(err, 0, "invalid signal: %s", in->words->items[0]);
}

static int check_volumes(const struct instruction *in, struct error *err)
{
	for (size_t i = 0; i < in->words->count; i++)
		if (!*in->words->items[i])
			return error_set(err, 0, "a volume cannot be an empty string");
	return 0;
}

static const struct fields_row {
	unsigned fields;
	int (*check)(const struct instruction *in, struct error *err);
} rows[INSTRUCTION_COUNT] = {
	[INSTRUCTION_ADD] = { WORDS | COPY_FLAGS | HEREDOCS, NULL },
	[INSTRUCTION_COPY] = { WORDS | COPY_FLAGS | HEREDOCS, NULL },
	[INSTRUCTION_ENV] = { PAIRS, NULL },
	[INSTRUCTION_EXPOSE] = { PORTS, NULL },
	[INSTRUCTION_LABEL] = { PAIRS, NULL },
	[INSTRUCTION_RUN] = { MOUNTS, NULL },
	[INSTRUCTION_STOPSIGNAL] = { WORDS, check_signal },
	[INSTRUCTION_USER] = { WORDS, NULL },
	[INSTRUCTION_VOLUME] = { WORDS, check_volumes },
	[INSTRUCTION_WORKDIR] = { WORDS, NULL },
};

static char *copy_text(const void *ctx, const char *text)
{
	return text ? mem_strdup(ctx, text) : NULL;
}

static struct strlist *copy_list(const void *ctx, const struct strlist *list)
{
	struct strlist *copy = strlist_new(ctx);
	for (size_t i = 0; i < list->count; i++)
		strlist_add(copy, list->items[i]);
	return copy;
}

static void copy_mounts(struct instruction *to, const struct instruction *in)
{
	to->mounts = mem_array(to, struct run_mount, in->mount_count);
	for (unsigned i = 0; i < in->mount_count; i++) {
		struct run_mount *m = &to->mounts[i];
		*m = in->mounts[i];
		char **texts[] = { &m->text, &m->source, &m->target, &m->from, &m->id, &m->env };
		for (size_t j = 0; j < sizeof(texts) / sizeof(*texts); j++)
			*texts[j] = copy_text(to, *texts[j]);
	}
}

static struct instruction *copy(const void *ctx, const struct instruction *in)
{
	struct instruction *to = mem_new(ctx, struct instruction);
	*to = *in;
	to->keyword = copy_text(to, in->keyword);
	to->original = copy_text(to, in->original);
	to->comments = copy_list(to, in->comments);
	to->words = copy_list(to, in->words);
	to->devices = copy_list(to, in->devices);
	to->heredocs = mem_array(to, struct heredoc, in->heredoc_count);
	for (unsigned i = 0; i < in->heredoc_count; i++) {
		to->heredocs[i] = in->heredocs[i];
		to->heredocs[i].name = copy_text(to, in->heredocs[i].name);
		to->heredocs[i].content = copy_text(to, in->heredocs[i].content);
	}
	to->pairs = mem_array(to, struct pair, in->pair_count);
	for (unsigned i = 0; i < in->pair_count; i++) {
		to->pairs[i] = in->pairs[i];
		to->pairs[i].key = copy_text(to, in->pairs[i].key);
		to->pairs[i].value = copy_text(to, in->pairs[i].value);
	}
	to->copy.from = copy_text(to, in->copy.from);
	to->copy.chown = copy_text(to, in->copy.chown);
	to->copy.chmod = copy_text(to, in->copy.chmod);
	to->copy.checksum = copy_text(to, in->copy.checksum);
	to->copy.exclude = copy_list(to, in->copy.exclude);
	copy_mounts(to, in);
	to->network = copy_text(to, in->network);
	to->security = copy_text(to, in->security);
	to->trigger = in->trigger ? copy(to, in->trigger) : NULL;
	return to;
}

/* In place; `owner` is what the text hangs on. */
static int expand(const void *owner, const struct expansion *e, char **text, struct error *err)
{
	char *value;
	if (!*text)
		return 0;
	if (expand_word(owner, e, *text, &value, err) < 0)
		return -1;
	talloc_free(*text);
	*text = value;
	return 0;
}

/* A flag that expands to nothing is one that was not given. */
static int expand_flags(struct instruction *in, const struct expansion *e, struct error *err)
{
	char **flags[] = { &in->copy.chown, &in->copy.chmod, &in->copy.checksum };
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (expand(in, e, flags[i], err) < 0)
			return -1;
		if (*flags[i] && !**flags[i])
			*flags[i] = NULL;
	}
	return 0;
}

static int expand_heredocs(struct instruction *in, const struct expansion *e, struct error *err)
{
	for (unsigned i = 0; i < in->heredoc_count; i++) {
		char *value;
		if (!in->heredocs[i].expands)
			continue;
		if (expand_raw(in, e, in->heredocs[i].content, &value, err) < 0)
			return error_wrap(err, "heredoc %s", in->heredocs[i].name);
		talloc_free(in->heredocs[i].content);
		in->heredocs[i].content = value;
	}
	return 0;
}

static int expand_pairs(struct instruction *in, const struct expansion *e, struct error *err)
{
	for (unsigned i = 0; i < in->pair_count; i++)
		if (expand(in, e, &in->pairs[i].key, err) < 0 || expand(in, e, &in->pairs[i].value, err) < 0)
			return -1;
	return 0;
}

static int expand_mounts(struct instruction *in, const struct expansion *e, struct error *err)
{
	for (unsigned i = 0; i < in->mount_count; i++)
		if (mount_read(in, in->mounts[i].text, e, false, &in->mounts[i], err) < 0)
			return -1;
	return 0;
}

static int expand_ports(struct instruction *in, const struct expansion *e, struct error *err)
{
	CLEANUP_TALLOC struct strlist *given = in->words;
	CLEANUP_TALLOC struct strlist *words = strlist_new(NULL);
	struct expansion silent = *e;
	silent.unset = NULL;
	in->words = strlist_new(in);
	for (size_t i = 0; i < given->count; i++)
		if (expand_words(in, &silent, given->items[i], words, err) < 0)
			return -1;
	for (size_t i = 0; i < words->count; i++) {
		struct ports ports;
		if (ports_parse(words->items[i], &ports, err) < 0)
			return -1;
		if (in->words->count + (ports.last - ports.first) >= PORTS_MAX)
			return error_set(err, 0, "exposes more than %d ports", PORTS_MAX);
		for (unsigned port = ports.first; port <= ports.last; port++)
			strlist_addf(in->words, "%u/%s", port, ports.protocol);
	}
	return 0;
}

int instruction_expand(const void *ctx, const struct expansion *e, const struct instruction *in,
		       struct instruction **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const struct fields_row *row = &rows[in->kind];
	struct instruction *out = copy(scratch, in);
	if ((row->fields & COPY_FLAGS) && expand_flags(out, e, err) < 0)
		return -1;
	for (size_t i = 0; (row->fields & WORDS) && i < out->words->count; i++)
		if (expand(out->words, e, &out->words->items[i], err) < 0)
			return -1;
	if (((row->fields & PAIRS) && expand_pairs(out, e, err) < 0) ||
	    ((row->fields & MOUNTS) && expand_mounts(out, e, err) < 0) ||
	    ((row->fields & PORTS) && expand_ports(out, e, err) < 0) ||
	    ((row->fields & HEREDOCS) && expand_heredocs(out, e, err) < 0))
		return -1;
	if (row->check && row->check(out, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, out);
	return 0;
}
