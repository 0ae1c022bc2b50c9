/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine between a stop and a hook: decodes what the row says, looks the paths up, calls the hook,
 * and carries out what it decided.  Knows no call by name.
 */
#include "tracer/call.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/confined.h"
#include "tracer/fast_states.h"
#include "tracer/filter.h"
#include "tracer/guest_ptrace.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/stats.h"
#include "tracer/watch.h"

/* The call being served.  One at a time, and too large for a stack frame. */
static struct call current;

uint32_t call_id(const struct call *c, unsigned n)
{
	uint32_t id = c->argument[n];
	if (c->abi == ABI_32 && c->row->has_short_ids)
		return (id & 0xffff) == 0xffff ? (uint32_t)-1 : id & 0xffff;
	return id;
}

void call_set(struct call *c, unsigned n, uint64_t value)
{
	if (c->argument[n] == value)
		return;
	c->argument[n] = value;
	c->changed |= 1u << n;
}

void *call_room(struct call *c, size_t size)
{
	if (c->t->slot < 0) {
		c->t->slot = arena_claim();
		if (c->t->slot < 0)
			return NULL;
	}
	size = (size + 15) & ~(size_t)15;
	struct shim_slot *s = arena_slot(c->t->slot);
	if (size > sizeof(s->room) - c->room_used)
		return NULL;
	void *at = s->room + c->room_used;
	c->room_used += size;
	return at;
}

void *call_large_room(struct call *c, size_t size)
{
	void *room = call_room(c, size);
	if (room || c->t->run_count)
		return room;
	unsigned count = (size + SHIM_SLOT_BYTES - 1) / SHIM_SLOT_BYTES;
	int first = arena_claim_run(count);
	if (first < 0)
		return NULL;
	c->t->run_slot = first;
	c->t->run_count = count;
	return arena_slot(first);
}

int call_set_path(struct call *c, unsigned n, const char *host)
{
	host = path_short(host);
	size_t size = strlen(host) + 1;
	char *room = call_room(c, size);
	if (!room)
		return -ENOMEM;
	memcpy(room, host, size);
	call_set(c, n, arena_address(room));
	return 0;
}

int64_t call_redirect(struct call *c)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct path_argument *p = &c->row->path[i];
		const struct object *o = &c->object[i];
		if (!p->path || o->is_plain)
			continue;
		/* "" with AT_EMPTY_PATH names the descriptor, which is the tracee's own. */
		if (!c->text[i][0] && !o->is_tree)
			continue;
		int r = call_set_path(c, p->path - 1, o->host);
		if (r < 0)
			return r;
	}
	return CALL_PASS;
}

/*
 * getname_maybe_null of fs/namei.c, from 6.11 on: with AT_EMPTY_PATH nothing but the descriptor is looked at when
 * the path is empty or NULL; before, flags came first, and NULL was a bad address.
 */
static bool is_descriptor_alone(const struct call *c, int dir_fd, taddr path)
{
	static int is_so = -1;
	struct stat st;
	char first = '\0';
	if (!(c->at_flags & AT_EMPTY_PATH) || dir_fd < 0 || (path && memory_read(c->t, path, &first, 1) < 0) || first)
		return false;
	if (is_so < 0) {
		CLEANUP_CLOSE int fd = open("/", O_PATH | O_CLOEXEC);
		is_so = syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH | ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) == 0;
	}
	return is_so;
}

/* Look up what the row says are paths.  0 or -errno for the guest. */
static int decode_paths(struct call *c)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct path_argument *p = &c->row->path[i];
		if (!p->path && !p->dir_fd)
			break;
		struct object *o = &c->object[i];
		int dir_fd = p->dir_fd ? (int)c->argument[p->dir_fd - 1] : AT_FDCWD;
		if (!p->path) {
			int r = path_of_fd(c->t, dir_fd, o);
			if (r == 0 && (p->lookup & LOOKUP_OPENED) && path_is_unopened(o))
				r = -EBADF;
			if (r < 0)
				return r;
			continue;
		}
		unsigned lookup = p->lookup;
		if (p->flags) {
			c->at_flags = (unsigned)c->argument[p->flags - 1];
			if ((lookup & LOOKUP_DESCRIPTOR) && is_descriptor_alone(c, dir_fd, c->argument[p->path - 1])) {
				c->text[i][0] = '\0';
				int r = path_of_fd(c->t, dir_fd, o);
				if (r < 0)
					return r;
				continue;
			}
			if (c->at_flags & ~p->allowed)
				return -EINVAL;
			if (c->at_flags & AT_SYMLINK_NOFOLLOW & p->allowed)
				lookup &= ~LOOKUP_FOLLOW;
			if (c->at_flags & AT_SYMLINK_FOLLOW & p->allowed)
				lookup |= LOOKUP_FOLLOW;
			if (c->at_flags & AT_EMPTY_PATH & p->allowed)
				lookup |= LOOKUP_EMPTY;
		}
		taddr at = c->argument[p->path - 1];
		if (!at && (lookup & LOOKUP_NULL) && dir_fd != AT_FDCWD) {
			c->text[i][0] = '\0';
			int r = path_of_fd(c->t, dir_fd, o);
			if (r == 0 && path_is_unopened(o))
				r = -EBADF;
			if (r < 0)
				return r;
			continue;
		}
		int r = memory_read_string(c->t, at, c->text[i], PATH_MAX);
		if (r == 0)
			r = path_lookup(c->t, dir_fd, c->text[i], lookup, o);
		if (r < 0)
			return r;
	}
	return 0;
}

static void drop_generated(struct tracee *t)
{
	if (!t->remove_later)
		return;
	unlink(t->remove_later);
	TALLOC_FREE(t->remove_later);
}

/* Let the kernel do it, with the arguments as they now are. */
static void pass(struct call *c, bool wants_exit)
{
	struct tracee *t = c->t;
	/* Stubs are of the program's own ABI, whatever else it calls by. */
	const bool has_stub = t->has_shim && c->abi == t->process->abi;
	if (c->is_trapped && (!c->changed || !has_stub || wants_exit)) {
		/* Filters around us refuse it. */
		arch_answer(t, -confined_refusal(c->abi, c->row_data & 0x7fff));
		wants_exit = false;
	} else if (c->changed && has_stub && !wants_exit) {
		if (t->slot < 0)
			t->slot = arena_claim();
		if (t->slot < 0)
			arch_answer(t, -ENOMEM);
		else
			arch_redirect(t, c, t->slot);
	} else if (c->changed) {
		/* The registers are restored at the exit stop; restarts begin again from there. */
		memcpy(t->restore.argument, c->original, sizeof(c->original));
		t->restore.abi = c->abi;
		t->restore.is_needed = true;
		wants_exit = true;
		arch_set_arguments(t, c);
	}
	if (wants_exit)
		memcpy(t->exit_argument, c->original, sizeof(c->original));
	if (wants_exit)
		ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL);
	else
		guest_resume(t, 0);
}

static int64_t serve(struct call *c)
{
	c->object[0].late_error = c->object[1].late_error = 0;
	int64_t r = decode_paths(c);
	/* Who has two names to look for says when. */
	bool has_two = c->row->path[1].path && (c->row->path[0].lookup & LOOKUP_NAME);
	if (r == 0 && !has_two)
		r = c->object[0].late_error ? c->object[0].late_error : c->object[1].late_error;
	if (r < 0)
		return r;
	if (session.is_plain && c->row->plain)
		return c->row->plain(c);
	return c->row->hook ? c->row->hook(c) : call_redirect(c);
}

static bool is_by_real_ids(const struct call *c)
{
	signed char flags = c->row->path[0].flags;
	return c->row->by_real_ids && !(flags && (c->argument[flags - 1] & AT_EACCESS));
}

static int64_t serve_by_real_ids(struct call *c)
{
	struct cred saved = c->t->cred;
	cred_act_as_real(&c->t->cred);
	int64_t r = serve(c);
	c->t->cred = saved;
	return r;
}

static void tell_fast_path(struct tracee *t, enum touches touches, const struct cred *before)
{
	bool has_moved = fs_take_change();
	switch (touches) {
	case TOUCHES_NOTHING:
		/* A directory that others are in was moved or removed. */
		if (has_moved)
			fast_update_all();
		break;
	case TOUCHES_IDENTITY:
		if (memcmp(before, &t->cred, sizeof(t->cred)) == 0)
			break;
		/* Threads that differ have no state that is right for all of them. */
		if (t->process->users > 1)
			fast_disable(t);
		else
			fast_update(t);
		break;
	case TOUCHES_PLACE:
		/* CLONE_FS: other processes go where this one goes. */
		if (t->fs->users > t->process->users)
			fast_update_all();
		else
			fast_update(t);
		break;
	case TOUCHES_MOUNTS:
		fast_update_all();
		break;
	}
}

/* commit_creds of kernel/cred.c: the kernel's credentials become others for who compares them with those of a descriptor. */
static int64_t renew_credentials(struct call *c)
{
	call_set(c, 0, PR_SET_KEEPCAPS);
	call_set(c, 1, 0);
	arch_set_number(c->t, arch_prctl_number[c->abi]);
	return CALL_PASS;
}

static int64_t renew_next(struct call *c)
{
	c->t->must_renew = c->is_again = true;
	arch_rewind(c->t, c->t->exit_private);
	return c->result;
}

/* It has another identity than before: the call's place is taken by one that, too, says 0. */
static int64_t become_other(struct call *c, const struct cred *before)
{
	struct tracee *t = c->t;
	bool must_renew = !c->is_trapped && memcmp(before, &t->cred, sizeof(*before)) != 0 && names_link_by_opener();
	if (!fast_must_unmap(t, before))
		return must_renew ? renew_credentials(c) : 0;
	call_set(c, 0, SHIM_WRITABLE);
	call_set(c, 1, SHIM_WRITABLE_BYTES);
	arch_set_number(t, arch_call_number(c->abi, "munmap"));
	t->exit_private = c->number;
	t->at_exit = must_renew ? renew_next : NULL;
	return must_renew ? CALL_PASS_EXIT : CALL_PASS;
}

static void serve_stop(struct call *c)
{
	struct tracee *t = c->t;
	/* seccomp(2): in strict mode other calls than four "result in the termination of the calling thread". */
	if (t->seccomp_mode == SECCOMP_STRICT_MODE) {
		kill(t->tid, SIGKILL);
		return;
	}
	session.stops++;
	t->wait.is_on = t->is_forking = false;
	/* Whatever the slot and the file were for is over: this is another call. */
	tracee_drop_slots(t);
	drop_generated(t);
	TALLOC_FREE(t->exec);
	c->changed = 0;
	c->room_used = 0;
	c->at_flags = 0;
	if ((c->is_trapped ? arch_read_trapped(t, c) : arch_read_call(t, c, false)) < 0) {
		guest_resume(t, 0);
		return;
	}
	if (!c->is_trapped && c->row_data & GUEST_TRACE) {
		if (guest_filter_stops(c))
			return;
		c->row = filter_find_row(c);
	} else {
		c->row = (c->row_data & 0x7fff) < row_count ? &rows[c->row_data & 0x7fff] : NULL;
		/* A filter of the guest's may say what it likes: by a value that it computes, which was not to be seen before. */
		if (t->seccomp_filters && (!c->row || !filter_is_row_of(c, c->row)))
			c->row = filter_find_row(c);
	}
	if (!c->row) {
		guest_resume(t, 0);
		return;
	}
	stats_call(c->row);
	memcpy(c->original, c->argument, sizeof(c->argument));
	if (t->must_renew) {
		t->must_renew = false;
		renew_credentials(c);
		pass(c, false);
		return;
	}
	struct cred before;
	if (c->row->touches != TOUCHES_NOTHING)
		before = t->cred;
	int64_t result = c->row->check ? c->row->check(c) : 0;
	if (result == CHECK_DONE)
		result = 0;
	else if (result == 0)
		result = is_by_real_ids(c) ? serve_by_real_ids(c) : serve(c);
	tell_fast_path(t, c->row->touches, &before);
	/* So does who makes or enters a user namespace. */
	bool may_differ = c->row->touches == TOUCHES_IDENTITY || (c->row->touches == TOUCHES_PLACE && before.users != t->cred.users);
	if (result == 0 && may_differ && !t->ptraced)
		result = become_other(c, &before);
	if (result == CALL_PASS || result == CALL_PASS_EXIT) {
		pass(c, result == CALL_PASS_EXIT);
		return;
	}
	t->at_exit = NULL;
	if (t->ptraced && !c->is_trapped) {
		t->ptraced->is_answered = true;
		t->ptraced->has_entry_due = false; /* a call that is skipped has none */
		t->ptraced->number = c->number;
	}
	arch_answer(t, result);
	guest_resume(t, 0);
}

void call_serve(struct tracee *t)
{
	if (t->is_injecting) {
		t->is_injecting = false;
		ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL);
		return;
	}
	if (guest_stop_before_call(t))
		return;
	current.t = t;
	current.is_trapped = false;
	serve_stop(&current);
}

void call_serve_trapped(struct tracee *t, unsigned row_data)
{
	current.t = t;
	current.is_trapped = true;
	current.row_data = row_data;
	serve_stop(&current);
}

void call_watch(struct tracee *t)
{
	struct call *c = &current;
	tracee_drop_slots(t);
	c->t = t;
	c->is_trapped = false;
	c->changed = 0;
	c->room_used = 0;
	if (arch_read_call(t, c, true) < 0)
		return;
	memcpy(c->original, c->argument, sizeof(c->argument));
	if (watch_begin_due(c) != CALL_PASS_EXIT) {
		guest_resume(t, 0);
		return;
	}
	/* On kernels from 4.8 on our first filter now sees seccomp(2), or prctl(2), and stops it. */
	t->is_injecting = true;
	pass(c, true);
}

void call_serve_exit(struct tracee *t)
{
	struct call *c = &current;
	c->t = t;
	c->abi = t->process->abi;
	c->changed = 0;
	c->is_again = false;
	c->is_trapped = false;
	memcpy(c->argument, t->exit_argument, sizeof(c->argument));
	memcpy(c->original, t->exit_argument, sizeof(c->original));
	if (arch_read_result(t, &c->result) == 0) {
		if (t->restore.is_needed)
			arch_restore(t, t->restore.abi, t->restore.argument);
		/* A call about to be restarted comes back as a new stop. */
		bool is_restart = c->result <= -512 && c->result >= -516;
		if (t->at_exit && !is_restart) {
			int64_t result = t->at_exit(c);
			if (result != c->result)
				arch_write_result(t, result);
		}
	}
	t->restore.is_needed = false;
	t->at_exit = NULL;
	if (t->ptraced && t->slot >= 0)
		arch_demote(t, t->slot);
	tracee_drop_slots(t);
	if (c->is_again || !guest_stop_at_exit(t))
		guest_resume(t, 0);
}
