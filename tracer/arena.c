/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the shared arena and which slots are free. */
#include "tracer/arena.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/tracer.h"

extern const char shim64_bytes[], shim64_end[], shim32_bytes[], shim32_end[];
extern const uint32_t shim64_sum, shim32_sum;

enum { FIRST_SLOTS = 32 };

static const char *const names[] = { "shim64", "shim32", "arena" };

static struct shim_slot *slots; /* mapped at SHIM_ARENA, where tracees have it too */
static uint64_t in_use[SHIM_SLOTS / 64];
static char *shim_path[ABI_COUNT], *arena_file;

/* A file's seconds that tell the version of what is in it; file systems of 32 bits keep 31. */
static time_t stamp_of(uint32_t sum)
{
	return sum & 0x7fffffff;
}

/* Is it there from an earlier run?  Each run reading it all would be a tenth of the run. */
static bool is_written(const char *path, const char *bytes, size_t size, uint32_t sum)
{
	char begin[4096];
	struct stat st;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0500 &&
	       (size_t)st.st_size == size && st.st_mtim.tv_sec == stamp_of(sum) && st.st_uid == geteuid() &&
	       size >= sizeof(begin) && pread(fd, begin, sizeof(begin), 0) == (ssize_t)sizeof(begin) &&
	       memcmp(begin, bytes, sizeof(begin)) == 0;
}

static int write_program(const char *path, const char *bytes, size_t size, uint32_t sum, struct error *err)
{
	if (is_written(path, bytes, size, sum))
		return 0;
	unlink(path);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
	if (fd < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	int r = io_write_all(fd, bytes, size);
	const struct timespec times[2] = { { 0, UTIME_OMIT }, { stamp_of(sum), 0 } };
	if (r == 0)
		futimens(fd, times);
	return r < 0 ? error_set(err, -r, "cannot write '%s'", path) : 0;
}

int arena_open(const char *run_dir, struct error *err)
{
	struct statvfs vfs;
	if (statvfs(run_dir, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC))
		return error_set(err, 0,
				 "'%s' is on a file system mounted noexec: put the store (--root) elsewhere",
				 run_dir);
	shim_path[ABI_64] = mem_printf(NULL, "%s/shim64", run_dir);
	if (write_program(shim_path[ABI_64], shim64_bytes, shim64_end - shim64_bytes, shim64_sum, err) < 0)
		return -1;
	if ((uintptr_t)shim32_end > (uintptr_t)shim32_bytes) {
		shim_path[ABI_32] = mem_printf(NULL, "%s/shim32", run_dir);
		if (write_program(shim_path[ABI_32], shim32_bytes, shim32_end - shim32_bytes, shim32_sum, err) < 0)
			return -1;
	}
	char *path = arena_file = mem_printf(NULL, "%s/arena", run_dir);
	/*
	 * One that is there is of a run that was killed.  To truncate it would have ext4 write it out at the end, and wait for
	 * that the next time: milliseconds of a run that lasts as long.
	 */
	unlink(path);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SHIM_ARENA_BYTES) < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	/* All but the slots that few runs use. */
	int r = io_reserve(fd, 0, FIRST_SLOTS * SHIM_SLOT_BYTES);
	if (r == 0)
		r = io_reserve(fd, SHIM_SHARED - SHIM_ARENA, SHIM_ARENA_BYTES - (SHIM_SHARED - SHIM_ARENA));
	if (r < 0)
		return error_set(err, -r, "cannot create '%s'", path);
	void *at = mmap((void *)SHIM_ARENA, SHIM_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return error_set(err, errno, "cannot map '%s'", path);
	if (at != (void *)SHIM_ARENA) {
		munmap(at, SHIM_ARENA_BYTES);
		return error_set(err, 0, "cannot run inside another fakebuild: its pages are where ours have to be");
	}
	/* Nothing is ahead in the file that reading ahead could find. */
	madvise(at, SHIM_ARENA_BYTES, MADV_RANDOM);
	slots = at;
	return 0;
}

bool tracer_leaves(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

void arena_close(void)
{
	/* What was never written to disk need not be. */
	if (slots) {
		unlink(arena_file);
		munmap(slots, SHIM_ARENA_BYTES);
	}
	slots = NULL;
	memset(in_use, 0, sizeof(in_use));
	TALLOC_FREE(shim_path[ABI_64]);
	TALLOC_FREE(shim_path[ABI_32]);
	TALLOC_FREE(arena_file);
}

int arena_descriptor(void)
{
	return open(arena_file, O_RDONLY | O_CLOEXEC);
}

const char *arena_path(void)
{
	return arena_file;
}

const char *arena_shim_path(enum abi abi)
{
	return shim_path[abi];
}

bool arena_read_shim(enum abi abi, taddr address, void *to, size_t size)
{
	const char *bytes = abi == ABI_64 ? shim64_bytes : shim32_bytes;
	const Elf64_Ehdr *head64 = (const Elf64_Ehdr *)bytes;
	const Elf32_Ehdr *head32 = (const Elf32_Ehdr *)bytes;
	unsigned count = abi == ABI_64 ? head64->e_phnum : head32->e_phnum;
	for (unsigned i = 0; i < count; i++) {
		const Elf64_Phdr *p = (const Elf64_Phdr *)(bytes + head64->e_phoff) + i;
		const Elf32_Phdr *q = (const Elf32_Phdr *)(bytes + head32->e_phoff) + i;
		uint64_t begin = abi == ABI_64 ? p->p_vaddr : q->p_vaddr, offset = abi == ABI_64 ? p->p_offset : q->p_offset;
		uint64_t file_size = abi == ABI_64 ? p->p_filesz : q->p_filesz;
		if ((abi == ABI_64 ? p->p_type : q->p_type) != PT_LOAD || address < begin || address + size > begin + file_size)
			continue;
		memcpy(to, bytes + offset + (address - begin), size);
		return true;
	}
	return false;
}

int arena_claim(void)
{
	for (unsigned i = 0; i < SHIM_SLOTS / 64; i++) {
		if (in_use[i] == UINT64_MAX)
			continue;
		unsigned bit = __builtin_ctzll(~in_use[i]);
		in_use[i] |= UINT64_C(1) << bit;
		return i * 64 + bit;
	}
	return -1;
}

static bool is_free(unsigned slot)
{
	return !(in_use[slot / 64] >> slot % 64 & 1);
}

int arena_claim_run(unsigned count)
{
	/* From the end, away from the slots of ordinary calls. */
	for (unsigned end = SHIM_SLOTS, length = 0, i = SHIM_SLOTS; i-- > 0;) {
		length = is_free(i) ? length + 1 : 0;
		if (length < count)
			continue;
		for (unsigned j = i; j < i + count && j < end; j++)
			in_use[j / 64] |= UINT64_C(1) << j % 64;
		return i;
	}
	return -1;
}

void arena_release(int slot)
{
	in_use[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

struct shim_slot *arena_slot(int slot)
{
	return slots + slot;
}

taddr arena_address(const void *in_slot)
{
	return (taddr)(uintptr_t)in_slot;
}
