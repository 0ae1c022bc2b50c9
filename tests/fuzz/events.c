/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of any bytes from a stage: what is an event says the same as a line again, and every
 * display shows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/build/display.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"

enum { SHOWN = 4 };

struct shown {
	struct display *displays[SHOWN];
	struct report *report;
};

static void show(struct shown *s, const struct event *e)
{
	for (unsigned i = 0; i < SHOWN; i++) {
		display_event(s->displays[i], e);
		display_tick(s->displays[i]);
	}
	report_event(s->report, e);
}

static void write_report(struct report *report)
{
	char folder[] = "/tmp/fakebuild-fuzz-XXXXXX";
	struct error err = ERROR_INIT;
	must(mkdtemp(folder) != NULL);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/report", folder);
	must(report_write(report, path, &err) == 0 && unlink(path) == 0 && rmdir(folder) == 0);
}

/* False: the line is no event. */
static bool take(struct shown *shown, const char *line)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct event *e, *again;
	struct error err = ERROR_INIT;
	if (event_parse(scratch, line, &e, &err) < 0) {
		must(err.text[0] != '\0');
		return false;
	}
	const char *second = event_line(scratch, e);
	must(event_parse(scratch, second, &again, &err) == 0);
	must(strcmp(event_line(scratch, again), second) == 0);
	show(shown, e);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const enum display_mode modes[SHOWN] = { DISPLAY_PLAIN, DISPLAY_TTY, DISPLAY_RAWJSON,
							DISPLAY_QUIET };
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	struct shown shown = { .report = report_new(scratch, "Dockerfile") };
	FILE *nowhere = fopen("/dev/null", "we");
	must(nowhere != NULL);
	for (unsigned i = 0; i < SHOWN; i++)
		shown.displays[i] = display_new(scratch, modes[i], nowhere, "Dockerfile");
	char *line = mem_strndup(scratch, (const char *)bytes, size), *end = line + strlen(line);
	for (char *newline; (newline = memchr(line, '\n', end - line)); line = newline + 1) {
		*newline = '\0';
		if (!take(&shown, line))
			break;
	}
	for (unsigned i = 0; i < SHOWN; i++)
		display_end(shown.displays[i]);
	fclose(nowhere);
	write_report(shown.report);
	return 0;
}
