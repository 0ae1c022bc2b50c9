/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which words BuildKit takes for signals: of numbers more than there are, of real-time ones fewer. */
#include "builder/dockerfile/signals.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "tracer/base/signals.h"
#include "tracer/base/text.h"

/* "RTMIN", "RTMIN+1" to "+15", "RTMAX", "RTMAX-1" to "-14". */
static bool is_realtime(const char *name)
{
	uint64_t number;
	bool is_minimum = strncasecmp(name, "RTMIN", strlen("RTMIN")) == 0;
	if (!is_minimum && strncasecmp(name, "RTMAX", strlen("RTMAX")) != 0)
		return false;
	const char *offset = name + strlen("RTMIN");
	if (!*offset)
		return true;
	return *offset == (is_minimum ? '+' : '-') && offset[1] != '0' &&
	       text_to_number(offset + 1, is_minimum ? 15 : 14, &number);
}

bool signal_is_known(const char *text)
{
	uint64_t number;
	if (text_to_number(text + (*text == '-' || *text == '+'), INT64_MAX, &number))
		return number != 0;
	if (strncasecmp(text, "SIG", strlen("SIG")) == 0)
		text += strlen("SIG");
	return signal_named(text) > 0 || is_realtime(text);
}
