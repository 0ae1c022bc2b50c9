/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules for devices and their texts: the kernel's admin-guide/cgroup-v1/devices. */
#include "compat/runc/cgroup_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { ALL = DEVICE_MAKE | DEVICE_READ | DEVICE_WRITE };

static const struct {
	char letter;
	unsigned access;
} letters[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MAKE } };

/* runc's: any may be made, and those of every /dev used.  What is above the group may not have them. */
static const struct device_rule defaults[] = {
	{ 'c', -1, -1, DEVICE_MAKE, true }, { 'b', -1, -1, DEVICE_MAKE, true }, { 'c', 1, 3, ALL, true }, { 'c', 1, 5, ALL, true },
	{ 'c', 1, 7, ALL, true },	    { 'c', 1, 8, ALL, true },		{ 'c', 1, 9, ALL, true }, { 'c', 5, 0, ALL, true },
	{ 'c', 5, 1, ALL, true },	    { 'c', 5, 2, ALL, true },		{ 'c', 136, -1, ALL, true },
};
enum { DEFAULTS = sizeof(defaults) / sizeof(*defaults) };

static int read_number(struct json *rule, const char *key, int64_t *ret, struct error *err)
{
	*ret = json_get_int(rule, key, -1);
	return *ret > UINT32_MAX ? error_set(err, 0, "linux.resources.devices: %s is no number of a device", key) : 0;
}

/* Other letters than those three say nothing, as for runc. */
static unsigned read_access(struct json *rule)
{
	const char *text = json_get_string(rule, "access");
	unsigned access = 0;
	for (size_t i = 0; text && i < sizeof(letters) / sizeof(*letters); i++)
		access |= strchr(text, letters[i].letter) ? letters[i].access : 0;
	return text && *text ? access : ALL;
}

static int read_rule(struct json *rule, struct device_rule *ret, struct error *err)
{
	const char *type = json_get_string(rule, "type");
	ret->kind = !type || !*type ? 'a' : *type == 'u' ? 'c' : *type;
	ret->access = read_access(rule);
	ret->is_allowed = json_get_bool(rule, "allow", false);
	if (ret->kind == 'a') {
		/* All of both kinds, whatever its numbers are. */
		*ret = (struct device_rule){ 'a', -1, -1, ALL, ret->is_allowed };
		return 0;
	}
	return read_number(rule, "major", &ret->major, err) < 0 ? -1 : read_number(rule, "minor", &ret->minor, err);
}

int cgroup_devices_read(const void *ctx, struct json *rules, struct device_rules **ret, struct error *err)
{
	struct device_rules *all = mem_new(ctx, struct device_rules);
	unsigned count = json_length(rules);
	all->items = mem_array(all, struct device_rule, count + DEFAULTS + 1);
	if (count)
		all->items[all->count++] = (struct device_rule){ 'a', -1, -1, ALL, false };
	for (unsigned i = 0; i < count; i++) {
		CLEANUP_TALLOC struct json *rule = json_at(rules, i);
		struct device_rule *to = &all->items[all->count];
		if (read_rule(rule, to, err) < 0) {
			talloc_free(all);
			return -1;
		}
		/* One for all makes those before it void. */
		if (to->kind == 'a')
			all->items[all->count = 0] = *to;
		all->count += to->kind == 'a' || to->access;
	}
	for (size_t i = 0; count && i < DEFAULTS; i++)
		all->items[all->count++] = defaults[i];
	*ret = all;
	return 0;
}

/* ---- version 1 ---- */

static int tell(const char *folder, bool is_allowed, const char *rule)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/devices.%s", folder, is_allowed ? "allow" : "deny");
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, rule, strlen(rule)) < 0 ? -errno : 0;
}

static void put_number(int64_t number, char text[24])
{
	if (number < 0)
		snprintf(text, 24, "*");
	else
		snprintf(text, 24, "%" PRId64, number);
}

static void text_of(const struct device_rule *rule, char *text, size_t room)
{
	char major[24], minor[24], access[4] = "";
	size_t used = 0;
	put_number(rule->major, major);
	put_number(rule->minor, minor);
	for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (rule->access & letters[i].access)
			access[used++] = letters[i].letter;
	snprintf(text, room, "%c %s:%s %s", rule->kind, major, minor, access);
}

int cgroup_devices_set(const char *folder, struct json *rules, struct error *err)
{
	CLEANUP_TALLOC struct device_rules *all = NULL;
	char text[96];
	if (cgroup_devices_read(NULL, rules, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all->count; i++) {
		text_of(&all->items[i], text, sizeof(text));
		int r = tell(folder, all->items[i].is_allowed, text);
		if (r < 0 && i < all->count - DEFAULTS)
			return error_set(err, -r, "cannot set the rule '%s' for devices of '%s'", text, folder);
	}
	return 0;
}
