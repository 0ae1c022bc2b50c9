/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the binding to libarchive.  Reading goes through two of its readers: one that only decompresses,
 * and one that takes the decompressed bytes apart as tar, so that what the diffID covers can be hashed
 * on the way.
 */
#include "oci/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/library.h"
#include "tracer/base/io.h"

enum { CHUNK = 256 * 1024, TAR_BLOCK = 512, XATTRS_MAX = 1024, XATTR_VALUE_MAX = 1 << 20 };

#if ARCHIVE_VERSION_NUMBER >= 3003003
#define ZSTD(F) F(archive_read_support_filter_zstd)
#else
#define ZSTD(F)
#endif
#define FUNCTIONS(F)                                                                                            \
	F(archive_set_error) F(archive_read_data) F(archive_errno) F(archive_error_string)                      \
	F(archive_read_free) F(archive_read_new) F(archive_read_support_filter_gzip)                            \
	F(archive_read_support_filter_bzip2) F(archive_read_support_filter_xz)                                  \
	F(archive_read_support_format_raw) F(archive_read_support_format_empty) F(archive_read_open)            \
	F(archive_read_next_header) F(archive_read_support_format_tar) F(archive_entry_xattr_reset)             \
	F(archive_entry_xattr_next) F(archive_entry_pathname) F(archive_entry_hardlink)                         \
	F(archive_entry_symlink) F(archive_entry_mode) F(archive_entry_uid) F(archive_entry_gid)                \
	F(archive_entry_rdev) F(archive_entry_size) F(archive_entry_mtime) F(archive_entry_mtime_nsec)          \
	F(archive_entry_free) F(archive_write_free) F(archive_write_new) F(archive_entry_new)                   \
	F(archive_write_set_format_pax_restricted) F(archive_write_set_format_option)                           \
	F(archive_write_set_bytes_per_block) F(archive_write_set_bytes_in_last_block)                           \
	F(archive_write_open) F(archive_write_header) F(archive_entry_clear)                                    \
	F(archive_entry_set_pathname) F(archive_entry_set_mode) F(archive_entry_set_uid)                        \
	F(archive_entry_set_gid) F(archive_entry_set_mtime) F(archive_entry_set_rdev)                           \
	F(archive_entry_set_size) F(archive_entry_set_hardlink) F(archive_entry_set_symlink)                    \
	F(archive_entry_xattr_add_entry) F(archive_write_data) F(archive_write_close) ZSTD(F)
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
static struct library library = { "libarchive", { "libarchive.so.13" }, symbols, &lib, NULL, false };

/* ---- reading ---- */

struct archive_reader {
	struct archive *bytes, *tar;
	struct digest_state *hash;
	int fd;
	bool is_at_end; /* of the decompressed bytes */
	bool has_begun;
	char *in, *out;
	char *copies; /* talloc parent of the current entry's strings */
};

static ssize_t read_compressed(struct archive *a, void *arg, const void **ret)
{
	struct archive_reader *r = arg;
	ssize_t n;
	do
		n = read(r->fd, r->in, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		lib.archive_set_error(a, errno, "cannot read");
		return -1;
	}
	*ret = r->in;
	return n;
}

static ssize_t read_plain(struct archive *a, void *arg, const void **ret)
{
	struct archive_reader *r = arg;
	if (r->is_at_end)
		return 0;
	/* Of a stream that breaks off what came before is lost: the first header at least shall be read. */
	ssize_t n = lib.archive_read_data(r->bytes, r->out, r->has_begun ? CHUNK : TAR_BLOCK);
	r->has_begun = true;
	if (n < 0) {
		lib.archive_set_error(a, lib.archive_errno(r->bytes), "%s", lib.archive_error_string(r->bytes));
		return -1;
	}
	r->is_at_end = n == 0;
	digest_update(r->hash, r->out, n);
	*ret = r->out;
	return n;
}

static int close_reader(struct archive_reader *r)
{
	if (r->tar)
		lib.archive_read_free(r->tar);
	lib.archive_read_free(r->bytes);
	return 0;
}

static int say(struct error *err, struct archive *a, const char *what)
{
	const char *text = lib.archive_error_string(a);
	return error_set(err, 0, "%s: %s", what, text ? text : "unknown failure");
}

/* The half of a reader that decompresses. */
static struct archive_reader *open_bytes(const void *ctx, int fd, struct error *err)
{
	if (library_load(&library, err) < 0)
		return NULL;
	struct archive_reader *r = mem_new(ctx, struct archive_reader);
	struct archive_entry *entry;
	r->fd = fd;
	r->in = mem_array(r, char, CHUNK);
	r->out = mem_array(r, char, CHUNK);
	r->hash = digest_begin(r);
	r->copies = mem_strdup(r, "");
	r->bytes = mem_must(lib.archive_read_new());
	talloc_set_destructor(r, close_reader);
	lib.archive_read_support_filter_gzip(r->bytes);
	lib.archive_read_support_filter_bzip2(r->bytes);
	lib.archive_read_support_filter_xz(r->bytes);
#if ARCHIVE_VERSION_NUMBER >= 3003003
	lib.archive_read_support_filter_zstd(r->bytes);
#endif
	lib.archive_read_support_format_raw(r->bytes);
	lib.archive_read_support_format_empty(r->bytes);
	if (lib.archive_read_open(r->bytes, r, NULL, read_compressed, NULL) != ARCHIVE_OK) {
		say(err, r->bytes, "cannot decompress");
		goto failed;
	}
	int n = lib.archive_read_next_header(r->bytes, &entry);
	if (n == ARCHIVE_EOF) {
		r->is_at_end = true;
	} else if (n != ARCHIVE_OK && n != ARCHIVE_WARN) {
		say(err, r->bytes, "cannot decompress");
		goto failed;
	}
	return r;
failed:
	talloc_free(r);
	return NULL;
}

int archive_decompress(int fd, archive_sink sink, void *arg, struct error *err)
{
	CLEANUP_TALLOC struct archive_reader *r = open_bytes(NULL, fd, err);
	if (!r)
		return -1;
	while (!r->is_at_end) {
		ssize_t n = lib.archive_read_data(r->bytes, r->out, CHUNK);
		if (n < 0)
			return say(err, r->bytes, "cannot decompress");
		if (n && sink(arg, r->out, n, err) < 0)
			return -1;
		r->is_at_end = n == 0;
	}
	return 0;
}

int archive_reader_open(const void *ctx, int fd, struct archive_reader **ret, struct error *err)
{
	struct archive_reader *r = open_bytes(ctx, fd, err);
	if (!r)
		return -1;
	r->tar = mem_must(lib.archive_read_new());
	lib.archive_read_support_format_tar(r->tar);
	lib.archive_read_support_format_empty(r->tar);
	if (lib.archive_read_open(r->tar, r, NULL, read_plain, NULL) != ARCHIVE_OK) {
		say(err, r->tar, "not a tar archive");
		talloc_free(r);
		return -1;
	}
	*ret = r;
	return 0;
}

static void copy_xattrs(struct archive_reader *r, struct archive_entry *entry, struct archive_item *ret)
{
	const char *name;
	const void *value;
	size_t size;
	int count = lib.archive_entry_xattr_reset(entry);
	if (count <= 0)
		return;
	if (count > XATTRS_MAX)
		count = XATTRS_MAX;
	ret->xattrs = mem_array(r->copies, struct archive_xattr, count);
	while (ret->xattr_count < (unsigned)count &&
	       lib.archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || size > XATTR_VALUE_MAX || strlen(name) > 255)
			continue;
		struct archive_xattr *x = &ret->xattrs[ret->xattr_count++];
		x->name = mem_strdup(r->copies, name);
		x->value = mem_memdup(r->copies, value, size);
		x->value_size = size;
	}
}

int archive_reader_next(struct archive_reader *r, struct archive_item *ret, struct error *err)
{
	struct archive_entry *entry;
	int n;
	do
		n = lib.archive_read_next_header(r->tar, &entry);
	while (n == ARCHIVE_RETRY);
	if (n == ARCHIVE_EOF)
		return 0;
	if (n != ARCHIVE_OK && n != ARCHIVE_WARN)
		return say(err, r->tar, "malformed tar archive");
	talloc_free(r->copies);
	r->copies = mem_strdup(r, "");
	*ret = (struct archive_item){ .path = NULL };
	const char *path = lib.archive_entry_pathname(entry);
	const char *hard = lib.archive_entry_hardlink(entry), *symbolic = lib.archive_entry_symlink(entry);
	if (!path || !*path)
		return error_set(err, 0, "malformed tar archive: an entry has no name");
	if (strlen(path) >= 65536)
		return error_set(err, 0, "malformed tar archive: a name of %zu bytes", strlen(path));
	ret->path = mem_strdup(r->copies, path);
	ret->is_hard_link = hard != NULL;
	if (hard || symbolic)
		ret->link_target = mem_strdup(r->copies, hard ? hard : symbolic);
	ret->mode = lib.archive_entry_mode(entry);
	ret->uid = lib.archive_entry_uid(entry);
	ret->gid = lib.archive_entry_gid(entry);
	ret->rdev = lib.archive_entry_rdev(entry);
	ret->size_bytes = lib.archive_entry_size(entry);
	ret->mtime_sec = lib.archive_entry_mtime(entry);
	ret->mtime_nsec = lib.archive_entry_mtime_nsec(entry);
	if (!hard && !(ret->mode & S_IFMT))
		return error_set(err, 0, "'%s' in the archive has an unknown type", path);
	if (lib.archive_entry_uid(entry) < 0 || lib.archive_entry_uid(entry) > UINT32_MAX - 1 || lib.archive_entry_gid(entry) < 0 ||
	    lib.archive_entry_gid(entry) > UINT32_MAX - 1)
		return error_set(err, 0, "'%s' in the archive has an impossible owner", path);
	copy_xattrs(r, entry, ret);
	return 1;
}

ssize_t archive_reader_read(struct archive_reader *r, void *buffer, size_t size, struct error *err)
{
	ssize_t n = lib.archive_read_data(r->tar, buffer, size);
	return n < 0 ? say(err, r->tar, "malformed tar archive") : n;
}

int archive_reader_finish(struct archive_reader *r, char ret_digest[DIGEST_ROOM], struct error *err)
{
	/* What follows the end-of-archive blocks belongs to the diffID as well. */
	while (!r->is_at_end) {
		ssize_t n = lib.archive_read_data(r->bytes, r->out, CHUNK);
		if (n < 0)
			return say(err, r->bytes, "cannot decompress");
		digest_update(r->hash, r->out, n);
		r->is_at_end = n == 0;
	}
	digest_end(r->hash, ret_digest);
	return 0;
}

/* ---- writing ---- */

struct archive_writer {
	struct archive *tar;
	struct archive_entry *entry;
	archive_sink sink;
	void *sink_arg;
	struct error sink_error;
	int fd;
};

int archive_sink_fd(void *arg, const void *bytes, size_t size, struct error *err)
{
	int r = io_write_all(*(const int *)arg, bytes, size);
	return r < 0 ? error_set(err, -r, "cannot write the archive") : 0;
}

static ssize_t write_out(struct archive *a, void *arg, const void *bytes, size_t size)
{
	struct archive_writer *w = arg;
	if (w->sink(w->sink_arg, bytes, size, &w->sink_error) < 0) {
		lib.archive_set_error(a, w->sink_error.number, "%s", w->sink_error.text);
		return -1;
	}
	return size;
}

static int close_writer(struct archive_writer *w)
{
	lib.archive_entry_free(w->entry);
	lib.archive_write_free(w->tar);
	return 0;
}

int archive_writer_open_sink(const void *ctx, archive_sink sink, void *arg, struct archive_writer **ret,
			     struct error *err)
{
	if (library_load(&library, err) < 0)
		return -1;
	struct archive_writer *w = mem_new(ctx, struct archive_writer);
	w->sink = sink;
	w->sink_arg = arg;
	w->fd = -1;
	w->tar = mem_must(lib.archive_write_new());
	w->entry = mem_must(lib.archive_entry_new());
	talloc_set_destructor(w, close_writer);
	lib.archive_write_set_format_pax_restricted(w->tar);
	/* Attributes by the one name that all others write; libarchive before 3.3 writes its own beside it. */
	lib.archive_write_set_format_option(w->tar, NULL, "xattrheader", "SCHILY");
	lib.archive_write_set_bytes_per_block(w->tar, 64 * 1024);
	lib.archive_write_set_bytes_in_last_block(w->tar, 512);
	if (lib.archive_write_open(w->tar, w, NULL, write_out, NULL) != ARCHIVE_OK) {
		say(err, w->tar, "cannot begin an archive");
		talloc_free(w);
		return -1;
	}
	*ret = w;
	return 0;
}

int archive_writer_open(const void *ctx, int fd, struct archive_writer **ret, struct error *err)
{
	if (archive_writer_open_sink(ctx, archive_sink_fd, NULL, ret, err) < 0)
		return -1;
	(*ret)->fd = fd;
	(*ret)->sink_arg = &(*ret)->fd;
	return 0;
}

static int fail(struct archive_writer *w, const char *what, struct error *err)
{
	if (w->sink_error.text[0]) {
		*err = w->sink_error;
		return -1;
	}
	return say(err, w->tar, what);
}

/*
 * pax names are UTF-8, and libarchive takes what it is given for the locale's text: with a locale of UTF-8
 * names go in as they are; bytes that are not UTF-8, or all but ASCII where there is no such locale, get
 * "hdrcharset=BINARY" in front, entry by entry.
 */
static locale_t utf8;

static void make_locale(void)
{
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", (locale_t)0);
}

static int write_header(struct archive_writer *w)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_locale);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	int n = lib.archive_write_header(w->tar, w->entry);
	if (utf8)
		uselocale(before);
	return n;
}

int archive_writer_add(struct archive_writer *w, const struct archive_item *item, struct error *err)
{
	struct archive_entry *e = lib.archive_entry_clear(w->entry);
	lib.archive_entry_set_pathname(e, item->path);
	lib.archive_entry_set_mode(e, item->mode);
	lib.archive_entry_set_uid(e, item->uid);
	lib.archive_entry_set_gid(e, item->gid);
	lib.archive_entry_set_mtime(e, item->mtime_sec, item->mtime_nsec);
	if (S_ISCHR(item->mode) || S_ISBLK(item->mode))
		lib.archive_entry_set_rdev(e, item->rdev);
	lib.archive_entry_set_size(e, S_ISREG(item->mode) && !item->is_hard_link ? item->size_bytes : 0);
	if (item->is_hard_link)
		lib.archive_entry_set_hardlink(e, item->link_target);
	else if (item->link_target)
		lib.archive_entry_set_symlink(e, item->link_target);
	for (unsigned i = 0; i < item->xattr_count; i++)
		lib.archive_entry_xattr_add_entry(e, item->xattrs[i].name, item->xattrs[i].value,
					      item->xattrs[i].value_size);
	int n = write_header(w);
	if (n != ARCHIVE_OK && n != ARCHIVE_WARN)
		return fail(w, "cannot write an archive entry", err);
	return 0;
}

int archive_writer_write(struct archive_writer *w, const void *bytes, size_t size, struct error *err)
{
	ssize_t n = lib.archive_write_data(w->tar, bytes, size);
	return n < 0 || (size_t)n != size ? fail(w, "cannot write archive content", err) : 0;
}

int archive_writer_close(struct archive_writer *w, struct error *err)
{
	return lib.archive_write_close(w->tar) != ARCHIVE_OK ? fail(w, "cannot end the archive", err) : 0;
}
