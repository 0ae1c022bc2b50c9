/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules for devices and their texts: the kernel's admin-guide/cgroup-v1/devices. */
#include "compat/runc/cgroup_devices.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/runc/cgroup_tree.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { ALL = DEVICE_MAKE | DEVICE_READ | DEVICE_WRITE, LIST_MAX_BYTES = 1 << 20 };

static const struct {
	char letter;
	unsigned access;
} letters[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MAKE } };

/* runc's: any may be made, and those of every /dev used.  What is above the group may not have them. */
#define USUAL(kind, major, minor, access) { kind, major, minor, access, true, true }
static const struct device_rule defaults[] = {
	USUAL('c', -1, -1, DEVICE_MAKE), USUAL('b', -1, -1, DEVICE_MAKE), USUAL('c', 1, 3, ALL), USUAL('c', 1, 5, ALL),
	USUAL('c', 1, 7, ALL),		 USUAL('c', 1, 8, ALL),		  USUAL('c', 1, 9, ALL), USUAL('c', 5, 0, ALL),
	USUAL('c', 5, 1, ALL),		 USUAL('c', 5, 2, ALL),		  USUAL('c', 136, -1, ALL),
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
	ret->is_usual = false;
	if (ret->kind == 'a') {
		/* All of both kinds, whatever its numbers are. */
		*ret = (struct device_rule){ 'a', -1, -1, ALL, ret->is_allowed, false };
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
		all->items[all->count++] = (struct device_rule){ 'a', -1, -1, ALL, false, false };
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

/* What a group allows or denies but for its exceptions, as the kernel keeps it. */
struct device_list {
	bool is_allowing;
	struct device_rule *items; /* is_allowed is of no meaning */
	size_t count;
};

static bool is_of_same(const struct device_rule *a, const struct device_rule *b)
{
	return a->kind == b->kind && a->major == b->major && a->minor == b->minor;
}

static struct device_rule *find(const struct device_list *list, const struct device_rule *rule)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_of_same(&list->items[i], rule))
			return &list->items[i];
	return NULL;
}

/* dev_exception_add and dev_exception_rm of security/device_cgroup.c: exceptions are those of the very same numbers. */
static void apply(struct device_list *list, const struct device_rule *rule)
{
	struct device_rule *old = find(list, rule);
	if (rule->kind == 'a') {
		list->is_allowing = rule->is_allowed;
		list->count = 0;
	} else if (rule->is_allowed == list->is_allowing) {
		if (old)
			old->access &= ~rule->access;
	} else if (old) {
		old->access |= rule->access;
		old->is_usual &= rule->is_usual;
	} else {
		list->items = mem_grow(list, list->items, struct device_rule, list->count + 1);
		list->items[list->count++] = *rule;
	}
}

static int64_t read_part(const char **at)
{
	char *end;
	if (**at == '*') {
		++*at;
		return -1;
	}
	int64_t number = strtoll(*at, &end, 10);
	*at = end;
	return number;
}

/* Lines as "c 1:3 rwm"; where all is allowed, the kernel does not show what is not. */
static struct device_list *read_list(const void *ctx, const char *text)
{
	struct device_list *list = mem_new(ctx, struct device_list);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct device_rule rule = { .kind = *line, .is_allowed = true };
		if (*line == 'a')
			list->is_allowing = true;
		if (strchr("bc", *line) == NULL || line[1] != ' ')
			continue;
		const char *at = line + 2;
		rule.major = read_part(&at);
		at += *at == ':';
		rule.minor = read_part(&at);
		for (; *at && *at != '\n'; at++)
			for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
				rule.access |= *at == letters[i].letter ? letters[i].access : 0;
		apply(list, &rule);
	}
	return list;
}

static void add_change(struct device_rules *to, const struct device_rule *rule, unsigned access, bool is_allowed)
{
	if (!access)
		return;
	to->items = mem_grow(to, to->items, struct device_rule, to->count + 1);
	to->items[to->count] = *rule;
	to->items[to->count].access = access;
	to->items[to->count++].is_allowed = is_allowed;
}

struct device_rules *cgroup_devices_changes(const void *ctx, const char *text, const struct device_rules *rules)
{
	struct device_rules *changes = mem_new(ctx, struct device_rules);
	struct device_list *now = read_list(changes, text), *wanted = mem_new(changes, struct device_list);
	for (size_t i = 0; i < rules->count; i++)
		apply(wanted, &rules->items[i]);
	if (now->is_allowing || wanted->is_allowing) {
		const struct device_rule all = { 'a', -1, -1, ALL, false, false };
		add_change(changes, &all, ALL, wanted->is_allowing);
		now->count = 0;
	}
	for (size_t i = 0; i < now->count; i++) {
		const struct device_rule *kept = find(wanted, &now->items[i]);
		add_change(changes, &now->items[i], now->items[i].access & ~(kept ? kept->access : 0), false);
	}
	for (size_t i = 0; i < wanted->count; i++) {
		const struct device_rule *old = find(now, &wanted->items[i]);
		add_change(changes, &wanted->items[i], wanted->items[i].access & ~(old ? old->access : 0), !wanted->is_allowing);
	}
	return changes;
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
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/devices.list", folder);
	CLEANUP_TALLOC char *list = NULL;
	char text[96];
	if (json_length(rules) == 0)
		return 0;
	if (cgroup_devices_read(NULL, rules, &all, err) < 0 ||
	    io_read_file(NULL, AT_FDCWD, path, LIST_MAX_BYTES, &list, NULL, err) < 0)
		return -1;
	const struct device_rules *changes = cgroup_devices_changes(all, list, all);
	for (size_t i = 0; i < changes->count; i++) {
		const struct device_rule *rule = &changes->items[i];
		text_of(rule, text, sizeof(text));
		int r = cgroup_write(folder, rule->is_allowed ? "devices.allow" : "devices.deny", text);
		if (r < 0 && !rule->is_usual)
			return error_set(err, -r, "cannot set the rule '%s' for devices of '%s'", text, folder);
	}
	return 0;
}
