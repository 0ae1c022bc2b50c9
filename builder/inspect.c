/* SPDX-License-Identifier: Apache-2.0 */
/* The command inspect: images and containers as JSON with the fields that `docker inspect` has. */
#include <string.h>

#include "builder/command.h"
#include "builder/emit.h"
#include "oci/container.h"
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

static void emit_optional_text(struct emitter *e, const char *key, const char *text)
{
	if (text && *text)
		emit_text(e, key, text);
}

static void emit_config(struct emitter *e, const struct image_config *config)
{
	emit_open(e, "Config", '{');
	emit_text(e, "User", config->user);
	if (config->exposed_ports && config->exposed_ports->count)
		emit_set(e, "ExposedPorts", config->exposed_ports);
	emit_list(e, "Env", config->env);
	emit_list(e, "Cmd", config->cmd);
	if (config->volumes && config->volumes->count)
		emit_set(e, "Volumes", config->volumes);
	emit_text(e, "WorkingDir", config->working_dir);
	emit_list(e, "Entrypoint", config->entrypoint);
	if (config->labels && config->labels->count)
		emit_pairs(e, "Labels", config->labels);
	else
		emit_text(e, "Labels", NULL);
	emit_optional_text(e, "StopSignal", config->stop_signal);
	if (config->shell && config->shell->count)
		emit_list(e, "Shell", config->shell);
	emit_close(e, '}');
}

/* Names of the image, and the same with its digest: registry/repository@sha256:... */
static int emit_names(struct invocation *inv, struct emitter *e, const struct image *image,
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
		if (!images[i].name || strcmp(images[i].manifest.digest, image->manifest.digest) != 0 ||
		    reference_parse(inv, images[i].name, &reference, &ignored) < 0)
			continue;
		if (reference->tag)
			strlist_add(tags, reference->familiar);
		strlist_addf(digests, "%s/%s@%s", reference->registry, reference->repository,
			     image->manifest.digest);
	}
	emit_list(e, "RepoTags", tags);
	emit_list(e, "RepoDigests", digests);
	return 0;
}

static int emit_image(struct invocation *inv, struct emitter *e, const struct image *image,
		      struct error *err)
{
	int64_t bytes = 0;
	emit_open(e, NULL, '{');
	emit_text(e, "Id", image->config.digest);
	if (emit_names(inv, e, image, err) < 0)
		return -1;
	emit_text(e, "Created", image->run.created);
	emit_text(e, "Author", image->run.author ? image->run.author : "");
	emit_config(e, &image->run);
	emit_text(e, "Architecture", image->run.platform.architecture);
	emit_optional_text(e, "Variant", image->run.platform.variant);
	emit_text(e, "Os", image->run.platform.os);
	for (unsigned i = 0; i < image->layer_count; i++)
		bytes += image->layers[i].size_bytes;
	emit_number(e, "Size", bytes);
	emit_open(e, "RootFS", '{');
	emit_text(e, "Type", "layers");
	emit_open(e, "Layers", '[');
	for (unsigned i = 0; i < image->layer_count; i++)
		emit_text(e, NULL, image->diff_ids[i]);
	emit_close(e, ']');
	emit_close(e, '}');
	emit_open(e, "Descriptor", '{');
	emit_text(e, "mediaType", image->manifest.media_type);
	emit_text(e, "digest", image->manifest.digest);
	emit_number(e, "size", image->manifest.size_bytes);
	emit_close(e, '}');
	emit_close(e, '}');
	return 0;
}

static int emit_container(struct invocation *inv, struct emitter *e, const struct container *c,
			  struct error *err)
{
	struct image *image = NULL;
	if (store_find_image(inv, inv->store, c->image_digest, &image, err) < 0)
		return -1;
	emit_open(e, NULL, '{');
	emit_text(e, "Id", c->id);
	emit_text(e, "Name", c->name);
	emit_text(e, "Created", c->created);
	emit_text(e, "Command", c->command);
	emit_open(e, "State", '{');
	emit_text(e, "Status", c->pid ? "running" : c->exit_code < 0 ? "created" : "exited");
	emit_bool(e, "Running", c->pid != 0);
	emit_number(e, "Pid", c->pid);
	emit_number(e, "ExitCode", c->exit_code < 0 ? 0 : c->exit_code);
	emit_close(e, '}');
	emit_text(e, "Image", image ? image->config.digest : c->image_digest);
	emit_text(e, "ImageName", c->image_name);
	emit_text(e, "Root", c->root);
	if (image)
		emit_config(e, &image->run);
	emit_close(e, '}');
	return 0;
}

static int emit_object(struct invocation *inv, struct emitter *e, enum inspect_type type,
		       const char *text, struct error *err)
{
	struct container *container = NULL;
	struct image *image;
	if (type != INSPECT_IMAGE) {
		if (container_find(inv, inv->store, text, &container, err) < 0)
			return -1;
		if (container)
			return emit_container(inv, e, container, err);
		if (type == INSPECT_CONTAINER)
			return error_set(err, 0, "no such container: %s", text);
	}
	struct error of_image = ERROR_INIT;
	if (invocation_image(inv, text, &image, &of_image) == 0)
		return emit_image(inv, e, image, err);
	*err = of_image;
	return -1;
}

static int run_inspect(struct invocation *inv, int *ret_status, struct error *err)
{
	const struct inspect_options *o = inv->options;
	(void)ret_status;
	struct store *store;
	struct emitter e = { .out = stdout, .is_indented = o->format == INSPECT_INDENTED };
	if (invocation_store(inv, &store, err) < 0)
		return -1;
	/* What was found is shown as whole JSON, also when a later name is unknown. */
	int r = 0;
	emit_open(&e, NULL, '[');
	for (int i = 0; i < inv->arg_count && r == 0; i++)
		r = emit_object(inv, &e, o->type, inv->args[i], err);
	emit_close(&e, ']');
	putchar('\n');
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
