/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path leads: a directory part that the tracer has told of, or one that it has told of and below it
 * directories that are looked at one by one.
 */
#include "tracer/shim/fast.h"

#ifdef __x86_64__
const struct shim_state *state_with(uint32_t flags, uint32_t *ret_number)
{
	uint32_t number = state_number();
	const struct shim_state *s = (const struct shim_state *)SHIM_STATES + number;
	*ret_number = number;
	if (number == 0 || number >= SHIM_STATE_COUNT || (s->flags & flags) != flags)
		return 0;
	/* Tests have some calls fall through for no reason. */
	if (SHARED->random && (__builtin_ia32_rdtsc() >> 4) % SHARED->random == 0)
		return 0;
	return s;
}

/* A path as typed, without the slashes that it begins with; in frame->link. */
enum { PARTS_MAX = 40 };
struct typed {
	bool is_absolute;
	bool must_be_directory;
	bool is_dot; /* its last part, which has no slash behind it */
	uint32_t length, hash;
	uint32_t name_at;
	uint32_t count;	    /* of the slashes: a directory part ends with each */
	uint64_t dots;	    /* bits: which parts are, so that no looking goes over them */
	uint32_t must_clear; /* so many, the name counted, have to be known but where nothing is mounted below what is known */
	uint32_t end[PARTS_MAX], end_hash[PARTS_MAX];
};

/* Both have room for whole words. */
static bool is_same_text(const char *a, const char *b, uint32_t length)
{
	uint64_t x, y;
	for (uint32_t i = 0; i < length; i += sizeof(x)) {
		__builtin_memcpy(&x, a + i, sizeof(x));
		__builtin_memcpy(&y, b + i, sizeof(y));
		uint32_t left = length - i;
		if ((x ^ y) << (left < sizeof(x) ? 64 - 8 * left : 0))
			return false;
	}
	return true;
}

bool prefix_use(struct shim_frame *f, const struct shim_prefix *e, const struct start *start, uint32_t hash,
		uint32_t key_length, uint64_t moves, struct place *p)
{
	uint32_t sequence = __atomic_load_n(&e->sequence, __ATOMIC_ACQUIRE);
	uint64_t generation = __atomic_load_n(&META->generation, __ATOMIC_ACQUIRE);
	uint32_t host_length = e->host_length;
	if ((sequence & 1) || e->base != start->base || e->hash != hash || e->key_length != key_length ||
	    e->generation != generation || e->moves != moves || e->dir_ino != start->ino || e->dir_dev != start->dev ||
	    key_length + host_length > sizeof(e->text))
		return false;
	if (!is_same_text(e->text, f->link, key_length))
		return false;
	/* The kernel walks from where the process is: the root's own host path costs as much as what is below it. */
	uint32_t known = p->state->flags & STATE_IS_AT_ROOT ? e->root_length : 0;
	if (known > host_length)
		return false;
	copy(f->path, e->text + key_length + known, host_length - known);
	p->flags = e->flags;
	p->mount = e->mount;
	p->directories = e->directories;
	p->name_at = host_length - known;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&e->sequence, __ATOMIC_RELAXED) == sequence;
}

/* Put the host directory of the first `key_length` bytes of what is typed into frame->path. */
static bool use_prefix(struct shim_frame *f, const struct start *start, uint32_t hash, uint32_t key_length, struct place *p)
{
	const uint32_t at = prefix_set(start->base, start->ino, hash);
	const struct shim_prefix *set = (const struct shim_prefix *)SHIM_PREFIXES + at;
	if (!start->base || !prefix_is_set_used(SHARED->prefix_sets, at))
		return false;
	for (uint32_t way = 0; way < SHIM_PREFIX_WAYS; way++)
		if (prefix_use(f, set + way, start, hash, key_length, 0, p))
			return true;
	return false;
}

/* A file that is bound where the path leads, or one of /proc. */
static bool find_bound(struct shim_frame *f, const struct start *start, const struct typed *typed, struct place *p)
{
	if (!use_prefix(f, start, typed->hash, typed->length, p) || !(p->flags & PREFIX_FILE) || state_number() != p->number)
		return false;
	f->path[p->name_at] = '\0';
	p->dir_fd = AT_CWD;
	p->is_relative = false;
	p->has_flags = true;
	return true;
}

static struct start start_of(const struct place *p, bool is_absolute, long dir_fd, bool has_directory)
{
	struct start start = { 0, 0, 0 };
	struct kernel_stat st;
	if (is_absolute) {
		start.base = p->state->root_base;
	} else if (dir_fd == AT_CWD) {
		start.base = p->state->flags & STATE_HAS_CWD ? p->state->cwd_base : 0;
	} else if (has_directory && raw(NR_FSTAT, dir_fd, (long)&st, 0, 0) == 0 && st.dev != SHARED->proc_dev) {
		start.base = p->state->root_base;
		start.dev = st.dev;
		start.ino = st.ino;
	}
	return start;
}

/* What is made in such a directory, as the tracer tells it with a prefix. */
static uint32_t flags_of(const struct kernel_stat *st, long dir_fd, uint64_t path)
{
	struct meta_entry entry;
	int found = entry_at(st->dev, st->ino, dir_fd, path, &entry);
	if (found < 0)
		return PREFIX_READ_ONLY;
	uint32_t mode = found ? entry.mode : st->mode;
	bool is_fixed = found && (entry.marks & META_MARKS_OF_FLAGS);
	return (is_fixed ? PREFIX_READ_ONLY : 0u) | (mode & STICKY ? PREFIX_STICKY : 0u) | (!(mode & SETGID) && !(found && entry.xattr) ? PREFIX_PLAIN : 0u);
}

uint32_t place_directory_flags(struct shim_frame *f, const struct place *p)
{
	struct kernel_stat st;
	uint32_t inherited = p->is_relative && (SHARED->flags & SHARED_READ_ONLY_TREES) ? PREFIX_READ_ONLY : p->flags & PREFIX_READ_ONLY;
	long r;
	if (p->has_flags)
		return p->flags | inherited;
	const char *path = p->dir_fd == AT_CWD ? "." : 0;
	uint32_t flags = PREFIX_READ_ONLY;
	if (p->name_at) {
		f->path[p->name_at - 1] = '\0';
		r = raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW);
		flags = r < 0 ? flags : flags_of(&st, p->dir_fd, (uint64_t)f->path);
		f->path[p->name_at - 1] = '/';
	} else {
		r = path ? raw(NR_NEWFSTATAT, AT_CWD, (long)path, (long)&st, 0) : raw(NR_FSTAT, p->dir_fd, (long)&st, 0, 0);
		flags = r < 0 ? flags : flags_of(&st, p->dir_fd, (uint64_t)path);
	}
	return flags | inherited;
}

/* The place is in a directory that is not there: so it is for the kernel, too, though somebody may make it now. */
static bool lead_nowhere(struct shim_frame *f, struct place *p)
{
	static const char nowhere[] = "/proc/fakebuild/"; /* no symlink is on the way */
	/* What is there may have another name for the guest. */
	if (may_be_proc(p))
		return false;
	for (uint32_t i = 0; i < sizeof(nowhere); i++)
		f->path[i] = nowhere[i];
	p->name_at = sizeof(nowhere) - 1;
	p->dir_fd = AT_CWD;
	p->is_relative = false;
	p->has_flags = true;
	return true;
}

/*
 * Append the directories that are typed from `known` parts on, when each is one: no symlink, no mount.  When one is missing
 * the rest needs no looking at.  `asks`: nothing but that shall be found.
 */
static bool look_down(struct shim_frame *f, const struct start *start, const struct typed *typed, uint32_t known, bool asks, struct place *p)
{
	struct kernel_stat st;
	const struct looking since = looked_begin();
	uint32_t inherited = p->flags & (PREFIX_READ_ONLY | PREFIX_NO_MOUNTS), at = known ? typed->end[known - 1] : 0;
	p->flags = inherited;
	for (uint32_t part = known; part < typed->count; at = typed->end[part++]) {
		uint32_t length = typed->end[part] - at;
		if (typed->dots >> part & 1)
			return false;
		copy(f->path + p->name_at, f->link + at, length);
		p->name_at += length;
		if (length == 1)
			continue;
		f->path[p->name_at - 1] = '\0';
		long r = raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)&st, AT_NOFOLLOW);
		if (r == NO_ENTRY) {
			p->flags = inherited;
			return lead_nowhere(f, p);
		}
		if (asks || r < 0 || (st.mode & TYPE) != TYPE_DIRECTORY || st.dev == SHARED->proc_dev)
			return false;
		p->flags = inherited | flags_of(&st, p->dir_fd, (uint64_t)f->path);
		f->path[p->name_at - 1] = '/';
		/* Else what makes it so may pass without a word. */
		if ((p->flags & PREFIX_READ_ONLY) == (inherited & PREFIX_READ_ONLY))
			looked_add(f, &since, start, typed->end_hash[part], typed->end[part], p);
	}
	p->has_flags = true;
	return true;
}

/* Of the directory that a path begins at which is not absolute. */
static uint32_t flags_of_start(const struct place *p)
{
	return p->dir_fd == AT_CWD && (p->state->flags & STATE_NO_MOUNTS) ? PREFIX_NO_MOUNTS : 0;
}

/* The directory part is not known as a whole: begin with what is. */
static bool walk_down(struct shim_frame *f, const struct start *start, const struct typed *typed, struct place *p)
{
	uint32_t known = typed->count;
	while (known > 0) {
		known--;
		if (known == 0 && !typed->is_absolute) {
			/* The kernel knows the directory that the path begins at. */
			p->is_relative = true;
			p->name_at = 0;
			p->flags = (SHARED->flags & SHARED_READ_ONLY_TREES ? PREFIX_READ_ONLY : 0u) | flags_of_start(p);
			break;
		}
		p->is_relative = false;
		if (use_prefix(f, start, known ? typed->end_hash[known - 1] : PREFIX_HASH_START,
			       known ? typed->end[known - 1] : 0, p))
			break;
		if (known && looked_find(f, start, typed->end_hash[known - 1], typed->end[known - 1], p))
			break;
		if (known == 0)
			return false;
	}
	/* A look costs some sixtieth of a stop, after which it is known to all: so many are made, on average, before one. */
	enum { LOOKS_A_STOP = 64 };
	uint32_t looks = typed->count - known;
	if (known < typed->must_clear && !(p->flags & PREFIX_NO_MOUNTS))
		return false;
	if (looks == 0 || (p->flags & (PREFIX_FILE | PREFIX_DESCRIPTORS)))
		return false;
	if (!p->is_relative)
		p->dir_fd = AT_CWD;
	/* That a directory is missing in one that is known it would not tell. */
	return look_down(f, start, typed, known, (__builtin_ia32_rdtsc() >> 5) % LOOKS_A_STOP < looks, p);
}

/* Copy the path to frame->link.  False: it is one for the tracer. */
static bool read_typed(struct shim_frame *f, const char *text, struct typed *typed)
{
	uint32_t hash = PREFIX_HASH_START, name_hash = hash, length = 0, name_at = 0, count = 0;
	typed->is_absolute = *text == '/';
	typed->must_clear = 0;
	typed->dots = 0;
	while (*text == '/')
		text++;
	for (char byte; (byte = text[length]); length++) {
		if (length == PATH_LIMIT - 1)
			return false;
		f->link[length] = byte;
		hash = prefix_hash_step(hash, byte);
		if (byte != '/') {
			name_hash = prefix_hash_step(name_hash, byte);
			continue;
		}
		if (count == PARTS_MAX)
			return false;
		if (prefix_is_dot(f->link + name_at, length - name_at))
			typed->dots |= UINT64_C(1) << count;
		if (prefix_is_mount_name(SHARED->mount_names, name_hash))
			typed->must_clear = count + 1;
		typed->end[count] = length + 1;
		typed->end_hash[count++] = hash;
		name_at = length + 1;
		name_hash = PREFIX_HASH_START;
	}
	typed->must_be_directory = length && name_at == length;
	if (typed->must_be_directory) {
		/* Its last part is the name; dots are the tracer's. */
		if (typed->dots >> --count & 1)
			return false;
		length--;
		name_at = count ? typed->end[count - 1] : 0;
		if (name_at == length)
			return false;
	} else if (length && prefix_is_mount_name(SHARED->mount_names, name_hash)) {
		typed->must_clear = count + 1;
	}
	/* The root. */
	if (!length && typed->is_absolute)
		f->link[length++] = '.';
	f->link[length] = '\0';
	typed->length = length;
	typed->hash = hash;
	typed->name_at = name_at;
	typed->count = count;
	uint32_t name_length = length - name_at;
	typed->is_dot = name_length == 1 && f->link[name_at] == '.';
	typed->must_be_directory |= typed->is_dot;
	return name_length != 0 && name_length <= NAME_LIMIT && (typed->is_dot || !prefix_is_dot(f->link + name_at, name_length));
}

/* Put the host directory of what is typed into frame->path.  False: what the name leads to there is the tracer's to say. */
static bool find_directory(struct shim_frame *f, const struct start *start, const struct typed *typed, struct place *p)
{
	if (!typed->is_absolute && typed->count == 0) {
		p->is_relative = true;
		p->has_flags = false;
		p->flags = flags_of_start(p);
		p->name_at = 0;
	} else if (use_prefix(f, start, typed->count ? typed->end_hash[typed->count - 1] : PREFIX_HASH_START, typed->name_at, p)) {
		p->is_relative = false;
		p->dir_fd = AT_CWD;
		if (p->flags & (PREFIX_FILE | PREFIX_DESCRIPTORS))
			return false;
	} else if (!(typed->count && looked_find(f, start, typed->end_hash[typed->count - 1], typed->name_at, p)) &&
		   !walk_down(f, start, typed, p)) {
		return false;
	}
	return typed->must_clear <= typed->count || (p->flags & PREFIX_NO_MOUNTS);
}

/* Put the host path of `text` (relative to dir_fd) into frame->path; it is copied to frame->link first. */
static bool find_text(struct shim_frame *f, long dir_fd, const char *text, struct place *p)
{
	struct typed typed;
	if (!read_typed(f, text, &typed))
		return false;
	struct start start = start_of(p, typed.is_absolute, dir_fd, typed.count != 0);
	p->has_flags = true; /* but looked_find may say otherwise */
	p->must_be_directory = typed.must_be_directory;
	p->is_dot = typed.is_dot;
	if (!typed.is_absolute && dir_fd == AT_CWD && !(p->state->flags & STATE_HAS_CWD))
		return false;
	/* What a descriptor itself is on may be a tree (trees.h). */
	if (typed.is_dot && !typed.is_absolute && typed.count == 0 && dir_fd != AT_CWD)
		return false;
	p->dir_fd = dir_fd;
	if (!find_directory(f, &start, &typed, p))
		return !typed.must_be_directory && find_bound(f, &start, &typed, p);
	if (state_number() != p->number)
		return false;
	copy(f->path + p->name_at, f->link + typed.name_at, typed.length - typed.name_at + 1);
	return true;
}

bool place_find_any(struct shim_frame *f, long dir_fd, uint64_t address, uint32_t flags, struct place *p)
{
	const struct shim_moves *moves = (const struct shim_moves *)SHIM_MOVES;
	p->moves.by_tracer = __atomic_load_n(&moves->by_tracer, __ATOMIC_ACQUIRE);
	p->moves.begun = __atomic_load_n(&moves->begun, __ATOMIC_ACQUIRE);
	p->state = state_with(flags, &p->number);
	return p->state && !(p->moves.by_tracer & 1) && may_be_mapped(address) && find_text(f, (int)dir_fd, (const char *)address, p);
}

bool place_find(struct shim_frame *f, long dir_fd, uint64_t address, uint32_t flags, struct place *p)
{
	return place_find_any(f, dir_fd, address, flags, p) && !p->must_be_directory;
}

long place_descriptor(struct shim_frame *f, uint64_t address, struct place *p)
{
	static const char expected[] = SHIM_OWN_DESCRIPTORS;
	struct typed typed;
	p->state = state_with(STATE_LOOKS_AS_ROOT, &p->number);
	if (!p->state || !may_be_mapped(address))
		return -1;
	for (uint32_t i = 0; i < sizeof(expected) - 1; i++)
		if (((const char *)address)[i] != expected[i])
			return -1;
	if (!read_typed(f, (const char *)address, &typed) || typed.must_be_directory)
		return -1;
	struct start start = { p->state->root_base, 0, 0 };
	if (!use_prefix(f, &start, typed.end_hash[typed.count - 1], typed.name_at, p) || !(p->flags & PREFIX_DESCRIPTORS) ||
	    state_number() != p->number)
		return -1;
	long fd = 0;
	for (uint32_t at = typed.name_at; at < typed.length; at++) {
		uint32_t digit = (uint8_t)f->link[at] - '0';
		if (digit > 9 || fd > 99999)
			return -1;
		fd = fd * 10 + digit;
	}
	copy(f->path + p->name_at, f->link + typed.name_at, typed.length - typed.name_at + 1);
	p->dir_fd = AT_CWD;
	p->is_relative = false;
	return fd;
}

/*
 * Where it leads must be in the same directory, or absolute.  fs.protected_symlinks is about links of others than
 * root, and who is the invoking user himself than his.
 */
bool place_follow(struct shim_frame *f, struct place *p, const struct kernel_stat *st)
{
	struct meta_entry entry;
	bool is_strangers = (p->state->flags & STATE_IS_PLAIN) && st->uid && st->uid != SHARED->uid;
	if (is_strangers || entry_of(st->dev, st->ino, &entry) != 0)
		return false;
	long n = raw(NR_READLINKAT, p->dir_fd, (long)f->path, (long)f->link, PATH_LIMIT);
	if (n <= 0 || n >= PATH_LIMIT - 1)
		return false;
	f->link[n] = '\0';
	if (f->link[0] == '/') {
		bool must_be_directory = p->must_be_directory;
		bool is_found = find_text(f, AT_CWD, f->link, p);
		p->must_be_directory |= must_be_directory;
		return is_found;
	}
	uint32_t hash = PREFIX_HASH_START;
	for (long i = 0; i < n; i++) {
		if (f->link[i] == '/')
			return false;
		hash = prefix_hash_step(hash, f->link[i]);
	}
	if (n > NAME_LIMIT || prefix_is_dot(f->link, n) ||
	    (!(p->flags & PREFIX_NO_MOUNTS) && prefix_is_mount_name(SHARED->mount_names, hash)))
		return false;
	copy(f->path + p->name_at, f->link, n + 1);
	return true;
}

long place_examine(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st)
{
	return place_examine_born(f, p, follows, st, 0);
}

long place_examine_born(struct shim_frame *f, struct place *p, bool follows, struct kernel_stat *st, uint32_t *ret_birth)
{
	for (unsigned links = 0; links <= LINKS_MAX; links++) {
		long r = ret_birth ? look_born(p->dir_fd, (uint64_t)f->path, st, ret_birth) :
				     raw(NR_NEWFSTATAT, p->dir_fd, (long)f->path, (long)st, AT_NOFOLLOW);
		if (may_have_moved(p))
			return 1;
		if (r < 0)
			return r == NO_ENTRY ? r : 1;
		if ((st->mode & TYPE) != TYPE_LINK || (!follows && !p->must_be_directory))
			return st->dev == SHARED->proc_dev || (p->must_be_directory && (st->mode & TYPE) != TYPE_DIRECTORY) ? 1 : 0;
		if (!place_follow(f, p, st))
			return 1;
	}
	return 1;
}
#endif
