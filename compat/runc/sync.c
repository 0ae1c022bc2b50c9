/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of sync.h: whole messages on a pair of sockets. */
#include "compat/runc/sync.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat/runc/log.h"

struct message {
	enum sync_word word;
	struct error err;
};

int sync_open(int ret_ends[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0)
		return error_set(err, errno, "cannot make a pair of sockets");
	return 0;
}

static void send_message(int end, const struct message *m)
{
	/* A peer that is gone is noticed where its word is waited for. */
	while (send(end, m, sizeof(*m), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

void sync_say(int end, enum sync_word word)
{
	struct message m = { .word = word };
	send_message(end, &m);
}

void sync_tell(int end, const char *fmt, ...)
{
	struct message m = { .word = SYNC_TOLD };
	va_list arguments;
	if (!runc_log_has_debug())
		return;
	va_start(arguments, fmt);
	vsnprintf(m.err.text, sizeof(m.err.text), fmt, arguments);
	va_end(arguments);
	send_message(end, &m);
}

void sync_fail(int end, const struct error *err)
{
	struct message m = { .word = SYNC_FAILED, .err = *err };
	send_message(end, &m);
}

/* 1 a message, 0 the end, -1 its failure. */
static int receive(int end, struct message *m, struct error *err)
{
	ssize_t n;
	do {
		n = recv(end, m, sizeof(*m), 0);
		if (n == sizeof(*m) && m->word == SYNC_TOLD)
			runc_log(LOG_DEBUG_LEVEL, "%s", m->err.text);
	} while ((n < 0 && errno == EINTR) || (n == sizeof(*m) && m->word == SYNC_TOLD));
	if (n != sizeof(*m))
		return 0;
	if (m->word != SYNC_FAILED)
		return 1;
	if (err)
		*err = m->err;
	return -1;
}

int sync_wait(int end, enum sync_word wanted, struct error *err)
{
	struct message m;
	int r = receive(end, &m, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return error_set(err, 0, "the container's process ended before it was ready");
	return m.word == wanted ? 0 : error_set(err, 0, "the container's process said %d where %d was due", m.word, wanted);
}

int sync_wait_end(int end, struct error *err)
{
	struct message m;
	int r = receive(end, &m, err);
	return r > 0 ? error_set(err, 0, "the container's process said %d where its end was due", m.word) : r;
}
