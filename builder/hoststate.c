/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of a place for what is known of the host's files, and a state directory's lock and child_pid. */
#include "builder/hoststate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/base/meta.h"
#include "tracer/tracer.h"

static int open_folder(struct host_state *state, const char *folder, struct error *err)
{
	CLEANUP_TALLOC char *lock = mem_printf(NULL, "%s/lock", folder);
	state->meta_path = mem_printf(state, "%s/meta", folder);
	state->copies_dir = mem_printf(state, "%s/copy-up", folder);
	state->pid_path = mem_printf(state, "%s/child_pid", folder);
	int r = io_mkdir_p(AT_FDCWD, state->copies_dir, 0700);
	if (r < 0)
		return error_set(err, -r, "cannot create '%s'", state->copies_dir);
	struct io_held *held = io_held_new(state);
	io_held_set(held, io_lock(AT_FDCWD, lock, IO_LOCK_SHARED | IO_LOCK_NONBLOCKING));
	return held->fd < 0 ? error_set(err, -held->fd, "cannot lock '%s'", lock) : 0;
}

int host_state_open(const void *ctx, struct store *store, const char *file, const char *folder, bool forgets,
		    struct host_state **ret, struct error *err)
{
	if (!!file + !!folder + forgets > 1)
		return error_set(err, 0, "--state, --state-dir and --forget exclude each other");
	struct host_state *state = mem_new(ctx, struct host_state);
	*ret = state;
	if (folder)
		return open_folder(state, folder, err);
	if (file) {
		/* A file that is asked to keep them is where they go. */
		state->meta_path = mem_strdup(state, file);
		return 0;
	}
	/* People go on with the files as those of their own. */
	state->tracer_flags = TRACER_WRITE_THROUGH | TRACER_LEAVE_MODES;
	state->meta_flags = META_OF_HOST;
	return forgets ? 0 : store_host_table(state, store, &state->meta_path, err);
}

void host_state_close(struct host_state *state)
{
	char *text;
	if (!state->pid_path || io_read_file(state, AT_FDCWD, state->pid_path, 64, &text, NULL, NULL) < 0)
		return;
	/* Of several commands the last one that began is told. */
	pid_t pid = strtol(text, NULL, 10);
	if (pid > 0 && access(mem_printf(text, "/proc/%d", (int)pid), F_OK) < 0)
		unlink(state->pid_path);
}
