/* SPDX-License-Identifier: Apache-2.0 */
/* Owns downloads and what is remembered of them. HTTP is oci/web.c's. */
#include "builder/build/download.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/build/scratch_folder.h"
#include "oci/web.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { ATTEMPTS = 3, NOTE_MAX_BYTES = 1 << 16, NAME_MAX_BYTES = 255 };

/* What the store remembers of a URL: lines of a file, the body beside it by its digest. */
struct note {
	char *path, *body_path;
	char *etag, *last_modified, *disposition, *digest; /* "" when unknown; digest NULL: nothing is remembered */
};

bool download_is_url(const char *text)
{
	return text_starts(text, "http://") || text_starts(text, "https://");
}

/* ---- names and times ---- */

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The last component of a text of `length` bytes, percent signs decoded first; NULL when it is no name. */
static char *base_name(const void *ctx, const char *text, size_t length, bool is_encoded)
{
	char *path = mem_strndup(ctx, text, length), *to = path;
	for (const char *from = path; *from; from++) {
		bool is_escape = is_encoded && *from == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0;
		*to++ = is_escape ? hex_value(from[1]) << 4 | hex_value(from[2]) : *from;
		from += is_escape ? 2 : 0;
	}
	*to = '\0';
	for (size_t end = strlen(path); end && path[end - 1] == '/';)
		path[--end] = '\0';
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > NAME_MAX_BYTES)
		return NULL;
	return name;
}

/* filename="..." of Content-Disposition (RFC 6266), without its extended form. */
static char *name_of_disposition(const void *ctx, const char *text)
{
	for (const char *at = text; (at = strchr(at, ';'));) {
		at++;
		at += strspn(at, " \t");
		if (strncasecmp(at, "filename=", 9) != 0)
			continue;
		at += 9;
		if (*at == '"')
			return base_name(ctx, at + 1, strcspn(at + 1, "\""), false);
		return base_name(ctx, at, strcspn(at, "; \t"), false);
	}
	return NULL;
}

static char *name_of(const void *ctx, const char *url, const char *disposition)
{
	const char *path = strstr(url, "://");
	path = path ? path + 3 : url;
	path += strcspn(path, "/?#");
	char *name = *path == '/' ? base_name(ctx, path, strcspn(path, "?#"), true) : NULL;
	if (!name)
		name = name_of_disposition(ctx, disposition);
	return name ? name : mem_strdup(ctx, "__unnamed__");
}

/* "Sun, 06 Nov 1994 08:49:37 GMT"; 0 for anything else. */
static int64_t read_time(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t = { .tm_isdst = 0 };
	char month[4];
	const char *comma = strchr(text, ',');
	if (!comma || sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d", &t.tm_mday, month, &t.tm_year, &t.tm_hour, &t.tm_min,
			     &t.tm_sec) != 6)
		return 0;
	const char *found = strstr(months, month);
	if (!found || (found - months) % 3)
		return 0;
	t.tm_mon = (found - months) / 3;
	t.tm_year -= 1900;
	int64_t sec = timegm(&t);
	return sec < 0 ? 0 : sec;
}

/* ---- notes ---- */

static char *take_line(const void *ctx, const char **text)
{
	size_t length = strcspn(*text, "\n");
	char *line = mem_strndup(ctx, *text, length);
	*text += length + ((*text)[length] == '\n');
	return line;
}

static struct note *note_read(const void *ctx, const struct store *s, const char *url)
{
	struct note *n = mem_new(ctx, struct note);
	struct error ignored = ERROR_INIT;
	char digest[DIGEST_ROOM], *text;
	digest_of(url, strlen(url), digest);
	n->path = mem_printf(n, "%s/cache/web/%s", store_root(s), digest_hex(digest));
	n->etag = n->last_modified = n->disposition = mem_strdup(n, "");
	if (io_read_file(n, AT_FDCWD, n->path, NOTE_MAX_BYTES, &text, NULL, &ignored) < 0)
		return n;
	const char *at = text;
	char *own_digest = take_line(n, &at);
	n->etag = take_line(n, &at);
	n->last_modified = take_line(n, &at);
	n->disposition = take_line(n, &at);
	if (!digest_is_valid(own_digest))
		return n;
	n->body_path = mem_printf(n, "%s/cache/web/body-%s", store_root(s), digest_hex(own_digest));
	if (access(n->body_path, R_OK) == 0)
		n->digest = own_digest;
	return n;
}

/* Not to remember it costs a download, no more. */
static void note_write(struct note *n, const struct store *s, int fd)
{
	struct error ignored = ERROR_INIT;
	CLEANUP_TALLOC char *folder = mem_printf(NULL, "%s/cache/web", store_root(s));
	CLEANUP_TALLOC char *body = mem_printf(NULL, "%s/body-%s", folder, digest_hex(n->digest));
	char partial[PATH_MAX];
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s\n%s\n%s\n%s\n", n->digest, n->etag, n->last_modified,
					       n->disposition);
	io_mkdir_p(AT_FDCWD, folder, 0700);
	CLEANUP_CLOSE int to = io_create_beside(AT_FDCWD, body, 0600, partial);
	if (to < 0)
		return;
	if (io_copy_bytes(fd, to) < 0 || rename(partial, body) < 0) {
		unlink(partial);
		return;
	}
	io_write_file(AT_FDCWD, n->path, text, strlen(text), 0600, &ignored);
}

/* ---- getting ---- */

struct transfer {
	struct digest_state *digest;
	int fd;
};

static int begin(void *arg, long status, struct error *err)
{
	struct transfer *t = arg;
	(void)status;
	/* After a failed attempt there may be something. */
	talloc_free(t->digest);
	t->digest = digest_begin(NULL);
	if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write the download");
	return 0;
}

static int sink(void *arg, const void *bytes, size_t size, struct error *err)
{
	struct transfer *t = arg;
	int r = io_write_all(t->fd, bytes, size);
	if (r < 0)
		return error_set(err, -r, "cannot write the download");
	digest_update(t->digest, bytes, size);
	return 0;
}

static int perform(const void *ctx, const char *url, const char *etag, struct transfer *t, struct web_response *ret,
		   struct error *err)
{
	CLEANUP_TALLOC struct web *web = NULL;
	struct web_request q = { .method = "GET", .url = url, .if_none_match = etag, .body_bytes = -1, .body_fd = -1,
				 .allows_plain = true, .sink = sink, .begin = begin, .arg = t };
	CLEANUP_TALLOC char *plain = mem_strndup(NULL, url, strcspn(url, "#"));
	q.url = plain;
	if (web_open(NULL, &web, err) < 0)
		return -1;
	for (unsigned attempt = 1;; attempt++) {
		int r = web_perform(ctx, web, &q, ret, err);
		bool may_retry = r < 0 ? err->number == EIO && !ret->is_ours : ret->status >= 500;
		if (!may_retry || attempt == ATTEMPTS)
			return r;
		error_clear(err);
		sleep(attempt);
	}
}

/* Fetch into fd; the note then says what it is.  1: what is remembered is still right. */
static int fetch(struct note *n, const char *url, int fd, struct error *err)
{
	struct transfer t = { .digest = digest_begin(NULL), .fd = fd };
	struct web_response response;
	char digest[DIGEST_ROOM];
	int r = perform(n, url, n->digest && *n->etag ? n->etag : NULL, &t, &response, err);
	digest_end(t.digest, digest);
	talloc_free(t.digest);
	if (r < 0)
		return error_wrap(err, "cannot download '%s'", url);
	if (response.status == 304 && n->digest)
		return 1;
	if (response.status < 200 || response.status >= 300)
		return error_set(err, 0, "cannot download '%s': the server answers with status %ld", url, response.status);
	n->etag = response.etag ? response.etag : mem_strdup(n, "");
	n->last_modified = response.last_modified ? response.last_modified : mem_strdup(n, "");
	n->disposition = response.disposition ? response.disposition : mem_strdup(n, "");
	n->digest = mem_strdup(n, digest);
	return 0;
}

static int check(const char *url, const char *checksum, const char *digest, struct error *err)
{
	if (!checksum || strcmp(checksum, digest) == 0)
		return 0;
	return error_set(err, 0, "digest mismatch for %s: %s (expected: %s)", url, digest, checksum);
}

/* Put what fd has under its name. */
static int complete(struct download *d, struct note *n, const char *url, int fd, struct error *err)
{
	CLEANUP_TALLOC char *partial = mem_printf(NULL, "%s/.download", d->folder);
	struct timespec times[2];
	d->name = name_of(d, url, n->disposition);
	d->mtime_sec = read_time(n->last_modified);
	times[0] = times[1] = (struct timespec){ .tv_sec = d->mtime_sec };
	memcpy(d->digest, n->digest, strlen(n->digest) + 1);
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", d->folder, d->name);
	if (rename(partial, path) < 0 || futimens(fd, times) < 0)
		return error_set(err, errno, "cannot make '%s'", path);
	return 0;
}

int download_get(const void *ctx, struct store *s, const char *url, const char *checksum,
		 void (*tell)(void *arg, const char *line), void *arg, struct download **ret, struct error *err)
{
	CLEANUP_TALLOC struct download *d = mem_new(NULL, struct download);
	struct note *n = note_read(d, s, url);
	int is_known;
	if (checksum && !digest_is_valid(checksum))
		return error_set(err, 0, "checksum '%s' is not of the form sha256:64 hex digits", checksum);
	if (scratch_folder_make(d, s, &d->folder, err) < 0)
		return -1;
	CLEANUP_TALLOC char *partial = mem_printf(NULL, "%s/.download", d->folder);
	CLEANUP_CLOSE int fd = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "cannot make '%s'", partial);
	/* A checksum says what it is: nobody need be asked. */
	is_known = checksum && n->digest && strcmp(checksum, n->digest) == 0;
	if (!is_known) {
		if (tell)
			tell(arg, url);
		is_known = fetch(n, url, fd, err);
		if (is_known < 0)
			return -1;
	}
	if (check(url, checksum, n->digest, err) < 0)
		return -1;
	if (is_known) {
		CLEANUP_CLOSE int from = open(n->body_path, O_RDONLY | O_CLOEXEC);
		int r = from < 0 ? -errno : io_copy_bytes(from, fd);
		if (r < 0)
			return error_set(err, -r, "cannot read '%s'", n->body_path);
	} else if (*n->etag || checksum) {
		note_write(n, s, fd);
	}
	if (complete(d, n, url, fd, err) < 0)
		return -1;
	*ret = talloc_steal(ctx, d);
	d = NULL;
	return 0;
}
