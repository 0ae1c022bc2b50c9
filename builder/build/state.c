/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the configuration and history that a Dockerfile makes; what they look like when Go prints them is golang.c's. */
#include "builder/build/state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "builder/build/golang.h"
#include "builder/environment.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define HISTORY_COMMENT "buildkit.dockerfile.v0"

/* ---- the document ---- */

static struct json *config_of(const struct state *s)
{
	struct json *config = json_get(s->doc, "config");
	if (config)
		return config;
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	json_set(s->doc, "config", empty);
	return json_get(s->doc, "config");
}

static struct json *array_of(struct json *object, const char *key)
{
	struct json *array = json_get(object, key);
	if (json_holds_array(array))
		return array;
	CLEANUP_TALLOC struct json *empty = json_new_array(NULL);
	json_set(object, key, empty);
	return json_get(object, key);
}

static struct json *object_of(struct json *object, const char *key)
{
	struct json *member = json_get(object, key);
	if (json_holds_object(member))
		return member;
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	json_set(object, key, empty);
	return json_get(object, key);
}

static struct state *new_state(const void *ctx)
{
	struct state *s = mem_new(ctx, struct state);
	s->run_env = strlist_new(s);
	s->arg_keys = strlist_new(s);
	s->steps = strlist_new(s);
	s->materials = strlist_new(s);
	return s;
}

struct state *state_of_scratch(const void *ctx, const struct platform *platform)
{
	struct state *s = new_state(ctx);
	CLEANUP_TALLOC struct strlist *env = strlist_new(NULL);
	s->doc = json_new_object(s);
	json_set_string(s->doc, "architecture", platform->architecture);
	if (platform->variant)
		json_set_string(s->doc, "variant", platform->variant);
	json_set_string(s->doc, "os", platform->os);
	strlist_add(env, DEFAULT_PATH);
	strlist_add(s->run_env, DEFAULT_PATH);
	json_set_strings(config_of(s), "Env", env);
	json_set_string(config_of(s), "WorkingDir", "/");
	return s;
}

int state_of_image(const void *ctx, const struct image *image, struct state **ret, struct error *err)
{
	struct state *s = new_state(ctx);
	if (json_parse(s, image->config_json, "the image configuration", &s->doc, err) < 0) {
		talloc_free(s);
		return -1;
	}
	struct strlist *env = json_get_strings(s, config_of(s), "Env");
	if (env)
		environment_set_all(s->run_env, env);
	if (!state_env(s, "PATH", 4)) {
		env = env ? env : strlist_new(s);
		strlist_add(env, DEFAULT_PATH);
		strlist_add(s->run_env, DEFAULT_PATH);
		json_set_strings(config_of(s), "Env", env);
	}
	*ret = s;
	return 0;
}

struct state *state_derive(const void *ctx, const struct state *state)
{
	struct state *s = new_state(ctx);
	s->doc = json_clone(s, state->doc);
	for (size_t i = 0; i < state->run_env->count; i++)
		strlist_add(s->run_env, state->run_env->items[i]);
	for (size_t i = 0; i < state->arg_keys->count; i++)
		strlist_add(s->arg_keys, state->arg_keys->items[i]);
	for (size_t i = 0; i < state->steps->count; i++)
		strlist_add(s->steps, state->steps->items[i]);
	for (size_t i = 0; i < state->materials->count; i++)
		strlist_add(s->materials, state->materials->items[i]);
	memcpy(s->fs_key, state->fs_key, sizeof(s->fs_key));
	return s;
}

struct json *state_dump(const void *ctx, const struct state *s)
{
	struct json *dump = json_new_object(ctx);
	json_set(dump, "doc", s->doc);
	json_set_strings(dump, "runEnv", s->run_env);
	json_set_strings(dump, "argKeys", s->arg_keys);
	json_set_strings(dump, "steps", s->steps);
	json_set_strings(dump, "materials", s->materials);
	json_set_bool(dump, "isCmdSet", s->is_cmd_set);
	json_set_string(dump, "fsKey", s->fs_key);
	return dump;
}

int state_load(const void *ctx, struct json *dump, struct state **ret, struct error *err)
{
	struct state *s = mem_new(ctx, struct state);
	const char *key = json_get_string(dump, "fsKey");
	s->run_env = json_get_strings(s, dump, "runEnv");
	s->arg_keys = json_get_strings(s, dump, "argKeys");
	s->steps = json_get_strings(s, dump, "steps");
	s->materials = json_get_strings(s, dump, "materials");
	s->is_cmd_set = json_get_bool(dump, "isCmdSet", false);
	if (!json_holds_object(json_get(dump, "doc")) || !s->run_env || !s->arg_keys || !s->steps || !s->materials || !key ||
	    strlen(key) >= sizeof(s->fs_key)) {
		talloc_free(s);
		return error_set(err, 0, "a stage's result cannot be read");
	}
	s->doc = json_clone(s, json_get(dump, "doc"));
	memcpy(s->fs_key, key, strlen(key) + 1);
	*ret = s;
	return 0;
}

const char *state_text(const struct state *s, const char *key)
{
	const char *text = json_get_string(config_of(s), key);
	return text ? text : "";
}

struct strlist *state_list(const void *ctx, const struct state *s, const char *key)
{
	return json_get_strings(ctx, config_of(s), key);
}

const char *state_env(const struct state *s, const char *name, size_t length)
{
	for (size_t i = s->run_env->count; i-- > 0;) {
		const char *entry = s->run_env->items[i];
		if (strncmp(entry, name, length) == 0 && entry[length] == '=')
			return entry + length + 1;
	}
	return NULL;
}

struct strlist *state_shell(const void *ctx, const struct state *s, const char *text)
{
	struct strlist *argv = state_list(ctx, s, "Shell");
	if (!argv || !argv->count) {
		argv = strlist_new(ctx);
		strlist_add(argv, "/bin/sh");
		strlist_add(argv, "-c");
	}
	strlist_add(argv, text);
	return argv;
}

/* ---- changes ---- */

void state_add_arg(struct state *s, const char *key, const char *value, bool is_env)
{
	CLEANUP_TALLOC char *entry = value ? mem_printf(NULL, "%s=%s", key, value) : NULL;
	if (entry && is_env)
		environment_set(s->run_env, entry);
	strlist_add(s->arg_keys, entry ? entry : key);
}

void state_set_working_dir(struct state *s, const char *guest_path)
{
	json_set_string(config_of(s), "WorkingDir", guest_path);
}

void state_clear_onbuild(struct state *s)
{
	json_remove(config_of(s), "OnBuild");
}

void state_add_material(struct state *s, const char *uri, const char *digest)
{
	strlist_addf(s->materials, "%s %s", uri, digest);
}

void state_add_step(struct state *s, const char *key, const char *other)
{
	strlist_addf(s->steps, "%s%s%s", digest_hex(key), other ? "=" : "", other ? digest_hex(other) : "");
}

void state_add_history(struct state *s, const char *created_by, const char *created, bool is_empty_layer)
{
	CLEANUP_TALLOC struct json *entry = json_new_object(NULL);
	created = s->epoch_text ? s->epoch_text : created;
	if (created)
		json_set_string(entry, "created", created);
	json_set_string(entry, "created_by", created_by);
	json_set_string(entry, "comment", HISTORY_COMMENT);
	if (is_empty_layer)
		json_set_bool(entry, "empty_layer", true);
	json_append(array_of(s->doc, "history"), entry);
}

static void apply_env(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "ENV");
	CLEANUP_TALLOC struct strlist *env = state_list(NULL, s, "Env");
	if (!env)
		env = strlist_new(NULL);
	for (unsigned i = 0; i < in->pair_count; i++) {
		CLEANUP_TALLOC char *entry = mem_printf(NULL, "%s=%s", in->pairs[i].key, in->pairs[i].value);
		environment_set(env, entry);
		environment_set(s->run_env, entry);
		text = mem_append(text, " %s", entry);
	}
	json_set_strings(config_of(s), "Env", env);
	state_add_history(s, text, NULL, true);
}

static void apply_label(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "LABEL");
	struct json *labels = object_of(config_of(s), "Labels");
	for (unsigned i = 0; i < in->pair_count; i++) {
		json_set_string(labels, in->pairs[i].key, in->pairs[i].value);
		text = mem_append(text, " %s=%s", in->pairs[i].key, in->pairs[i].value);
	}
	state_add_history(s, text, NULL, true);
}

static struct strlist *argv_of(const void *ctx, const struct state *s, const struct instruction *in)
{
	if (!in->is_exec_form && in->words->count)
		return state_shell(ctx, s, in->words->items[0]);
	return in->words;
}

static void apply_command(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct strlist *argv = argv_of(scratch, s, in);
	bool is_entrypoint = in->kind == INSTRUCTION_ENTRYPOINT;
	json_set_strings(config_of(s), is_entrypoint ? "Entrypoint" : "Cmd", argv);
	/* BuildKit says so of every CMD. */
	if (!is_entrypoint)
		json_set_bool(config_of(s), "ArgsEscaped", true);
	if (!is_entrypoint)
		s->is_cmd_set = true;
	else if (!s->is_cmd_set)
		json_remove(config_of(s), "Cmd");
	state_add_history(s, mem_printf(scratch, "%s %s", in->name, golang_quoted_list(scratch, argv)), NULL, true);
}

static void apply_expose(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *ports = object_of(config_of(s), "ExposedPorts");
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	for (size_t i = 0; i < in->words->count; i++)
		json_set(ports, in->words->items[i], empty);
	state_add_history(s, mem_printf(scratch, "EXPOSE %s", golang_list(scratch, in->words)), NULL, true);
}

static void apply_volume(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *volumes = object_of(config_of(s), "Volumes");
	CLEANUP_TALLOC struct json *empty = json_new_object(NULL);
	for (size_t i = 0; i < in->words->count; i++)
		json_set(volumes, in->words->items[i], empty);
	state_add_history(s, mem_printf(scratch, "VOLUME %s", golang_list(scratch, in->words)), NULL, true);
}

static void apply_shell(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	json_set_strings(config_of(s), "Shell", in->words);
	state_add_history(s, mem_printf(scratch, "SHELL %s", golang_list(scratch, in->words)), NULL, true);
}

static void set_duration(struct json *check, const char *key, int64_t nsec)
{
	if (nsec)
		json_set_int(check, key, nsec);
}

static void apply_healthcheck(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const struct healthcheck *h = &in->health;
	struct json *check = json_new_object(scratch);
	struct strlist *test = strlist_new(scratch);
	strlist_add(test, h->is_none ? "NONE" : in->is_exec_form ? "CMD" : "CMD-SHELL");
	for (size_t i = 0; !h->is_none && i < in->words->count; i++)
		strlist_add(test, in->words->items[i]);
	json_set_strings(check, "Test", test);
	set_duration(check, "Interval", h->interval);
	set_duration(check, "Timeout", h->timeout);
	set_duration(check, "StartPeriod", h->start_period);
	set_duration(check, "StartInterval", h->start_interval);
	set_duration(check, "Retries", h->retries);
	json_set(config_of(s), "Healthcheck", check);
	char *text = mem_printf(scratch, "HEALTHCHECK {Test:%s Interval:%s Timeout:%s StartPeriod:%s StartInterval:%s "
					 "Retries:%lld}",
				golang_list(scratch, test), golang_duration(scratch, h->interval),
				golang_duration(scratch, h->timeout), golang_duration(scratch, h->start_period),
				golang_duration(scratch, h->start_interval), (long long)h->retries);
	state_add_history(s, text, NULL, true);
}

static void apply_text(struct state *s, const struct instruction *in)
{
	CLEANUP_TALLOC char *text = mem_printf(NULL, "%s %s", in->name, in->words->items[0]);
	struct json *config = config_of(s);
	switch (in->kind) {
	case INSTRUCTION_USER:
		json_set_string(config, "User", in->words->items[0]);
		break;
	case INSTRUCTION_STOPSIGNAL:
		json_set_string(config, "StopSignal", in->words->items[0]);
		break;
	case INSTRUCTION_ONBUILD:
		/* BuildKit tells nothing of it. */
		json_append_string(array_of(config, "OnBuild"), in->words->items[0]);
		return;
	default:
		json_set_string(s->doc, "author", in->words->items[0]);
		break;
	}
	state_add_history(s, text, NULL, true);
}

void state_apply(struct state *s, const struct instruction *in)
{
	static void (*const appliers[INSTRUCTION_COUNT])(struct state *, const struct instruction *) = {
		[INSTRUCTION_CMD] = apply_command,   [INSTRUCTION_ENTRYPOINT] = apply_command,
		[INSTRUCTION_ENV] = apply_env,	     [INSTRUCTION_EXPOSE] = apply_expose,
		[INSTRUCTION_HEALTHCHECK] = apply_healthcheck, [INSTRUCTION_LABEL] = apply_label,
		[INSTRUCTION_MAINTAINER] = apply_text, [INSTRUCTION_ONBUILD] = apply_text,
		[INSTRUCTION_SHELL] = apply_shell,   [INSTRUCTION_STOPSIGNAL] = apply_text,
		[INSTRUCTION_USER] = apply_text,     [INSTRUCTION_VOLUME] = apply_volume,
	};
	if (appliers[in->kind])
		appliers[in->kind](s, in);
}

char *state_command_text(const void *ctx, const struct state *s, const struct strlist *argv)
{
	char *text = mem_strdup(ctx, "");
	CLEANUP_TALLOC struct strlist *args = strlist_new(NULL);
	for (size_t i = 0; i < s->arg_keys->count; i++) {
		/* The value that counts now, an ENV of the same name included. */
		size_t length = strcspn(s->arg_keys->items[i], "=");
		const char *value = state_env(s, s->arg_keys->items[i], length);
		const char *given = s->arg_keys->items[i][length] ? s->arg_keys->items[i] + length + 1 : "";
		CLEANUP_TALLOC char *entry =
			mem_printf(NULL, "%.*s=%s", (int)length, s->arg_keys->items[i], value ? value : given);
		environment_set(args, entry);
	}
	if (args->count)
		text = mem_append(text, "|%zu ", args->count);
	for (size_t i = 0; i < args->count; i++)
		text = mem_append(text, "%s ", args->items[i]);
	for (size_t i = 0; i < argv->count; i++)
		text = mem_append(text, "%s%s", i ? " " : "", argv->items[i]);
	return text;
}

/* ---- the whole text ---- */

char *state_time(const void *ctx, int64_t epoch_sec)
{
	struct timespec now = { epoch_sec, 0 };
	struct tm tm;
	char text[40];
	if (epoch_sec < 0)
		clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	if (now.tv_nsec)
		n += snprintf(text + n, sizeof(text) - n, ".%09ld", now.tv_nsec);
	snprintf(text + n, sizeof(text) - n, "Z");
	return mem_strdup(ctx, text);
}

/*
 * buildkit exporter/containerimage normalizeLayersAndHistory: entries without a time get that of the layer before
 * them; those before the first new layer get that layer's.
 */
static const char *fill_times(struct json *history)
{
	const char *created = NULL;
	bool lacks = false;
	for (unsigned i = 0; i < json_length(history); i++) {
		const char *time = json_get_string(json_at(history, i), "created");
		if (!time) {
			lacks = true;
			continue;
		}
		created = time;
		if (lacks)
			break;
	}
	lacks = false;
	for (unsigned i = 0; i < json_length(history); i++) {
		const char *time = json_get_string(json_at(history, i), "created");
		if (time && lacks)
			created = time;
		else if (!time && created)
			json_set_string(json_at(history, i), "created", created);
		lacks |= !time;
	}
	unsigned count = json_length(history);
	return count ? json_get_string(json_at(history, count - 1), "created") : NULL;
}

char *state_config(const void *ctx, const struct state *s, char *const *diff_ids, unsigned count, int64_t epoch_sec)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	struct json *doc = json_clone(scratch, s->doc), *rootfs = json_new_object(scratch);
	struct json *ids = json_new_array(scratch), *history = array_of(doc, "history");
	const char *created = fill_times(history);
	for (unsigned i = 0; i < count; i++)
		json_append_string(ids, diff_ids[i]);
	json_set_string(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(doc, "rootfs", rootfs);
	if (epoch_sec >= 0)
		json_set_string(doc, "created", state_time(scratch, epoch_sec));
	else if (created)
		json_set_string(doc, "created", created);
	else
		json_remove(doc, "created");
	return json_dump(ctx, doc);
}
