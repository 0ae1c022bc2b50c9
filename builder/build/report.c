/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what --report says of a build, section by section; how it looks is page.c's. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "builder/build/display.h"
#include "builder/build/page.h"
#include "builder/build/steps.h"
#include "builder/build/tail.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { ALARM_LINES = 20, TICKS_MAX = 8, PAGE_MODE = 0666 };

struct file {
	char *guest_path, *layer;
	int64_t bytes;
};

struct report {
	char *title;
	struct steps *steps;
	struct file *files;
	unsigned file_count;
};

/* What stands in all sections. */
struct scale {
	FILE *out;
	int64_t start_nsec, end_nsec;
};

struct report *report_new(const void *ctx, const char *title)
{
	struct report *r = mem_new(ctx, struct report);
	r->title = mem_strdup(r, title ? title : "");
	r->steps = steps_new(r);
	return r;
}

void report_event(struct report *r, const struct event *e)
{
	steps_take(r->steps, e);
}

void report_file(struct report *r, const char *guest_path, int64_t bytes, const char *layer)
{
	r->files = mem_grow(r, r->files, struct file, r->file_count + 1);
	r->files[r->file_count++] = (struct file){ mem_strdup(r, guest_path), mem_strdup(r, layer), bytes };
}

static const char *state_of(const struct step *s)
{
	return !s->completed_nsec || (s->has_failed && !s->error) ? "cancelled" :
	       s->has_failed					   ? "failed" :
	       s->is_cached					   ? "cached" :
									 "ran";
}

/* "3.1s", "2m 05s", "1h 02m". */
static const char *seconds_text(double seconds, char *buffer, size_t room)
{
	enum { MINUTE = 60, HOUR = 3600 };
	/* What would be rounded to "60.0s" is a minute. */
	unsigned long whole = (unsigned long)(seconds + 0.5);
	if (seconds < 59.95)
		snprintf(buffer, room, "%.1fs", seconds);
	else if (whole < HOUR)
		snprintf(buffer, room, "%lum %02lus", whole / MINUTE, whole % MINUTE);
	else
		snprintf(buffer, room, "%luh %02lum", whole / HOUR, whole % HOUR / MINUTE);
	return buffer;
}

static double since(const struct scale *c, int64_t nsec)
{
	return (double)(nsec - c->start_nsec) / 1e9;
}

static int64_t end_of(const struct scale *c, const struct step *s)
{
	return s->completed_nsec ? s->completed_nsec : c->end_nsec;
}

static const struct step *first_failed(const struct report *r)
{
	for (unsigned i = 0; i < r->steps->count; i++)
		if (r->steps->items[i]->error)
			return r->steps->items[i];
	return NULL;
}

static void figure(FILE *out, const char *label, const char *value)
{
	fprintf(out, "<div><dt>%s</dt><dd>%s</dd></div>\n", label, value);
}

static void head(const struct report *r, const struct scale *c)
{
	unsigned cached = 0, cancelled = 0;
	int64_t layer_bytes = 0;
	char text[64], date[64];
	time_t start = (time_t)(c->start_nsec / 1000000000);
	struct tm tm;
	for (unsigned i = 0; i < r->steps->count; i++) {
		const struct step *s = r->steps->items[i];
		cached += s->is_cached;
		cancelled += strcmp(state_of(s), "cancelled") == 0;
		layer_bytes += s->layer_bytes > 0 ? s->layer_bytes : 0;
	}
	strftime(date, sizeof(date), "%e %B %Y, %H:%M:%S", localtime_r(&start, &tm));
	fputs("<header>\n<h1>", c->out);
	page_text(c->out, r->title);
	fprintf(c->out, "</h1>\n<p class=\"lead\">%s, begun on %s</p>\n<dl class=\"figures\">\n",
		first_failed(r) ? "<strong class=\"failed\">Build failed</strong>" :
		cancelled	? "<strong>Build cancelled</strong>" :
				  "<strong class=\"succeeded\">Build succeeded</strong>",
		date);
	figure(c->out, "Time", seconds_text(since(c, c->end_nsec), text, sizeof(text)));
	snprintf(text, sizeof(text), "%u", r->steps->count);
	figure(c->out, "Steps", text);
	snprintf(text, sizeof(text), "%u", cached);
	figure(c->out, "From the cache", text);
	figure(c->out, "All layers", text_size((uint64_t)layer_bytes, text, sizeof(text)));
	fputs("</dl>\n</header>\n", c->out);
}

/* From byte `from` on, a line of the log at a time: when, and what is left of it on a terminal. */
static void log_lines(FILE *out, const struct step *s, size_t from)
{
	for (const char *p = s->log + from, *end = s->log + s->log_size; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline ? newline + 1 : end;
		const char *stamp_end = memchr(p, ' ', (size_t)(next - p));
		const char *text = stamp_end ? stamp_end + 1 : p;
		CLEANUP_TALLOC char *line = tail_line(NULL, text, (size_t)(next - text));
		fprintf(out, "<i>%.*s</i> ", stamp_end ? (int)(stamp_end - p) : 0, p);
		page_text(out, line);
		fputc('\n', out);
		p = next;
	}
}

static void alarm_of(const struct step *s, FILE *out)
{
	fprintf(out, "<section class=\"alarm\" id=\"failure\" aria-labelledby=\"failure-head\">\n"
		     "<h2 id=\"failure-head\">Failed: <a class=\"mono\" href=\"#step-%u\">", s->vertex);
	page_text(out, s->name);
	fputs("</a></h2>\n<p class=\"error\">", out);
	page_text(out, s->error);
	fputs("</p>\n", out);
	if (s->line)
		fprintf(out, "<p class=\"note\">Line %u of the Dockerfile</p>\n", s->line);
	if (s->log_size) {
		fputs("<pre>", out);
		log_lines(out, s, step_log_tail(s, ALARM_LINES));
		fputs("</pre>\n", out);
	}
	fputs("</section>\n", out);
}

static void warnings_of(const struct steps *steps, FILE *out)
{
	if (!steps->warnings->count)
		return;
	fputs("<section aria-labelledby=\"warnings-head\">\n<h2 id=\"warnings-head\">Warnings</h2>\n<ul>\n", out);
	for (size_t i = 0; i < steps->warnings->count; i++) {
		fputs("<li class=\"warning\">", out);
		page_text(out, steps->warnings->items[i]);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n</section>\n", out);
}

/* Round numbers of seconds between ticks, so that there are not more than TICKS_MAX. */
static double tick_seconds(double total)
{
	static const double steps[] = { 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200 };
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (total / steps[i] <= TICKS_MAX)
			return steps[i];
	return total / TICKS_MAX;
}

static void lane(const struct scale *c, const struct step *s, double total)
{
	char start[32], end[32], spent[32];
	double from = since(c, s->started_nsec), to = since(c, end_of(c, s));
	const char *state = state_of(s);
	seconds_text(from, start, sizeof(start));
	seconds_text(to, end, sizeof(end));
	seconds_text(to - from, spent, sizeof(spent));
	fprintf(c->out, "<li class=\"lane %s\"><a href=\"#step-%u\" title=\"", state, s->vertex);
	page_text(c->out, s->name);
	fputs("\">", c->out);
	page_text(c->out, s->name);
	fprintf(c->out,
		"</a><div class=\"track\"><div class=\"bar\" style=\"left:%.3f%%;width:%.3f%%\" "
		"title=\"%s to %s, %s: %s\"></div></div><div class=\"when\"><span>%s \xe2\x80\x93 %s</span><b class=\"state\">%s"
		"</b></div></li>\n",
		from * 100 / total, (to - from) * 100 / total, start, end, spent, state, start, end,
		s->is_cached ? "cached" : spent);
}

static bool is_same_stage(const struct step *a, const struct step *b)
{
	return a->stage && b->stage ? strcmp(a->stage, b->stage) == 0 : a->stage == b->stage;
}

/* Stages stand in the order in which they began. */
static void timeline(const struct report *r, const struct scale *c)
{
	double total = since(c, c->end_nsec) > 0.001 ? since(c, c->end_nsec) : 0.001, tick = tick_seconds(total);
	fprintf(c->out,
		"<section id=\"timeline\" aria-labelledby=\"timeline-head\" style=\"--tick:%.4f%%\">\n"
		"<h2 id=\"timeline-head\">Timeline</h2>\n<ul class=\"legend\"><li>ran</li><li class=\"cached\">cached</li>"
		"<li class=\"failed\">failed</li><li class=\"cancelled\">cancelled</li></ul>\n"
		"<div class=\"axis\" aria-hidden=\"true\"><div>",
		tick * 100 / total);
	/* No label so far right that it would stand out. */
	for (double at = 0; at < total * 0.9; at += tick) {
		char text[32];
		if (tick >= 1 && at < 60)
			snprintf(text, sizeof(text), "%.0fs", at);
		else
			seconds_text(at, text, sizeof(text));
		fprintf(c->out, "<span style=\"left:%.3f%%\">%s</span>", at * 100 / total, text);
	}
	fputs("</div></div>\n", c->out);
	for (unsigned i = 0; i < r->steps->count; i++) {
		const struct step *first = r->steps->items[i];
		unsigned k = 0;
		while (!is_same_stage(r->steps->items[k], first))
			k++;
		if (k < i)
			continue;
		fputs("<h3>", c->out);
		if (first->stage)
			fputs("Stage ", c->out);
		page_text(c->out, first->stage ? first->stage : "Outside of stages");
		fputs("</h3>\n<ol class=\"lanes\">\n", c->out);
		for (k = i; k < r->steps->count; k++)
			if (is_same_stage(r->steps->items[k], first))
				lane(c, r->steps->items[k], total);
		fputs("</ol>\n", c->out);
	}
	fputs("</section>\n", c->out);
}

static void size_cell(FILE *out, int64_t bytes, int64_t largest)
{
	char text[32];
	if (bytes < 0) {
		fputs("<td class=\"number\" data-key=\"-1\">\xe2\x80\x93</td>", out);
		return;
	}
	fprintf(out, "<td class=\"number\" data-key=\"%lld\">%s<span class=\"share\" style=\"--of:%.1f%%\"></span></td>",
		(long long)bytes, text_size((uint64_t)bytes, text, sizeof(text)),
		largest > 0 ? (double)bytes * 100 / (double)largest : 0);
}

static void step_cell(FILE *out, const struct step *s)
{
	fprintf(out, "<td class=\"mono\"><a href=\"#step-%u\">", s->vertex);
	page_text(out, s->name);
	fputs("</a></td>", out);
}

static void steps_table(const struct report *r, const struct scale *c)
{
	static const struct page_column columns[] = {
		{ "No.", 1, 1 },      { "Step", 0, 0 },  { "Stage", 0, 1 }, { "Line", 1, 1 },
		{ "Start", 1, 1 },    { "Time", 1, 0 },  { "State", 0, 0 }, { "Layer", 1, 0 },
	};
	int64_t largest = 0;
	for (unsigned i = 0; i < r->steps->count; i++)
		if (r->steps->items[i]->layer_bytes > largest)
			largest = r->steps->items[i]->layer_bytes;
	fputs("<section aria-labelledby=\"steps-head\">\n<h2 id=\"steps-head\">Steps</h2>\n", c->out);
	page_table(c->out, "steps", "What each step took, and what it added to the image.", columns,
		   sizeof(columns) / sizeof(*columns));
	for (unsigned i = 0; i < r->steps->count; i++) {
		const struct step *s = r->steps->items[i];
		char start[32], spent[32];
		double from = since(c, s->started_nsec), seconds = since(c, end_of(c, s)) - from;
		fprintf(c->out, "<tr class=\"%s\"><td class=\"number minor\" data-key=\"%u\">%u</td>", state_of(s), i + 1, i + 1);
		step_cell(c->out, s);
		fputs("<td class=\"minor\">", c->out);
		page_text(c->out, s->stage ? s->stage : "");
		fprintf(c->out, "</td><td class=\"number minor\" data-key=\"%u\">", s->line);
		if (s->line)
			fprintf(c->out, "%u", s->line);
		fprintf(c->out,
			"</td><td class=\"number minor\" data-key=\"%.6f\">%s</td><td class=\"number\" data-key=\"%.6f\">%s</td>"
			"<td><span class=\"state\">%s</span></td>",
			from, seconds_text(from, start, sizeof(start)), seconds,
			seconds_text(seconds, spent, sizeof(spent)), state_of(s));
		size_cell(c->out, s->layer_bytes, largest);
		fputs("</tr>\n", c->out);
	}
	page_table_end(c->out);
	fputs("</section>\n", c->out);
}

static int by_size(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : strcmp(x->guest_path, y->guest_path);
}

static void files_table(struct report *r, const struct scale *c)
{
	static const struct page_column columns[] = { { "File", 0, 0 }, { "Size", 1, 0 }, { "Made by", 0, 0 } };
	if (!r->file_count)
		return;
	qsort(r->files, r->file_count, sizeof(*r->files), by_size);
	fputs("<section aria-labelledby=\"files-head\">\n<h2 id=\"files-head\">Largest files</h2>\n", c->out);
	page_table(c->out, "files", "In the image that the build made.", columns, sizeof(columns) / sizeof(*columns));
	for (unsigned i = 0; i < r->file_count; i++) {
		const struct file *f = &r->files[i];
		const struct step *s = NULL;
		for (unsigned k = 0; k < r->steps->count; k++)
			if (r->steps->items[k]->layer && strcmp(r->steps->items[k]->layer, f->layer) == 0)
				s = r->steps->items[k];
		fputs("<tr><td class=\"mono\">", c->out);
		page_text(c->out, f->guest_path);
		fputs("</td>", c->out);
		size_cell(c->out, f->bytes, r->files[0].bytes);
		if (s)
			step_cell(c->out, s);
		else
			fputs("<td>the base image</td>", c->out);
		fputs("</tr>\n", c->out);
	}
	page_table_end(c->out);
	fputs("</section>\n", c->out);
}

static void log_of(const struct scale *c, const struct step *s)
{
	char spent[32];
	fprintf(c->out, "<details id=\"step-%u\" class=\"%s\"%s><summary><span class=\"mono\">", s->vertex, state_of(s),
		s->error ? " open" : "");
	page_text(c->out, s->name);
	fprintf(c->out, "</span><span class=\"state\">%s</span><span class=\"spent\">%s</span></summary>\n"
			"<div class=\"log\">\n", state_of(s),
		seconds_text(since(c, end_of(c, s)) - since(c, s->started_nsec), spent, sizeof(spent)));
	if (s->command) {
		fputs("<pre class=\"command\">", c->out);
		page_text(c->out, s->command);
		fputs("</pre>\n", c->out);
	}
	if (s->error) {
		fputs("<p class=\"error\">", c->out);
		page_text(c->out, s->error);
		fputs("</p>\n", c->out);
	}
	for (size_t i = 0; i < s->warnings->count; i++) {
		fputs("<p class=\"warning\">Warning: ", c->out);
		page_text(c->out, s->warnings->items[i]);
		fputs("</p>\n", c->out);
	}
	if (s->log_lines_lost)
		fprintf(c->out, "<p class=\"note\">%u lines before these are not kept.</p>\n", s->log_lines_lost);
	if (s->log_size) {
		fputs("<pre class=\"output\">", c->out);
		log_lines(c->out, s, 0);
		fputs("</pre>\n", c->out);
	} else {
		fputs("<p class=\"note\">It wrote nothing.</p>\n", c->out);
	}
	fputs("</div></details>\n", c->out);
}

static void logs(const struct report *r, const struct scale *c)
{
	fputs("<section aria-labelledby=\"logs-head\">\n<div class=\"tools\"><h2 id=\"logs-head\">Logs</h2>"
	      "<button type=\"button\" id=\"all\" hidden>Unfold all</button></div>\n", c->out);
	for (int is_rest = 0; is_rest < 2; is_rest++)
		for (unsigned i = 0; i < r->steps->count; i++)
			if ((r->steps->items[i]->error == NULL) == is_rest)
				log_of(c, r->steps->items[i]);
	fputs("</section>\n", c->out);
}

int report_write(struct report *r, const char *host_path, struct error *err)
{
	char *text = NULL;
	size_t size = 0;
	struct scale c = { open_memstream(&text, &size), 0, 0 };
	mem_must(c.out);
	for (unsigned i = 0; i < r->steps->count; i++) {
		const struct step *s = r->steps->items[i];
		int64_t last_nsec = s->completed_nsec > s->log_nsec ? s->completed_nsec : s->log_nsec;
		if (!c.start_nsec || s->started_nsec < c.start_nsec)
			c.start_nsec = s->started_nsec;
		c.end_nsec = last_nsec > c.end_nsec ? last_nsec : c.end_nsec;
		c.end_nsec = s->started_nsec > c.end_nsec ? s->started_nsec : c.end_nsec;
	}
	page_begin(c.out, r->title);
	head(r, &c);
	if (first_failed(r))
		alarm_of(first_failed(r), c.out);
	warnings_of(r->steps, c.out);
	timeline(r, &c);
	steps_table(r, &c);
	files_table(r, &c);
	logs(r, &c);
	fputs("<footer>Made by fakebuild " FAKEBUILD_VERSION "</footer>\n", c.out);
	page_end(c.out);
	fclose(c.out);
	int result = io_write_file(AT_FDCWD, host_path, text, size, PAGE_MODE, err);
	free(text);
	return result < 0 ? error_wrap(err, "cannot write the report") : 0;
}
