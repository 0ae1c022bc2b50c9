/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest or an index of any bytes and, behind an empty line, a configuration: what is accepted
 * is whole and checked, what is made of it can be read again, and all else has a sentence.
 */
#include <string.h>

#include "oci/derive.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "tests/fuzz/fuzz.h"

#define SOME_DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void must_be_whole(const struct descriptor *d)
{
	must(d->media_type && d->digest && digest_is_valid(d->digest) && d->size_bytes >= 0);
}

static void look_at_index(const void *scratch, const char *json)
{
	static const char *const wanted[] = { NULL, "linux/amd64", "linux/arm/v7",
					      "linux/arm64/v9" };
	struct manifest_index *index;
	const struct descriptor *chosen;
	struct error err = ERROR_INIT;
	if (manifest_index_parse(scratch, json, &index, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	for (unsigned i = 0; i < index->count; i++)
		must_be_whole(&index->manifests[i]);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		err = (struct error)ERROR_INIT;
		if (manifest_index_choose(index, wanted[i], &chosen, &err) < 0)
			must(err.text[0] != '\0');
		else
			must(chosen >= index->manifests &&
			     chosen < index->manifests + index->count);
	}
}

/* The same image with one layer more. */
static void derive(void *scratch, const struct image *image)
{
	char type[] = MEDIA_OCI_LAYER, digest[] = SOME_DIGEST;
	const struct descriptor layer = { .media_type = type, .digest = digest };
	struct strlist *changes = strlist_new(scratch);
	strlist_add(changes, "ENV PATH=/bin B=\"a b\"");
	strlist_add(changes, "LABEL a=b");
	strlist_add(changes, "EXPOSE 80");
	strlist_add(changes, "ONBUILD RUN true");
	const struct image_changes change = { .created_by = "fuzz",
					      .created = "2001-01-01T00:00:00Z",
					      .change = changes };
	struct error err = ERROR_INIT;
	char *config;
	must(image_derive(scratch, image, &layer, SOME_DIGEST, &change, &config, &err) == 0);
	struct descriptor *layers = mem_array(scratch, struct descriptor, image->layer_count + 1);
	memcpy(layers, image->layers, image->layer_count * sizeof(*layers));
	layers[image->layer_count] = layer;
	char *json = image_make_manifest(scratch, &image->config, layers, image->layer_count + 1);
	struct image *again;
	if (image_parse_manifest(scratch, json, &image->manifest, &again, &err) < 0)
		must(image->layer_count >= 4096 ||
		     strcmp(image->manifest.media_type, MEDIA_OCI_MANIFEST) != 0);
	else
		must(again->layer_count == image->layer_count + 1 &&
		     image_parse_config(again, config, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
	char *json = mem_strndup(scratch, (const char *)bytes, size),
	     *config = strstr(json, "\n\n");
	char digest[] = SOME_DIGEST;
	const struct descriptor manifest = { .digest = digest };
	struct error err = ERROR_INIT;
	struct image *image;
	bool is_index = false;
	if (config) {
		*config = '\0';
		config += 2;
	}
	int r = manifest_is_index(json, NULL, &is_index, &err);
	if (r < 0)
		must(err.text[0] != '\0');
	look_at_index(scratch, json);
	err = (struct error)ERROR_INIT;
	if (image_parse_manifest(scratch, json, &manifest, &image, &err) < 0) {
		must(err.text[0] != '\0');
		return 0;
	}
	must(r == 0 && !is_index);
	must_be_whole(&image->config);
	for (unsigned i = 0; i < image->layer_count; i++)
		must_be_whole(&image->layers[i]);
	must(image_with_layers(scratch, json, image->layers, image->layer_count) != NULL);
	if (!config)
		return 0;
	if (image_parse_config(image, config, &err) < 0) {
		must(err.text[0] != '\0');
		return 0;
	}
	for (unsigned i = 0; i < image->layer_count; i++)
		must(digest_is_valid(image->diff_ids[i]));
	must(image->run.env && image->run.user && image->run.working_dir &&
	     image->run.stop_signal && image->run.labels && image->run.exposed_ports &&
	     image->run.volumes && image->config_json);
	derive(scratch, image);
	return 0;
}
