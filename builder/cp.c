/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cp: files between a container and the host, by Docker's rules.  What is copied becomes a tar, in a thread of its own,
 * and the tar is unpacked where it is to go; so "-" is a tar, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/source.h"
#include "builder/build/unpack_folder.h"
#include "builder/command.h"
#include "oci/container.h"
#include "oci/diff.h"
#include "oci/tarball.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

struct cp_options {
	bool keeps_owners, follows_link;
};

static const struct option_row cp_rows[] = {
	{ "archive", 'a', NULL, "Keep owners and groups", OPTION_FLAG, offsetof(struct cp_options, keeps_owners) },
	{ "follow-link", 'L', NULL, "When the source is a symlink, copy what it leads to", OPTION_FLAG,
	  offsetof(struct cp_options, follows_link) },
	{ "quiet", 'q', NULL, "Taken for Docker's sake: nothing is printed", OPTION_IGNORED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* One of the two words. */
struct side {
	const char *text;
	struct container *container; /* NULL: the host, or a stream */
	bool is_stream;              /* "-" */
	char *root;                  /* nothing outside of it is looked at: the container's root, "/" on the host */
	char *path;                  /* in there, absolute */
	struct meta *meta;           /* what root sees there; of the host: the files themselves, all root's */
	struct source *source;
	char *found; /* what is there, relative to root and without symlinks; NULL: nothing */
	struct stat st; /* of it */
};

/* ---- which side is what ---- */

/* "CONTAINER:PATH"; a host path with a colon begins with "." or "/". */
static bool names_container(const char *text)
{
	const char *colon = strchr(text, ':');
	return colon && colon > text && text[0] != '/' && text[0] != '.';
}

/* It must be a directory, or nothing. */
static bool asks_for_directory(const char *path)
{
	return text_ends(path, "/") || text_ends(path, "/.") || strcmp(path, ".") == 0;
}

/* What the side is looked at by hangs on ctx, which no other thread may use. */
static int open_side(struct invocation *inv, const void *ctx, const char *text, struct side *ret, struct error *err)
{
	struct stat st;
	*ret = (struct side){ .text = text, .is_stream = strcmp(text, "-") == 0 };
	if (ret->is_stream)
		return 0;
	if (names_container(text)) {
		const char *colon = strchr(text, ':');
		const char *name = mem_strndup(inv, text, colon - text);
		if (invocation_container(inv, name, &ret->container, err) < 0 ||
		    container_open_meta(ctx, ret->container, &ret->meta, err) < 0)
			return -1;
		ret->root = ret->container->root;
		ret->path = mem_printf(inv, "/%s", colon + 1);
		return source_of_folder(ctx, ret->root, &ret->source, err);
	}
	CLEANUP_FREE char *working_dir = getcwd(NULL, 0);
	if (!working_dir || stat("/", &st) < 0)
		return error_set(err, errno, "cannot find the current folder");
	ret->root = mem_strdup(inv, "/");
	ret->path = text[0] == '/' ? mem_strdup(inv, text) : mem_printf(inv, "%s/%s", working_dir, text);
	ret->meta = meta_new(ctx, st.st_dev, 0);
	return source_of_folder(ctx, ret->root, &ret->source, err);
}

/* Look what is at its path; nothing is no failure. */
static int look(struct invocation *inv, struct side *s, bool follows_last, struct error *err)
{
	follows_last |= asks_for_directory(s->path);
	int r = source_resolve(inv, s->source, s->path, follows_last, &s->found);
	if (r == -ENOENT || r == -ENOTDIR) {
		s->found = NULL;
		return 0;
	}
	char *host = r < 0 ? NULL : mem_printf(inv, "%s/%s", s->root, s->found);
	if (r < 0 || lstat(host, &s->st) < 0)
		return error_set(err, r < 0 ? -r : errno, "cannot examine '%s'", s->text);
	if (asks_for_directory(s->path) && !S_ISDIR(s->st.st_mode))
		return error_set(err, 0, "'%s' is not a directory", s->text);
	return 0;
}

/* ---- the tar ---- */

static int add_tree(struct tarball *t, struct source_cursor *cursor, const struct source_entry *e, const char *path,
		    struct error *err)
{
	CLEANUP_TALLOC struct source_entry *entries = NULL;
	unsigned count;
	tarball_add(t, path, NULL);
	if (!S_ISDIR(e->mode))
		return 0;
	int r = source_enter(cursor, e->name);
	if (r < 0)
		return error_set(err, -r, "cannot open '%s'", path);
	r = source_list(NULL, cursor, &entries, &count, err);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		CLEANUP_TALLOC char *below = mem_printf(NULL, "%s/%s", path, entries[i].name);
		r = add_tree(t, cursor, &entries[i], below, err);
	}
	source_leave(cursor);
	return r;
}

struct sending {
	const struct side *from;
	int fd;
	int result;
	struct error err;
};

/* Names begin with that of what is copied; of a whole root with ".". */
static int send_tree(struct sending *s)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct side *from = s->from;
	struct source_cursor *cursor;
	struct source_entry entry, *entries;
	struct error *err = &s->err;
	unsigned count;
	const char *name = text_base_name(from->found);
	char *parent = mem_strndup(scratch, from->found, name > from->found ? name - from->found - 1 : 0);
	if (source_cursor_open(scratch, from->source, &cursor, err) < 0)
		return -1;
	int r = source_go(cursor, parent);
	if (r < 0)
		return error_set(err, -r, "cannot open '%s'", from->text);
	struct tarball *t = tarball_new(scratch, source_folder_fd(cursor), from->meta, from->container ? "the container" : "the host");
	if (*name) {
		if ((r = source_examine(cursor, name, &entry)) < 0)
			return error_set(err, -r, "cannot examine '%s'", from->text);
		if (add_tree(t, cursor, &entry, name, err) < 0)
			return -1;
	} else {
		tarball_set_prefix(t, "./");
		if (source_list(scratch, cursor, &entries, &count, err) < 0)
			return -1;
		for (unsigned i = 0; i < count; i++)
			if (add_tree(t, cursor, &entries[i], entries[i].name, err) < 0)
				return -1;
	}
	return tarball_write(t, archive_sink_fd, &s->fd, err);
}

static void *send_in_thread(void *arg)
{
	struct sending *s = arg;
	s->result = send_tree(s);
	close(s->fd);
	return NULL;
}

/* ---- where it goes ---- */

/* Docker's rules: into a directory that is there, or to a new name in one. */
static int choose_place(struct invocation *inv, const struct side *from, struct side *to, struct unpack_request *r,
			struct error *err)
{
	bool is_directory = S_ISDIR(from->st.st_mode);
	/* Of "dir/." what is in it goes into the directory. */
	bool is_content = is_directory && (text_ends(from->path, "/.") || !*from->found);
	/* Of a whole root no name begins with its own. */
	r->strip = *from->found != '\0';
	if (to->found && S_ISDIR(to->st.st_mode)) {
		r->prefix = to->found;
		r->strip &= is_content;
		r->keeps_top = true;
		return 0;
	}
	if (to->found && is_directory)
		return error_set(err, 0, "cannot copy the directory '%s' to the file '%s'", from->text, to->text);
	if (!to->found && !is_directory && asks_for_directory(to->path))
		return error_set(err, 0, "the directory '%s' does not exist", to->text);
	r->prefix = to->found;
	if (to->found)
		return 0;
	/* A new name: what it is in must be there. */
	char *path = mem_strdup(inv, to->path);
	text_clean_path(path);
	const char *name = text_base_name(path);
	struct side parent = *to;
	parent.path = mem_strndup(inv, path, name - path);
	if (look(inv, &parent, true, err) < 0)
		return -1;
	if (!parent.found)
		return error_set(err, 0, "the directory that '%s' is to be made in does not exist", to->text);
	r->prefix = mem_printf(inv, "%s%s%s", parent.found, *parent.found ? "/" : "", name);
	return 0;
}

static int receive(struct invocation *inv, const struct side *from, struct side *to, int fd, struct error *err)
{
	const struct cp_options *o = inv->options;
	struct unpack_request r = {
		.folder = to->root,
		.meta = to->container ? to->meta : NULL,
		.has_root_owners = !o->keeps_owners && (!from->is_stream || !to->container),
	};
	if (look(inv, to, true, err) < 0)
		return -1;
	if (from->is_stream) {
		if (!to->found || !S_ISDIR(to->st.st_mode))
			return error_set(err, 0, "the directory '%s' does not exist", to->text);
		r.prefix = to->found;
		r.keeps_top = true;
	} else if (choose_place(inv, from, to, &r, err) < 0) {
		return -1;
	}
	int result = unpack_copy(fd, &r, err);
	/* Who runs in it may have looked at what was there. */
	if (r.meta)
		meta_bump_generation(r.meta);
	return result;
}

/* Both at once, with a pipe between them. */
static int copy_tree(struct invocation *inv, const struct side *from, struct side *to, struct error *err)
{
	struct sending s = { .from = from, .err = ERROR_INIT };
	int ends[2];
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	s.fd = ends[1];
	int r = pthread_create(&thread, NULL, send_in_thread, &s);
	if (r) {
		close(ends[0]);
		close(ends[1]);
		return error_set(err, r, "cannot start a thread");
	}
	r = receive(inv, from, to, ends[0], err);
	close(ends[0]);
	pthread_join(thread, NULL);
	/* What broke off because the other side had failed is not what is to be told. */
	if (s.result < 0 && (r == 0 || strstr(err->text, "runcated"))) {
		*err = s.err;
		return -1;
	}
	return r;
}

static int run_cp(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct cp_options *o = inv->options;
	CLEANUP_TALLOC void *apart = talloc_new(NULL);
	struct side from, to;
	(void)ret_status;
	if (names_container(inv->args[0]) == names_container(inv->args[1])) {
		error_set(err, 0, "cp: want one of the two to be CONTAINER:PATH");
		return error_status(err, EXIT_USAGE);
	}
	if (open_side(inv, apart, inv->args[0], &from, err) < 0 || open_side(inv, inv, inv->args[1], &to, err) < 0)
		return -1;
	if (from.is_stream) {
		CLEANUP_CLOSE int fd = -1;
		return command_open_input("-", &fd, err) < 0 ? -1 : receive(inv, &from, &to, fd, err);
	}
	if (look(inv, &from, o->follows_link, err) < 0)
		return -1;
	if (!from.found)
		return error_set(err, 0, "'%s' does not exist", from.text);
	if (!to.is_stream)
		return copy_tree(inv, &from, &to, err);
	struct sending s = { .from = &from, .err = ERROR_INIT };
	if (command_open_output("-", &s.fd, err) < 0)
		return -1;
	int r = send_tree(&s);
	close(s.fd);
	*err = s.err;
	return r;
}

extern const struct command command_cp;

const struct command command_cp = {
	.name = "cp",
	.usage = "[OPTIONS] CONTAINER:PATH PATH|-\n[OPTIONS] PATH|- CONTAINER:PATH",
	.summary = "Copy files between a container and the host",
	.group = GROUP_CONTAINERS,
	.words = WORDS_FILES,
	.options = cp_rows,
	.options_bytes = sizeof(struct cp_options),
	.min_args = 2,
	.max_args = 2,
	.run = run_cp,
};
