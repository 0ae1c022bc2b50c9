/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what goes over the wire between the processes of a build, both ways. */
#include "builder/build/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { CHUNK = 1 << 16 };

struct wire {
	int fd;
	char *bytes;
	size_t from, used, room; /* what was not given yet: bytes[from..used) */
};

struct wire *wire_new(const void *ctx, int fd)
{
	struct wire *l = mem_new(ctx, struct wire);
	l->fd = fd;
	return l;
}

int wire_read(struct wire *l)
{
	if (l->from) {
		memmove(l->bytes, l->bytes + l->from, l->used - l->from);
		l->used -= l->from;
		l->from = 0;
	}
	if (l->used + CHUNK + 1 > l->room) {
		l->room = 2 * l->room + CHUNK + 1;
		l->bytes = mem_grow(l, l->bytes, char, l->room);
	}
	ssize_t n = read(l->fd, l->bytes + l->used, CHUNK);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? -1 : 0;
	l->used += n;
	return n > 0;
}

char *wire_next(struct wire *l)
{
	char *line = l->bytes ? l->bytes + l->from : NULL;
	char *end = line ? memchr(line, '\n', l->used - l->from) : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	l->from = end + 1 - l->bytes;
	return line;
}

/* ---- results ---- */

static char *get_text(const void *ctx, struct json *object, const char *key)
{
	const char *text = json_get_string(object, key);
	return text ? mem_strdup(ctx, text) : NULL;
}

static struct json *result_dump(const void *ctx, const struct stage_result *result)
{
	struct json *dump = json_new_object(ctx), *chain = json_new_array(dump);
	for (unsigned i = 0; i < result->chain->count; i++) {
		const struct chain_layer *layer = &result->chain->layers[i];
		CLEANUP_TALLOC struct json *one = json_new_object(NULL);
		json_set_string(one, "folder", layer->folder);
		json_set_optional(one, "diffId", layer->diff_id);
		json_set_optional(one, "mediaType", layer->blob.media_type);
		json_set_optional(one, "digest", layer->blob.digest);
		json_set_int(one, "size", layer->blob.size_bytes);
		json_append(chain, one);
	}
	json_set(dump, "chain", chain);
	CLEANUP_TALLOC struct json *state = state_dump(NULL, result->state);
	json_set(dump, "state", state);
	return dump;
}

int result_load(const void *ctx, struct json *dump, struct stage_result **ret, struct error *err)
{
	struct stage_result *result = mem_new(ctx, struct stage_result);
	struct json *chain = json_get(dump, "chain");
	result->chain = mem_new(result, struct chain);
	result->chain->count = json_length(chain);
	result->chain->layers = mem_array(result->chain, struct chain_layer, result->chain->count);
	for (unsigned i = 0; i < result->chain->count; i++) {
		struct chain_layer *layer = &result->chain->layers[i];
		struct json *one = json_at(chain, i);
		layer->folder = get_text(result->chain, one, "folder");
		layer->diff_id = get_text(result->chain, one, "diffId");
		layer->blob.media_type = get_text(result->chain, one, "mediaType");
		layer->blob.digest = get_text(result->chain, one, "digest");
		layer->blob.size_bytes = json_get_int(one, "size", 0);
		if (!layer->folder) {
			talloc_free(result);
			return error_set(err, 0, "a stage's result cannot be read");
		}
	}
	if (state_load(result, json_get(dump, "state"), &result->state, err) < 0) {
		talloc_free(result);
		return -1;
	}
	*ret = result;
	return 0;
}

/* ---- the stage's end ---- */

struct link {
	int fd;
	struct wire *wire;
};

struct link *link_new(const void *ctx, int fd)
{
	struct link *l = mem_new(ctx, struct link);
	l->fd = fd;
	l->wire = wire_new(l, fd);
	return l;
}

int link_send(int fd, const char *text)
{
	return io_write_all(fd, text, strlen(text));
}

void link_event(struct link *l, const struct event *e)
{
	/* Nobody is left to be told when the scheduler is gone. */
	if (event_write(l->fd, e) < 0)
		_exit(EXIT_FAKEBUILD);
}

static char *wait_line(struct link *l)
{
	char *line;
	while (!(line = wire_next(l->wire)))
		if (wire_read(l->wire) == 0)
			_exit(EXIT_FAKEBUILD);
	return line;
}

int link_need(const void *ctx, struct link *l, unsigned stage, struct stage_result **ret, struct error *err)
{
	CLEANUP_TALLOC char *request = mem_printf(NULL, "!need %u\n", stage);
	struct json *dump;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (link_send(l->fd, request) < 0)
		_exit(EXIT_FAKEBUILD);
	if (json_parse(scratch, wait_line(l), "a stage's result", &dump, err) < 0)
		return -1;
	return result_load(ctx, dump, ret, err);
}

int link_take_terminal(struct link *l, struct error *err)
{
	if (link_send(l->fd, "!shell\n") < 0)
		return error_set(err, errno, "cannot have the terminal");
	wait_line(l);
	return 0;
}

static void send_document(struct link *l, const char *word, const struct json *document)
{
	CLEANUP_TALLOC char *text = json_dump(NULL, document);
	CLEANUP_TALLOC char *line = mem_printf(NULL, "!%s %s\n", word, text);
	link_send(l->fd, line);
}

void link_done(struct link *l, const struct stage_result *result)
{
	CLEANUP_TALLOC struct json *dump = result_dump(NULL, result);
	send_document(l, "done", dump);
}

void link_failed(struct link *l, const struct error *err, unsigned line, unsigned last_line, int exit_status)
{
	CLEANUP_TALLOC struct json *dump = json_new_object(NULL);
	json_set_string(dump, "text", err->text);
	json_set_int(dump, "status", err->status);
	json_set_int(dump, "line", line);
	json_set_int(dump, "lastLine", last_line);
	json_set_int(dump, "exitStatus", exit_status);
	send_document(l, "failed", dump);
}
