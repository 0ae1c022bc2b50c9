/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from a build's result to what oci/outputs.h writes, and the files that tell of it. */
#include "builder/build/outputs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "builder/build/cache.h"
#include "oci/attest.h"
#include "oci/buildcache.h"
#include "oci/derive.h"
#include "oci/fields.h"
#include "oci/outputs.h"
#include "oci/reference.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

struct outputs {
	const struct build_options *o;
	struct strlist *names;  /* normalised */
	struct output **items;
	unsigned count;
	struct strlist *manifest, *descriptor, *index, *index_descriptor; /* annotations */
	struct buildcache_place **from, **to; /* as many as the options are */
	struct attest_wishes wishes;
	struct output_result result; /* of the first that is an image */
	bool has_result;
};

/* ---- reading ---- */

static int add_output(struct outputs *out, const char *text, struct error *err)
{
	out->items = mem_grow(out, out->items, struct output *, out->count + 1);
	if (output_parse(out, text, &out->items[out->count], err) < 0)
		return error_wrap(err, "--output %s", text);
	out->count++;
	return 0;
}

static int read_names(struct outputs *out, struct error *err)
{
	for (size_t i = 0; i < out->o->tags->count; i++) {
		struct reference *ref;
		if (reference_parse(out, out->o->tags->items[i], &ref, err) < 0)
			return -1;
		strlist_add(out->names, ref->name);
	}
	return 0;
}

/* buildx: "[manifest|index|manifest-descriptor|index-descriptor[PLATFORM],...:]KEY=VALUE". */
static int read_annotation(struct outputs *out, const char *text, struct error *err)
{
	struct place {
		const char *word;
		struct strlist *list;
	} places[] = { { "manifest", out->manifest }, { "manifest-descriptor", out->descriptor },
		       { "index", out->index }, { "index-descriptor", out->index_descriptor } };
	const char *equals = strchr(text, '='), *colon = strchr(text, ':');
	if (!equals || equals == text) {
		error_set(err, 0, "--annotation %s: want KEY=VALUE", text);
		return error_status(err, EXIT_USAGE);
	}
	if (!colon || colon > equals) {
		strlist_add(out->manifest, text);
		return 0;
	}
	CLEANUP_TALLOC char *types = mem_strndup(NULL, text, colon - text);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *words;
	if (fields_split(scratch, types, &words, err) < 0) {
		error_wrap(err, "--annotation %s", text);
		return error_status(err, EXIT_USAGE);
	}
	for (size_t i = 0; i < words->count; i++) {
		size_t length = strcspn(words->items[i], "[");
		bool is_known = false;
		for (size_t j = 0; j < sizeof(places) / sizeof(*places); j++) {
			if (strlen(places[j].word) != length || strncmp(words->items[i], places[j].word, length) != 0)
				continue;
			strlist_add(places[j].list, colon + 1);
			is_known = true;
		}
		/* A key with a colon, and no type before it. */
		if (!is_known) {
			strlist_add(out->manifest, text);
			return 0;
		}
	}
	return 0;
}

static int read_wishes(struct outputs *out, struct error *err)
{
	for (size_t i = 0; i < out->o->attests->count; i++)
		if (attest_parse(out, out->o->attests->items[i], &out->wishes, err) < 0)
			return error_status(err, EXIT_USAGE);
	const char *const words[][2] = { { "provenance", out->o->provenance }, { "sbom", out->o->sbom } };
	for (size_t i = 0; i < 2; i++) {
		if (!words[i][1])
			continue;
		bool is_on = strcmp(words[i][1], "true") == 0, is_off = strcmp(words[i][1], "false") == 0;
		CLEANUP_TALLOC char *text = mem_printf(NULL, "type=%s%s%s", words[i][0], is_on ? "" : ",",
						       is_on ? "" : is_off ? "disabled=true" : words[i][1]);
		if (attest_parse(out, text, &out->wishes, err) < 0)
			return error_status(err, EXIT_USAGE);
	}
	return 0;
}

static int read_caches(struct outputs *out, struct error *err)
{
	const struct strlist *from = out->o->cache_from, *to = out->o->cache_to;
	out->from = mem_array(out, struct buildcache_place *, from->count);
	out->to = mem_array(out, struct buildcache_place *, to->count);
	for (size_t i = 0; i < from->count; i++)
		if (buildcache_parse(out, from->items[i], false, &out->from[i], err) < 0)
			return error_wrap(err, "--cache-from %s", from->items[i]);
	for (size_t i = 0; i < to->count; i++)
		if (buildcache_parse(out, to->items[i], true, &out->to[i], err) < 0)
			return error_wrap(err, "--cache-to %s", to->items[i]);
	return 0;
}

int outputs_read(const void *ctx, const struct build_options *o, struct outputs **ret, struct error *err)
{
	struct outputs *out = mem_new(ctx, struct outputs);
	out->o = o;
	out->names = strlist_new(out);
	out->manifest = strlist_new(out);
	out->descriptor = strlist_new(out);
	out->index = strlist_new(out);
	out->index_descriptor = strlist_new(out);
	if (read_names(out, err) < 0)
		return -1;
	for (size_t i = 0; i < o->annotations->count; i++)
		if (read_annotation(out, o->annotations->items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < o->outputs->count; i++)
		if (add_output(out, o->outputs->items[i], err) < 0)
			return -1;
	if (o->is_pushed && !out->names->count) {
		error_set(err, 0, "--push needs a name: give it with --tag");
		return error_status(err, EXIT_USAGE);
	}
	const char *rewriting = o->is_reproducible ? ",rewrite-timestamp=true" : "";
	CLEANUP_TALLOC char *push = mem_printf(NULL, "type=image,push=true%s", rewriting);
	CLEANUP_TALLOC char *keep = mem_printf(NULL, "type=image%s", rewriting);
	if ((o->is_pushed && add_output(out, push, err) < 0) || (o->is_loaded && add_output(out, "type=docker", err) < 0))
		return -1;
	/* Without another place, and for --load's sake no copy in the store. */
	if (!out->count && add_output(out, keep, err) < 0)
		return -1;
	if (read_caches(out, err) < 0 || read_wishes(out, err) < 0)
		return -1;
	*ret = out;
	return 0;
}

int outputs_import_caches(struct outputs *out, struct build *b, void (*tell)(void *arg, const char *line), void *arg,
			  struct error *err)
{
	size_t count = out->o->cache_from->count;
	(void)err;
	b->caches = mem_array(b, struct buildcache *, count);
	for (size_t i = 0; i < count; i++) {
		struct error why = ERROR_INIT;
		/* A cache that is not to be had makes a build slow, not impossible. */
		if (buildcache_import(b, b->store, out->from[i], &b->caches[b->cache_count], &why) == 0)
			b->cache_count++;
		else
			tell(arg, why.text);
	}
	return 0;
}

/* ---- writing ---- */

struct teller {
	void (*tell)(void *arg, const char *line);
	void *arg;
};

static void tell_line(void *arg, const char *text)
{
	const struct teller *t = arg;
	t->tell(t->arg, text);
}

static void tell_nothing(void *arg, const char *digest, enum progress_stage stage, int64_t done, int64_t total)
{
	(void)arg;
	(void)digest;
	(void)stage;
	(void)done;
	(void)total;
}

/* ---- attestations ---- */

static struct strlist *frontend_args(const void *ctx, const struct outputs *out, const struct build *b)
{
	struct strlist *args = strlist_new(ctx);
	if (b->target_name)
		strlist_addf(args, "target=%s", b->target_name);
	for (size_t i = 0; i < b->build_args->count; i++)
		strlist_addf(args, "build-arg:%s", b->build_args->items[i]);
	for (size_t i = 0; i < out->o->labels->count; i++)
		strlist_addf(args, "label:%s", out->o->labels->items[i]);
	return args;
}

static void read_materials(const void *ctx, const struct solve_result *solved, struct provenance *p)
{
	struct provenance_material *list = mem_array(ctx, struct provenance_material, solved->materials->count);
	for (size_t i = 0; i < solved->materials->count; i++) {
		const char *text = solved->materials->items[i], *blank = strchr(text, ' ');
		bool is_there = false;
		char *uri = mem_strndup(ctx, text, blank - text);
		for (unsigned j = 0; j < p->material_count; j++)
			is_there |= strcmp(list[j].uri, uri) == 0;
		if (!is_there)
			list[p->material_count++] = (struct provenance_material){ uri, blank + 1 };
	}
	p->materials = list;
	p->has_all_materials = true;
}

static void attest_provenance(const void *ctx, const struct outputs *out, const struct build *b,
			      const struct solve_result *solved, struct attestation *ret)
{
	struct strlist *locals = strlist_new(ctx), *secrets = strlist_new(ctx), *agents = strlist_new(ctx);
	strlist_add(locals, "context");
	strlist_add(locals, "dockerfile");
	for (unsigned i = 0; i < b->secret_count; i++)
		strlist_add(secrets, b->secrets[i].id);
	for (unsigned i = 0; i < b->agent_count; i++)
		strlist_add(agents, b->agents[i].id);
	struct provenance p = {
		.wishes = &out->wishes, .started = b->started, .finished = state_time(ctx, b->epoch_sec),
		.invocation_id = b->id, .entry_point = b->file->name, .args = frontend_args(ctx, out, b),
		.locals = locals, .secrets = secrets, .ssh = agents, .builder_platform = platform_default(),
		.vcs_revision = b->context->revision,
		.is_hermetic = strcmp(b->network, "none") == 0,
	};
	read_materials(ctx, solved, &p);
	provenance_make(ctx, &p, ret);
}

static int attest_all(const void *ctx, const struct outputs *out, struct build *b, const struct solve_result *solved,
		      struct build_result *r, struct error *err)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct attestation *list = mem_array(ctx, struct attestation, 2);
		struct built_image *image = &r->images[i];
		image->attestations = list;
		if (out->wishes.has_provenance)
			attest_provenance(ctx, out, b, solved, &list[image->attestation_count++]);
		const char *name = out->names->count ? out->names->items[0] : "image";
		if (out->wishes.has_sbom && sbom_make(ctx, b->store, image->chain, name, state_time(ctx, b->epoch_sec),
						      &list[image->attestation_count++], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- caches ---- */

static bool has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

struct step_records {
	struct buildcache_record *items;
	unsigned count;
};

static void add_record(struct step_records *r, struct build *b, const char *step, bool is_of_result)
{
	struct buildcache_record *to = &r->items[r->count];
	struct cache_record *record;
	struct error ignored = ERROR_INIT;
	const char *equals = strchr(step, '=');
	*to = (struct buildcache_record){ .is_of_result = is_of_result };
	if (equals) {
		to->key = mem_strndup(r, step, equals - step);
		to->config_json = mem_printf(r, "{\"alias\":\"sha256:%s\"}", equals + 1);
		r->count++;
		return;
	}
	CLEANUP_TALLOC char *key = mem_printf(NULL, "sha256:%s", step);
	if (cache_find(r, b->store, key, &record, &ignored) < 0 || !record)
		return;
	to->key = mem_strdup(r, step);
	to->snapshot = record->snapshot;
	to->created = record->created;
	to->description = record->description;
	to->bytes = record->bytes;
	r->count++;
}

/* All steps once; those of the result come with it even where the cache is to be small. */
static struct step_records *read_records(const void *ctx, struct build *b, const struct solve_result *solved)
{
	struct step_records *r = mem_new(ctx, struct step_records);
	struct strlist *done = strlist_new(r);
	r->items = mem_array(r, struct buildcache_record, solved->steps->count);
	for (size_t i = 0; i < solved->steps->count; i++) {
		const char *step = solved->steps->items[i];
		bool is_of_result = false;
		for (unsigned j = 0; j < b->platform_count; j++)
			is_of_result |= has(solved->results[j]->state->steps, step);
		if (has(done, step))
			continue;
		strlist_add(done, step);
		add_record(r, b, step, is_of_result);
	}
	return r;
}

static bool is_inline(const struct outputs *out, const struct build *b)
{
	for (size_t i = 0; i < out->o->cache_to->count; i++)
		if (out->to[i]->type == BUILDCACHE_INLINE)
			return true;
	return has(b->build_args, "BUILDKIT_INLINE_CACHE=1");
}

static int export_caches(struct outputs *out, struct build *b, const struct step_records *r,
			 const struct progress *progress, struct error *err)
{
	for (size_t i = 0; i < out->o->cache_to->count; i++) {
		struct error why = ERROR_INIT;
		if (out->to[i]->type == BUILDCACHE_INLINE ||
		    buildcache_export(b->store, out->to[i], r->items, r->count, progress, &why) == 0)
			continue;
		if (!out->to[i]->ignores_errors) {
			*err = why;
			return error_wrap(err, "--cache-to %s", out->o->cache_to->items[i]);
		}
		progress->line(progress->arg, why.text);
	}
	return 0;
}

static int add_inline_cache(struct build *b, struct build_result *r, const struct step_records *records,
			    struct error *err)
{
	const struct layer_format plain = { .compression = COMPRESSION_NONE };
	for (unsigned i = 0; i < r->count; i++) {
		char *config;
		if (buildcache_inline(r, b->store, r->images[i].config_json, r->images[i].chain, &plain, records->items,
				      records->count, &config, err) < 0)
			return -1;
		r->images[i].config_json = config;
	}
	return 0;
}

static struct build_result *make_result(const void *ctx, const struct outputs *out, const struct build *b,
					const struct solve_result *solved)
{
	struct build_result *r = mem_new(ctx, struct build_result);
	r->count = b->platform_count;
	r->images = mem_array(r, struct built_image, r->count);
	r->names = out->names;
	r->has_epoch = b->epoch_sec >= 0;
	r->epoch_sec = b->epoch_sec;
	r->index_annotations = out->index;
	r->index_descriptor_annotations = out->index_descriptor;
	for (unsigned i = 0; i < r->count; i++) {
		const struct platform *p = &b->platforms[i];
		r->images[i] = (struct built_image){
			.platform = platform_format(r, p),
			.config_json = state_config(r, solved->results[i]->state, NULL, 0, b->epoch_sec),
			.chain = solved->results[i]->chain,
			.annotations = out->manifest,
			.descriptor_annotations = out->descriptor,
		};
	}
	return r;
}

static int write_text(const char *path, const char *text, struct error *err)
{
	return path ? io_write_file(AT_FDCWD, path, text, strlen(text), 0644, err) : 0;
}

/* --iidfile, --digest-file, --metadata-file. */
static int write_files(const struct outputs *out, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct output_result *r = &out->result;
	const char *id = outputs_image_id(out), *top = out->has_result ? r->top.digest : NULL;
	struct json *root = json_new_object(scratch);
	if ((id && write_text(out->o->iid_file, id, err) < 0) || (top && write_text(out->o->digest_file, top, err) < 0))
		return -1;
	if (!out->o->metadata_file)
		return 0;
	if (r->config_digest)
		json_set_string(root, "containerimage.config.digest", r->config_digest);
	if (top) {
		json_set(root, "containerimage.descriptor", descriptor_json(scratch, &r->top));
		json_set_string(root, "containerimage.digest", top);
	}
	char *names = mem_strdup(scratch, "");
	for (size_t i = 0; i < out->names->count; i++)
		names = mem_append(names, "%s%s", i ? "," : "", out->names->items[i]);
	if (*names)
		json_set_string(root, "image.name", names);
	char *text = mem_printf(scratch, "%s\n", json_dump_indented(scratch, root));
	return write_text(out->o->metadata_file, text, err);
}

int outputs_write(struct outputs *out, struct build *b, const struct solve_result *result,
		  void (*tell)(void *arg, const char *line), void *arg, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct teller teller = { tell, arg };
	const struct progress progress = { .update = tell_nothing, .line = tell_line, .arg = &teller };
	struct build_result *r = make_result(scratch, out, b, result);
	const struct step_records *records = read_records(scratch, b, result);
	if (attest_all(scratch, out, b, result, r, err) < 0)
		return -1;
	if (is_inline(out, b) && add_inline_cache(b, r, records, err) < 0)
		return -1;
	for (unsigned i = 0; i < out->count; i++) {
		struct output_result one = { .config_digest = NULL };
		if (output_write(out, b->store, r, out->items[i], &progress, &one, err) < 0)
			return -1;
		if (one.top.digest && !out->has_result) {
			out->result = one;
			out->has_result = true;
		}
	}
	return export_caches(out, b, records, &progress, err) < 0 ? -1 : write_files(out, err);
}

const char *outputs_image_id(const struct outputs *out)
{
	if (!out->has_result)
		return NULL;
	return out->result.config_digest ? out->result.config_digest : out->result.top.digest;
}
