/* SPDX-License-Identifier: Apache-2.0 */
/* Owns chains of layers: made, copied, made longer.  How they leave the store is chain_export's. */
#include "oci/chain.h"

#include "oci/digest.h"
#include "oci/layer.h"

int chain_of_image(const void *ctx, struct store *s, const struct image *image, struct chain **ret,
		   struct error *err)
{
	struct chain *chain = mem_new(ctx, struct chain);
	chain->layers = mem_array(chain, struct chain_layer, image ? image->layer_count : 0);
	for (unsigned i = 0; image && i < image->layer_count; i++) {
		if (layer_unpack_blob(NULL, s, &image->layers[i], image->diff_ids[i], err) < 0) {
			talloc_free(chain);
			return -1;
		}
		chain->layers[chain->count++] = (struct chain_layer){
			.folder = mem_printf(chain, "layers/%s", digest_hex(image->diff_ids[i])),
			.diff_id = mem_strdup(chain, image->diff_ids[i]),
			.blob = {
				.media_type = mem_strdup(chain, image->layers[i].media_type),
				.digest = mem_strdup(chain, image->layers[i].digest),
				.size_bytes = image->layers[i].size_bytes,
			},
		};
	}
	*ret = chain;
	return 0;
}

static char *copy_text(const void *ctx, const char *text)
{
	return text ? mem_strdup(ctx, text) : NULL;
}

struct chain *chain_copy(const void *ctx, const struct chain *chain)
{
	struct chain *copy = mem_new(ctx, struct chain);
	copy->count = chain->count;
	copy->layers = mem_array(copy, struct chain_layer, chain->count);
	for (unsigned i = 0; i < chain->count; i++) {
		const struct chain_layer *from = &chain->layers[i];
		copy->layers[i] = (struct chain_layer){
			.folder = mem_strdup(copy, from->folder),
			.diff_id = copy_text(copy, from->diff_id),
			.blob = {
				.media_type = copy_text(copy, from->blob.media_type),
				.digest = copy_text(copy, from->blob.digest),
				.size_bytes = from->blob.size_bytes,
			},
		};
	}
	return copy;
}

void chain_push(struct chain *chain, const char *snapshot_id)
{
	chain->layers = mem_grow(chain, chain->layers, struct chain_layer, chain->count + 1);
	chain->layers[chain->count++] = (struct chain_layer){
		.folder = mem_printf(chain, "snapshots/%s", snapshot_id)
	};
}
