/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the meaning of the options of build, those of other builders included. */
#include "builder/build/request.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/environment.h"
#include "oci/fields.h"
#include "oci/transport.h"
#include "tracer/base/text.h"

/* The value of one of the fields (oci/fields.h) "key=value"; NULL: not there. */
static const char *request_field(const struct strlist *fields, const char *key)
{
	size_t n = strlen(key);
	for (size_t i = 0; i < fields->count; i++)
		if (strncmp(fields->items[i], key, n) == 0 && fields->items[i][n] == '=')
			return fields->items[i] + n + 1;
	return NULL;
}

/* What is wrong with a word of an option, and what is wanted. */
static int wrong_option(struct error *err, const char *option, const char *word, const char *why)
{
	error_set(err, 0, "%s%s%s: %s", option, *word ? " " : "", word, why);
	return error_status(err, EXIT_USAGE);
}

/* ---- other builders' names ---- */

/* kaniko: dir://PATH, tar://PATH, git://...; a path alone is one. */
static const char *kaniko_context(const void *ctx, const struct build_options *o)
{
	const char *context = o->context;
	if (text_starts(context, "dir://"))
		context += strlen("dir://");
	if (text_starts(context, "tar://stdin"))
		context = "-";
	else if (text_starts(context, "tar://"))
		context += strlen("tar://");
	return o->sub_path ? mem_printf(ctx, "%s/%s", context, o->sub_path) : context;
}

static int unify_kaniko(const void *ctx, struct build_options *o, struct error *err)
{
	for (size_t i = 0; i < o->destinations->count; i++)
		strlist_add(o->tags, o->destinations->items[i]);
	o->is_pushed |= o->destinations->count && !o->is_not_pushed;
	if (o->tar_path)
		strlist_addf(o->outputs, "type=docker,dest=%s", o->tar_path);
	if (o->layout_path)
		strlist_addf(o->outputs, "type=oci,tar=false,dest=%s", o->layout_path);
	if (o->cache && strcmp(o->cache, "false") == 0)
		o->has_no_cache = true;
	if (o->cache_repo) {
		strlist_addf(o->cache_from, "type=registry,ref=%s", o->cache_repo);
		strlist_addf(o->cache_to, "type=registry,ref=%s,mode=max", o->cache_repo);
	}
	if (o->is_reproducible && setenv("SOURCE_DATE_EPOCH", "0", 0) < 0)
		return error_set(err, errno, "cannot set SOURCE_DATE_EPOCH");
	(void)ctx;
	return 0;
}

static int unify_opt(struct build_options *o, const char *opt, struct error *err)
{
	const char *value = strchr(opt, '=');
	value = value ? value + 1 : "";
	size_t n = value - opt;
	if (text_starts(opt, "build-arg:"))
		strlist_add(o->build_args, opt + strlen("build-arg:"));
	else if (text_starts(opt, "label:"))
		strlist_add(o->labels, opt + strlen("label:"));
	else if (text_starts(opt, "context:"))
		strlist_add(o->contexts, opt + strlen("context:"));
	else if (strncmp(opt, "target=", n) == 0)
		o->target = value;
	else if (strncmp(opt, "filename=", n) == 0)
		o->file = value;
	else if (strncmp(opt, "platform=", n) == 0)
		strlist_add(o->platforms, value);
	else if (strncmp(opt, "hostname=", n) == 0)
		o->hostname = value;
	else if (strncmp(opt, "add-host=", n) == 0)
		strlist_add(o->add_hosts, value);
	else if (strncmp(opt, "force-network-mode=", n) == 0)
		o->network = value;
	else if (strncmp(opt, "image-resolve-mode=", n) == 0)
		o->is_pulled = strcmp(value, "pull") == 0;
	else if (strncmp(opt, "no-cache=", n) == 0 && *value)
		strlist_add(o->no_cache_filter, value);
	else if (strncmp(opt, "no-cache=", n) == 0 || strcmp(opt, "no-cache") == 0)
		o->has_no_cache = true;
	else
		return wrong_option(err, "--opt", opt, "it is not known here");
	return 0;
}

static int unify_buildctl(const void *ctx, struct build_options *o, const char **context, struct error *err)
{
	const char *folder = NULL, *name = NULL;
	for (size_t i = 0; i < o->opts->count; i++)
		if (unify_opt(o, o->opts->items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < o->locals->count; i++) {
		const char *local = o->locals->items[i];
		if (text_starts(local, "context="))
			*context = local + strlen("context=");
		else if (text_starts(local, "dockerfile="))
			folder = local + strlen("dockerfile=");
		else
			strlist_add(o->contexts, local);
	}
	if (folder) {
		name = o->file ? o->file : "Dockerfile";
		o->file = mem_printf(ctx, "%s/%s", folder, name);
	}
	for (size_t i = 0; i < o->import_caches->count; i++)
		strlist_add(o->cache_from, o->import_caches->items[i]);
	for (size_t i = 0; i < o->export_caches->count; i++)
		strlist_add(o->cache_to, o->export_caches->items[i]);
	return 0;
}

int request_unify(const void *ctx, struct build_options *o, const char *word, const char **ret_context,
		  struct error *err)
{
	const char *context = o->context ? kaniko_context(ctx, o) : NULL;
	if (unify_kaniko(ctx, o, err) < 0 || unify_buildctl(ctx, o, &context, err) < 0)
		return -1;
	if (word && context)
		return wrong_option(err, "build", word, "the context is given by an option, too");
	context = word ? word : context;
	if (!context)
		return wrong_option(err, "build", "", "a context is needed: a folder, a URL, or '-'");
	*ret_context = context;
	return 0;
}

/* ---- Docker's ---- */

static int read_secrets(struct build *b, const struct build_options *o, struct error *err)
{
	b->secrets = mem_array(b, struct secret, o->secrets->count);
	for (size_t i = 0; i < o->secrets->count; i++) {
		struct strlist *fields;
		if (fields_split(b, o->secrets->items[i], &fields, err) < 0)
			return wrong_option(err, "--secret", o->secrets->items[i], "a quote is not closed");
		const char *id = request_field(fields, "id"), *variable = request_field(fields, "env");
		const char *path = request_field(fields, "src"), *type = request_field(fields, "type");
		path = path ? path : request_field(fields, "source");
		if (!id)
			return wrong_option(err, "--secret", o->secrets->items[i], "want id=ID[,src=FILE|,env=NAME]");
		/* buildx: of an id alone, the variable of that name, else the file. */
		if (!path && !variable) {
			bool is_variable = type ? strcmp(type, "env") == 0 : getenv(id) != NULL;
			variable = is_variable ? id : NULL;
			path = is_variable ? NULL : id;
		} else if (path && type && strcmp(type, "env") == 0) {
			variable = path;
			path = NULL;
		}
		struct secret *s = &b->secrets[b->secret_count++];
		s->id = mem_strdup(b, id);
		s->variable = variable ? mem_strdup(b, variable) : NULL;
		s->path = variable || !path ? NULL : mem_strdup(b, path);
		if (s->path && access(s->path, R_OK) < 0)
			return error_set(err, errno, "--secret %s: cannot read '%s'", id, s->path);
	}
	return 0;
}

static int read_agents(struct build *b, const struct build_options *o, struct error *err)
{
	b->agents = mem_array(b, struct ssh_agent, o->ssh->count);
	for (size_t i = 0; i < o->ssh->count; i++) {
		const char *text = o->ssh->items[i], *equals = strchr(text, '=');
		const char *path = equals ? equals + 1 : getenv("SSH_AUTH_SOCK");
		if (!path || !*path)
			return error_set(err, 0, "--ssh %s: there is no SSH agent ($SSH_AUTH_SOCK is not set)", text);
		CLEANUP_FREE char *real = realpath(path, NULL);
		if (!real)
			return error_set(err, errno, "--ssh %s: cannot use '%s'", text, path);
		struct ssh_agent *a = &b->agents[b->agent_count++];
		a->id = equals ? mem_strndup(b, text, equals - text) : mem_strdup(b, text);
		a->socket = mem_strdup(b, real);
	}
	return 0;
}

static int read_platforms(struct build *b, const struct build_options *o, struct error *err)
{
	if (platform_parse(b, platform_default(), &b->host, err) < 0)
		return -1;
	b->platforms = mem_array(b, struct platform, 1);
	for (size_t i = 0; i < o->platforms->count; i++) {
		struct strlist *words;
		if (fields_split(b, o->platforms->items[i], &words, err) < 0)
			return wrong_option(err, "--platform", o->platforms->items[i], "a quote is not closed");
		for (size_t j = 0; j < words->count; j++) {
			const char *word = words->items[j];
			b->platforms = mem_grow(b, b->platforms, struct platform, b->platform_count + 1);
			if (platform_parse(b, strcmp(word, "local") == 0 ? platform_default() : word,
					   &b->platforms[b->platform_count], err) < 0)
				return error_wrap(err, "--platform");
			b->platform_count++;
		}
	}
	if (!b->platform_count)
		b->platforms[b->platform_count++] = b->host;
	return 0;
}

/* "KEY" alone takes the caller's own value. */
static int read_build_args(struct build *b, const struct build_options *o, struct error *err)
{
	b->build_args = strlist_new(b);
	for (size_t i = 0; i < o->build_args->count; i++) {
		const char *arg = o->build_args->items[i];
		const char *own = strchr(arg, '=') ? NULL : getenv(arg);
		if (!*arg || *arg == '=')
			return wrong_option(err, "--build-arg", arg, "want KEY[=VALUE]");
		if (strchr(arg, '='))
			environment_set(b->build_args, arg);
		else if (own)
			environment_set(b->build_args, mem_printf(b, "%s=%s", arg, own));
	}
	return 0;
}

static const char *find_arg(const struct build *b, const char *key)
{
	return build_list_value(b->build_args, key, strlen(key));
}

/* The variable, or the build argument of that name; buildx hands the former on as the latter. */
static int read_epoch(struct build *b, struct error *err)
{
	const char *text = find_arg(b, "SOURCE_DATE_EPOCH");
	uint64_t number;
	text = text ? text : getenv("SOURCE_DATE_EPOCH");
	b->epoch_sec = -1;
	if (!text || !*text)
		return 0;
	if (!text_to_number(text, INT64_MAX / 2, &number))
		return error_set(err, 0, "SOURCE_DATE_EPOCH is '%s', not a number of seconds", text);
	b->epoch_sec = number;
	if (!find_arg(b, "SOURCE_DATE_EPOCH"))
		strlist_addf(b->build_args, "SOURCE_DATE_EPOCH=%s", text);
	return 0;
}

static int read_jobs(struct build *b, const struct build_options *o, struct error *err)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t number = processors > 2 ? processors : 2;
	if (o->jobs && (!text_to_number(o->jobs, 4096, &number)))
		return wrong_option(err, "--jobs", o->jobs, "want a number");
	b->jobs = number ? number : UINT_MAX;
	return 0;
}

/* Only has to differ from other builds'; with an epoch builds are not told apart. */
static void make_id(struct build *b)
{
	char digest[DIGEST_ROOM];
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	CLEANUP_TALLOC char *text = b->epoch_sec >= 0 ? mem_strdup(NULL, b->started) :
							mem_printf(NULL, "%d %lld.%09ld", (int)getpid(),
								   (long long)now.tv_sec, now.tv_nsec);
	digest_of(text, strlen(text), digest);
	b->id = mem_strndup(b, digest_hex(digest), 32);
}

int request_read(struct build *b, const struct build_options *o, struct error *err)
{
	static const char *const networks[] = { "default", "host", "none" };
	bool is_known = !o->network;
	b->no_cache_stages = strlist_new(b);
	b->add_hosts = o->add_hosts;
	b->pull = o->is_pulled ? PULL_ALWAYS : PULL_MISSING;
	b->has_no_cache = o->has_no_cache;
	b->has_no_fast_path = o->has_no_fast_path;
	b->has_shell_on_error = o->on_error == ON_ERROR_SHELL;
	b->target_name = o->target;
	b->network = o->network ? o->network : "default";
	for (size_t i = 0; i < 3; i++)
		is_known |= strcmp(b->network, networks[i]) == 0;
	if (!is_known)
		return wrong_option(err, "--network", o->network, "want default, host or none");
	for (size_t i = 0; i < o->no_cache_filter->count; i++) {
		struct strlist *names;
		if (fields_split(b, o->no_cache_filter->items[i], &names, err) < 0)
			return wrong_option(err, "--no-cache-filter", o->no_cache_filter->items[i], "a quote is not closed");
		for (size_t j = 0; j < names->count; j++)
			strlist_add(b->no_cache_stages, names->items[j]);
	}
	for (size_t i = 0; i < o->labels->count; i++)
		if (*o->labels->items[i] == '=' || !*o->labels->items[i])
			return wrong_option(err, "--label", o->labels->items[i], "want KEY=VALUE");
	b->labels = o->labels;
	if (read_build_args(b, o, err) < 0 || read_epoch(b, err) < 0 || read_platforms(b, o, err) < 0 ||
	    read_secrets(b, o, err) < 0 || read_agents(b, o, err) < 0 || read_jobs(b, o, err) < 0)
		return -1;
	b->started = state_time(b, b->epoch_sec);
	make_id(b);
	const char *hostname = find_arg(b, "BUILDKIT_SANDBOX_HOSTNAME");
	b->hostname = o->hostname ? o->hostname : hostname ? hostname : "buildkitsandbox";
	return 0;
}
