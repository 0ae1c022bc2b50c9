/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tracer serves.  tracer.c opens and closes it.
 */
#ifndef FAKEBUILD_SESSION_H
#define FAKEBUILD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct meta;
struct tracer_config;

/* One a process. */
struct session {
	const struct tracer_config *config;
	struct meta *meta;
	const char *run_dir, *scratch;
	char *short_dir; /* for AF_UNIX names; made on first use */
	pid_t first_pid;
	int first_status;
	bool has_started; /* the first execve worked */
	bool has_guest_files; /* in run_dir there are some that the guest has made, or may give away */
	bool is_over;
	char *difference; /* a sentence that ends the run: the fast path has answered otherwise than we (shim/verify.c) */
	uint64_t stops;
	uid_t uid; /* of the invoking user */
	gid_t gid;
	bool is_plain; /* the table is META_PLAIN: plain.h */
	dev_t root_dev;      /* of config->root */
	bool writes_through; /* through.h */
	bool keeps_rootless;
	bool has_fsetid; /* the kernel takes no set-id bits from what tracees write */
};
extern struct session session;

#endif
