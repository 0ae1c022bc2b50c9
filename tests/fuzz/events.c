/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of any bytes from a stage: what is an event says the same as a line again, and every
 * display shows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/build/display.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"

enum { SHOWN = 4 };

struct shown {
	struct display *displays[SHOWN];
	struct report *report;
	unsigned count;
};

static void show(void *arg, const struct event *e)
{
	struct shown *s = arg;
	for (unsigned i = 0; i < SHOWN; i++)
		display_event(s->displays[i], e);
	report_event(s->report, e);
	s->count++;
}

static void write_report(struct report *report)
{
	char folder[] = "/tmp/fakebuild-fuzz-XXXXXX";
	struct error err = ERROR_INIT;
	must(mkdtemp(folder) != NULL);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/report", folder);
	must(report_write(report, path, &err) == 0 && unlink(path) == 0 && rmdir(folder) == 0);
}

/* How many of the lines before the first that is none are events. */
static unsigned count_events(const char *text)
{
	unsigned count = 0;
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		CLEANUP_TALLOC char *first = mem_strndup(NULL, line, end - line);
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		struct event *e, *again;
		struct error err = ERROR_INIT;
		if (event_parse(scratch, first, &e, &err) < 0) {
			must(err.text[0] != '\0');
			break;
		}
		const char *second = event_line(scratch, e);
		must(event_parse(scratch, second, &again, &err) == 0);
		must(strcmp(event_line(scratch, again), second) == 0);
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const enum display_mode modes[SHOWN] = { DISPLAY_PLAIN, DISPLAY_TTY, DISPLAY_RAWJSON,
							DISPLAY_QUIET };
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct shown shown = { .report = report_new(scratch, "Dockerfile") };
	struct error err = ERROR_INIT;
	FILE *nowhere = fopen("/dev/null", "we");
	CLEANUP_CLOSE int fd = memfd_create("events", MFD_CLOEXEC);
	must(nowhere && fd >= 0 && io_write_all(fd, bytes, size) == 0 &&
	     lseek(fd, 0, SEEK_SET) == 0);
	for (unsigned i = 0; i < SHOWN; i++)
		shown.displays[i] = display_new(scratch, modes[i], nowhere, "Dockerfile");
	struct event_reader *reader = event_reader_new(scratch, fd);
	int r;
	while ((r = event_reader_take(reader, show, &shown, &err)) == 1)
		for (unsigned i = 0; i < SHOWN; i++)
			display_tick(shown.displays[i]);
	must(r == 0 || err.text[0]);
	for (unsigned i = 0; i < SHOWN; i++)
		display_end(shown.displays[i]);
	fclose(nowhere);
	write_report(shown.report);
	/* A NUL ends a line for the reader, and the text here. */
	if (!memchr(bytes, '\0', size)) {
		CLEANUP_TALLOC char *text = mem_strndup(NULL, (const char *)bytes, size);
		must(count_events(text) == shown.count);
	}
	return 0;
}
