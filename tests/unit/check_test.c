/* SPDX-License-Identifier: Apache-2.0 */
/* Build checks: each rule, where it tells and where it does not; how they are chosen; excerpts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/dockerfile/check.h"

/* What one rule says of a file: "LINE TEXT\n"... */
struct given {
	const char *build_arg, *ignored, *spec, *target;
	bool is_build; /* only what the target needs */
};

static bool know_image(void *arg, const char *reference, const char *platform, struct check_image *ret)
{
	(void)platform;
	if (strcmp(reference, "known") != 0)
		return false;
	struct strlist *environment = strlist_new(arg);
	strlist_add(environment, "GOPATH=/go");
	*ret = (struct check_image){ .environment = environment, .platform = "linux/s390x", .has_shell = true };
	return true;
}

static char *warnings_of(const void *ctx, const char *text, const struct given *given, bool *ret_is_error)
{
	struct dockerfile *file;
	struct dockerfile_warning *warnings;
	struct error err = ERROR_INIT;
	unsigned count;
	bool is_error;
	struct strlist *build_args = strlist_new(ctx), *ignored = strlist_new(ctx);
	if (given->build_arg)
		strlist_add(build_args, given->build_arg);
	for (const char *p = given->ignored; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
		strlist_addf(ignored, "%.*s", (int)strcspn(p, " "), p);
	const struct check_options options = {
		.build_args = build_args, .ignored = ignored, .spec = given->spec, .platform = "linux/amd64",
		.target = given->target, .all_stages = !given->is_build, .image = know_image, .arg = (void *)ctx,
	};
	if (dockerfile_parse(ctx, "Dockerfile", text, strlen(text), &file, NULL, &err) < 0)
		fail_msg("%s", err.text);
	if (dockerfile_check(ctx, file, &options, &warnings, &count, &is_error, &err) < 0)
		fail_msg("%s", err.text);
	char *all = mem_strdup(ctx, "");
	for (unsigned i = 0; i < count; i++)
		all = mem_append(all, "%s:%u %s\n", warnings[i].rule, warnings[i].line, warnings[i].text);
	if (ret_is_error)
		*ret_is_error = is_error;
	return all;
}

static const struct {
	const char *text, *warnings;
	struct given given;
} cases[] = {
	{ "FROM scratch AS BadName\nFROM scratch as b\n",
	  "StageNameCasing:1 Stage name 'BadName' should be lowercase\n"
	  "FromAsCasing:2 'as' and 'FROM' keywords' casing do not match\n", { 0 } },
	{ "from scratch AS base\nfrom scratch as base2\n",
	  "FromAsCasing:1 'AS' and 'from' keywords' casing do not match\n", { 0 } },
	{ "FROM scratch\nCOPY a \\\n\n b\nCOPY a \\\n b\n", "NoEmptyContinuation:4 Empty continuation line\n", { 0 } },
	{ "From scratch as base\nFROM scratch AS base2\n",
	  "ConsistentInstructionCasing:1 Command 'From' should match the case of the command majority (uppercase)\n", { 0 } },
	{ "FROM scratch\ncopy a /foo\nCOPY a /bar\n",
	  "ConsistentInstructionCasing:2 Command 'copy' should match the case of the command majority (uppercase)\n", { 0 } },
	{ "FROM scratch\ncopy a /foo\ncopy a /bar\n",
	  "ConsistentInstructionCasing:1 Command 'FROM' should match the case of the command majority (lowercase)\n", { 0 } },
	{ "from scratch\ncopy a /foo\n", "", { 0 } },
	{ "FROM scratch AS b\nFROM scratch AS b\n",
	  "DuplicateStageName:2 Duplicate stage name \"b\", stage names should be unique\n", { 0 } },
	{ "FROM scratch AS scratch\nFROM scratch AS context\n",
	  "ReservedStageName:1 Stage name should not use the same name as reserved stage \"scratch\"\n"
	  "ReservedStageName:2 Stage name should not use the same name as reserved stage \"context\"\n", { 0 } },
	{ "FROM scratch\nCMD a\nENTRYPOINT b\n",
	  "JSONArgsRecommended:2 JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
	  "JSONArgsRecommended:3 JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS "
	  "signals\n", { 0 } },
	{ "FROM scratch AS base\nSHELL [\"/a\"]\nFROM base\nCMD a\nFROM known\nCMD a\n",
	  "InvalidBaseImagePlatform:5 Base image known was pulled with platform \"linux/s390x\", expected \"linux/amd64\" "
	  "for current build\n", { 0 } },
	{ "FROM scratch\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\nRUN c\n", "", { 0 } },
	{ "FROM scratch\nMAINTAINER me\n",
	  "MaintainerDeprecated:2 Maintainer instruction is deprecated in favor of using label\n", { 0 } },
	{ "ARG base=scratch\nFROM $base\n", "", { 0 } },
	{ "ARG DEBUG\nFROM scratch${DEBUG}\nFROM scra${DEBUG:-tch}\n", "", { 0 } },
	{ "FROM --platform=$BULIDPLATFORM scratch\n",
	  "UndefinedArgInFrom:1 FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)\n", { 0 } },
	{ "ARG tag=latest\nFROM busybox:${tag}${version}${version} AS b\n",
	  "UndefinedArgInFrom:2 FROM argument 'version' is not declared\n", { 0 } },
	{ "ARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH} a\n",
	  "UndefinedArgInFrom:2 FROM argument 'MYARCH' is not declared (did you mean MY_ARCH?)\n", { 0 } },
	{ "FROM scratch\nWORKDIR app/\nWORKDIR b\n",
	  "WorkdirRelativePath:2 Relative workdir \"app/\" can have unexpected results if the base image changes\n", { 0 } },
	{ "FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR sub/\n", "", { 0 } },
	{ "FROM scratch\nARG foo\nCOPY a${foo} .\n", "", { 0 } },
	{ "FROM scratch AS base\nARG foo=a\nFROM base\nCOPY $foo .\n", "", { 0 } },
	{ "FROM scratch\nRUN echo $nothing\nCMD [\"$nothing\"]\n", "", { 0 } },
	{ "FROM scratch\nCOPY $foo .\nARG foo=bar\nCOPY $foo .\n",
	  "UndefinedVar:2 Usage of undefined variable '$foo'\n", { 0 } },
	{ "FROM scratch\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET .\n",
	  "UndefinedVar:3 Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)\n", { 0 } },
	{ "FROM scratch\nENV PATH=$PAHT:/tmp\nENV PATH=$PATH:/a b=$b\n",
	  "UndefinedVar:2 Usage of undefined variable '$PAHT' (did you mean $PATH?)\n"
	  "UndefinedVar:3 Usage of undefined variable '$b'\n", { 0 } },
	{ "FROM scratch\nARG a=$first b=1 c=$b\nRUN --mount=target=$second true\nCOPY <<E /\n$third\nE\n",
	  "UndefinedVar:2 Usage of undefined variable '$first'\n"
	  "UndefinedVar:3 Usage of undefined variable '$second'\n"
	  "UndefinedVar:4 Usage of undefined variable '$third'\n", { 0 } },
	{ "FROM scratch\nARG a=$x\n", "", { .build_arg = "a=1" } },
	{ "ARG a=1\nFROM scratch\nARG a\nCOPY $a $TARGETARCH\n",
	  "UndefinedVar:4 Usage of undefined variable '$TARGETARCH'\n", { 0 } },
	{ "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH:?} .\n", "", { 0 } },
	/* An image may have any environment. */
	{ "FROM unknown\nCOPY $foo .\n", "", { 0 } },
	{ "# check=skip=InvalidBaseImagePlatform\nFROM known\nCOPY $foo $GOPATH\n",
	  "UndefinedVar:3 Usage of undefined variable '$foo'\n", { 0 } },
	{ "FROM scratch\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\nCMD [\"a\"]\nHEALTHCHECK CMD a\nRUN a\ncmd [\"b\"]\n"
	  "HEALTHCHECK NONE\n",
	  "MultipleInstructionsDisallowed:2 Multiple ENTRYPOINT instructions should not be used in the same stage because "
	  "only the last one will be used\n"
	  "MultipleInstructionsDisallowed:4 Multiple cmd instructions should not be used in the same stage because only "
	  "the last one will be used\n"
	  "MultipleInstructionsDisallowed:5 Multiple HEALTHCHECK instructions should not be used in the same stage "
	  "because only the last one will be used\n"
	  "ConsistentInstructionCasing:7 Command 'cmd' should match the case of the command majority (uppercase)\n", { 0 } },
	{ "FROM scratch AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n", "", { 0 } },
	{ "FROM scratch\nENV testkey value\nLABEL key value\nENV a=b\n",
	  "LegacyKeyValueFormat:2 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n"
	  "LegacyKeyValueFormat:3 \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format\n", { 0 } },
	{ "FROM --platform=${TARGETPLATFORM} scratch\n",
	  "RedundantTargetPlatform:1 Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the "
	  "default behavior\n", { 0 } },
	{ "FROM --platform=$BUILDPLATFORM scratch\n", "", { 0 } },
	{ "FROM scratch\nARG SECRET_PASSPHRASE\nENV SUPER_Secret=foo\nENV password=bar secret=baz\n"
	  "ARG super_duper_secret_token=foo auth=bar\nENV apikey=bar sunflower=foo\nENV git_key=\nENV PUBLIC_KEY=\n"
	  "ARG public_token\nARG SECRET_PASSPHRASE_FILE\nENV password_file=bar secret_File=baz\n"
	  "ARG AUTH_MODULE_VERSION MONKEY\n",
	  "SecretsUsedInArgOrEnv:2 Do not use ARG or ENV instructions for sensitive data (ARG \"SECRET_PASSPHRASE\")\n"
	  "SecretsUsedInArgOrEnv:3 Do not use ARG or ENV instructions for sensitive data (ENV \"SUPER_Secret\")\n"
	  "SecretsUsedInArgOrEnv:4 Do not use ARG or ENV instructions for sensitive data (ENV \"password\")\n"
	  "SecretsUsedInArgOrEnv:4 Do not use ARG or ENV instructions for sensitive data (ENV \"secret\")\n"
	  "SecretsUsedInArgOrEnv:5 Do not use ARG or ENV instructions for sensitive data (ARG "
	  "\"super_duper_secret_token\")\n"
	  "SecretsUsedInArgOrEnv:5 Do not use ARG or ENV instructions for sensitive data (ARG \"auth\")\n"
	  "SecretsUsedInArgOrEnv:6 Do not use ARG or ENV instructions for sensitive data (ENV \"apikey\")\n"
	  "SecretsUsedInArgOrEnv:7 Do not use ARG or ENV instructions for sensitive data (ENV \"git_key\")\n", { 0 } },
	{ "ARG VERSION\nFROM busybox:$VERSION\n",
	  "InvalidDefaultArgInFrom:2 Default value for ARG busybox:$VERSION results in empty or invalid base image name\n",
	  { .build_arg = "VERSION=latest" } },
	{ "ARG IMAGE\nFROM $IMAGE\nFROM Busy${IMAGE}\n",
	  "InvalidDefaultArgInFrom:2 Default value for ARG $IMAGE results in empty or invalid base image name\n"
	  "InvalidDefaultArgInFrom:3 Default value for ARG Busy${IMAGE} results in empty or invalid base image name\n",
	  { .build_arg = "IMAGE=box" } },
	{ "ARG V=\nFROM busybox:stable${V}\nFROM localhost:5000/a/b\nFROM Reg.io/a_b/c:1.2-X@sha256:ab\n", "", { 0 } },
	{ "FROM --platform=linux/amd64 scratch\nFROM --platform=amd64 scratch AS my_amd64_stage\n"
	  "FROM --platform=linux/arm64 scratch AS linux\n",
	  "FromPlatformFlagConstDisallowed:1 FROM --platform flag should not use constant value \"linux/amd64\"\n", { 0 } },
	{ "FROM scratch\nCOPY ./Dockerfile .\nADD a/../Dockerfile /x\nCOPY other .\nADD http://x/Dockerfile /\n",
	  "CopyIgnoredFile:2 Attempting to Copy file \"Dockerfile\" that is excluded by .dockerignore\n"
	  "CopyIgnoredFile:3 Attempting to Add file \"Dockerfile\" that is excluded by .dockerignore\n",
	  { .ignored = "Dockerfile" } },
	{ "FROM scratch AS base\nCOPY a /foobar\nFROM base\nCOPY --from=base foobar /x\n", "", { .ignored = "foobar" } },
	{ "FROM scratch\nCOPY ./Dockerfile .\nCOPY . .\n", "", { .ignored = "** !Dockerfile" } },
	{ "FROM scratch\nCOPY . .\n", "", { .ignored = ".*" } },
	{ "FROM scratch\nCOPY . .\n",
	  "CopyIgnoredFile:2 Attempting to Copy file \".\" that is excluded by .dockerignore\n", { .ignored = "*" } },
	{ "FROM scratch\nCOPY dir/file .\n",
	  "CopyIgnoredFile:2 Attempting to Copy file \"dir/file\" that is excluded by .dockerignore\n", { .ignored = "dir" } },
	{ "# check=experimental=InvalidDefinitionDescription\n# bar this is the bar\nARG foo=bar\n"
	  "# BasE this is the BasE image\nFROM scratch AS base\n# definitely bad\nARG version=latest\n# bad\n"
	  "ARG foo=baz bar=qux\n# bar is right\nARG foo bar\n# x\n#\nARG foo\n# of COPY\nCOPY a b\n",
	  "InvalidDefinitionDescription:3 Comment for ARG should follow the format: `# foo <description>`\n"
	  "InvalidDefinitionDescription:5 Comment for FROM should follow the format: `# base <description>`\n"
	  "InvalidDefinitionDescription:7 Comment for ARG should follow the format: `# version <description>`\n"
	  "InvalidDefinitionDescription:9 Comment for ARG should follow the format: `# <arg_key> <description>`\n", { 0 } },
	{ "# bar this is the bar\nARG foo=bar\nFROM scratch\n", "", { 0 } },
	{ "FROM scratch\nEXPOSE 80/TcP 8080/TCP 8080/udp\n",
	  "ExposeProtoCasing:2 Defined protocol '80/TcP' in EXPOSE instruction should be lowercase\n"
	  "ExposeProtoCasing:2 Defined protocol '8080/TCP' in EXPOSE instruction should be lowercase\n", { 0 } },
	{ "FROM scratch\nEXPOSE [::1]:8080:8080 5000:5000 8000\n",
	  "ExposeInvalidFormat:2 EXPOSE instruction should not define an IP address or host-port mapping, found "
	  "'5000:5000'\n"
	  "ExposeInvalidFormat:2 EXPOSE instruction should not define an IP address or host-port mapping, found "
	  "'[::1]:8080:8080'\n", { 0 } },
	/* A trigger is looked at where it fires, which it does in what the target needs. */
	{ "FROM scratch AS a\nONBUILD COPY $foo .\nFROM a\n", "UndefinedVar:3 Usage of undefined variable '$foo'\n", { 0 } },
	{ "FROM scratch AS a\nONBUILD COPY $foo .\nFROM a\nENV a b\nFROM scratch\n",
	  "LegacyKeyValueFormat:4 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n", { 0 } },
	/* Nothing is meant that is not there yet. */
	{ "FROM scratch\nARG auth_file=$auth_files\n", "UndefinedVar:2 Usage of undefined variable '$auth_files'\n", { 0 } },
	/* Comments speak for one instruction, the directive for all. */
	{ "FROM scratch\n# check=skip=SecretsUsedInArgOrEnv // so it is\nENV password=a\n# check=skip=all\nARG password\n"
	  "# check=skip=MaintainerDeprecated\nMAINTAINER me\n# check=nonsense\nWORKDIR a\n",
	  "WorkdirRelativePath:9 Relative workdir \"a\" can have unexpected results if the base image changes\n", { 0 } },
	{ "# check=skip=all\nFROM scratch as base\ncopy a .\n", "", { 0 } },
	{ "# check=skip=ConsistentInstructionCasing,FromAsCasing\nFROM scratch as base\ncopy a .\n", "", { 0 } },
	{ "# check=skip=all\nFROM scratch as base\ncopy a .\n",
	  "FromAsCasing:2 'as' and 'FROM' keywords' casing do not match\n",
	  { .spec = " skip = ConsistentInstructionCasing ; error = true" } },
	/* Of a build only what the target needs is looked at. */
	{ "FROM scratch AS a\nENV k v\nFROM scratch AS b\nENV k v\nFROM scratch AS c\nENV k v\nFROM a\nCOPY --from=1 x y\n",
	  "LegacyKeyValueFormat:2 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n"
	  "LegacyKeyValueFormat:4 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n",
	  { .is_build = true } },
	{ "FROM scratch AS a\nENV k v\nFROM scratch AS b\nRUN --mount=from=A,target=/x true\nFROM scratch AS c\nENV k v\n",
	  "LegacyKeyValueFormat:2 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n",
	  { .is_build = true, .target = "B" } },
};

static void rules_tell_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		char *warnings = warnings_of(scratch, cases[i].text, &cases[i].given, NULL);
		if (strcmp(warnings, cases[i].warnings) != 0)
			fail_msg("%s\n---- gave\n%s---- and not\n%s", cases[i].text, warnings, cases[i].warnings);
	}
}

static void choices_make_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *spec;
		bool is_error;
	} choices[] = {
		{ "FROM scratch\n", NULL, false },
		{ "# check=error=true\nFROM scratch\n", NULL, true },
		{ "# check=skip=A;error=1\nFROM scratch\n", NULL, true },
		{ "# check=error=true\nFROM scratch\n", "skip=all", false },
		{ "# check=error=true\nFROM scratch\n", "", false },
	};
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		CLEANUP_TALLOC void *scratch = mem_new(NULL, char);
		bool is_error;
		const struct given given = { .spec = choices[i].spec };
		warnings_of(scratch, choices[i].text, &given, &is_error);
		assert_int_equal(is_error, choices[i].is_error);
	}
}

static void malformed_choices_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *sentence;
	} bad[] = {
		{ "skip", "failed to parse check options: invalid check option \"skip\"" },
		{ "skip=all;", "failed to parse check options: invalid check option \"\"" },
		{ "jump=all", "failed to parse check options: invalid check option \"jump\"" },
		{ "error=perhaps", "failed to parse check options: error=perhaps is neither true nor false" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CLEANUP_TALLOC struct dockerfile *file = NULL;
		struct dockerfile_warning *warnings;
		struct error err = ERROR_INIT;
		unsigned count;
		bool is_error;
		const struct check_options options = { .spec = bad[i].spec };
		assert_int_equal(dockerfile_parse(NULL, "x", "FROM a", 6, &file, NULL, NULL), 0);
		assert_int_equal(dockerfile_check(file, file, &options, &warnings, &count, &is_error, &err), -1);
		assert_string_equal(err.text, bad[i].sentence);
	}
}

static void rules_have_pages(void **state)
{
	(void)state;
	assert_string_equal(check_url("JSONArgsRecommended"),
			    "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
	assert_null(check_url("InvalidBaseImagePlatform"));
	assert_null(check_url("Nonsense"));
}

static void excerpts_show_the_lines_around(void **state)
{
	(void)state;
	static const char text[] = "FROM a\n\n# c\nRUN b\t\x1b[1m\r\nRUN c\nRUN d\nRUN e\nRUN f\n";
	static const struct {
		unsigned line, last_line;
		const char *picture;
	} excerpts[] = {
		{ 4, 4,
		  "Dockerfile:4\n--------------------\n"
		  "   2 |     \n   3 |     # c\n   4 | >>> RUN b\t?[1m\n   5 |     RUN c\n   6 |     RUN d\n"
		  "--------------------\n" },
		{ 4, 5,
		  "Dockerfile:4\n--------------------\n"
		  "   3 |     # c\n   4 | >>> RUN b\t?[1m\n   5 | >>> RUN c\n   6 |     RUN d\n"
		  "--------------------\n" },
		{ 1, 1,
		  "Dockerfile:1\n--------------------\n"
		  "   1 | >>> FROM a\n   2 |     \n   3 |     # c\n"
		  "--------------------\n" },
		{ 8, 99, "Dockerfile:8\n--------------------\n   7 |     RUN e\n   8 | >>> RUN f\n   9 | >>> \n"
			 "--------------------\n" },
		{ 0, 0, "" },
		{ 10, 10, "" },
	};
	for (size_t i = 0; i < sizeof(excerpts) / sizeof(*excerpts); i++) {
		CLEANUP_TALLOC struct dockerfile *file = NULL;
		assert_int_equal(dockerfile_parse(NULL, "Dockerfile", text, strlen(text), &file, NULL, NULL), 0);
		char *picture = dockerfile_excerpt(file, file, excerpts[i].line, excerpts[i].last_line);
		assert_string_equal(picture, excerpts[i].picture);
		if (excerpts[i].line == excerpts[i].last_line)
			assert_string_equal(dockerfile_excerpt_text(file, "Dockerfile", text, strlen(text), excerpts[i].line),
					    picture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_tell_what_is_wrong),
		cmocka_unit_test(choices_make_errors),
		cmocka_unit_test(malformed_choices_are_refused),
		cmocka_unit_test(rules_have_pages),
		cmocka_unit_test(excerpts_show_the_lines_around),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
