/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a person sees of a transfer. */
#include "builder/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "oci/digest.h"
#include "tracer/base/clock.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

enum { BAR_WIDTH = 30, REDRAW_MSEC = 80, ROWS_MAX = 200, SHORT_DIGITS = 12 };

struct layer {
	char digest[DIGEST_ROOM];
	enum progress_stage stage;
	int64_t done_bytes, total_bytes;
};

struct screen {
	struct progress progress;
	struct layer layers[ROWS_MAX];
	unsigned layer_count;
	unsigned drawn; /* lines on the screen that belong to us */
	int64_t drawn_msec;
	bool is_terminal, is_quiet, has_colour;
};

static const struct {
	const char *words;
	bool has_bar, is_last;
	const char *colour;
} stages[] = {
	[PROGRESS_EXISTS] = { "Already exists", false, true, "2" },
	[PROGRESS_DOWNLOADING] = { "Downloading", true, false, "0" },
	[PROGRESS_UNPACKING] = { "Unpacking", true, false, "0" },
	[PROGRESS_DONE] = { "Done", false, true, "32" },
	[PROGRESS_UPLOADING] = { "Uploading", true, false, "0" },
	[PROGRESS_RETRYING] = { "Retrying", false, false, "33" },
};

static void short_digest(const char *digest, char ret[SHORT_DIGITS + 1])
{
	const char *colon = strchr(digest, ':');
	snprintf(ret, SHORT_DIGITS + 1, "%s", colon ? colon + 1 : digest);
}

static void draw_layer(const struct screen *s, const struct layer *layer)
{
	char id[SHORT_DIGITS + 1], done[16], total[16], bar[BAR_WIDTH + 1];
	short_digest(layer->digest, id);
	fprintf(stderr, "\r\033[K%s: ", id);
	if (s->has_colour)
		fprintf(stderr, "\033[%sm%s\033[0m", stages[layer->stage].colour,
			stages[layer->stage].words);
	else
		fputs(stages[layer->stage].words, stderr);
	if (stages[layer->stage].has_bar && layer->total_bytes > 0) {
		int full = (int)(layer->done_bytes * BAR_WIDTH / layer->total_bytes);
		full = full < 0 ? 0 : full > BAR_WIDTH ? BAR_WIDTH : full;
		memset(bar, ' ', BAR_WIDTH);
		memset(bar, '=', full);
		if (full > 0 && full < BAR_WIDTH)
			bar[full - 1] = '>';
		bar[BAR_WIDTH] = '\0';
		fprintf(stderr, "  [%s]  %s/%s", bar,
			text_size(layer->done_bytes, done, sizeof(done)),
			text_size(layer->total_bytes, total, sizeof(total)));
	}
	fputc('\n', stderr);
}

static void redraw(struct screen *s)
{
	struct winsize size;
	unsigned room = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ?
				size.ws_row - 1u :
				23;
	unsigned first = s->layer_count > room ? s->layer_count - room : 0;
	/* More layers than lines: the later ones are shown. */
	if (s->drawn > 0)
		fprintf(stderr, "\033[%uA", s->drawn);
	for (unsigned i = first; i < s->layer_count; i++)
		draw_layer(s, &s->layers[i]);
	s->drawn = s->layer_count - first;
	s->drawn_msec = clock_msec();
	fflush(stderr);
}

static void update(void *arg, const char *digest, enum progress_stage stage, int64_t done_bytes,
		   int64_t total_bytes)
{
	struct screen *s = arg;
	unsigned i = 0;
	while (i < s->layer_count && strcmp(s->layers[i].digest, digest) != 0)
		i++;
	bool is_new = i == s->layer_count;
	if (s->is_quiet || i == ROWS_MAX)
		return;
	struct layer *layer = &s->layers[i];
	bool is_change = is_new || layer->stage != stage;
	if (is_new) {
		snprintf(layer->digest, sizeof(layer->digest), "%s", digest);
		s->layer_count++;
	}
	layer->stage = stage;
	layer->done_bytes = done_bytes;
	layer->total_bytes = total_bytes;
	if (s->is_terminal) {
		if (is_change || clock_msec() - s->drawn_msec >= REDRAW_MSEC)
			redraw(s);
	} else if (is_change && (stages[stage].is_last || stage == PROGRESS_RETRYING)) {
		char id[SHORT_DIGITS + 1];
		short_digest(digest, id);
		fprintf(stderr, "%s: %s\n", id, stages[stage].words);
	}
}

static void line(void *arg, const char *text)
{
	struct screen *s = arg;
	if (s->is_quiet)
		return;
	if (s->is_terminal && s->drawn > 0) {
		fprintf(stderr, "\033[%uA\r\033[J%s\n", s->drawn, text);
		s->drawn = 0;
		redraw(s);
	} else {
		fprintf(stderr, "%s\n", text);
	}
}

const struct progress *progress_begin(const void *ctx, bool is_quiet)
{
	struct screen *s = mem_new(ctx, struct screen);
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	s->progress = (struct progress){ update, line, s };
	s->is_quiet = is_quiet;
	s->is_terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	s->has_colour = s->is_terminal && !(no_colour && *no_colour);
	return &s->progress;
}

void progress_end(const struct progress *progress)
{
	struct screen *s = progress->arg;
	if (s->is_terminal && s->layer_count > 0)
		redraw(s);
	/* What a caller writes next begins below. */
	s->layer_count = 0;
	s->drawn = 0;
}
