/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files `tree` of a layer and `base` of a container, of any bytes: what is read is inside the
 * file and is written again as it was; damage is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oci/base.h"
#include "oci/tree.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

static void read_tree(const char *bytes, size_t size)
{
	char *written = NULL;
	size_t at = 0, before = 0, written_size = 0;
	struct tree_record r;
	bool is_damaged;
	FILE *file = open_memstream(&written, &written_size);
	for (; tree_next(bytes, size, &at, &r, &is_damaged); before = at) {
		must(!is_damaged && at > before && at <= size && strlen(r.path) < r.path_size);
		bool is_link = r.kind == TREE_SYMLINK || r.kind == TREE_LOWER_LINK;
		must(is_link ? strlen(r.target) < r.target_size :
			       strchr("difpwo", r.kind) && r.kind);
		must(tree_write(file, &r) == 0);
	}
	must(is_damaged == (at != size));
	fclose(file);
	must(written_size == at && memcmp(written, bytes, at) == 0);
	free(written);
}

static size_t count(const struct node *n)
{
	size_t all = 1;
	for (const struct node *child = n->children; child; child = child->next) {
		must(child->parent == n && *child->name && !strchr(child->name, '/'));
		must(child->kind != TREE_SYMLINK || child->target);
		all += count(child);
	}
	return all;
}

static void read_base(const uint8_t *bytes, size_t size)
{
	char path[64], again_path[64];
	struct nodes *tree, *again;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	CLEANUP_CLOSE int fd = memfd_create("base", MFD_CLOEXEC),
			  again_fd = memfd_create("base", MFD_CLOEXEC);
	must(fd >= 0 && again_fd >= 0 && io_write_all(fd, bytes, size) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(again_path, sizeof(again_path), "/proc/self/fd/%d", again_fd);
	if (base_read(scratch, path, &tree, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	must(base_write(again_path, tree, &err) == 0);
	if (base_read(scratch, again_path, &again, &err) < 0)
		abort();
	must(count(nodes_root(tree)) == count(nodes_root(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Of exactly that size, so that reading beyond it is seen. */
	CLEANUP_TALLOC char *copy = mem_memdup(NULL, (const char *)bytes, size);
	read_tree(copy, size);
	read_base(bytes, size);
	return 0;
}
