/* SPDX-License-Identifier: Apache-2.0 */
/* The commands for what is in the store: images, tag, rmi. */
#include <fnmatch.h>
#include <string.h>

#include "builder/command.h"
#include "builder/listing.h"
#include "oci/reference.h"
#include "tracer/base/text.h"

struct images_options {
	int format; /* enum listing_format */
	bool is_quiet, is_whole, has_digests;
};

#define IMAGES_MEMBER(member) offsetof(struct images_options, member)
static const struct option_row images_rows[] = {
	{ "all", 'a', NULL, "Taken for Docker's sake: all images are always shown", OPTION_IGNORED,
	  0 },
	{ "digests", 0, NULL, "Show the digests of the manifests too", OPTION_FLAG,
	  IMAGES_MEMBER(has_digests) },
	{ "format", 0, LISTING_FORMATS, "json: an object a line", OPTION_CHOICE,
	  IMAGES_MEMBER(format) },
	{ "no-trunc", 0, NULL, "Show whole ids", OPTION_FLAG, IMAGES_MEMBER(is_whole) },
	{ "quiet", 'q', NULL, "Show only ids", OPTION_FLAG, IMAGES_MEMBER(is_quiet) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static const struct column images_columns[] = {
	{ "REPOSITORY", "Repository" },
	{ "TAG", "Tag" },
	{ "IMAGE ID", "ID" },
	{ "CREATED", "CreatedSince" },
	{ "SIZE", "Size" },
	{ NULL, "CreatedAt" },
	{ NULL, "Digest" },
	{ NULL, NULL },
};
static const struct column images_digest_columns[] = {
	{ "REPOSITORY", "Repository" }, { "TAG", "Tag" },
	{ "DIGEST", "Digest" },         { "IMAGE ID", "ID" },
	{ "CREATED", "CreatedSince" },  { "SIZE", "Size" },
	{ NULL, "CreatedAt" },          { NULL, NULL },
};
enum { IMAGE_ID_COLUMN = 2 };

/* What the image's blobs take. */
static uint64_t image_bytes(const struct image *image)
{
	uint64_t bytes = image->config.size_bytes + image->manifest.size_bytes;
	for (unsigned i = 0; i < image->layer_count; i++)
		bytes += image->layers[i].size_bytes;
	return bytes;
}

static void add_image(struct listing *l, const struct images_options *o,
		      const struct reference *reference, const struct image *image)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char size[16], *familiar = reference ? mem_strdup(scratch, reference->familiar) : NULL;
	/* The familiar name without its tag or digest. */
	if (familiar) {
		char *at = strchr(familiar, '@');
		char *slash = strrchr(familiar, '/');
		if (at)
			*at = '\0';
		char *colon = strrchr(slash ? slash : familiar, ':');
		if (colon)
			*colon = '\0';
	}
	listing_cell(l, "%s", familiar ? familiar : "<none>");
	listing_cell(l, "%s", reference && reference->tag ? reference->tag : "<none>");
	if (o->has_digests)
		listing_cell(l, "%s", image->stored.digest);
	listing_cell(l, "%s", listing_id(scratch, image->config.digest, o->is_whole));
	listing_cell(l, "%s", listing_ago(scratch, image->run.created));
	listing_cell(l, "%s", text_size(image_bytes(image), size, sizeof(size)));
	listing_cell(l, "%s", image->run.created ? image->run.created : "");
	if (!o->has_digests)
		listing_cell(l, "%s", image->stored.digest);
}

/* Does `wanted` ("debian", "debian:12", "lib*") name this image, as `docker images NAME` has it? */
static bool is_wanted(const char *wanted, const struct reference *reference)
{
	if (!wanted)
		return true;
	if (!reference)
		return false;
	CLEANUP_TALLOC char *repository = mem_strdup(NULL, reference->familiar);
	char *slash = strrchr(repository, '/');
	char *colon = strpbrk(slash ? slash : repository, ":@");
	if (colon)
		*colon = '\0';
	return fnmatch(wanted, reference->familiar, FNM_PATHNAME) == 0 ||
	       fnmatch(wanted, repository, FNM_PATHNAME) == 0 ||
	       strcmp(wanted, reference->name) == 0;
}

static int run_images(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct images_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct stored_image *images;
	unsigned count;
	if (invocation_store(inv, &store, err) < 0 ||
	    store_list_images(inv, store, &images, &count, err) < 0)
		return -1;
	struct listing *l =
		listing_new(inv, o->has_digests ? images_digest_columns : images_columns);
	for (unsigned i = 0; i < count; i++) {
		struct reference *reference = NULL;
		struct image *image;
		struct error ignored = ERROR_INIT;
		if (images[i].name)
			reference_parse(inv, images[i].name, &reference, &ignored);
		if (!is_wanted(inv->args[0], reference))
			continue;
		if (store_find_image(inv, store, images[i].manifest.digest, &image, err) < 0)
			return error_wrap(err, "image '%s'",
					  images[i].name ? images[i].name : "<none>");
		if (image)
			add_image(l, o, reference, image);
	}
	if (o->is_quiet)
		listing_print_column(l, stdout, IMAGE_ID_COLUMN + o->has_digests);
	else
		listing_print(l, stdout, o->format);
	return 0;
}

extern const struct command command_images, command_tag, command_rmi;

const struct command command_images = {
	.name = "images",
	.usage = "[OPTIONS] [REPOSITORY[:TAG]]",
	.summary = "List the images in the store",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = images_rows,
	.options_bytes = sizeof(struct images_options),
	.min_args = 0,
	.max_args = 1,
	.run = run_images,
};

static const struct option_row no_rows[] = {
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

static int run_tag(struct invocation *inv, int *ret_status, struct error *err)
{
	(void)ret_status;
	struct image *image;
	struct reference *reference;
	if (invocation_image(inv, inv->args[0], &image, err) < 0 ||
	    reference_parse(inv, inv->args[1], &reference, err) < 0)
		return -1;
	if (reference->digest)
		return error_set(err, 0, "'%s': a tag cannot have a digest", inv->args[1]);
	return store_tag(inv->store, reference->name, &image->stored, err);
}

const struct command command_tag = {
	.name = "tag",
	.usage = "IMAGE NAME[:TAG]",
	.summary = "Give an image another name",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = no_rows,
	.min_args = 2,
	.max_args = 2,
	.run = run_tag,
};

struct rmi_options {
	bool is_forced, keeps_blobs;
};

static const struct option_row rmi_rows[] = {
	{ "force", 'f', NULL, "Remove an image by its id even when it has several names",
	  OPTION_FLAG, offsetof(struct rmi_options, is_forced) },
	{ "no-prune", 0, NULL, "Only take the name away; 'gc' frees the room later", OPTION_FLAG,
	  offsetof(struct rmi_options, keeps_blobs) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* Take all names of an image away, as `rmi ID` does. */
static int untag_all(struct invocation *inv, const struct rmi_options *o, const char *text,
		     const struct image *image, struct error *err)
{
	struct stored_image *images;
	unsigned count, names = 0;
	bool existed;
	if (store_list_images(inv, inv->store, &images, &count, err) < 0)
		return -1;
	for (unsigned i = 0; i < count; i++)
		names += strcmp(images[i].manifest.digest, image->stored.digest) == 0;
	if (names > 1 && !o->is_forced)
		return error_set(err, 0,
				 "image %s has %u names: remove them one by one, or use --force",
				 text, names);
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(images[i].manifest.digest, image->stored.digest) != 0)
			continue;
		const char *name = images[i].name ? images[i].name : images[i].manifest.digest;
		if (store_untag(inv->store, name, &existed, err) < 0)
			return -1;
		printf("Untagged: %s\n", name);
	}
	return 0;
}

static int remove_image(struct invocation *inv, const struct rmi_options *o, const char *text,
			struct error *err)
{
	struct image *image;
	struct reference *reference = NULL;
	struct error ignored = ERROR_INIT;
	bool existed = false;
	if (invocation_image(inv, text, &image, err) < 0)
		return -1;
	if (reference_parse(inv, text, &reference, &ignored) == 0 &&
	    store_untag(inv->store, reference->name, &existed, err) < 0)
		return -1;
	if (existed)
		printf("Untagged: %s\n", reference->familiar);
	else if (untag_all(inv, o, text, image, err) < 0)
		return -1;
	return 0;
}

static int run_rmi(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct rmi_options *o = inv->options;
	(void)ret_status;
	struct gc_result freed;
	int r = 0;
	for (int i = 0; i < inv->arg_count && r == 0; i++)
		r = remove_image(inv, o, inv->args[i], err);
	/* While others use the store nothing can be freed; a later rmi or gc does. */
	struct error ignored = ERROR_INIT;
	if (inv->store && !o->keeps_blobs)
		store_gc(inv->store, false, &freed, &ignored);
	return r;
}

const struct command command_rmi = {
	.name = "rmi",
	.usage = "[OPTIONS] IMAGE...",
	.summary = "Remove images",
	.group = GROUP_IMAGES,
	.words = WORDS_IMAGES,
	.options = rmi_rows,
	.options_bytes = sizeof(struct rmi_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_rmi,
};
