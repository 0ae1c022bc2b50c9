/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the folder of patched copies and the table of files that were looked at in this run. */
#include "tracer/code.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/patch.h"
#include "tracer/path.h"

#define FILES ((struct shim_file *)SHIM_FILES)

/* Larger programs bring their own code generators along; libcs are below 3 MiB. */
enum { LOOKED_AT_MAX_BYTES = 128 << 20 };

static char folder[PATH_MAX];
static char *origins[SHIM_FILE_COUNT];
static struct patch_counts counts[SHIM_FILE_COUNT];
/* Of the copies that have stubs in front; NULL: it was not asked for, or is the same. */
static char *fronts[SHIM_FILE_COUNT];
static bool is_full;

void code_open(const char *dir)
{
	for (unsigned i = 0; i < SHIM_FILE_COUNT; i++) {
		TALLOC_FREE(origins[i]);
		TALLOC_FREE(fronts[i]);
	}
	is_full = strlen(dir) > 90 || io_mkdir_p(AT_FDCWD, dir, 0700) < 0;
	snprintf(folder, sizeof(folder), "%s", dir);
}

/* The offset of the page where the executable segment begins; -1: there is none that can be patched. */
static int64_t text_offset(int fd)
{
	union {
		Elf64_Ehdr head;
		Elf32_Ehdr small;
		char bytes[4096];
	} page;
	ssize_t n = pread(fd, &page, sizeof(page), 0);
	if (n < (ssize_t)sizeof(page.head) || memcmp(page.head.e_ident, ELFMAG, SELFMAG) != 0)
		return -1;
	bool is_64 = page.head.e_ident[EI_CLASS] == ELFCLASS64;
	uint64_t at = is_64 ? page.head.e_phoff : page.small.e_phoff, size = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	unsigned count = is_64 ? page.head.e_phnum : page.small.e_phnum;
	if ((is_64 ? page.head.e_phentsize : page.small.e_phentsize) != size || at % 4 || at > (uint64_t)n || count * size > n - at)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		Elf64_Phdr p;
		Elf32_Phdr small;
		memcpy(&p, page.bytes + at + i * size, is_64 ? size : 0);
		memcpy(&small, page.bytes + at + i * size, is_64 ? 0 : size);
		if ((is_64 ? p.p_type : small.p_type) == PT_LOAD && ((is_64 ? p.p_flags : small.p_flags) & PF_X))
			return (is_64 ? p.p_offset : small.p_offset) / 4096 * 4096;
	}
	return -1;
}

/* Make the copy, or an empty file that says that there is nothing to patch.  Its size, or -errno. */
static int64_t make_copy(int fd, const struct stat *st, const char *copy, bool has_front)
{
	char temporary[PATH_MAX];
	CLEANUP_CLOSE int out = io_create_beside(AT_FDCWD, copy, 0600, temporary);
	if (out < 0)
		return out;
	struct patch_counts made_of;
	void *bytes = mmap(NULL, st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	int r = bytes == MAP_FAILED ? -errno : patch_copy(bytes, st->st_size, out, has_front, &made_of);
	if (bytes != MAP_FAILED)
		munmap(bytes, st->st_size);
	if (r == -ENOEXEC)
		r = ftruncate(out, 0) < 0 ? -errno : 0;
	/* The counts go behind all code, for --stats. */
	struct stat made;
	if (r == 0 && fstat(out, &made) == 0 && made.st_size &&
	    pwrite(out, &made_of, sizeof(made_of), made.st_size) != (ssize_t)sizeof(made_of))
		r = -EIO;
	if (r == 0 && (fchmod(out, 0500) < 0 || fstat(out, &made) < 0 || rename(temporary, copy) < 0))
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return r;
	}
	return made.st_size;
}

/* The size of the copy, that is there or is made; -1: it cannot be had. */
static int64_t have_copy(int fd, const struct stat *st, const char *copy, bool has_front)
{
	struct stat made;
	return stat(copy, &made) == 0 ? made.st_size : make_copy(fd, st, copy, has_front);
}

static int open_same(const char *host_path, const struct stat *st)
{
	struct stat is;
	CLEANUP_CLOSE int fd = open(host_path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &is) == 0 && is.st_ino == st->st_ino && is.st_dev == st->st_dev ? io_take_fd(&fd) : -1;
}

static bool look(const struct stat *st, const char *host_path, struct shim_file *ret)
{
	int n = snprintf(ret->copy, sizeof(ret->copy), "%s/%llx-%llx-%llx-%llx.%llx-%llx.%llx-%x", folder,
			 (unsigned long long)ret->dev, (unsigned long long)ret->ino, (unsigned long long)ret->size,
			 (unsigned long long)ret->mtime, (unsigned long long)ret->mtime_nsec,
			 (unsigned long long)ret->ctime, (unsigned long long)ret->ctime_nsec, patch_version());
	if (n < 0 || (size_t)n >= sizeof(ret->copy))
		return false;
	CLEANUP_CLOSE int fd = open_same(host_path, st);
	int64_t size = fd < 0 ? -1 : have_copy(fd, st, ret->copy, false);
	if (size < 0)
		return false;
	int64_t offset = size ? text_offset(fd) : -1;
	ret->kind = offset >= 0 ? FILE_COPIED : FILE_PLAIN;
	ret->text_offset = offset;
	return true;
}

static void read_counts(const char *copy, struct patch_counts *ret)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open(copy, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, ret, sizeof(*ret), st.st_size - sizeof(*ret)) != (ssize_t)sizeof(*ret))
		memset(ret, 0, sizeof(*ret));
}

static bool is_same(const struct shim_file *e, const struct stat *st)
{
	return e->ino == st->st_ino && e->dev == st->st_dev && e->size == (uint64_t)st->st_size &&
	       e->mtime == st->st_mtim.tv_sec && e->mtime_nsec == st->st_mtim.tv_nsec &&
	       (e->is_shared ? !(st->st_mode & 0222) :
			       e->ctime == st->st_ctim.tv_sec && e->ctime_nsec == st->st_ctim.tv_nsec);
}

const struct shim_file *code_of(const struct stat *st, const char *host_path)
{
	struct shim_file *e = NULL;
	/* One place stays free, for the shim's search to end. */
	for (unsigned n = 0, i = st->st_ino; n < SHIM_FILE_COUNT - 1; n++, i++) {
		e = &FILES[i % SHIM_FILE_COUNT];
		if (e->kind == FILE_UNKNOWN)
			break;
		if (is_same(e, st))
			return e;
		e = NULL;
	}
	if (!e || is_full || !S_ISREG(st->st_mode) || st->st_size > LOOKED_AT_MAX_BYTES || st->st_size < 64)
		return NULL;
	struct shim_file made = { .dev = st->st_dev, .ino = st->st_ino, .size = st->st_size,
				  .mtime = st->st_mtim.tv_sec, .mtime_nsec = st->st_mtim.tv_nsec };
	/* A layer's file is never written; its ctime changes with each container that links to it. */
	made.is_shared = meta_is_shared(session.meta, st);
	if (!made.is_shared) {
		made.ctime = st->st_ctim.tv_sec;
		made.ctime_nsec = st->st_ctim.tv_nsec;
	}
	if (!look(st, host_path, &made))
		return NULL;
	uint32_t kind = made.kind;
	made.kind = FILE_UNKNOWN;
	*e = made;
	origins[e - FILES] = mem_strdup(NULL, host_path);
	read_counts(e->copy, &counts[e - FILES]);
	__atomic_store_n(&e->kind, kind, __ATOMIC_RELEASE);
	return e;
}

const char *code_to_load(const struct stat *st, const char *host_path, uint32_t *ret_front_at)
{
	const struct shim_file *e = code_of(st, host_path);
	*ret_front_at = 0;
	if (!e || e->kind != FILE_COPIED)
		return NULL;
	unsigned i = e - FILES;
	if (!fronts[i] && counts[i].unplaced) {
		char *copy = mem_printf(NULL, "%s-front", e->copy);
		CLEANUP_CLOSE int fd = open_same(host_path, st);
		if (fd < 0 || have_copy(fd, st, copy, true) <= 0) {
			talloc_free(copy);
			return e->copy;
		}
		fronts[i] = copy;
		read_counts(copy, &counts[i]);
	}
	*ret_front_at = counts[i].front_at;
	return fronts[i] ? fronts[i] : e->copy;
}

/* The place of the file in the table; -1: it is no copy. */
static int place_of(const char *copy)
{
	if (strncmp(copy, folder, strlen(folder)) != 0)
		return -1;
	for (unsigned i = 0; i < SHIM_FILE_COUNT; i++)
		if (FILES[i].kind == FILE_COPIED && (strcmp(FILES[i].copy, copy) == 0 || (fronts[i] && strcmp(fronts[i], copy) == 0)))
			return i;
	return -1;
}

const char *code_origin(const char *copy)
{
	int i = place_of(copy);
	return i < 0 ? NULL : origins[i];
}

bool code_is_front(const char *copy, uint64_t offset)
{
	int i = place_of(copy);
	return i >= 0 && counts[i].front_at && offset >= counts[i].front_at;
}

void code_print(FILE *out)
{
	unsigned plain = 0;
	for (unsigned i = 0; i < SHIM_FILE_COUNT; i++) {
		const struct patch_counts *c = &counts[i];
		plain += FILES[i].kind == FILE_PLAIN;
		if (FILES[i].kind == FILE_COPIED)
			fprintf(out, "%10u               sites patched, %u unproven, %u without room: %s\n", c->patched, c->unproven,
				c->no_room, origins[i]);
	}
	fprintf(out, "%10u               files with nothing to patch\n", plain);
}
