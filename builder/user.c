/* SPDX-License-Identifier: Apache-2.0 */
/* Owns passwd(5) and group(5) of the guest.  Reads files of a stranger: nothing in them is trusted.
 */
#include "builder/user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

enum { DATABASE_MAX_BYTES = 10 << 20, ID_MAX = 0x7fffffff };

/* The lines of a database, cut in place; a missing file is an empty one. */
struct database {
	char *text;
	char *next;
};

static int database_read(const void *ctx, const struct tracer_config *guest, const char *guest_path,
			 struct database *ret, struct error *err)
{
	ret->text = ret->next = mem_strdup(ctx, "");
	char *host_path = tracer_lookup(ctx, guest, guest_path);
	if (!host_path)
		return 0;
	/* O_NONBLOCK: opening a fifo must not wait for a writer. */
	CLEANUP_CLOSE int fd =
		open(host_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "cannot open the image's '%s'", guest_path);
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, 0, "the image's '%s' is not a regular file", guest_path);
	if (st.st_size > DATABASE_MAX_BYTES)
		return error_set(err, 0, "the image's '%s' is larger than 10 MiB", guest_path);
	char *text = mem_array(ctx, char, st.st_size + 1);
	ssize_t n = io_read_all(fd, text, st.st_size);
	if (n < 0)
		return error_set(err, -n, "cannot read the image's '%s'", guest_path);
	text[n] = '\0';
	ret->text = ret->next = text;
	return 0;
}

/* Cut the next line at its colons; missing fields are "".  False at the end. */
static bool database_next(struct database *d, const char **fields, unsigned count)
{
	while (*d->next) {
		char *line = d->next;
		char *end = line + strcspn(line, "\n");
		d->next = *end ? end + 1 : end;
		*end = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		for (unsigned i = 0; i < count; i++) {
			fields[i] = line ? line : "";
			char *colon = line && i + 1 < count ? strchr(line, ':') : NULL;
			if (colon)
				*colon++ = '\0';
			line = colon;
		}
		return true;
	}
	return false;
}

static bool parse_id(const char *text, uint32_t *ret)
{
	uint64_t id;
	if (!text_to_number(text, ID_MAX, &id))
		return false;
	*ret = id;
	return true;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static int fail_id(const char *what, const char *text, struct error *err)
{
	return error_set(err, 0, "%s id %s is larger than %d", what, text, ID_MAX);
}

/* Find the passwd line of a name or number; *ret_name stays NULL when a number has none. */
static int find_user(struct user *user, const struct tracer_config *guest, const char *wanted,
		     const char **ret_name, struct error *err)
{
	enum { NAME, PASSWORD, UID, GID, GECOS, HOME, SHELL, FIELDS };
	const char *field[FIELDS];
	struct database passwd;
	if (database_read(user, guest, "/etc/passwd", &passwd, err) < 0)
		return -1;
	bool is_id = is_number(wanted);
	uint32_t wanted_id = 0;
	if (is_id && !parse_id(wanted, &wanted_id))
		return fail_id("user", wanted, err);
	/* As runc: a name that is a number finds its line by name too. */
	while (database_next(&passwd, field, FIELDS)) {
		uint32_t uid, gid;
		if (!parse_id(field[UID], &uid) || !parse_id(field[GID], &gid))
			continue;
		if (strcmp(field[NAME], wanted) != 0 && !(is_id && uid == wanted_id))
			continue;
		user->uid = uid;
		user->gid = gid;
		user->home = mem_strdup(user, field[HOME]);
		*ret_name = field[NAME];
		return 0;
	}
	if (!is_id && strcmp(wanted, "root") != 0)
		return error_set(err, 0, "no such user: '%s' is not in the image's /etc/passwd",
				 wanted);
	user->uid = wanted_id;
	return 0;
}

static void add_group(struct user *user, gid_t gid)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (user->groups[i] == gid)
			return;
	user->groups = mem_grow(user, user->groups, gid_t, user->group_count + 1);
	user->groups[user->group_count++] = gid;
}

/* Is `name` one of the words of "a,b,c"? */
static bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);
	for (const char *word = list; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL)
		if (strncmp(word, name, length) == 0 &&
		    (word[length] == ',' || word[length] == '\0'))
			return true;
	return false;
}

/* The group given with the user, or the groups that list the user as a member. */
static int find_groups(struct user *user, const struct tracer_config *guest, const char *wanted,
		       const char *user_name, struct error *err)
{
	enum { NAME, PASSWORD, GID, MEMBERS, FIELDS };
	const char *field[FIELDS];
	struct database group;
	uint32_t gid;
	bool is_found = false;
	if (database_read(user, guest, "/etc/group", &group, err) < 0)
		return -1;
	if (wanted && is_number(wanted) && !parse_id(wanted, &gid))
		return fail_id("group", wanted, err);
	struct strlist *extra = strlist_new(user);
	while (database_next(&group, field, FIELDS)) {
		if (!parse_id(field[GID], &gid))
			continue;
		if (wanted && !is_found && strcmp(field[NAME], wanted) == 0) {
			user->gid = gid;
			is_found = true;
		} else if (!wanted && user_name && list_has(field[MEMBERS], user_name)) {
			strlist_add(extra, field[GID]);
		}
	}
	if (wanted && !is_found && parse_id(wanted, &gid)) {
		user->gid = gid;
		is_found = true;
	}
	if (wanted && !is_found)
		return error_set(err, 0, "no such group: '%s' is not in the image's /etc/group",
				 wanted);
	add_group(user, user->gid);
	for (size_t i = 0; i < extra->count; i++)
		if (parse_id(extra->items[i], &gid))
			add_group(user, gid);
	return 0;
}

int user_lookup(const void *ctx, const struct tracer_config *guest, const char *spec,
		struct user **ret, struct error *err)
{
	struct user *user = mem_new(ctx, struct user);
	user->home = mem_strdup(user, "/");
	const char *colon = strchr(spec, ':');
	const char *wanted_group = colon && colon[1] ? colon + 1 : NULL;
	char *wanted = colon ? mem_strndup(user, spec, colon - spec) : mem_strdup(user, spec);
	const char *name = NULL;
	if (find_user(user, guest, *wanted ? wanted : "0", &name, err) < 0 ||
	    find_groups(user, guest, wanted_group, name, err) < 0) {
		talloc_free(user);
		return -1;
	}
	*ret = user;
	return 0;
}
