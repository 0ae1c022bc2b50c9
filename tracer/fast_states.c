/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the states that the shim reads, and which process is in which; where somebody is, and where mounts are.
 */
#include "tracer/fast_states.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/mem.h"
#include "tracer/core/prefix.h"
#include "tracer/fast.h"
#include "tracer/memory.h"
#include "tracer/path.h"

#define SHARED ((struct shim_shared *)SHIM_SHARED)
#define STATES ((struct shim_state *)SHIM_STATES)

enum { BASE_BUCKETS = 1024, BASES_MAX = 65536 };

/* Numbers for directories that typed paths begin at; a number is never given twice. */
struct base {
	struct base *next;
	uint32_t number;
	char name[];
};

static struct {
	uint32_t references[SHIM_STATE_COUNT];
	uint32_t state_count; /* states above were never used */
	struct base *bases[BASE_BUCKETS];
	uint32_t last_base, base_count;
	void *memory; /* of the bases */
} states;

/* ---- bases ---- */

static uint32_t base_of(const char *name)
{
	uint32_t length = strlen(name), bucket = prefix_hash(name, length) % BASE_BUCKETS;
	for (struct base *b = states.bases[bucket]; b; b = b->next)
		if (strcmp(b->name, name) == 0)
			return b->number;
	if (++states.base_count > BASES_MAX) {
		/* Forgotten ones get new numbers when they come again; their prefixes are found no more. */
		TALLOC_FREE(states.memory);
		memset(states.bases, 0, sizeof(states.bases));
		states.base_count = 1;
	}
	if (!states.memory)
		states.memory = mem_must(talloc_new(NULL));
	struct base *b = mem_must(talloc_zero_size(states.memory, sizeof(*b) + length + 1));
	b->number = ++states.last_base;
	b->next = states.bases[bucket];
	memcpy(b->name, name, length + 1);
	states.bases[bucket] = b;
	return b->number;
}

static uint32_t root_base(const struct fs *fs, const struct mounts *mounts)
{
	char name[PATH_ROOM + 32];
	snprintf(name, sizeof(name), "%u:%s", mounts->serial, fs->root);
	return base_of(name);
}

static uint32_t cwd_base(const struct fs *fs, const struct mounts *mounts)
{
	char name[2 * PATH_ROOM + 32];
	snprintf(name, sizeof(name), "%u:%s:%s", mounts->serial, fs->root, fs->cwd);
	return base_of(name);
}

/* ---- states ---- */

uint32_t fast_rights(const struct cred *c)
{
	/* Whose ids are not the run's is answered by us alone. */
	if (c->users)
		return 0;
	if (session.is_plain)
		return STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT | STATE_IS_PLAIN;
	static const enum capability making[] = { CAPABILITY_CHOWN, CAPABILITY_FOWNER, CAPABILITY_FSETID };
	/* generic_permission of fs/namei.c: it gives all that CAP_DAC_READ_SEARCH does, which containers have not by default. */
	uint64_t all_access = UINT64_C(1) << CAPABILITY_DAC_OVERRIDE;
	/* access(2) asks for the real id, and then for all that is permitted. */
	if ((c->effective & all_access) != all_access || (c->permitted & all_access) != all_access || c->ruid != 0)
		return 0;
	bool makes = c->fsuid == 0 && c->fsgid == 0;
	for (size_t i = 0; i < sizeof(making) / sizeof(*making); i++)
		makes = makes && cred_has(c, making[i]);
	return STATE_LOOKS_AS_ROOT | (makes ? STATE_MAKES_AS_ROOT : 0u);
}

static bool has_one_id(const struct cred *c)
{
	return c->euid == c->ruid && c->suid == c->ruid && c->fsuid == c->ruid && c->egid == c->rgid && c->sgid == c->rgid &&
	       c->fsgid == c->rgid;
}

static void describe_cwd(struct shim_state *s, const struct fs *fs, const struct mounts *mounts)
{
	const struct mount *m = mounts_of(mounts, fs->cwd);
	const char *rest = fs->cwd + (m->guest_length == 1 ? 0 : m->guest_length);
	const char *tail = strcmp(rest, "/") == 0 ? "" : rest;
	struct tracee viewer = { .fs = (struct fs *)(uintptr_t)fs };
	char view[PATH_ROOM];
	const unsigned not_plain = BINDING_PROC | BINDING_CGROUP | BINDING_READ_ONLY | MOUNT_NO_EXEC | MOUNT_NO_DEVICES | MOUNT_NO_SYMLINKS;
	if (fs->has_lost_cwd || fs->is_cwd_elsewhere || (m->flags & not_plain) ||
	    !path_to_view(&viewer, fs->cwd, view, sizeof(view)))
		return;
	int n = snprintf(s->cwd_host, sizeof(s->cwd_host), "%s%s", m->host, tail);
	size_t length = strlen(view);
	if (view[0] != '/' || n <= 0 || (size_t)n >= sizeof(s->cwd_host) - 8 || length >= sizeof(s->cwd_view) - 8)
		return;
	memcpy(s->cwd_view, view, length + 1);
	s->cwd_host_length = n;
	s->cwd_view_length = length;
	s->cwd_base = cwd_base(fs, mounts);
	s->flags |= STATE_HAS_CWD | (mounts_has_children(mounts, fs->cwd) ? 0u : STATE_NO_MOUNTS);
	/* Another mount there may have come after us. */
	if (m == mounts->list[0] && (s->flags & STATE_IS_ALONE) && strcmp(fs->cwd, "/") == 0 && strcmp(fs->root, "/") == 0)
		s->flags |= STATE_IS_AT_ROOT;
}

/* Somebody is in this directory: when it goes the tracer must know. */
static void note_place(const struct mounts *mounts, const char *guest)
{
	const struct mount *m = mounts_of(mounts, guest);
	char host[PATH_ROOM];
	struct stat st;
	int n = snprintf(host, sizeof(host), "%s%s", m->host, guest + (m->guest_length == 1 ? 0 : m->guest_length));
	if (n >= 0 && (size_t)n < sizeof(host) && lstat(path_short(n ? host : "/"), &st) == 0)
		prefix_add_inode(SHARED->places, sizeof(SHARED->places) / sizeof(*SHARED->places), st.st_dev, st.st_ino);
}

static void note_places(const struct tracee *t)
{
	note_place(t->mounts, t->fs->cwd);
	note_place(t->mounts, t->fs->root);
}

uint32_t fast_state(const struct cred *cred, const struct fs *fs, const struct mounts *mounts)
{
	if (!fast_is_on() || cred->users)
		return 0;
	struct shim_state s = { .flags = fast_rights(cred) | (fs->users == 1 ? STATE_IS_ALONE : 0u), .ruid = cred->ruid, .euid = cred->euid, .rgid = cred->rgid,
				.egid = cred->egid, .umask = fs->umask, .root_base = root_base(fs, mounts) };
	/* Threads have identities of their own, and one place. */
	s.flags |= (s.flags & STATE_IS_ALONE) && has_one_id(cred) && !session.is_plain ? STATE_HAS_ONE_ID : 0u;
	describe_cwd(&s, fs, mounts);
	uint32_t unused = 0;
	for (uint32_t i = 1; i < states.state_count; i++) {
		if (memcmp(&STATES[i], &s, sizeof(s)) == 0) {
			states.references[i]++;
			return i;
		}
		if (!states.references[i])
			unused = i;
	}
	if (!unused && states.state_count < SHIM_STATE_COUNT)
		unused = states.state_count++;
	if (!unused)
		return 0;
	STATES[unused] = s;
	states.references[unused] = 1;
	return unused;
}

uint32_t fast_get(uint32_t state)
{
	if (state)
		states.references[state]++;
	return state;
}

void fast_put(uint32_t state)
{
	if (state && states.references[state])
		states.references[state]--;
}

/* Tell the process its state.  What cannot be told is told at the next exec. */
static void enter_state(struct tracee *t, uint32_t state)
{
	struct mm *mm = t->process->mm;
	uint32_t old = mm->state;
	if (state == old) {
		fast_put(state);
		return;
	}
	mm->state = state;
	if (memory_write(t, SHIM_STATE, &state, sizeof(state)) == 0) {
		fast_put(old);
		return;
	}
	/* Its reference is kept: the shim may still be in the old state. */
	fast_put(state);
	mm->state = old;
}

void fast_disable(struct tracee *t)
{
	struct mm *mm = t->process->mm;
	if (!fast_is_on() || mm->is_off)
		return;
	mm->is_off = true;
	enter_state(t, 0);
}

void fast_update(struct tracee *t)
{
	if (!fast_is_on())
		return;
	if (t->fs && t->mounts)
		note_places(t);
	if (!t->is_known || !t->has_shim || !t->process || t->process->mm->is_off)
		return;
	struct process *p = t->process;
	struct mm *mm = p->mm;
	/* Threads in different places have no state that is right for all of them. */
	if (p->users > 1 && t->fs->users < p->users) {
		fast_disable(t);
		return;
	}
	uint32_t state = fast_state(&t->cred, t->fs, t->mounts);
	if (mm->users > 1 && state != mm->state) {
		mm->is_divided = true;
		fast_put(state);
		state = 0;
	}
	enter_state(t, state);
}

void fast_place_shared(struct tracee *t)
{
	if (fast_is_on() && t->process && (STATES[t->process->mm->state].flags & STATE_IS_ALONE))
		fast_update(t);
}

static int update_one(struct tracee *t, void *arg)
{
	(void)arg;
	if (t->is_known && t->process && t->tid == t->process->pid)
		fast_update(t);
	return 0;
}

static void note_mounts(const struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mount *at = m->list[i];
		const char *name = strrchr(at->guest, '/') + 1;
		struct stat st;
		prefix_add_mount_name(SHARED->mount_names, prefix_hash(name, strlen(name)));
		/* Nobody may write to sysfs; that needs no flag of ours. */
		if ((at->flags & BINDING_READ_ONLY) && strcmp(at->fs_type, "sysfs") != 0 &&
		    stat(at->host_length ? at->host : "/", &st) == 0 && S_ISDIR(st.st_mode))
			SHARED->flags |= SHARED_READ_ONLY_TREES;
	}
}

static int note_mounts_of(struct tracee *t, void *arg)
{
	const struct mounts **last = arg;
	if (t->mounts && t->mounts != *last)
		note_mounts(t->mounts);
	*last = t->mounts;
	return 0;
}

void fast_update_all(void)
{
	const struct mounts *last = NULL;
	if (!fast_is_on())
		return;
	tracee_each(note_mounts_of, &last);
	tracee_each(update_one, NULL);
}

struct heir {
	const struct mm *mm;
	struct tracee *t;
};

static int find_heir(struct tracee *t, void *arg)
{
	struct heir *h = arg;
	if (!t->is_known || !t->process || t->process->mm != h->mm)
		return 0;
	h->t = t;
	return 1;
}

void fast_memory_left(struct mm *mm)
{
	struct heir h = { mm, NULL };
	if (!fast_is_on() || !mm->is_divided || mm->users > 1)
		return;
	mm->is_divided = false;
	tracee_each(find_heir, &h);
	if (h.t)
		fast_update(h.t);
}

void fast_forked(struct tracee *child)
{
	static const uint32_t unlocked[SHIM_FRAME_COUNT];
	static const uint64_t none;
	struct mm *mm = child->process->mm;
	if (!fast_is_on() || mm->is_off || mm->users > 1)
		return;
	memory_write(child, SHIM_LOCKS, unlocked, sizeof(unlocked));
	memory_write(child, SHIM_STATE, &mm->state, sizeof(mm->state));
	memory_write(child, SHIM_ANSWERS, &none, sizeof(none));
}

bool fast_must_unmap(struct tracee *t, const struct cred *before)
{
	/* At SHIM_INBOX_USE. */
	struct {
		uint32_t inbox, moves;
	} use, none = { INBOX_UNKNOWN, 0 };
	if (!fast_is_on() || !t->has_shim || !(fast_rights(before) & STATE_MAKES_AS_ROOT) || (fast_rights(&t->cred) & STATE_MAKES_AS_ROOT))
		return false;
	return memory_read(t, SHIM_INBOX_USE, &use, sizeof(use)) == 0 && (use.inbox == INBOX_WRITE || use.moves) &&
	       memory_write(t, SHIM_INBOX_USE, &none, sizeof(none)) == 0;
}

void fast_states_open(const struct tracee *first)
{
	memset(&states, 0, sizeof(states));
	states.state_count = 1;
	note_mounts(first->mounts);
	note_places(first);
}

void fast_states_close(void)
{
	TALLOC_FREE(states.memory);
}
