/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules of trying again, which are BuildKit's (1 to 8 s) and containers/image's (Retry-After). */
#include "oci/retry.h"

#include <time.h>

#include "tracer/base/text.h"

enum { FIRST_MSEC = 1000, LAST_MSEC = 8000, RETRY_AFTER_MAX_SEC = 60, SLICE_MSEC = 100 };

bool retry_is_worth(const struct http_reply *reply, bool was_reached)
{
	switch (reply->failure) {
	case HTTP_COMPLETE:
		/* 501 and 505 are the server's nature. */
		return reply->status == 429 || reply->status == 408 ||
		       (reply->status >= 500 && reply->status != 501 && reply->status != 505);
	case HTTP_BROKEN:
		return true;
	case HTTP_UNREACHABLE:
		return was_reached;
	default:
		return false;
	}
}

void retry_wait(unsigned attempt, const struct http_reply *reply, const int *is_cancelled)
{
	int64_t msec = FIRST_MSEC;
	uint64_t seconds;
	while (--attempt > 0 && msec < LAST_MSEC)
		msec *= 2;
	const char *after = reply->headers ? http_header(reply, "Retry-After") : NULL;
	if (after && text_to_number(after, RETRY_AFTER_MAX_SEC, &seconds))
		msec = seconds * 1000;
	for (; msec > 0; msec -= SLICE_MSEC) {
		struct timespec slice = { 0, SLICE_MSEC * 1000000L };
		if (is_cancelled && __atomic_load_n(is_cancelled, __ATOMIC_RELAXED))
			return;
		nanosleep(&slice, NULL);
	}
}
