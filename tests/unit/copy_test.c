/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD, rule by rule: what a stage's tree looks like afterwards. */
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
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/build/copy.h"
#include "builder/build/mode_change.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { EPOCH = 1700000000, CONTEXT_TIME = 1000000000 };

struct place {
	char dir[64], context[80];
	struct store *store;
	struct workspace *workspace;
	struct source *source;
	struct patterns *ignored;
	struct error error;
	char *told;
};

/* One instruction; sources, then the destination. */
struct call {
	const char *words[6];
	const char *exclude[4];
	const char *chown, *chmod, *checksum, *working_dir;
	const char *heredoc_name, *heredoc;
	bool is_add, is_link, has_parents, is_unpack_said, unpacks;
};

static void shell(const char *folder, const char *command)
{
	pid_t pid = fork();
	int status = 0;
	if (pid == 0) {
		umask(022);
		if (chdir(folder) == 0)
			execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("'%s' fails: %d", command, status);
}

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	struct chain *empty = mem_new(p, struct chain);
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-copy-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->context, sizeof(p->context), "%s/context", p->dir);
	assert_int_equal(mkdir(p->context, 0755), 0);
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/store", p->dir);
	assert_int_equal(store_open(p, root, &p->store, &p->error), 0);
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

/* Make the context by a shell command; all of it has the same time. */
static void context(struct place *p, const char *command)
{
	shell(p->context, command);
	shell(p->context, "find . -exec touch -h -d @1000000000 {} +");
	TALLOC_FREE(p->source);
	if (source_of_folder(p, p->context, &p->source, &p->error) < 0)
		fail_msg("%s", p->error.text);
}

static void tell(void *arg, const char *line)
{
	struct place *p = arg;
	p->told = mem_strdup(p, line);
}

static void prepare(struct place *p, const struct call *call, struct instruction *in, struct copy_request *r)
{
	*in = (struct instruction){ .kind = call->is_add ? INSTRUCTION_ADD : INSTRUCTION_COPY };
	in->words = strlist_new(p);
	for (size_t i = 0; call->words[i]; i++)
		strlist_add(in->words, call->words[i]);
	in->copy.exclude = strlist_new(p);
	for (size_t i = 0; call->exclude[i]; i++)
		strlist_add(in->copy.exclude, call->exclude[i]);
	in->copy.chown = (char *)call->chown;
	in->copy.chmod = (char *)call->chmod;
	in->copy.checksum = (char *)call->checksum;
	in->copy.is_link = call->is_link;
	in->copy.has_parents = call->has_parents;
	in->copy.unpack = call->is_unpack_said ? call->unpacks : -1;
	if (call->heredoc) {
		in->heredoc_count = 1;
		in->heredocs = mem_new(p, struct heredoc);
		in->heredocs->name = (char *)call->heredoc_name;
		in->heredocs->content = (char *)call->heredoc;
	}
	*r = (struct copy_request){ .in = in, .source = p->source, .workspace = p->workspace,
				    .working_dir = call->working_dir ? call->working_dir : "/", .ignored = p->ignored,
				    .store = p->store, .epoch_sec = EPOCH, .tell = tell, .arg = p };
}

static int try_copy(struct place *p, const struct call *call)
{
	struct instruction in;
	struct copy_request r;
	char digest[DIGEST_ROOM], *id;
	error_clear(&p->error);
	if (!p->source)
		context(p, ":");
	prepare(p, call, &in, &r);
	if (copy_digest(p, &r, digest, &p->error) < 0 || copy_make_layer(p, &r, &id, &p->error) < 0)
		return -1;
	assert_true(digest_is_valid(digest));
	return workspace_push(p->workspace, id, &p->error);
}

static void copy(struct place *p, const struct call *call)
{
	if (try_copy(p, call) < 0)
		fail_msg("%s", p->error.text);
}

static void fails(struct place *p, const struct call *call, const char *expected)
{
	if (try_copy(p, call) == 0)
		fail_msg("it succeeds; expected: %s", expected);
	if (!strstr(p->error.text, expected))
		fail_msg("'%s' has no '%s'", p->error.text, expected);
}

static char *digest(struct place *p, const struct call *call)
{
	struct instruction in;
	struct copy_request r;
	char *text = mem_array(p, char, DIGEST_ROOM);
	prepare(p, call, &in, &r);
	if (copy_digest(p, &r, text, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return text;
}

/* ---- what a tree looks like ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct node *const *)a)->name, (*(const struct node *const *)b)->name);
}

static void show(struct place *p, const struct node *n, const char *path, char **text)
{
	struct layer_attributes a;
	char content[100] = "";
	assert_int_equal(workspace_attributes(p, p->workspace, n, &a, &p->error), 0);
	*text = mem_append(*text, "%s %o %u:%u", path, a.mode & 07777, a.uid, a.gid);
	if (a.mtime_sec != CONTEXT_TIME)
		*text = mem_append(*text, a.mtime_sec == EPOCH ? " now" : " @%ld", (long)a.mtime_sec);
	if (n->kind == TREE_SYMLINK)
		*text = mem_append(*text, " -> %s", n->target);
	if (S_ISREG(a.mode) && n->kind == TREE_FILE) {
		CLEANUP_CLOSE int fd = workspace_open_file(p->workspace, n, &p->error);
		assert_true(fd >= 0 && io_read_all(fd, content, sizeof(content) - 1) >= 0);
		*text = mem_append(*text, " '%s'", content);
	} else if (S_ISCHR(a.mode)) {
		*text = mem_append(*text, " c%u,%u", major(a.rdev), minor(a.rdev));
	} else if (S_ISFIFO(a.mode)) {
		*text = mem_append(*text, " fifo");
	}
	*text = mem_append(*text, "\n");
}

static void walk(struct place *p, const struct node *folder, const char *path, char **text)
{
	const struct node *children[200];
	size_t count = 0;
	for (const struct node *n = folder->children; n; n = n->next)
		children[count++] = n;
	qsort(children, count, sizeof(*children), by_name);
	for (size_t i = 0; i < count; i++) {
		CLEANUP_TALLOC char *own = mem_printf(NULL, "%s/%s", path, children[i]->name);
		show(p, children[i], own, text);
		walk(p, children[i], own, text);
	}
}

/* The tree, a line for each entry; times are shown unless they are the context's. */
static void looks(struct place *p, const char *expected)
{
	char *text = mem_strdup(p, "");
	/* As whoever opens the chain anew sees it, and not what was merged bit by bit. */
	struct workspace *anew;
	assert_int_equal(workspace_open(p, p->store, workspace_chain(p->workspace), &anew, &p->error), 0);
	struct workspace *kept = p->workspace;
	p->workspace = anew;
	walk(p, nodes_root(workspace_tree(anew, &p->error)), "", &text);
	assert_string_equal(text, expected);
	p->workspace = kept;
	talloc_free(anew);
}

#define COPY(...) copy(p, &(const struct call){ __VA_ARGS__ })
#define FAILS(text, ...) fails(p, &(const struct call){ __VA_ARGS__ }, text)

/* ---- destinations ---- */

static void files_get_parents_of_root(void **state)
{
	struct place *p = *state;
	context(p, "echo -n 1 >a; chmod 640 a");
	COPY(.words = { "a", "/x/y/b" });
	looks(p, "/x 755 0:0 now\n/x/y 755 0:0 now\n/x/y/b 640 0:0 '1'\n");
}

static void a_slash_makes_the_destination_a_folder(void **state)
{
	struct place *p = *state;
	context(p, "echo -n 1 >a; echo -n 2 >b");
	COPY(.words = { "a", "b", "x/" }, .working_dir = "/w");
	looks(p, "/w 755 0:0 now\n/w/x 755 0:0 now\n/w/x/a 644 0:0 '1'\n/w/x/b 644 0:0 '2'\n");
	COPY(.words = { "a", "/w/x" });
	COPY(.words = { "a", "." }, .working_dir = "/w");
	looks(p, "/w 755 0:0 now\n/w/a 644 0:0 '1'\n/w/x 755 0:0 now\n/w/x/a 644 0:0 '1'\n/w/x/b 644 0:0 '2'\n");
}

static void of_folders_the_content_is_copied(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p d/e; echo -n 1 >d/f; echo -n 2 >d/e/g; ln -s f d/l; chmod 700 d; chmod 750 d/e");
	COPY(.words = { "d", "/x" });
	/* The destination is new: 0755, with the time of the source. */
	looks(p, "/x 755 0:0\n/x/e 750 0:0\n/x/e/g 644 0:0 '2'\n/x/f 644 0:0 '1'\n/x/l 777 0:0 -> f\n");
	COPY(.words = { ".", "/" });
	looks(p, "/d 700 0:0\n/d/e 750 0:0\n/d/e/g 644 0:0 '2'\n/d/f 644 0:0 '1'\n/d/l 777 0:0 -> f\n"
		 "/x 755 0:0\n/x/e 750 0:0\n/x/e/g 644 0:0 '2'\n/x/f 644 0:0 '1'\n/x/l 777 0:0 -> f\n");
}

static void folders_that_are_there_are_merged(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p a/s b/s; echo -n 1 >a/f; echo -n 2 >b/f; echo -n 3 >a/s/g; chmod 711 b/s b");
	COPY(.words = { "a", "/x/" }, .chown = "5:6", .chmod = "700");
	looks(p, "/x 700 5:6\n/x/f 700 5:6 '1'\n/x/s 700 5:6\n/x/s/g 700 5:6 '3'\n");
	/* Not the top, but what is in it has the source's attributes afterwards. */
	COPY(.words = { "b", "/x/" });
	looks(p, "/x 700 5:6\n/x/f 644 0:0 '2'\n/x/s 711 0:0\n/x/s/g 700 5:6 '3'\n");
}

static void what_is_of_another_type_is_in_the_way(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p a/n b c; echo 1 >f; echo 2 >b/n; mkdir -p c/f; echo 3 >a/n/x; mkdir t; ln -s x t/s");
	COPY(.words = { "a", "/x/" });
	FAILS("cannot replace the directory '/x/n' with a file", .words = { "b", "/x/" });
	COPY(.words = { "f", "/f" });
	FAILS("to non-directory: '/f'", .words = { "c", "/" });
	FAILS("'/f' is not a directory", .words = { "f", "/f/g" });
	FAILS("'/f' is not a directory", .words = { "f", "/f/" });
	FAILS("'/f' is not a directory", .words = { "a", "/f" });
	/* A nested symlink is no directory; a file takes its place. */
	COPY(.words = { "t", "/k/" });
	context(p, "mkdir -p q/s");
	FAILS("to non-directory: '/k/s'", .words = { "q", "/k" });
	COPY(.words = { "f", "/k/s" });
}

static void symlinks_of_the_destination_are_followed_inside(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p t/real; ln -s /real t/abs; ln -s ../../real t/rel; ln -s file t/to_file; ln -s loop t/loop; "
		   "echo -n 1 >a; echo -n 0 >t/file; ln -s nowhere/deep t/dangling");
	COPY(.words = { "t", "/" });
	COPY(.words = { "a", "/abs/x" });
	COPY(.words = { "a", "/rel/y/z" });
	COPY(.words = { "a", "/to_file" });
	COPY(.words = { "a", "/dangling/a" });
	FAILS("Too many levels of symbolic links", .words = { "a", "/loop/a" });
	looks(p, "/abs 777 0:0 -> /real\n/dangling 777 0:0 -> nowhere/deep\n/file 644 0:0 '1'\n/loop 777 0:0 -> loop\n"
		 "/nowhere 755 0:0 now\n/nowhere/deep 755 0:0 now\n/nowhere/deep/a 644 0:0 '1'\n/real 755 0:0 now\n"
		 "/real/x 644 0:0 '1'\n/real/y 755 0:0 now\n/real/y/z 644 0:0 '1'\n/rel 777 0:0 -> ../../real\n"
		 "/to_file 777 0:0 -> file\n");
}

static void a_linked_layer_follows_nothing(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p t/real; ln -s /real t/d; echo -n 1 >a");
	COPY(.words = { "t", "/" });
	COPY(.words = { "a", "/d/a" }, .is_link = true);
	looks(p, "/d 755 0:0 now\n/d/a 644 0:0 '1'\n/real 755 0:0\n");
}

/* The layer on top: how many entries it has. */
static bool is_top_empty(struct place *p)
{
	const struct chain *chain = workspace_chain(p->workspace);
	CLEANUP_TALLOC char *tree = mem_printf(NULL, "%s/store/%s/tree", p->dir, chain->layers[chain->count - 1].folder);
	struct stat st;
	assert_int_equal(stat(tree, &st), 0);
	return st.st_size == 0;
}

static void what_is_there_already_is_not_in_the_layer(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p d/e; echo -n 1 >d/f; ln -s f d/l; echo -n 2 >d/e/g");
	COPY(.words = { "d", "/x/" });
	assert_false(is_top_empty(p));
	COPY(.words = { "d", "/x/" });
	assert_true(is_top_empty(p));
	COPY(.words = { "d/f", "/x/" });
	assert_true(is_top_empty(p));
	COPY(.words = { "d", "/x/" }, .chown = "1");
	assert_false(is_top_empty(p));
	/* Of the same size and time, whole seconds: the content decides. */
	context(p, "echo -n 9 >d/f");
	COPY(.words = { "d/f", "/x/" });
	assert_false(is_top_empty(p));
	assert_int_equal(workspace_find(p->workspace, "/x/f", true, NULL)->size_bytes, 1);
}

static void later_sources_win(void **state)
{
	struct place *p = *state;
	context(p, "mkdir x y; echo -n 1 >x/f; echo -n 2 >y/f; chmod 600 y/f");
	COPY(.words = { "x/f", "y/f", "/d/" });
	looks(p, "/d 755 0:0 now\n/d/f 600 0:0 '2'\n");
}

/* ---- sources ---- */

static void sources_stay_in_the_context(void **state)
{
	struct place *p = *state;
	context(p, "echo -n 1 >a; mkdir d; ln -s /etc e; ln -s ../../../../../../a up; ln -s / root; echo -n 2 >d/b");
	COPY(.words = { "../../a", "/1" });
	COPY(.words = { "/a", "/2" });
	COPY(.words = { "up", "/3" });
	COPY(.words = { "root/d/../a", "/4" });
	FAILS("'/e/passwd' is not in the build context", .words = { "e/passwd", "/5" });
	FAILS("'/e' is not in the build context", .words = { "e", "/5" });
	FAILS("'/missing' is not in the build context", .words = { "missing", "/5" });
	FAILS("'/a/b' is not in the build context", .words = { "a/b", "/5" });
	looks(p, "/1 644 0:0 '1'\n/2 644 0:0 '1'\n/3 644 0:0 '1'\n/4 644 0:0 '1'\n");
}

static void wildcards_are_filepath_match(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p d1/x d2; echo -n 1 >a.txt; echo -n 2 >b.txt; echo -n 3 >d1/c.txt; echo -n 4 >d2/c.txt; "
		   "echo -n 5 >'arr[0]'; ln -s a.txt l.txt; echo -n 6 >d1/x/y");
	COPY(.words = { "*.txt", "/1/" });
	COPY(.words = { "d?/c.txt", "/2/" });
	COPY(.words = { "arr[[]0]", "/3/" });
	/* No match is no error; of folders that match the content is copied. */
	COPY(.words = { "*.none", "/4/" });
	COPY(.words = { "d*", "/5/" });
	FAILS("malformed pattern", .words = { "a[", "/6/" });
	FAILS("'/nodir' is not in the build context", .words = { "nodir/*.txt", "/6/" });
	looks(p, "/1 755 0:0 now\n/1/a.txt 644 0:0 '1'\n/1/b.txt 644 0:0 '2'\n/1/l.txt 644 0:0 '1'\n"
		 "/2 755 0:0 now\n/2/c.txt 644 0:0 '4'\n/3 755 0:0 now\n/3/arr[0] 644 0:0 '5'\n"
		 "/5 755 0:0\n/5/c.txt 644 0:0 '4'\n/5/x 755 0:0\n/5/x/y 644 0:0 '6'\n");
}

static void ignored_files_are_not_there(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC struct strlist *lines = strlist_new(NULL);
	static const char *const patterns[] = { "*.log", "secret", "big", "!big/keep/this", "none", "!none/at/all" };
	context(p, "mkdir -p secret big/keep big/drop none; echo 1 >secret/key; echo -n 2 >big/keep/this; echo 3 >big/keep/that; "
		   "echo 4 >big/drop/x; echo 5 >x.log; echo -n 6 >y; ln -s secret/key s");
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		strlist_add(lines, patterns[i]);
	assert_int_equal(patterns_new(p, lines, &p->ignored, &p->error), 0);
	COPY(.words = { ".", "/" });
	looks(p, "/big 755 0:0\n/big/keep 755 0:0\n/big/keep/this 644 0:0 '2'\n/s 777 0:0 -> secret/key\n"
		 "/y 644 0:0 '6'\n");
	FAILS(".dockerignore excludes it", .words = { "secret", "/x" });
	FAILS(".dockerignore excludes it", .words = { "x.log", "/x" });
	FAILS(".dockerignore excludes it", .words = { "none", "/x" });
	FAILS("is not in the build context", .words = { "s", "/x" });
	COPY(.words = { "x.lo*", "/x" });
	COPY(.words = { "big", "/b/" });
}

static void exclusions_and_their_exceptions(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p d/s/t; echo -n 1 >d/a.go; echo -n 2 >d/b.txt; echo -n 3 >d/s/c.txt; echo -n 4 >d/s/t/k.txt");
	COPY(.words = { "d", "/1/" }, .exclude = { "*.txt" });
	COPY(.words = { "d", "/2/" }, .exclude = { "**/*.txt" });
	COPY(.words = { "d", "/3/" }, .exclude = { "s", "!s/t/k.txt", "*.go" });
	COPY(.words = { "d/a.go", "/4" }, .exclude = { "a.go" });
	FAILS("--exclude: malformed pattern '['", .words = { "d", "/5/" }, .exclude = { "[" });
	looks(p, "/1 755 0:0\n/1/a.go 644 0:0 '1'\n/1/s 755 0:0\n/1/s/c.txt 644 0:0 '3'\n/1/s/t 755 0:0\n"
		 "/1/s/t/k.txt 644 0:0 '4'\n/2 755 0:0\n/2/a.go 644 0:0 '1'\n/2/s 755 0:0\n/2/s/t 755 0:0\n"
		 "/3 755 0:0\n/3/b.txt 644 0:0 '2'\n/3/s 755 0:0 now\n/3/s/t 755 0:0 now\n/3/s/t/k.txt 644 0:0 '4'\n"
		 "/4 644 0:0 '1'\n");
}

static void parents_are_kept(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p a/b/c x/y; echo -n 1 >a/b/c/f; echo -n 2 >a/b/g; echo -n 3 >x/y/h; chmod 700 a");
	COPY(.words = { "a/b/c/f", "/1/" }, .has_parents = true);
	COPY(.words = { "a/./b/g", "x/y", "/2/" }, .has_parents = true);
	COPY(.words = { "**/h", "/3/" }, .has_parents = true);
	COPY(.words = { "*/b/./c", "/4/" }, .has_parents = true);
	FAILS("'/a/none' is not in the build context", .words = { "a/none", "/5/" }, .has_parents = true);
	looks(p, "/1 755 0:0\n/1/a 700 0:0 now\n/1/a/b 755 0:0 now\n/1/a/b/c 755 0:0 now\n/1/a/b/c/f 644 0:0 '1'\n"
		 "/2 755 0:0\n/2/b 755 0:0 now\n/2/b/g 644 0:0 '2'\n/2/x 755 0:0 now\n/2/x/y 755 0:0\n"
		 "/2/x/y/h 644 0:0 '3'\n/3 755 0:0\n/3/x 755 0:0 now\n/3/x/y 755 0:0 now\n/3/x/y/h 644 0:0 '3'\n"
		 "/4 755 0:0\n/4/c 755 0:0\n/4/c/f 644 0:0 '1'\n");
}

static void special_files(void **state)
{
	struct place *p = *state;
	context(p, "mkfifo -m 622 d_fifo; echo -n 1 >a; ln a b; chmod 4755 a; mkdir s; chmod 1777 s; "
		   "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' 2>/dev/null || :");
	COPY(.words = { ".", "/" });
	looks(p, "/a 4755 0:0 '1'\n/b 4755 0:0 '1'\n/d_fifo 622 0:0 fifo\n/s 1777 0:0\n");
	struct node *a = workspace_find(p->workspace, "/a", true, NULL), *b = workspace_find(p->workspace, "/b", true, NULL);
	assert_true(workspace_is_same_inode(a, b));
}

/* ---- owners and modes ---- */

static void owners_by_name_and_number(void **state)
{
	struct place *p = *state;
	context(p, "mkdir etc; echo 'root:x:0:0::/:' >etc/passwd; echo 'me:x:1000:50::/:' >>etc/passwd; "
		   "echo 'staff:x:60:' >etc/group; echo -n 1 >a; ln -s a l");
	COPY(.words = { "etc", "/etc" });
	COPY(.words = { "a", "/n/1" }, .chown = "me");
	COPY(.words = { "a", "/first/1" }, .chown = "me");
	COPY(.words = { "a", "/n/2" }, .chown = "me:staff");
	COPY(.words = { "a", "/n/3" }, .chown = "7");
	COPY(.words = { "a", "/n/4" }, .chown = ":staff");
	COPY(.words = { "a", "/n/5" }, .chown = "7:8");
	COPY(.words = { "l", "/n/6" }, .chown = "root");
	COPY(.words = { ".", "/n/7/" }, .chown = "me:9", .exclude = { "etc" });
	/* BuildKit takes a name that nobody has for 0. */
	assert_null(p->told);
	COPY(.words = { "a", "/n/8" }, .chown = "nobody");
	assert_non_null(strstr(p->told, "--chown=nobody"));
	FAILS("in which there are no names", .words = { "a", "/n/x" }, .chown = "me", .is_link = true);
	COPY(.words = { "a", "/n/9" }, .chown = "3:4", .is_link = true);
	struct node *n = workspace_find(p->workspace, "/n", true, NULL);
	char *text = mem_strdup(p, "");
	walk(p, n, "", &text);
	assert_string_equal(text, "/1 644 1000:50 '1'\n/2 644 1000:60 '1'\n/3 644 7:7 '1'\n/4 644 0:60 '1'\n"
				  "/5 644 7:8 '1'\n/6 644 0:0 '1'\n/7 755 1000:9\n/7/a 644 1000:9 '1'\n/7/l 777 1000:9 -> a\n"
				  "/8 644 0:0 '1'\n/9 644 3:4 '1'\n");
	/* A parent that is made is the owner's, and --link makes one over the one that is there. */
	struct layer_attributes a;
	assert_int_equal(workspace_attributes(p, p->workspace, n, &a, &p->error), 0);
	assert_int_equal(a.uid, 3);
	n = workspace_find(p->workspace, "/first", true, NULL);
	assert_int_equal(workspace_attributes(p, p->workspace, n, &a, &p->error), 0);
	assert_int_equal(a.uid, 1000);
}

static void modes_are_changed(void **state)
{
	struct place *p = *state;
	context(p, "mkdir d; echo -n 1 >d/f; echo -n 2 >d/x; chmod 755 d/x; ln -s f d/l");
	COPY(.words = { "d", "/1/2/" }, .chmod = "2750");
	COPY(.words = { "d", "/3/" }, .chmod = "go-rwx,u+X");
	FAILS("it should be octal string and between 0 and 07777", .words = { "d", "/4" }, .chmod = "17777");
	FAILS("it should be octal string and between 0 and 07777", .words = { "d", "/4" }, .chmod = "0888");
	FAILS("invalid chmod parameter: 'rwx'", .words = { "d", "/4" }, .chmod = "rwx");
	looks(p, "/1 750 0:0 now\n/1/2 750 0:0\n/1/2/f 2750 0:0 '1'\n/1/2/l 777 0:0 -> f\n/1/2/x 2750 0:0 '2'\n"
		 "/3 755 0:0\n/3/f 600 0:0 '1'\n/3/l 777 0:0 -> f\n/3/x 700 0:0 '2'\n");
}

static void symbolic_modes(void **state)
{
	static const struct {
		const char *text;
		mode_t from, to;
	} rows[] = {
		{ "755", 04644, 0755 }, { "u=rwx,g=rx,o=", 0, 0750 }, { "+x", 0644, 0755 }, { "a-w", 0666, 0444 },
		{ "go=u", 0700, 0777 }, { "go=u-w", 0700, 0755 }, { "u+s,g+s,+t", 0755, 07755 }, { "=r", 06755, 0444 },
		{ "u+X", 0644, 0644 }, { "u+X", S_IFDIR | 0644, S_IFDIR | 0744 }, { "a+X", 0654, 0755 },
		{ "u=rwX", 0755, 0755 }, { "u=rwX,go=rX", S_IFDIR | 0600, S_IFDIR | 0755 }, { "a=rX", 0644, 0444 },
		{ "g-X", 0755, 0745 }, { "o+s", 0644, 0644 }, { "g-s", 06755, 04755 }, { "u=g", 0070, 0770 },
		{ "o-g", 0757, 0752 }, { "u=", 0777, 0077 }, { "a=rw,u+x", 0, 0766 }, { "g+w-r", 0644, 0624 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CLEANUP_TALLOC struct mode_change *c = NULL;
		struct error err = ERROR_INIT;
		if (mode_change_parse(NULL, rows[i].text, &c, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		mode_t to = mode_change_apply(c, rows[i].from);
		if (to != rows[i].to)
			fail_msg("'%s' on %o: expected %o, got %o", rows[i].text, rows[i].from, rows[i].to, to);
	}
	static const char *const bad[] = { "", "u", "u+", "+,", "x", "u+q", "u=r,", "8", "10000", "0x1", "u =r" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct mode_change *c = NULL;
		struct error err = ERROR_INIT;
		if (strcmp(bad[i], "u+") != 0 && mode_change_parse(NULL, bad[i], &c, &err) == 0)
			fail_msg("accepted: '%s'", bad[i]);
	}
}

static void heredocs_are_files(void **state)
{
	struct place *p = *state;
	COPY(.words = { "/d/" }, .heredoc_name = "EOF", .heredoc = "text\n");
	COPY(.words = { "/d/named" }, .heredoc_name = "EOF", .heredoc = "", .chmod = "755", .chown = "3");
	COPY(.words = { "/d" }, .heredoc_name = "more", .heredoc = "m");
	looks(p, "/d 755 0:0 now\n/d/EOF 644 0:0 now 'text\n'\n/d/more 644 0:0 now 'm'\n/d/named 755 3:3 now ''\n");
}

/* ---- from a stage ---- */

static void stages_keep_what_they_have(void **state)
{
	struct place *p = *state;
	context(p, "mkdir s; echo -n 1 >s/f; chmod 4755 s/f; ln s/f s/g; echo -n 2 >s/h; chmod 000 s/h || :; chmod 644 s/h");
	COPY(.words = { "s", "/s/" }, .chown = "11:12");
	COPY(.words = { "s/h", "/s/dev" }, .chown = "13");
	struct place *stage = mem_new(p, struct place);
	*stage = *p;
	struct chain *empty = mem_new(p, struct chain);
	assert_int_equal(workspace_open(p, p->store, empty, &stage->workspace, &p->error), 0);
	stage->source = source_of_workspace(p, p->workspace);
	copy(stage, &(const struct call){ .words = { "/s", "/t/" } });
	fails(stage, &(const struct call){ .words = { "/none", "/t/" } }, "'/none': not found");
	looks(stage, "/t 755 0:0 now\n/t/dev 644 13:13 '2'\n/t/f 4755 11:12 '1'\n/t/g 4755 11:12 '1'\n"
		      "/t/h 644 11:12 '2'\n");
	assert_true(workspace_is_same_inode(workspace_find(stage->workspace, "/t/f", true, NULL),
					    workspace_find(stage->workspace, "/t/g", true, NULL)));
	talloc_free(stage->workspace);
}

/* ---- archives ---- */

static void archives_are_told_by_content(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p w/d; echo -n 1 >w/d/f; ln -s d w/l; ln w/d/f w/hard; chmod 700 w; chmod 711 w/d; "
		   "touch -d @5 w/d/f w/d; tar --owner=7 --group=8 -C w -cf plain.bin .; gzip -k plain.bin; "
		   "bzip2 -k plain.bin; xz -k plain.bin; zstd -q plain.bin || cp plain.bin plain.bin.zst; "
		   "mv plain.bin.gz gz; mv plain.bin.bz2 bz2; mv plain.bin.xz xz; mv plain.bin.zst zst; "
		   "echo -n text >text.tar; : >empty.tar; rm -r w");
	static const char *const names[] = { "plain.bin", "gz", "bz2", "xz", "zst" };
	static const char expected[] = "/d 711 7:8 @5\n/d/f 644 7:8 @5 '1'\n/hard 644 7:8 @5 '1'\n/l 777 7:8";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CLEANUP_TALLOC char *dest = mem_printf(NULL, "/%zu", i);
		COPY(.words = { names[i], dest }, .is_add = true);
		struct node *n = workspace_find(p->workspace, dest, true, NULL);
		assert_non_null(n);
		/* The entry of the archive's root is not the destination's. */
		struct layer_attributes a;
		assert_int_equal(workspace_attributes(p, p->workspace, n, &a, &p->error), 0);
		assert_int_equal(a.mode & 07777, 0755);
		assert_int_equal(a.uid, 0);
		char *text = mem_strdup(p, "");
		walk(p, n, "", &text);
		if (strncmp(text, expected, sizeof(expected) - 1) != 0)
			fail_msg("%s: %s", names[i], text);
	}
	COPY(.words = { "gz", "/c/" });
	COPY(.words = { "gz", "/c/u" }, .is_add = true, .is_unpack_said = true, .unpacks = false);
	COPY(.words = { "text.tar", "empty.tar", "/c/" }, .is_add = true);
	COPY(.words = { "gz", "/o/" }, .is_add = true, .chown = "3:4");
	assert_int_equal(workspace_find(p->workspace, "/c/gz", true, NULL)->kind, TREE_FILE);
	assert_int_equal(workspace_find(p->workspace, "/c/u", true, NULL)->kind, TREE_FILE);
	assert_int_equal(workspace_find(p->workspace, "/c/text.tar", true, NULL)->kind, TREE_FILE);
	assert_int_equal(workspace_find(p->workspace, "/c/empty.tar", true, NULL)->kind, TREE_FILE);
	struct layer_attributes a;
	assert_int_equal(workspace_attributes(p, p->workspace, workspace_find(p->workspace, "/o/d/f", true, NULL), &a, &p->error), 0);
	assert_int_equal(a.uid, 3);
	assert_int_equal(a.gid, 4);
}

static void archives_stay_in_the_destination(void **state)
{
	struct place *p = *state;
	context(p, "mkdir w; cd w; ln -s / up; ln -s ../../.. rel; echo -n 1 >f; tar -cf ../a.tar up rel; "
		   "rm up rel; mkdir -p up/etc rel; echo -n 2 >up/etc/x; echo -n 3 >rel/y; tar -rf ../a.tar up/etc/x rel/y; "
		   "tar -rPf ../a.tar --transform 's,^f$,../../../out,' f; cd ..; rm -r w");
	COPY(.words = { "a.tar", "/d/e/" }, .is_add = true);
	struct node *d = workspace_find(p->workspace, "/d/e", true, NULL);
	assert_non_null(d);
	static const char *const inside[] = { "/d/e/etc/x", "/d/e/y", "/d/e/out" };
	for (size_t i = 0; i < 3; i++)
		if (!workspace_find(p->workspace, inside[i], true, NULL))
			fail_msg("%s is not there", inside[i]);
	assert_null(workspace_find(p->workspace, "/etc", true, NULL));
	assert_null(workspace_find(p->workspace, "/out", true, NULL));
}

static void broken_archives_are_told(void **state)
{
	struct place *p = *state;
	context(p, "head -c 9000 /dev/urandom >x; tar -czf t.gz x; head -c 4000 t.gz >short.gz; rm t.gz; "
		   "printf '\\037\\213\\010' >like.gz; head -c 100 x >>like.gz; rm x");
	FAILS("cannot unpack '/short.gz'", .words = { "short.gz", "/" }, .is_add = true);
	COPY(.words = { "short.gz", "/c" });
	COPY(.words = { "like.gz", "/l" }, .is_add = true);
	assert_int_equal(workspace_find(p->workspace, "/l", true, NULL)->kind, TREE_FILE);
}

static void archives_replace_what_is_there(void **state)
{
	struct place *p = *state;
	context(p, "mkdir -p below/x/old below/d; echo 0 >below/x/old/f; echo 1 >below/y; echo -n 9 >below/d/kept; mkdir w; cd w; "
		   "echo -n 1 >x; mkdir y d; chmod 750 d; tar --owner=0 --group=0 -cf ../1.tar x y d; rm x; mkdir x; echo -n 2 >x/new; "
		   "tar --owner=0 --group=0 -rf ../1.tar x; touch -d @1000000000 ../1.tar; cd ..; rm -r w");
	COPY(.words = { "below", "/" });
	COPY(.words = { "1.tar", "/" }, .is_add = true);
	struct node *root = nodes_root(workspace_tree(p->workspace, &p->error));
	assert_non_null(root);
	assert_null(workspace_find(p->workspace, "/x/old", true, NULL));
	assert_non_null(workspace_find(p->workspace, "/x/new", true, NULL));
	assert_int_equal(workspace_find(p->workspace, "/y", true, NULL)->kind, TREE_DIRECTORY);
	assert_non_null(workspace_find(p->workspace, "/d/kept", true, NULL));
}

/* ---- digests ---- */

static void digests_are_of_what_shows(void **state)
{
	struct place *p = *state;
	static const struct call all = { .words = { ".", "/" } };
	context(p, "mkdir d; echo 1 >d/f; echo 2 >d/g; ln -s f d/l");
	char *first = digest(p, &all);
	context(p, ":");
	assert_string_equal(digest(p, &all), first);
	shell(p->context, "touch d/f d; mv d/f d/f2; mv d/f2 d/f");
	TALLOC_FREE(p->source);
	assert_int_equal(source_of_folder(p, p->context, &p->source, &p->error), 0);
	assert_string_equal(digest(p, &all), first);
	static const char *const changes[] = { "echo 3 >d/f", "chmod 600 d/f", "ln -sf g d/l", "mv d/f d/e", "chmod 700 d",
					       "rm d/g; ln d/e d/g", "mkdir e" };
	char *last = first;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		context(p, changes[i]);
		char *now = digest(p, &all);
		if (strcmp(now, last) == 0)
			fail_msg("'%s' does not change the digest", changes[i]);
		last = now;
	}
}

/* Content that changed without a change of size and times is found, as long as it is fresh. */
static void digests_do_not_trust_fresh_files(void **state)
{
	struct place *p = *state;
	static const struct call one = { .words = { "f", "/" } };
	context(p, "echo 1 >f");
	char *first = digest(p, &one);
	context(p, "printf '2\\n' 1<>f");
	assert_string_not_equal(digest(p, &one), first);
}

static void digests_are_remembered(void **state)
{
	struct place *p = *state;
	static const struct call one = { .words = { "f", "/" } };
	context(p, "echo 1 >f");
	/* A file that has settled is not read again: not even to find that it cannot be. */
	sleep(4);
	char *first = digest(p, &one);
	context(p, ":");
	sleep(4);
	TALLOC_FREE(p->source);
	assert_int_equal(source_of_folder(p, p->context, &p->source, &p->error), 0);
	digest(p, &one);
	CLEANUP_TALLOC char *cache = mem_printf(NULL, "test -s %s/store/cache/context/*", p->dir);
	shell("/", cache);
	TALLOC_FREE(p->source);
	assert_int_equal(source_of_folder(p, p->context, &p->source, &p->error), 0);
	assert_string_equal(digest(p, &one), first);
	CLEANUP_TALLOC char *damage = mem_printf(NULL, "for f in %s/store/cache/context/*; do echo x >>$f; done", p->dir);
	shell("/", damage);
	TALLOC_FREE(p->source);
	assert_int_equal(source_of_folder(p, p->context, &p->source, &p->error), 0);
	assert_string_equal(digest(p, &one), first);
}

static void a_file_that_changes_meanwhile_is_told(void **state)
{
	struct place *p = *state;
	static const struct call one = { .words = { "f", "/" } };
	struct instruction in;
	struct copy_request r;
	char text[DIGEST_ROOM], *id;
	context(p, "echo 1 >f");
	prepare(p, &one, &in, &r);
	assert_int_equal(copy_digest(p, &r, text, &p->error), 0);
	shell(p->context, "echo 22 >f");
	assert_int_equal(copy_make_layer(p, &r, &id, &p->error), -1);
	assert_non_null(strstr(p->error.text, "'/f' changed while it was copied"));
}

static void urls_are_for_add(void **state)
{
	struct place *p = *state;
	FAILS("COPY takes no URL", .words = { "http://127.0.0.1:9/x", "/" });
	FAILS("COPY takes no URL", .words = { "git@127.0.0.1:x/y", "/" });
	FAILS("checksum can't be specified for COPY", .words = { "a", "/" }, .checksum = "sha256:1");
	FAILS("checksum requires HTTP(S) or Git sources", .words = { "a", "/" }, .checksum = "sha256:1", .is_add = true);
	FAILS("checksum can't be specified for multiple sources", .words = { "a", "b", "/" }, .checksum = "sha256:1",
	      .is_add = true);
	FAILS("'sha256:1' is not of the form", .words = { "http://127.0.0.1:9/x", "/" }, .checksum = "sha256:1", .is_add = true);
	FAILS("cannot download 'http://127.0.0.1:9/x'", .words = { "http://127.0.0.1:9/x", "/" }, .is_add = true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_get_parents_of_root),
		TEST(a_slash_makes_the_destination_a_folder),
		TEST(of_folders_the_content_is_copied),
		TEST(folders_that_are_there_are_merged),
		TEST(what_is_of_another_type_is_in_the_way),
		TEST(symlinks_of_the_destination_are_followed_inside),
		TEST(a_linked_layer_follows_nothing),
		TEST(what_is_there_already_is_not_in_the_layer),
		TEST(later_sources_win),
		TEST(sources_stay_in_the_context),
		TEST(wildcards_are_filepath_match),
		TEST(ignored_files_are_not_there),
		TEST(exclusions_and_their_exceptions),
		TEST(parents_are_kept),
		TEST(special_files),
		TEST(owners_by_name_and_number),
		TEST(modes_are_changed),
		cmocka_unit_test(symbolic_modes),
		TEST(heredocs_are_files),
		TEST(stages_keep_what_they_have),
		TEST(archives_are_told_by_content),
		TEST(archives_stay_in_the_destination),
		TEST(broken_archives_are_told),
		TEST(archives_replace_what_is_there),
		TEST(digests_are_of_what_shows),
		TEST(digests_do_not_trust_fresh_files),
		TEST(digests_are_remembered),
		TEST(a_file_that_changes_meanwhile_is_told),
		TEST(urls_are_for_add),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
