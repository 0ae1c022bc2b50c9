/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's config.json: what is read, what is refused with which sentence, what is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "compat/runc/spec.h"
#include "oci/runtimespec.h"
#include "tests/unit/own_memory.h"
#include "tracer/base/io.h"

static char bundle[64]; /* a folder with an empty "rootfs" */

#define PROCESS "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]}"
#define ROOT "\"root\":{\"path\":\"rootfs\"}"
#define FIRST "{\"ociVersion\":\"1.0.2\"," ROOT ","
/* A document that is right but for one member: of the top level, of process, of linux. */
#define TOP(member) FIRST PROCESS "," member "}"
#define OF_PROCESS(member) FIRST "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]," member "}}"
#define OF_USER(member) OF_PROCESS("\"user\":{" member "}")
#define OF_LINUX(member) TOP("\"linux\":{" member "}")
#define MOUNT(members) TOP("\"mounts\":[{" members "}]")

static void write_config(const char *text)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/config.json", bundle);
	struct error err = ERROR_INIT;
	if (io_write_file(AT_FDCWD, path, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.text);
}

static struct spec *read_text(void **state, const char *text)
{
	struct spec *spec;
	struct error err = ERROR_INIT;
	write_config(text);
	if (spec_read(*state, bundle, &spec, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return spec;
}

/* The sentence of the failure, without the file's name. */
static void expect_failure(void **state, const char *text, const char *sentence)
{
	struct spec *spec = NULL;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *whole = mem_printf(NULL, "%s/config.json%s", bundle, sentence);
	write_config(text);
	if (spec_read(*state, bundle, &spec, &err) == 0)
		fail_msg("is read: %s", text);
	assert_null(spec);
	assert_string_equal(err.text, whole);
}

static void bad_documents_are_named(void **state)
{
	static const struct {
		const char *text, *sentence;
	} cases[] = {
		{ "{}", ": ociVersion is missing" },
		{ "[]", ": is an array, not an object" },
		{ "{\"ociVersion\":\"1.0.2\"," PROCESS "}", ": root is missing" },
		{ "{\"ociVersion\":\"1.0.2\",\"root\":{}," PROCESS "}", ": root.path is missing" },
		{ "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"\"}," PROCESS "}", ": root.path is empty" },
		{ "{\"ociVersion\":1}", ": ociVersion is a number, not a string" },
		{ "{\"ociVersion\":\"2.0.0\"," ROOT "," PROCESS "}",
		  ": ociVersion is '2.0.0', a version of the runtime-spec that is not known: 1.0.0 to 1.2.1 are" },
		{ TOP("\"hostname\":[]"), ": hostname is an array, not a string" },
		{ TOP("\"annotations\":{\"a\":1}"), ": annotations.a is a number, not a string" },
		{ TOP("\"mounts\":{}"), ": mounts is an object, not an array" },
		{ TOP("\"mounts\":[1]"), ": mounts[0] is a number, not an object" },
		{ TOP("\"hooks\":{\"prestart\":[{\"path\":\"a\"}]}"),
		  ": hooks.prestart[0].path is 'a', not an absolute path" },
		{ TOP("\"hooks\":{\"poststop\":[{\"path\":\"/a\"},{\"path\":\"/a\",\"timeout\":0}]}"),
		  ": hooks.poststop[1].timeout is 0, not a number from 1 to 2147483647" },
		{ FIRST "\"process\":{\"args\":[\"sh\"]}}", ": process.cwd is missing" },
		{ FIRST "\"process\":{\"cwd\":\"x\",\"args\":[\"sh\"]}}", ": process.cwd is 'x', not an absolute path" },
		{ FIRST "\"process\":{\"cwd\":\"/\"}}", ": process.args is missing or empty" },
		{ FIRST "\"process\":{\"cwd\":\"/\",\"args\":[]}}", ": process.args is missing or empty" },
		{ FIRST "\"process\":{\"cwd\":\"/\",\"args\":\"sh\"}}", ": process.args is a string, not an array of strings" },
		{ FIRST "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\",1]}}", ": process.args[1] is a number, not a string" },
		{ OF_PROCESS("\"terminal\":\"yes\""), ": process.terminal is a string, not true or false" },
		{ OF_PROCESS("\"env\":[\"A=b\",\"C\"]"), ": process.env has 'C', which is not NAME=VALUE" },
		{ OF_PROCESS("\"env\":[\"=b\"]"), ": process.env has '=b', which is not NAME=VALUE" },
		{ OF_PROCESS("\"consoleSize\":{\"height\":1}"), ": process.consoleSize.width is missing" },
		{ OF_USER("\"uid\":-1"), ": process.user.uid is -1, not a number from 0 to 2147483647" },
		{ OF_USER("\"gid\":2147483648"), ": process.user.gid is 2147483648, not a number from 0 to 2147483647" },
		{ OF_USER("\"uid\":4294967296"), ": process.user.uid is 4294967296, not a number from 0 to 2147483647" },
		{ OF_USER("\"uid\":1.5"), ": process.user.uid is 1.5, not a whole number from 0 to 2147483647" },
		{ OF_USER("\"uid\":18446744073709551616"),
		  ": process.user.uid is 1.8446744073709552e+19, not a whole number from 0 to 2147483647" },
		{ OF_USER("\"additionalGids\":[1,-5]"),
		  ": process.user.additionalGids[1] is -5, not a number from 0 to 2147483647" },
		{ OF_USER("\"umask\":4096"), ": process.user.umask is 4096, not a number from 0 to 4095" },
		{ OF_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"),
		  ": process.rlimits[0].type is 'RLIMIT_X', which is no resource limit" },
		{ OF_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]"),
		  ": process.rlimits[0] has a soft limit above the hard one" },
		{ OF_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":-1,\"hard\":1}]"),
		  ": process.rlimits[0].soft is not a whole number from 0 to 18446744073709551615" },
		{ OF_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},"
			     "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":2}]"),
		  ": process.rlimits has a resource twice" },
		{ MOUNT("\"type\":\"proc\""), ": mounts[0].destination is missing" },
		{ MOUNT("\"destination\":\"\""), ": mounts[0].destination is empty" },
		{ MOUNT("\"destination\":\"/x\""), ": mounts[0].type is missing" },
		{ MOUNT("\"destination\":\"/x\",\"options\":[\"bind\"]"),
		  ": mounts[0].source is missing, which a bind mount needs" },
		{ MOUNT("\"destination\":\"/x\",\"source\":\"/y\",\"options\":[\"rbind\",\"idmap\"]"),
		  ": mounts[0].options has 'idmap', which cannot be had: it needs user namespaces" },
		{ MOUNT("\"destination\":\"/x\",\"type\":\"proc\",\"uidMappings\":[{\"containerID\":0}]"),
		  ": mounts[0].uidMappings cannot be had: it needs user namespaces" },
		{ OF_LINUX("\"namespaces\":[{\"type\":\"foo\"}]"),
		  ": linux.namespaces[0].type is 'foo', which is no kind of namespace" },
		{ OF_LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"), ": linux.namespaces has a kind twice" },
		{ OF_LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/none\"}]"),
		  ": linux.namespaces[0].path is '/proc/none': No such file or directory" },
		{ OF_LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"/etc/passwd\"}]"),
		  ": linux.namespaces[0].path is '/etc/passwd': another pid namespace cannot be joined" },
		{ OF_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"q\"}]"),
		  ": linux.devices[0].type is 'q', not one of c, b, u, p" },
		{ OF_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1}]"),
		  ": linux.devices[0].minor is missing" },
		{ OF_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":-1}]"),
		  ": linux.devices[0].minor is -1, not a number from 0 to 1048575" },
		{ OF_LINUX("\"maskedPaths\":[\"/a\",\"b\"]"), ": linux.maskedPaths has 'b', which is not an absolute path" },
		{ OF_LINUX("\"rootfsPropagation\":\"odd\""), ": linux.rootfsPropagation is 'odd', which is no propagation" },
		{ OF_LINUX("\"intelRdt\":{\"closID\":\"x\"}"),
		  ": linux.intelRdt cannot be had: it needs resctrl, which is root's" },
		{ OF_LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":-1,\"size\":1}]"),
		  ": linux.uidMappings[0].hostID is not a whole number from 0 to 18446744073709551615" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_failure(state, cases[i].text, cases[i].sentence);
}

static void what_is_no_json_is_named(void **state)
{
	enum { DEPTH = 100000 };
	CLEANUP_TALLOC char *deep = mem_array(NULL, char, 2 * DEPTH + 1);
	memset(deep, '[', DEPTH);
	memset(deep + DEPTH, ']', DEPTH);
	expect_failure(state, deep, " is not valid JSON: line 1: maximum parsing depth reached near '['");
	expect_failure(state, "", " is not valid JSON: line 1: '[' or '{' expected near end of file");
	expect_failure(state, "{\"ociVersion\":\"1.0.2\",\"ociVersion\":\"1.0.2\"}",
		       " is not valid JSON: line 1: duplicate object key near '\"ociVersion\"'");
	expect_failure(state, FIRST "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"args\":[\"b\"]}}",
		       " is not valid JSON: line 1: duplicate object key near '\"args\"'");
}

/* Written or escaped, it would end a name early. */
static void a_nul_byte_is_refused(void **state)
{
	static const char text[] = TOP("\"hostname\":\"a\0b\"");
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/config.json", bundle);
	CLEANUP_TALLOC char *sentence = mem_printf(NULL, "%s is not valid JSON: it has a NUL in it", path);
	struct spec *spec;
	struct error err = ERROR_INIT;
	if (io_write_file(AT_FDCWD, path, text, sizeof(text) - 1, 0644, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(spec_read(*state, bundle, &spec, &err), -1);
	assert_string_equal(err.text, sentence);
	error_clear(&err);
	write_config(TOP("\"hostname\":\"a\\u0000b\""));
	assert_int_equal(spec_read(*state, bundle, &spec, &err), -1);
	assert_non_null(strstr(err.text, "config.json is not valid JSON: line 1: \\u0000 is not allowed"));
}

static void a_huge_document_is_refused(void **state)
{
	struct spec *spec;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/config.json", bundle);
	write_config(TOP("\"hostname\":\"x\""));
	assert_int_equal(truncate(path, (16 << 20) + 1), 0);
	assert_int_equal(spec_read(*state, bundle, &spec, &err), -1);
	assert_non_null(strstr(err.text, "config.json"));
	assert_non_null(strstr(err.text, "larger than"));
}

static void a_missing_bundle_or_document_is_named(void **state)
{
	struct spec *spec;
	struct error err = ERROR_INIT;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/config.json", bundle);
	unlink(path);
	assert_int_equal(spec_read(*state, bundle, &spec, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(err.number, ENOENT);
	error_clear(&err);
	assert_int_equal(spec_read(*state, "/no/such/folder", &spec, &err), -1);
	assert_string_equal(err.text, "cannot find the bundle '/no/such/folder': No such file or directory");
}

static void versions_are_those_of_semver(void **state)
{
	static const char *const good[] = { "1.0.0", "1.0.2-dev", "1.2.1", "1.2.1+dev", "1.0.0-rc5-dev" };
	static const char *const bad[] = { "", "1", "1.0", "0.5.0", "1.x.0", "1.0.", "1.0.2dev", "10.0.0", "v1.0.0" };
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CLEANUP_TALLOC char *text = mem_printf(NULL, "{\"ociVersion\":\"%s\"," ROOT "," PROCESS "}", good[i]);
		assert_string_equal(read_text(state, text)->oci_version, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CLEANUP_TALLOC char *text = mem_printf(NULL, "{\"ociVersion\":\"%s\"," ROOT "," PROCESS "}", bad[i]);
		CLEANUP_TALLOC char *sentence = mem_printf(
			NULL, ": ociVersion is '%s', a version of the runtime-spec that is not known: 1.0.0 to 1.2.1 are",
			bad[i]);
		expect_failure(state, text, sentence);
	}
}

#define WITH_ROOT(path) "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"" path "\"}," PROCESS "}"

static void a_root_behind_a_symlink_is_refused(void **state)
{
	CLEANUP_TALLOC char *link_path = mem_printf(NULL, "%s/link", bundle);
	CLEANUP_TALLOC char *file = mem_printf(NULL, "%s/file", bundle);
	assert_int_equal(symlink("/etc", link_path), 0);
	assert_int_equal(close(open(file, O_WRONLY | O_CREAT, 0644)), 0);
	static const struct {
		const char *text, *end;
	} cases[] = {
		{ WITH_ROOT("link"), "/link', which is a symlink or behind one: it leads to '/etc'" },
		{ WITH_ROOT("link/apt"), "/link/apt', which is a symlink or behind one: it leads to '/etc/apt'" },
		{ WITH_ROOT("none"), "/none': it does not exist" },
		{ WITH_ROOT("file"), "/file', which is no directory" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_TALLOC char *sentence = mem_printf(NULL, ": root.path is '%s%s", bundle, cases[i].end);
		if (i == 1 && access("/etc/apt", F_OK) != 0)
			continue;
		expect_failure(state, cases[i].text, sentence);
	}
	unlink(link_path);
	unlink(file);
}

static void a_root_is_clean_and_absolute(void **state)
{
	CLEANUP_TALLOC char *expected = mem_printf(NULL, "%s/rootfs", bundle);
	assert_string_equal(read_text(state, WITH_ROOT("./x/..//rootfs/"))->root, expected);
	assert_string_equal(read_text(state, WITH_ROOT("/../../"))->root, "/");
}

static void a_process_is_read(void **state)
{
	struct spec_process *p = read_text(state, OF_PROCESS(
		"\"terminal\":true,\"consoleSize\":{\"height\":25,\"width\":80},\"env\":[\"A=b=c\",\"D=\"],"
		"\"user\":{\"uid\":2147483647,\"gid\":1,\"umask\":63,\"additionalGids\":[5,6]},\"noNewPrivileges\":true,"
		"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"cap_kill\",\"CAP_NEW\"],\"permitted\":[\"CAP_BPF\",\"CAP_CHECKPOINT_RESTORE\"],"
		"\"inheritable\":[\"CAP_CHECKPOINT_RESTORE\"],\"ambient\":[\"CAP_BPF\",\"CAP_CHECKPOINT_RESTORE\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1024,\"hard\":18446744073709551615}]"))->process;
	assert_true(p->has_terminal && p->has_no_new_privileges && p->has_capabilities && p->user.has_umask);
	assert_int_equal(p->rows, 25);
	assert_int_equal(p->columns, 80);
	assert_int_equal(p->user.uid, 2147483647);
	assert_int_equal(p->user.gid, 1);
	assert_int_equal(p->user.umask, 077);
	assert_int_equal(p->user.additional_gid_count, 2);
	assert_int_equal(p->user.additional_gids[1], 6);
	assert_int_equal(p->env->count, 2);
	assert_int_equal(p->capabilities.bounding, 1 << 0 | 1 << 5);
	assert_int_equal(p->capabilities.ambient, UINT64_C(1) << 40);
	assert_int_equal(p->capabilities.effective, 0);
	assert_int_equal(p->rlimit_count, 1);
	assert_int_equal(p->rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(p->rlimits[0].soft, 1024);
	assert_true(p->rlimits[0].hard == UINT64_MAX);
	p = read_text(state, FIRST PROCESS "}")->process;
	assert_false(p->has_capabilities || p->user.has_umask || p->has_terminal);
	assert_int_equal(p->env->count, 0);
}

static void mounts_are_read(void **state)
{
	struct spec *spec = read_text(state, TOP(
		"\"mounts\":[{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"noexec\",\"exec\",\"mode=755\",\"tmpcopyup\",\"size=64k\"]},"
		"{\"destination\":\"data\",\"type\":\"none\",\"source\":\"volume\",\"options\":[\"rbind\",\"ro\",\"rslave\",\"rro\",\"rsuid\"]},"
		"{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/y\"}]"));
	assert_int_equal(spec->mount_count, 3);
	const struct spec_mount *m = spec->mounts;
	assert_int_equal(m->flags, MS_NOSUID);
	assert_true(m->copies_up);
	assert_string_equal(m->data, "mode=755,size=64k");
	assert_string_equal(m->type, "tmpfs");
	CLEANUP_TALLOC char *source = mem_printf(NULL, "%s/volume", bundle);
	assert_string_equal(m[1].source, source);
	assert_string_equal(m[1].type, "bind");
	assert_string_equal(m[1].destination, "/data");
	assert_int_equal(m[1].flags, MS_BIND | MS_REC | MS_RDONLY);
	assert_int_equal(m[1].recursive_flags, MS_RDONLY);
	assert_int_equal(m[1].recursive_cleared, MS_NOSUID);
	assert_int_equal(m[1].propagation, MS_SLAVE | MS_REC);
	assert_string_equal(m[1].data, "");
	assert_int_equal(m[2].flags, MS_BIND);
	assert_int_equal(spec->notes.warnings->count, 1);
	assert_non_null(strstr(spec->notes.warnings->items[0], "mounts[1] has a relative destination, taken for '/data'"));
}

static void devices_and_hooks_are_read(void **state)
{
	struct spec *spec = read_text(state, TOP(
		"\"hooks\":{\"prestart\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"args\":[\"b\",\"x\"],\"env\":[\"K=v\"],\"timeout\":3}]},"
		"\"linux\":{\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":8630,\"gid\":5},"
		"{\"path\":\"/dev/p\",\"type\":\"p\"}],\"rootfsPropagation\":\"rslave\",\"cgroupsPath\":\"/a\"}"));
	assert_int_equal(spec->hooks[HOOK_PRESTART].count, 2);
	assert_null(spec->hooks[HOOK_PRESTART].items[0].args);
	assert_string_equal(spec->hooks[HOOK_PRESTART].items[1].args->items[1], "x");
	assert_int_equal(spec->hooks[HOOK_PRESTART].items[1].timeout_seconds, 3);
	assert_int_equal(spec->hooks[HOOK_POSTSTOP].count, 0);
	assert_int_equal(spec->devices[0].mode, S_IFCHR | 0666);
	assert_int_equal(spec->devices[0].device, makedev(10, 229));
	assert_int_equal(spec->devices[0].gid, 5);
	assert_int_equal(spec->devices[1].mode, S_IFIFO | 0666);
	assert_int_equal(spec->rootfs_propagation, MS_SLAVE | MS_REC);
	assert_string_equal(spec->cgroups_path, "/a");
}

static void joins_to_our_own_namespaces_are_nothing_to_do(void **state)
{
	struct spec *spec = read_text(state, OF_LINUX("\"namespaces\":[{\"type\":\"ipc\",\"path\":\"/proc/self/ns/ipc\"},"
						      "{\"type\":\"mount\"},{\"type\":\"uts\",\"path\":\"\"}]"));
	assert_int_equal(spec->namespace_count, 2);
	assert_int_equal(spec->namespaces[0].clone_flag, CLONE_NEWNS);
	assert_int_equal(spec->namespaces[1].clone_flag, CLONE_NEWUTS);
	assert_null(spec->namespaces[1].path);
}

static void expect_list(const struct strlist *list, const char *expected)
{
	CLEANUP_TALLOC char *text = mem_strdup(NULL, "");
	for (size_t i = 0; i < list->count; i++)
		text = mem_append(text, "%s%s", i ? " " : "", list->items[i]);
	assert_string_equal(text, expected);
}

static void what_is_not_held_to_is_told(void **state)
{
	struct spec *spec = read_text(state, TOP(
		"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"},\"sysctl\":{},\"cgroupsPath\":\"/x\","
		"\"resources\":{\"devices\":[{\"allow\":false}],\"memory\":{\"limit\":0,\"disableOOMKiller\":false},"
		"\"cpu\":{\"shares\":2}},\"personality\":{\"domain\":\"LINUX32\"},"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":4294967295}]},\"windows\":{\"a\":1},\"new\":1"));
	expect_list(spec->notes.unsupported, "linux.resources.cpu");
	expect_list(spec->notes.harmless, "linux.uidMappings linux.resources.devices linux.cgroupsPath");
	spec = read_text(state, OF_PROCESS("\"apparmorProfile\":\"p\",\"selinuxLabel\":\"\",\"oomScoreAdj\":0,"
					   "\"capabilities\":{\"bounding\":[\"CAP_NEW\"]}"));
	expect_list(spec->notes.unsupported, "process.apparmorProfile");
	assert_int_equal(spec->notes.warnings->count, 1);
	assert_non_null(strstr(spec->notes.warnings->items[0],
			       "process.capabilities.bounding has an unknown capability 'CAP_NEW', which is left out"));
}

static void a_process_document_is_read_alone(void **state)
{
	static const char text[] = "{\"cwd\":\"/w\",\"args\":[\"a\"],\"apparmorProfile\":\"p\"}";
	CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/process.json", bundle);
	struct spec_process *process;
	struct spec_notes notes;
	struct error err = ERROR_INIT;
	assert_int_equal(io_write_file(AT_FDCWD, path, text, sizeof(text) - 1, 0644, &err), 0);
	assert_int_equal(spec_read_process(*state, path, &process, &notes, &err), 0);
	assert_string_equal(process->cwd, "/w");
	expect_list(notes.unsupported, "apparmorProfile");
	assert_int_equal(io_write_file(AT_FDCWD, path, "{\"cwd\":\"/w\"}", 12, 0644, &err), 0);
	assert_int_equal(spec_read_process(*state, path, &process, NULL, &err), -1);
	CLEANUP_TALLOC char *sentence = mem_printf(NULL, "%s: args is missing or empty", path);
	assert_string_equal(err.text, sentence);
	unlink(path);
}

static void a_document_can_be_read_again_without_its_files(void **state)
{
	struct spec *spec = read_text(state, TOP("\"hostname\":\"h\"")), *again;
	struct error err = ERROR_INIT;
	assert_int_equal(spec_of_document(*state, "/gone", "state.json", spec->document, &again, &err), 0);
	talloc_free(spec);
	assert_string_equal(again->root, "/gone/rootfs");
	assert_string_equal(again->hostname, "h");
}

static void examples_are_valid(void **state)
{
	struct spec *spec = read_text(state, json_dump_indented(*state, runtimespec_example(*state, false)));
	assert_true(spec->is_root_read_only && spec->process->has_terminal);
	assert_int_equal(spec->mount_count, 7);
	expect_list(spec->notes.unsupported, "");
	spec = read_text(state, json_dump_indented(*state, runtimespec_example(*state, true)));
	assert_string_equal(spec->mounts[5].type, "bind");
	expect_list(spec->notes.harmless, "linux.uidMappings linux.gidMappings");
}

static void names_of_capabilities_are_read(void **state)
{
	(void)state;
	assert_int_equal(spec_capability("CAP_SYS_ADMIN"), 21);
	assert_int_equal(spec_capability("sys_admin"), 21);
	assert_int_equal(spec_capability("CAP_"), -1);
	assert_string_equal(spec_capability_name(21), "SYS_ADMIN");
	assert_null(spec_capability_name(41));
	assert_null(spec_capability_name(-1));
}

static int make_bundle(void **state)
{
	(void)state;
	snprintf(bundle, sizeof(bundle), "/tmp/spec-test-XXXXXX");
	if (!mkdtemp(bundle))
		return -1;
	CLEANUP_TALLOC char *root = mem_printf(NULL, "%s/rootfs", bundle);
	return mkdir(root, 0755);
}

static int remove_bundle(void **state)
{
	(void)state;
	return io_remove_tree(AT_FDCWD, bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_documents_are_named),
		TEST(what_is_no_json_is_named),
		TEST(a_nul_byte_is_refused),
		TEST(a_huge_document_is_refused),
		TEST(a_missing_bundle_or_document_is_named),
		TEST(versions_are_those_of_semver),
		TEST(a_root_behind_a_symlink_is_refused),
		TEST(a_root_is_clean_and_absolute),
		TEST(a_process_is_read),
		TEST(mounts_are_read),
		TEST(devices_and_hooks_are_read),
		TEST(joins_to_our_own_namespaces_are_nothing_to_do),
		TEST(what_is_not_held_to_is_told),
		TEST(a_process_document_is_read_alone),
		TEST(a_document_can_be_read_again_without_its_files),
		TEST(examples_are_valid),
		TEST(names_of_capabilities_are_read),
	};
	return cmocka_run_group_tests_name("spec", tests, make_bundle, remove_bundle);
}
