/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the making and wrapping of error sentences; printing them is main's. */
#include "tracer/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_truncated(char *text, size_t size)
{
	memcpy(text + size - 4, "...", 4);
}

int error_set(struct error *err, int errnum, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	err->number = errnum;
	if ((size_t)n < sizeof(err->text) && errnum)
		n += snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(errnum));
	if ((size_t)n >= sizeof(err->text))
		mark_truncated(err->text, sizeof(err->text));
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char old[sizeof(err->text)];
	memcpy(old, err->text, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		n += snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
	if (n < 0 || (size_t)n >= sizeof(err->text))
		mark_truncated(err->text, sizeof(err->text));
	return -1;
}

int error_status(struct error *err, int status)
{
	if (err)
		err->status = status;
	return -1;
}

void error_clear(struct error *err)
{
	err->number = 0;
	err->status = 0;
	err->text[0] = '\0';
}
