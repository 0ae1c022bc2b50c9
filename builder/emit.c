/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the writing of JSON text. */
#include "builder/emit.h"

#include <string.h>

static void put_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (*p == '\t')
			fputs("\\t", out);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

static void new_line(struct emitter *e)
{
	if (e->is_indented)
		fprintf(e->out, "\n%*s", e->depth * 4, "");
}

static void begin(struct emitter *e, const char *key)
{
	if (e->has_value)
		fputc(',', e->out);
	if (e->depth > 0)
		new_line(e);
	if (key) {
		put_string(e->out, key);
		fputs(e->is_indented ? ": " : ":", e->out);
	}
	e->has_value = true;
}

void emit_open(struct emitter *e, const char *key, char bracket)
{
	begin(e, key);
	fputc(bracket, e->out);
	e->depth++;
	e->has_value = false;
}

void emit_close(struct emitter *e, char bracket)
{
	e->depth--;
	if (e->has_value)
		new_line(e);
	fputc(bracket, e->out);
	e->has_value = true;
}

void emit_text(struct emitter *e, const char *key, const char *text)
{
	begin(e, key);
	if (text)
		put_string(e->out, text);
	else
		fputs("null", e->out);
}

void emit_number(struct emitter *e, const char *key, int64_t number)
{
	begin(e, key);
	fprintf(e->out, "%lld", (long long)number);
}

void emit_bool(struct emitter *e, const char *key, bool value)
{
	begin(e, key);
	fputs(value ? "true" : "false", e->out);
}

void emit_list(struct emitter *e, const char *key, const struct strlist *list)
{
	if (!list) {
		emit_text(e, key, NULL);
		return;
	}
	emit_open(e, key, '[');
	for (size_t i = 0; i < list->count; i++)
		emit_text(e, NULL, list->items[i]);
	emit_close(e, ']');
}

void emit_pairs(struct emitter *e, const char *key, const struct strlist *list)
{
	if (!list) {
		emit_text(e, key, NULL);
		return;
	}
	emit_open(e, key, '{');
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');
		CLEANUP_TALLOC char *name =
			equals ? mem_strndup(NULL, list->items[i], equals - list->items[i]) :
				 mem_strdup(NULL, list->items[i]);
		emit_text(e, name, equals ? equals + 1 : "");
	}
	emit_close(e, '}');
}

void emit_set(struct emitter *e, const char *key, const struct strlist *list)
{
	if (!list) {
		emit_text(e, key, NULL);
		return;
	}
	emit_open(e, key, '{');
	for (size_t i = 0; i < list->count; i++) {
		emit_open(e, list->items[i], '{');
		emit_close(e, '}');
	}
	emit_close(e, '}');
}
