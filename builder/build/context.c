/* SPDX-License-Identifier: Apache-2.0 */
/* Owns getting contexts, and the two files of theirs that a build reads first. */
#include "builder/build/context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/build/copy_archive.h"
#include "builder/build/download.h"
#include "builder/build/git.h"
#include "builder/build/scratch_folder.h"
#include "builder/build/unpack_folder.h"
#include "builder/dockerfile/patterns.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { TEXT_MAX_BYTES = 16 << 20 };

/* A tar becomes a folder; anything else is a Dockerfile. */
static int take_stream(struct context *c, int fd, const char *what, struct error *err)
{
	struct stat st;
	char *tmp;
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot read %s", what);
	if (st.st_size == 0)
		return error_set(err, 0, "%s is empty: neither a tar archive nor a Dockerfile", what);
	bool is_archive = copy_archive_is_one(fd);
	if (is_archive || !c->folder) {
		if (scratch_folder_make(c, c->store, &tmp, err) < 0)
			return -1;
		c->folder = mem_printf(c, "%s/context", tmp);
		if (mkdir(c->folder, 0755) < 0)
			return error_set(err, errno, "cannot make '%s'", c->folder);
	}
	if (is_archive) {
		c->meta_path = mem_printf(c, "%s/meta", tmp);
		return unpack_folder(fd, c->folder, c->meta_path, err) < 0 ? error_wrap(err, "%s", what) : 0;
	}
	if (st.st_size > TEXT_MAX_BYTES)
		return error_set(err, 0, "%s is neither a tar archive nor a Dockerfile", what);
	c->dockerfile = mem_array(c, char, st.st_size + 1);
	ssize_t n = io_read_all(fd, c->dockerfile, st.st_size);
	if (n < 0)
		return error_set(err, -n, "cannot read %s", what);
	c->dockerfile[n] = '\0';
	c->dockerfile_size = n;
	return memchr(c->dockerfile, '\0', n) ? error_set(err, 0, "%s is neither a tar archive nor a Dockerfile", what) : 0;
}

/* A pipe cannot be read twice: into a file first. */
static int open_stdin(struct context *c, int stdin_fd, struct error *err)
{
	char *tmp;
	if (stdin_fd < 0)
		return error_set(err, 0, "the context cannot be read from standard input here");
	if (scratch_folder_make(c, c->store, &tmp, err) < 0)
		return -1;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/stdin", tmp);
	CLEANUP_TALLOC char *buffer = mem_array(NULL, char, 1 << 18);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "cannot make '%s'", path);
	for (ssize_t n; (n = io_read_all(stdin_fd, buffer, 1 << 18)) != 0;) {
		int r = n < 0 ? (int)n : io_write_all(fd, buffer, n);
		if (r < 0)
			return error_set(err, -r, n < 0 ? "cannot read standard input" : "cannot write '%s'", path);
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot read '%s'", path);
	c->is_stdin = true;
	int r = take_stream(c, fd, "standard input", err);
	unlink(path);
	return r;
}

static int open_url(struct context *c, const char *url, void (*tell)(void *arg, const char *line), void *arg,
		    struct error *err)
{
	struct download *d;
	if (download_get(c, c->store, url, NULL, tell, arg, &d, err) < 0)
		return -1;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", d->folder, d->name);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	c->folder = d->folder;
	return take_stream(c, fd, url, err);
}

static int open_git(struct context *c, const struct git_url *url, bool keeps_git_dir,
		    void (*tell)(void *arg, const char *line), void *arg, struct error *err)
{
	char *tmp;
	if (tell)
		tell(arg, url->remote);
	if (git_resolve(c, url, &c->revision, err) < 0 || scratch_folder_make(c, c->store, &tmp, err) < 0)
		return -1;
	return git_checkout(c, url, c->revision, url->keeps_git_dir < 0 ? keeps_git_dir : url->keeps_git_dir == 1, tmp,
			    &c->folder, err);
}

static int open_local(struct context *c, const char *path, struct error *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return error_set(err, errno, "cannot open the build context '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "cannot open the build context '%s'", path);
	char *real = realpath(path, NULL);
	if (!real)
		return error_set(err, errno, "cannot open the build context '%s'", path);
	c->folder = mem_strdup(c, real);
	c->is_local = true;
	free(real);
	return 0;
}

int context_open(const void *ctx, struct store *s, const char *text, bool keeps_git_dir, int stdin_fd,
		 void (*tell)(void *arg, const char *line), void *arg, struct context **ret, struct error *err)
{
	static const char image_scheme[] = "docker-image://", layout_scheme[] = "oci-layout://";
	CLEANUP_TALLOC struct context *c = mem_new(NULL, struct context);
	CLEANUP_TALLOC struct git_url *git = NULL;
	int r = 0;
	c->store = s;
	if (git_url_parse(NULL, text, true, &git, err) < 0)
		return -1;
	/* github.com/PATH may also be a folder, and then is one. */
	if (git && text_starts(text, "github.com/") && access(text, F_OK) == 0)
		TALLOC_FREE(git);
	if (strcmp(text, "-") == 0)
		r = open_stdin(c, stdin_fd, err);
	else if (text_starts(text, image_scheme))
		c->image = mem_strdup(c, text + strlen(image_scheme));
	else if (text_starts(text, layout_scheme))
		c->image = mem_printf(c, "oci:%s", text + strlen(layout_scheme));
	else if (git)
		r = open_git(c, git, keeps_git_dir, tell, arg, err);
	else if (download_is_url(text))
		r = open_url(c, text, tell, arg, err);
	else
		r = open_local(c, text, err);
	if (r < 0)
		return -1;
	*ret = talloc_steal(ctx, c);
	c = NULL;
	return 0;
}

int context_source(const void *ctx, const struct context *c, struct source **ret, struct error *err)
{
	if (!c->folder)
		return error_set(err, 0, "'%s' is an image and no folder", c->image);
	return source_of_unpacked(ctx, c->folder, c->meta_path, ret, err);
}

/* ---- the Dockerfile ---- */

static int read_stdin(const void *ctx, int fd, char **ret_text, size_t *ret_size, struct error *err)
{
	size_t used = 0, room = 4096;
	char *text = mem_array(ctx, char, room);
	if (fd < 0)
		return error_set(err, 0, "the Dockerfile cannot be read from standard input here");
	for (;;) {
		ssize_t n = io_read_all(fd, text + used, room - used - 1);
		if (n < 0)
			return error_set(err, -n, "cannot read the Dockerfile from standard input");
		used += n;
		if (used + 1 < room)
			break;
		if (used > TEXT_MAX_BYTES)
			return error_set(err, 0, "the Dockerfile on standard input is larger than %d bytes", TEXT_MAX_BYTES);
		room *= 4;
		text = mem_grow(ctx, text, char, room);
	}
	text[used] = '\0';
	*ret_text = text;
	*ret_size = used;
	return 0;
}

static int read_inside(const void *ctx, const struct context *c, const char *path, char **ret_text, size_t *ret_size,
		       struct error *err)
{
	CLEANUP_TALLOC struct source *source = NULL;
	if (context_source(NULL, c, &source, err) < 0)
		return -1;
	return source_read_text(ctx, source, path, TEXT_MAX_BYTES, ret_text, ret_size, err);
}

/* A file of the host; *ret_text NULL when there is none. */
static int read_host(const void *ctx, const char *path, char **ret_text, size_t *ret_size, struct error *err)
{
	struct stat st;
	*ret_text = NULL;
	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_set(err, errno, "cannot open '%s'", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "cannot read '%s'", path);
	return io_read_file(ctx, AT_FDCWD, path, TEXT_MAX_BYTES, ret_text, ret_size, err);
}

static int read_url(const void *ctx, const struct context *c, const char *url, char **ret_text, size_t *ret_size,
		    char **ret_name, struct error *err)
{
	CLEANUP_TALLOC struct download *d = NULL;
	if (download_get(NULL, c->store, url, NULL, NULL, NULL, &d, err) < 0)
		return -1;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", d->folder, d->name);
	*ret_name = mem_strdup(ctx, d->name);
	return io_read_file(ctx, AT_FDCWD, path, TEXT_MAX_BYTES, ret_text, ret_size, err);
}

int context_dockerfile(const void *ctx, const struct context *c, const char *file, int stdin_fd, char **ret_text,
		       size_t *ret_size, char **ret_name, struct error *err)
{
	bool is_default = !file, is_stdin = file && strcmp(file, "-") == 0;
	*ret_name = mem_strdup(ctx, is_default || is_stdin ? "Dockerfile" : text_base_name(file));
	if (c->dockerfile && file)
		return error_set(err, 0, "the context is a Dockerfile itself, and -f names another one");
	if (c->dockerfile) {
		*ret_text = mem_memdup(ctx, c->dockerfile, c->dockerfile_size + 1);
		*ret_size = c->dockerfile_size;
		return 0;
	}
	if (is_stdin && c->is_stdin)
		return error_set(err, 0, "standard input cannot be both the context and the Dockerfile");
	if (is_stdin)
		return read_stdin(ctx, stdin_fd, ret_text, ret_size, err);
	if (file && download_is_url(file))
		return read_url(ctx, c, file, ret_text, ret_size, ret_name, err);
	if (!c->folder && is_default)
		return error_set(err, 0, "'%s' is an image: name the Dockerfile with -f", c->image);
	const char *path = is_default ? "Dockerfile" : file;
	bool is_inside = is_default || !c->is_local;
	if ((is_inside ? read_inside(ctx, c, path, ret_text, ret_size, err) :
			 read_host(ctx, path, ret_text, ret_size, err)) < 0)
		return -1;
	if (!*ret_text && strcmp(text_base_name(path), "Dockerfile") == 0) {
		CLEANUP_TALLOC char *lower = mem_printf(NULL, "%.*sdockerfile", (int)(text_base_name(path) - path), path);
		if ((is_inside ? read_inside(ctx, c, lower, ret_text, ret_size, err) :
				 read_host(ctx, lower, ret_text, ret_size, err)) < 0)
			return -1;
		if (*ret_text)
			*ret_name = mem_strdup(ctx, "dockerfile");
	}
	if (*ret_text)
		return 0;
	if (is_default)
		return error_set(err, 0, "there is no Dockerfile in the context '%s'", c->folder);
	return error_set(err, ENOENT, is_inside ? "cannot open the Dockerfile '%s' of the context" :
						  "cannot open the Dockerfile '%s'", path);
}

int context_ignore_lines(const void *ctx, const struct context *c, const char *dockerfile_path,
			 struct strlist **ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text = NULL;
	size_t size = 0;
	if (!c->is_local) {
		*ret = strlist_new(ctx);
		return 0;
	}
	bool has_own = !dockerfile_path || (*dockerfile_path && strcmp(dockerfile_path, "-") != 0 && !download_is_url(dockerfile_path));
	if (has_own) {
		char *own = dockerfile_path ? mem_printf(scratch, "%s.dockerignore", dockerfile_path) :
					      mem_printf(scratch, "%s/Dockerfile.dockerignore", c->folder);
		if (read_host(scratch, own, &text, &size, err) < 0)
			return -1;
	}
	if (!text && read_inside(scratch, c, ".dockerignore", &text, &size, err) < 0)
		return -1;
	*ret = text ? patterns_read(ctx, text, size) : strlist_new(ctx);
	return 0;
}
