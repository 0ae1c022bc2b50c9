/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what is known of the host's own files (`fakebuild root`): one metadata table for this host in host/, which all runs
 * share, and how long its entries stay.  They have no path, so age is all there is to go by: beside the table lies
 * "runs", lines of a run's number and the time, for the first run of a day.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "oci/store_private.h"
#include "tracer/base/birth.h"
#include "tracer/base/io.h"
#include "tracer/base/meta.h"

enum { DAY = 86400, KEPT_DAYS = 90, RUNS_MAX_BYTES = 1 << 20, TRIES = 100 };

/*
 * Inode numbers are one kernel's.  Another host has another name, and a container another root, which tells those apart that
 * have the name of their host.
 */
static char *folder_of_host(const void *ctx, const struct store *s)
{
	struct stat st;
	char name[256] = "";
	gethostname(name, sizeof(name) - 1);
	for (char *c = name; *c; c++)
		*c = *c == '/' || (unsigned char)*c < ' ' ? '_' : *c;
	if (stat("/", &st) < 0)
		return NULL;
	return mem_printf(ctx, "%s/host/%.200s+%llx.%x", s->root, name, (unsigned long long)st.st_ino,
			  (unsigned)birth_of("/", true, st.st_dev, true));
}

static dev_t root_device(void)
{
	struct stat st;
	return stat("/", &st) == 0 ? st.st_dev : 0;
}

/* ---- runs and their times ---- */

struct first_run {
	unsigned run;
	long long time;
};

/* On ctx, in order, with their count; NULL: none. */
static struct first_run *read_runs(const void *ctx, const char *folder, size_t *ret_count)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/runs", folder);
	CLEANUP_TALLOC char *text = NULL;
	struct first_run *runs = NULL, next;
	*ret_count = 0;
	if (io_read_file(NULL, AT_FDCWD, path, RUNS_MAX_BYTES, &text, NULL, NULL) < 0)
		return NULL;
	for (const char *at = text; at && sscanf(at, "%u %lld", &next.run, &next.time) == 2; at = strchr(at, '\n'), at += at != NULL) {
		runs = mem_grow(ctx, runs, struct first_run, *ret_count + 1);
		runs[(*ret_count)++] = next;
	}
	return runs;
}

static void write_runs(const char *folder, const struct first_run *runs, size_t count)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/runs", folder);
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "");
	for (size_t i = 0; i < count; i++)
		text = mem_append(text, "%u %lld\n", runs[i].run, runs[i].time);
	/* Without it entries stay for longer. */
	struct error ignored = ERROR_INIT;
	io_write_file(AT_FDCWD, path, text, strlen(text), 0600, &ignored);
	error_clear(&ignored);
}

/* A run is about to begin. */
static void note_run(const char *folder, const struct meta *m)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	size_t count;
	struct first_run *runs = read_runs(scratch, folder, &count), next = { meta_header(m)->run + 1, time(NULL) };
	if (count && next.run >= runs[count - 1].run && next.time < runs[count - 1].time + DAY)
		return;
	/* The numbers have begun anew, and what has not been met since then has the number 0 (meta_begin_run). */
	size_t kept = count && next.run >= runs[count - 1].run ? count : 0;
	struct first_run anew = { 0, next.time };
	runs = mem_grow(scratch, runs, struct first_run, kept + 2);
	if (!kept)
		runs[kept++] = anew;
	runs[kept++] = next;
	size_t excess = kept > 2 * KEPT_DAYS ? kept - 2 * KEPT_DAYS : 0;
	write_runs(folder, runs + excess, kept - excess);
}

/* ---- for a run ---- */

/* Nobody else has it: what is not for later runs goes. */
static int begin_alone(const char *path, struct error *err)
{
	struct meta *m;
	if (meta_open(NULL, path, root_device(), META_OF_HOST, &m, err) < 0)
		return -1;
	meta_drop_passing(m);
	talloc_free(m);
	return 0;
}

int store_host_table(const void *ctx, struct store *s, char **ret_path, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *folder = folder_of_host(scratch, s), *lock = mem_printf(scratch, "%s/lock", folder ? folder : ""), *path = NULL;
	struct io_held *held = io_held_new(scratch);
	struct stat st;
	/* store_gc may remove the folder until it is ours. */
	for (unsigned i = 0; i < TRIES; i++) {
		int r = folder ? io_mkdir_p(AT_FDCWD, folder, 0700) : -ENOENT;
		if (r < 0)
			return error_set(err, -r, "cannot create '%s'", folder ? folder : "/");
		/* Not while the old one is held: it may be the same. */
		io_held_set(held, -1);
		io_held_set(held, io_lock(AT_FDCWD, lock, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING));
		bool is_alone = held->fd >= 0;
		if (held->fd == -EWOULDBLOCK)
			io_held_set(held, io_lock(AT_FDCWD, lock, IO_LOCK_SHARED));
		path = mem_printf(scratch, "%s/meta", folder);
		if (is_alone && fstat(held->fd, &st) == 0 && st.st_nlink && begin_alone(path, err) < 0)
			return -1;
		/* Some file systems have no locks: then gc finds none either. */
		if (held->fd < 0 || (flock(held->fd, LOCK_SH) == 0 && fstat(held->fd, &st) == 0 && st.st_nlink))
			break;
	}
	struct meta *m;
	if (meta_open(scratch, path, root_device(), META_OF_HOST, &m, err) < 0)
		return -1;
	note_run(folder, m);
	*ret_path = talloc_move(ctx, &path);
	talloc_steal(*ret_path, held);
	return 0;
}

/* ---- for gc ---- */

static bool is_everything_old(const struct first_run *runs, size_t count, long long since)
{
	return count && runs[count - 1].time < since;
}

static uint64_t sweep_table(const char *folder, const struct first_run *runs, size_t count, long long since, bool is_dry_run)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *path = mem_printf(scratch, "%s/meta", folder);
	unsigned first = 0;
	struct meta *m;
	struct error ignored = ERROR_INIT;
	for (size_t i = 0; i < count; i++)
		first = runs[i].time < since ? runs[i].run : first;
	if (access(path, F_OK) < 0)
		return 0;
	if (meta_open(scratch, path, root_device(), META_OF_HOST, &m, &ignored) < 0) {
		error_clear(&ignored);
		return 0;
	}
	return is_everything_old(runs, count, since) ? meta_header(m)->live : meta_drop_unmet(m, first, is_dry_run);
}

void store_sweep_hosts(struct store *s, bool is_dry_run, struct gc_result *result)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *hosts = mem_printf(scratch, "%s/host", s->root);
	CLEANUP_CLOSE int dir_fd = open(hosts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strlist *names = strlist_new(scratch);
	long long since = time(NULL) - KEPT_DAYS * (long long)DAY;
	if (dir_fd < 0 || io_list_names(dir_fd, names) < 0)
		return;
	for (size_t i = 0; i < names->count; i++) {
		char *folder = mem_printf(scratch, "%s/%s", hosts, names->items[i]);
		char *path = mem_printf(scratch, "%s/lock", folder);
		CLEANUP_CLOSE int lock = io_lock(AT_FDCWD, path, IO_LOCK_EXCLUSIVE | IO_LOCK_NONBLOCKING);
		size_t count;
		struct first_run *runs = read_runs(scratch, folder, &count);
		if (lock < 0)
			continue;
		result->host_files += sweep_table(folder, runs, count, since, is_dry_run);
		if (!is_everything_old(runs, count, since))
			continue;
		result->bytes += store_tree_bytes(dir_fd, names->items[i], false);
		if (!is_dry_run)
			io_remove_tree(dir_fd, names->items[i]);
	}
}
