/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the counts of a run and its timeline. */
#include "tracer/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/base/mem.h"
#include "tracer/code.h"

enum { OTHER_STOPS = 0 }; /* in tally[]: events and signals; rows come behind */

struct tally {
	uint64_t count, nsec;
};

static struct {
	bool is_on, is_counting;
	FILE *trace;
	bool has_event;
	uint64_t began, stop_began;
	const struct row *row; /* of the present stop */
	struct tally *tally;   /* row_count + 1 */
	uint64_t answers;
} stats;

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

bool stats_is_on(void)
{
	return stats.is_on;
}

int stats_open(bool is_counting, const char *trace_path, struct error *err)
{
	memset(&stats, 0, sizeof(stats));
	if (trace_path) {
		stats.trace = fopen(trace_path, "we");
		if (!stats.trace)
			return error_set(err, errno, "cannot create '%s'", trace_path);
		fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", stats.trace);
	}
	stats.is_counting = is_counting;
	stats.is_on = is_counting || stats.trace;
	if (stats.is_on)
		stats.tally = mem_array(NULL, struct tally, row_count + 1);
	stats.began = now();
	return 0;
}

void stats_begin(void)
{
	if (!stats.is_on)
		return;
	stats.row = NULL;
	stats.stop_began = now();
}

void stats_call(const struct row *row)
{
	stats.row = row;
}

static void write_text(const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', stats.trace);
		fputc((unsigned char)*c < ' ' ? '?' : *c, stats.trace);
	}
}

static void event_head(const char *name)
{
	fprintf(stats.trace, "%s\n{\"name\":\"%s\",", stats.has_event ? "," : "", name);
	stats.has_event = true;
}

static double usec(uint64_t at)
{
	return (double)(at - stats.began) / 1000;
}

void stats_end(pid_t pid, pid_t tid)
{
	if (!stats.is_on)
		return;
	uint64_t end = now();
	struct tally *t = &stats.tally[stats.row ? stats.row - rows + 1 : OTHER_STOPS];
	t->count++;
	t->nsec += end - stats.stop_began;
	if (!stats.trace)
		return;
	event_head(stats.row ? stats.row->name : "event");
	fprintf(stats.trace, "\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":%d,\"tid\":%d}", usec(stats.stop_began),
		(double)(end - stats.stop_began) / 1000, pid, tid);
}

void stats_exec(pid_t pid, const char *program)
{
	if (!stats.trace)
		return;
	event_head("process_name");
	fprintf(stats.trace, "\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":\"", pid);
	write_text(program);
	fputs("\"}}", stats.trace);
}

void stats_add_answers(uint64_t count)
{
	stats.answers += count;
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = (*(const struct tally *const *)a)->nsec, y = (*(const struct tally *const *)b)->nsec;
	return x < y ? 1 : x > y ? -1 : 0;
}

static void print(void)
{
	CLEANUP_TALLOC const struct tally **order = mem_array(NULL, const struct tally *, row_count + 1);
	struct tally all = { 0, 0 };
	size_t used = 0;
	for (size_t i = 0; i <= row_count; i++) {
		all.count += stats.tally[i].count;
		all.nsec += stats.tally[i].nsec;
		if (stats.tally[i].count)
			order[used++] = &stats.tally[i];
	}
	qsort(order, used, sizeof(*order), by_time);
	fprintf(stderr, "%10s %12s  %s\n", "stops", "usec", "for");
	for (size_t i = 0; i < used; i++) {
		size_t n = order[i] - stats.tally;
		fprintf(stderr, "%10llu %12llu  %s\n", (unsigned long long)order[i]->count,
			(unsigned long long)(order[i]->nsec / 1000), n ? rows[n - 1].name : "(events and signals)");
	}
	fprintf(stderr, "%10llu %12llu  in all, of %llu usec\n", (unsigned long long)all.count,
		(unsigned long long)(all.nsec / 1000), (unsigned long long)((now() - stats.began) / 1000));
	fprintf(stderr, "%10llu               calls answered without a stop\n", (unsigned long long)stats.answers);
	code_print(stderr);
}

void stats_close(void)
{
	if (stats.is_counting)
		print();
	if (stats.trace) {
		fputs("\n]}\n", stats.trace);
		fclose(stats.trace);
	}
	TALLOC_FREE(stats.tally);
	memset(&stats, 0, sizeof(stats));
}
