/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the log of the runtime and the two forms of its lines. */
#include "compat/runc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "oci/json.h"
#include "tracer/base/io.h"

static struct {
	int fd; /* 0: standard error */
	bool is_json, has_debug;
} destination;

static const char *const level_names[] = {
	[LOG_DEBUG_LEVEL] = "debug",
	[LOG_INFO_LEVEL] = "info",
	[LOG_WARNING_LEVEL] = "warning",
	[LOG_ERROR_LEVEL] = "error",
};

int runc_log_open(const char *path, bool is_json, bool has_debug, struct error *err)
{
	destination.is_json = is_json;
	destination.has_debug = has_debug;
	if (!path || !path[0])
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return error_set(err, errno, "cannot open the log '%s'", path);
	destination.fd = fd;
	return 0;
}

bool runc_log_is_shown(void)
{
	return !destination.fd;
}

bool runc_log_has_debug(void)
{
	return destination.has_debug;
}

/* In quotes, as Go's %q has it. */
static char *quote(const void *ctx, const char *text)
{
	char *quoted = mem_strdup(ctx, "\"");
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			quoted = mem_append(quoted, "\\%c", *p);
		else if (*p == '\n')
			quoted = mem_append(quoted, "\\n");
		else if ((unsigned char)*p < ' ' || *p == 0x7f)
			quoted = mem_append(quoted, "\\x%02x", (unsigned)*p);
		else
			quoted = mem_append(quoted, "%c", *p);
	}
	return mem_append(quoted, "\"");
}

static char *line_of(const void *ctx, enum log_level level, const char *text)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm parts;
	gmtime_r(&now, &parts);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (!destination.is_json)
		return mem_printf(ctx, "time=\"%s\" level=%s msg=%s\n", stamp, level_names[level], quote(ctx, text));
	CLEANUP_TALLOC struct json *line = json_new_object(NULL);
	json_set_string(line, "level", level_names[level]);
	json_set_string(line, "msg", text);
	json_set_string(line, "time", stamp);
	return mem_append(json_dump(ctx, line), "\n");
}

static void write_line(enum log_level level, const char *text)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *line = line_of(scratch, level, text);
	io_write_all(destination.fd ? destination.fd : STDERR_FILENO, line, strlen(line));
}

void runc_log(enum log_level level, const char *fmt, ...)
{
	va_list arguments;
	if (level == LOG_DEBUG_LEVEL && !destination.has_debug)
		return;
	va_start(arguments, fmt);
	CLEANUP_TALLOC char *text = mem_must(talloc_vasprintf(NULL, fmt, arguments));
	va_end(arguments);
	write_line(level, text);
}

void runc_log_failure(const char *text)
{
	write_line(LOG_ERROR_LEVEL, text);
	if (destination.fd)
		fprintf(stderr, "%s\n", text);
}
