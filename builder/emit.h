/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON text to a stream, a value at a time; commas, indents and escapes are its business. */
#ifndef FAKEBUILD_BUILDER_EMIT_H
#define FAKEBUILD_BUILDER_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tracer/base/mem.h"

struct emitter {
	FILE *out;
	bool is_indented; /* a line per value, as `inspect` prints */
	int depth;
	bool has_value; /* in the object or array that is open */
};

/* key is NULL inside an array and at the top. */
void emit_open(struct emitter *e, const char *key, char bracket); /* '{' or '[' */
void emit_close(struct emitter *e, char bracket);                 /* '}' or ']' */
void emit_text(struct emitter *e, const char *key, const char *text); /* NULL text: null */
void emit_number(struct emitter *e, const char *key, int64_t number);
void emit_bool(struct emitter *e, const char *key, bool value);
/* An array of strings; NULL list: null. */
void emit_list(struct emitter *e, const char *key, const struct strlist *list);
/* "a=b" entries as an object {"a": "b"}; NULL: null. */
void emit_pairs(struct emitter *e, const char *key, const struct strlist *list);
/* Entries as an object of empty objects {"80/tcp": {}}; NULL: null. */
void emit_set(struct emitter *e, const char *key, const struct strlist *list);

#endif
