/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which transport a name means, and the push to registries; the pull from them is in pull.c. */
#include "oci/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oci/convert.h"
#include "oci/credentials.h"
#include "oci/distribution.h"
#include "oci/reference.h"
#include "oci/transfer.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

void tell(const struct progress *p, const char *digest, enum progress_stage stage, int64_t done, int64_t total)
{
	if (p && p->update)
		p->update(p->arg, digest, stage, done, total);
}

void tell_line(const struct progress *p, const char *fmt, ...)
{
	char text[1024];
	if (!p || !p->line)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->line(p->arg, text);
}

/* ---- push to a registry ---- */

static int push_blob(struct store *s, struct registry *r, const struct descriptor *blob,
		     const struct progress *progress, struct error *err)
{
	if (registry_has_blob(r, blob->digest)) {
		tell(progress, blob->digest, PROGRESS_EXISTS, blob->size_bytes, blob->size_bytes);
		return 0;
	}
	CLEANUP_TALLOC char *path = store_blob_path(NULL, s, blob->digest);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	tell(progress, blob->digest, PROGRESS_UPLOADING, 0, blob->size_bytes);
	if (registry_put_blob(r, blob, fd, err) < 0)
		return -1;
	tell(progress, blob->digest, PROGRESS_DONE, blob->size_bytes, blob->size_bytes);
	return 0;
}

struct push {
	struct store *store;
	struct registry *registry;
	const struct progress *progress;
	const char *top_digest;
};

static int push_part(void *arg, const struct descriptor *blob, enum blob_role role, struct error *err)
{
	struct push *p = arg;
	CLEANUP_TALLOC char *text = NULL;
	if (role != BLOB_MANIFEST)
		return push_blob(p->store, p->registry, blob, role == BLOB_LAYER ? p->progress : NULL, err);
	/* The last one is known by the name, those of an index by their digests. */
	if (strcmp(blob->digest, p->top_digest) == 0)
		return 0;
	if (store_get_blob(NULL, p->store, blob->digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	return registry_put_manifest(p->registry, blob->digest, blob->media_type, text, err);
}

int push_registry(struct store *s, const struct descriptor *top, const struct reference *ref,
		  const struct progress *progress, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct push p = { s, NULL, progress, top->digest };
	char *text;
	if (registry_open(scratch, ref, "pull,push", &p.registry, err) < 0)
		return -1;
	tell_line(progress, "The push refers to repository [%s/%s]", ref->registry, ref->repository);
	if (store_walk_blobs(s, top, false, push_part, &p, err) < 0 ||
	    store_get_blob(scratch, s, top->digest, IMAGE_JSON_MAX_BYTES, &text, NULL, err) < 0)
		return -1;
	const char *name = ref->tag ? ref->tag : top->digest;
	if (registry_put_manifest(p.registry, name, top->media_type, text, err) < 0)
		return -1;
	tell_line(progress, "%s: digest: %s size: %zu", name, top->digest, strlen(text));
	return 0;
}

/* ---- names ---- */

/* The rest of a name behind a transport's prefix, or NULL. */
static const char *behind(const char *name, const char *prefix)
{
	return text_starts(name, prefix) ? name + strlen(prefix) : NULL;
}

/* "PATH[:REF]": a colon in what follows the last slash. */
static char *split_path(const void *ctx, const char *text, const char **ret_ref)
{
	char *path = mem_strdup(ctx, text);
	/* The reference may hold slashes and colons itself: take the first colon after which no path goes on. */
	char *colon = strchr(path, ':');
	*ret_ref = NULL;
	if (colon) {
		*colon = '\0';
		*ret_ref = colon + 1;
	}
	return path;
}

static char *name_from_path(const void *ctx, const char *path, const char *ref)
{
	struct reference *r;
	CLEANUP_TALLOC char *guess = NULL;
	if (ref && reference_parse(NULL, ref, &r, NULL) == 0 && (strchr(ref, ':') || strchr(ref, '/'))) {
		char *name = mem_strdup(ctx, r->name);
		talloc_free(r);
		return name;
	}
	const char *slash = strrchr(path, '/');
	guess = mem_printf(NULL, "%s:%s", slash && slash[1] ? slash + 1 : path, ref ? ref : "latest");
	for (char *p = guess; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? *p + 32 : *p;
	if (reference_parse(NULL, guess, &r, NULL) < 0)
		return NULL;
	char *name = mem_strdup(ctx, r->name);
	talloc_free(r);
	return name;
}

static int pull_archive(const void *ctx, struct store *s, const char *text, const char *platform,
			const struct progress *progress, struct image **ret, char **ret_name, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *ref;
	char *path = split_path(scratch, text, &ref);
	struct strlist *names = strlist_new(scratch);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s'", path);
	if (archive_pull(ctx, s, fd, ref, platform, progress, names, ret, err) < 0)
		return error_wrap(err, "'%s'", path);
	*ret_name = mem_strdup(ctx, names->count ? names->items[0] : (*ret)->config.digest);
	return 0;
}

int transport_pull(const void *ctx, struct store *s, const char *source, enum pull_policy policy,
		   const char *platform, const struct progress *progress, struct image **ret, char **ret_name,
		   struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *rest, *ref_text;
	if ((rest = behind(source, "oci:")) || (rest = behind(source, "dir:"))) {
		bool is_flat = source[0] == 'd';
		char *path = split_path(scratch, rest, &ref_text);
		char *name = name_from_path(ctx, path, ref_text);
		if (layout_pull(ctx, s, path, ref_text, is_flat, platform, name, progress, ret, err) < 0)
			return error_wrap(err, "'%s'", source);
		*ret_name = name ? name : mem_strdup(ctx, (*ret)->config.digest);
		return 0;
	}
	if ((rest = behind(source, "docker-archive:")) || (rest = behind(source, "oci-archive:")))
		return pull_archive(ctx, s, rest, platform, progress, ret, ret_name, err);
	rest = behind(source, "docker://");
	struct reference *ref;
	if (reference_parse(scratch, rest ? rest : source, &ref, err) < 0)
		return -1;
	struct image *image = NULL;
	if (policy != PULL_ALWAYS) {
		if (store_find_image_for(ctx, s, ref->name, platform, &image, err) < 0)
			return -1;
		int is_right = image ? is_for_platform(image, platform, err) : 0;
		if (is_right < 0)
			return -1;
		/* As Docker: an image of another platform is not the one that was asked for. */
		if (image && !is_right)
			TALLOC_FREE(image);
		if (!image && policy == PULL_NEVER)
			return error_set(err, 0, "image '%s' is not in the store, and pulling is off (--pull never)",
					 ref->familiar);
	}
	if (!image && pull_registry(ctx, s, ref, platform, progress, &image, err) < 0)
		return error_wrap(err, "cannot pull '%s'", ref->familiar);
	*ret = image;
	*ret_name = mem_strdup(ctx, ref->name);
	return 0;
}

/* A file of one image of this machine. */
static int push_archive(struct store *s, const struct descriptor *stored, const char *text, bool is_oci,
			struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *ref_text;
	char *path = split_path(scratch, text, &ref_text);
	struct reference *ref = NULL;
	if (ref_text && reference_parse(scratch, ref_text, &ref, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	int r = archive_push(s, stored, ref, fd, is_oci, err);
	if (r == 0 && close(io_take_fd(&fd)) < 0)
		r = error_set(err, errno, "cannot write '%s'", path);
	if (r < 0)
		unlink(path);
	return r;
}

int transport_push(struct store *s, const struct image *image, const char *destination,
		   const struct progress *progress, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	static const struct layer_format gzip = { .compression = COMPRESSION_GZIP };
	const char *rest, *ref_text;
	const struct descriptor *stored = &image->stored;
	struct descriptor top;
	struct reference *ref;
	if ((rest = behind(destination, "docker-archive:")) || (rest = behind(destination, "oci-archive:")))
		return push_archive(s, stored, rest, destination[0] == 'o', err);
	if (stored_convert(scratch, s, stored, &gzip, &top, err) < 0)
		return -1;
	if ((rest = behind(destination, "oci:")) || (rest = behind(destination, "dir:"))) {
		char *path = split_path(scratch, rest, &ref_text);
		return layout_push(s, &top, path, ref_text, destination[0] == 'd', err);
	}
	rest = behind(destination, "docker://");
	if (reference_parse(scratch, rest ? rest : destination, &ref, err) < 0)
		return -1;
	return push_registry(s, &top, ref, progress, err) < 0 ? error_wrap(err, "cannot push '%s'", ref->familiar) : 0;
}

int transport_login(const char *registry, const char *user, const char *password, struct error *err)
{
	struct credentials c = { (char *)(uintptr_t)user, (char *)(uintptr_t)password, NULL };
	if (registry_check(registry, user, password, err) < 0)
		return -1;
	return credentials_store(registry, &c, err);
}

int transport_logout(const char *registry, bool *ret_had, struct error *err)
{
	return credentials_erase(registry, ret_had, err);
}
