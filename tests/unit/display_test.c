/* SPDX-License-Identifier: Apache-2.0 */
/* What a build looks like where there is no terminal: the plain lines and the JSON lines, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/build/display.h"
#include "oci/json.h"
#include "tests/unit/own_memory.h"

/* 2023-11-14T22:13:20Z */
static const int64_t start_nsec = 1700000000000000000;

struct shown {
	struct display *d;
	FILE *out;
	char *text;
	size_t size;
};

static struct shown *show(void **state, enum display_mode mode)
{
	struct shown *s = mem_new(*state, struct shown);
	s->out = open_memstream(&s->text, &s->size);
	s->d = display_new(s, mode, s->out, "Dockerfile");
	return s;
}

static int64_t at(unsigned msec)
{
	return start_nsec + msec * 1000000LL;
}

static void started(struct shown *s, unsigned vertex, unsigned msec, const char *name)
{
	struct event e = { .kind = EVENT_STARTED, .vertex = vertex, .time_nsec = at(msec), .name = name };
	display_event(s->d, &e);
}

static void wrote(struct shown *s, unsigned vertex, unsigned msec, const char *text)
{
	struct event e = { .kind = EVENT_LOG, .vertex = vertex, .time_nsec = at(msec), .stream = 1, .text = text,
			   .size = strlen(text) };
	display_event(s->d, &e);
}

static void got(struct shown *s, unsigned vertex, unsigned msec, const char *id, int64_t current, int64_t total)
{
	struct event e = { .kind = EVENT_STATUS, .vertex = vertex, .time_nsec = at(msec), .name = id,
			   .current_bytes = current, .total_bytes = total };
	display_event(s->d, &e);
}

static void warned(struct shown *s, unsigned vertex, unsigned msec, const char *text)
{
	struct event e = { .kind = EVENT_WARNING, .vertex = vertex, .time_nsec = at(msec), .text = text };
	display_event(s->d, &e);
}

static void ended(struct shown *s, unsigned vertex, unsigned msec)
{
	struct event e = { .kind = EVENT_DONE, .vertex = vertex, .time_nsec = at(msec), .layer_bytes = -1 };
	display_event(s->d, &e);
}

static void was_cached(struct shown *s, unsigned vertex, unsigned msec)
{
	struct event e = { .kind = EVENT_DONE, .vertex = vertex, .time_nsec = at(msec), .is_cached = true };
	display_event(s->d, &e);
}

static void failed(struct shown *s, unsigned vertex, unsigned msec, const char *error)
{
	struct event e = { .kind = EVENT_DONE, .vertex = vertex, .time_nsec = at(msec), .has_failed = true,
			   .text = error };
	display_event(s->d, &e);
}

/* All that was written so far. */
static void expect(struct shown *s, const char *text)
{
	fflush(s->out);
	assert_string_equal(s->text, text);
}

static void finish(struct shown *s, const char *text)
{
	display_end(s->d);
	expect(s, text);
	fclose(s->out);
	free(s->text);
}

static void plain_lines_name_their_step(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "[internal] load build definition from Dockerfile");
	got(s, 1, 5, "transferring dockerfile:", 32, 32);
	ended(s, 1, 40);
	started(s, 2, 100, "[1/2] FROM docker.io/library/alpine");
	was_cached(s, 2, 100);
	started(s, 3, 200, "[2/2] RUN make");
	wrote(s, 3, 512, "cc -c a.c\ncc -c b.c\n");
	warned(s, 3, 600, "b.c is old");
	wrote(s, 3, 12200, "slow\n");
	wrote(s, 3, 120200, "slower\n\n");
	ended(s, 3, 123456);
	finish(s, "#1 [internal] load build definition from Dockerfile\n"
		  "#1 transferring dockerfile: 32B / 32B done\n"
		  "#1 DONE 0.0s\n"
		  "\n"
		  "#2 [1/2] FROM docker.io/library/alpine\n"
		  "#2 CACHED\n"
		  "\n"
		  "#3 [2/2] RUN make\n"
		  "#3 0.312 cc -c a.c\n"
		  "#3 0.312 cc -c b.c\n"
		  "#3 WARN: b.c is old\n"
		  "#3 12.00 slow\n"
		  "#3 120.0 slower\n"
		  "#3 120.0 \n"
		  "#3 DONE 123.3s\n");
}

static void plain_lines_appear_as_they_are_written(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "RUN dots");
	expect(s, "#1 RUN dots\n");
	wrote(s, 1, 100, ".");
	expect(s, "#1 RUN dots\n#1 0.100 .");
	wrote(s, 1, 900, ".");
	wrote(s, 1, 950, " ok\nhalf");
	ended(s, 1, 1000);
	finish(s, "#1 RUN dots\n#1 0.100 .. ok\n#1 0.950 half\n#1 DONE 1.0s\n");
}

static void plain_gives_the_floor_to_one_step_at_a_time(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 10, 0, "[a 1/1] RUN a");
	wrote(s, 10, 100, "a1\na-half");
	started(s, 20, 200, "[b 1/2] RUN b");
	assert_int_equal(display_interval_msec(s->d), 1000);
	wrote(s, 20, 300, "b1\n");
	started(s, 30, 400, "[c 1/1] RUN c");
	expect(s, "#1 [a 1/1] RUN a\n#1 0.100 a1\n#1 0.100 a-half");
	/* What has ended is told at once, then the one that waited longest has the floor. */
	was_cached(s, 30, 500);
	expect(s, "#1 [a 1/1] RUN a\n#1 0.100 a1\n#1 0.100 a-half\n#1 ...\n"
		  "\n#2 [c 1/1] RUN c\n#2 CACHED\n"
		  "\n#3 [b 1/2] RUN b\n#3 0.100 b1\n");
	/* Five seconds later others may speak. */
	wrote(s, 10, 5400, "a2\n");
	wrote(s, 20, 5450, "b2\n");
	wrote(s, 20, 5600, "b3\n");
	ended(s, 10, 6000);
	ended(s, 20, 6200);
	finish(s, "#1 [a 1/1] RUN a\n#1 0.100 a1\n#1 0.100 a-half\n#1 ...\n"
		  "\n#2 [c 1/1] RUN c\n#2 CACHED\n"
		  "\n#3 [b 1/2] RUN b\n#3 0.100 b1\n#3 5.250 b2\n#3 5.400 b3\n#3 ...\n"
		  "\n#1 [a 1/1] RUN a\n#1 a2\n#1 DONE 6.0s\n"
		  "\n#3 [b 1/2] RUN b\n#3 DONE 6.0s\n");
}

static void plain_goes_back_to_what_still_runs(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "RUN sleep");
	started(s, 2, 0, "COPY");
	ended(s, 2, 100);
	finish(s, "#1 RUN sleep\n#1 ...\n\n#2 COPY\n#2 DONE 0.1s\n\n#1 RUN sleep\n#1 CANCELED\n");
}

static void plain_tells_of_a_transfer_now_and_then(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "FROM x");
	got(s, 1, 0, "sha256:aa", 0, 100000000);
	for (unsigned i = 1; i < 50; i++)
		got(s, 1, i * 10, "sha256:aa", i * 100000, 100000000);
	got(s, 1, 700, "sha256:bb", 1470, 1470);
	got(s, 1, 710, "sha256:bb", 1470, 1470);
	got(s, 1, 1000, "sha256:aa", 7210000, 100000000);
	got(s, 1, 6100, "sha256:aa", 7220000, 100000000);
	got(s, 1, 6150, "sha256:cc", 5000, 0);
	got(s, 1, 6200, "sha256:aa", 100000000, 100000000);
	ended(s, 1, 6300);
	finish(s, "#1 FROM x\n"
		  "#1 sha256:aa 0B / 100.00MB\n"
		  "#1 sha256:bb 1.47kB / 1.47kB done\n"
		  "#1 sha256:aa 7.21MB / 100.00MB 1.0s\n"
		  "#1 sha256:aa 7.22MB / 100.00MB 6.1s\n"
		  "#1 sha256:cc 5.00kB\n"
		  "#1 sha256:aa 100.00MB / 100.00MB 6.2s done\n"
		  "#1 DONE 6.3s\n");
}

static void plain_shows_a_failed_step_again_at_the_end(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "[1/2] RUN make");
	started(s, 2, 0, "[o 1/1] RUN other");
	char line[32];
	for (unsigned i = 1; i <= 12; i++) {
		snprintf(line, sizeof(line), i < 12 ? "line %u\n" : "line %u", i);
		wrote(s, 1, i * 100, line);
	}
	failed(s, 1, 2000, "process \"/bin/sh -c make\" did not complete successfully: exit code: 2");
	failed(s, 2, 2000, NULL);
	finish(s, "#1 [1/2] RUN make\n"
		  "#1 0.100 line 1\n#1 0.200 line 2\n#1 0.300 line 3\n#1 0.400 line 4\n#1 0.500 line 5\n"
		  "#1 0.600 line 6\n#1 0.700 line 7\n#1 0.800 line 8\n#1 0.900 line 9\n#1 1.000 line 10\n"
		  "#1 1.100 line 11\n#1 1.200 line 12\n"
		  "#1 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n"
		  "\n#2 [o 1/1] RUN other\n#2 CANCELED\n"
		  "------\n > [1/2] RUN make:\n"
		  "0.300 line 3\n0.400 line 4\n0.500 line 5\n0.600 line 6\n0.700 line 7\n0.800 line 8\n"
		  "0.900 line 9\n1.000 line 10\n1.100 line 11\n1.200 line 12\n------\n");
}

static void names_are_one_line_and_unknown_steps_nothing(void **state)
{
	struct shown *s = show(state, DISPLAY_PLAIN);
	started(s, 1, 0, "RUN <<E\n\033[2Jx\nE");
	wrote(s, 9, 1, "of nobody\n");
	ended(s, 1, 10);
	wrote(s, 1, 11, "too late\n");
	finish(s, "#1 RUN <<E  [2Jx E\n#1 DONE 0.0s\n");
}

/* What a step is called there: the digest of its number and name. */
#define ONE "\"sha256:26c81be9e4dd07a57f300f67dda790f641fc79c1d5a1e179aa86ae86295c2452\""
#define TWO "\"sha256:c2a34a750d13a94958d16948b7352027aaab080ed7595ee6f058e4884a05fa99\""
#define THREE "\"sha256:29990745be9a8f0b9698d44e357f1686b94830863526aed13c70a2473f1b8b22\""
static void rawjson_is_what_buildkit_writes(void **state)
{
	struct shown *s = show(state, DISPLAY_RAWJSON);
	started(s, 1, 0, "[1/1] RUN \"x\"");
	wrote(s, 1, 250, "hi\n");
	got(s, 1, 300, "sha256:aa", 5, 10);
	got(s, 1, 400, "sha256:aa", 10, 10);
	warned(s, 1, 500, "odd");
	was_cached(s, 1, 1500);
	started(s, 2, 1600, "two");
	failed(s, 2, 1700, "exit code: 1");
	started(s, 3, 1800, "three");
	failed(s, 3, 1900, NULL);
	finish(s, "{\"vertexes\":[{\"digest\":" ONE
			",\"name\":\"[1/1] RUN \\\"x\\\"\",\"started\":\"2023-11-14T22:13:20Z\"}]}\n"
		  "{\"logs\":[{\"vertex\":" ONE
			",\"stream\":1,\"data\":\"aGkK\",\"timestamp\":\"2023-11-14T22:13:20.25Z\"}]}\n"
		  "{\"statuses\":[{\"id\":\"sha256:aa\",\"vertex\":" ONE
			",\"total\":10,\"current\":5,\"timestamp\":\"2023-11-14T22:13:20.3Z\","
			"\"started\":\"2023-11-14T22:13:20.3Z\"}]}\n"
		  "{\"statuses\":[{\"id\":\"sha256:aa\",\"vertex\":" ONE
			",\"total\":10,\"current\":10,\"timestamp\":\"2023-11-14T22:13:20.4Z\","
			"\"started\":\"2023-11-14T22:13:20.3Z\",\"completed\":\"2023-11-14T22:13:20.4Z\"}]}\n"
		  "{\"warnings\":[{\"vertex\":" ONE
			",\"level\":1,\"short\":\"b2Rk\"}]}\n"
		  "{\"vertexes\":[{\"digest\":" ONE
			",\"name\":\"[1/1] RUN \\\"x\\\"\",\"started\":\"2023-11-14T22:13:20Z\","
			"\"completed\":\"2023-11-14T22:13:21.5Z\",\"cached\":true}]}\n"
		  "{\"vertexes\":[{\"digest\":" TWO
			",\"name\":\"two\",\"started\":\"2023-11-14T22:13:21.6Z\"}]}\n"
		  "{\"vertexes\":[{\"digest\":" TWO
			",\"name\":\"two\",\"started\":\"2023-11-14T22:13:21.6Z\",\"completed\":\"2023-11-14T22:13:21.7Z\","
			"\"error\":\"exit code: 1\"}]}\n"
		  "{\"vertexes\":[{\"digest\":" THREE
			",\"name\":\"three\",\"started\":\"2023-11-14T22:13:21.8Z\"}]}\n"
		  "{\"vertexes\":[{\"digest\":" THREE
			",\"name\":\"three\",\"started\":\"2023-11-14T22:13:21.8Z\",\"completed\":\"2023-11-14T22:13:21.9Z\","
			"\"error\":\"context canceled\"}]}\n");
}

static void warnings_of_no_step_come_last(void **state)
{
	static const enum display_mode modes[] = { DISPLAY_PLAIN, DISPLAY_RAWJSON, DISPLAY_QUIET };
	static const char *const texts[] = {
		"#1 RUN x\n#1 DONE 0.0s\n\n 2 warnings found:\n - odd (line 3)\n - red\n",
		"{\"warnings\":[{\"level\":1,\"short\":\"b2RkIChsaW5lIDMp\"}]}\n"
		"{\"warnings\":[{\"level\":1,\"short\":\"G1szMW1yZWQ=\"}]}\n",
		"",
	};
	for (unsigned i = 0; i < 3; i++) {
		struct shown *s = show(state, modes[i]);
		warned(s, 0, 0, "odd (line 3)");
		warned(s, 0, 0, "\033[31mred");
		if (modes[i] == DISPLAY_PLAIN) {
			started(s, 1, 0, "RUN x");
			ended(s, 1, 10);
		}
		finish(s, texts[i]);
	}
}

static void quiet_says_nothing(void **state)
{
	struct shown *s = show(state, DISPLAY_QUIET);
	started(s, 1, 0, "RUN x");
	wrote(s, 1, 10, "hello\n");
	failed(s, 1, 20, "exit code: 1");
	display_tick(s->d);
	assert_int_equal(display_interval_msec(s->d), -1);
	finish(s, "");
}

static void auto_is_plain_where_there_is_no_terminal(void **state)
{
	struct shown *s = mem_new(*state, struct shown);
	FILE *out = tmpfile();
	char text[64] = "";
	s->d = display_new(s, DISPLAY_AUTO, out, "Dockerfile");
	started(s, 1, 0, "RUN x");
	rewind(out);
	assert_non_null(fgets(text, sizeof(text), out));
	assert_string_equal(text, "#1 RUN x\n");
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_lines_name_their_step),
		TEST(plain_lines_appear_as_they_are_written),
		TEST(plain_gives_the_floor_to_one_step_at_a_time),
		TEST(plain_goes_back_to_what_still_runs),
		TEST(plain_tells_of_a_transfer_now_and_then),
		TEST(plain_shows_a_failed_step_again_at_the_end),
		TEST(names_are_one_line_and_unknown_steps_nothing),
		TEST(rawjson_is_what_buildkit_writes),
		TEST(warnings_of_no_step_come_last),
		TEST(quiet_says_nothing),
		TEST(auto_is_plain_where_there_is_no_terminal),
	};
	return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
