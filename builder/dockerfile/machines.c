/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what checks need to know of platforms; what an image is for is oci's. */
#include "builder/dockerfile/machines.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#include "tracer/base/mem.h"

static const char *const systems[] = {
	"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js",
	"linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos", NULL,
};
static const char *const architectures[] = {
	"386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64",
	"mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x",
	"sparc", "sparc64", "wasm", NULL,
};
/* Names of architectures, with the variant that they imply; the first match counts.  NULL: any. */
static const struct alias {
	const char *architecture, *variant, *to_architecture, *to_variant;
} aliases[] = {
	{ "i386", NULL, "386", "" },         { "i686", NULL, "386", "" },
	{ "x86_64", "v1", "amd64", "" },     { "x86-64", "v1", "amd64", "" },
	{ "amd64", "v1", "amd64", "" },      { "x86_64", NULL, "amd64", NULL },
	{ "x86-64", NULL, "amd64", NULL },   { "aarch64", "8", "arm64", "" },
	{ "aarch64", "v8", "arm64", "" },    { "arm64", "8", "arm64", "" },
	{ "arm64", "v8", "arm64", "" },      { "aarch64", NULL, "arm64", NULL },
	{ "armhf", NULL, "arm", "v7" },      { "armel", NULL, "arm", "v6" },
	{ "armv7l", NULL, "arm", "v7" },     { "armv6l", NULL, "arm", "v6" },
	{ "arm", "", "arm", "v7" },          { "arm", "7", "arm", "v7" },
	{ "arm", "6", "arm", "v6" },         { "arm", "5", "arm", "v5" },
	{ "loongarch64", NULL, "loong64", NULL },
};

static bool is_one_of(const char *text, const char *const *options)
{
	for (; *options; options++)
		if (strcmp(*options, text) == 0)
			return true;
	return false;
}

static struct machine *make(const void *ctx, const char *os, const char *architecture, const char *variant)
{
	struct machine *p = mem_new(ctx, struct machine);
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
		const struct alias *a = &aliases[i];
		if (strcmp(a->architecture, architecture) != 0 || (a->variant && strcmp(a->variant, variant) != 0))
			continue;
		architecture = a->to_architecture;
		variant = a->to_variant ? a->to_variant : variant;
		break;
	}
	p->os = mem_strdup(p, strcmp(os, "macos") == 0 ? "darwin" : os);
	p->architecture = mem_strdup(p, architecture);
	p->variant = mem_strdup(p, variant);
	p->text = mem_printf(p, "%s/%s%s%s", p->os, p->architecture, *variant ? "/" : "", variant);
	return p;
}

struct machine *machine_of_host(const void *ctx)
{
	struct utsname name;
	return make(ctx, "linux", uname(&name) < 0 ? "amd64" : name.machine, "");
}

static bool is_component(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	return *text && text[strspn(text, allowed)] == '\0';
}

struct machine *machine_parse(const void *ctx, const char *text)
{
	enum { PARTS_MAX = 3 };
	CLEANUP_TALLOC char *copy = mem_strdup(NULL, text);
	const char *parts[PARTS_MAX] = { copy, "", "" };
	int count = 1;
	for (char *p = copy; *p; p++) {
		*p = (char)tolower((unsigned char)*p);
		if (*p != '/')
			continue;
		if (count == PARTS_MAX)
			return NULL;
		*p = '\0';
		parts[count++] = p + 1;
	}
	for (int i = 0; i < count; i++)
		if (!is_component(parts[i]))
			return NULL;
	if (count > 1)
		return make(ctx, parts[0], parts[1], parts[2]);
	CLEANUP_TALLOC struct machine *host = machine_of_host(NULL);
	if (is_one_of(copy, systems))
		return make(ctx, copy, host->architecture, host->variant);
	CLEANUP_TALLOC struct machine *alone = make(NULL, "linux", copy, "");
	return is_one_of(alone->architecture, architectures) ? make(ctx, "linux", copy, "") : NULL;
}
