/* SPDX-License-Identifier: Apache-2.0 */
/* The person's terminal: a pseudo-terminal for -t, and reading a password. */
#ifndef FAKEBUILD_BASE_TERMINAL_H
#define FAKEBUILD_BASE_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "tracer/base/error.h"

struct terminal;

/* A new pseudo-terminal, of the size that ours has.  Fails when the host gives none. */
int terminal_open(const void *ctx, struct terminal **ret, struct error *err);
/* Host path of the guest's end: /dev/pts/N. */
const char *terminal_path(const struct terminal *t);

/*
 * Run body(arg, ret_status, err) in a child that has the pseudo-terminal as its controlling
 * terminal and as descriptors 0, 1 and 2; it dies when this process does.  Meanwhile bytes go both
 * ways (from our standard input only when is_interactive), our terminal is raw, changes of its size
 * and TERM, HUP, INT, QUIT, USR1 and USR2 are passed on.  Our terminal is as before on every way
 * out.
 */
int terminal_run(struct terminal *t, bool is_interactive,
		 int (*body)(void *arg, int *ret_status, struct error *err), void *arg,
		 int *ret_status, struct error *err);

/* Its master's end, for who hands it on. */
int terminal_master(const struct terminal *t);
void terminal_resize(struct terminal *t, unsigned short rows, unsigned short columns);
/* Let newlines come out as they are: the person's terminal, whose output terminal_relay then leaves cooked, adds the returns. */
void terminal_leave_newlines(struct terminal *t);
/*
 * In a child: begin a session whose controlling terminal, and descriptors 0, 1 and 2, are the pseudo-terminal; the
 * master's end is closed.
 */
int terminal_take(struct terminal *t, struct error *err);
/*
 * For who has made a child that took the pseudo-terminal by himself: relay as terminal_run does until it ends;
 * *ret_status is waitpid's.  Nearly all signals are passed on.  Without a terminal (NULL) signals only.
 * terminal_hold_signals before the fork keeps those that come too early.
 */
int terminal_relay(struct terminal *t, pid_t child, int *ret_status, struct error *err);
/* Block the signals that terminal_relay passes on; *ret_old is for the child. */
void terminal_hold_signals(sigset_t *ret_old);

/* Prompt on the terminal and read a line, without echo when is_secret.  Fails when there is no
 * terminal. */
int terminal_ask(const void *ctx, const char *prompt, bool is_secret, char **ret,
		 struct error *err);

#endif
