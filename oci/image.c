/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the meaning of manifests, indexes and configurations; the store keeps their bytes. */
#include "oci/image.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <time.h>

#include "oci/digest.h"
#include "oci/json.h"
#include "tracer/base/text.h"

enum { LAYERS_MAX = 4096 };

static const char *const layer_types[] = {
	MEDIA_OCI_LAYER, MEDIA_OCI_LAYER_GZIP, MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_GZIP,
	MEDIA_DOCKER_LAYER, MEDIA_DOCKER_LAYER_ZSTD,
	/* Base layers that registries may not redistribute: taken when the registry has them all the same. */
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

int manifest_is_index(const char *json, const char *media_type, bool *ret, struct error *err)
{
	struct json *root;
	if (json_parse(NULL, json, "the manifest", &root, err) < 0)
		return -1;
	CLEANUP_TALLOC void *owner = root;
	(void)owner;
	bool has_list = json_holds_array(json_get(root, "manifests"));
	bool has_layers = json_holds_array(json_get(root, "layers"));
	const char *own_type = json_get_string(root, "mediaType");
	if (has_list == has_layers)
		return error_set(err, 0, has_list ? "the manifest has both \"manifests\" and \"layers\"" :
						    "the manifest has neither \"manifests\" nor \"layers\"");
	const char *types[] = { own_type, media_type };
	for (int i = 0; i < 2; i++) {
		if (!types[i])
			continue;
		bool says_list = strcmp(types[i], MEDIA_OCI_INDEX) == 0 || strcmp(types[i], MEDIA_DOCKER_LIST) == 0;
		bool says_image =
			strcmp(types[i], MEDIA_OCI_MANIFEST) == 0 || strcmp(types[i], MEDIA_DOCKER_MANIFEST) == 0;
		if ((says_list && !has_list) || (says_image && has_list) || (i == 0 && !says_list && !says_image))
			return error_set(err, 0, "the manifest's media type '%s' does not fit its content", types[i]);
	}
	*ret = has_list;
	return 0;
}

static void read_platform(const void *ctx, struct json *node, struct platform *ret)
{
	const char *os = json_get_string(node, "os"), *architecture = json_get_string(node, "architecture");
	const char *variant = json_get_string(node, "variant");
	ret->os = os ? mem_strdup(ctx, os) : NULL;
	ret->architecture = architecture ? mem_strdup(ctx, architecture) : NULL;
	ret->variant = variant && *variant ? mem_strdup(ctx, variant) : NULL;
}

static int read_descriptor(const void *ctx, struct json *node, const char *what, struct descriptor *ret,
			   struct error *err)
{
	const char *media_type = json_get_string(node, "mediaType"), *digest = json_get_string(node, "digest");
	int64_t size = json_get_int(node, "size", -1);
	if (!media_type || !digest || size < 0)
		return error_set(err, 0, "the manifest's %s lacks mediaType, digest or size", what);
	if (!digest_is_valid(digest))
		return error_set(err, 0, "the manifest's %s has the malformed digest '%s'", what, digest);
	ret->media_type = mem_strdup(ctx, media_type);
	ret->digest = mem_strdup(ctx, digest);
	ret->size_bytes = size;
	read_platform(ctx, json_get(node, "platform"), &ret->platform);
	return 0;
}

int manifest_index_parse(const void *ctx, const char *json, struct manifest_index **ret, struct error *err)
{
	struct json *root;
	struct manifest_index *index = mem_new(ctx, struct manifest_index);
	if (json_parse(index, json, "the index", &root, err) < 0)
		goto failed;
	struct json *list = json_get(root, "manifests");
	index->count = json_length(list);
	index->manifests = mem_array(index, struct descriptor, index->count);
	for (unsigned i = 0; i < index->count; i++)
		if (read_descriptor(index, json_at(list, i), "entry", &index->manifests[i], err) < 0)
			goto failed;
	*ret = index;
	return 0;
failed:
	talloc_free(index);
	return -1;
}

static const char *normal_architecture(const char *name, const char **variant)
{
	static const struct {
		const char *from, *to, *variant;
	} names[] = {
		{ "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL }, { "aarch64", "arm64", NULL },
		{ "armhf", "arm", "v7" },    { "armel", "arm", "v6" },	  { "i386", "386", NULL },
		{ "i686", "386", NULL },     { "armv7l", "arm", "v7" },	  { "armv6l", "arm", "v6" },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i].from) != 0)
			continue;
		if (names[i].variant && !*variant)
			*variant = names[i].variant;
		return names[i].to;
	}
	return name;
}

const char *platform_default(void)
{
	static char text[64];
	struct utsname u;
	const char *variant = NULL;
	uname(&u);
	const char *architecture = normal_architecture(u.machine, &variant);
	snprintf(text, sizeof(text), "linux/%.32s%s%s", architecture, variant ? "/" : "", variant ? variant : "");
	return text;
}

char *platform_format(const void *ctx, const struct platform *p)
{
	return mem_printf(ctx, "%s/%s%s%s", p->os, p->architecture, p->variant ? "/" : "", p->variant ? p->variant : "");
}

int platform_parse(const void *ctx, const char *text, struct platform *ret, struct error *err)
{
	char copy[96], *save = NULL;
	if (strlen(text) >= sizeof(copy) || !*text)
		return error_set(err, 0, "'%s' is not a platform: want os/architecture[/variant]", text);
	memcpy(copy, text, strlen(text) + 1);
	char *part[4] = { NULL, NULL, NULL, NULL };
	unsigned count = 0;
	for (char *p = strtok_r(copy, "/", &save); p && count < 4; p = strtok_r(NULL, "/", &save))
		part[count++] = p;
	if (count > 3)
		return error_set(err, 0, "'%s' is not a platform: want os/architecture[/variant]", text);
	for (unsigned i = 0; i < count; i++)
		for (char *p = part[i]; *p; p++) {
			*p = tolower((unsigned char)*p);
			if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
				return error_set(err, 0, "'%s' is not a platform: '%c' is not allowed", text, *p);
		}
	const char *os = count > 1 || strcmp(part[0], "linux") == 0 || strcmp(part[0], "windows") == 0 ? part[0] : "linux";
	const char *architecture = count > 1 ? part[1] : os == part[0] ? strchr(platform_default(), '/') + 1 : part[0];
	const char *variant = part[2];
	architecture = normal_architecture(architecture, &variant);
	/* arm64's v8 and amd64's v1 are what no variant means. */
	if (variant && ((strcmp(architecture, "arm64") == 0 && strcmp(variant, "v8") == 0) ||
			(strcmp(architecture, "amd64") == 0 && strcmp(variant, "v1") == 0)))
		variant = NULL;
	if (strcmp(architecture, "arm") == 0 && !variant)
		variant = "v7";
	ret->os = mem_strdup(ctx, os);
	ret->architecture = mem_strdup(ctx, architecture);
	ret->variant = variant ? mem_strdup(ctx, variant) : NULL;
	return 0;
}

/* Of "v7" 7; 0 when it says none. */
static int variant_number(const char *variant)
{
	uint64_t number;
	return variant && variant[0] == 'v' && text_to_number(variant + 1, 99, &number) ? (int)number : 0;
}

/* 0: does not fit; larger is better. */
static int fit(const struct platform *have, const struct platform *want)
{
	if (!have->os || !have->architecture || strcmp(have->os, want->os) != 0)
		return 0;
	const char *variant = have->variant;
	if (strcmp(normal_architecture(have->architecture, &variant), want->architecture) != 0)
		return 0;
	int have_number = variant_number(variant), want_number = variant_number(want->variant);
	if (strcmp(want->architecture, "arm") == 0)
		have_number = have_number ? have_number : 7;
	else if (strcmp(want->architecture, "arm64") == 0)
		have_number = have_number ? have_number : 8, want_number = want_number ? want_number : 8;
	else
		have_number = have_number ? have_number : 1, want_number = want_number ? want_number : 1;
	/* A processor runs what was built for an older variant of it. */
	return have_number <= want_number ? have_number + 1 : 0;
}

int manifest_index_choose(const struct manifest_index *index, const char *want, const struct descriptor **ret,
			  struct error *err)
{
	struct platform platform;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (platform_parse(scratch, want ? want : platform_default(), &platform, err) < 0)
		return -1;
	const struct descriptor *best = NULL;
	int best_fit = 0;
	char *have = mem_strdup(scratch, "");
	for (unsigned i = 0; i < index->count; i++) {
		const struct descriptor *d = &index->manifests[i];
		const struct platform *p = &d->platform;
		if (p->os && strcmp(p->os, "unknown") == 0)
			continue;
		int f = p->os ? fit(p, &platform) : index->count == 1;
		if (f > best_fit) {
			best = d;
			best_fit = f;
		}
		have = mem_append(have, "%s%s/%s%s%s", *have ? ", " : "", p->os ? p->os : "?",
				  p->architecture ? p->architecture : "?", p->variant ? "/" : "",
				  p->variant ? p->variant : "");
	}
	if (!best)
		return error_set(err, 0, "no image for platform %s; there is: %s", want ? want : platform_default(), have);
	*ret = best;
	return 0;
}

int image_parse_manifest(const void *ctx, const char *json, const struct descriptor *manifest, struct image **ret,
			 struct error *err)
{
	struct json *root;
	struct image *image = mem_new(ctx, struct image);
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	bool is_index;
	if (manifest_is_index(json, manifest->media_type, &is_index, err) < 0 ||
	    json_parse(scratch, json, "the manifest", &root, err) < 0)
		goto failed;
	if (is_index) {
		error_set(err, 0, "the manifest is an index where an image is wanted");
		goto failed;
	}
	const char *own_type = json_get_string(root, "mediaType");
	image->manifest.media_type = mem_strdup(
		image, own_type ? own_type : manifest->media_type ? manifest->media_type : MEDIA_OCI_MANIFEST);
	image->manifest.digest = mem_strdup(image, manifest->digest);
	image->manifest.size_bytes = strlen(json);
	image->stored = image->manifest;
	image->manifest_json = mem_strdup(image, json);
	if (read_descriptor(image, json_get(root, "config"), "config", &image->config, err) < 0)
		goto failed;
	struct json *layers = json_get(root, "layers");
	image->layer_count = json_length(layers);
	if (image->layer_count > LAYERS_MAX) {
		error_set(err, 0, "the manifest has %u layers, more than %d", image->layer_count, LAYERS_MAX);
		goto failed;
	}
	image->layers = mem_array(image, struct descriptor, image->layer_count);
	for (unsigned i = 0; i < image->layer_count; i++) {
		struct descriptor *layer = &image->layers[i];
		if (read_descriptor(image, json_at(layers, i), "layer", layer, err) < 0)
			goto failed;
		bool is_known = false;
		for (size_t j = 0; j < sizeof(layer_types) / sizeof(*layer_types); j++)
			is_known |= strcmp(layer->media_type, layer_types[j]) == 0;
		if (!is_known) {
			error_set(err, 0, "layer %s has the unknown media type '%s'", layer->digest, layer->media_type);
			goto failed;
		}
	}
	*ret = image;
	return 0;
failed:
	talloc_free(image);
	return -1;
}

static int add_label(const char *key, struct json *value, void *arg)
{
	const char *text = json_text(value);
	strlist_addf(arg, "%s=%s", key, text ? text : "");
	return 0;
}

static int add_key(const char *key, struct json *value, void *arg)
{
	(void)value;
	strlist_add(arg, key);
	return 0;
}

static char *text_or_empty(const void *ctx, const char *text)
{
	return mem_strdup(ctx, text ? text : "");
}

int image_parse_config(struct image *image, const char *text, struct error *err)
{
	struct json *root;
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	if (json_parse(scratch, text, "the image configuration", &root, err) < 0)
		return -1;
	struct json *ids = json_get(json_get(root, "rootfs"), "diff_ids");
	if (!json_holds_object(root) || json_length(ids) != image->layer_count)
		return error_set(err, 0, "the image configuration names %u layers, the manifest %u", json_length(ids),
				 image->layer_count);
	image->diff_ids = mem_array(image, char *, image->layer_count);
	for (unsigned i = 0; i < image->layer_count; i++) {
		const char *id = json_text(json_at(ids, i));
		if (!id || !digest_is_valid(id))
			return error_set(err, 0, "the image configuration has the malformed diffID '%s'", id ? id : "");
		image->diff_ids[i] = mem_strdup(image, id);
	}
	struct json *config = json_get(root, "config");
	struct image_config *run = &image->run;
	run->env = json_get_strings(image, config, "Env");
	if (!run->env)
		run->env = strlist_new(image);
	run->entrypoint = json_get_strings(image, config, "Entrypoint");
	run->cmd = json_get_strings(image, config, "Cmd");
	run->shell = json_get_strings(image, config, "Shell");
	run->user = text_or_empty(image, json_get_string(config, "User"));
	run->working_dir = text_or_empty(image, json_get_string(config, "WorkingDir"));
	run->stop_signal = text_or_empty(image, json_get_string(config, "StopSignal"));
	run->labels = strlist_new(image);
	run->exposed_ports = strlist_new(image);
	run->volumes = strlist_new(image);
	json_each(json_get(config, "Labels"), add_label, run->labels);
	json_each(json_get(config, "ExposedPorts"), add_key, run->exposed_ports);
	json_each(json_get(config, "Volumes"), add_key, run->volumes);
	read_platform(image, root, &run->platform);
	run->created = text_or_empty(image, json_get_string(root, "created"));
	run->author = text_or_empty(image, json_get_string(root, "author"));
	image->config_json = mem_strdup(image, text);
	return 0;
}

/* ---- making ---- */

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
	if (changes->author)
		json_set_string(root, "author", changes->author);
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
	if (changes->created_by)
		json_set_string(entry, "created_by", changes->created_by);
	if (changes->author)
		json_set_string(entry, "author", changes->author);
	if (changes->comment)
		json_set_string(entry, "comment", changes->comment);
	if (!layer)
		json_set_bool(entry, "empty_layer", true);
	json_append(history, entry);
	json_set(root, "history", history);
	*ret_config = json_dump(ctx, root);
	return 0;
}

static struct json *descriptor_json(const void *ctx, const struct descriptor *d)
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
