/* SPDX-License-Identifier: Apache-2.0 */
/* Variables, quotes and patterns as BuildKit's shell lexer has them; and which fields of instructions hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/dockerfile/expand.h"
#include "builder/dockerfile/ports.h"
#include "builder/dockerfile/signals.h"

static const struct {
	const char *name, *value;
} variables[] = {
	{ "PWD", "/home" }, { "SHELL", "bash" }, { "KOREAN", "한국어" }, { "NULL", "" },
	{ "space", "abc  def" }, { "leading", "  ab c" }, { "trailing", "ab c   " }, { "hi", "hi" },
	{ "xxyy", "xxyy" }, { "x", "x" }, { "stars", "a***yy*" }, { "path", "/foo*/*/*.txt" },
	{ "tmp", "/tmp/tmp/bar.txt" }, { "needle", "\\*/" }, { "odd", "()[]{}^$.*?|\\x" }, { "question", "???y" },
	{ "url", "http://a/b" }, { "lines", "ab\ncb" }, { "größe", "5" }, { "dollar", "$x" },
};

static const char *get(void *arg, const char *name, size_t size)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		if (strlen(variables[i].name) == size && memcmp(variables[i].name, name, size) == 0)
			return variables[i].value;
	return NULL;
}

static const struct expansion expansion = { .escape = '\\', .get = get };

static const struct {
	const char *word, *value; /* a value that begins with "!" is the end of a failure's sentence */
} words[] = {
	/* quotes and escapes */
	{ "hello", "hello" },
	{ "", "" },
	{ "he'll'o", "hello" },
	{ "he'llo", "!looking for matching single-quote" },
	{ "he\\'llo", "he'llo" },
	{ "he\\\\'llo", "!looking for matching single-quote" },
	{ "abc\\tdef", "abctdef" },
	{ "\"abc\\tdef\"", "abc\\tdef" },
	{ "\"abc\\\\tdef\"", "abc\\tdef" },
	{ "'abc\\tdef'", "abc\\tdef" },
	{ "hello\\", "hello" },
	{ "hello\\\\", "hello\\" },
	{ "\"hello", "!looking for matching double-quote" },
	{ "\"hello\\\"", "!looking for matching double-quote" },
	{ "\"hel'lo\"", "hel'lo" },
	{ "'hello\\'", "hello\\" },
	{ "'\"hello\"'", "\"hello\"" },
	{ "a  b", "a  b" },
	{ "안\\'녕하세요", "안'녕하세요" },
	{ "\xff\xfe", "\xff\xfe" },
	/* names */
	{ "$.", "$." },
	{ "$", "$" },
	{ "he$1x", "hex" },
	{ "he$12x", "hex" },
	{ "he$pwd.", "he." },
	{ "he$PWD", "he/home" },
	{ "he\\$PWD", "he$PWD" },
	{ "he\\\\$PWD", "he\\/home" },
	{ "\"he\\$PWD\"", "he$PWD" },
	{ "'$PWD'", "$PWD" },
	{ "$@@@", "@@" },
	{ "$$", "" },
	{ "$-$?$!", "" },
	{ "안녕$KOREAN", "안녕한국어" },
	{ "$größe.", "5." },
	{ "$PWD—", "/home—" },
	{ "${PWD}s", "/homes" },
	{ "${PWD", "!missing '}'" },
	{ "${", "!missing '}'" },
	{ "${}", "!bad substitution" },
	{ "${:}", "!bad substitution" },
	{ "${{aaa}", "!bad substitution" },
	{ "${aaa}}", "}" },
	{ "\\${}x", "${}x" },
	{ "${.}", "!unsupported modifier (.) in substitution" },
	{ "${PWD^^}", "!unsupported modifier (^) in substitution" },
	{ "${1:-bbb}", "bbb" },
	{ "${@:+bbb}a", "a" },
	/* defaults */
	{ "${none:-000}x", "000x" },
	{ "${none-000}x", "000x" },
	{ "${NULL:-000}x", "000x" },
	{ "${NULL-000}x", "x" },
	{ "${PWD:-000}x", "/homex" },
	{ "${none:-$PWD}x", "/homex" },
	{ "${none:-${YYY:-yyy}}x", "yyyx" },
	{ "${none:-\\$PWD:}x", "$PWD:x" },
	{ "${none:-\\${PWD}z}x", "${PWDz}x" },
	{ "${none:-\"a }\"}", "a }" },
	{ "${none:+000}x", "x" },
	{ "${PWD:+000}x", "000x" },
	{ "${NULL:+000}x", "x" },
	{ "${NULL+000}x", "000x" },
	{ "${PWD:+${PWD}:}x", "/home:x" },
	{ "${none?}", "!none: is not allowed to be unset" },
	{ "${none:?}", "!none: is not allowed to be unset" },
	{ "${NULL?}", "" },
	{ "${NULL:?}", "!NULL: is not allowed to be empty" },
	{ "${NULL:?message $hi}", "!NULL: message hi" },
	{ "${PWD:?}", "/home" },
	{ "${PWD:=000}", "!unsupported modifier (:=) in substitution" },
	{ "${PWD=000}", "!unsupported modifier (=) in substitution" },
	{ "${none:YYY}", "!unsupported modifier (:Y) in substitution" },
	{ "${PWD:ü}", "!unsupported modifier (:ü) in substitution" },
	{ "${aaa:-bbb ${foo}", "!missing '}'" },
	/* prefixes and suffixes */
	{ "${odd#()[]{\\}^$.\\*\\?|\\\\}", "x" },
	{ "${xxyy#*x*y}", "y" },
	{ "${xxyy#*}", "xxyy" },
	{ "${xxyy##*}", "" },
	{ "${xxyy#$x}", "xyy" },
	{ "${xxyy#}", "xxyy" },
	{ "${xxyy##*x}", "yy" },
	{ "${xxyy#?}", "xyy" },
	{ "${xxyy#y}", "xxyy" },
	{ "${question#?\\?}", "?y" },
	{ "${xxyy%x}", "xxyy" },
	{ "${xxyy%y}", "xxy" },
	{ "${xxyy%y*}", "xxy" },
	{ "${xxyy%%y*}", "xx" },
	{ "${stars%%\\**\\*}", "a" },
	{ "${xxyy%%$NULL}", "xxyy" },
	{ "${KOREAN#?}", "국어" },
	{ "${KOREAN%?}", "한국" },
	{ "${lines#*b}", "\ncb" },
	{ "${lines##*b}", "\ncb" },
	{ "${lines#*c}", "ab\ncb" },
	{ "${none#a}", "" },
	{ "${xxyy:#}", "!unsupported modifier (:#) in substitution" },
	{ "${xxyy:%%x}", "!unsupported modifier (:%) in substitution" },
	{ "${xxyy#\\x}", "!invalid escape '\\x'" },
	{ "${xxyy#[xy]}", "xxyy" },
	/* replacements */
	{ "${path/$needle/.} ${path//$needle/.}", "/foo.*/*.txt /foo..*.txt" },
	{ "${tmp/\\/tmp/} ${tmp//\\/tmp/}", "/tmp/bar.txt /bar.txt" },
	{ "${url/http:/https:}", "https://a/b" },
	{ "${tmp//\\//\\/}", "\\/tmp\\/tmp\\/bar.txt" },
	{ "${xxyy/$NULL/ww}", "wwxxyy" },
	{ "${xxyy//$NULL/-}", "-x-x-y-y-" },
	{ "${xxyy//*/-}", "-" },
	{ "${xxyy//x*y/-}", "-" },
	{ "${xxyy//?/ab}", "abababab" },
	{ "${xxyy/y/$dollar}", "xx$xy" },
	{ "${KOREAN//국/-}", "한-어" },
	{ "${none/a/b}", "" },
	{ "${xxyy//ww}", "!missing '/' in ${}" },
	{ "${xxyy//w/", "!missing '}'" },
	{ "${xxyy///}", "xxyy" },
};

static void check_word(const struct expansion *e, const char *word, const char *value)
{
	CLEANUP_TALLOC char *got = NULL;
	struct error err = ERROR_INIT;
	int r = expand_word(NULL, e, word, &got, &err);
	if (*value == '!') {
		size_t size = strlen(value + 1);
		if (r == 0)
			fail_msg("%s: '%s' and not a failure", word, got);
		if (strlen(err.text) < size || strcmp(err.text + strlen(err.text) - size, value + 1) != 0)
			fail_msg("%s: '%s' and not '%s'", word, err.text, value + 1);
	} else if (r < 0) {
		fail_msg("%s: %s", word, err.text);
	} else {
		assert_string_equal(got, value);
	}
}

static void words_are_expanded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		check_word(&expansion, words[i].word, words[i].value);
}

static void backtick_escapes_when_it_is_the_escape(void **state)
{
	(void)state;
	const struct expansion e = { .escape = '`', .get = get };
	check_word(&e, "C:\\x`$PWD", "C:\\x$PWD");
	check_word(&e, "\"`\"$PWD\"", "\"/home");
	check_word(&e, "a``b`", "a`b");
	/* A suffix is matched backwards: the last backslash comes before the star. */
	check_word(&e, "${stars%*\\}", "a***yy");
	check_word(&e, "${stars%y\\}", "!invalid escape '\\y'");
}

static void failures_name_the_word(void **state)
{
	(void)state;
	char *value;
	struct error err = ERROR_INIT;
	assert_int_equal(expand_word(NULL, &expansion, "a${x:=1}", &value, &err), -1);
	assert_string_equal(err.text, "failed to process \"a${x:=1}\": unsupported modifier (:=) in substitution");
}

static void unset_names_are_told(void **state)
{
	(void)state;
	CLEANUP_TALLOC struct strlist *unset = strlist_new(NULL);
	struct expansion e = expansion;
	char *value;
	e.unset = unset;
	assert_int_equal(expand_word(unset, &e, "$PWD $a ${b:-$c} '$d' ${NULL} $1", &value, NULL), 0);
	assert_int_equal(unset->count, 4);
	assert_string_equal(unset->items[0], "a");
	assert_string_equal(unset->items[1], "c");
	assert_string_equal(unset->items[2], "b");
	assert_string_equal(unset->items[3], "1");
}

static const char *get_large(void *arg, const char *name, size_t size)
{
	(void)name;
	(void)size;
	return arg;
}

static void what_grows_too_large_is_refused(void **state)
{
	enum { VALUE_BYTES = 1 << 20 };
	(void)state;
	CLEANUP_TALLOC char *large = mem_array(NULL, char, VALUE_BYTES + 1);
	memset(large, 'a', VALUE_BYTES);
	const struct expansion e = { .escape = '\\', .get = get_large, .arg = large };
	check_word(&e, "$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a", "!expands to more than 16777216 bytes");
	check_word(&e, "${a//a/bbbbbbbbbbbbbbbbb}", "!expands to more than 16777216 bytes");
	CLEANUP_TALLOC char *nested = mem_strdup(NULL, "");
	for (int i = 0; i < 1000; i++)
		nested = mem_append(nested, "${a:-");
	check_word(&expansion, nested, "!...\": more than 100 variables are nested");
}

static const struct {
	const char *text, *words; /* joined by "|" */
} texts[] = {
	{ "hello", "hello" },
	{ "hello$nono.bye", "hello.bye" },
	{ "a${hi}b", "ahib" },
	{ "hello${space}bye", "helloabc|defbye" },
	{ "hello\"${space}\"bye", "helloabc  defbye" },
	{ "hello \"${space}\"bye", "hello|abc  defbye" },
	{ "hello${leading}def", "hello|ab|cdef" },
	{ "hello${trailing}d", "helloab|c|d" },
	{ "hel\"lo${trailing}\"", "helloab c   " },
	{ "hello\" there  \"", "hello there  " },
	{ "  hello   there ", "hello|there" },
	{ "hello\\ there", "hello there" },
	{ "hello\\\" there", "hello\"|there" },
	{ "hello'$there'", "hello$there" },
	{ "a\xc2\xa0" "b\xe3\x80\x80" "c", "a|b|c" },
	/* BuildKit forgets what stands before a modifier. */
	{ "a${none:-b c}d", "b|cd" },
	{ "", "" },
	{ "$NULL", "" },
};

static void texts_are_split_where_nothing_is_quoted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CLEANUP_TALLOC struct strlist *list = strlist_new(NULL);
		CLEANUP_TALLOC char *joined = mem_strdup(NULL, "");
		assert_int_equal(expand_words(NULL, &expansion, texts[i].text, list, NULL), 0);
		for (size_t j = 0; j < list->count; j++)
			joined = mem_append(joined, "%s%s", j ? "|" : "", list->items[j]);
		assert_string_equal(joined, texts[i].words);
	}
}

static void bodies_keep_quotes_and_lose_backslashes(void **state)
{
	(void)state;
	CLEANUP_TALLOC char *body = NULL;
	const struct expansion e = { .escape = '`', .get = get };
	assert_int_equal(expand_raw(NULL, &e, "\"$PWD\" '$PWD'\n\\$PWD a\\nb ` << $hi", &body, NULL), 0);
	assert_string_equal(body, "\"/home\" '/home'\n$PWD anb ` << hi");
}

/* What an instruction is once expanded, in one line. */
static char *expanded(const char *text, struct error *err)
{
	CLEANUP_TALLOC struct instruction *in = NULL;
	CLEANUP_TALLOC struct instruction *out = NULL;
	if (instruction_parse(NULL, text, '\\', &in, err) < 0 ||
	    instruction_expand(NULL, &expansion, in, &out, err) < 0)
		return NULL;
	char *line = mem_strdup(NULL, "");
	for (size_t i = 0; i < out->words->count; i++)
		line = mem_append(line, "%s ", out->words->items[i]);
	for (unsigned i = 0; i < out->pair_count; i++)
		line = mem_append(line, "%s=%s ", out->pairs[i].key, out->pairs[i].value);
	for (unsigned i = 0; i < out->heredoc_count; i++)
		line = mem_append(line, "<%s> ", out->heredocs[i].content);
	const struct copy_flags *c = &out->copy;
	const char *flags[] = { c->chown, c->chmod, c->checksum };
	for (size_t i = 0; i < 3; i++)
		if (flags[i])
			line = mem_append(line, "--%s ", flags[i]);
	for (size_t i = 0; i < c->exclude->count; i++)
		line = mem_append(line, "!%s ", c->exclude->items[i]);
	for (unsigned i = 0; i < out->mount_count; i++) {
		const struct run_mount *m = &out->mounts[i];
		line = mem_append(line, "mount %d %s %s %s %s %s ro=%d required=%d sharing=%d size=%ld %ld:%ld:%ld ",
				  m->type, m->source ? m->source : "-", m->target ? m->target : "-",
				  m->from ? m->from : "-", m->id ? m->id : "-", m->env ? m->env : "-",
				  m->is_read_only, m->is_required, m->sharing, (long)m->size_bytes, (long)m->mode,
				  (long)m->uid, (long)m->gid);
	}
	return line;
}

static const struct {
	const char *text, *line; /* "!" and the sentence of a failure */
} instructions[] = {
	{ "COPY --chown=$hi:$x --chmod=7$NULL$1 --exclude=$hi $hi ${PWD}/ /$x", "hi /home/ /x --hi:x --7 !$hi " },
	{ "COPY --chown=$NULL a b", "a b " },
	{ "ADD --checksum=$hi 'a' \"b\"c $hi'$hi'", "a bc hi$hi --hi " },
	{ "ADD [\"$hi a\", \"b\"]", "hi a b " },
	{ "COPY <<E <<'F' /$x\n$hi \"q\"\nE\n$hi\nF", "/x <hi \"q\"\n> <$hi\n> " },
	{ "ENV a=$hi b=\"$space\" $x='$x'", "a=hi b=abc  def x=$x " },
	{ "ENV a $space $hi", "a=abc  def hi " },
	{ "LABEL \"a b\"=$hi", "a b=hi " },
	{ "ARG a=$hi b", "a=$hi b=(null) " },
	{ "USER $hi:${x}", "hi:x " },
	{ "WORKDIR $PWD/a b", "/home/a b " },
	{ "VOLUME $PWD /b", "/home /b " },
	{ "VOLUME $NULL", "!a volume cannot be an empty string" },
	{ "RUN echo $hi", "echo $hi " },
	{ "CMD [\"$hi\"]", "$hi " },
	{ "SHELL [\"$hi\"]", "$hi " },
	{ "HEALTHCHECK CMD $hi", "$hi " },
	{ "EXPOSE 80 22/UDP 8000-8002/sctp $hi", "!invalid containerPort: hi" },
	{ "EXPOSE 80 22/UDP 8000-8002/sctp", "22/udp 80/tcp 8000/sctp 8001/sctp 8002/sctp " },
	{ "EXPOSE ${none:-80 81}", "!failed to process \"${none:-80\": syntax error: missing '}'" },
	{ "EXPOSE $NULL 1", "1/tcp " },
	{ "EXPOSE 0-65535 0-65535 0-65535 0-65535", "!exposes more than 200000 ports" },
	{ "STOPSIGNAL $none", "!invalid signal: " },
	{ "STOPSIGNAL SIG${none:-TERM}", "SIGTERM " },
	{ "STOPSIGNAL SIGHELLO", "!invalid signal: SIGHELLO" },
	{ "RUN --mount=target=/a,source=$hi true", "true mount 0 hi /a - - - ro=1 required=0 sharing=0 size=0 -1:-1:-1 " },
	{ "RUN --mount=type=cache,target=/a,id=$hi,sharing=lock${none:-ed},mode=0755,uid=$1${none-1},gid=2 true",
	  "true mount 1 - /a - hi - ro=0 required=0 sharing=2 size=0 493:1:2 " },
	{ "RUN --mount=type=tmpfs,dst=/a,size=1.5gB true",
	  "true mount 2 - /a - - - ro=0 required=0 sharing=0 size=1610612736 -1:-1:-1 " },
	{ "RUN --mount=type=secret,id=$hi,env=X,required true",
	  "true mount 3 - - - hi X ro=1 required=1 sharing=0 size=0 -1:-1:-1 " },
	{ "RUN --mount=type=ssh,ro=false true", "true mount 4 - - - - - ro=0 required=0 sharing=0 size=0 -1:-1:-1 " },
	{ "RUN --mount=type=$hi true", "!--mount=type=$hi: unsupported mount type \"hi\"" },
	{ "RUN --mount=type=${none:-cache},target=/$NULL true", "!--mount=type=${none:-cache},target=/$NULL: invalid mount target \"/\"" },
	{ "RUN --mount=target=$PWD,mode=$x true", "!--mount=target=$PWD,mode=$x: invalid value x for mode" },
	{ "RUN --mount=target=$PWD,mode=1 true", "!--mount=target=$PWD,mode=1: mode not allowed for \"bind\" type mounts" },
};

static void fields_of_instructions_are_expanded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(instructions) / sizeof(*instructions); i++) {
		struct error err = ERROR_INIT;
		const char *wanted = instructions[i].line;
		CLEANUP_TALLOC char *line = expanded(instructions[i].text, &err);
		if (*wanted == '!') {
			assert_null(line);
			assert_string_equal(err.text, wanted + 1);
		} else {
			if (!line)
				fail_msg("%s: %s", instructions[i].text, err.text);
			assert_string_equal(line, wanted);
		}
	}
}

static const struct {
	const char *text;
	unsigned first, last;
	const char *protocol; /* NULL: first is not looked at, the sentence is in `sentence` */
	const char *sentence;
	bool has_upper_case, has_host;
} ports[] = {
	{ "1234", 1234, 1234, "tcp", NULL, false, false },
	{ "1234/", 1234, 1234, "tcp", NULL, false, false },
	{ "8080/TCP", 8080, 8080, "tcp", NULL, true, false },
	{ "7-9/sctp", 7, 9, "sctp", NULL, false, false },
	{ "7-7", 7, 7, "tcp", NULL, false, false },
	{ "0.0.0.0:1234-1235:3333-3334/tcp", 3333, 3334, "tcp", NULL, false, true },
	{ "8000-9000:80", 80, 80, "tcp", NULL, false, true },
	{ "[2001:4860:0:2001::68]::333", 333, 333, "tcp", NULL, false, true },
	{ "[::1]:80:80", 80, 80, "tcp", NULL, false, true },
	{ "::1:80:81", 81, 81, "tcp", NULL, false, true },
	{ "::::80", 80, 80, "tcp", NULL, false, true },
	{ "::80", 80, 80, "tcp", NULL, false, false },
	{ "", 0, 0, NULL, "invalid port: \"\": no port specified", false, false },
	{ "0.0.0.0:1-2:/tcp", 0, 0, NULL, "invalid port: \"0.0.0.0:1-2:/tcp\": no port specified", false, false },
	{ "80/icmp", 0, 0, NULL, "invalid port: \"80/icmp\": invalid proto: icmp", false, false },
	{ "65536", 0, 0, NULL, "invalid containerPort: 65536", false, false },
	{ "4294967297", 0, 0, NULL, "invalid containerPort: 4294967297", false, false },
	{ "9-8", 0, 0, NULL, "invalid containerPort: 9-8", false, false },
	{ "9-", 0, 0, NULL, "invalid containerPort: 9-", false, false },
	{ "-1", 0, 0, NULL, "invalid containerPort: -1", false, false },
	{ "a:80", 0, 0, NULL, "invalid hostPort: a", false, false },
	{ "localhost:1:2", 0, 0, NULL, "invalid IP address: localhost", false, false },
	{ "[::1:1:2", 0, 0, NULL, "invalid IP address: [::1", false, false },
	{ "1-3:1-2", 0, 0, NULL, "invalid ranges specified for container and host Ports: 1-2 and 1-3", false, false },
};

static void ports_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		struct ports got;
		struct error err = ERROR_INIT;
		int r = ports_parse(ports[i].text, &got, &err);
		if (!ports[i].protocol) {
			assert_int_equal(r, -1);
			assert_string_equal(err.text, ports[i].sentence);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", ports[i].text, err.text);
		assert_int_equal(got.first, ports[i].first);
		assert_int_equal(got.last, ports[i].last);
		assert_string_equal(got.protocol, ports[i].protocol);
		assert_int_equal(got.has_upper_case, ports[i].has_upper_case);
		assert_int_equal(got.has_host, ports[i].has_host);
	}
}

static void signals_are_names_or_numbers(void **state)
{
	(void)state;
	static const char *const good[] = { "SIGTERM", "term", "sigKill", "9", "64", "+9", "RTMIN", "SIGRTMIN+15",
					    "rtmax-14", "STKFLT", "CLD" };
	static const char *const bad[] = { "", "0", "SIG", "SIGTERMX", "RTMIN+16", "RTMIN+0", "RTMIN-1", "RTMAX-15",
					   "9x", " 9", "99999999999999999999", "HELLO" };
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!signal_is_known(good[i]))
			fail_msg("%s is a signal", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (signal_is_known(bad[i]))
			fail_msg("%s is no signal", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_expanded),
		cmocka_unit_test(backtick_escapes_when_it_is_the_escape),
		cmocka_unit_test(failures_name_the_word),
		cmocka_unit_test(unset_names_are_told),
		cmocka_unit_test(what_grows_too_large_is_refused),
		cmocka_unit_test(texts_are_split_where_nothing_is_quoted),
		cmocka_unit_test(bodies_keep_quotes_and_lose_backslashes),
		cmocka_unit_test(fields_of_instructions_are_expanded),
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(signals_are_names_or_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
