/* SPDX-License-Identifier: Apache-2.0 */
/* Owns where a build goes: archives, layouts, folders, the store, registries, Docker's daemon. */
#include "oci/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/assemble.h"
#include "oci/daemon.h"
#include "oci/flatten.h"
#include "oci/json.h"
#include "oci/transfer.h"
#include "oci/web.h"
#include "tracer/base/io.h"

struct writing {
	struct store *store;
	const struct build_result *build;
	const struct output *output;
	const struct progress *progress;
	const struct strlist *names; /* NULL: none */
	void *scratch;
	struct assembled *made; /* of images */
};

static bool is_attested(const struct build_result *build)
{
	for (unsigned i = 0; i < build->count; i++)
		if (build->images[i].attestation_count)
			return true;
	return false;
}

static bool has_any(const struct strlist *list)
{
	return list && list->count;
}

/* Docker's documents have no room for annotations and attestations. */
static bool needs_oci(const struct build_result *build, const struct output *o)
{
	bool needs = is_attested(build) || has_any(o->annotations) || has_any(o->descriptor_annotations) ||
		     has_any(o->index_annotations) || has_any(build->index_annotations);
	for (unsigned i = 0; i < build->count; i++)
		needs |= has_any(build->images[i].annotations) || has_any(build->images[i].descriptor_annotations);
	return needs;
}

/* What stays on the machine stays plain; what is attested is what leaves, so that it has its form already. */
static struct layer_format format_of(const struct build_result *build, const struct output *o)
{
	struct layer_format f = o->format;
	bool stays = o->type == OUTPUT_DOCKER || (o->type == OUTPUT_IMAGE && !o->pushes && !is_attested(build));
	if (!o->has_compression)
		f.compression = stays ? COMPRESSION_NONE : COMPRESSION_GZIP;
	if (!o->has_media_types)
		f.is_docker = o->type == OUTPUT_DOCKER;
	f.is_docker &= !needs_oci(build, o);
	f.rewrites_times &= build->has_epoch;
	f.epoch_sec = build->epoch_sec;
	return f;
}

/* ---- files ---- */

struct file {
	char *path, *part; /* NULL: standard output; part NULL: written in place */
	int fd;
};

static int open_file(const void *ctx, const char *dest, struct file *ret, struct error *err)
{
	struct stat st;
	*ret = (struct file){ .fd = STDOUT_FILENO };
	if (!dest || strcmp(dest, "-") == 0)
		return isatty(STDOUT_FILENO) ? error_set(err, 0, "an archive does not go to a terminal: give dest=FILE") : 0;
	ret->path = mem_strdup(ctx, dest);
	bool is_special = stat(dest, &st) == 0 && !S_ISREG(st.st_mode);
	if (is_special && S_ISDIR(st.st_mode))
		return error_set(err, 0, "cannot write an archive to '%s': it is a folder", dest);
	ret->part = is_special ? NULL : mem_printf(ctx, "%s.%d.part", dest, (int)getpid());
	ret->fd = open(ret->part ? ret->part : dest, O_WRONLY | O_CLOEXEC | (ret->part ? O_CREAT | O_TRUNC : 0), 0644);
	return ret->fd < 0 ? error_set(err, errno, "cannot create '%s'", dest) : 0;
}

/* `result`: of what was written.  A close that fails means that the file is not whole. */
static int close_file(struct file *f, int result, struct error *err)
{
	if (!f->path)
		return result;
	if (close(f->fd) < 0 && result == 0)
		result = error_set(err, errno, "cannot write '%s'", f->path);
	if (f->part && result == 0 && rename(f->part, f->path) < 0)
		result = error_set(err, errno, "cannot create '%s'", f->path);
	if (f->part && result < 0)
		unlink(f->part);
	return result;
}

static char *platform_folder(const void *ctx, const struct built_image *b)
{
	char *name = mem_strdup(ctx, b->platform);
	for (char *p = name; *p; p++)
		*p = *p == '/' ? '_' : *p;
	return name;
}

static bool is_split(const struct writing *w)
{
	return w->output->has_platform_split ? w->output->is_platform_split : w->build->count > 1;
}

static int write_roots(struct writing *w, int fd, struct error *err)
{
	struct flatten_times times = { w->build->has_epoch, w->build->epoch_sec };
	struct archive_writer *archive;
	if (archive_writer_open(w->scratch, fd, &archive, err) < 0)
		return -1;
	for (unsigned i = 0; i < w->build->count; i++) {
		const struct built_image *b = &w->build->images[i];
		const char *prefix = is_split(w) ? mem_printf(w->scratch, "%s/", platform_folder(w->scratch, b)) : "";
		if (flatten_to_archive(w->store, b->chain, prefix, &times, archive, err) < 0)
			return -1;
	}
	return archive_writer_close(archive, err);
}

static int write_tar(struct writing *w, struct error *err)
{
	struct file f;
	if (open_file(w->scratch, w->output->dest, &f, err) < 0)
		return -1;
	return close_file(&f, write_roots(w, f.fd, err), err);
}

static int write_local(struct writing *w, struct error *err)
{
	struct flatten_times times = { w->build->has_epoch, w->build->epoch_sec };
	for (unsigned i = 0; i < w->build->count; i++) {
		const struct built_image *b = &w->build->images[i];
		const char *folder = w->output->dest;
		if (is_split(w))
			folder = mem_printf(w->scratch, "%s/%s", folder, platform_folder(w->scratch, b));
		if (flatten_to_folder(w->store, b->chain, folder, &times, w->output->deletes, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- images as files ---- */

/* Of the descriptor in index.json. */
static struct json *index_annotations(struct writing *w)
{
	return w->made->is_index ? annotations_of(w->scratch, w->build->index_descriptor_annotations,
						  w->output->index_descriptor_annotations) :
				   annotations_of(w->scratch, w->build->images[0].descriptor_annotations,
						  w->output->descriptor_annotations);
}

static int write_layout(struct writing *w, struct error *err)
{
	struct json *annotations = index_annotations(w);
	unsigned count = w->names ? w->names->count : 0;
	for (unsigned i = 0; !i || i < count; i++) {
		struct json *all = annotations ? json_clone(w->scratch, annotations) : json_new_object(w->scratch);
		struct reference *ref = NULL;
		if (count && reference_parse(w->scratch, w->names->items[i], &ref, err) < 0)
			return -1;
		if (ref)
			json_set_string(all, "io.containerd.image.name", ref->name);
		if (layout_add(w->store, &w->made->top, w->output->dest, ref ? ref->tag ? ref->tag : ref->name : NULL,
			       ref || annotations ? all : NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int write_archive(struct writing *w, int fd, struct error *err)
{
	const struct image *docker = w->output->type == OUTPUT_DOCKER ? w->made->images[0] : NULL;
	return archive_write_built(w->store, &w->made->top, docker, w->names, index_annotations(w), fd, err);
}

static int load_into_daemon(struct writing *w, struct error *err)
{
	char *dir;
	if (store_make_tmp(w->scratch, w->store, &dir, err) < 0)
		return -1;
	char *path = mem_printf(w->scratch, "%s/image.tar", dir);
	CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? error_set(err, errno, "cannot create '%s'", path) : write_archive(w, fd, err);
	r = r < 0 ? r : daemon_load(fd, err);
	io_remove_tree(AT_FDCWD, dir);
	return r;
}

static int write_image_file(struct writing *w, struct error *err)
{
	struct file f;
	if (w->output->type == OUTPUT_DOCKER && w->made->is_index)
		return error_set(err, 0, "type=docker has room for one platform and no attestations: use type=oci");
	if (w->output->is_folder)
		return write_layout(w, err);
	if (w->output->type == OUTPUT_DOCKER && !w->output->dest)
		return load_into_daemon(w, err);
	if (open_file(w->scratch, w->output->dest, &f, err) < 0)
		return -1;
	return close_file(&f, write_archive(w, f.fd, err), err);
}

/* ---- the store and registries ---- */

static int push(struct writing *w, struct error *err)
{
	if (!has_any(w->names))
		return error_set(err, 0, "an image without a name cannot be pushed");
	for (size_t i = 0; i < w->names->count; i++) {
		struct reference *ref;
		if (reference_parse(w->scratch, w->names->items[i], &ref, err) < 0)
			return -1;
		if (w->output->pushes_by_digest)
			ref->tag = NULL;
		if (w->output->is_insecure)
			web_trust_host(ref->registry);
		if (push_registry(w->store, &w->made->top, ref, w->progress, err) < 0)
			return error_wrap(err, "cannot push '%s'", ref->familiar);
	}
	return 0;
}

static int tag_canonical(struct writing *w, const char *name, struct error *err)
{
	struct reference *ref;
	if (reference_parse(w->scratch, name, &ref, err) < 0)
		return -1;
	char *canonical = mem_printf(w->scratch, "%s/%s@%s", ref->registry, ref->repository, w->made->top.digest);
	return store_tag(w->store, canonical, &w->made->top, err);
}

static int keep(struct writing *w, struct error *err)
{
	struct reference *ref;
	for (size_t i = 0; w->names && i < w->names->count; i++)
		if (store_tag(w->store, w->names->items[i], &w->made->top, err) < 0 ||
		    (w->output->has_canonical_name && tag_canonical(w, w->names->items[i], err) < 0))
			return -1;
	if (has_any(w->names))
		return 0;
	if (!w->output->dangling_prefix)
		return store_tag(w->store, NULL, &w->made->top, err);
	char *name = mem_printf(w->scratch, "%s@%s", w->output->dangling_prefix, w->made->top.digest);
	return reference_parse(w->scratch, name, &ref, err) < 0 ? -1 : store_tag(w->store, ref->name, &w->made->top, err);
}

static int write_image(struct writing *w, struct error *err)
{
	if (!w->output->stays_out && keep(w, err) < 0)
		return -1;
	return w->output->pushes ? push(w, err) : 0;
}

/* ---- all ---- */

static const struct {
	int (*write)(struct writing *w, struct error *err);
	bool is_image;
} writers[] = {
	[OUTPUT_IMAGE] = { write_image, true },	     [OUTPUT_OCI] = { write_image_file, true },
	[OUTPUT_DOCKER] = { write_image_file, true }, [OUTPUT_TAR] = { write_tar, false },
	[OUTPUT_LOCAL] = { write_local, false },      [OUTPUT_NONE] = { NULL, false },
};

static void fill_result(const void *ctx, const struct writing *w, struct output_result *ret)
{
	*ret = (struct output_result){ .names = strlist_new(ctx) };
	for (size_t i = 0; w->names && i < w->names->count; i++)
		strlist_add(ret->names, w->names->items[i]);
	if (!w->made)
		return;
	ret->top = (struct descriptor){ .media_type = mem_strdup(ctx, w->made->top.media_type),
					.digest = mem_strdup(ctx, w->made->top.digest),
					.size_bytes = w->made->top.size_bytes };
	ret->top_json = mem_strdup(ctx, w->made->top_json);
	if (!w->made->is_index)
		ret->config_digest = mem_strdup(ctx, w->made->images[0]->config.digest);
}

int output_write(const void *ctx, struct store *s, const struct build_result *build, const struct output *output,
		 const struct progress *progress, struct output_result *ret, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct writing w = { s, build, output, progress, output->names ? output->names : build->names, scratch, NULL };
	if (writers[output->type].is_image) {
		struct layer_format format = format_of(build, output);
		if (assemble(scratch, s, build, output, &format, &w.made, err) < 0)
			return -1;
	}
	if (writers[output->type].write && writers[output->type].write(&w, err) < 0)
		return -1;
	fill_result(ctx, &w, ret);
	return 0;
}
