/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What writers of the guest's own files of /proc are given (procfiles.c has the rows), and those writers that are not
 * there: each writes to v->out what the guest is to read in the file of its name.
 */
#ifndef FAKEBUILD_PROCFILES_H
#define FAKEBUILD_PROCFILES_H

#include <stdio.h>

#include "tracer/pids.h"
#include "tracer/tracee.h"

/* A file that is being opened. */
struct proc_view {
	struct tracee *viewer;
	struct tracee *of; /* NULL for files that are no process' */
	const struct pid_namespace *pids; /* whom the mount shows */
	char *text;        /* the host's; NULL when the row does not want it, or it cannot be read */
	size_t text_bytes;
	pid_t tid;         /* as in the path */
	int descriptor;    /* so, of OF_DESCRIPTORS */
	const char *name;  /* the row's */
	FILE *out;
};

/* A file of the host's, with a '\0' behind it; NULL when it cannot be read.  The text hangs on ctx. */
char *proc_read_host(const void *ctx, const char *path, size_t *ret_bytes);
/* The next line of a text, which loses its newline; NULL at the end. */
char *proc_next_line(char **at);

/* The program and its memory (procmemory.c). */
void proc_write_maps(const struct proc_view *v); /* smaps and numa_maps, too */
void proc_write_cmdline(const struct proc_view *v);
void proc_write_environ(const struct proc_view *v);
void proc_write_auxv(const struct proc_view *v);

/* State, identity and numbers of processes (procstatus.c). */
void proc_write_status(const struct proc_view *v);
void proc_write_stat(const struct proc_view *v);
void proc_write_children(const struct proc_view *v);
void proc_write_timers(const struct proc_view *v);
void proc_write_queues(const struct proc_view *v);
void proc_write_segments(const struct proc_view *v);
void proc_write_last_pid(const struct proc_view *v);
void proc_write_locks(const struct proc_view *v);
void proc_write_sched(const struct proc_view *v);
void proc_write_loadavg(const struct proc_view *v);
void proc_write_fdinfo(const struct proc_view *v);

#endif
