/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of -v, --mount and --tmpfs. */
#include "builder/bindings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

struct reader {
	struct volume_list *list;
	const char *volumes_dir, *run_dir;
};

/* "/a//b/./c/../d" to "/a/b/d", by its text alone. */
static char *clean_path(const void *ctx, const char *path)
{
	char *clean = mem_printf(ctx, "/%s", path);
	text_clean_path(clean);
	return clean;
}

static bool is_volume_name(const char *text)
{
	if (!isalnum((unsigned char)text[0]) || text[1] == '\0')
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	return true;
}

/* The host path of the first field of -v. */
static int find_source(const struct reader *r, const char *source, char **ret, struct error *err)
{
	if (source[0] == '/') {
		*ret = mem_strdup(r->list, source);
	} else if (source[0] == '.') {
		CLEANUP_FREE char *cwd = getcwd(NULL, 0);
		if (!cwd)
			return error_set(err, errno, "cannot find the current folder");
		CLEANUP_TALLOC char *joined = mem_printf(NULL, "%s/%s", cwd, source);
		*ret = clean_path(r->list, joined);
	} else if (is_volume_name(source)) {
		*ret = mem_printf(r->list, "%s/%s", r->volumes_dir, source);
	} else {
		return error_set(
			err, 0,
			"\"%s\" includes invalid characters for a volume name, only "
			"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed; to bind a host folder, use an "
			"absolute path",
			source);
	}
	return 0;
}

/* A folder of this run only. */
static int make_private(const struct reader *r, mode_t mode, char **ret, struct error *err)
{
	char *path = mem_printf(r->list, "%s/volume-XXXXXX", r->run_dir);
	if (!mkdtemp(path) || chmod(path, mode) < 0)
		return error_set(err, errno, "cannot create '%s'", path);
	*ret = path;
	return 0;
}

static int add(const struct reader *r, char *host_path, const char *guest_path, unsigned flags,
	       bool is_tmpfs, struct error *err)
{
	struct volume_list *list = r->list;
	char *clean = clean_path(list, guest_path);
	if (guest_path[0] != '/')
		return error_set(err, 0, "invalid mount path: '%s', mount path must be absolute",
				 guest_path);
	if (strcmp(clean, "/") == 0)
		return error_set(err, 0, "invalid specification: destination can't be '/'");
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].guest_path, clean) == 0)
			return error_set(err, 0, "Duplicate mount point: %s", clean);
	list->items = mem_grow(list, list->items, struct volume, list->count + 1);
	list->items[list->count++] = (struct volume){ host_path, clean, flags, is_tmpfs };
	return 0;
}

/* The last field of -v: words that Docker knows; only "ro" means something here. */
static int parse_mode(const char *mode, unsigned *ret_flags, struct error *err)
{
	static const char *const known[] = {
		"ro",         "rw",      "z",     "Z",      "cached",  "delegated",
		"consistent", "nocopy",  "bind",  "rbind",  "private", "rprivate",
		"shared",     "rshared", "slave", "rslave",
	};
	for (const char *word = mode; word;) {
		size_t length = strcspn(word, ","), i = 0;
		while (i < sizeof(known) / sizeof(*known) &&
		       (strlen(known[i]) != length || memcmp(known[i], word, length) != 0))
			i++;
		if (i == sizeof(known) / sizeof(*known))
			return error_set(err, 0, "invalid mode: %.*s", (int)length, word);
		if (i == 0)
			*ret_flags |= BINDING_READ_ONLY;
		word = word[length] ? word + length + 1 : NULL;
	}
	return 0;
}

static int make_missing(const char *host_path, struct error *err)
{
	int r = access(host_path, F_OK) == 0 ? 0 : io_mkdir_p(AT_FDCWD, host_path, 0755);
	return r < 0 ? error_set(err, -r, "cannot create '%s'", host_path) : 0;
}

static int parse_volume(const struct reader *r, const char *option, struct error *err)
{
	CLEANUP_TALLOC char *source = mem_strdup(NULL, option);
	char *target = strchr(source, ':');
	char *mode = target ? strchr(target + 1, ':') : NULL;
	unsigned flags = 0;
	char *host_path;
	if (!target)
		return make_private(r, 0755, &host_path, err) < 0 ?
			       -1 :
			       add(r, host_path, source, 0, false, err);
	*target++ = '\0';
	if (mode)
		*mode++ = '\0';
	if (*source == '\0' || *target == '\0' || (mode && strchr(mode, ':')))
		return error_set(err, 0, "invalid volume specification: '%s'", option);
	if ((mode && parse_mode(mode, &flags, err) < 0) ||
	    find_source(r, source, &host_path, err) < 0 || make_missing(host_path, err) < 0)
		return -1;
	return add(r, host_path, target, flags, false, err);
}

/* --mount: key=value words; a bind mount's source must exist, as Docker has it. */
static int parse_mount(const struct reader *r, const char *option, struct error *err)
{
	CLEANUP_TALLOC char *text = mem_strdup(NULL, option);
	const char *type = "volume", *source = NULL, *target = NULL;
	unsigned flags = 0;
	char *host_path;
	for (char *word = text, *next; word; word = next) {
		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		char *equals = strchr(word, '=');
		if (equals)
			*equals = '\0';
		const char *value = equals ? equals + 1 : "";
		if (strcmp(word, "type") == 0)
			type = value;
		else if (strcmp(word, "source") == 0 || strcmp(word, "src") == 0)
			source = value;
		else if (strcmp(word, "target") == 0 || strcmp(word, "dst") == 0 ||
			 strcmp(word, "destination") == 0)
			target = value;
		else if (strcmp(word, "readonly") == 0 || strcmp(word, "ro") == 0)
			flags = !*value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0 ?
					BINDING_READ_ONLY :
					0;
		else if (!text_starts(word, "bind-") && !text_starts(word, "tmpfs-") &&
			 !text_starts(word, "volume-") && strcmp(word, "consistency") != 0)
			return error_set(err, 0, "invalid --mount '%s': unknown key '%s'", option,
					 word);
	}
	if (!target)
		return error_set(err, 0, "invalid --mount '%s': target is missing", option);
	if (strcmp(type, "tmpfs") == 0)
		return make_private(r, 01777, &host_path, err) < 0 ?
			       -1 :
			       add(r, host_path, target, flags, true, err);
	bool is_bind = strcmp(type, "bind") == 0;
	if (!is_bind && strcmp(type, "volume") != 0)
		return error_set(err, 0,
				 "invalid --mount '%s': type is bind, volume or tmpfs, not '%s'",
				 option, type);
	if (is_bind && (!source || source[0] != '/'))
		return error_set(err, 0, "invalid --mount '%s': source must be an absolute path",
				 option);
	if (is_bind && access(source, F_OK) < 0)
		return error_set(err, errno, "invalid --mount: source '%s'", source);
	if (!is_bind && source && !is_volume_name(source))
		return error_set(err, 0, "invalid --mount '%s': '%s' is no volume name", option,
				 source);
	if (source ? find_source(r, source, &host_path, err) < 0 ||
			     make_missing(host_path, err) < 0 :
		     make_private(r, 0755, &host_path, err) < 0)
		return -1;
	return add(r, host_path, target, flags, false, err);
}

static int parse_tmpfs(const struct reader *r, const char *option, struct error *err)
{
	char *host_path;
	CLEANUP_TALLOC char *target = mem_strndup(NULL, option, strcspn(option, ":"));
	if (make_private(r, 01777, &host_path, err) < 0)
		return -1;
	return add(r, host_path, target, 0, true, err);
}

int volumes_parse(const void *ctx, const struct strlist *volumes,
		  const struct strlist *mount_options, const struct strlist *tmpfs,
		  const char *volumes_dir, const char *run_dir, struct volume_list **ret,
		  struct error *err)
{
	struct reader reader = { mem_new(ctx, struct volume_list), volumes_dir, run_dir };
	const struct {
		const struct strlist *options;
		int (*parse)(const struct reader *r, const char *option, struct error *err);
	} kinds[] = { { volumes, parse_volume },
		      { mount_options, parse_mount },
		      { tmpfs, parse_tmpfs } };
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (size_t i = 0; kinds[k].options && i < kinds[k].options->count; i++)
			if (kinds[k].parse(&reader, kinds[k].options->items[i], err) < 0)
				return -1;
	*ret = reader.list;
	return 0;
}
