/* SPDX-License-Identifier: Apache-2.0 */
/* A stage's root from step to step: what is taken of it is what a root made anew of all layers has. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "oci/diff.h"
#include "oci/workspace.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct place {
	char dir[64];
	struct store *store;
	struct workspace *workspace;
	struct workspace_root root;
	struct error error;
};

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	struct chain *empty = mem_new(p, struct chain);
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(p, p->dir, &p->store, &p->error), 0);
	assert_int_equal(workspace_open(p, p->store, empty, &p->workspace, &p->error), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	TALLOC_FREE(p->workspace);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
	return 0;
}

/* Run a shell command in the root, as if a guest had. */
static void in_root(struct place *p, const char *command)
{
	assert_int_equal(workspace_make_root(p->workspace, &p->root, &p->error), 0);
	CLEANUP_TALLOC char *text = mem_printf(NULL, "cd '%s' && umask 022 && { %s; }", p->root.root, command);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", text, (char *)NULL);
		_exit(127);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static char *take(struct place *p)
{
	char *id = NULL;
	int r = workspace_take(p, p->workspace, &id, &p->error);
	if (r < 0)
		fail_msg("%s", p->error.text);
	return id;
}

/* Owner, mode, type and times of all that is below, and the content of files. */
static char *listing(struct place *p, struct workspace *w)
{
	struct workspace_root root;
	char line[65536];
	char *text = mem_strdup(p, "");
	if (workspace_make_root(w, &root, &p->error) < 0)
		fail_msg("%s", p->error.text);
	CLEANUP_TALLOC char *command = mem_printf(
		NULL, "cd '%s' && find . -mindepth 1 -printf '%%y %%p %%l %%T@ %%n\\n' | sort | sed 's/ [0-9]*$//' && "
		      "find . -type f | sort | xargs -r sha256sum", root.root);
	FILE *out = popen(command, "r");
	while (fgets(line, sizeof(line), out))
		text = mem_append(text, "%s", line);
	pclose(out);
	return text;
}

static void assert_equals_made_anew(struct place *p)
{
	struct workspace *anew;
	assert_int_equal(workspace_open(p, p->store, workspace_chain(p->workspace), &anew, &p->error), 0);
	char *expected = listing(p, p->workspace), *actual = listing(p, anew);
	assert_string_equal(actual, expected);
	talloc_free(anew);
}

static const struct layer_attributes file = { .mode = S_IFREG | 0644, .mtime_sec = 1000 };
static const struct layer_attributes folder = { .mode = S_IFDIR | 0755, .mtime_sec = 2000 };

static ssize_t read_text(void *arg, void *buffer, size_t size, struct error *err)
{
	const char **text = arg;
	size_t n = strlen(*text);
	(void)size;
	(void)err;
	memcpy(buffer, *text, n);
	*text += n;
	return n;
}

static void put(struct layerdir *d, const char *path, const char *text)
{
	struct error err = ERROR_INIT;
	assert_int_equal(layerdir_file_stream(d, path, &file, read_text, &text, &err), 0);
}

static char *finish(struct place *p, struct layerdir *d)
{
	char *id;
	assert_int_equal(layerdir_finish(p, d, &id, &p->error), 0);
	return id;
}

static void a_step_takes_what_it_changed(void **state)
{
	struct place *p = *state;
	in_root(p, "mkdir -p a/b && echo one >a/b/file && ln -s b a/link && mkfifo a/fifo && ln a/b/file a/second");
	take(p);
	assert_equals_made_anew(p);
	in_root(p, "rm a/link && mkdir a/link && echo two >a/link/x && rm a/second && chmod 700 a/b");
	take(p);
	assert_equals_made_anew(p);
	in_root(p, "rm -rf a/b && mkdir a/b && echo three >a/b/other && rm -r a/link && ln -s /nowhere a/link");
	take(p);
	assert_equals_made_anew(p);
	assert_int_equal(workspace_chain(p->workspace)->count, 3);
}

static void a_step_that_changes_nothing_gives_an_empty_layer(void **state)
{
	struct place *p = *state;
	in_root(p, "mkdir d && echo x >d/f && ln d/f d/g");
	take(p);
	CLEANUP_TALLOC char *id = take(p), *tree = mem_printf(NULL, "%s/snapshots/%s/tree", p->dir, id);
	struct stat st;
	assert_int_equal(stat(tree, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void a_file_that_was_taken_is_shared_with_its_layer(void **state)
{
	struct place *p = *state;
	struct stat root, layer;
	in_root(p, "echo x >f && chmod 0644 f");
	CLEANUP_TALLOC char *id = take(p), *path = mem_printf(NULL, "%s/snapshots/%s/fs/f", p->dir, id);
	CLEANUP_TALLOC char *own = mem_printf(NULL, "%s/f", p->root.root);
	assert_int_equal(stat(path, &layer), 0);
	assert_int_equal(stat(own, &root), 0);
	assert_int_equal(root.st_ino, layer.st_ino);
	assert_int_equal(root.st_mode & 0222, 0);
	struct layer_attributes a;
	struct node *n = workspace_find(p->workspace, "/f", true, NULL);
	assert_non_null(n);
	assert_int_equal(workspace_attributes(p, p->workspace, n, &a, &p->error), 0);
	assert_int_equal(a.mode, S_IFREG | 0644);
}

static void a_layer_is_put_into_a_root_that_is_there(void **state)
{
	struct place *p = *state;
	struct layerdir *d;
	in_root(p, "mkdir -p etc usr/bin && echo old >etc/conf && echo keep >etc/kept && ln -s usr/bin bin && mkdir gone && echo x >gone/f");
	take(p);
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	put(d, "etc/conf", "new\n");
	assert_int_equal(layerdir_link(d, "etc/conf2", "etc/conf", &p->error), 0);
	assert_int_equal(layerdir_directory(d, "etc", &folder, &p->error), 0);
	put(d, "bin/tool", "tool\n"); /* through the symlink of a lower layer */
	put(d, "usr", "a file now\n");
	assert_int_equal(layerdir_whiteout(d, "gone", &p->error), 0);
	char *id = finish(p, d);
	if (workspace_push(p->workspace, id, &p->error) < 0)
		fail_msg("%s", p->error.text);
	assert_equals_made_anew(p);
	/* Nothing of it is a change of the next step. */
	CLEANUP_TALLOC char *next = take(p), *tree = mem_printf(NULL, "%s/snapshots/%s/tree", p->dir, next);
	struct stat st;
	assert_int_equal(stat(tree, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void folders_of_many_levels_are_taken_out(void **state)
{
	enum { LEVELS = 300 };
	struct place *p = *state;
	struct layerdir *d;
	char path[2 * LEVELS + 2];
	for (unsigned i = 0; i < LEVELS; i++)
		memcpy(path + 2 * i, "d/", 2);
	memcpy(path + 2 * LEVELS, "f", 2);
	in_root(p, "echo x >a");
	take(p);
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	put(d, path, "deep\n");
	if (workspace_push(p->workspace, finish(p, d), &p->error) < 0)
		fail_msg("%s", p->error.text);
	in_root(p, "test -d d/d/d");
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	assert_int_equal(layerdir_whiteout(d, "d", &p->error), 0);
	if (workspace_push(p->workspace, finish(p, d), &p->error) < 0)
		fail_msg("%s", p->error.text);
	in_root(p, "test ! -e d");
	assert_equals_made_anew(p);
}

static void paths_are_looked_up_inside_the_tree(void **state)
{
	struct place *p = *state;
	struct layerdir *d;
	int number = 0;
	assert_int_equal(layerdir_begin(p, p->store, &d, &p->error), 0);
	put(d, "usr/lib/x", "x\n");
	assert_int_equal(layerdir_symlink(d, "lib", &file, "usr/lib", &p->error), 0);
	assert_int_equal(layerdir_symlink(d, "up", &file, "../../../lib", &p->error), 0);
	assert_int_equal(layerdir_symlink(d, "loop", &file, "loop", &p->error), 0);
	assert_int_equal(layerdir_symlink(d, "dangling", &file, "/no/such", &p->error), 0);
	char *id = finish(p, d);
	assert_int_equal(workspace_push(p->workspace, id, &p->error), 0);
	struct workspace *w = p->workspace;
	assert_non_null(workspace_find(w, "/lib/x", true, NULL));
	assert_ptr_equal(workspace_find(w, "/up/x", true, NULL), workspace_find(w, "usr/lib/x", true, NULL));
	assert_int_equal(workspace_find(w, "/lib", false, NULL)->kind, TREE_SYMLINK);
	assert_null(workspace_find(w, "/lib/x/y", true, &number));
	assert_int_equal(number, ENOTDIR);
	assert_null(workspace_find(w, "/loop/y", true, &number));
	assert_int_equal(number, ELOOP);
	assert_null(workspace_find(w, "/lib/none", true, &number));
	assert_int_equal(number, ENOENT);
	assert_string_equal(workspace_resolve(p, w, "/up/new/dir/../file", true), "usr/lib/new/file");
	assert_string_equal(workspace_resolve(p, w, "/dangling/z", true), "no/such/z");
	assert_string_equal(workspace_resolve(p, w, "/dangling", false), "dangling");
	assert_string_equal(workspace_resolve(p, w, "/", true), "");
	int fd = workspace_open_file(w, workspace_find(w, "/lib/x", true, NULL), &p->error);
	char text[8];
	assert_int_equal(read(fd, text, sizeof(text)), 2);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_step_takes_what_it_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_step_that_changes_nothing_gives_an_empty_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_was_taken_is_shared_with_its_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_layer_is_put_into_a_root_that_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_of_many_levels_are_taken_out, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_are_looked_up_inside_the_tree, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
