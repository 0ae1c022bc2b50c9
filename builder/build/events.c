/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how events travel between processes: a row per member says how it stands in a line. */
#include "builder/build/events.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "oci/json.h"
#include "tracer/base/base64.h"
#include "tracer/base/io.h"

static const char *const kinds[] = {
	[EVENT_STARTED] = "started", [EVENT_LOG] = "log",   [EVENT_STATUS] = "status",
	[EVENT_WARNING] = "warning", [EVENT_DONE] = "done",
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(*kinds) };

enum field_type { FIELD_TEXT, FIELD_BYTES, FIELD_UNSIGNED, FIELD_INT, FIELD_INT64, FIELD_BOOL };
enum {
	STARTED = 1 << EVENT_STARTED,
	LOG = 1 << EVENT_LOG,
	STATUS = 1 << EVENT_STATUS,
	WARNING = 1 << EVENT_WARNING,
	DONE = 1 << EVENT_DONE,
	ANY = STARTED | LOG | STATUS | WARNING | DONE,
};

static const struct field {
	const char *key;
	enum field_type type;
	unsigned kinds; /* that have it */
	size_t offset;
} fields[] = {
	{ "vertex", FIELD_UNSIGNED, ANY, offsetof(struct event, vertex) },
	{ "time", FIELD_INT64, ANY, offsetof(struct event, time_nsec) },
	{ "name", FIELD_TEXT, STARTED | STATUS, offsetof(struct event, name) },
	{ "stage", FIELD_TEXT, STARTED, offsetof(struct event, stage) },
	{ "command", FIELD_TEXT, STARTED, offsetof(struct event, command) },
	{ "line", FIELD_UNSIGNED, STARTED, offsetof(struct event, line) },
	{ "stream", FIELD_INT, LOG, offsetof(struct event, stream) },
	{ "bytes", FIELD_BYTES, LOG, offsetof(struct event, text) },
	{ "text", FIELD_TEXT, WARNING | DONE, offsetof(struct event, text) },
	{ "cached", FIELD_BOOL, DONE, offsetof(struct event, is_cached) },
	{ "failed", FIELD_BOOL, DONE, offsetof(struct event, has_failed) },
	{ "current", FIELD_INT64, STATUS, offsetof(struct event, current_bytes) },
	{ "total", FIELD_INT64, STATUS, offsetof(struct event, total_bytes) },
	{ "added", FIELD_INT64, DONE, offsetof(struct event, layer_bytes) },
	{ "layer", FIELD_TEXT, DONE, offsetof(struct event, layer) },
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(*fields) };

int64_t event_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void set_member(struct json *object, const struct field *f, const struct event *e)
{
	const char *at = (const char *)e + f->offset;
	const char *text = f->type <= FIELD_BYTES ? *(const char *const *)at : NULL;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_BYTES:
		if (text) {
			size_t size = f->type == FIELD_BYTES ? e->size : strlen(text);
			CLEANUP_TALLOC char *encoded = base64_encode(NULL, text, size);
			json_set_string(object, f->key, encoded);
		}
		break;
	case FIELD_UNSIGNED:
		json_set_int(object, f->key, *(const unsigned *)at);
		break;
	case FIELD_INT:
		json_set_int(object, f->key, *(const int *)at);
		break;
	case FIELD_INT64:
		json_set_int(object, f->key, *(const int64_t *)at);
		break;
	case FIELD_BOOL:
		json_set_bool(object, f->key, *(const bool *)at);
		break;
	}
}

char *event_line(const void *ctx, const struct event *e)
{
	struct json *object = json_new_object(NULL);
	json_set_string(object, "kind", kinds[e->kind]);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kinds & 1u << e->kind)
			set_member(object, &fields[i], e);
	char *line = mem_append(json_dump(ctx, object), "\n");
	talloc_free(object);
	return line;
}

int event_write(int fd, const struct event *e)
{
	CLEANUP_TALLOC char *line = event_line(NULL, e);
	return io_write_all(fd, line, strlen(line));
}

/* Sums of times and sizes that are not larger stay within their type. */
#define NUMBER_MAX (INT64_MAX / 4)

static const struct {
	int64_t least, most;
} ranges[] = {
	[FIELD_UNSIGNED] = { 0, UINT_MAX },
	[FIELD_INT] = { 0, INT_MAX },
	[FIELD_INT64] = { -1, NUMBER_MAX },
};

/* False: it is no base64, or a number that no event has. */
static bool get_member(struct json *object, const struct field *f, struct event *e)
{
	char *at = (char *)e + f->offset;
	const char *text = f->type <= FIELD_BYTES ? json_get_string(object, f->key) : NULL;
	int64_t number = json_get_int(object, f->key, 0);
	size_t size = 0;
	if (f->type >= FIELD_UNSIGNED && f->type <= FIELD_INT64 &&
	    (number < ranges[f->type].least || number > ranges[f->type].most))
		return false;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_BYTES:
		*(const char **)at = text ? base64_decode(e, text, &size) : NULL;
		if (f->type == FIELD_BYTES)
			e->size = size;
		return !text || *(const char **)at;
	case FIELD_UNSIGNED:
		*(unsigned *)at = (unsigned)number;
		break;
	case FIELD_INT:
		*(int *)at = (int)number;
		break;
	case FIELD_INT64:
		*(int64_t *)at = number;
		break;
	case FIELD_BOOL:
		*(bool *)at = json_get_bool(object, f->key, false);
		break;
	}
	return true;
}

int event_parse(const void *ctx, const char *line, struct event **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *object;
	if (json_parse(scratch, line, "an event", &object, err) < 0)
		return -1;
	const char *word = json_get_string(object, "kind");
	unsigned kind = 0;
	while (word && kind < KIND_COUNT && strcmp(kinds[kind], word) != 0)
		kind++;
	if (!word || kind == KIND_COUNT)
		return error_set(err, 0, "'%s' is no kind of event", word ? word : "");
	struct event *e = mem_new(scratch, struct event);
	e->kind = (enum event_kind)kind;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kinds & 1u << kind && !get_member(object, &fields[i], e))
			return error_set(err, 0, "'%s' of an event is no %s", fields[i].key,
					 fields[i].type <= FIELD_BYTES ? "base64" : "possible number");
	*ret = talloc_steal(ctx, e);
	return 0;
}
