/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the states and prefixes that the shim reads, and which process is in which state.  Patched code is
 * code.c's; taking a thread out of the shim is the architecture's (arch_leave_shim).
 */
#include "tracer/fast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/birth.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/code.h"
#include "tracer/core/prefix.h"
#include "tracer/filter.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/shim/calls.h"

#define SHARED ((struct shim_shared *)SHIM_SHARED)
#define STATES ((struct shim_state *)SHIM_STATES)
#define PREFIXES ((struct shim_prefix *)SHIM_PREFIXES)

enum { BASE_BUCKETS = 1024, BASES_MAX = 65536 };

/* Numbers for directories that typed paths begin at; a number is never given twice. */
struct base {
	struct base *next;
	uint32_t number;
	char name[];
};

static struct {
	bool is_on;
	uint32_t references[SHIM_STATE_COUNT];
	uint32_t state_count; /* states above were never used */
	struct base *bases[BASE_BUCKETS];
	uint32_t last_base, base_count;
	uint32_t turn; /* of the ways of a prefix */
	uint32_t entries_noted;
	void *memory; /* of the bases */
} fast;

bool fast_is_on(void)
{
	return fast.is_on;
}

/* ---- bases ---- */

static uint32_t base_of(const char *name)
{
	uint32_t length = strlen(name), bucket = prefix_hash(name, length) % BASE_BUCKETS;
	for (struct base *b = fast.bases[bucket]; b; b = b->next)
		if (strcmp(b->name, name) == 0)
			return b->number;
	if (++fast.base_count > BASES_MAX) {
		/* Forgotten ones get new numbers when they come again; their prefixes are found no more. */
		TALLOC_FREE(fast.memory);
		memset(fast.bases, 0, sizeof(fast.bases));
		fast.base_count = 1;
	}
	if (!fast.memory)
		fast.memory = mem_must(talloc_new(NULL));
	struct base *b = mem_must(talloc_zero_size(fast.memory, sizeof(*b) + length + 1));
	b->number = ++fast.last_base;
	b->next = fast.bases[bucket];
	memcpy(b->name, name, length + 1);
	fast.bases[bucket] = b;
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

static uint32_t rights(const struct cred *c)
{
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
	if (!fast.is_on)
		return 0;
	struct shim_state s = { .flags = rights(cred) | (fs->users == 1 ? STATE_IS_ALONE : 0u), .ruid = cred->ruid, .euid = cred->euid, .rgid = cred->rgid,
				.egid = cred->egid, .umask = fs->umask, .root_base = root_base(fs, mounts) };
	/* Threads have identities of their own, and one place. */
	s.flags |= (s.flags & STATE_IS_ALONE) && has_one_id(cred) && !session.is_plain ? STATE_HAS_ONE_ID : 0u;
	describe_cwd(&s, fs, mounts);
	uint32_t unused = 0;
	for (uint32_t i = 1; i < fast.state_count; i++) {
		if (memcmp(&STATES[i], &s, sizeof(s)) == 0) {
			fast.references[i]++;
			return i;
		}
		if (!fast.references[i])
			unused = i;
	}
	if (!unused && fast.state_count < SHIM_STATE_COUNT)
		unused = fast.state_count++;
	if (!unused)
		return 0;
	STATES[unused] = s;
	fast.references[unused] = 1;
	return unused;
}

uint32_t fast_get(uint32_t state)
{
	if (state)
		fast.references[state]++;
	return state;
}

void fast_put(uint32_t state)
{
	if (state && fast.references[state])
		fast.references[state]--;
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
	if (!fast.is_on || mm->is_off)
		return;
	mm->is_off = true;
	enter_state(t, 0);
}

void fast_update(struct tracee *t)
{
	if (!fast.is_on)
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
	if (fast.is_on && t->process && (STATES[t->process->mm->state].flags & STATE_IS_ALONE))
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
	if (!fast.is_on)
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
	if (!fast.is_on || !mm->is_divided || mm->users > 1)
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
	if (!fast.is_on || mm->is_off || mm->users > 1)
		return;
	memory_write(child, SHIM_LOCKS, unlocked, sizeof(unlocked));
	memory_write(child, SHIM_STATE, &mm->state, sizeof(mm->state));
	memory_write(child, SHIM_ANSWERS, &none, sizeof(none));
}

/* ---- prefixes ---- */

static uint32_t flags_of(const struct object *at)
{
	struct stat st;
	struct meta_entry entry;
	uint32_t flags = at->mount->flags & BINDING_READ_ONLY ? PREFIX_READ_ONLY : 0;
	if (path_lstat(at->host, &st) < 0)
		return flags;
	meta_get_or_default(session.meta, &st, &entry);
	if (!S_ISDIR(st.st_mode))
		return flags | PREFIX_FILE;
	flags |= entry.marks & META_MARKS_OF_FLAGS ? PREFIX_READ_ONLY : 0u;
	/* Does what is made in it get nothing from it: no group, no ACL? */
	return flags | (!(entry.mode & S_ISGID) && !entry.xattr ? PREFIX_PLAIN : 0u) |
	       (entry.mode & S_ISVTX ? PREFIX_STICKY : 0u);
}

void fast_walked(const struct stat *st)
{
	enum { WORDS = sizeof(SHARED->walked) / sizeof(*SHARED->walked) };
	if (!fast.is_on)
		return;
	if (st)
		prefix_add_inode(SHARED->walked, WORDS, st->st_dev, st->st_ino);
	else
		memset(SHARED->walked, 0, sizeof(SHARED->walked));
}

/* What is typed, and where that begins. */
struct key {
	uint32_t base, hash;
	uint64_t dir_dev, dir_ino, generation;
	const char *typed;
	size_t length;
};

/* Where to tell of it; NULL: it has been told. */
static struct shim_prefix *place_for(const struct key *k)
{
	struct shim_prefix *set = &PREFIXES[prefix_set(k->base, k->dir_ino, k->hash)], *free_one = NULL;
	for (unsigned way = 0; way < SHIM_PREFIX_WAYS; way++) {
		struct shim_prefix *old = set + way;
		if (!old->base || old->generation != k->generation)
			free_one = old;
		else if (old->base == k->base && old->hash == k->hash && old->key_length == k->length &&
			 old->dir_ino == k->dir_ino && old->dir_dev == k->dir_dev && memcmp(old->text, k->typed, k->length) == 0)
			return NULL;
	}
	return free_one ? free_one : set + fast.turn++ % SHIM_PREFIX_WAYS;
}

/* `root`: the host path is of its tree; NULL: it is not. */
static void tell_prefix(struct shim_prefix *e, const struct key *k, const char *host, size_t host_length, uint32_t flags,
			uint32_t mount, const struct mount *root)
{
	bool needs_slash = (k->length == 0 || k->typed[k->length - 1] == '/') && host[host_length - 1] != '/';
	if (k->length + host_length + needs_slash + 8 > sizeof(e->text))
		return;
	__atomic_store_n(&e->sequence, e->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	e->base = k->base;
	e->hash = k->hash;
	e->key_length = k->length;
	e->host_length = host_length + needs_slash;
	e->generation = k->generation;
	e->flags = flags;
	e->mount = mount;
	e->root_length = root ? root->host_length + 1 : 0;
	e->dir_dev = k->dir_dev;
	e->dir_ino = k->dir_ino;
	memcpy(e->text, k->typed, k->length);
	memcpy(e->text + k->length, host, host_length);
	if (needs_slash)
		e->text[k->length + host_length] = '/';
	__atomic_store_n(&e->sequence, (e->sequence | 1) + 1, __ATOMIC_RELEASE);
}

void fast_publish(const struct tracee *t, enum fast_start from, const char *start, const char *typed, size_t length,
		  const struct object *at)
{
	struct stat dir = { .st_ino = 0 };
	const uint32_t state = fast.is_on ? t->process->mm->state : 0;
	/* What the shim does not ask about a mount: may programs be run, devices be opened? */
	if (!state || (at->mount->flags & (BINDING_PROC | BINDING_CGROUP | MOUNT_NO_EXEC | MOUNT_NO_DEVICES | MOUNT_NO_SYMLINKS)))
		return;
	if (from == FROM_DESCRIPTOR && (start[0] != '/' || lstat(path_short(start), &dir) < 0))
		return;
	struct key k = { from == FROM_CWD ? STATES[state].cwd_base : STATES[state].root_base, prefix_hash(typed, length),
			 dir.st_dev, dir.st_ino, meta_generation(session.meta), typed, length };
	struct shim_prefix *e = k.base ? place_for(&k) : NULL;
	/* A descriptor's directory is known by its inode, which other mounts may have elsewhere. */
	uint32_t no_mounts = from != FROM_DESCRIPTOR && !mounts_has_children(t->mounts, at->guest) ? PREFIX_NO_MOUNTS : 0;
	if (e)
		tell_prefix(e, &k, at->host, at->host_length, flags_of(at) | no_mounts, at->mount->id,
			    at->mount == t->mounts->list[0] && at->mount->host_length ? at->mount : NULL);
}

/* What this path leads to in the guest, below its root, is called so on the host, too. */
static void tell_same(const struct tracee *t, const char *path, uint32_t flags)
{
	const uint32_t state = fast.is_on ? t->process->mm->state : 0;
	const size_t length = strlen(path);
	if (!state)
		return;
	struct key k = { STATES[state].root_base, prefix_hash(path + 1, length - 1), 0, 0, meta_generation(session.meta), path + 1, length - 1 };
	struct shim_prefix *e = place_for(&k);
	if (e)
		tell_prefix(e, &k, path, length, flags, 0, NULL);
}

void fast_tell_descriptors(const struct tracee *t)
{
	tell_same(t, SHIM_OWN_DESCRIPTORS, PREFIX_DESCRIPTORS);
}

void fast_tell_proc_file(const struct tracee *t, const char *path)
{
	tell_same(t, path, PREFIX_FILE | PREFIX_READ_ONLY);
}

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
		note_new(c->argument[0], c->argument[1], rights(&c->t->cred) & STATE_MAKES_AS_ROOT ? c->argument[2] : 0);
		return CHECK_DONE;
	}
	if (is_ours && c->argument[3] == SHIM_SAYS_DIFFERS) {
		note_difference(c);
		return CHECK_DONE;
	}
	return 0;
}

void fast_note_entry(void)
{
	enum { OFTEN = 3 };
	bool is_told = !session.is_plain && !session.writes_through && !session.keeps_rootless;
	if (fast.is_on && is_told && ++fast.entries_noted == OFTEN)
		meta_make_inbox(session.meta);
}

bool fast_must_unmap(struct tracee *t, const struct cred *before)
{
	/* At SHIM_INBOX_USE. */
	struct {
		uint32_t inbox, moves;
	} use, none = { INBOX_UNKNOWN, 0 };
	if (!fast.is_on || !t->has_shim || !(rights(before) & STATE_MAKES_AS_ROOT) || (rights(&t->cred) & STATE_MAKES_AS_ROOT))
		return false;
	return memory_read(t, SHIM_INBOX_USE, &use, sizeof(use)) == 0 && (use.inbox == INBOX_WRITE || use.moves) &&
	       memory_write(t, SHIM_INBOX_USE, &none, sizeof(none)) == 0;
}

void fast_note_fixed_directory(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_READ_ONLY_TREES;
}

void fast_note_tree(void)
{
	if (fast.is_on && geteuid() == 0)
		SHARED->flags |= SHARED_SEARCHES_ALL;
}

void fast_note_pids(void)
{
	if (fast.is_on)
		SHARED->flags &= ~(uint32_t)SHARED_KNOWS_PARENTS;
}

void fast_note_names(void)
{
	if (fast.is_on)
		SHARED->flags &= ~(uint32_t)SHARED_KNOWS_NAMES;
}

void fast_note_node(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_HAS_NODES;
}

void fast_note_proc_directory(void)
{
	if (fast.is_on)
		SHARED->flags |= SHARED_PROC_DESCRIPTORS;
}

/* ---- a run ---- */

static bool has_openat2(void)
{
	enum { OPENAT2 = 437 };
	const uint64_t how[3] = { O_PATH | O_CLOEXEC, 0, 0 };
	CLEANUP_CLOSE int fd = syscall(OPENAT2, AT_FDCWD, "/", how, sizeof(how));
	return fd >= 0;
}

/* What the run's processes are told of the host; as the kernel says it when nothing else is wanted. */
static void tell_names(const struct uts *uts)
{
	const struct kernel_names *names = &session.config->kernel;
	const char *host = uts->host ? uts->host : "", *domain = uts->domain ? uts->domain : "";
	bool is_plain = !names->sysname && !names->release && !names->version && !names->machine;
	if (!is_plain || (uts->host && !*host) || (uts->domain && !*domain) || strlen(host) >= sizeof(SHARED->host_name) ||
	    strlen(domain) >= sizeof(SHARED->domain_name))
		return;
	memcpy(SHARED->host_name, host, strlen(host) + 1);
	memcpy(SHARED->domain_name, domain, strlen(domain) + 1);
	SHARED->flags |= SHARED_KNOWS_NAMES;
}

void fast_open(struct tracee *first)
{
	struct stat root, proc;
	struct iovec none = { NULL, 0 };
	memset(&fast, 0, sizeof(fast));
	if ((session.config->flags & TRACER_NO_FAST_PATH) || !meta_path(session.meta) ||
	    stat(session.config->root, &root) < 0)
		return;
	/* Processes are told their state while they run. */
	if (process_vm_writev(getpid(), &none, 1, &none, 1, 0) < 0)
		return;
	if (strlen(meta_path(session.meta)) >= sizeof(SHARED->table_path))
		return;
	fast.is_on = true;
	fast.state_count = 1;
	struct meta_owner owner;
	meta_owner_of(session.meta, &owner);
	SHARED->uid = owner.uid;
	SHARED->gid = owner.gid;
	SHARED->shown_uid = owner.shown_uid;
	SHARED->shown_gid = owner.shown_gid;
	SHARED->root_dev = root.st_dev;
	SHARED->proc_dev = stat("/proc", &proc) == 0 ? proc.st_dev : 0;
	SHARED->random = session.config->fall_through;
	SHARED->flags |= (session.config->verifies ? SHARED_VERIFIES : 0u) | (has_openat2() ? SHARED_HAS_OPENAT2 : 0u);
	uint32_t table = meta_header(session.meta)->flags;
	bool has_births = (table & META_HAS_RUNS) && birth_is_time(session.config->root, root.st_dev, table & META_OF_HOST);
	SHARED->flags |= has_births ? SHARED_TELLS_BIRTHS : 0;
	SHARED->flags |= session.config->flags & TRACER_LEAVE_MODES ? SHARED_LEAVES_MODES : 0;
	SHARED->flags |= meta_header(session.meta)->flags & META_HAS_FLAGS ? SHARED_READ_ONLY_TREES : 0;
	snprintf(SHARED->table_path, sizeof(SHARED->table_path), "%s", meta_path(session.meta));
	int n = snprintf(SHARED->inbox_path, sizeof(SHARED->inbox_path), "%s.inbox", meta_path(session.meta));
	if (n < 0 || (size_t)n >= sizeof(SHARED->inbox_path))
		SHARED->inbox_path[0] = '\0';
	if (strlen(arena_path()) < sizeof(SHARED->arena_path))
		snprintf(SHARED->arena_path, sizeof(SHARED->arena_path), "%s", arena_path());
	SHARED->flags |= (session.writes_through ? SHARED_WRITES_THROUGH : 0u) |
			 (session.writes_through || session.keeps_rootless ? SHARED_GIVES : 0u);
	/* Who has joined a session may have come from anybody. */
	SHARED->tracer = getpid();
	SHARED->flags |= session.first_pid ? SHARED_KNOWS_PARENTS : 0u;
	tell_names(first->uts);
	note_mounts(first->mounts);
	note_places(first);
	code_open(session.config->code_dir ? session.config->code_dir : session.run_dir);
}

void fast_close(void)
{
	TALLOC_FREE(fast.memory);
	fast.is_on = false;
}
