/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which words are signals; the kernel's numbers for them are not needed here. */
#include "builder/dockerfile/signals.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "tracer/base/text.h"

static const char *const names[] = {
	"ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT",
	"KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP",
	"TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
};

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
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(names[i], text) == 0)
			return true;
	return is_realtime(text);
}
