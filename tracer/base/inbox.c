/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the inbox's file and the lock that tells how many have it open. */
#include "tracer/base/inbox.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct inbox {
	struct meta_inbox *requests;
	int fd;
};

static int inbox_close(struct inbox *in)
{
	if (in->requests)
		munmap(in->requests, sizeof(*in->requests));
	close(in->fd);
	return 0;
}

struct inbox *inbox_open(const void *ctx, const char *path, bool is_made, bool *ret_is_alone)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (is_made ? O_CREAT : 0), 0600);
	if (fd < 0)
		return NULL;
	struct inbox *in = mem_new(ctx, struct inbox);
	in->fd = fd;
	talloc_set_destructor(in, inbox_close);
	*ret_is_alone = inbox_claim(in);
	if (!*ret_is_alone)
		flock(fd, LOCK_SH);
	bool is_sized = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			(st.st_size >= (off_t)sizeof(*in->requests) || ftruncate(fd, sizeof(*in->requests)) == 0) &&
			io_reserve(fd, 0, sizeof(*in->requests)) == 0;
	void *at = is_sized ? mmap(NULL, sizeof(*in->requests), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (at != MAP_FAILED) {
		in->requests = at;
		return in;
	}
	talloc_free(in);
	return NULL;
}

void inbox_share(struct inbox *in)
{
	flock(in->fd, LOCK_SH);
}

bool inbox_is_removed(const struct inbox *in)
{
	struct stat st;
	return fstat(in->fd, &st) < 0 || st.st_nlink == 0;
}

bool inbox_claim(struct inbox *in)
{
	return flock(in->fd, LOCK_EX | LOCK_NB) == 0;
}

struct meta_inbox *inbox_requests(const struct inbox *in)
{
	return in->requests;
}
