/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the making of configurations and manifests, of others or of none. */
#include "oci/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "oci/json.h"
#include "tracer/base/mem.h"
#include "tracer/base/text.h"

static void now_text(char text[40])
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (epoch && text_to_number(epoch, INT64_MAX / 2, &seconds)) {
		now.tv_sec = seconds;
		now.tv_nsec = 0;
	}
	struct tm tm;
	gmtime_r(&now.tv_sec, &tm);
	size_t n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	if (now.tv_nsec)
		n += snprintf(text + n, 40 - n, ".%09ld", now.tv_nsec);
	snprintf(text + n, 40 - n, "Z");
}

/* The JSON form of an instruction's argument, or NULL when it is not a list of strings. */
static struct strlist *exec_form(const void *ctx, const char *text)
{
	struct json *root;
	if (text[0] != '[' || json_parse(ctx, text, "the list", &root, NULL) < 0)
		return NULL;
	struct json *holder = json_new_object(ctx);
	json_set(holder, "l", root);
	return json_get_strings(ctx, holder, "l");
}

static void set_command(void *scratch, struct json *config, const char *key, const char *text)
{
	struct strlist *list = exec_form(scratch, text);
	if (!list) {
		list = strlist_new(scratch);
		strlist_add(list, "/bin/sh");
		strlist_add(list, "-c");
		strlist_add(list, text);
	}
	json_set_strings(config, key, list);
}

/* Cut the next word off *at, quotes and backslashes taken away in place; NULL at the end. */
static char *next_word(char **at)
{
	char *from = *at + strspn(*at, " \t"), *word = from, *to = from, quote = '\0';
	if (!*from)
		return NULL;
	for (; *from && (quote || !strchr(" \t", *from)); from++) {
		if (!quote && (*from == '"' || *from == '\''))
			quote = *from;
		else if (quote && *from == quote)
			quote = '\0';
		else if (*from == '\\' && from[1] && (!quote || (quote == '"' && strchr("\"\\$", from[1]))))
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

/* Take the next pair off *at: of "A=1 B=2" each, of the old form "A the rest" all.  False when it is none. */
static bool next_pair(char **at, bool is_first, char **ret_key, char **ret_value)
{
	char *text = *at + strspn(*at, " \t");
	size_t n = strcspn(text, "= \t");
	if (!n || !text[n])
		return false;
	if (text[n] != '=' && !is_first)
		return false;
	if (text[n] != '=') {
		text[n] = '\0';
		*ret_key = text;
		*ret_value = text + n + 1 + strspn(text + n + 1, " \t");
		*at = text + n + 1 + strlen(text + n + 1);
		return **ret_value;
	}
	char *word = next_word(at), *equals = strchr(word, '=');
	if (!equals || equals == word)
		return false;
	*equals = '\0';
	*ret_key = word;
	*ret_value = equals + 1;
	return true;
}

static void set_env(void *scratch, struct json *config, const char *key, const char *value)
{
	struct strlist *old = json_get_strings(scratch, config, "Env"), *env = strlist_new(scratch);
	size_t length = strlen(key);
	bool is_set = false;
	for (size_t i = 0; old && i < old->count; i++) {
		bool is_it = strncmp(old->items[i], key, length) == 0 && old->items[i][length] == '=';
		if (is_it)
			strlist_addf(env, "%s=%s", key, value);
		else
			strlist_add(env, old->items[i]);
		is_set |= is_it;
	}
	if (!is_set)
		strlist_addf(env, "%s=%s", key, value);
	json_set_strings(config, "Env", env);
}

static void set_in_object(void *scratch, struct json *config, const char *member, const char *key, const char *value)
{
	struct json *object = json_get(config, member);
	struct json *copy = object ? json_clone(scratch, object) : json_new_object(scratch);
	if (value)
		json_set_string(copy, key, value);
	else
		json_set(copy, key, json_new_object(scratch));
	json_set(config, member, copy);
}

static void add_names(void *scratch, struct json *config, const char *member, char *text)
{
	struct strlist *list = exec_form(scratch, text);
	char *save = NULL;
	for (size_t i = 0; list && i < list->count; i++)
		set_in_object(scratch, config, member, list->items[i], NULL);
	for (char *p = list ? NULL : strtok_r(text, " \t", &save); p; p = strtok_r(NULL, " \t", &save)) {
		bool is_port = strcmp(member, "ExposedPorts") == 0;
		set_in_object(scratch, config, member,
			      is_port && !strchr(p, '/') ? mem_printf(scratch, "%s/tcp", p) : p, NULL);
	}
}

/* One `--change` line. */
static int apply_change(void *scratch, struct json *config, const char *line, struct error *err)
{
	char *text = mem_strdup(scratch, line), *key, *value;
	size_t n = strcspn(text, " \t=");
	char *rest = text + n + strspn(text + n, " \t=");
	text[n] = '\0';
	if (!*rest && strcasecmp(text, "USER") != 0)
		return error_set(err, 0, "--change '%s': the instruction has no argument", line);
	if (strcasecmp(text, "CMD") == 0) {
		set_command(scratch, config, "Cmd", rest);
	} else if (strcasecmp(text, "ENTRYPOINT") == 0) {
		set_command(scratch, config, "Entrypoint", rest);
	} else if (strcasecmp(text, "ENV") == 0 || strcasecmp(text, "LABEL") == 0) {
		bool is_env = strcasecmp(text, "ENV") == 0, is_first = true;
		for (; is_first || rest[strspn(rest, " \t")]; is_first = false) {
			if (!next_pair(&rest, is_first, &key, &value))
				return error_set(err, 0, "--change '%s': want NAME=VALUE", line);
			if (is_env)
				set_env(scratch, config, key, value);
			else
				set_in_object(scratch, config, "Labels", key, value);
		}
	} else if (strcasecmp(text, "EXPOSE") == 0) {
		add_names(scratch, config, "ExposedPorts", rest);
	} else if (strcasecmp(text, "VOLUME") == 0) {
		add_names(scratch, config, "Volumes", rest);
	} else if (strcasecmp(text, "USER") == 0) {
		json_set_string(config, "User", rest);
	} else if (strcasecmp(text, "WORKDIR") == 0) {
		json_set_string(config, "WorkingDir", rest);
	} else if (strcasecmp(text, "STOPSIGNAL") == 0) {
		json_set_string(config, "StopSignal", rest);
	} else if (strcasecmp(text, "ONBUILD") == 0) {
		struct strlist *list = json_get_strings(scratch, config, "OnBuild");
		list = list ? list : strlist_new(scratch);
		strlist_add(list, rest);
		json_set_strings(config, "OnBuild", list);
	} else {
		return error_set(err, 0,
				 "--change '%s': '%s' is none of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, "
				 "STOPSIGNAL, USER, VOLUME, WORKDIR", line, text);
	}
	return 0;
}

static struct json *fresh_config(const void *ctx, const char *wanted, struct error *err)
{
	struct platform platform;
	struct json *root = json_new_object(ctx);
	if (platform_parse(root, wanted ? wanted : platform_default(), &platform, err) < 0)
		return NULL;
	json_set_string(root, "architecture", platform.architecture);
	if (platform.variant)
		json_set_string(root, "variant", platform.variant);
	json_set_string(root, "os", platform.os);
	return root;
}

int image_derive(const void *ctx, const struct image *base, const struct descriptor *layer, const char *diff_id,
		 const struct image_changes *changes, char **ret_config, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *root;
	char created[40];
	if (!base)
		root = fresh_config(scratch, changes->platform, err);
	else if (json_parse(scratch, base->config_json, "the image configuration", &root, err) < 0)
		return -1;
	if (!root)
		return -1;
	now_text(created);
	const char *when = changes->created ? changes->created : created;
	json_set_string(root, "created", when);
	json_set_optional(root, "author", changes->author);
	struct json *old = json_get(root, "config");
	struct json *config = old ? json_clone(scratch, old) : json_new_object(scratch);
	for (size_t i = 0; changes->change && i < changes->change->count; i++)
		if (apply_change(scratch, config, changes->change->items[i], err) < 0)
			return -1;
	json_set(root, "config", config);
	/* What the classic builder left about its own container says nothing of the new image. */
	json_remove(root, "container");
	json_remove(root, "container_config");

	struct json *ids = json_new_array(scratch), *rootfs = json_new_object(scratch);
	for (unsigned i = 0; base && i < base->layer_count; i++)
		json_append_string(ids, base->diff_ids[i]);
	if (layer)
		json_append_string(ids, diff_id);
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(root, "rootfs", rootfs);

	struct json *entry = json_new_object(scratch);
	struct json *history = json_get(root, "history");
	history = history ? json_clone(scratch, history) : json_new_array(scratch);
	json_set_string(entry, "created", when);
	json_set_optional(entry, "created_by", changes->created_by);
	json_set_optional(entry, "author", changes->author);
	json_set_optional(entry, "comment", changes->comment);
	if (!layer)
		json_set_bool(entry, "empty_layer", true);
	json_append(history, entry);
	json_set(root, "history", history);
	*ret_config = json_dump(ctx, root);
	return 0;
}

struct json *descriptor_json(const void *ctx, const struct descriptor *d)
{
	struct json *node = json_new_object(ctx);
	json_set_string(node, "mediaType", d->media_type);
	json_set_string(node, "digest", d->digest);
	json_set_int(node, "size", d->size_bytes);
	return node;
}

char *image_make_manifest(const void *ctx, const struct descriptor *config, const struct descriptor *layers,
			  unsigned layer_count)
{
	CLEANUP_TALLOC struct json *root = json_new_object(NULL);
	struct json *list = json_new_array(root);
	json_set_int(root, "schemaVersion", 2);
	json_set_string(root, "mediaType", MEDIA_OCI_MANIFEST);
	json_set(root, "config", descriptor_json(root, config));
	for (unsigned i = 0; i < layer_count; i++) {
		struct descriptor layer = layers[i];
		/* An OCI manifest names OCI types; the bytes are the same. */
		char gzip[] = MEDIA_OCI_LAYER_GZIP, plain[] = MEDIA_OCI_LAYER;
		if (strcmp(layer.media_type, MEDIA_DOCKER_LAYER_GZIP) == 0)
			layer.media_type = gzip;
		else if (strcmp(layer.media_type, MEDIA_DOCKER_LAYER) == 0)
			layer.media_type = plain;
		json_append(list, descriptor_json(root, &layer));
	}
	json_set(root, "layers", list);
	return json_dump(ctx, root);
}

char *image_with_layers(const void *ctx, const char *manifest_json, const struct descriptor *layers,
			unsigned layer_count)
{
	struct json *root;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (json_parse(scratch, manifest_json, "the manifest", &root, NULL) < 0)
		return NULL;
	struct json *old = json_get(root, "layers"), *list = json_new_array(scratch);
	if (json_length(old) != layer_count)
		return NULL;
	for (unsigned i = 0; i < layer_count; i++) {
		struct json *entry = json_clone(scratch, json_at(old, i));
		json_set_string(entry, "mediaType", layers[i].media_type);
		json_set_string(entry, "digest", layers[i].digest);
		json_set_int(entry, "size", layers[i].size_bytes);
		json_append(list, entry);
	}
	json_set(root, "layers", list);
	return json_dump(ctx, root);
}
