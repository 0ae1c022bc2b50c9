/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of command lines by option rows, and the help made of them. */
#include "tracer/base/options.h"

#include <limits.h>
#include <string.h>

#include "tracer/base/text.h"

enum { HELP_COLUMN = 36 };

struct parser {
	const struct option_row *rows;
	char *options;
	const struct option_row *shared_rows;
	char *shared;
};

/* A row and the struct that it fills. */
struct found {
	const struct option_row *row;
	char *members;
};

/* Is there an option with this long name? */
static const struct option_row *options_find(const struct option_row *rows, const char *name,
					     size_t length)
{
	for (const struct option_row *row = rows; row && row->name; row++)
		if (strlen(row->name) == length && memcmp(row->name, name, length) == 0)
			return row;
	return NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
	for (const struct option_row *row = rows; row && row->name; row++)
		if (row->letter == letter)
			return row;
	return NULL;
}

static struct found find_by_name(const struct parser *p, const char *name, size_t length)
{
	struct found found = { options_find(p->rows, name, length), p->options };
	if (!found.row)
		found = (struct found){ options_find(p->shared_rows, name, length), p->shared };
	return found;
}

static struct found find_by_letter(const struct parser *p, char letter)
{
	struct found found = { find_letter(p->rows, letter), p->options };
	if (!found.row)
		found = (struct found){ find_letter(p->shared_rows, letter), p->shared };
	return found;
}

static void find_nearest(const struct option_row *rows, const char *name, const char **nearest,
			 size_t *distance)
{
	for (const struct option_row *row = rows; row && row->name; row++) {
		size_t d = text_distance(row->name, name);
		if (row->kind != OPTION_REFUSED && d < *distance) {
			*distance = d;
			*nearest = row->name;
		}
	}
}

static int fail_unknown(const struct parser *p, const char *name, size_t length, struct error *err)
{
	CLEANUP_TALLOC char *wanted = mem_strndup(NULL, name, length);
	const char *nearest = NULL;
	size_t distance = 3;
	find_nearest(p->rows, wanted, &nearest, &distance);
	find_nearest(p->shared_rows, wanted, &nearest, &distance);
	if (nearest)
		error_set(err, 0, "unknown option '--%s', did you mean '--%s'?", wanted, nearest);
	else
		error_set(err, 0, "unknown option '--%s'", wanted);
	return error_status(err, EXIT_USAGE);
}

static int read_bool(const char *text, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true },   { "1", true },  { "t", true },
		{ "false", false }, { "0", false }, { "f", false },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].word, text) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -1;
}

/* Which word of "a|b|c" is `text`; -1 when none is. */
static int find_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);
	int index = 0;
	for (const char *word = choices; word; index++) {
		const char *bar = strchr(word, '|');
		size_t n = bar ? (size_t)(bar - word) : strlen(word);
		if (n == length && memcmp(word, text, n) == 0)
			return index;
		word = bar ? bar + 1 : NULL;
	}
	return -1;
}

/* `value` is NULL for a flag without "=value". */
static int store_value(struct found found, const char *value, struct error *err)
{
	const struct option_row *row = found.row;
	char *member = found.members + row->offset;
	int choice;
	uint64_t number;
	switch (row->kind) {
	case OPTION_FLAG:
		if (!value) {
			*(bool *)member = true;
		} else if (read_bool(value, (bool *)member) < 0) {
			error_set(err, 0, "option '--%s' is true or false, not '%s'", row->name,
				  value);
			return error_status(err, EXIT_USAGE);
		}
		return 0;
	case OPTION_TEXT:
		*(const char **)member = value;
		return 0;
	case OPTION_LIST:
		strlist_add(*(struct strlist **)member, value);
		return 0;
	case OPTION_NUMBER:
		if (!text_to_number(value, INT_MAX, &number)) {
			error_set(err, 0, "option '--%s' takes a number, not '%s'", row->name, value);
			return error_status(err, EXIT_USAGE);
		}
		*(int *)member = (int)number;
		return 0;
	case OPTION_CHOICE:
		choice = find_choice(row->argument, value);
		if (choice < 0) {
			error_set(err, 0, "option '--%s' takes %s, not '%s'", row->name,
				  row->argument, value);
			return error_status(err, EXIT_USAGE);
		}
		*(int *)member = choice;
		return 0;
	case OPTION_IGNORED:
		return 0;
	case OPTION_REFUSED:
		error_set(err, 0, "option '--%s' is not possible: %s", row->name, row->help);
		return error_status(err, EXIT_USAGE);
	}
	return 0;
}

/* The value in the next word of argv, for an option that needs one. */
static int next_value(struct found found, int *at, int argc, char **argv, const char **ret,
		      struct error *err)
{
	if (found.row->kind == OPTION_REFUSED) {
		*ret = "";
		return 0;
	}
	if (*at + 1 >= argc) {
		error_set(err, 0, "option '--%s' needs a value: %s", found.row->name,
			  found.row->argument);
		return error_status(err, EXIT_USAGE);
	}
	*ret = argv[++*at];
	return 0;
}

static int parse_long(const struct parser *p, unsigned style, const char *word, int *at, int argc,
		      char **argv, struct error *err)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	struct found found = find_by_name(p, word, length);
	if (!found.row && style & OPTIONS_GO && length == 1)
		found = find_by_letter(p, word[0]);
	if (!found.row)
		return fail_unknown(p, word, length, err);
	const char *value = equals ? equals + 1 : NULL;
	if (found.row->argument && !value && next_value(found, at, argc, argv, &value, err) < 0)
		return -1;
	return store_value(found, value, err);
}

/* A word like -it, -eK=V, -e=K=V or -e K=V. */
static int parse_letters(const struct parser *p, const char *word, int *at, int argc, char **argv,
			 struct error *err)
{
	for (const char *letter = word; *letter; letter++) {
		struct found found = find_by_letter(p, *letter);
		if (!found.row) {
			error_set(err, 0, "unknown option '-%c'", *letter);
			return error_status(err, EXIT_USAGE);
		}
		const char *value = NULL;
		if (letter[1] == '=')
			value = letter + 2;
		else if (found.row->argument && letter[1])
			value = letter + 1;
		else if (found.row->argument && next_value(found, at, argc, argv, &value, err) < 0)
			return -1;
		if (store_value(found, value, err) < 0)
			return -1;
		if (value)
			break;
	}
	return 0;
}

static void make_lists(const void *ctx, const struct option_row *rows, char *options)
{
	for (const struct option_row *row = rows; row && row->name; row++)
		if (row->kind == OPTION_LIST && !*(struct strlist **)(options + row->offset))
			*(struct strlist **)(options + row->offset) = strlist_new(ctx);
}

int options_parse(const void *ctx, const struct option_row *rows, void *options,
		  const struct option_row *shared_rows, void *shared, unsigned style,
		  int argc, char **argv, int *ret_words, struct error *err)
{
	struct parser p = { rows, options, shared_rows, shared };
	make_lists(ctx, rows, options);
	make_lists(ctx, shared_rows, shared);
	int words = 0;
	bool is_ended = false;
	for (int at = 0; at < argc; at++) {
		char *word = argv[at];
		/* A lone "-" is a word: standard input or output. */
		if (is_ended || word[0] != '-' || word[1] == '\0') {
			argv[words++] = word;
			if ((style & OPTIONS_FIRST) || (style & OPTIONS_SECOND && words >= 2))
				is_ended = true;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			is_ended = true;
			continue;
		}
		bool is_long = word[1] == '-';
		int r = is_long || style & OPTIONS_GO ?
				parse_long(&p, style, word + 1 + is_long, &at, argc, argv, err) :
				parse_letters(&p, word + 1, &at, argc, argv, err);
		if (r < 0)
			return -1;
	}
	*ret_words = words;
	return 0;
}

void options_print_rest(FILE *out, int width, const char *argument, const char *help)
{
	if (argument)
		width += fprintf(out, " %s", argument);
	if (width > HELP_COLUMN - 2) {
		fputc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s%s\n", HELP_COLUMN - width, "", help);
}

void options_print_help(FILE *out, const struct option_row *rows)
{
	for (const struct option_row *row = rows; row && row->name; row++) {
		if (row->kind == OPTION_REFUSED)
			continue;
		int n = row->letter ? fprintf(out, "  -%c, --%s", row->letter, row->name) :
				      fprintf(out, "      --%s", row->name);
		options_print_rest(out, n, row->argument, row->help);
	}
}
