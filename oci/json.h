/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents, read and made.  A node belongs to the document it came from and lives as long; getters
 * on a NULL node give nothing, so that chains need one check at their end.  The only user of jansson.
 */
#ifndef FAKEBUILD_OCI_JSON_H
#define FAKEBUILD_OCI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

struct json; /* a value */

/* Parse; the root on ctx.  Fails naming `what` and the line; duplicate keys and trailing text are refused. */
int json_parse(const void *ctx, const char *text, const char *what, struct json **ret, struct error *err);
/* The same for documents with unsigned numbers: integers from 2^63 on, are reals then, instead of refused. */
int json_parse_unsigned(const void *ctx, const char *text, const char *what, struct json **ret, struct error *err);
struct json *json_new_object(const void *ctx);
struct json *json_new_array(const void *ctx);
/* A deep copy with a life of its own. */
struct json *json_clone(const void *ctx, const struct json *node);

enum json_kind { JSON_KIND_NULL, JSON_KIND_OBJECT, JSON_KIND_ARRAY, JSON_KIND_STRING, JSON_KIND_INTEGER, JSON_KIND_REAL,
		 JSON_KIND_BOOLEAN };
enum json_kind json_kind(const struct json *node);
/* What an integer, a boolean, a real says; 0 for all else. */
int64_t json_as_int(const struct json *node);
bool json_as_bool(const struct json *node);
double json_as_real(const struct json *node);
bool json_holds_object(const struct json *node);
bool json_holds_array(const struct json *node);
bool json_holds_string(const struct json *node);
/* A member; NULL when there is none, or it is null, or node is no object. */
struct json *json_get(struct json *node, const char *key);
/* A string member's text, valid as long as the node; NULL when it is none. */
const char *json_get_string(struct json *node, const char *key);
/* A member's number; `otherwise` when it is none. */
int64_t json_get_int(struct json *node, const char *key, int64_t otherwise);
bool json_get_bool(struct json *node, const char *key, bool otherwise);
const char *json_text(const struct json *node);

unsigned json_length(const struct json *array);
struct json *json_at(struct json *array, unsigned index);
/* Call visit for each member of an object, in document order, until non-zero; returns that or 0. */
int json_each(struct json *object, int (*visit)(const char *key, struct json *value, void *arg), void *arg);
/* The strings of an array member as a list on ctx; NULL when there is no array. */
struct strlist *json_get_strings(const void *ctx, struct json *node, const char *key);

/* Setting replaces.  Values are copied. */
void json_set(struct json *object, const char *key, const struct json *value);
void json_set_string(struct json *object, const char *key, const char *text);
/* Nothing, when text is NULL. */
void json_set_optional(struct json *object, const char *key, const char *text);
/* The object there, which is made when there is none. */
struct json *json_need_object(struct json *object, const char *key);
void json_set_int(struct json *object, const char *key, int64_t number);
void json_set_bool(struct json *object, const char *key, bool value);
void json_set_strings(struct json *object, const char *key, const struct strlist *list);
void json_remove(struct json *object, const char *key);
void json_append(struct json *array, const struct json *value);
void json_append_string(struct json *array, const char *text);

/* The text of a value: compact, or indented for people; members in the order they were set. */
char *json_dump(const void *ctx, const struct json *node);
char *json_dump_indented(const void *ctx, const struct json *node);

#endif
