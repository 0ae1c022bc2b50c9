/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the names of signals. */
#include "tracer/base/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "tracer/base/text.h"

enum { LAST_SIGNAL = 64, FIRST_REALTIME = 34 };

static const struct {
	const char *name;
	int number;
} names[] = {
	{ "ABRT", SIGABRT },     { "ALRM", SIGALRM },   { "BUS", SIGBUS },   { "CHLD", SIGCHLD },   { "CLD", SIGCHLD },
	{ "CONT", SIGCONT },
	{ "FPE", SIGFPE },       { "HUP", SIGHUP },     { "ILL", SIGILL },   { "INT", SIGINT },     { "IO", SIGIO },
	{ "IOT", SIGIOT },       { "KILL", SIGKILL },   { "PIPE", SIGPIPE }, { "POLL", SIGPOLL },   { "PROF", SIGPROF },
	{ "PWR", SIGPWR },       { "QUIT", SIGQUIT },   { "SEGV", SIGSEGV }, { "STKFLT", SIGSTKFLT }, { "STOP", SIGSTOP },
	{ "SYS", SIGSYS },       { "TERM", SIGTERM },   { "TRAP", SIGTRAP }, { "TSTP", SIGTSTP },   { "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },     { "URG", SIGURG },     { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 },   { "VTALRM", SIGVTALRM },
	{ "WINCH", SIGWINCH },   { "XCPU", SIGXCPU },   { "XFSZ", SIGXFSZ },
};

int signal_named(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].number;
	return -1;
}

int signal_number(const char *name)
{
	uint64_t number;
	if (text_to_number(name, LAST_SIGNAL, &number))
		return (int)number;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	int named = signal_named(name);
	if (named >= 0)
		return named;
	/* The C library keeps two of the kernel's real-time signals. */
	bool is_up = strncasecmp(name, "RTMIN", 5) == 0, is_down = strncasecmp(name, "RTMAX", 5) == 0;
	if (!is_up && !is_down)
		return -1;
	name += 5;
	if (!*name)
		return is_up ? FIRST_REALTIME : LAST_SIGNAL;
	if (*name != (is_up ? '+' : '-') || !text_to_number(name + 1, LAST_SIGNAL - FIRST_REALTIME, &number))
		return -1;
	return is_up ? FIRST_REALTIME + (int)number : LAST_SIGNAL - (int)number;
}
