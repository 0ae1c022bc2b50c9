/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns access to tracees' memory: process_vm_readv, and PTRACE_PEEKDATA where an outer filter or an
 * old profile refuses it.
 */
#include "tracer/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { PAGE = 4096 };

static bool has_no_vm_calls;

static int move_words(const struct tracee *t, taddr address, char *local, size_t size, bool is_write)
{
	while (size) {
		taddr word_at = address & ~(taddr)(sizeof(long) - 1);
		size_t skew = address - word_at, n = sizeof(long) - skew;
		if (n > size)
			n = size;
		errno = 0;
		long word = ptrace(PTRACE_PEEKDATA, t->tid, (void *)word_at, NULL);
		if (errno)
			return -EFAULT;
		if (is_write) {
			memcpy((char *)&word + skew, local, n);
			if (ptrace(PTRACE_POKEDATA, t->tid, (void *)word_at, (void *)word) < 0)
				return -EFAULT;
		} else {
			memcpy(local, (char *)&word + skew, n);
		}
		address += n;
		local += n;
		size -= n;
	}
	return 0;
}

static int move(const struct tracee *t, taddr address, void *local, size_t size, bool is_write)
{
	if (!size)
		return 0;
	if (!has_no_vm_calls) {
		struct iovec here = { local, size }, there = { (void *)address, size };
		ssize_t n = is_write ? process_vm_writev(t->tid, &here, 1, &there, 1, 0) :
				       process_vm_readv(t->tid, &here, 1, &there, 1, 0);
		if (n == (ssize_t)size)
			return 0;
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return -EFAULT;
		has_no_vm_calls = true;
	}
	return move_words(t, address, local, size, is_write);
}

int memory_read(const struct tracee *t, taddr from, void *to, size_t size)
{
	return move(t, from, to, size, false);
}

int memory_write(const struct tracee *t, taddr to, const void *from, size_t size)
{
	return move(t, to, (void *)(uintptr_t)from, size, true);
}

int memory_read_string(const struct tracee *t, taddr from, char *to, size_t room)
{
	/* Most strings are short and end before their page does; a page is never crossed in one read. */
	size_t used = 0, want = 256;
	while (used < room) {
		size_t in_page = PAGE - (from + used) % PAGE;
		size_t n = want < in_page ? want : in_page;
		if (n > room - used)
			n = room - used;
		int r = memory_read(t, from + used, to + used, n);
		if (r < 0)
			return r;
		if (memchr(to + used, '\0', n))
			return 0;
		used += n;
		want = PAGE;
	}
	return -ENAMETOOLONG;
}

int memory_read_vector(const struct tracee *t, taddr from, struct iovec *ret, size_t count)
{
	const bool is_32 = t->process->abi == ABI_32;
	int r = memory_read(t, from, ret, count * (is_32 ? 2 * sizeof(uint32_t) : sizeof(*ret)));
	/* From the last on, for they grow in place. */
	for (size_t i = count; r >= 0 && is_32 && i-- > 0;) {
		uint32_t narrow[2];
		memcpy(narrow, (const char *)ret + i * sizeof(narrow), sizeof(narrow));
		ret[i] = (struct iovec){ (void *)(uintptr_t)narrow[0], narrow[1] };
	}
	return r;
}
