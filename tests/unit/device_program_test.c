/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for devices, and the program that they become: it is run here as the kernel would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compat/runc/device_program.h"
#include "tracer/base/mem.h"

enum { BLOCK = 1, CHARACTER = 2, READ = DEVICE_READ, WRITE = DEVICE_WRITE, MAKE = DEVICE_MAKE };

/* The kernel's Documentation/bpf/standardization/instruction-set, as far as programs of ours go. */
static uint64_t run(const struct device_program *p, uint32_t kind, uint32_t access, uint32_t major, uint32_t minor)
{
	const uint32_t context[] = { access << 16 | kind, major, minor };
	uint64_t registers[16] = { 0 };
	for (size_t at = 0; at < p->count; at++) {
		const struct device_instruction *i = &p->items[at];
		uint64_t *to = &registers[i->registers & 15], value = (uint64_t)(int64_t)i->value;
		switch (i->code) {
		case 0x61:
			assert_int_equal(i->registers >> 4, 1);
			assert_true(i->offset >= 0 && i->offset <= 8 && i->offset % 4 == 0);
			*to = context[i->offset / 4];
			break;
		case 0xb7:
			*to = value;
			break;
		case 0x57:
			*to &= value;
			break;
		case 0x54:
			*to = (uint32_t)*to & (uint32_t)value;
			break;
		case 0x74:
			*to = (uint32_t)*to >> i->value;
			break;
		case 0x05:
			at += i->offset;
			break;
		case 0x45:
			at += *to & value ? i->offset : 0;
			break;
		case 0x55:
			at += *to != value ? i->offset : 0;
			break;
		case 0x95:
			return registers[0];
		default:
			fail_msg("no instruction of ours: %x", i->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

static struct device_rules *read_rules(void *ctx, const char *text)
{
	struct error err = ERROR_INIT;
	struct json *json;
	struct device_rules *rules = NULL;
	assert_int_equal(json_parse(ctx, text, "rules", &json, &err), 0);
	assert_int_equal(cgroup_devices_read(ctx, json, &rules, &err), 0);
	return rules;
}

static void each_access_is_decided_by_the_last_rule_that_names_it(void **state)
{
	static const struct {
		const char *rules;
		uint32_t kind, access, major, minor;
		unsigned wanted;
	} cases[] = {
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", CHARACTER, WRITE, 1, 11, 0 },
		/* What every container has. */
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", CHARACTER, READ | WRITE, 1, 3, 1 },
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", CHARACTER, READ | WRITE, 136, 7, 1 },
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", BLOCK, READ, 1, 3, 0 },
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", BLOCK, MAKE, 8, 0, 1 },
		{ "[{\"allow\":false,\"access\":\"rwm\"}]", BLOCK, MAKE | READ, 8, 0, 0 },
		{ "[{\"allow\":true,\"access\":\"rwm\"}]", BLOCK, READ | WRITE, 8, 0, 1 },
		/* What no rule names. */
		{ "[{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rw\"}]", CHARACTER, READ, 1, 12, 0 },
		{ "[{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rw\"}]", CHARACTER, READ | WRITE, 1, 11, 1 },
		{ "[{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"r\"}]", CHARACTER, READ, 1, 77, 1 },
		{ "[{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"r\"}]", CHARACTER, READ | WRITE, 1, 77, 0 },
		{ "[{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"r\"}]", BLOCK, READ, 1, 77, 0 },
		/* Two rules grant both. */
		{ "[{\"allow\":true,\"type\":\"b\",\"major\":8,\"access\":\"r\"},{\"allow\":true,\"type\":\"b\",\"minor\":1,\"access\":\"w\"}]",
		  BLOCK, READ | WRITE, 8, 1, 1 },
		{ "[{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,\"type\":\"b\",\"major\":8,\"access\":\"w\"}]", BLOCK, READ, 8, 1, 1 },
		{ "[{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,\"type\":\"b\",\"major\":8,\"access\":\"w\"}]", BLOCK, READ | WRITE, 8, 1, 0 },
		{ "[{\"allow\":false,\"type\":\"b\",\"access\":\"w\"},{\"allow\":true,\"type\":\"a\",\"major\":9}]", BLOCK, WRITE, 8, 1, 1 },
		/* A letter that is none says nothing. */
		{ "[{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"rwa\"}]",
		  CHARACTER, READ, 1, 11, 0 },
		{ "[{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":11,\"access\":\"a\"}]",
		  CHARACTER, READ, 1, 11, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_TALLOC void *ctx = talloc_new(NULL);
		const struct device_program *p = device_program_make(ctx, read_rules(ctx, cases[i].rules));
		if (run(p, cases[i].kind, cases[i].access, cases[i].major, cases[i].minor) != cases[i].wanted)
			fail_msg("case %zu: expected %u", i, cases[i].wanted);
	}
}

static void no_rules_are_none(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	(void)state;
	assert_int_equal(read_rules(ctx, "[]")->count, 0);
}

static void a_number_that_no_device_has_is_told(void **state)
{
	CLEANUP_TALLOC void *ctx = talloc_new(NULL);
	struct error err = ERROR_INIT;
	struct device_rules *rules;
	struct json *json;
	(void)state;
	assert_int_equal(json_parse(ctx, "[{\"type\":\"c\",\"major\":4294967296}]", "rules", &json, &err), 0);
	assert_int_equal(cgroup_devices_read(ctx, json, &rules, &err), -1);
	assert_string_equal(err.text, "linux.resources.devices: major is no number of a device");
	error_clear(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_access_is_decided_by_the_last_rule_that_names_it),
		cmocka_unit_test(no_rules_are_none),
		cmocka_unit_test(a_number_that_no_device_has_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
