/* SPDX-License-Identifier: Apache-2.0 */
/* What the transports share; for transfer.c, pull.c, layout.c, archives.c, outputs.c, buildcache.c and cachefetch.c only. */
#ifndef FAKEBUILD_OCI_TRANSFER_H
#define FAKEBUILD_OCI_TRANSFER_H

#include "oci/json.h"
#include "oci/reference.h"
#include "oci/transport.h"

/* An image whose blobs are files: an OCI layout, an unpacked archive, a dir:. */
struct blob_folder {
	const char *dir;
	bool is_flat; /* dir/<hex> instead of dir/blobs/sha256/<hex> */
};
char *folder_blob_path(const void *ctx, const struct blob_folder *f, const char *digest);
/* Read a JSON blob, checking its digest. */
int folder_read(const void *ctx, const struct blob_folder *f, const char *digest, char **ret, struct error *err);

/* Go from an index or manifest text to the image's manifest by platform.  *ret_text on ctx. */
int folder_choose(const void *ctx, const struct blob_folder *f, const char *platform, char **ret_text,
		  struct descriptor *ret, struct error *err);
/* Put an image whose blobs are in the folder into the store, unpacked, under this name (NULL: untagged). */
int folder_import(const void *ctx, struct store *s, const struct blob_folder *f, const char *manifest_text,
		  const struct descriptor *manifest, const char *name, const struct progress *progress,
		  struct image **ret, struct error *err);
/* Feed a file to the store as the layer `layer`. */
int ingest_layer_file(struct store *s, const struct descriptor *layer, const char *diff_id, const char *path,
		      struct error *err);
/* Put one file in as a layer; the descriptor is made of the file. */
int import_layer_file(const void *ctx, struct store *s, const char *path, const char *diff_id,
		      struct descriptor *ret, struct error *err);

/* oci:DIR[:REF], dir:DIR and the archives. */
int layout_pull(const void *ctx, struct store *s, const char *dir, const char *ref, bool is_flat,
		const char *platform, const char *name, const struct progress *progress, struct image **ret,
		struct error *err);
/* `top`: a manifest or an index of the store, as it is to leave. */
int layout_push(struct store *s, const struct descriptor *top, const char *dir, const char *ref, bool is_flat,
		struct error *err);
/* The same in a layout, with other annotations beside the name (may be NULL). */
int layout_add(struct store *s, const struct descriptor *top, const char *dir, const char *ref,
	       const struct json *annotations, struct error *err);
int archive_pull(const void *ctx, struct store *s, int fd, const char *ref, const char *platform,
		 const struct progress *progress, struct strlist *names, struct image **ret, struct error *err);

/* Write what is stored as transport_save does, tagged `ref` (NULL: untagged). */
int archive_push(struct store *s, const struct descriptor *stored, struct reference *ref, int fd, bool is_oci,
		 struct error *err);
/* The same as it is, under several names (may be NULL); `docker_image` is what Docker's manifest.json tells of, if any. */
int archive_write_built(struct store *s, const struct descriptor *top, const struct image *docker_image,
			const struct strlist *names, const struct json *annotations, int fd, struct error *err);

/* The image of the platform (NULL: this machine's) that a registry has now, tagged by ref->name; *ret on ctx. */
int pull_registry(const void *ctx, struct store *s, const struct reference *ref, const char *platform,
		  const struct progress *progress, struct image **ret, struct error *err);
/* Is the image for this platform (NULL: any will do)?  -1: the platform is malformed. */
int is_for_platform(const struct image *image, const char *platform, struct error *err);
/* Send what is stored, as it is. */
int push_registry(struct store *s, const struct descriptor *top, const struct reference *ref,
		  const struct progress *progress, struct error *err);

void tell(const struct progress *p, const char *digest, enum progress_stage stage, int64_t done, int64_t total);
__attribute__((format(printf, 2, 3))) void tell_line(const struct progress *p, const char *fmt, ...);

#endif
