/* SPDX-License-Identifier: Apache-2.0 */
/* A process of a container from its fork to its execve, as rows of steps. */
#ifndef FAKEBUILD_COMPAT_RUNC_BEGIN_H
#define FAKEBUILD_COMPAT_RUNC_BEGIN_H

#include "compat/runc/cgroup.h"
#include "compat/runc/seccomp.h"
#include "compat/runc/spec.h"
#include "compat/runc/state.h"
#include "tracer/base/terminal.h"

struct begin {
	const struct runc_container *container;
	const struct spec *spec;           /* of the container */
	const struct spec_process *process;
	const struct seccomp_filter *filter;
	struct terminal *terminal;         /* NULL: none */
	int sync;                          /* our end, see sync.h */
	int fifo;                          /* where the first process waits; -1: another */
	int listen_fds, preserve_fds;
	bool is_guest;                     /* of somebody's session already: none to join */
	bool dies_with_command;            /* until it is started: of `run` in the foreground */
	sigset_t signals;                  /* blocked as our caller had them */

	/* What a step leaves for later ones. */
	bool has_network, has_clocks;      /* of its own, by the kernel */
	struct cgroup_views *groups;       /* to be shown in it */
	unsigned joined;                   /* CLONE_NEW* of the namespaces that are another container's */
	bool enters_later;                 /* the working directory, as its user */
	const char *program;
	struct strlist *env;
};

/*
 * In the new process: become the command.  Never returns; a failure is told at `sync`, and once the command has said
 * that it knows all it has to, on standard error.
 */
void begin_first(struct begin *b) __attribute__((noreturn));
/* The same for a process that joins a running container. */
void begin_other(struct begin *b) __attribute__((noreturn));

#endif
