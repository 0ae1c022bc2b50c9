/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the lines of --progress=rawjson: BuildKit's SolveStatus (client/graph.go), one object a line, members left
 * out where Go's omitempty leaves them out.
 */
#include "builder/build/face.h"

#include <string.h>
#include <time.h>

#include "oci/digest.h"
#include "oci/json.h"
#include "tracer/base/base64.h"

/* BuildKit's level of a warning of its Dockerfile frontend. */
enum { WARNING_LEVEL = 1 };

/* RFC 3339 with no more decimals than it needs, as Go writes a time. */
static void set_time(struct json *object, const char *key, int64_t nsec)
{
	time_t seconds = (time_t)(nsec / 1000000000);
	struct tm tm;
	char text[64], fraction[16];
	gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	int digits = snprintf(fraction, sizeof(fraction), ".%09d", (int)(nsec % 1000000000));
	while (digits > 0 && (fraction[digits - 1] == '0' || fraction[digits - 1] == '.'))
		fraction[--digits] = '\0';
	snprintf(text + n, sizeof(text) - n, "%sZ", fraction);
	json_set_string(object, key, text);
}

static void set_bytes(struct json *object, const char *key, const char *bytes, size_t size)
{
	CLEANUP_TALLOC char *text = base64_encode(NULL, bytes, size);
	json_set_string(object, key, text);
}

/* BuildKit names a step by the digest of its definition; all that readers do with it is compare. */
static void set_vertex(struct json *object, const char *key, const struct step *s)
{
	char digest[DIGEST_ROOM];
	CLEANUP_TALLOC char *text = mem_printf(NULL, "step %u %s", s->vertex, s->name);
	digest_of(text, strlen(text), digest);
	json_set_string(object, key, digest);
}

static struct json *vertex(const void *ctx, const struct step *s, const struct event *e)
{
	(void)e;
	struct json *object = json_new_object(ctx);
	set_vertex(object, "digest", s);
	json_set_string(object, "name", s->name);
	set_time(object, "started", s->started_nsec);
	if (s->completed_nsec)
		set_time(object, "completed", s->completed_nsec);
	if (s->is_cached)
		json_set_bool(object, "cached", true);
	if (s->has_failed)
		json_set_string(object, "error", s->error ? s->error : "context canceled");
	return object;
}

static struct json *status(const void *ctx, const struct step *s, const struct event *e)
{
	const struct step_part *p = s->fresh_part;
	(void)e;
	struct json *object = json_new_object(ctx);
	json_set_string(object, "id", p->id);
	set_vertex(object, "vertex", s);
	if (p->total_bytes > 0)
		json_set_int(object, "total", p->total_bytes);
	json_set_int(object, "current", p->current_bytes);
	set_time(object, "timestamp", p->updated_nsec);
	set_time(object, "started", p->started_nsec);
	if (step_part_is_whole(p))
		set_time(object, "completed", p->updated_nsec);
	return object;
}

static struct json *log_bytes(const void *ctx, const struct step *s, const struct event *e)
{
	struct json *object = json_new_object(ctx);
	set_vertex(object, "vertex", s);
	if (e->stream)
		json_set_int(object, "stream", e->stream);
	set_bytes(object, "data", e->text, e->size);
	set_time(object, "timestamp", e->time_nsec);
	return object;
}

static struct json *warning(const void *ctx, const struct step *s, const struct event *e)
{
	struct json *object = json_new_object(ctx);
	if (s)
		set_vertex(object, "vertex", s);
	json_set_int(object, "level", WARNING_LEVEL);
	set_bytes(object, "short", e->text, e->text ? strlen(e->text) : 0);
	return object;
}

static const struct {
	const char *key;
	struct json *(*make)(const void *ctx, const struct step *s, const struct event *e);
} members[] = {
	[EVENT_STARTED] = { "vertexes", vertex },  [EVENT_LOG] = { "logs", log_bytes },
	[EVENT_STATUS] = { "statuses", status },   [EVENT_WARNING] = { "warnings", warning },
	[EVENT_DONE] = { "vertexes", vertex },
};

static void take(struct display *d, struct step *step, const struct event *e)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *object = json_new_object(scratch), *list = json_new_array(scratch);
	json_append(list, members[e->kind].make(scratch, step, e));
	json_set(object, members[e->kind].key, list);
	fprintf(d->out, "%s\n", json_dump(scratch, object));
	fflush(d->out);
}

static void warn(struct display *d, const struct event *e)
{
	take(d, NULL, e);
}

const struct face face_rawjson = { .take = take, .warn = warn };
