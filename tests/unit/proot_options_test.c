/* SPDX-License-Identifier: Apache-2.0 */
/* PRoot's command line: what is read, what is refused, where options end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compat/proot/options.h"

struct parsed {
	struct proot_options *o;
	int command;
	struct error err;
	char *argv[24];
};

/* Words are given as text with '|' between them. */
static int parse(void **state, struct parsed *p, const char *line)
{
	char *text = mem_strdup(*state, line), *save = NULL;
	static char name[] = "proot";
	int argc = 1;
	memset(p, 0, sizeof(*p));
	p->argv[0] = name;
	for (char *word = strtok_r(text, "|", &save); word; word = strtok_r(NULL, "|", &save))
		p->argv[argc++] = word;
	return proot_options_parse(*state, argc, p->argv, &p->o, &p->command, &p->err);
}

static void names_and_letters_are_read(void **state)
{
	static const char *const lines[] = {
		"-r|/x|-w|/y|-i|1:2|cmd|-r",
		"--rootfs=/x|--pwd=/y|--change-id=1:2|cmd|-r",
		"--rootfs|/x|--cwd|/y|--change-id|1:2|cmd|-r",
		"-r /x|-w /y|-i 1:2|cmd|-r",
		"-b|/x:/|--cwd=/z|--cwd=/y|-0|-i|1:2|--|cmd|-r",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct parsed p;
		assert_int_equal(parse(state, &p, lines[i]), 0);
		assert_string_equal(p.o->rootfs, "/x");
		assert_string_equal(p.o->cwd, "/y");
		assert_true(p.o->has_ids);
		assert_int_equal(p.o->uid, 1);
		assert_int_equal(p.o->gid, 2);
		assert_string_equal(p.argv[p.command], "cmd");
	}
}

static void bindings_are_taken_apart(void **state)
{
	static const struct {
		const char *word, *host, *guest;
		bool is_at_link;
	} cases[] = {
		{ "/a", "/a", "/a", false },	   { "/a:/b", "/a", "/b", false }, { "/a:/b!", "/a", "/b", true },
		{ "a:b", "a", "b", false },	   { "/a!", "/a!", "/a", true },   { "/a:/b:c", "/a", "/b:c", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;
		assert_int_equal(parse(state, &p, mem_printf(*state, "-b|%s", cases[i].word)), 0);
		assert_int_equal(p.o->binding_count, 1);
		assert_string_equal(p.o->bindings[0].host_path, cases[i].host);
		assert_string_equal(p.o->bindings[0].guest_path, cases[i].guest);
		assert_int_equal(p.o->bindings[0].is_at_link, cases[i].is_at_link);
	}
}

static void kernel_names_are_one_or_all(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, "-k|5.0"), 0);
	assert_string_equal(p.o->kernel.release, "5.0");
	assert_null(p.o->kernel.sysname);
	assert_int_equal(parse(state, &p, "-k|\\s\\n\\r\\v\\m\\d\\-1\\"), 0);
	assert_string_equal(p.o->kernel.sysname, "s");
	assert_string_equal(p.o->hostname, "n");
	assert_string_equal(p.o->kernel.release, "r");
	assert_string_equal(p.o->kernel.version, "v");
	assert_string_equal(p.o->kernel.machine, "m");
	assert_string_equal(p.o->kernel.domain, "d");
	/* Empty ones are the host's; the last -k counts alone. */
	assert_int_equal(parse(state, &p, "-k|\\s\\n\\r\\v\\m\\d\\|-k|\\\\\\r2\\\\\\\\"), 0);
	assert_null(p.o->kernel.sysname);
	assert_null(p.o->hostname);
	assert_string_equal(p.o->kernel.release, "r2");
}

static void ports_are_pairs_or_nothing(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, "-p|80:8080|--port=1:65535|-p|sh|1:2"), 0);
	assert_int_equal(p.o->port_count, 2);
	assert_int_equal(p.o->ports[0].guest, 80);
	assert_int_equal(p.o->ports[0].host, 8080);
	assert_int_equal(p.o->ports[1].host, 65535);
	assert_string_equal(p.argv[p.command], "sh");
	assert_int_equal(parse(state, &p, "-p"), 0);
}

static void r_and_s_stand_for_several(void **state)
{
	struct parsed p;
	setenv("HOME", "/home/of-the-test", 1);
	assert_int_equal(parse(state, &p, "-S|/x"), 0);
	assert_string_equal(p.o->rootfs, "/x");
	assert_true(p.o->has_ids);
	assert_int_equal(p.o->uid, 0);
	assert_string_equal(p.o->bindings[p.o->binding_count - 1].host_path, "/x");
	assert_string_equal(p.o->bindings[p.o->binding_count - 2].host_path, "/home/of-the-test");
	assert_true(p.o->bindings[0].is_optional);
	assert_int_equal(parse(state, &p, "-R|/x"), 0);
	assert_false(p.o->has_ids);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *line, *sentence;
	} cases[] = {
		{ "-z", "unknown option '-z'" },
		{ "-", "unknown option '-'" },
		{ "-rx", "unknown option '-rx'" },
		{ "--rootfsx=1", "unknown option '--rootfsx=1'" },
		{ "-w", "option '-w' needs a value: DIR" },
		{ "-0=1", "unknown option '-0=1'" },
		{ "--kill-on-exit=1", "option '--kill-on-exit' takes no value" },
		{ "-i|1", "invalid ids '1': UID:GID is wanted" },
		{ "-i|-1:1", "invalid ids '-1:1': UID:GID is wanted" },
		{ "-i|4294967295:1", "invalid ids '4294967295:1': UID:GID is wanted" },
		{ "-b|:", "invalid binding ':': HOST[:GUEST] is wanted" },
		{ "-p|0:1", "invalid ports '0:1': GUEST:HOST is wanted, numbers from 1 to 65535" },
		{ "-v|1x", "invalid verbosity '1x': a number is wanted" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;
		assert_int_equal(parse(state, &p, cases[i].line), -1);
		assert_string_equal(p.err.text, cases[i].sentence);
		assert_int_equal(p.err.status, 1);
	}
}

static int begin(void **state)
{
	*state = talloc_new(NULL);
	unsetenv("PROOT_VERBOSE");
	return 0;
}

static int end(void **state)
{
	talloc_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_letters_are_read),
		cmocka_unit_test(bindings_are_taken_apart),
		cmocka_unit_test(kernel_names_are_one_or_all),
		cmocka_unit_test(ports_are_pairs_or_nothing),
		cmocka_unit_test(r_and_s_stand_for_several),
		cmocka_unit_test(what_is_wrong_is_said),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
