/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from a build's result to images. */
#include "builder/build/outputs.h"

#include <string.h>

#include "oci/reference.h"
#include "oci/transport.h"
#include "tracer/base/io.h"

struct outputs {
	const struct build_options *o;
	struct strlist *names;
	char *image_id;
};

int outputs_read(const void *ctx, const struct build_options *o, struct outputs **ret, struct error *err)
{
	struct outputs *out = mem_new(ctx, struct outputs);
	out->o = o;
	out->names = strlist_new(out);
	for (size_t i = 0; i < o->tags->count; i++) {
		struct reference *ref;
		if (reference_parse(out, o->tags->items[i], &ref, err) < 0)
			return -1;
		strlist_add(out->names, ref->name);
	}
	*ret = out;
	return 0;
}

int outputs_import_caches(struct outputs *out, struct build *b, struct error *err)
{
	(void)out;
	(void)b;
	(void)err;
	return 0;
}

int outputs_write(struct outputs *out, struct build *b, const struct solve_result *result,
		  void (*tell)(void *arg, const char *line), void *arg, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct stage_result *r = result->results[0];
	struct layer_format format = { .compression = COMPRESSION_NONE };
	struct descriptor *layers;
	char **diff_ids;
	struct image *image;
	(void)tell; (void)arg;
	if (chain_export(scratch, b->store, r->chain, &format, &layers, &diff_ids, err) < 0)
		return -1;
	char *config = state_config(scratch, r->state, diff_ids, r->chain->count, b->epoch_sec);
	for (size_t i = 0; i == 0 || i < out->names->count; i++)
		if (store_add_image(scratch, b->store, config, layers, r->chain->count, out->names->count ? out->names->items[i] : NULL, &image, err) < 0)
			return -1;
	out->image_id = mem_strdup(out, image->config.digest);
	for (size_t i = 0; i < out->o->outputs->count; i++) {
		struct strlist *fields = request_fields(scratch, out->o->outputs->items[i]);
		const char *type = request_field(fields, "type"), *dest = request_field(fields, "dest");
		if (type && dest && transport_push(b->store, image, mem_printf(scratch, "%s-archive:%s", type, dest), NULL, err) < 0)
			return -1;
	}
	if (out->o->iid_file)
		return io_write_file(-100, out->o->iid_file, out->image_id, strlen(out->image_id), 0644, err);
	return 0;
}

const char *outputs_image_id(const struct outputs *out)
{
	return out->image_id;
}
