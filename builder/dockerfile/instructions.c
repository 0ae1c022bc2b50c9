/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns how a line becomes an instruction by the rules of its row, which are in instruction_rows.c: name, flags,
 * and the shapes that the rest can have.  BuildKit's parser/line_parsers.go.
 */
#include "builder/dockerfile/instruction_rows.h"

#include <string.h>
#include <strings.h>

#include "builder/dockerfile/characters.h"
#include "builder/dockerfile/words.h"

static const struct instruction_row *find_row(const char *name)
{
	for (int i = 0; i < INSTRUCTION_COUNT; i++)
		if (strcasecmp(instruction_rows[i].name, name) == 0)
			return &instruction_rows[i];
	return NULL;
}

static int unknown(const char *name, struct error *err)
{
	const char *names[INSTRUCTION_COUNT + 1] = { NULL };
	for (int i = 0; i < INSTRUCTION_COUNT; i++)
		names[i] = instruction_rows[i].name;
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	const char *meant = words_suggest(scratch, name, names, false);
	if (meant)
		return error_set(err, 0, "unknown instruction (did you mean %s?)", meant);
	return error_set(err, 0, "unknown instruction");
}

static void add_pair(struct instruction *in, const char *word, const char *value, bool is_legacy)
{
	const char *equals = strchr(word, '=');
	struct pair *pair;
	/* Doubled, so that a long line is not copied for each. */
	if ((in->pair_count & (in->pair_count - 1)) == 0)
		in->pairs = mem_grow(in, in->pairs, struct pair, in->pair_count ? 2 * in->pair_count : 1);
	pair = &in->pairs[in->pair_count++];
	*pair = (struct pair){ .is_legacy = is_legacy };
	if (!value && equals)
		value = equals + 1;
	else
		equals = NULL;
	pair->key = mem_strndup(in, word, equals ? (size_t)(equals - word) : strlen(word));
	pair->value = value ? mem_strdup(in, value) : NULL;
}

static int read_pairs(struct draft *d, struct error *err)
{
	struct strlist *words = words_quoted(d, d->rest, d->escape);
	bool is_argument = d->row->shape == SHAPE_ARGUMENTS;
	if (!words->count)
		return 0;
	if (!is_argument && !strchr(words->items[0], '=')) {
		char *key;
		const char *value = words_cut_first(d, d->rest, &key);
		if (!value)
			return error_set(err, 0, "must have two arguments");
		add_pair(d->in, key, value, true);
		return 0;
	}
	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->items[i];
		if (!is_argument && !strchr(word, '='))
			return error_set(err, 0, "can't find = in \"%s\". Must be of the form: name=value", word);
		add_pair(d->in, word, NULL, false);
	}
	return 0;
}

/* Words of the form that the text has; JSON only where `d->is_json` then says so. */
static int read_json_or(struct draft *d, const char *text, bool is_text, struct strlist *words, struct error *err)
{
	struct strlist *found;
	if (words_json(d, text, &found, err) < 0)
		return -1;
	d->is_json = found != NULL;
	if (!found && is_text) {
		if (*text)
			strlist_add(words, text);
		return 0;
	}
	if (!found)
		found = words_plain(d, text);
	for (size_t i = 0; i < found->count; i++)
		strlist_add(words, found->items[i]);
	return 0;
}

static int read_healthcheck(struct draft *d, struct error *err)
{
	size_t size = strcspn(d->rest, " \t\n\v\f\r");
	if (!size)
		return 0;
	strlist_addf(d->in->words, "%.*s", (int)size, d->rest);
	const char *command = d->rest + size;
	return read_json_or(d, command + strspn(command, " \t\n\v\f\r"), true, d->in->words, err);
}

static int read_trigger(struct draft *d, struct error *err)
{
	const char *name;
	char *first;
	if (!*d->rest)
		return error_set(err, 0, "requires at least one argument");
	words_cut_first(d, d->rest, &first);
	if (strcasecmp(first, "ONBUILD") == 0)
		return error_set(err, 0, "chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (strcasecmp(first, "MAINTAINER") == 0 || strcasecmp(first, "FROM") == 0)
		return error_set(err, 0, "%s isn't allowed as an ONBUILD trigger",
				 strcasecmp(first, "FROM") == 0 ? "FROM" : "MAINTAINER");
	if (!find_row(first))
		return 0;
	if (instruction_begin(d->in, d, d->rest, d->escape, &d->trigger, &name, err) < 0)
		return error_wrap(err, "%s", name);
	return 0;
}

static int read_rest(struct draft *d, struct error *err)
{
	struct strlist *words = d->in->words;
	switch (d->row->shape) {
	case SHAPE_TEXT:
		if (*d->rest)
			strlist_add(words, d->rest);
		return 0;
	case SHAPE_WORDS:
		d->in->words = words_plain(d->in, d->rest);
		return 0;
	case SHAPE_JSON_OR_TEXT:
		return read_json_or(d, d->rest, true, words, err);
	case SHAPE_JSON_OR_WORDS:
		return read_json_or(d, d->rest, false, words, err);
	case SHAPE_PAIRS:
	case SHAPE_ARGUMENTS:
		return read_pairs(d, err);
	case SHAPE_HEALTHCHECK:
		return read_healthcheck(d, err);
	case SHAPE_TRIGGER:
		return read_trigger(d, err);
	}
	return 0;
}

static struct instruction *new_instruction(const void *ctx, const char *line)
{
	struct instruction *in = mem_new(ctx, struct instruction);
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, line);
	in->original = mem_strdup(in, characters_trim(copy));
	in->comments = strlist_new(in);
	in->words = strlist_new(in);
	in->devices = strlist_new(in);
	in->copy.exclude = strlist_new(in);
	in->copy.unpack = -1;
	return in;
}

int instruction_begin(const void *ctx, const void *draft_ctx, const char *line, char escape, struct draft **ret,
		      const char **ret_name, struct error *err)
{
	struct draft *d = mem_new(draft_ctx, struct draft);
	char *name;
	words_of_instruction(d, line, escape, &name, &d->flag_words, &d->rest);
	d->row = find_row(name);
	/* What is no instruction may be a line of anything. */
	*ret_name = d->row ? d->row->name : mem_printf(d, "%.64s", name);
	if (!d->row)
		return unknown(name, err);
	d->line = mem_strdup(d, line);
	d->escape = escape;
	flags_clear(d, &d->flags);
	d->in = new_instruction(ctx, line);
	d->in->kind = d->row - instruction_rows;
	d->in->name = d->row->name;
	d->in->keyword = mem_strdup(d->in, name);
	if (read_rest(d, err) < 0)
		return -1;
	bool is_command = d->row->shape == SHAPE_JSON_OR_TEXT || d->row->shape == SHAPE_HEALTHCHECK;
	d->in->is_exec_form = d->is_json && is_command;
	*ret = d;
	return 0;
}

bool instruction_may_have_heredocs(const struct draft *d)
{
	if (d->trigger)
		d = d->trigger;
	return (d->row->traits & HOLDS_HEREDOCS) && !d->is_json;
}

static int check_count(const struct draft *d, struct error *err)
{
	size_t count = d->in->words->count;
	switch (d->row->count) {
	case COUNT_ANY:
		return 0;
	case COUNT_ONE:
		return count == 1 ? 0 : error_set(err, 0, "requires exactly one argument");
	case COUNT_SOME:
		return count ? 0 : error_set(err, 0, "requires at least one argument");
	case COUNT_TWO:
		return count >= 2 ? 0
				  : error_set(err, 0,
					      "requires at least two arguments, but only %s was provided. "
					      "Destination could not be determined",
					      count ? "one" : "none");
	}
	return 0;
}

int instruction_finish(struct draft *d, struct error *err)
{
	if (check_count(d, err) < 0)
		return -1;
	if ((d->row->traits & MUST_BE_JSON) && !d->is_json)
		return error_set(err, 0, "requires the arguments to be in JSON form");
	if (!(d->row->traits & IGNORES_FLAGS) && flags_read(d, d->row->flags, d->flag_words, &d->flags, err) < 0)
		return -1;
	return d->row->finish ? d->row->finish(d, err) : 0;
}
