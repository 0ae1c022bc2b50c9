/* SPDX-License-Identifier: Apache-2.0 */
/* Owns ^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$ behind a comment's sign: BuildKit's parser/directives.go. */
#include "builder/dockerfile/directives.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "builder/dockerfile/characters.h"
#include "oci/json.h"
#include "tracer/base/text.h"

static const char *const names[DIRECTIVE_COUNT] = { "syntax", "escape", "check" };

static const char BLANKS[] = " \t\n\f\r";

static bool find_name(const char *name, size_t size, enum directive *ret)
{
	for (int i = 0; i < DIRECTIVE_COUNT; i++) {
		if (strlen(names[i]) == size && strncasecmp(names[i], name, size) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* "name = value" apart; false when it does not read so. */
static bool match(const void *ctx, const char *line, enum directive *ret_which, char **ret_value)
{
	size_t size = 0;
	while (isalnum((unsigned char)line[size]) && (unsigned char)line[size] < 0x80)
		size++;
	if (!size || isdigit((unsigned char)*line))
		return false;
	const char *rest = line + size + strspn(line + size, BLANKS);
	if (*rest++ != '=' || !*rest || !find_name(line, size, ret_which))
		return false;
	const char *value = rest + strspn(rest, BLANKS);
	/* Of nothing but blanks one is the value. */
	if (!*value)
		value--;
	size_t end = strlen(value);
	while (end > 1 && strchr(BLANKS, value[end - 1]))
		end--;
	*ret_value = mem_strndup(ctx, value, end);
	return true;
}

int directive_read(const void *ctx, struct directive_reader *r, const char *line, enum directive *ret_which,
		   char **ret_value, struct error *err)
{
	if (r->is_done)
		return 0;
	if (!text_starts(line, r->comment) ||
	    !match(ctx, characters_trim_start(line + strlen(r->comment)), ret_which, ret_value)) {
		r->is_done = true;
		return 0;
	}
	if (r->seen[*ret_which])
		return error_set(err, 0, "only one %s parser directive can be used", names[*ret_which]);
	r->seen[*ret_which] = true;
	return 1;
}

static char *find_in_comments(const void *ctx, const char *text, const char *comment, enum directive wanted)
{
	struct directive_reader r = { .comment = comment };
	while (*text && !r.is_done) {
		size_t size = strcspn(text, "\n");
		enum directive which;
		CLEANUP_TALLOC char *line = mem_strndup(NULL, text, size);
		char *value;
		int found = directive_read(line, &r, line, &which, &value, NULL);
		if (found < 0)
			return NULL;
		if (found && which == wanted)
			return mem_strndup(ctx, value, strcspn(value, " "));
		text += size + (text[size] == '\n');
	}
	return NULL;
}

static char *find_in_json(const void *ctx, const char *text, enum directive wanted)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct json *object;
	if (text[strspn(text, " \t\r\n")] != '{' || json_parse(scratch, text, "", &object, NULL) < 0)
		return NULL;
	const char *value = json_get_string(object, names[wanted]);
	return value ? mem_strdup(ctx, value) : NULL;
}

char *directive_find(const void *ctx, const char *text, enum directive which)
{
	if (text_starts(text, "#!")) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	char *value = find_in_comments(ctx, text, "#", which);
	if (value || which != DIRECTIVE_SYNTAX)
		return value;
	value = find_in_comments(ctx, text, "//", which);
	return value ? value : find_in_json(ctx, text, which);
}
