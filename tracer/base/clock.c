/* SPDX-License-Identifier: Apache-2.0 */
/* Owns reading the clock for intervals and for texts. */
#include "tracer/base/clock.h"

#include <time.h>

#include "tracer/base/mem.h"

int64_t clock_msec(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

char *clock_text(const void *ctx)
{
	struct timespec now;
	struct tm parts;
	char text[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	return mem_printf(ctx, "%s.%09ldZ", text, now.tv_nsec);
}
