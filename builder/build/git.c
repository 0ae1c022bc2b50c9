/* SPDX-License-Identifier: Apache-2.0 */
/* Owns running `git`: what it is told, and what it must not do. URLs are git_url.c's. */
#include "builder/build/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/build/source.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { OUTPUT_MAX = 1 << 20, MESSAGE_MAX = 1000, ARGUMENTS_MAX = 48 };

extern char **environ;

/* What one run wrote. */
struct output {
	int fd;
	char *text;
	size_t size;
};

/* No prompts; no repository but ours; no protocol that reads local files or runs programs. */
static char **make_environment(const void *ctx)
{
	static const char *const own[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=http:https:ssh:git", "LC_ALL=C",
					   "GIT_CONFIG_NOSYSTEM=1", "GIT_LFS_SKIP_SMUDGE=1" };
	static const char *const dropped[] = { "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_OBJECT_DIRECTORY=",
					       "GIT_ALTERNATE_OBJECT_DIRECTORIES=", "GIT_COMMON_DIR=", "GIT_NAMESPACE=",
					       "GIT_TERMINAL_PROMPT=", "GIT_ALLOW_PROTOCOL=", "LC_ALL=", "GIT_TRACE",
					       "GIT_CONFIG_NOSYSTEM=", "GIT_LFS_SKIP_SMUDGE=", "GIT_EXEC_PATH=",
					       "GIT_TEMPLATE_DIR=", "GIT_SHALLOW_FILE=", "GIT_QUARANTINE_PATH=" };
	struct strlist *list = strlist_new(ctx);
	for (char **v = environ; *v; v++) {
		bool is_dropped = false;
		for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
			is_dropped |= text_starts(*v, dropped[i]);
		if (!is_dropped)
			strlist_add(list, *v);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		strlist_add(list, own[i]);
	if (!getenv("GIT_SSH_COMMAND") && !getenv("GIT_SSH"))
		strlist_add(list, "GIT_SSH_COMMAND=ssh -o BatchMode=yes");
	return list->items;
}

static void take_output(struct output *o)
{
	char room[4096];
	ssize_t n = read(o->fd, room, sizeof(room));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(o->fd);
		o->fd = -1;
		return;
	}
	if (o->size + n > OUTPUT_MAX)
		n = OUTPUT_MAX - o->size;
	memcpy(o->text + o->size, room, n);
	o->size += n;
}

static int start(const void *ctx, char *const *arguments, struct output outputs[2], pid_t *ret, struct error *err)
{
	int out[2], errors[2];
	char **environment = make_environment(ctx);
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot run git");
	if (pipe2(errors, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return error_set(err, errno, "cannot run git");
	}
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0 && dup2(null, 0) == 0 && dup2(out[1], 1) == 1 && dup2(errors[1], 2) == 2)
			execvpe("git", arguments, environment);
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(out[1]);
	close(errors[1]);
	outputs[0].fd = out[0];
	outputs[1].fd = errors[0];
	*ret = pid;
	return pid < 0 ? error_set(err, errno, "cannot run git") : 0;
}

/* The last lines of what it complained of. */
static const char *complaint(struct output *o)
{
	while (o->size && (o->text[o->size - 1] == '\n' || o->text[o->size - 1] == ' '))
		o->size--;
	o->text[o->size] = '\0';
	char *text = o->size > MESSAGE_MAX ? o->text + o->size - MESSAGE_MAX : o->text;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return *text ? text : "it does not say why";
}

/*
 * Run git with these arguments, NULL-terminated; folder: its -C, NULL: none.  *ret_out (may be NULL) is what it
 * wrote, on ctx.
 */
static int run(const void *ctx, const char *folder, const char *const *arguments, char **ret_out, struct error *err)
{
	static const char *const first[] = { "git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
					     "-c", "advice.detachedHead=false", "-c", "init.defaultBranch=master",
					     "-c", "gc.auto=0", "-c", "submodule.recurse=false" };
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct output outputs[2] = { { .fd = -1 }, { .fd = -1 } };
	struct strlist *words = strlist_new(scratch);
	pid_t pid = -1;
	int status;
	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		strlist_add(words, first[i]);
	if (folder) {
		strlist_add(words, "-C");
		strlist_add(words, folder);
	}
	for (; *arguments; arguments++)
		strlist_add(words, *arguments);
	for (int i = 0; i < 2; i++)
		outputs[i].text = mem_array(scratch, char, OUTPUT_MAX + 1);
	if (start(scratch, words->items, outputs, &pid, err) < 0)
		return -1;
	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		struct pollfd polled[2] = { { .fd = outputs[0].fd, .events = POLLIN },
					    { .fd = outputs[1].fd, .events = POLLIN } };
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++)
			if (outputs[i].fd >= 0 && polled[i].revents)
				take_output(&outputs[i]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(err, 0, "git URLs need the program 'git', which is not installed");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, 0, "git: %s", complaint(&outputs[1]));
	if (ret_out)
		*ret_out = mem_strndup(ctx, outputs[0].text, outputs[0].size);
	return 0;
}

static bool is_commit(const char *text)
{
	size_t length = strlen(text);
	return (length == 40 || length == 64) && strspn(text, "0123456789abcdef") == length;
}

/* The URL without a password, for messages and for what stays behind. */
static char *public_url(const void *ctx, const char *remote)
{
	const char *host = strstr(remote, "://");
	host = host ? host + 3 : NULL;
	size_t length = host ? strcspn(host, "/") : 0;
	const char *at = host ? memchr(host, '@', length) : NULL;
	if (!at || !memchr(host, ':', at - host))
		return mem_strdup(ctx, remote);
	return mem_printf(ctx, "%.*sxxxxx:xxxxx%s", (int)(host - remote), remote, at);
}

static int check_checksum(const struct git_url *u, const char *commit, const char *tag, struct error *err)
{
	size_t length = u->checksum ? strlen(u->checksum) : 0;
	if (!length || strncmp(commit, u->checksum, length) == 0 || (*tag && strncmp(tag, u->checksum, length) == 0))
		return 0;
	return error_set(err, 0, "expected checksum to match %s, got %s", u->checksum, commit);
}

int git_resolve(const void *ctx, const struct git_url *u, char **ret_commit, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *ref = u->ref ? u->ref : "HEAD";
	char *peeled = mem_printf(scratch, "%s^{}", ref), *shown = public_url(scratch, u->remote), *out;
	const char *const arguments[] = { "ls-remote", "--", u->remote, ref, peeled, NULL };
	/* In this order: a branch wins over a tag, an annotated tag is what it points to. */
	struct {
		char *name, *id;
	} candidates[] = {
		{ mem_strdup(scratch, ref), NULL },
		{ mem_printf(scratch, "refs/%s", text_starts(ref, "refs/") ? ref + 5 : ref), NULL },
		{ mem_printf(scratch, "refs/heads/%s", ref), NULL },
		{ mem_printf(scratch, "refs/tags/%s", ref), NULL },
	};
	const char *commit = NULL, *tag = "", *own = NULL;
	if (is_commit(ref)) {
		*ret_commit = mem_strdup(ctx, ref);
		return check_checksum(u, ref, "", err);
	}
	if (run(scratch, NULL, arguments, &out, err) < 0)
		return error_wrap(err, "cannot reach '%s'", shown);
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates) && !commit; i++) {
		const char *name = candidates[i].name;
		for (char *line = out; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			size_t id = strcspn(line, "\t"), length = strcspn(line + id, "\n");
			if (!length--)
				continue;
			const char *own_name = line + id + 1;
			bool is_peeled = length > 3 && memcmp(own_name + length - 3, "^{}", 3) == 0;
			size_t plain = is_peeled ? length - 3 : length;
			if (plain != strlen(name) || memcmp(own_name, name, plain) != 0)
				continue;
			if (is_peeled)
				commit = mem_strndup(scratch, line, id);
			else
				own = mem_strndup(scratch, line, id);
		}
		if (commit && own)
			tag = own;
		else if (!commit)
			commit = own;
	}
	if (!commit || !is_commit(commit))
		return error_set(err, 0, "repository '%s' does not contain ref '%s'", shown, ref);
	if (check_checksum(u, commit, tag, err) < 0)
		return -1;
	*ret_commit = mem_strdup(ctx, commit);
	return 0;
}

static bool has_commit(const char *folder, const char *commit)
{
	struct error ignored = ERROR_INIT;
	CLEANUP_TALLOC char *name = mem_printf(NULL, "%s^{commit}", commit);
	const char *const arguments[] = { "rev-parse", "--verify", "-q", name, NULL };
	return run(NULL, folder, arguments, NULL, &ignored) == 0;
}

/* By itself; where the server does not give commits away, what names it; at last everything. */
static int fetch_commit(const struct git_url *u, const char *folder, const char *commit, struct error *err)
{
	const char *const alone[] = { "fetch", "-q", "--depth=1", "--no-tags", "--", "origin", commit, NULL };
	const char *const named[] = { "fetch", "-q", "--depth=1", "--no-tags", "--", "origin", u->ref ? u->ref : "HEAD",
				      NULL };
	const char *const all[] = { "fetch", "-q", "--tags", "--", "origin", "+refs/heads/*:refs/remotes/origin/*", NULL };
	const char *const *const ways[] = { alone, named, all };
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		error_clear(err);
		if (run(NULL, folder, ways[i], NULL, err) == 0 && has_commit(folder, commit))
			return 0;
	}
	return err->text[0] ? -1 : error_set(err, 0, "there is no commit %s", commit);
}

/* What tells of how the repository came here does not stay; a password above all. */
static int tidy(const void *ctx, const struct git_url *u, const char *folder, struct error *err)
{
	char *shown = public_url(ctx, u->remote);
	const char *const url[] = { "remote", "set-url", "origin", shown, NULL };
	const char *const reflog[] = { "reflog", "expire", "--all", "--expire=now", NULL };
	CLEANUP_TALLOC char *fetch_head = mem_printf(NULL, "%s/.git/FETCH_HEAD", folder);
	if (run(NULL, folder, url, NULL, err) < 0 || run(NULL, folder, reflog, NULL, err) < 0)
		return -1;
	unlink(fetch_head);
	return 0;
}

int git_checkout(const void *ctx, const struct git_url *u, const char *commit, bool keeps_git_dir, const char *folder,
		 char **ret_folder, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *const init[] = { "init", "-q", "--template=", strlen(commit) == 64 ? "--object-format=sha256" : NULL,
				     NULL };
	const char *const remote[] = { "remote", "add", "origin", u->remote, NULL };
	const char *const checkout[] = { "checkout", "-q", "--detach", commit, NULL };
	const char *const submodules[] = { "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1", NULL };
	char *shown = public_url(scratch, u->remote), *git_dir = mem_printf(scratch, "%s/.git", folder), *subdir;
	char *modules = mem_printf(scratch, "%s/.gitmodules", folder);
	struct source *source;
	struct stat st;
	/* As it would be for real root: BuildKit's files are 0644 and 0755 whatever the person's umask is. */
	mode_t mask = umask(022);
	int r = run(NULL, folder, init, NULL, err) < 0 || run(NULL, folder, remote, NULL, err) < 0 ||
		fetch_commit(u, folder, commit, err) < 0 || run(NULL, folder, checkout, NULL, err) < 0 ||
		(u->has_submodules && lstat(modules, &st) == 0 && run(NULL, folder, submodules, NULL, err) < 0) ||
		(keeps_git_dir && tidy(scratch, u, folder, err) < 0);
	umask(mask);
	if (r)
		return error_wrap(err, "cannot fetch '%s'", shown);
	if (!keeps_git_dir && (r = io_remove_tree(AT_FDCWD, git_dir)) < 0)
		return error_set(err, -r, "cannot remove '%s'", git_dir);
	/* A symlink of the repository's must not lead out of it. */
	if (source_of_folder(scratch, folder, &source, err) < 0)
		return -1;
	r = source_resolve(scratch, source, u->subdir, true, &subdir);
	*ret_folder = r < 0 ? NULL : mem_printf(ctx, "%s%s%s", folder, *subdir ? "/" : "", subdir);
	if (r < 0 || lstat(*ret_folder, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(err, 0, "'%s' has no folder '%s'", shown, u->subdir);
	return chmod(folder, 0755) < 0 ? error_set(err, errno, "cannot open '%s'", folder) : 0;
}
