/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: what comes on standard input, by URL and by git; hostile tars, made byte by byte. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

#include "builder/build/context.h"
#include "builder/build/download.h"
#include "builder/build/git.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

struct place {
	char dir[64], work[80];
	struct store *store;
	struct context *context;
	struct error error;
	char tar[1 << 16];
	size_t tar_size;
};

static int shell(const char *folder, const char *command)
{
	pid_t pid = fork();
	int status = 0;
	if (pid == 0) {
		umask(022);
		setenv("HOME", folder, 1);
		if (chdir(folder) == 0)
			execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int setup(void **state)
{
	struct place *p = mem_new(NULL, struct place);
	snprintf(p->dir, sizeof(p->dir), "/tmp/fakebuild-context-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->work, sizeof(p->work), "%s/work", p->dir);
	assert_int_equal(mkdir(p->work, 0755), 0);
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/store", p->dir);
	assert_int_equal(store_open(p, root, &p->store, &p->error), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	TALLOC_FREE(p->context);
	io_remove_tree(AT_FDCWD, p->dir);
	talloc_free(p);
	return 0;
}

/* ---- tars ---- */

static void put(struct place *p, const char *name, char type, unsigned mode, unsigned uid, const char *text)
{
	char *h = p->tar + p->tar_size;
	size_t size = type == '0' && text ? strlen(text) : 0;
	unsigned sum = 0;
	memset(h, 0, 512);
	memcpy(h, name, strnlen(name, 100));
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", uid);
	snprintf(h + 116, 8, "%07o", uid);
	snprintf(h + 124, 12, "%011o", (unsigned)size);
	snprintf(h + 136, 12, "%011o", 1000000000u);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if ((type == '1' || type == '2') && text)
		memcpy(h + 157, text, strnlen(text, 100));
	memcpy(h + 257, "ustar\0" "00", 8);
	if (type == '3')
		snprintf(h + 329, 8, "%07o", 1);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	if (size)
		memcpy(h + 512, text, size);
	p->tar_size += 512 + (size + 511) / 512 * 512;
}

/* Open a context whose standard input is these bytes. */
static int open_bytes(struct place *p, const char *bytes, size_t size)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/stdin", p->dir);
	assert_int_equal(io_write_file(AT_FDCWD, path, bytes, size, 0600, &p->error), 0);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	TALLOC_FREE(p->context);
	error_clear(&p->error);
	return context_open(p, p->store, "-", false, fd, NULL, NULL, &p->context, &p->error);
}

static int open_tar(struct place *p)
{
	int r = open_bytes(p, p->tar, p->tar_size + 1024);
	memset(p->tar, 0, sizeof(p->tar));
	p->tar_size = 0;
	return r;
}

static void opens(struct place *p)
{
	if (open_tar(p) < 0)
		fail_msg("%s", p->error.text);
}

static void fails(struct place *p, int result, const char *expected)
{
	assert_int_equal(result, -1);
	if (!strstr(p->error.text, expected))
		fail_msg("'%s' has no '%s'", p->error.text, expected);
}

static char *content(struct place *p, const char *path)
{
	struct source *source;
	char *text;
	size_t size;
	assert_int_equal(context_source(p, p->context, &source, &p->error), 0);
	if (source_read_text(p, source, path, 1000, &text, &size, &p->error) < 0)
		fail_msg("%s", p->error.text);
	return text ? text : mem_strdup(p, "(none)");
}

static void folders_must_be_there(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *none = mem_printf(NULL, "%s/none", p->work), *file = mem_printf(NULL, "%s/file", p->work);
	assert_int_equal(context_open(p, p->store, p->work, false, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_string_equal(p->context->folder, p->work);
	assert_true(p->context->is_local);
	fails(p, context_open(p, p->store, none, false, -1, NULL, NULL, &p->context, &p->error), "cannot open the build context");
	assert_int_equal(shell(p->work, ": >file"), 0);
	fails(p, context_open(p, p->store, file, false, -1, NULL, NULL, &p->context, &p->error), "Not a directory");
	fails(p, context_open(p, p->store, "-", false, -1, NULL, NULL, &p->context, &p->error), "cannot be read from standard input");
}

static void images_are_names(void **state)
{
	struct place *p = *state;
	assert_int_equal(context_open(p, p->store, "docker-image://debian:12", false, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_string_equal(p->context->image, "debian:12");
	assert_null(p->context->folder);
	TALLOC_FREE(p->context);
	assert_int_equal(context_open(p, p->store, "oci-layout:///a/b:c", false, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_string_equal(p->context->image, "oci:/a/b:c");
}

static void a_dockerfile_may_come_alone(void **state)
{
	struct place *p = *state;
	char *text, *name;
	size_t size;
	assert_int_equal(open_bytes(p, "FROM scratch\n", 13), 0);
	assert_int_equal(context_dockerfile(p, p->context, NULL, -1, &text, &size, &name, &p->error), 0);
	assert_string_equal(text, "FROM scratch\n");
	assert_string_equal(name, "Dockerfile");
	assert_int_equal(size, 13);
	assert_non_null(p->context->folder);
	fails(p, context_dockerfile(p, p->context, "-", -1, &text, &size, &name, &p->error), "is a Dockerfile itself");
	fails(p, open_bytes(p, "", 0), "standard input is empty");
	fails(p, open_bytes(p, "ab\0c", 4), "neither a tar archive nor a Dockerfile");
}

static void tars_are_unpacked_with_their_owners(void **state)
{
	struct place *p = *state;
	struct source *source;
	struct source_cursor *c;
	struct source_entry e;
	put(p, "./", '5', 0700, 5, NULL);
	put(p, "Dockerfile", '0', 0644, 0, "FROM scratch\n");
	put(p, "d/", '5', 0500, 7, NULL);
	put(p, "d/f", '0', 04711, 7, "1");
	put(p, "d/dev", '3', 0600, 0, NULL);
	put(p, "d/g", '1', 0, 0, "d/f");
	put(p, ".wh.kept", '0', 0644, 0, "2");
	opens(p);
	assert_string_equal(content(p, "Dockerfile"), "FROM scratch\n");
	assert_string_equal(content(p, ".wh.kept"), "2");
	assert_int_equal(context_source(p, p->context, &source, &p->error), 0);
	assert_int_equal(source_cursor_open(p, source, &c, &p->error), 0);
	assert_int_equal(source_examine(c, "d", &e), 0);
	assert_int_equal(e.mode, S_IFDIR | 0500);
	assert_int_equal(e.uid, 7);
	assert_int_equal(e.mtime_sec, 1000000000);
	assert_int_equal(source_go(c, "d"), 0);
	assert_int_equal(source_examine(c, "f", &e), 0);
	assert_int_equal(e.mode, S_IFREG | 04711);
	assert_int_equal(e.gid, 7);
	uint64_t ino = e.ino;
	assert_int_equal(source_examine(c, "g", &e), 0);
	assert_int_equal(e.ino, ino);
	assert_int_equal(source_examine(c, "dev", &e), 0);
	assert_true(S_ISCHR(e.mode));
	talloc_free(source);
}

static void tars_stay_in_their_folder(void **state)
{
	struct place *p = *state;
	CLEANUP_TALLOC char *outside = mem_printf(NULL, "%s/outside", p->work);
	assert_int_equal(mkdir(outside, 0755), 0);
	put(p, "../../up", '0', 0644, 0, "1");
	put(p, "/abs", '0', 0644, 0, "2");
	put(p, "out", '2', 0777, 0, outside);
	put(p, "out/x", '0', 0644, 0, "3");
	put(p, "rel", '2', 0777, 0, "../../../../../../../../tmp");
	put(p, "rel/y", '0', 0644, 0, "4");
	put(p, "dir", '2', 0777, 0, outside);
	put(p, "dir", '5', 0755, 0, NULL);
	put(p, "dir/z", '0', 0644, 0, "5");
	put(p, "a/b/../../../c", '0', 0644, 0, "6");
	put(p, "root", '2', 0777, 0, "/");
	put(p, "root/w", '0', 0644, 0, "7");
	int r = open_tar(p);
	/* A symlink that leads nowhere is in the way of what is put below it, as mkdir(2) has it. */
	fails(p, r, "cannot make the folder 'out'");
	put(p, "../../up", '0', 0644, 0, "1");
	put(p, "/abs", '0', 0644, 0, "2");
	put(p, "d/", '5', 0755, 0, NULL);
	put(p, "out", '2', 0777, 0, "/../../d");
	put(p, "out/x", '0', 0644, 0, "3");
	put(p, "dir", '2', 0777, 0, outside);
	put(p, "dir", '5', 0755, 0, NULL);
	put(p, "dir/z", '0', 0644, 0, "5");
	put(p, "a/b/../../../c", '0', 0644, 0, "6");
	put(p, "root", '2', 0777, 0, "/");
	put(p, "root/w", '0', 0644, 0, "7");
	opens(p);
	static const char *const inside[][2] = { { "up", "1" }, { "abs", "2" }, { "d/x", "3" }, { "dir/z", "5" }, { "c", "6" },
						 { "w", "7" } };
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		assert_string_equal(content(p, inside[i][0]), inside[i][1]);
	/* rmdir(2) says whether anything came in. */
	assert_int_equal(rmdir(outside), 0);
}

static void links_do_not_reach_out(void **state)
{
	struct place *p = *state;
	put(p, "x", '1', 0644, 0, "/etc/passwd");
	fails(p, open_tar(p), "is a hard link to '/etc/passwd', which is no file of the archive");
	put(p, "x", '1', 0644, 0, "../../../../etc/passwd");
	fails(p, open_tar(p), "which is no file of the archive");
	put(p, "e", '2', 0777, 0, "/etc/passwd");
	put(p, "x", '1', 0644, 0, "e");
	opens(p);
	assert_string_equal(content(p, "x"), "(none)");
	put(p, "d/", '5', 0755, 0, NULL);
	put(p, "x", '1', 0644, 0, "d");
	fails(p, open_tar(p), "which is no file of the archive");
}

static void the_root_stays_a_folder(void **state)
{
	struct place *p = *state;
	put(p, ".", '2', 0777, 0, "/etc");
	fails(p, open_tar(p), "would replace the folder that it goes into");
	put(p, "a/..", '0', 0644, 0, "1");
	fails(p, open_tar(p), "would replace the folder that it goes into");
}

static void later_entries_replace_earlier_ones(void **state)
{
	struct place *p = *state;
	put(p, "d/", '5', 0755, 0, NULL);
	put(p, "d/f", '0', 0644, 0, "1");
	put(p, "d", '0', 0644, 0, "2");
	put(p, "e", '0', 0644, 0, "3");
	put(p, "e/", '5', 0700, 0, NULL);
	put(p, "e/f", '0', 0644, 0, "4");
	put(p, "e/f", '0', 0644, 0, "5");
	opens(p);
	assert_string_equal(content(p, "d"), "2");
	assert_string_equal(content(p, "e/f"), "5");
	/* Modes that would keep their own entries out. */
	put(p, "c/", '5', 0, 0, NULL);
	put(p, "c/f", '0', 0, 0, "6");
	opens(p);
	assert_string_equal(content(p, "c/f"), "6");
}

static void compressed_tars(void **state)
{
	struct place *p = *state;
	static const char *const programs[] = { "gzip", "bzip2", "xz", "zstd -q" };
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		char *bytes;
		size_t size;
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/tar.z", p->work);
		CLEANUP_TALLOC char *command = mem_printf(NULL, "command -v %s >/dev/null || exit 3; echo -n hello >f; "
								"tar -c f | %s >tar.z", programs[i], programs[i]);
		int status = shell(p->work, command);
		if (WEXITSTATUS(status) == 3)
			continue;
		assert_int_equal(io_read_file(p, AT_FDCWD, path, 1 << 20, &bytes, &size, &p->error), 0);
		if (open_bytes(p, bytes, size) < 0)
			fail_msg("%s: %s", programs[i], p->error.text);
		assert_string_equal(content(p, "f"), "hello");
		/* Half of it is no context. */
		if (size > 40 && open_bytes(p, bytes, size - 20) == 0 && strcmp(programs[i], "bzip2") != 0)
			assert_string_equal(content(p, "f"), "hello");
	}
}

/* ---- Dockerfiles and ignore files ---- */

static void dockerfiles_are_found(void **state)
{
	struct place *p = *state;
	char *text, *name;
	size_t size;
	CLEANUP_TALLOC char *sub = mem_printf(NULL, "%s/sub/x.Dockerfile", p->work);
	assert_int_equal(context_open(p, p->store, p->work, false, -1, NULL, NULL, &p->context, &p->error), 0);
	fails(p, context_dockerfile(p, p->context, NULL, -1, &text, &size, &name, &p->error), "there is no Dockerfile in");
	assert_int_equal(shell(p->work, "echo lower >dockerfile; mkdir sub; echo sub >sub/x.Dockerfile; ln -s /etc/passwd out"), 0);
	assert_int_equal(context_dockerfile(p, p->context, NULL, -1, &text, &size, &name, &p->error), 0);
	assert_string_equal(text, "lower\n");
	assert_string_equal(name, "dockerfile");
	assert_int_equal(shell(p->work, "echo upper >Dockerfile"), 0);
	assert_int_equal(context_dockerfile(p, p->context, NULL, -1, &text, &size, &name, &p->error), 0);
	assert_string_equal(text, "upper\n");
	assert_int_equal(context_dockerfile(p, p->context, sub, -1, &text, &size, &name, &p->error), 0);
	assert_string_equal(text, "sub\n");
	assert_string_equal(name, "x.Dockerfile");
	fails(p, context_dockerfile(p, p->context, "/none", -1, &text, &size, &name, &p->error), "'/none'");
	CLEANUP_CLOSE int fd = open(sub, O_RDONLY | O_CLOEXEC);
	assert_int_equal(context_dockerfile(p, p->context, "-", fd, &text, &size, &name, &p->error), 0);
	assert_string_equal(text, "sub\n");
	/* One that is a symlink out of the context is not there. */
	assert_int_equal(shell(p->work, "rm dockerfile; ln -sf /etc/passwd Dockerfile"), 0);
	fails(p, context_dockerfile(p, p->context, NULL, -1, &text, &size, &name, &p->error), "there is no Dockerfile in");
}

static void ignore_files_are_found(void **state)
{
	struct place *p = *state;
	struct strlist *lines;
	CLEANUP_TALLOC char *other = mem_printf(NULL, "%s/other", p->work);
	assert_int_equal(context_open(p, p->store, p->work, false, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_int_equal(context_ignore_lines(p, p->context, NULL, &lines, &p->error), 0);
	assert_int_equal(lines->count, 0);
	assert_int_equal(shell(p->work, "echo general >.dockerignore; echo own >other.dockerignore"), 0);
	assert_int_equal(context_ignore_lines(p, p->context, NULL, &lines, &p->error), 0);
	assert_string_equal(lines->items[0], "general");
	assert_int_equal(context_ignore_lines(p, p->context, other, &lines, &p->error), 0);
	assert_string_equal(lines->items[0], "own");
	assert_int_equal(context_ignore_lines(p, p->context, "-", &lines, &p->error), 0);
	assert_string_equal(lines->items[0], "general");
	assert_int_equal(context_ignore_lines(p, p->context, "", &lines, &p->error), 0);
	assert_string_equal(lines->items[0], "general");
	assert_int_equal(shell(p->work, "echo default >Dockerfile.dockerignore"), 0);
	assert_int_equal(context_ignore_lines(p, p->context, NULL, &lines, &p->error), 0);
	assert_string_equal(lines->items[0], "default");
}

/* ---- git ---- */

static const struct {
	const char *text, *remote, *ref, *subdir;
	bool is_context;
} urls[] = {
	{ "https://x.org/a/b.git", "https://x.org/a/b.git", NULL, "", false },
	{ "https://x.org/a/b.git#main", "https://x.org/a/b.git", "main", "", false },
	{ "https://x.org/a/b.git#v1:sub/../dir/", "https://x.org/a/b.git", "v1", "dir", false },
	{ "https://x.org/a/b.git#:../../etc", "https://x.org/a/b.git", NULL, "etc", false },
	{ "https://x.org/a/b.git?branch=x&subdir=d%2Fe", "https://x.org/a/b.git", "refs/heads/x", "d/e", false },
	{ "https://x.org/a/b.git?tag=v2", "https://x.org/a/b.git", "refs/tags/v2", "", false },
	{ "git@x.org:a/b", "git@x.org:a/b", NULL, "", false },
	{ "git@x.org:a/b.git#r:s", "git@x.org:a/b.git", "r", "s", false },
	{ "ssh://git@x.org:22/a/b", "ssh://git@x.org:22/a/b", NULL, "", false },
	{ "git://x.org/a", "git://x.org/a", NULL, "", false },
	{ "github.com/a/b", "https://github.com/a/b", NULL, "", true },
	{ "github.com/a/b", NULL, NULL, NULL, false },
	{ "https://x.org/a/b.tar.gz", NULL, NULL, NULL, true },
	{ "https://x.org/a/b", NULL, NULL, NULL, true },
	{ "./git@x.org:a", NULL, NULL, NULL, true },
	{ "a:b", NULL, NULL, NULL, true },
	{ "a.git", NULL, NULL, NULL, true },
	{ "file:///a/b.git", NULL, NULL, NULL, true },
	{ "ext::sh -c id", NULL, NULL, NULL, true },
	{ "--upload-pack=touch x", NULL, NULL, NULL, true },
};

static void git_urls(void **state)
{
	struct place *p = *state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct git_url *u;
		if (git_url_parse(p, urls[i].text, urls[i].is_context, &u, &p->error) < 0)
			fail_msg("%s: %s", urls[i].text, p->error.text);
		if (!u != !urls[i].remote)
			fail_msg("%s: %s", urls[i].text, u ? "taken for git" : "not taken for git");
		if (!u)
			continue;
		assert_string_equal(u->remote, urls[i].remote);
		assert_string_equal(u->subdir, urls[i].subdir);
		assert_int_equal(!u->ref, !urls[i].ref);
		if (u->ref)
			assert_string_equal(u->ref, urls[i].ref);
	}
	static const char *const bad[] = { "https://x.org/b.git#--upload-pack=x", "git://x.org/b#a..b", "git://x.org/b#a b",
					   "git://x.org/b?ref=-x", "git://x.org/b?what=1", "git://x.org/b?ref=a&branch=b",
					   "git://x.org/b?keep-git-dir=maybe", "git://x.org/b#a^{}", "git@x.org:a?checksum=-x",
					   "git://x.org/b?subdir=", "git://x.org/b\n#a" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct git_url *u = NULL;
		if (git_url_parse(p, bad[i], true, &u, &p->error) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* Serve work/ by `git daemon` on loopback; 0: it cannot be. */
static pid_t serve_git(struct place *p, unsigned *ret_port)
{
	for (unsigned attempt = 0; attempt < 5; attempt++) {
		unsigned port = 20000 + (getpid() * 7 + attempt * 131) % 20000;
		CLEANUP_TALLOC char *option = mem_printf(NULL, "--port=%u", port), *base = mem_printf(NULL, "--base-path=%s", p->work);
		CLEANUP_TALLOC char *probe = mem_printf(NULL, "git ls-remote git://127.0.0.1:%u/repo >/dev/null 2>&1", port);
		pid_t pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_RDWR);
			dup2(null, 1);
			dup2(null, 2);
			execlp("git", "git", "daemon", "--reuseaddr", "--listen=127.0.0.1", option, base, "--export-all",
			       (char *)NULL);
			_exit(127);
		}
		for (int i = 0; i < 50; i++) {
			if (shell(p->work, probe) == 0) {
				*ret_port = port;
				return pid;
			}
			usleep(100000);
			if (waitpid(pid, NULL, WNOHANG) == pid) {
				pid = 0;
				break;
			}
		}
		if (pid)
			kill(pid, SIGTERM), waitpid(pid, NULL, 0);
	}
	return 0;
}

static void opens_git(struct place *p, const char *url)
{
	TALLOC_FREE(p->context);
	error_clear(&p->error);
	if (context_open(p, p->store, url, false, -1, NULL, NULL, &p->context, &p->error) < 0)
		fail_msg("%s: %s", url, p->error.text);
}

static void repositories_are_contexts(void **state)
{
	struct place *p = *state;
	unsigned port = 0;
	if (shell(p->work, "command -v git >/dev/null && git daemon --help >/dev/null 2>&1 || git --exec-path | "
			   "xargs -I{} test -x {}/git-daemon") != 0)
		skip();
	assert_int_equal(shell(p->work,
		"export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@x; "
		"git init -q -b main repo; cd repo; echo one >Dockerfile; mkdir sub; echo s >sub/f; ln -s /etc esc; ln -s sub in; "
		"git add .; git commit -qm 1; git tag v1; git tag -a -m t v1a; git checkout -qb other; echo two >Dockerfile; "
		"git commit -qam 2; git checkout -q main; echo three >Dockerfile; git commit -qam 3; git rev-parse v1 >../v1"), 0);
	pid_t daemon = serve_git(p, &port);
	if (!daemon)
		skip();
	CLEANUP_TALLOC char *base = mem_printf(NULL, "git://127.0.0.1:%u/repo", port);
	char *first = NULL;
	CLEANUP_TALLOC char *v1_path = mem_printf(NULL, "%s/v1", p->work);
	assert_int_equal(io_read_file(p, AT_FDCWD, v1_path, 100, &first, NULL, &p->error), 0);
	first[strcspn(first, "\n")] = '\0';
	static const char *const refs[][2] = { { "", "three\n" }, { "#main", "three\n" }, { "#other", "two\n" }, { "#v1", "one\n" },
					       { "#v1a", "one\n" }, { "?tag=v1", "one\n" }, { "#refs/heads/other", "two\n" } };
	for (size_t i = 0; i < sizeof(refs) / sizeof(*refs); i++) {
		CLEANUP_TALLOC char *url = mem_printf(NULL, "%s%s", base, refs[i][0]);
		opens_git(p, url);
		assert_string_equal(content(p, "Dockerfile"), refs[i][1]);
		assert_string_equal(content(p, ".git/HEAD"), "(none)");
		assert_int_equal(strlen(p->context->revision), 40);
	}
	CLEANUP_TALLOC char *by_commit = mem_printf(NULL, "%s#%s", base, first);
	opens_git(p, by_commit);
	assert_string_equal(content(p, "Dockerfile"), "one\n");
	assert_string_equal(p->context->revision, first);
	CLEANUP_TALLOC char *checked = mem_printf(NULL, "%s?tag=v1a&checksum=%.12s", base, first);
	opens_git(p, checked);
	CLEANUP_TALLOC char *wrong = mem_printf(NULL, "%s?tag=v1&checksum=0123456789", base);
	fails(p, context_open(p, p->store, wrong, false, -1, NULL, NULL, &p->context, &p->error), "expected checksum to match");
	CLEANUP_TALLOC char *sub = mem_printf(NULL, "%s#main:in", base);
	opens_git(p, sub);
	assert_string_equal(content(p, "f"), "s\n");
	CLEANUP_TALLOC char *kept = mem_printf(NULL, "%s?keep-git-dir=1", base);
	opens_git(p, kept);
	assert_string_not_equal(content(p, ".git/HEAD"), "(none)");
	TALLOC_FREE(p->context);
	assert_int_equal(context_open(p, p->store, base, true, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_string_not_equal(content(p, ".git/HEAD"), "(none)");
	CLEANUP_TALLOC char *dropped = mem_printf(NULL, "%s?keep-git-dir=0", base);
	TALLOC_FREE(p->context);
	assert_int_equal(context_open(p, p->store, dropped, true, -1, NULL, NULL, &p->context, &p->error), 0);
	assert_string_equal(content(p, ".git/HEAD"), "(none)");
	CLEANUP_TALLOC char *escape = mem_printf(NULL, "%s#main:esc", base);
	fails(p, context_open(p, p->store, escape, false, -1, NULL, NULL, &p->context, &p->error), "has no folder 'esc'");
	CLEANUP_TALLOC char *none = mem_printf(NULL, "%s#none", base);
	fails(p, context_open(p, p->store, none, false, -1, NULL, NULL, &p->context, &p->error), "does not contain ref 'none'");
	kill(daemon, SIGTERM);
	waitpid(daemon, NULL, 0);
}

/* ---- URLs ---- */

/* A server of one answer after the other: its last line of the request log says what was asked. */
static const char server[] =
	"import http.server, sys\n"
	"class H(http.server.BaseHTTPRequestHandler):\n"
	"    def do_GET(self):\n"
	"        open('log', 'a').write(self.path + ' ' + str(self.headers.get('If-None-Match')) + '\\n')\n"
	"        if self.path == '/moved': self.send_response(302); self.send_header('Location', '/f%20ile?x'); self.end_headers(); return\n"
	"        if self.path == '/none': self.send_response(404); self.end_headers(); return\n"
	"        if self.headers.get('If-None-Match') == '\"e\"': self.send_response(304); self.end_headers(); return\n"
	"        body = open('ctx.tar', 'rb').read() if self.path == '/ctx' else b'hello'\n"
	"        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.send_header('ETag', '\"e\"')\n"
	"        self.send_header('Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT')\n"
	"        if self.path == '/?q': self.send_header('Content-Disposition', 'attachment; filename=\"../n.txt\"')\n"
	"        self.end_headers(); self.wfile.write(body)\n"
	"    def log_message(self, *a): pass\n"
	"s = http.server.HTTPServer(('127.0.0.1', 0), H)\n"
	"open('port.new', 'w').write(str(s.server_port)); import os; os.rename('port.new', 'port')\n"
	"s.serve_forever()\n";

static pid_t serve_http(struct place *p, char **ret_base)
{
	CLEANUP_TALLOC char *script = mem_printf(NULL, "%s/server.py", p->work), *port = mem_printf(NULL, "%s/port", p->work);
	assert_int_equal(io_write_file(AT_FDCWD, script, server, sizeof(server) - 1, 0600, &p->error), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (chdir(p->work) == 0)
			execlp("python3", "python3", script, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100; i++) {
		char *text;
		if (io_read_file(p, AT_FDCWD, port, 10, &text, NULL, &p->error) == 0) {
			error_clear(&p->error);
			*ret_base = mem_printf(p, "http://127.0.0.1:%s", text);
			return pid;
		}
		usleep(100000);
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}

static void check_download(struct place *p, const char *base, const char *path, const char *name)
{
	CLEANUP_TALLOC char *url = mem_printf(NULL, "%s%s", base, path);
	struct download *d;
	struct stat st;
	char *text;
	if (download_get(p, p->store, url, NULL, NULL, NULL, &d, &p->error) < 0)
		fail_msg("%s: %s", url, p->error.text);
	assert_string_equal(d->name, name);
	assert_int_equal(d->mtime_sec, 784111777);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/%s", d->folder, d->name);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_mtime, 784111777);
	assert_int_equal(io_read_file(p, AT_FDCWD, file, 100, &text, NULL, &p->error), 0);
	assert_string_equal(text, "hello");
	talloc_free(d);
}

static void files_by_url(void **state)
{
	struct place *p = *state;
	static const char hello[] = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	struct download *d;
	char *base = NULL, *log;
	assert_int_equal(shell(p->work, "echo 'FROM scratch' >Dockerfile; tar -cf ctx.tar Dockerfile"), 0);
	pid_t pid = serve_http(p, &base);
	if (!pid)
		skip();
	check_download(p, base, "/f%20ile?x=y#z", "f ile");
	check_download(p, base, "/a/b/", "b");
	check_download(p, base, "/?q", "n.txt");
	check_download(p, base, "/", "__unnamed__");
	check_download(p, base, "/moved", "moved");
	check_download(p, base, "/a%2f..", "__unnamed__");
	check_download(p, base, "/f%20ile?x=y#z", "f ile");
	CLEANUP_TALLOC char *log_path = mem_printf(NULL, "%s/log", p->work), *none = mem_printf(NULL, "%s/none", base);
	assert_int_equal(io_read_file(p, AT_FDCWD, log_path, 10000, &log, NULL, &p->error), 0);
	assert_non_null(strstr(log, "/f%20ile?x=y None\n"));
	assert_non_null(strstr(log, "/f%20ile?x=y \"e\"\n"));
	fails(p, download_get(p, p->store, none, NULL, NULL, NULL, &d, &p->error), "status 404");
	CLEANUP_TALLOC char *sum = mem_printf(NULL, "%s/sum", base), *zero = mem_printf(NULL, "sha256:%064d", 0);
	assert_int_equal(download_get(p, p->store, sum, hello, NULL, NULL, &d, &p->error), 0);
	assert_string_equal(d->digest, hello);
	fails(p, download_get(p, p->store, sum, zero, NULL, NULL, &d, &p->error), "digest mismatch for");
	/* Contexts: a tar, and a Dockerfile alone. */
	CLEANUP_TALLOC char *tar = mem_printf(NULL, "%s/ctx", base), *lone = mem_printf(NULL, "%s/lone", base);
	opens_git(p, tar);
	assert_string_equal(content(p, "Dockerfile"), "FROM scratch\n");
	opens_git(p, lone);
	assert_string_equal(p->context->dockerfile, "hello");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	/* With a checksum nobody is asked. */
	assert_int_equal(download_get(p, p->store, sum, hello, NULL, NULL, &d, &p->error), 0);
	fails(p, download_get(p, p->store, sum, NULL, NULL, NULL, &d, &p->error), "cannot download");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(folders_must_be_there),
		TEST(images_are_names),
		TEST(a_dockerfile_may_come_alone),
		TEST(tars_are_unpacked_with_their_owners),
		TEST(tars_stay_in_their_folder),
		TEST(links_do_not_reach_out),
		TEST(the_root_stays_a_folder),
		TEST(later_entries_replace_earlier_ones),
		TEST(compressed_tars),
		TEST(dockerfiles_are_found),
		TEST(ignore_files_are_found),
		TEST(git_urls),
		TEST(repositories_are_contexts),
		TEST(files_by_url),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
