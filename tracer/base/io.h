/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and descriptors: whole reads and writes, atomic replacement, trees, locks.  Descriptors are
 * O_CLOEXEC from birth and never below 3.  Functions that return int without `err` give 0 or -errno.
 */
#ifndef FAKEBUILD_BASE_IO_H
#define FAKEBUILD_BASE_IO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tracer/base/error.h"

/* Close the descriptor in this int variable, if not negative, when it goes out of scope. */
#define CLEANUP_CLOSE __attribute__((cleanup(io_cleanup_close)))
void io_cleanup_close(int *fd);
/* Hand the descriptor on: returns it and leaves -1 behind. */
int io_take_fd(int *fd);

/* Close all descriptors from this one on, but for these; negative ones among them are none. */
void io_close_others(int first, const int *kept, size_t count);

/* Read until `size` bytes or end of file; returns the count or -errno. */
ssize_t io_read_all(int fd, void *buffer, size_t size);
/* Write all of it; 0 or -errno. */
int io_write_all(int fd, const void *buffer, size_t size);

/*
 * Read a whole file of at most max_bytes into a NUL-terminated buffer on ctx.  ret_size may be NULL.
 * Fails with a sentence naming the path: cannot open, cannot read, larger than max_bytes.
 */
int io_read_file(const void *ctx, int dir_fd, const char *path, size_t max_bytes, char **ret_text,
		 size_t *ret_size, struct error *err);
/*
 * Create a file in path's folder under a name that nobody has (`temporary`), to be renamed to `path`: of the process's
 * number and a count.  Numbers repeat, and processes of other pid namespaces may have this one: names that are taken
 * are passed over.  The descriptor, open for both, or -errno.
 */
int io_create_beside(int dir_fd, const char *path, mode_t mode, char temporary[PATH_MAX]);
/* Replace `path` by these bytes through a temporary beside it and rename: readers see old or new. */
int io_write_file(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode,
		  struct error *err);
/* The same for what counts no more when the machine has ended: its disk is not waited for. */
int io_write_passing(int dir_fd, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);

/*
 * Open a file or directory of ours for reading, which may not let its owner: then it does for the moment.  `flags` of
 * open(2), O_RDONLY and O_NOFOLLOW are added.  Returns the descriptor or -errno.
 */
int io_open_own(int dir_fd, const char *name, int flags);

struct strlist;
/* Add the names in an open directory, but "." and "..", to a list, in no order; 0 or -errno. */
int io_list_names(int dir_fd, struct strlist *names);

/* mkdir -p below dir_fd (or absolute); 0 or -errno. */
int io_mkdir_p(int dir_fd, const char *path, mode_t mode);
/*
 * Remove a tree, whatever modes its directories have; never follows symlinks, never leaves the
 * device.  0 (also when it was not there) or the first -errno; goes on past failures.
 */
int io_remove_tree(int dir_fd, const char *path);
/*
 * Copy the bytes of one file to another: reflink, else copy_file_range, else read and write; holes
 * are kept where the kernel tells of them.  0 or -errno.
 */
int io_copy_bytes(int from_fd, int to_fd);

/*
 * Have the disk keep room for `bytes` from `from` on, so that they can be written to where they are mapped, as long as the file
 * system can say so.  0; -ENOSPC, -EDQUOT, -EFBIG.
 */
int io_reserve(int fd, off_t from, off_t bytes);

/*
 * Take an advisory lock (flock) on `path`, made when missing.  shared or exclusive; waits unless
 * nonblocking.  Returns the descriptor that holds the lock, or -errno (-EWOULDBLOCK when taken).
 */
enum io_lock { IO_LOCK_SHARED = 1, IO_LOCK_EXCLUSIVE = 2, IO_LOCK_NONBLOCKING = 4 };
int io_lock(int dir_fd, const char *path, enum io_lock how);

/* A descriptor that is closed with the memory that it hangs on; none at first. */
struct io_held {
	int fd; /* below 0: none */
};
struct io_held *io_held_new(const void *ctx);
/* Hold this one, and close what was held before. */
void io_held_set(struct io_held *held, int fd);

#endif
