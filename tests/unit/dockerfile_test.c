/* SPDX-License-Identifier: Apache-2.0 */
/* The Dockerfile language: lines, directives, heredocs, flags, each instruction, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/dockerfile/dockerfile.h"

static char *show_list(char *out, const char *before, const struct strlist *list, const char *after)
{
	for (size_t i = 0; i < list->count; i++)
		out = mem_append(out, "%s%s%s", before, list->items[i], after);
	return out;
}

static char *show_mount(char *out, const struct run_mount *m)
{
	static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
	out = mem_append(out, " {%s", types[m->type]);
	const char *texts[] = { m->source, m->target, m->from, m->id, m->env };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i])
			out = mem_append(out, " %c=%s", "stfie"[i], texts[i]);
	if (m->is_read_only)
		out = mem_append(out, " ro");
	if (m->is_required)
		out = mem_append(out, " required");
	if (m->sharing)
		out = mem_append(out, " sharing=%d", m->sharing);
	if (m->size_bytes)
		out = mem_append(out, " size=%lld", (long long)m->size_bytes);
	if (m->mode >= 0)
		out = mem_append(out, " mode=%llo", (long long)m->mode);
	if (m->uid >= 0 || m->gid >= 0)
		out = mem_append(out, " %lld:%lld", (long long)m->uid, (long long)m->gid);
	return mem_append(out, "}");
}

/* An instruction in one line: NAME@line-last [word] key=value <<name:content. */
static char *show(char *out, const struct instruction *in)
{
	static const char *const flags[] = { "from", "chown", "chmod", "checksum" };
	const struct copy_flags *c = &in->copy;
	const char *values[] = { c->from, c->chown, c->chmod, c->checksum };
	out = mem_append(out, "%s@%u-%u%s%s", in->name, in->line, in->last_line, in->is_exec_form ? " exec" : "",
			 in->is_script ? " script" : "");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (values[i])
			out = mem_append(out, " %s=%s", flags[i], values[i]);
	out = show_list(out, " !", c->exclude, "");
	if (c->is_link || c->has_parents || c->keeps_git_dir || c->unpack >= 0)
		out = mem_append(out, " link=%d parents=%d git=%d unpack=%d", c->is_link, c->has_parents,
				 c->keeps_git_dir, c->unpack);
	if (in->network || in->security)
		out = mem_append(out, " %s/%s", in->network ? in->network : "-", in->security ? in->security : "-");
	out = show_list(out, " device=", in->devices, "");
	for (unsigned i = 0; i < in->mount_count; i++)
		out = show_mount(out, &in->mounts[i]);
	const struct healthcheck *h = &in->health;
	if (h->is_none || h->interval || h->timeout || h->start_period || h->start_interval || h->retries)
		out = mem_append(out, " health none=%d %lld %lld %lld %lld %lld", h->is_none, (long long)h->interval,
				 (long long)h->timeout, (long long)h->start_period, (long long)h->start_interval,
				 (long long)h->retries);
	out = show_list(out, " [", in->words, "]");
	for (unsigned i = 0; i < in->pair_count; i++)
		out = mem_append(out, " %s%s%s%s", in->pairs[i].key, in->pairs[i].value ? "=" : "",
				 in->pairs[i].value ? in->pairs[i].value : "", in->pairs[i].is_legacy ? " (legacy)" : "");
	for (unsigned i = 0; i < in->heredoc_count; i++)
		out = mem_append(out, " <<%u%s%s:%s>>", in->heredocs[i].fd, in->heredocs[i].expands ? "$" : "'",
				 in->heredocs[i].name, in->heredocs[i].content);
	if (in->trigger)
		out = show(mem_append(out, " "), in->trigger);
	return out;
}

static char *show_file(const void *ctx, const struct dockerfile *file)
{
	char *out = mem_strdup(ctx, "");
	for (unsigned i = 0; i < file->global_arg_count; i++)
		out = mem_append(show(out, file->global_args[i]), "\n");
	for (unsigned i = 0; i < file->stage_count; i++) {
		const struct stage *stage = &file->stages[i];
		out = mem_append(out, "FROM@%u-%u %s%s%s%s%s\n", stage->line, stage->last_line, stage->base,
				 stage->name ? " AS " : "", stage->name ? stage->name : "",
				 stage->platform ? " ON " : "", stage->platform ? stage->platform : "");
		for (unsigned j = 0; j < stage->count; j++)
			out = mem_append(show(out, stage->instructions[j]), "\n");
	}
	return out;
}

/* Below "FROM a\n", which is line 1 and not shown again. */
static const struct {
	const char *text, *shown;
} good[] = {
	/* lines */
	{ "RUN a", "RUN@2-2 [a]\n" },
	{ "  run \t a  b ", "RUN@2-2 [a  b]\n" },
	{ "RUN a \\\n  b\\\nc\n\nRUN d", "RUN@2-4 [a   bc]\nRUN@6-6 [d]\n" },
	{ "RUN a \\ \t\n b", "RUN@2-3 [a  b]\n" },
	{ "RUN a \\\\\nRUN b", "RUN@2-2 [a \\\\]\nRUN@3-3 [b]\n" },
	{ "RUN a \\\n# comment\n  # another\n\n b \\\n", "RUN@2-6 [a  b]\n" },
	{ "RUN a # no comment\n#comment\n \t# comment\nRUN b", "RUN@2-2 [a # no comment]\nRUN@5-5 [b]\n" },
	{ "\\\nRUN a", "RUN@2-3 [a]\n" },
	{ "RUN a\\", "RUN@2-2 [a]\n" },
	{ "RUN a \\\r\n b\r\nRUN c\r\n", "RUN@2-3 [a  b]\nRUN@4-4 [c]\n" },
	{ "\xc2\xa0RUN\xc2\xa0", "RUN@2-2\n" },
	{ "\xe3\x80\x80RUN a\xc2\xa0", "RUN@2-2 [a]\n" },
	{ "RUN", "RUN@2-2\n" },
	{ "RUN \xff\xfe ü", "RUN@2-2 [\xff\xfe ü]\n" },
	/* JSON */
	{ "RUN [\"a\", \"b c\"]", "RUN@2-2 exec [a] [b c]\n" },
	{ "RUN  [ \"a\\u00e9\\n\" ] ", "RUN@2-2 exec [a\u00e9\n]\n" },
	{ "CMD ['a']", "CMD@2-2 [['a']]\n" },
	{ "CMD [\"a\"] b", "CMD@2-2 [[\"a\"] b]\n" },
	{ "CMD [\"a\",]", "CMD@2-2 [[\"a\",]]\n" },
	{ "CMD [\"\\x\"]", "CMD@2-2 [[\"\\x\"]]\n" },
	{ "CMD [ \"a\"", "CMD@2-2 [[ \"a\"]\n" },
	{ "CMD []", "CMD@2-2 exec\n" },
	{ "CMD", "CMD@2-2\n" },
	{ "ENTRYPOINT [\"\"]\nENTRYPOINT a b", "ENTRYPOINT@2-2 exec []\nENTRYPOINT@3-3 [a b]\n" },
	{ "COPY [\"a b\", \"c\"]", "COPY@2-2 [a b] [c]\n" },
	{ "COPY [\"a b\", c]", "COPY@2-2 [[\"a] [b\",] [c]]\n" },
	{ "VOLUME [\" /a \", \"/b\"]\nVOLUME /a  /b", "VOLUME@2-2 [/a] [/b]\nVOLUME@3-3 [/a] [/b]\n" },
	{ "SHELL [\"a\", \"-c\"]", "SHELL@2-2 exec [a] [-c]\n" },
	/* pairs */
	{ "ENV a=b", "ENV@2-2 a=b\n" },
	{ "ENV a b  c=d", "ENV@2-2 a=b  c=d (legacy)\n" },
	{ "ENV a \"b\"", "ENV@2-2 a=\"b\" (legacy)\n" },
	{ "ENV a=\"x y\" b=c\\ d e= 'f'=g h='i \\'", "ENV@2-2 a=\"x y\" b=c\\ d e= 'f'=g h='i \\'\n" },
	{ "ENV a=b=c d=\"\\\"e f\\\"\"", "ENV@2-2 a=b=c d=\"\\\"e f\\\"\"\n" },
	{ "ENV a=b \\\n c=d\\", "ENV@2-3 a=b c=d\n" },
	{ "LABEL \"a b\"='c d' e=f", "LABEL@2-2 \"a b\"='c d' e=f\n" },
	{ "LABEL a b", "LABEL@2-2 a=b (legacy)\n" },
	{ "ARG a", "ARG@2-2 a\n" },
	{ "ARG a=1 b c= d=\"e f\"", "ARG@2-2 a=1 b c= d=\"e f\"\n" },
	{ "ARG --flag a", "ARG@2-2 a\n" },
	/* words */
	{ "EXPOSE 80 443/tcp  22", "EXPOSE@2-2 [22] [443/tcp] [80]\n" },
	{ "USER a b", "USER@2-2 [a b]\n" },
	{ "WORKDIR /a  b", "WORKDIR@2-2 [/a  b]\n" },
	{ "STOPSIGNAL --x $y", "STOPSIGNAL@2-2 [$y]\n" },
	{ "MAINTAINER a <b@c>", "MAINTAINER@2-2 [a <b@c>]\n" },
	/* HEALTHCHECK */
	{ "HEALTHCHECK NONE", "HEALTHCHECK@2-2 health none=1 0 0 0 0 0\n" },
	{ "HEALTHCHECK --interval=5s none", "HEALTHCHECK@2-2 health none=1 0 0 0 0 0\n" },
	{ "HEALTHCHECK CMD a b", "HEALTHCHECK@2-2 [a b]\n" },
	{ "HEALTHCHECK cmd [\"a\", \"b\"]", "HEALTHCHECK@2-2 exec [a] [b]\n" },
	{ "HEALTHCHECK --interval=1m2.5s --timeout=1h --start-period=1ms --start-interval=1\xc2\xb5s1ms --retries=3 CMD a",
	  "HEALTHCHECK@2-2 health none=0 62500000000 3600000000000 1000000 1001000 3 [a]\n" },
	{ "HEALTHCHECK --interval=0 --timeout=0s --retries=+1 --start-period= CMD a",
	  "HEALTHCHECK@2-2 health none=0 0 0 0 0 1 [a]\n" },
	/* flags */
	{ "COPY --chown=a:b --chmod=755 --from=x --link --parents=false --exclude=a --exclude=\"b c\" a b",
	  "COPY@2-2 from=x chown=a:b chmod=755 !a !b c link=1 parents=0 git=0 unpack=-1 [a] [b]\n" },
	{ "COPY --link=TRUE --parents -- --a b", "COPY@2-2 link=1 parents=1 git=0 unpack=-1 [--a] [b]\n" },
	{ "COPY a --link b", "COPY@2-2 [a] [--link] [b]\n" },
	{ "COPY --from= --chown= a b", "COPY@2-2 [a] [b]\n" },
	{ "COPY --chown='a b'\\ c\"d\" a b", "COPY@2-2 chown=a b cd [a] [b]\n" },
	{ "ADD --checksum=sha256:ab --keep-git-dir=true --unpack=false http://a b",
	  "ADD@2-2 checksum=sha256:ab link=0 parents=0 git=1 unpack=0 [http://a] [b]\n" },
	{ "RUN --network=none --security=insecure --device=a,required --device=b c",
	  "RUN@2-2 none/insecure device=a,required device=b [c]\n" },
	{ "RUN --network=host [\"a\"]", "RUN@2-2 exec host/- [a]\n" },
	{ "RUN --", "RUN@2-2\n" },
	/* mounts */
	{ "RUN --mount=type=bind,source=/s,target=/t,from=f true", "RUN@2-2 {bind s=/s t=/t f=f ro} [true]\n" },
	{ "RUN --mount=dst=t,rw true", "RUN@2-2 {bind t=t} [true]\n" },
	{ "RUN --mount=type=CACHE,destination=/t,id=i,sharing=Locked,mode=0700,uid=1,gid=4294967295,ro true",
	  "RUN@2-2 {cache t=/t i=i ro sharing=2 mode=700 1:4294967295} [true]\n" },
	{ "RUN --mount=type=tmpfs,target=/t,size=10m --mount=type=tmpfs,target=/u,size=\"1.5 GiB\" true",
	  "RUN@2-2 {tmpfs t=/t size=10485760} {tmpfs t=/u size=1610612736} [true]\n" },
	{ "RUN --mount=type=secret,id=i,required,env= true", "RUN@2-2 {secret i=i e= ro required} [true]\n" },
	{ "RUN --mount=type=ssh,required=true,readwrite true", "RUN@2-2 {ssh required} [true]\n" },
	{ "RUN --mount=type=bind,\\\"target=/a,b\\\" true", "RUN@2-2 {bind t=/a,b ro} [true]\n" },
	/* Values with variables wait, and what stands behind them. */
	{ "RUN --mount=target=/t,type=$x,required,from=f true", "RUN@2-2 {bind t=/t f=f ro} [true]\n" },
	{ "RUN --mount=from=a$ true", "RUN@2-2 {bind f=a$ ro} [true]\n" },
	/* heredocs */
	{ "RUN <<EOF\na\n b\nEOF\nRUN c", "RUN@2-5 script [<<EOF] <<0$EOF:a\n b\n>>\nRUN@6-6 [c]\n" },
	{ "RUN <<EOF\nEOF", "RUN@2-3 script [<<EOF] <<0$EOF:>>\n" },
	{ "RUN 3<<E\nE", "RUN@2-3 script [3<<E] <<3$E:>>\n" },
	{ "RUN <<-E\n\ta\n\t\tb\n\tE", "RUN@2-5 script [<<-E] <<0$E:a\nb\n>>\n" },
	{ "RUN <<E\n\ta\n\tE\nE", "RUN@2-5 script [<<E] <<0$E:\ta\n\tE\n>>\n" },
	{ "RUN <<'E' | python\n$a\nE", "RUN@2-4 [<<'E' | python] <<0'E:$a\n>>\n" },
	{ "RUN <<E\"O\"F\nEOF", "RUN@2-3 script [<<E\"O\"F] <<0'EOF:>>\n" },
	{ "RUN <<eo\\'f\na\neo'f", "RUN@2-4 script [<<eo\\'f] <<0$eo'f:a\n>>\n" },
	{ "RUN <<'one two'\na\none two", "RUN@2-4 script [<<'one two'] <<0'one two:a\n>>\n" },
	{ "RUN <<$E\n$E", "RUN@2-3 script [<<$E] <<0$$E:>>\n" },
	{ "RUN <<  E  > foo\nE", "RUN@2-3 [<<  E  > foo] <<0$E:>>\n" },
	{ "RUN a <<E <<F\n# 1 \\\nE\n2\nF", "RUN@2-6 [a <<E <<F] <<0$E:# 1 \\\n>> <<0$F:2\n>>\n" },
	{ "RUN <<X <<Y\nY\nX\nX\nY", "RUN@2-6 [<<X <<Y] <<0$X:Y\n>> <<0$Y:X\n>>\n" },
	{ "RUN --mount=type=cache,target=/f <<E\na\nE", "RUN@2-4 script {cache t=/f} [<<E] <<0$E:a\n>>\n" },
	{ "RUN <<E \\\n b\nc\nE", "RUN@2-5 [<<E  b] <<0$E:c\n>>\n" },
	{ "RUN <<E\r\na\r\nE\r\n", "RUN@2-4 script [<<E] <<0$E:a\r\n>>\n" },
	{ "RUN \"<<E\"\nRUN [\"<<E\"]\nRUN a <<< E\nRUN a<<E\nRUN a << ''", "RUN@2-2 [\"<<E\"]\nRUN@3-3 exec [<<E]\n"
	  "RUN@4-4 [a <<< E]\nRUN@5-5 [a<<E]\nRUN@6-6 [a << '']\n" },
	/* What cannot be lexed has no heredocs. */
	{ "RUN echo it's <<E", "RUN@2-2 [echo it's <<E]\n" },
	{ "USER <<E\nCMD <<E", "USER@2-2 [<<E]\nCMD@3-3 [<<E]\n" },
	{ "COPY <<E a <<'F' /d/\n1\nE\n2\nF", "COPY@2-6 [a] [/d/] <<0$E:1\n>> <<0'F:2\n>>\n" },
	{ "COPY <<-E /d\n\ta\n\tE", "COPY@2-4 [/d] <<0$E:a\n>>\n" },
	{ "COPY <<E <<E /d\n1\nE\n2\nE", "COPY@2-6 [/d] <<0$E:2\n>> <<0$E:2\n>>\n" },
	{ "COPY << E /d\nE", "COPY@2-3 [<<] [E] [/d]\n" },
	{ "ADD <<f.txt /d\nf.txt", "ADD@2-3 [/d] <<0$f.txt:>>\n" },
	/* ONBUILD */
	{ "ONBUILD RUN a  b ", "ONBUILD@2-2 [RUN a  b ] RUN@2-2 [a  b]\n" },
	{ "onbuild  copy a \\\n b", "ONBUILD@2-3 [copy a  b] COPY@2-3 [a] [b]\n" },
	{ "ONBUILD RUN <<-E\n\ta\n\tE\nRUN b", "ONBUILD@2-4 [RUN <<-E\n\ta\nE] RUN@2-4 script [<<-E] <<0$E:a\n>>\n"
	  "RUN@5-5 [b]\n" },
	{ "ONBUILD NOT known\nONBUILD COPY a", "ONBUILD@2-2 [NOT known]\nONBUILD@3-3 [COPY a]\n" },
};

static void instructions_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		struct dockerfile *file;
		struct error err = ERROR_INIT;
		unsigned line = 99;
		char *text = mem_printf(scratch, "FROM a\n%s", good[i].text);
		int r = dockerfile_parse(scratch, "Dockerfile", text, strlen(text), &file, &line, &err);
		if (r < 0)
			fail_msg("%s: %s", good[i].text, err.text);
		assert_int_equal(line, 0);
		char *wanted = mem_printf(scratch, "FROM@1-1 a\n%s", good[i].shown);
		char *shown = show_file(scratch, file);
		if (strcmp(shown, wanted) != 0)
			fail_msg("%s\n---- gave\n%s---- and not\n%s", good[i].text, shown, wanted);
	}
}

static const struct {
	const char *text, *shown;
	char escape;
	const char *syntax, *check;
} files[] = {
	{ "FROM a", "FROM@1-1 a\n", '\\', NULL, NULL },
	{ "\xef\xbb\xbf" "FROM a", "FROM@1-1 a\n", '\\', NULL, NULL },
	{ "\xef\xbb\xbf# syntax=x\nFROM a", "FROM@2-2 a\n", '\\', "x", NULL },
	{ "ARG a=1\nARG b\nFROM a:$a AS Build\nFROM --platform=$B x aS y_1-2.3\n",
	  "ARG@1-1 a=1\nARG@2-2 b\nFROM@3-3 a:$a AS build\nFROM@4-4 x AS y_1-2.3 ON $B\n", '\\', NULL, NULL },
	{ "# syntax = a/b:1 # more\n#escape=`\n# CHECK=skip=all;error=true x\nFROM a\nRUN a `\n b\\\nRUN c",
	  "FROM@4-4 a\nRUN@5-6 [a  b\\]\nRUN@7-7 [c]\n", '`', "a/b:1", "skip=all;error=true" },
	{ "# comment\n# escape=`\nFROM a\nRUN a \\\n b\n", "FROM@3-3 a\nRUN@4-5 [a  b]\n", '\\', NULL, NULL },
	{ "\n# escape=`\nFROM a\n", "FROM@3-3 a\n", '\\', NULL, NULL },
	{ "# unknown=1\n# escape=`\nFROM a\n", "FROM@3-3 a\n", '\\', NULL, NULL },
	{ "  # escape = ` \nFROM a\n", "FROM@2-2 a\n", '`', NULL, NULL },
	{ "# escape=\\\nFROM a\n", "FROM@2-2 a\n", '\\', NULL, NULL },
	{ "#!/bin/sh\n# syntax=x\n# escape=`\nFROM a", "FROM@4-4 a\n", '\\', "x", NULL },
	{ "# escape=`\nFROM a\nCOPY C:\\a\\ \"b`\"\" c\nENV a=b` c", "FROM@2-2 a\nCOPY@3-3 [C:\\a\\] [\"b`\"\"] [c]\n"
	  "ENV@4-4 a=b` c\n", '`', NULL, NULL },
	{ "FROM a\nRUN b \\", "FROM@1-1 a\nRUN@2-2 [b]\n", '\\', NULL, NULL },
	{ "from a\n\n\n", "FROM@1-1 a\n", '\\', NULL, NULL },
};

static void files_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		struct dockerfile *file;
		struct error err = ERROR_INIT;
		if (dockerfile_parse(scratch, "Dockerfile", files[i].text, strlen(files[i].text), &file, NULL, &err) < 0)
			fail_msg("%s: %s", files[i].text, err.text);
		assert_string_equal(show_file(scratch, file), files[i].shown);
		assert_int_equal(file->escape, files[i].escape);
		assert_string_equal(file->syntax ? file->syntax : "-", files[i].syntax ? files[i].syntax : "-");
		assert_string_equal(file->check ? file->check : "-", files[i].check ? files[i].check : "-");
	}
}

/* Below "FROM a\n" when the sentence begins with "Dockerfile:2" or a later line. */
static const struct {
	const char *text, *sentence;
} bad[] = {
	{ "", "Dockerfile: the Dockerfile cannot be empty" },
	{ "\n# a\n\n", "Dockerfile: file with no instructions" },
	{ "ARG a\n", "Dockerfile: dockerfile contains no stages to build" },
	{ "RUN a\nFROM b", "Dockerfile:1: RUN: no build stage in current context: only ARG may stand before the first FROM" },
	{ "# escape=x\nFROM a", "Dockerfile:1: invalid escape token 'x' does not match ` or \\" },
	{ "# escape= \nFROM a", "Dockerfile:1: invalid escape token ' ' does not match ` or \\" },
	{ "# escape=`\n# Escape=`\nFROM a", "Dockerfile:2: only one escape parser directive can be used" },
	{ "FROM", "Dockerfile:1: FROM: requires either one or three arguments" },
	{ "FROM a b", "Dockerfile:1: FROM: requires either one or three arguments" },
	{ "FROM a in b", "Dockerfile:1: FROM: requires either one or three arguments" },
	{ "FROM a AS 1b", "Dockerfile:1: FROM: invalid name for build stage: \"1b\", name can't start with a number or "
			  "contain symbols" },
	{ "FROM a AS b/c", "Dockerfile:1: FROM: invalid name for build stage: \"b/c\", name can't start with a number or "
			   "contain symbols" },
	{ "FROM --platfrom=b a", "Dockerfile:1: FROM: unknown flag: --platfrom (did you mean platform?)" },
	/* below FROM */
	{ "RNU a", "Dockerfile:2: RNU: unknown instruction (did you mean RUN?)" },
	{ "\n\nexpse a", "Dockerfile:4: expse: unknown instruction (did you mean expose?)" },
	{ "FOO bar", "Dockerfile:2: FOO: unknown instruction (did you mean FROM?)" },
	{ "NOTHING bar", "Dockerfile:2: NOTHING: unknown instruction" },
	{ "RUN a\\\n\n  b\nBADCMD", "Dockerfile:5: BADCMD: unknown instruction" },
	{ "RUN --mont=a b", "Dockerfile:2: RUN: unknown flag: --mont (did you mean mount?)" },
	{ "MAINTAINER --boo joe", "Dockerfile:2: MAINTAINER: unknown flag: --boo" },
	{ "COPY --form=a b c", "Dockerfile:2: COPY: unknown flag: --form (did you mean from?)" },
	{ "COPY --chown=a --chown=b b c", "Dockerfile:2: COPY: duplicate flag specified: --chown" },
	{ "COPY --chown b c", "Dockerfile:2: COPY: missing a value on flag: --chown" },
	{ "COPY --link= b c", "Dockerfile:2: COPY: missing a value on flag: --link" },
	{ "COPY --link=maybe b c", "Dockerfile:2: COPY: expecting boolean value for flag --link, not: maybe" },
	{ "COPY a", "Dockerfile:2: COPY: requires at least two arguments, but only one was provided. Destination could not "
		    "be determined" },
	{ "COPY [\"a\"]", "Dockerfile:2: COPY: requires at least two arguments, but only one was provided. Destination "
			  "could not be determined" },
	{ "COPY a <<E\nE", "Dockerfile:2: COPY: cannot accept a heredoc as a destination" },
	{ "COPY --from=$x a b", "Dockerfile:2: COPY: variable expansion is not supported for --from, define a new stage with "
				"FROM using ARG from global scope as a workaround" },
	{ "ADD --from=a b c", "Dockerfile:2: ADD: unknown flag: --from" },
	{ "RUN [\"a\", 1]", "Dockerfile:2: RUN: a JSON array here must hold strings only" },
	{ "CMD [null]", "Dockerfile:2: CMD: a JSON array here must hold strings only" },
	{ "VOLUME [[\"a\"]]", "Dockerfile:2: VOLUME: a JSON array here must hold strings only" },
	{ "ENV", "Dockerfile:2: ENV: requires at least one argument" },
	{ "ENV a", "Dockerfile:2: ENV: must have two arguments" },
	{ "ENV a=b c", "Dockerfile:2: ENV: can't find = in \"c\". Must be of the form: name=value" },
	{ "ENV =b", "Dockerfile:2: ENV: names can not be blank" },
	{ "LABEL a=b =c", "Dockerfile:2: LABEL: names can not be blank" },
	{ "ARG =b", "Dockerfile:2: ARG: names can not be blank" },
	{ "ARG", "Dockerfile:2: ARG: requires at least one argument" },
	{ "WORKDIR", "Dockerfile:2: WORKDIR: requires exactly one argument" },
	{ "USER", "Dockerfile:2: USER: requires exactly one argument" },
	{ "STOPSIGNAL", "Dockerfile:2: STOPSIGNAL: requires exactly one argument" },
	{ "EXPOSE", "Dockerfile:2: EXPOSE: requires at least one argument" },
	{ "VOLUME", "Dockerfile:2: VOLUME: requires at least one argument" },
	{ "VOLUME [\" \"]", "Dockerfile:2: VOLUME: a volume cannot be an empty string" },
	{ "SHELL a", "Dockerfile:2: SHELL: requires the arguments to be in JSON form" },
	{ "SHELL []", "Dockerfile:2: SHELL: requires at least one argument" },
	{ "HEALTHCHECK", "Dockerfile:2: HEALTHCHECK: requires at least one argument" },
	{ "HEALTHCHECK CMD", "Dockerfile:2: HEALTHCHECK: missing command after CMD" },
	{ "HEALTHCHECK NONE a", "Dockerfile:2: HEALTHCHECK: NONE takes no arguments" },
	{ "HEALTHCHECK curl x", "Dockerfile:2: HEALTHCHECK: unknown type \"curl\" (try CMD)" },
	{ "HEALTHCHECK --interval=5 CMD a", "Dockerfile:2: HEALTHCHECK: --interval: \"5\" is not a duration like 1m30s" },
	{ "HEALTHCHECK --timeout=9999999h CMD a",
	  "Dockerfile:2: HEALTHCHECK: --timeout: \"9999999h\" is not a duration like 1m30s" },
	{ "HEALTHCHECK --start-period=50ns CMD a",
	  "Dockerfile:2: HEALTHCHECK: Interval \"start-period\" cannot be less than 1ms" },
	{ "HEALTHCHECK --interval=-5s CMD a", "Dockerfile:2: HEALTHCHECK: Interval \"interval\" cannot be less than 1ms" },
	{ "HEALTHCHECK --retries=-1 CMD a", "Dockerfile:2: HEALTHCHECK: --retries cannot be negative (-1)" },
	{ "HEALTHCHECK --retries=2147483648 CMD a",
	  "Dockerfile:2: HEALTHCHECK: --retries: \"2147483648\" is not a number up to 2147483647" },
	{ "HEALTHCHECK --intervall=1s CMD a",
	  "Dockerfile:2: HEALTHCHECK: unknown flag: --intervall (did you mean interval?)" },
	{ "ONBUILD", "Dockerfile:2: ONBUILD: requires at least one argument" },
	{ "ONBUILD FROM a", "Dockerfile:2: ONBUILD: FROM isn't allowed as an ONBUILD trigger" },
	{ "ONBUILD maintainer a", "Dockerfile:2: ONBUILD: MAINTAINER isn't allowed as an ONBUILD trigger" },
	{ "ONBUILD ONBUILD RUN a", "Dockerfile:2: ONBUILD: chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
	{ "ONBUILD ENV a", "Dockerfile:2: ONBUILD: ENV: must have two arguments" },
	{ "RUN <<E\na", "Dockerfile:2: RUN: unterminated heredoc: no line is 'E'" },
	{ "ONBUILD RUN <<E\na", "Dockerfile:2: ONBUILD: unterminated heredoc: no line is 'E'" },
	{ "RUN --network=bridge a", "Dockerfile:2: RUN: invalid network mode \"bridge\"" },
	{ "RUN --security=some a", "Dockerfile:2: RUN: security \"some\" is not valid" },
	{ "RUN --mount= a", "Dockerfile:2: RUN: --mount=: it is empty" },
	{ "RUN --mount=from=$x,target=/a b", "Dockerfile:2: RUN: --mount=from=$x,target=/a: 'from' doesn't support variable "
					     "expansion, define alias stage instead" },
	{ "RUN --mount=type=nfs a", "Dockerfile:2: RUN: --mount=type=nfs: unsupported mount type \"nfs\"" },
	{ "RUN --mount=type=cach a",
	  "Dockerfile:2: RUN: --mount=type=cach: unsupported mount type \"cach\" (did you mean cache?)" },
	{ "RUN --mount=targt=/a b", "Dockerfile:2: RUN: --mount=targt=/a: unexpected key 'targt' in 'targt=/a' (did you mean "
				    "target?)" },
	{ "RUN --mount=target b", "Dockerfile:2: RUN: --mount=target: invalid field 'target' must be a key=value pair" },
	{ "RUN --mount=required,type=secret b",
	  "Dockerfile:2: RUN: --mount=required,type=secret: unexpected key 'required' for mount type 'bind'" },
	{ "RUN --mount=type=cache,sharing=all b",
	  "Dockerfile:2: RUN: --mount=type=cache,sharing=all: unsupported sharing value \"all\"" },
	{ "RUN --mount=target=/a,sharing=locked b",
	  "Dockerfile:2: RUN: --mount=target=/a,sharing=locked: invalid cache sharing set for bind mount" },
	{ "RUN --mount=type=cache,mode=rwx b", "Dockerfile:2: RUN: --mount=type=cache,mode=rwx: invalid value rwx for mode" },
	{ "RUN --mount=type=cache,mode=8 b", "Dockerfile:2: RUN: --mount=type=cache,mode=8: invalid value 8 for mode" },
	{ "RUN --mount=type=cache,uid=4294967296 b",
	  "Dockerfile:2: RUN: --mount=type=cache,uid=4294967296: invalid value 4294967296 for uid" },
	{ "RUN --mount=uid=1 b", "Dockerfile:2: RUN: --mount=uid=1: uid not allowed for \"bind\" type mounts" },
	{ "RUN --mount=type=tmpfs,gid=1 b",
	  "Dockerfile:2: RUN: --mount=type=tmpfs,gid=1: gid not allowed for \"tmpfs\" type mounts" },
	{ "RUN --mount=type=tmpfs,target=/a/..//. b",
	  "Dockerfile:2: RUN: --mount=type=tmpfs,target=/a/..//.: invalid mount target \"/\"" },
	{ "RUN --mount=type=tmpfs,size=1x b", "Dockerfile:2: RUN: --mount=type=tmpfs,size=1x: invalid value for size: 1x" },
	{ "RUN --mount=type=tmpfs,size=-1 b", "Dockerfile:2: RUN: --mount=type=tmpfs,size=-1: invalid value for size: -1" },
	{ "RUN --mount=type=tmpfs,size=99999999999g b",
	  "Dockerfile:2: RUN: --mount=type=tmpfs,size=99999999999g: invalid value for size: 99999999999g" },
	{ "RUN --mount=type=cache,size=1 b",
	  "Dockerfile:2: RUN: --mount=type=cache,size=1: unexpected key 'size' for mount type 'cache'" },
	{ "RUN --mount=ro=maybe b", "Dockerfile:2: RUN: --mount=ro=maybe: invalid value for ro: maybe" },
	{ "RUN --mount=type=secret b",
	  "Dockerfile:2: RUN: --mount=type=secret: invalid secret mount. one of source, target required" },
	{ "RUN --mount=type=secret,id=a,src=b c",
	  "Dockerfile:2: RUN: --mount=type=secret,id=a,src=b: both source and id can't be set" },
	{ "RUN --mount=type=secret,id=a,from=b c",
	  "Dockerfile:2: RUN: --mount=type=secret,id=a,from=b: secret mount should not have a from" },
	{ "RUN --mount=\\\"a b", "Dockerfile:2: RUN: --mount=\"a: a quote is not closed in 'a'" },
	{ "RUN --mount=a\\\" b", "Dockerfile:2: RUN: --mount=a\": a quote stands inside 'a\"'" },
};

static void bad_files_get_one_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		struct dockerfile *file;
		struct error err = ERROR_INIT;
		unsigned line = 99, wanted = 0;
		const char *digits = bad[i].sentence + strlen("Dockerfile:");
		while (*digits >= '0' && *digits <= '9')
			wanted = wanted * 10 + (unsigned)(*digits++ - '0');
		bool is_below = wanted >= 2 && bad[i].text[0] != '#';
		char *text = mem_printf(scratch, "%s%s", is_below ? "FROM a\n" : "", bad[i].text);
		if (dockerfile_parse(scratch, "Dockerfile", text, strlen(text), &file, &line, &err) == 0)
			fail_msg("%s: no failure", bad[i].text);
		assert_string_equal(err.text, bad[i].sentence);
		assert_int_equal(line, wanted);
	}
}

static void lines_have_a_limit(void **state)
{
	(void)state;
	enum { LIMIT = 65535 };
	CLEANUP_TALLOC char *text = mem_array(NULL, char, LIMIT + 32);
	struct dockerfile *file;
	struct error err = ERROR_INIT;
	unsigned line;
	memcpy(text, "FROM a\nRUN ", 11);
	memset(text + 11, 'x', LIMIT + 20);
	text[7 + LIMIT] = '\n';
	assert_int_equal(dockerfile_parse(text, "f", text, 8 + LIMIT, &file, &line, &err), 0);
	text[7 + LIMIT] = 'x';
	assert_int_equal(dockerfile_parse(text, "f", text, 7 + LIMIT, &file, &line, &err), 0);
	assert_int_equal(dockerfile_parse(text, "f", text, 8 + LIMIT, &file, &line, &err), -1);
	assert_string_equal(err.text, "f:2: dockerfile line greater than max allowed size of 65535");
	assert_int_equal(line, 2);
}

static void heredocs_have_a_limit(void **state)
{
	enum { LIMIT = 1000 };
	(void)state;
	CLEANUP_TALLOC char *text = mem_array(NULL, char, 8 * (LIMIT + 8));
	struct dockerfile *file;
	struct error err = ERROR_INIT;
	for (int count = LIMIT; count <= LIMIT + 1; count++) {
		char *end = stpcpy(text, "FROM a\nRUN");
		for (int i = 0; i < count; i++)
			end = stpcpy(end, " <<E");
		end = stpcpy(end, "\n");
		for (int i = 0; i < count; i++)
			end = stpcpy(end, "E\n");
		int r = dockerfile_parse(text, "f", text, end - text, &file, NULL, &err);
		assert_int_equal(r, count > LIMIT ? -1 : 0);
	}
	assert_string_equal(err.text, "f:2: RUN: has more than 1000 heredocs");
}

static void nul_bytes_are_refused(void **state)
{
	(void)state;
	static const char text[] = "FROM a\nRUN b\0c\n";
	struct dockerfile *file;
	struct error err = ERROR_INIT;
	unsigned line;
	assert_int_equal(dockerfile_parse(NULL, "f", text, sizeof(text) - 1, &file, &line, &err), -1);
	assert_string_equal(err.text, "f:2: holds a NUL byte: a Dockerfile is text in UTF-8");
	assert_int_equal(line, 2);
}

static void originals_and_comments_are_kept(void **state)
{
	(void)state;
	CLEANUP_TALLOC struct dockerfile *file = NULL;
	static const char text[] = "# syntax=x\n# first\n\n# second\nfrom a As b\n#\n# of run\nRun  x \\\n # gone\n  y  \n";
	assert_int_equal(dockerfile_parse(NULL, "f", text, strlen(text), &file, NULL, NULL), 0);
	const struct stage *stage = &file->stages[0];
	const struct instruction *run = stage->instructions[0];
	assert_string_equal(stage->original, "from a As b");
	assert_string_equal(stage->keyword, "from");
	assert_int_equal(stage->comments->count, 2);
	assert_string_equal(stage->comments->items[0], "first");
	assert_string_equal(stage->comments->items[1], "second");
	assert_string_equal(run->original, "Run  x   y");
	assert_string_equal(run->keyword, "Run");
	assert_string_equal(run->name, "RUN");
	assert_int_equal(run->comments->count, 1);
	assert_string_equal(run->comments->items[0], "of run");
	assert_int_equal(file->line_count, 11);
	assert_string_equal(file->lines[9], "  y  ");
	assert_string_equal(file->lines[10], "");
}

static const struct {
	const char *text, *shown; /* "!" and a sentence */
} alone[] = {
	{ "ENV a=b", "ENV@0-0 a=b" },
	{ "\nRUN <<E\na\nE\n", "RUN@0-0 script [<<E] <<0$E:a\n>>" },
	{ "# c\nCOPY a \\\nb", "COPY@0-0 [a] [b]" },
	{ "", "!there is no instruction in ''" },
	{ "FROM a", "!FROM: begins a stage and cannot stand alone" },
	{ "RUN a\nRUN b", "!RUN: more than one instruction: 'RUN b'" },
	{ "RNU a", "!RNU: unknown instruction (did you mean RUN?)" },
	{ "COPY --from=$x a b", "!COPY: variable expansion is not supported for --from, define a new stage with FROM using ARG "
				"from global scope as a workaround" },
};

static void instructions_are_read_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		struct instruction *in;
		struct error err = ERROR_INIT;
		int r = instruction_parse(scratch, alone[i].text, '\\', &in, &err);
		if (*alone[i].shown == '!') {
			assert_int_equal(r, -1);
			assert_string_equal(err.text, alone[i].shown + 1);
		} else {
			if (r < 0)
				fail_msg("%s: %s", alone[i].text, err.text);
			assert_string_equal(show(mem_strdup(scratch, ""), in), alone[i].shown);
		}
	}
}

/* What grows with the square of a file would take minutes here. */
static void long_files_take_linear_time(void **state)
{
	(void)state;
	enum { COUNT = 100000 };
	static const char *const rows[] = { "a=b \\\n", " # c\n", " \n" };
	CLEANUP_TALLOC char *text = mem_array(NULL, char, 8 * COUNT + 32);
	struct error err = ERROR_INIT;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		struct dockerfile *file;
		char *end = stpcpy(text, "FROM a\nENV x=y \\\n");
		for (int i = 0; i < COUNT; i++)
			end = stpcpy(end, rows[row]);
		if (dockerfile_parse(text, "f", text, end - text, &file, NULL, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(file->stages[0].instructions[0]->last_line, COUNT + 2);
		talloc_free(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_are_read),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(bad_files_get_one_sentence),
		cmocka_unit_test(lines_have_a_limit),
		cmocka_unit_test(heredocs_have_a_limit),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(originals_and_comments_are_kept),
		cmocka_unit_test(instructions_are_read_alone),
		cmocka_unit_test(long_files_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
