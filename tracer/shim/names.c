/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path of calls that open, make, remove and rename. */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
/* An open file that is not what it looks like: of /proc, or the empty file that stands for a device, or with such in it. */
static bool is_special(long fd, bool is_relative)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (raw(NR_FSTAT, fd, (long)&st, 0, 0) < 0)
		return true;
	/* What of its own devices works is the tracer's to say, and which mount a directory is of. */
	bool is_device = (st.mode & TYPE) == TYPE_CHARACTER || (st.mode & TYPE) == TYPE_BLOCK;
	if (is_device && (st.dev == SHARED->root_dev || is_relative) && (SHARED->flags & SHARED_WRITES_THROUGH))
		return true;
	int found = entry_at(st.dev, st.ino, fd, 0, &entry);
	return found < 0 || (found && ((entry.marks & META_MARK_NODES) ||
				       ((st.mode & TYPE) == TYPE_FILE && (entry.mode & TYPE) != TYPE_FILE)));
}

/* Is what is made in such a directory root's, of just the mode that is asked for? */
static bool makes_plainly(uint32_t flags)
{
	return (flags & (PREFIX_PLAIN | PREFIX_READ_ONLY | PREFIX_FILE)) == PREFIX_PLAIN;
}

/* A new inode may have the number of one that the table still knows; and its mode may not be what the host shows. */
static void look_at_made(struct shim_frame *f, long r, const struct kernel_stat *st, long dir_fd, uint64_t path)
{
	struct meta_entry entry;
	if (r == 0 && (f->made_mode || entry_of(st->dev, st->ino, &entry) != 0) &&
	    !(may_tell(st->dev, st->ino) && tell_made(st->ino, f->made_mode, dir_fd, path)))
		shim_say_new(st->dev, st->ino, f->made_mode);
	f->makes = MAKES_NOTHING;
}

static bool must_look(const struct shim_frame *f)
{
	return META->live || (META->flags & META_HAS_INBOX) || f->made_mode;
}

static void look_at_descriptor(struct shim_frame *f)
{
	struct kernel_stat st;
	if (must_look(f))
		look_at_made(f, raw(NR_FSTAT, f->result, (long)&st, 0, 0), &st, f->result, 0);
}

static void look_at_name(struct shim_frame *f, const struct place *p)
{
	struct kernel_stat st;
	if (must_look(f))
		look_at_made(f, raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW), &st, p->dir_fd, (uint64_t)f->path);
}

enum {
	O_WRITE = 1, O_ACCESS = 3, O_CREATE = 0100, O_EXCLUSIVE = 0200, O_NO_TERMINAL = 0400, O_TRUNCATE = 01000,
	O_APPENDING = 02000, O_NON_BLOCKING = 04000, O_LARGE = 0100000, O_DIRECTORY = 0200000,
	O_NO_FOLLOW = 0400000, O_CLOSE_ON_EXEC = 02000000, O_PATH = 010000000, O_SYNC_ALL = 04010000,
};

/* After a call that has failed nothing has happened. */
static int64_t failure(struct shim_frame *f)
{
	f->phase = PHASE_LOOKING;
	f->makes = MAKES_NOTHING;
	return f->result;
}

static void act_open(struct shim_frame *f, long dir_fd, uint32_t flags, uint32_t mode)
{
	if (!i386_act_open(f, dir_fd, flags, mode))
		shim_act(f, NR_OPENAT, dir_fd, (long)f->path, flags, mode, 0);
}

/*
 * Open what is there, following no symlink: -ELOOP, or -ENOTDIR for one that must be a directory.  Where there is no
 * openat2(2) the descriptor's flags tell of it.
 */
static void open_unfollowed(struct shim_frame *f, struct place *p, uint32_t flags)
{
	enum { NO_SYMLINKS = 4 };
	uint64_t how[3] = { flags, 0, NO_SYMLINKS };
	/* O_DIRECTORY would show in the flags: so a slash says that it must be one. */
	if ((SHARED->flags & SHARED_HAS_OPENAT2) && (p->must_be_directory || !(flags & O_NO_FOLLOW))) {
		uint32_t end = p->name_at;
		while (p->must_be_directory && f->path[end])
			end++;
		if (p->must_be_directory) {
			f->path[end] = '/';
			f->path[end + 1] = '\0';
		}
		if (!i386_act_open_unfollowed(f, p->dir_fd, flags))
			shim_act(f, NR_OPENAT2, p->dir_fd, (long)f->path, (long)how, sizeof(how), 0);
		if (p->must_be_directory)
			f->path[end] = '\0';
		return;
	}
	act_open(f, p->dir_fd, flags | O_NO_FOLLOW | (p->must_be_directory ? O_DIRECTORY : 0u), 0);
}

/* Open for reading what is there. */
static enum answer open_to_read(struct shim_frame *f, struct place *p, uint32_t flags)
{
	struct kernel_stat st;
	bool follows = p->must_be_directory || !(flags & O_NO_FOLLOW);
	f->is_blocked = 0;
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		f->makes = MAKES_UNSEEN_AT_RESULT;
		open_unfollowed(f, p, flags);
		if (f->result >= 0) {
			bool may_be_special = META->nodes || !(META->flags & META_COUNTS_NODES) || may_be_proc(p) ||
					      (SHARED->flags & SHARED_WRITES_THROUGH);
			bool is_plain = !may_be_special || !is_special(f->result, p->is_relative);
			if (!is_plain) {
				raw(NR_CLOSE, f->result, 0, 0, 0);
				f->phase = PHASE_LOOKING;
			}
			let_signals_come(f);
			return is_plain ? ANSWERED : SLOW;
		}
		int64_t result = failure(f);
		if (result == INTERRUPTED)
			return answer(f, result);
		if (may_have_moved(p))
			return SLOW;
		if (result == NO_ENTRY)
			return answer(f, result);
		/* What a symlink is not, with O_DIRECTORY, is a directory. */
		if ((result != LOOP && result != NOT_DIRECTORY) || !follows ||
		    raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW) < 0 ||
		    (st.mode & TYPE) != TYPE_LINK || !place_follow(f, p, &st) || p->is_dot)
			return SLOW;
	}
	return SLOW;
}

/* Open for writing what is there: a file of the container's own that nothing is lost by writing to. */
static enum answer open_to_write(struct shim_frame *f, struct place *p, uint32_t flags)
{
	struct kernel_stat st;
	struct meta_entry entry;
	if (may_be_read_only(p) || may_be_proc(p))
		return SLOW;
	long r = place_examine(f, p, !(flags & O_NO_FOLLOW), &st);
	if (r == NO_ENTRY && !(flags & O_CREATE))
		return answer(f, r);
	if (r != 0 || may_be_read_only(p))
		return SLOW;
	if ((st.mode & TYPE) == TYPE_FILE) {
		int found = entry_at(st.dev, st.ino, p->dir_fd, (uint64_t)f->path, &entry);
		if (found < 0 || !(st.mode & ANY_WRITE) || (st.mode & (ANY_EXECUTE | SPECIAL_BITS)) ||
		    (found && ((entry.mode & TYPE) != TYPE_FILE || (entry.mode & SETID_BITS) || entry.xattr || entry.marks)))
			return SLOW;
	} else if (!(p->flags & PREFIX_FILE) || p->is_relative) {
		return SLOW;
	}
	open_unfollowed(f, p, flags & ~(uint32_t)(O_CREATE | O_EXCLUSIVE));
	if (f->result >= 0)
		return ANSWERED;
	int64_t result = failure(f);
	/* Who has no terminal asks /dev/tty in vain. */
	bool is_lost = result == NO_DEVICE && (st.mode & TYPE) == TYPE_CHARACTER;
	return result == INTERRUPTED || is_lost ? answer(f, result) : SLOW;
}

/* What is made gets this mode on the host: when that is not what it shall show, may that be told? */
static bool find_mode(struct shim_frame *f, const struct place *p, uint32_t type, uint32_t mode, uint32_t real_mode)
{
	uint32_t umask = p->state->umask, needed = type == TYPE_DIRECTORY ? 0700 : 0600;
	bool is_shown = (mode & ~umask) == (real_mode & ~umask);
	f->made_mode = is_shown ? 0 : type | (mode & ~umask);
	/* The inode is not known yet: its file system is looked at when it is. */
	bool may_differ = (META->flags & META_HAS_INBOX) && !(SHARED->flags & (SHARED_LEAVES_MODES | SHARED_GIVES));
	return !(umask & needed) && (is_shown || may_differ);
}

static enum answer open_to_make(struct shim_frame *f, struct place *p, uint32_t flags, uint32_t mode)
{
	if (p->flags & PREFIX_FILE && !p->is_relative)
		return flags & O_EXCLUSIVE ? answer(f, EXISTS) : open_to_write(f, p, flags);
	uint32_t directory = place_directory_flags(f, p), real_mode = (mode & 0777) | 0600;
	if (!makes_plainly(directory) || may_be_proc(p) || !find_mode(f, p, TYPE_FILE, mode, real_mode))
		return SLOW;
	f->makes = MAKES_FILE_AT_RESULT;
	/* What is there, a symlink too, is not opened so. */
	act_open(f, p->dir_fd, flags | O_EXCLUSIVE, real_mode);
	if (f->result >= 0) {
		look_at_descriptor(f);
		return ANSWERED;
	}
	int64_t result = failure(f);
	if (result == NO_ENTRY || result == INTERRUPTED || (result == EXISTS && (flags & O_EXCLUSIVE)))
		return answer(f, result);
	/* fs.protected_regular and its like are about sticky directories. */
	if (result != EXISTS || (directory & PREFIX_STICKY))
		return SLOW;
	return flags & (O_ACCESS | O_TRUNCATE) ? open_to_write(f, p, flags) : SLOW;
}

static enum answer open_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t flags, uint32_t mode)
{
	static const uint32_t reading = O_NO_TERMINAL | O_NON_BLOCKING | O_LARGE | O_DIRECTORY | O_NO_FOLLOW | O_CLOSE_ON_EXEC;
	static const uint32_t writing = O_ACCESS | O_CREATE | O_EXCLUSIVE | O_TRUNCATE | O_APPENDING | O_SYNC_ALL;
	static const uint32_t with_path = O_PATH | O_DIRECTORY | O_NO_FOLLOW | O_CLOSE_ON_EXEC;
	struct place p;
	if (flags & O_PATH) {
		/* A symlink itself can be had so: then nothing tells that one was not followed. */
		if ((flags & ~with_path) || !(flags & (O_NO_FOLLOW | O_DIRECTORY)))
			return SLOW;
	} else if ((flags & ~(reading | writing)) || (flags & O_ACCESS) == O_ACCESS ||
		   ((flags & O_DIRECTORY) && (flags & writing))) {
		return SLOW;
	}
	bool writes = flags & (O_ACCESS | O_CREATE | O_TRUNCATE);
	uint32_t needed = writes ? STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT : STATE_LOOKS_AS_ROOT;
	/* Whose listing the host does not have is opened by the tracer. */
	if (!place_find_any(f, dir_fd, path, needed, &p) || p.is_dot || (writes && p.must_be_directory))
		return SLOW;
	if (flags & O_CREATE)
		return open_to_make(f, &p, flags, mode & 07777);
	return writes ? open_to_write(f, &p, flags) : open_to_read(f, &p, flags);
}

int fast_open(struct shim_frame *f)
{
	return open_path(f, AT_CWD, f->argument[0], f->argument[1], f->argument[2]);
}

int fast_creat(struct shim_frame *f)
{
	/* sys_creat of fs/open.c: of 32-bit programs, too. */
	return open_path(f, AT_CWD, f->argument[0], O_CREATE | O_WRITE | O_TRUNCATE | O_LARGE, f->argument[1]);
}

int fast_openat(struct shim_frame *f)
{
	return open_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3]);
}

/* What may be changed of the names in the place's directory. */
static bool find_to_change(struct shim_frame *f, long dir_fd, uint64_t path, struct place *p)
{
	return place_find(f, dir_fd, path, STATE_LOOKS_AS_ROOT | STATE_MAKES_AS_ROOT, p) && !(p->flags & PREFIX_FILE) &&
	       !may_be_proc(p) && !may_be_read_only(p);
}

/* The act is done: whether it worked, and what it made. */
static enum answer made_name(struct shim_frame *f, const struct place *p)
{
	if (f->result == 0) {
		look_at_name(f, p);
		return ANSWERED;
	}
	int64_t result = failure(f);
	return result == EXISTS || result == NO_ENTRY || result == INTERRUPTED ? answer(f, result) : SLOW;
}

static enum answer mkdir_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t mode)
{
	struct place p;
	if ((mode & SPECIAL_BITS) || !find_to_change(f, dir_fd, path, &p) || !makes_plainly(place_directory_flags(f, &p)) ||
	    !find_mode(f, &p, TYPE_DIRECTORY, mode & 0777, (mode & 0777) | 0700))
		return SLOW;
	f->made_at = p.dir_fd;
	f->makes = MAKES_NAME_AT_PATH;
	shim_act(f, NR_MKDIRAT, p.dir_fd, (long)f->path, (mode & 0777) | 0700, 0, 0);
	return made_name(f, &p);
}

int fast_mkdir(struct shim_frame *f)
{
	return mkdir_path(f, AT_CWD, f->argument[0], f->argument[1]);
}

int fast_mkdirat(struct shim_frame *f)
{
	return mkdir_path(f, f->argument[0], f->argument[1], f->argument[2]);
}

static enum answer symlink_path(struct shim_frame *f, uint64_t target, long dir_fd, uint64_t path)
{
	struct place p;
	if (!may_be_mapped(target) || !*(const char *)target || !find_to_change(f, dir_fd, path, &p) ||
	    !makes_plainly(place_directory_flags(f, &p)))
		return SLOW;
	f->made_at = p.dir_fd;
	f->makes = MAKES_NAME_AT_PATH;
	shim_act(f, NR_SYMLINKAT, target, p.dir_fd, (long)f->path, 0, 0);
	return made_name(f, &p);
}

int fast_symlink(struct shim_frame *f)
{
	return symlink_path(f, f->argument[0], AT_CWD, f->argument[1]);
}

int fast_symlinkat(struct shim_frame *f)
{
	return symlink_path(f, f->argument[0], f->argument[1], f->argument[2]);
}

/* Neither a directory nor a symlink, on which translated prefixes may rest. */
static bool is_leaf(const struct kernel_stat *st)
{
	return (st->mode & TYPE) != TYPE_DIRECTORY && (st->mode & TYPE) != TYPE_LINK;
}

/* The inode is about to lose this name: 1 when it leaves an entry that must be told of, 0, -1: the tracer's. */
static int find_to_leave(const struct place *p, const struct shim_frame *f, const struct kernel_stat *st, struct seen *seen)
{
	int found = entry_to_change(st->dev, st->ino, p->dir_fd, (uint64_t)f->path, seen);
	bool is_last = st->nlink == 1 || (st->mode & TYPE) == TYPE_DIRECTORY;
	if (found <= 0)
		return found;
	if (!meta_is_simple(&seen->entry) || !meta_fits(&seen->entry, st->mode, st->nlink) || !may_tell(st->dev, st->ino))
		return -1;
	return !is_last ? 0 : tell_leaving(seen) ? 1 : -1;
}

static enum answer remove_path(struct shim_frame *f, long dir_fd, uint64_t path, uint32_t flags)
{
	enum { REMOVE_DIRECTORY = 0x200 };
	struct seen seen;
	struct place p;
	struct kernel_stat st;
	if (!find_to_change(f, dir_fd, path, &p))
		return SLOW;
	long r = place_examine(f, &p, false, &st);
	if (r == NO_ENTRY)
		return answer(f, r);
	bool is_directory = (st.mode & TYPE) == TYPE_DIRECTORY;
	if (r != 0 || is_directory != !!(flags & REMOVE_DIRECTORY))
		return SLOW;
	int leaves = find_to_leave(&p, f, &st, &seen);
	if (leaves < 0)
		return SLOW;
	uint64_t mask;
	bool is_move = !is_leaf(&st);
	if (is_move && !move_begin(f, &p, &st, &mask))
		return SLOW;
	shim_act(f, NR_UNLINKAT, p.dir_fd, (long)f->path, flags, 0, 0);
	if (is_move)
		move_end(f, mask);
	if (f->result == 0) {
		if (leaves)
			tell_unnamed(&seen);
		return ANSWERED;
	}
	int64_t result = failure(f);
	return result == NO_ENTRY || result == INTERRUPTED ? answer(f, result) : SLOW;
}

int fast_unlink(struct shim_frame *f)
{
	return remove_path(f, AT_CWD, f->argument[0], 0);
}

int fast_rmdir(struct shim_frame *f)
{
	return remove_path(f, AT_CWD, f->argument[0], 0x200);
}

int fast_unlinkat(struct shim_frame *f)
{
	uint32_t flags = f->argument[2];
	return flags & ~0x200u ? SLOW : remove_path(f, f->argument[0], f->argument[1], flags);
}

static enum answer rename_path(struct shim_frame *f, long from_fd, uint64_t from, long to_fd, uint64_t to, uint32_t flags)
{
	enum { SHORT = 1024, NO_REPLACE = 1 };
	char old[SHORT + 8];
	struct place p, q;
	struct kernel_stat st;
	struct meta_entry entry;
	struct seen seen;
	int found;
	if ((flags & ~(uint32_t)NO_REPLACE) || !find_to_change(f, from_fd, from, &p) || place_examine(f, &p, false, &st) != 0 || !is_leaf(&st) ||
	    (found = entry_at(st.dev, st.ino, p.dir_fd, (uint64_t)f->path, &entry)) < 0)
		return SLOW;
	/* A device's directory is known for it. */
	if ((META->nodes || (META->flags & META_HAS_FLAGS)) && (st.mode & TYPE) == TYPE_FILE && found == 1 &&
	    ((entry.mode & TYPE) != TYPE_FILE || (entry.marks & META_MARKS_OF_FLAGS)))
		return SLOW;
	const uint64_t dev = st.dev, ino = st.ino;
	uint32_t length = 0;
	while (length < SHORT && f->path[length])
		length++;
	if (length == SHORT)
		return SLOW;
	copy(old, f->path, length + 1);
	if (!find_to_change(f, to_fd, to, &q))
		return SLOW;
	bool is_same_mount = p.is_relative ? q.is_relative && p.dir_fd == q.dir_fd : !q.is_relative && p.mount == q.mount;
	long r = place_examine(f, &q, false, &st);
	if (r == 0 && (flags & NO_REPLACE) && is_same_mount)
		return answer(f, EXISTS);
	/* rename(2): of two names of one file "does nothing". */
	bool is_same_file = r == 0 && st.dev == dev && st.ino == ino;
	int leaves = r == NO_ENTRY || is_same_file ? 0 : r == 0 && is_leaf(&st) ? find_to_leave(&q, f, &st, &seen) : -1;
	if (!is_same_mount || leaves < 0)
		return SLOW;
	shim_act(f, flags ? NR_RENAMEAT2 : NR_RENAMEAT, p.dir_fd, (long)old, q.dir_fd, (long)f->path, flags);
	if (f->result == 0) {
		if (leaves)
			tell_unnamed(&seen);
		return ANSWERED;
	}
	return failure(f) == INTERRUPTED ? answer(f, INTERRUPTED) : SLOW;
}

int fast_rename(struct shim_frame *f)
{
	return rename_path(f, AT_CWD, f->argument[0], AT_CWD, f->argument[1], 0);
}

int fast_renameat(struct shim_frame *f)
{
	return rename_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3], 0);
}

int fast_renameat2(struct shim_frame *f)
{
	return rename_path(f, f->argument[0], f->argument[1], f->argument[2], f->argument[3], f->argument[4]);
}
#endif
