/* SPDX-License-Identifier: Apache-2.0 */
/* The command inspect: images and containers as JSON with the fields that `docker inspect` has. */
#include <string.h>

#include "builder/command.h"
#include "oci/container.h"
#include "oci/derive.h"
#include "oci/json.h"
#include "oci/reference.h"

struct inspect_options {
	int format, type;
};

enum inspect_format { INSPECT_INDENTED, INSPECT_COMPACT };
enum inspect_type { INSPECT_ANY, INSPECT_IMAGE, INSPECT_CONTAINER };

static const struct option_row inspect_rows[] = {
	{ "format", 0, "indented|json", "json: all on one line", OPTION_CHOICE,
	  offsetof(struct inspect_options, format) },
	{ "type", 0, "any|image|container", "What the names mean", OPTION_CHOICE,
	  offsetof(struct inspect_options, type) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

/* The configuration as the image has it, whatever is in it. */
static int add_config(struct json *object, const struct image *image, struct error *err)
{
	struct json *document;
	if (json_parse(object, image->config_json, "image configuration", &document, err) < 0)
		return -1;
	struct json *config = json_get(document, "config");
	if (config)
		json_set(object, "Config", config);
	return 0;
}

/* Names of the image, and the same with its digest: registry/repository@sha256:... */
static int add_names(struct invocation *inv, struct json *object, const struct image *image,
		     struct error *err)
{
	struct stored_image *images;
	unsigned count;
	if (store_list_images(inv, inv->store, &images, &count, err) < 0)
		return -1;
	struct strlist *tags = strlist_new(inv), *digests = strlist_new(inv);
	for (unsigned i = 0; i < count; i++) {
		struct reference *reference;
		struct error ignored = ERROR_INIT;
		if (!images[i].name ||
		    strcmp(images[i].manifest.digest, image->stored.digest) != 0 ||
		    reference_parse(inv, images[i].name, &reference, &ignored) < 0)
			continue;
		if (reference->tag)
			strlist_add(tags, reference->familiar);
		strlist_addf(digests, "%s/%s@%s", reference->registry, reference->repository,
			     image->stored.digest);
	}
	json_set_strings(object, "RepoTags", tags);
	json_set_strings(object, "RepoDigests", digests);
	return 0;
}

static int show_image(struct invocation *inv, struct json *object, const struct image *image,
		      struct error *err)
{
	const struct platform *platform = &image->run.platform;
	int64_t bytes = 0;
	struct strlist *diff_ids = strlist_new(inv);
	for (unsigned i = 0; i < image->layer_count; i++) {
		bytes += image->layers[i].size_bytes;
		strlist_add(diff_ids, image->diff_ids[i]);
	}
	struct json *root = json_new_object(inv), *descriptor = descriptor_json(inv, &image->manifest);
	json_set_string(root, "Type", "layers");
	json_set_strings(root, "Layers", diff_ids);

	json_set_string(object, "Id", image->config.digest);
	if (add_names(inv, object, image, err) < 0)
		return -1;
	json_set_string(object, "Created", image->run.created ? image->run.created : "");
	json_set_string(object, "Author", image->run.author ? image->run.author : "");
	if (add_config(object, image, err) < 0)
		return -1;
	json_set_string(object, "Architecture",
			platform->architecture ? platform->architecture : "");
	if (platform->variant && *platform->variant)
		json_set_string(object, "Variant", platform->variant);
	json_set_string(object, "Os", platform->os ? platform->os : "");
	json_set_int(object, "Size", bytes);
	json_set(object, "RootFS", root);
	json_set(object, "Descriptor", descriptor);
	return 0;
}

static int show_container(struct invocation *inv, struct json *object, const struct container *c,
			  struct error *err)
{
	struct image *image = NULL;
	if (store_find_image(inv, inv->store, c->image_digest, &image, err) < 0)
		return -1;
	struct json *state = json_new_object(inv);
	json_set_string(state, "Status",
			c->pid           ? "running" :
			c->exit_code < 0 ? "created" :
					   "exited");
	json_set_bool(state, "Running", c->pid != 0);
	json_set_int(state, "Pid", c->pid);
	json_set_int(state, "ExitCode", c->exit_code < 0 ? 0 : c->exit_code);

	json_set_string(object, "Id", c->id);
	json_set_string(object, "Name", c->name ? c->name : "");
	json_set_string(object, "Created", c->created ? c->created : "");
	json_set_string(object, "Command", c->command ? c->command : "");
	json_set(object, "State", state);
	json_set_string(object, "Image", image ? image->config.digest : c->image_digest);
	json_set_string(object, "ImageName", c->image_name ? c->image_name : "");
	json_set_string(object, "Root", c->root);
	return image ? add_config(object, image, err) : 0;
}

static int show(struct invocation *inv, struct json *object, enum inspect_type type,
		const char *text, struct error *err)
{
	struct container *container = NULL;
	struct image *image;
	if (type != INSPECT_IMAGE) {
		if (container_find(inv, inv->store, text, &container, err) < 0)
			return -1;
		if (container)
			return show_container(inv, object, container, err);
		if (type == INSPECT_CONTAINER)
			return error_set(err, 0, "no such container: %s", text);
	}
	if (invocation_image(inv, text, &image, err) < 0)
		return -1;
	return show_image(inv, object, image, err);
}

static int run_inspect(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct inspect_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct json *array = json_new_array(inv);
	int r = 0;
	if (invocation_store(inv, &store, err) < 0)
		return -1;
	for (int i = 0; i < inv->arg_count && r == 0; i++) {
		struct json *object = json_new_object(inv);
		r = show(inv, object, o->type, inv->args[i], err);
		if (r == 0)
			json_append(array, object);
	}
	/* What was found is shown as whole JSON, also when a later name is unknown. */
	puts(o->format == INSPECT_COMPACT ? json_dump(inv, array) : json_dump_indented(inv, array));
	return r;
}

extern const struct command command_inspect;

const struct command command_inspect = {
	.name = "inspect",
	.usage = "[OPTIONS] NAME...",
	.summary = "Show all about images and containers, as JSON",
	.group = GROUP_IMAGES,
	.words = WORDS_OBJECTS,
	.options = inspect_rows,
	.options_bytes = sizeof(struct inspect_options),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.run = run_inspect,
};
