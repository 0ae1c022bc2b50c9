/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar of any bytes, compressed or not, becomes a layer above a small one, and both a root
 * directory: nothing is made or changed beside them, and the root has what the tree has.  The
 * checksums of headers are set right, so that what is in them gets further.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "oci/base.h"
#include "oci/layerdir_private.h"
#include "oci/materialize.h"
#include "oci/unpack.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"

enum { BLOCK = 512, MAGIC_AT = 257, SUM_AT = 148, FILE_LIMIT_BYTES = 4 << 20 };

static const char sentinel_text[] = "not to be touched\n";

/* FOLDER/{sentinel,sentinels/,store/layers/{lower,upper},root}: names that tars climb to. */
static struct place {
	char folder[64];
	struct store *store;
	struct stat sentinel, sentinels;
} place;

static char *in_folder(const void *ctx, const char *name)
{
	return mem_printf(ctx, "%s/%s", place.folder, name);
}

static void must_do(int r, const struct error *err)
{
	if (r < 0) {
		fprintf(stderr, "%s\n", err->text);
		abort();
	}
}

/* What the tar finds below it: a directory, a file of two names, symlinks to all sorts of places.
 */
static void make_lower(const char *folder)
{
	static const char *const links[][2] = {
		{ "up", "../../../../.." },
		{ "out", "/../../../.." },
		{ "loop", "loop/x" },
		{ "to-dir", "dir" },
	};
	const struct layer_attributes directory = { .mode = S_IFDIR | 0755 },
				      link = { .mode = S_IFLNK | 0777 },
				      device = { .mode = S_IFCHR | 0600, .rdev = 0x103 };
	CLEANUP_CLOSE int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct layer_attributes file = { .mode = S_IFREG | 04755, .uid = 1000, .gid = 1000 };
	struct layerdir *d;
	struct error err = ERROR_INIT;
	must(mkdir(folder, 0700) == 0);
	must_do(layerdir_begin_in(NULL, folder, &d, &err), &err);
	must_do(layerdir_directory(d, "dir", &directory, &err), &err);
	must_do(layerdir_file(d, "dir/file", &file, empty, &err), &err);
	must_do(layerdir_link(d, "dir/again", "dir/file", &err), &err);
	must_do(layerdir_special(d, "dir/null", &device, &err), &err);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		must_do(layerdir_symlink(d, links[i][0], &link, links[i][1], &err), &err);
	must_do(layerdir_close(d, &err), &err);
	talloc_free(d);
}

static void leave(void)
{
	io_remove_tree(AT_FDCWD, place.folder);
}

static void begin(void)
{
	/* What a header says to be large must not fill the memory. */
	const struct rlimit limit = { FILE_LIMIT_BYTES, FILE_LIMIT_BYTES };
	struct error err = ERROR_INIT;
	snprintf(place.folder, sizeof(place.folder), "%s/fakebuild-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(place.folder) != NULL);
	atexit(leave);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	CLEANUP_TALLOC char *store = in_folder(NULL, "store"),
			    *lower = in_folder(NULL, "store/layers/lower");
	CLEANUP_TALLOC char *sentinel = in_folder(NULL, "sentinel"),
			    *sentinels = in_folder(NULL, "sentinels");
	must_do(store_open(NULL, store, &place.store, &err), &err);
	make_lower(lower);
	must_do(io_write_file(AT_FDCWD, sentinel, sentinel_text, strlen(sentinel_text), 0640, &err),
		&err);
	must(mkdir(sentinels, 0750) == 0);
	must(lstat(sentinel, &place.sentinel) == 0 && lstat(sentinels, &place.sentinels) == 0);
}

static bool is_same(const char *name, const struct stat *before)
{
	CLEANUP_TALLOC char *path = in_folder(NULL, name);
	struct stat st;
	return lstat(path, &st) == 0 && st.st_ino == before->st_ino &&
	       st.st_mode == before->st_mode && st.st_uid == before->st_uid &&
	       st.st_nlink == before->st_nlink && st.st_size == before->st_size &&
	       memcmp(&st.st_mtim, &before->st_mtim, sizeof(st.st_mtim)) == 0 &&
	       memcmp(&st.st_ctim, &before->st_ctim, sizeof(st.st_ctim)) == 0;
}

/* Are these all the names in the folder, other than "." and ".."? */
static bool has_only(const char *name, const char *const *names, unsigned count)
{
	CLEANUP_TALLOC char *path = in_folder(NULL, name);
	DIR *dir = opendir(path);
	unsigned found = 0;
	must(dir != NULL);
	for (struct dirent *entry; (entry = readdir(dir));) {
		bool is_known = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		for (unsigned i = 0; i < count; i++)
			is_known |= strcmp(entry->d_name, names[i]) == 0;
		found += is_known;
		must(is_known);
	}
	closedir(dir);
	return found == count + 2;
}

static void must_be_untouched(void)
{
	static const char *const top[] = { "sentinel", "sentinels", "store", "root" },
				 *const layers[] = { "lower", "upper" },
				 *const layer[] = { "fs", "meta", "meta.xattr", "tree" };
	must(is_same("sentinel", &place.sentinel) && is_same("sentinels", &place.sentinels));
	must(has_only("", top, 4) && has_only("store/layers", layers, 2) &&
	     has_only("store/layers/upper", layer, 4));
}

/* The bytes as a file, in which what looks like a header has the right checksum. */
static int tar_of(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC char *tar = mem_memdup(NULL, (const char *)bytes, size);
	CLEANUP_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
		char *h = tar + at;
		unsigned sum = 0;
		if (memcmp(h + MAGIC_AT, "ustar", 5) != 0)
			continue;
		memset(h + SUM_AT, ' ', 8);
		for (unsigned i = 0; i < BLOCK; i++)
			sum += (unsigned char)h[i];
		snprintf(h + SUM_AT, 8, "%06o", sum);
	}
	must(fd >= 0 && io_write_all(fd, tar, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return io_take_fd(&fd);
}

/* Every node has its name in the root, and a file or a symlink there is what the tree says. */
static void compare(int root_fd, const struct node *n)
{
	static char path[65536], target[PATH_MAX];
	struct stat st;
	for (const struct node *child = n->children; child; child = child->next) {
		must(nodes_path(child, path, sizeof(path)) &&
		     fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
		must(child->is_known && child->ino == st.st_ino);
		if (child->kind == TREE_SYMLINK) {
			ssize_t length = readlinkat(root_fd, path, target, sizeof(target));
			must(length == (ssize_t)strlen(child->target) &&
			     memcmp(target, child->target, length) == 0);
		}
		must((child->kind == TREE_DIRECTORY || child->kind == TREE_IMPLIED) ==
		     S_ISDIR(st.st_mode));
		must((child->kind == TREE_FILE) == S_ISREG(st.st_mode) &&
		     (child->kind == TREE_FIFO) == S_ISFIFO(st.st_mode));
		compare(root_fd, child);
	}
}

static void remove_name(void *arg, const struct node *n)
{
	CLEANUP_TALLOC char *root = in_folder(NULL, "root");
	CLEANUP_CLOSE int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	materialize_removal(fd, n, arg);
}

/* At once, or the lower one first and the other onto what was made. */
static void make_root(const char *root, bool in_steps)
{
	CLEANUP_TALLOC struct merged *merged = merge_begin(NULL);
	struct error err = ERROR_INIT;
	struct stat st;
	must(mkdir(root, 0700) == 0);
	CLEANUP_CLOSE int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0 && fstat(fd, &st) == 0);
	CLEANUP_TALLOC struct meta *meta = meta_new(NULL, st.st_dev, META_SHARED_LAYERS);
	must_do(merge_add(merged, place.store, "layers/lower", &err), &err);
	if (in_steps) {
		must_do(materialize(merged, root, meta, &err), &err);
		merged->removing = remove_name;
		merged->arg = meta;
	}
	if (merge_add(merged, place.store, "layers/upper", &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	/* Then a root is always made anew: see workspace.c. */
	if (in_steps && merged->has_lower_links)
		return;
	if (materialize(merged, root, meta, &err) < 0)
		must(err.text[0] != '\0');
	else
		compare(fd, nodes_root(merged->tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!place.store)
		begin();
	CLEANUP_TALLOC char *upper = in_folder(NULL, "store/layers/upper"),
			    *root = in_folder(NULL, "root");
	CLEANUP_CLOSE int fd = tar_of(bytes, size);
	char diff_id[DIGEST_ROOM];
	struct error err = ERROR_INIT;
	must(mkdir(upper, 0700) == 0);
	if (unpack_layer(fd, upper, diff_id, &err) < 0) {
		must(err.text[0] != '\0' && mkdir(root, 0700) == 0);
	} else {
		must(digest_is_valid(diff_id));
		make_root(root, true);
		must_be_untouched();
		must(io_remove_tree(AT_FDCWD, root) == 0);
		make_root(root, false);
	}
	must_be_untouched();
	must(io_remove_tree(AT_FDCWD, root) == 0 && io_remove_tree(AT_FDCWD, upper) == 0);
	return 0;
}
