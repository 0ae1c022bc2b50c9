/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the texts of rules for devices: the kernel's admin-guide/cgroup-v1/devices. */
#include "compat/runc/cgroup_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

/* runc's: any may be made, and those of every /dev used. */
static const char *const defaults[] = {
	"c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
	"c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm",
};

static int tell(const char *folder, bool is_allowed, const char *rule)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/devices.%s", folder, is_allowed ? "allow" : "deny");
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, rule, strlen(rule)) < 0 ? -errno : 0;
}

static void put_number(struct json *rule, const char *key, char text[24])
{
	int64_t number = json_get_int(rule, key, -1);
	if (number < 0)
		snprintf(text, 24, "*");
	else
		snprintf(text, 24, "%" PRId64, number);
}

/* "a" is all of both kinds, whatever its numbers are. */
static void text_of(struct json *rule, char *text, size_t room)
{
	const char *type = json_get_string(rule, "type"), *access = json_get_string(rule, "access");
	char major[24], minor[24];
	put_number(rule, "major", major);
	put_number(rule, "minor", minor);
	if (!type || !*type || *type == 'a')
		snprintf(text, room, "a *:* rwm");
	else
		snprintf(text, room, "%c %s:%s %s", *type == 'u' ? 'c' : *type, major, minor, access && *access ? access : "rwm");
}

int cgroup_devices_set(const char *folder, struct json *rules, struct error *err)
{
	char text[96];
	for (unsigned i = 0; i < json_length(rules); i++) {
		struct json *rule = json_at(rules, i);
		text_of(rule, text, sizeof(text));
		int r = tell(folder, json_get_bool(rule, "allow", false), text);
		if (r < 0)
			return error_set(err, -r, "cannot set the rule '%s' for devices of '%s'", text, folder);
	}
	/* What is above it may not have these. */
	for (size_t i = 0; json_length(rules) && i < sizeof(defaults) / sizeof(*defaults); i++)
		tell(folder, true, defaults[i]);
	return 0;
}
