/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the predicates of provenance, field by field as BuildKit's docs/attestations/slsa-definitions.md has them. */
#include <string.h>

#include "oci/attest.h"
#include "oci/fields.h"
#include "oci/json.h"
#include "oci/reference.h"
#include "tracer/base/text.h"

#define TYPE_V1 "https://slsa.dev/provenance/v1"
#define TYPE_V02 "https://slsa.dev/provenance/v0.2"
#define BUILD_TYPE_V1 "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
#define BUILD_TYPE_V02 "https://mobyproject.org/buildkit@v1"
#define METADATA_V02 "https://mobyproject.org/buildkit@v1#metadata"

/* ---- wishes ---- */

static int set_wish(struct attest_wishes *w, const char *key, const char *value, const void *ctx, struct error *err)
{
	if (strcmp(key, "mode") == 0) {
		w->is_max = strcmp(value, "max") == 0;
		return w->is_max || strcmp(value, "min") == 0 ? 0 : error_set(err, 0, "mode=%s: want min or max", value);
	}
	if (strcmp(key, "version") == 0) {
		w->is_v02 = strcmp(value, "v0.2") == 0;
		return w->is_v02 || strcmp(value, "v1") == 0 ? 0 : error_set(err, 0, "version=%s: want v1 or v0.2", value);
	}
	if (strcmp(key, "builder-id") == 0) {
		w->builder_id = mem_strdup(ctx, value);
		return 0;
	}
	if (strcmp(key, "reproducible") == 0)
		return fields_flag(key, value, &w->is_reproducible, err);
	/* How and where it is made and kept: it is so. */
	if (strcmp(key, "inline-only") == 0 || strcmp(key, "filename") == 0 || strcmp(key, "generator") == 0)
		return 0;
	return error_set(err, 0, "there is no key '%s'", key);
}

static int parse(const void *ctx, const char *text, struct attest_wishes *w, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct strlist *fields;
	bool *has = NULL, is_disabled = false;
	if (fields_split(scratch, text, &fields, err) < 0)
		return -1;
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->items[i], "type=provenance") == 0)
			has = &w->has_provenance;
		else if (strcmp(fields->items[i], "type=sbom") == 0)
			has = &w->has_sbom;
		else if (text_starts(fields->items[i], "type="))
			return error_set(err, 0, "'%s' is no type of attestation: want provenance or sbom",
					 fields->items[i] + strlen("type="));
	}
	if (!has)
		return error_set(err, 0, "type is required");
	for (size_t i = 0; i < fields->count; i++) {
		char *value = strchr(fields->items[i], '=');
		if (!value)
			return error_set(err, 0, "'%s' is no KEY=VALUE", fields->items[i]);
		*value++ = '\0';
		if (strcmp(fields->items[i], "type") == 0)
			continue;
		int r = strcmp(fields->items[i], "disabled") == 0 ?
				fields_flag("disabled", value, &is_disabled, err) :
				set_wish(w, fields->items[i], value, ctx, err);
		if (r < 0)
			return -1;
	}
	*has = !is_disabled;
	return 0;
}

int attest_parse(const void *ctx, const char *text, struct attest_wishes *w, struct error *err)
{
	struct attest_wishes parsed = *w;
	if (!parsed.has_provenance)
		parsed.is_max = true; /* BuildKit's default where provenance is asked for */
	if (parse(ctx, text, &parsed, err) < 0)
		return error_wrap(err, "--attest '%s'", text);
	*w = parsed;
	return 0;
}

/* ---- the predicate ---- */

char *provenance_purl(const void *ctx, const char *name, const struct platform *p)
{
	struct reference *r;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (reference_parse(scratch, name, &r, NULL) < 0)
		return NULL;
	char *path = mem_strdup(scratch, r->familiar), *at = strchr(path, '@'), *slash = strrchr(path, '/');
	if (at)
		*at = '\0';
	char *colon = strchr(slash ? slash : path, ':');
	if (colon)
		*colon = '\0';
	char *purl = mem_printf(ctx, "pkg:docker/%s", path);
	if (r->tag || r->digest)
		purl = mem_append(purl, "@%s", r->tag ? r->tag : r->digest);
	return mem_append(purl, "?platform=%s%%2F%s%s%s", p->os ? p->os : "linux", p->architecture ? p->architecture : "",
			  p->variant ? "%2F" : "", p->variant ? p->variant : "");
}

/* "sha256:ab" as {"sha256":"ab"}. */
static void set_digest(struct json *object, const char *digest)
{
	const char *colon = digest ? strchr(digest, ':') : NULL;
	if (!colon)
		return;
	CLEANUP_TALLOC char *algorithm = mem_strndup(NULL, digest, colon - digest);
	CLEANUP_TALLOC struct json *set = json_new_object(NULL);
	json_set_string(set, algorithm, colon + 1);
	json_set(object, "digest", set);
}

static struct json *config_source(void *scratch, const struct provenance *p, const char *path_key)
{
	struct json *source = json_new_object(scratch);
	json_set_optional(source, "uri", p->config_uri);
	set_digest(source, p->config_digest);
	if (p->entry_point)
		json_set_string(source, path_key, p->entry_point);
	return source;
}

static struct json *named(void *scratch, const struct strlist *list, const char *key)
{
	struct json *array = json_new_array(scratch);
	for (size_t i = 0; list && i < list->count; i++) {
		struct json *one = json_new_object(scratch);
		json_set_string(one, key, list->items[i]);
		json_append(array, one);
	}
	return array;
}

/* What the frontend was given; false in *ret_is_whole when mode=min left something out. */
static struct json *request(void *scratch, const struct provenance *p, bool *ret_is_whole)
{
	struct json *root = json_new_object(scratch), *args = json_new_object(scratch);
	*ret_is_whole = true;
	for (size_t i = 0; p->args && i < p->args->count; i++) {
		const char *text = p->args->items[i];
		size_t length = strcspn(text, "=");
		if (!p->wishes->is_max && (text_starts(text, "build-arg:") || text_starts(text, "label:"))) {
			*ret_is_whole = false;
			continue;
		}
		json_set_string(args, mem_strndup(scratch, text, length), text[length] ? text + length + 1 : "");
	}
	json_set_string(root, "frontend", "dockerfile.v0");
	json_set(root, "args", args);
	if (p->wishes->is_max && p->secrets && p->secrets->count)
		json_set(root, "secrets", named(scratch, p->secrets, "id"));
	if (p->wishes->is_max && p->ssh && p->ssh->count)
		json_set(root, "ssh", named(scratch, p->ssh, "id"));
	*ret_is_whole &= p->wishes->is_max || !((p->secrets && p->secrets->count) || (p->ssh && p->ssh->count));
	json_set(root, "locals", named(scratch, p->locals, "name"));
	return root;
}

static struct json *materials(void *scratch, const struct provenance *p)
{
	struct json *array = json_new_array(scratch);
	for (unsigned i = 0; i < p->material_count; i++) {
		struct json *one = json_new_object(scratch);
		json_set_string(one, "uri", p->materials[i].uri);
		set_digest(one, p->materials[i].digest);
		json_append(array, one);
	}
	return array;
}

/* BuildKit's own metadata: where the context's repository is. */
static struct json *own_metadata(void *scratch, const struct provenance *p)
{
	struct json *root = json_new_object(scratch), *vcs = json_new_object(scratch);
	json_set_optional(vcs, "source", p->vcs_source);
	json_set_optional(vcs, "revision", p->vcs_revision);
	if (p->vcs_source || p->vcs_revision)
		json_set(root, "vcs", vcs);
	return root;
}

static struct json *make_v1(void *scratch, const struct provenance *p)
{
	struct json *root = json_new_object(scratch), *definition = json_new_object(scratch),
		    *external = json_new_object(scratch), *internal = json_new_object(scratch),
		    *run = json_new_object(scratch), *builder = json_new_object(scratch),
		    *metadata = json_new_object(scratch), *completeness = json_new_object(scratch);
	bool is_whole;
	json_set_string(definition, "buildType", BUILD_TYPE_V1);
	json_set(external, "configSource", config_source(scratch, p, "path"));
	json_set(external, "request", request(scratch, p, &is_whole));
	json_set(definition, "externalParameters", external);
	json_set_string(internal, "builderPlatform", p->builder_platform);
	json_set(definition, "internalParameters", internal);
	json_set(definition, "resolvedDependencies", materials(scratch, p));
	json_set(root, "buildDefinition", definition);
	json_set_string(builder, "id", p->wishes->builder_id ? p->wishes->builder_id : "");
	json_set(run, "builder", builder);
	json_set_optional(metadata, "invocationId", p->invocation_id);
	json_set_optional(metadata, "startedOn", p->started);
	json_set_optional(metadata, "finishedOn", p->finished);
	json_set(metadata, "buildkit_metadata", own_metadata(scratch, p));
	if (p->is_hermetic)
		json_set_bool(metadata, "buildkit_hermetic", true);
	json_set_bool(completeness, "request", is_whole);
	json_set_bool(completeness, "resolvedDependencies", p->has_all_materials);
	json_set(metadata, "buildkit_completeness", completeness);
	json_set_bool(metadata, "buildkit_reproducible", p->wishes->is_reproducible);
	json_set(run, "metadata", metadata);
	json_set(root, "runDetails", run);
	return root;
}

static struct json *make_v02(void *scratch, const struct provenance *p)
{
	struct json *root = json_new_object(scratch), *builder = json_new_object(scratch),
		    *invocation = json_new_object(scratch), *environment = json_new_object(scratch),
		    *metadata = json_new_object(scratch), *completeness = json_new_object(scratch);
	bool is_whole;
	json_set_string(builder, "id", p->wishes->builder_id ? p->wishes->builder_id : "");
	json_set(root, "builder", builder);
	json_set_string(root, "buildType", BUILD_TYPE_V02);
	json_set(root, "materials", materials(scratch, p));
	json_set(invocation, "configSource", config_source(scratch, p, "entryPoint"));
	json_set(invocation, "parameters", request(scratch, p, &is_whole));
	json_set_string(environment, "platform", p->builder_platform);
	json_set(invocation, "environment", environment);
	json_set(root, "invocation", invocation);
	json_set_optional(metadata, "buildInvocationID", p->invocation_id);
	json_set_optional(metadata, "buildStartedOn", p->started);
	json_set_optional(metadata, "buildFinishedOn", p->finished);
	json_set_bool(completeness, "parameters", is_whole);
	json_set_bool(completeness, "environment", true);
	json_set_bool(completeness, "materials", p->has_all_materials);
	json_set(metadata, "completeness", completeness);
	json_set_bool(metadata, "reproducible", p->wishes->is_reproducible);
	json_set(metadata, METADATA_V02, own_metadata(scratch, p));
	json_set(root, "metadata", metadata);
	return root;
}

void provenance_make(const void *ctx, const struct provenance *p, struct attestation *ret)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root = p->wishes->is_v02 ? make_v02(scratch, p) : make_v1(scratch, p);
	*ret = (struct attestation){ p->wishes->is_v02 ? TYPE_V02 : TYPE_V1, json_dump(ctx, root) };
}
