/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows: what is read, what is refused, where options end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/own_memory.h"
#include "tracer/base/options.h"

struct values {
	const char *name;
	struct strlist *env;
	int pull, count;
	bool is_tty, is_quiet;
};
struct shared {
	bool is_help;
};

static const struct option_row rows[] = {
	{ "name", 'n', "NAME", "", OPTION_TEXT, offsetof(struct values, name) },
	{ "env", 'e', "KEY=VALUE", "", OPTION_LIST, offsetof(struct values, env) },
	{ "pull", 0, "missing|always|never", "", OPTION_CHOICE, offsetof(struct values, pull) },
	{ "count", 'c', "N", "", OPTION_NUMBER, offsetof(struct values, count) },
	{ "tty", 't', NULL, "", OPTION_FLAG, offsetof(struct values, is_tty) },
	{ "quiet", 'q', NULL, "", OPTION_FLAG, offsetof(struct values, is_quiet) },
	{ "label", 'l', "TEXT", "", OPTION_IGNORED, 0 },
	{ "detach", 'd', NULL, "there is no daemon", OPTION_REFUSED, 0 },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};
static const struct option_row shared_rows_[] = {
	{ "help", 0, NULL, "", OPTION_FLAG, offsetof(struct shared, is_help) },
	{ NULL, 0, NULL, NULL, OPTION_FLAG, 0 },
};

struct parsed {
	struct values v;
	struct shared s;
	char *argv[16];
	int words;
	struct error err;
};

/* Words are given as text with blanks between them. */
static int parse(void **state, struct parsed *p, unsigned style, const char *line)
{
	char *text = mem_strdup(*state, line);
	int argc = 0;
	memset(p, 0, sizeof(*p));
	for (char *word = strtok_r(text, " ", &text); word; word = strtok_r(NULL, " ", &text))
		p->argv[argc++] = word;
	return options_parse(*state, rows, &p->v, shared_rows_, &p->s, style, argc, p->argv,
			     &p->words, &p->err);
}

static void forms_of_docker_are_read(void **state)
{
	static const char *const lines[] = {
		"--name=x --env A=b -t", "--name x -eA=b --tty",   "-n x -e=A=b -t",
		"-tn x --env=A=b",       "-tnx -e A=b --tty=true", "-n=x --env A=b --tty=1",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct parsed p;
		assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, lines[i]), 0);
		assert_string_equal(p.v.name, "x");
		assert_int_equal(p.v.env->count, 1);
		assert_string_equal(p.v.env->items[0], "A=b");
		assert_true(p.v.is_tty);
		assert_false(p.v.is_quiet);
		assert_int_equal(p.words, 0);
	}
}

static void flags_can_be_false_and_the_last_one_counts(void **state)
{
	struct parsed p;
	assert_int_equal(
		parse(state, &p, OPTIONS_ANYWHERE, "-tq --tty=false --quiet=0 --name a --name b"),
		0);
	assert_false(p.v.is_tty);
	assert_false(p.v.is_quiet);
	assert_string_equal(p.v.name, "b");
}

static void lists_are_never_null(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, ""), 0);
	assert_non_null(p.v.env);
	assert_int_equal(p.v.env->count, 0);
}

static void words_are_gathered_anywhere(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "one -t two - -- --three"), 0);
	assert_int_equal(p.words, 4);
	assert_string_equal(p.argv[0], "one");
	assert_string_equal(p.argv[1], "two");
	assert_string_equal(p.argv[2], "-");
	assert_string_equal(p.argv[3], "--three");
	assert_true(p.v.is_tty);
}

static void options_end_at_the_first_word(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_FIRST, "-t image -q -- --name x"), 0);
	assert_int_equal(p.words, 5);
	assert_string_equal(p.argv[1], "-q");
	assert_string_equal(p.argv[2], "--");
	assert_false(p.v.is_quiet);
}

static void options_end_at_the_second_word(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_SECOND, "-t id -q --name x ls -l --name y"), 0);
	assert_int_equal(p.words, 5);
	assert_string_equal(p.argv[0], "id");
	assert_string_equal(p.argv[2], "-l");
	assert_string_equal(p.v.name, "x");
	assert_true(p.v.is_quiet);
	assert_int_equal(parse(state, &p, OPTIONS_SECOND, "-- id -q"), 0);
	assert_int_equal(p.words, 2);
	assert_false(p.v.is_quiet);
}

static void names_and_letters_are_those_of_go(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_GO, "-name x word --t -e=A=b --e C=d -quiet=false"), 0);
	assert_string_equal(p.v.name, "x");
	assert_true(p.v.is_tty);
	assert_false(p.v.is_quiet);
	assert_int_equal(p.v.env->count, 2);
	assert_int_equal(p.words, 1);
	assert_int_equal(parse(state, &p, OPTIONS_GO, "-tqentirely"), -1);
	assert_string_equal(p.err.text, "unknown option '--tqentirely'");
	assert_int_equal(parse(state, &p, OPTIONS_GO | OPTIONS_FIRST, "-t id -q"), 0);
	assert_int_equal(p.words, 2);
}

static void numbers_are_read(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "-c 3"), 0);
	assert_int_equal(p.v.count, 3);
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "--count=-1"), -1);
	assert_string_equal(p.err.text, "option '--count' takes a number, not '-1'");
}

static void choices_are_counted(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "--pull never"), 0);
	assert_int_equal(p.v.pull, 2);
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "--pull nev"), -1);
	assert_string_equal(p.err.text, "option '--pull' takes missing|always|never, not 'nev'");
}

static void failures_are_sentences(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{ "--nmae x", "unknown option '--nmae', did you mean '--name'?" },
		{ "--helpp", "unknown option '--helpp', did you mean '--help'?" },
		{ "--entirely-else=1", "unknown option '--entirely-else'" },
		{ "-tx", "unknown option '-x'" },
		{ "--name", "option '--name' needs a value: NAME" },
		{ "-te", "option '--env' needs a value: KEY=VALUE" },
		{ "--tty=maybe", "option '--tty' is true or false, not 'maybe'" },
		{ "-d", "option '--detach' is not possible: there is no daemon" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;
		assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, cases[i].line), -1);
		assert_string_equal(p.err.text, cases[i].text);
		assert_int_equal(p.err.status, EXIT_USAGE);
	}
}

static void ignored_options_take_their_value(void **state)
{
	struct parsed p;
	assert_int_equal(parse(state, &p, OPTIONS_ANYWHERE, "-l a=b --label=c word --label d"), 0);
	assert_int_equal(p.words, 1);
	assert_string_equal(p.argv[0], "word");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forms_of_docker_are_read), TEST(flags_can_be_false_and_the_last_one_counts),
		TEST(lists_are_never_null),     TEST(words_are_gathered_anywhere),
		TEST(choices_are_counted),      TEST(options_end_at_the_first_word),
		TEST(options_end_at_the_second_word), TEST(names_and_letters_are_those_of_go),
		TEST(numbers_are_read),
		TEST(failures_are_sentences),   TEST(ignored_options_take_their_value),
	};
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
