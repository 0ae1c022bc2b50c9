/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentence for the person.  A function that takes `struct error *err` speaks to the person; a
 * function that does not returns 0 or -errno, which is for the guest.  The two never mix.
 */
#ifndef FAKEBUILD_BASE_ERROR_H
#define FAKEBUILD_BASE_ERROR_H

/* What the program exits with; Docker's numbers. */
enum exit_status {
	EXIT_USAGE = 2,
	EXIT_FAKEBUILD = 125,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
};

/* Filled once where the failure happens, wrapped with context on the way up, printed once by main. */
struct error {
	int number;      /* errno value, 0 when no system call was at fault */
	int status;      /* wished exit status, 0 means EXIT_FAKEBUILD */
	char text[2048]; /* without newline, without the program's name; truncated with "..." */
};

#define ERROR_INIT { 0, 0, "" }

/*
 * Record a failure: `fmt`'s text, then ": strerror(errnum)" unless errnum is 0.  err may be NULL.
 * Always returns -1, so that `return error_set(...)` reads well.
 */
int error_set(struct error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " before the text that is there.  Returns -1; keeps number and status. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set the exit status that main shall use.  Returns -1. */
int error_status(struct error *err, int status);

/* Forget a failure that has been dealt with. */
void error_clear(struct error *err);

#endif
