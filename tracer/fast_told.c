/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what the shim says to the tracer of inodes that it has made, and of answers that differ.
 */
#include "tracer/fast_told.h"

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/mem.h"
#include "tracer/fast.h"
#include "tracer/fast_states.h"
#include "tracer/filter.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/shim/calls.h"

/* A new inode, root's. */
static void note_new(dev_t dev, ino_t ino, uint32_t mode)
{
	struct meta_entry entry = { .dev = dev, .ino = ino, .mode = mode };
	if (S_ISREG(mode) || S_ISDIR(mode))
		meta_put(session.meta, &entry);
	else
		meta_drop(session.meta, dev, ino);
	fast_note_entry();
}

void fast_look_at_made(struct tracee *t, const struct shim_frame *made, taddr path)
{
	char name[PATH_MAX], host[PATH_MAX + 64];
	struct stat st;
	int r;
	/* On a kernel before 3.11 nobody can look; and who moves is not taken away from it. */
	if (made->makes == MAKES_UNSEEN_AT_RESULT || made->makes == MAKES_MOVE)
		return;
	if (made->makes == MAKES_FILE_AT_RESULT) {
		snprintf(host, sizeof(host), "/proc/%d/fd/%d", t->tid, (int)made->result);
		r = stat(host, &st);
	} else {
		if (memory_read_string(t, path, name, sizeof(name)) < 0)
			return;
		if (name[0] == '/')
			snprintf(host, sizeof(host), "%s", name);
		else if (made->made_at == AT_FDCWD)
			snprintf(host, sizeof(host), "/proc/%d/cwd/%s", t->tid, name);
		else
			snprintf(host, sizeof(host), "/proc/%d/fd/%d/%s", t->tid, (int)made->made_at, name);
		r = lstat(host, &st);
	}
	if (r == 0)
		note_new(st.st_dev, st.st_ino, made->made_mode);
}

static const char *name_of_call(const struct call *c, const struct shim_frame *f, uint64_t number)
{
	struct call asked = { .t = c->t, .abi = c->t->process->abi, .number = (int64_t)number };
	memcpy(asked.argument, f->argument, sizeof(f->argument));
	const struct row *row = filter_find_row(&asked);
	return row ? row->name : "a call";
}

static void note_difference(const struct call *c)
{
	struct shim_difference d;
	struct shim_frame f;
	char path[PATH_MAX];
	if (session.difference || memory_read(c->t, c->argument[0], &d, sizeof(d)) < 0 ||
	    memory_read(c->t, d.frame, &f, offsetof(struct shim_frame, reserved)) < 0)
		return;
	const char *name = name_of_call(c, &f, f.rax), *before = d.after == f.rax ? NULL : name_of_call(c, &f, d.after);
	if (!d.path || memory_read_string(c->t, d.path, path, sizeof(path)) < 0)
		path[0] = '\0';
	CLEANUP_TALLOC char *where = d.at < 0 ? NULL : mem_printf(NULL, " at byte %d of the answer", (int)d.at);
	session.difference = mem_printf(NULL, "the fast path answers %s of '%s'%s%s with %lld (%#llx)%s, the slow path with %lld (%#llx)",
					name, path, before ? " after " : "", before ? before : "", (long long)d.own,
					(unsigned long long)d.own, where ? where : "", (long long)d.theirs,
					(unsigned long long)d.theirs);
}

int check_rename(const struct call *c)
{
	bool is_ours = c->abi == ABI_64 && c->ip >= SHIM_HUB && c->ip < SHIM_HUB + 0x10000;
	if (is_ours && c->argument[3] == SHIM_SAYS_NEW) {
		note_new(c->argument[0], c->argument[1], fast_rights(&c->t->cred) & STATE_MAKES_AS_ROOT ? c->argument[2] : 0);
		return CHECK_DONE;
	}
	if (is_ours && c->argument[3] == SHIM_SAYS_DIFFERS) {
		note_difference(c);
		return CHECK_DONE;
	}
	return 0;
}
