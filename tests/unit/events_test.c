/* SPDX-License-Identifier: Apache-2.0 */
/* Events between processes: what goes in comes out, whatever bytes it is made of. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/build/events.h"
#include "builder/build/link.h"
#include "tests/unit/own_memory.h"
#include "tracer/base/io.h"

static struct event *round_trip(const void *ctx, const struct event *e)
{
	struct error err = ERROR_INIT;
	struct event *back = NULL;
	char *line = event_line(ctx, e);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	if (event_parse(ctx, line, &back, &err) < 0)
		fail_msg("%s: %s", line, err.text);
	assert_int_equal(back->kind, e->kind);
	assert_int_equal(back->vertex, e->vertex);
	assert_true(back->time_nsec == e->time_nsec);
	return back;
}

static void every_byte_of_a_log_survives(void **state)
{
	char bytes[256 + 7];
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		struct event e = { .kind = EVENT_LOG, .vertex = 7, .time_nsec = 1700000000123456789, .stream = 2,
				   .text = bytes + sizeof(bytes) - size, .size = size };
		struct event *back = round_trip(*state, &e);
		assert_int_equal(back->size, size);
		assert_memory_equal(back->text, e.text, size);
		assert_int_equal(back->stream, 2);
		talloc_free(back);
	}
}

static void the_start_of_a_step_survives(void **state)
{
	struct event e = { .kind = EVENT_STARTED, .vertex = 3, .name = "[b 2/5] RUN \xff\xfe \"\\\n\xc3\xa9",
			   .stage = "b\x80", .command = "RUN <<E\n\x01\nE", .line = 12 };
	struct event *back = round_trip(*state, &e);
	assert_string_equal(back->name, e.name);
	assert_string_equal(back->stage, e.stage);
	assert_string_equal(back->command, e.command);
	assert_int_equal(back->line, 12);
	e.stage = e.command = NULL;
	back = round_trip(*state, &e);
	assert_null(back->stage);
	assert_null(back->command);
}

static void progress_a_warning_and_the_end_survive(void **state)
{
	struct event status = { .kind = EVENT_STATUS, .vertex = 1, .name = "sha256:ab", .current_bytes = 1LL << 40,
				.total_bytes = 1LL << 41 };
	struct event *back = round_trip(*state, &status);
	assert_string_equal(back->name, "sha256:ab");
	assert_true(back->current_bytes == 1LL << 40);
	assert_true(back->total_bytes == 1LL << 41);
	struct event warning = { .kind = EVENT_WARNING, .vertex = 1, .text = "not \xf0 good" };
	assert_string_equal(round_trip(*state, &warning)->text, "not \xf0 good");
	struct event failed = { .kind = EVENT_DONE, .vertex = 1, .has_failed = true, .text = "exit code: 1",
				.layer_bytes = -1 };
	back = round_trip(*state, &failed);
	assert_true(back->has_failed);
	assert_false(back->is_cached);
	assert_string_equal(back->text, "exit code: 1");
	assert_true(back->layer_bytes == -1);
	struct event cached = { .kind = EVENT_DONE, .vertex = 1, .is_cached = true, .layer_bytes = 5,
				.layer = "snapshots/ab" };
	back = round_trip(*state, &cached);
	assert_true(back->is_cached);
	assert_false(back->has_failed);
	assert_null(back->text);
	assert_true(back->layer_bytes == 5);
	assert_string_equal(back->layer, "snapshots/ab");
}

static void what_is_no_event_is_refused(void **state)
{
	static const struct {
		const char *line, *sentence;
	} rows[] = {
		{ "", "an event is not valid JSON" },
		{ "{\"kind\":\"log\"", "an event is not valid JSON" },
		{ "{\"vertex\":1}", "'' is no kind of event" },
		{ "{\"kind\":\"sneeze\"}", "'sneeze' is no kind of event" },
		{ "[]", "'' is no kind of event" },
		{ "{\"kind\":\"log\",\"bytes\":\"a*b\"}", "'bytes' of an event is no base64" },
		{ "{\"kind\":\"log\",\"vertex\":-1}", "'vertex' of an event is no possible number" },
		{ "{\"kind\":\"log\",\"time\":-9223372036854775808}", "'time' of an event is no possible number" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error err = ERROR_INIT;
		struct event *e = NULL;
		assert_int_equal(event_parse(*state, rows[i].line, &e, &err), -1);
		assert_null(e);
		if (!strstr(err.text, rows[i].sentence))
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].line, rows[i].sentence, err.text);
	}
}

/* Lines longer than a pipe, cut anywhere; the writer is another process, as it is in a build. */
static void events_come_whole_through_a_pipe(void **state)
{
	enum { EVENTS = 40, BYTES = 9000 };
	static char text[EVENTS * BYTES];
	int fds[2];
	memset(text, 'x', sizeof(text));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (unsigned i = 0; i < EVENTS; i++) {
			struct event e = { .kind = EVENT_LOG, .vertex = i + 1, .text = text, .size = (size_t)i * BYTES };
			if (event_write(fds[1], &e) < 0)
				_exit(1);
		}
		/* It dies in the middle of a line. */
		_exit(write(fds[1], "{\"kind\":\"lo", 11) != 11);
	}
	close(fds[1]);
	struct error err = ERROR_INIT;
	struct wire *wire = wire_new(*state, fds[0]);
	unsigned count = 0;
	while (wire_read(wire) != 0) {
		for (char *line; (line = wire_next(wire)); count++) {
			struct event *e;
			assert_int_equal(event_parse(*state, line, &e, &err), 0);
			assert_int_equal(e->vertex, count + 1);
			assert_int_equal(e->size, (size_t)count * BYTES);
			assert_memory_equal(e->text, text, e->size);
		}
	}
	close(fds[0]);
	assert_int_equal(count, EVENTS);
}

static void a_wire_waits_for_nobody(void **state)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	struct wire *wire = wire_new(*state, fds[0]);
	assert_int_equal(wire_read(wire), -1);
	assert_null(wire_next(wire));
	assert_int_equal(io_write_all(fds[1], "one\ntwo\nth", 10), 0);
	assert_int_equal(wire_read(wire), 1);
	assert_string_equal(wire_next(wire), "one");
	assert_string_equal(wire_next(wire), "two");
	assert_null(wire_next(wire));
	close(fds[1]);
	assert_int_equal(wire_read(wire), 0);
	assert_null(wire_next(wire));
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_of_a_log_survives),
		TEST(the_start_of_a_step_survives),
		TEST(progress_a_warning_and_the_end_survive),
		TEST(what_is_no_event_is_refused),
		TEST(events_come_whole_through_a_pipe),
		TEST(a_wire_waits_for_nobody),
	};
	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
