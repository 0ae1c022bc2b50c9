/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which machines can be emulated and where their emulators are on the host. */
#include "tracer/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/code.h"
#include "tracer/path.h"

static const struct machine {
	const char *name; /* as qemu calls it */
	unsigned number;  /* EM_* of elf.h; old ones lack some */
	bool is_64, is_big;
} machines[] = {
	{ "aarch64", 183, true, false },    { "arm", 40, false, false },     { "riscv64", 243, true, false },
	{ "ppc64le", 21, true, false },     { "ppc64", 21, true, true },     { "ppc", 20, false, true },
	{ "s390x", 22, true, true },	    { "mips64el", 8, true, false },  { "mipsel", 8, false, false },
	{ "mips64", 8, true, true },	    { "mips", 8, false, true },	     { "loongarch64", 258, true, false },
	{ "riscv32", 243, false, false },   { "sparc64", 43, true, true },   { "m68k", 4, false, true },
	{ "armeb", 40, false, true },	    { "aarch64_be", 183, true, true },
};
enum { MACHINES = sizeof(machines) / sizeof(*machines) };

static struct {
	bool is_looked_for;
	struct emulator found; /* path NULL: there is none */
} emulators[MACHINES];
static const char *missing;

void foreign_reset(void)
{
	for (unsigned i = 0; i < MACHINES; i++) {
		talloc_free((char *)(uintptr_t)emulators[i].found.path);
		memset(&emulators[i], 0, sizeof(emulators[i]));
	}
	missing = NULL;
}

/* Static, for its libraries would be looked for in the guest; and for our machine. */
static bool is_usable(const char *path)
{
	struct elf e;
	char interpreter[PATH_MAX];
	CLEANUP_CLOSE int fd = access(path, X_OK) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	return fd >= 0 && elf_read(fd, &e) == 0 && e.is_64 && e.machine == arch_elf_machine[ABI_64] &&
	       elf_interpreter(fd, &e, interpreter) == 0 && !interpreter[0];
}

bool tracer_is_emulator(const char *host_path)
{
	return is_usable(host_path);
}

unsigned foreign_option_count(void)
{
	unsigned count = 0;
	for (char *const *option = session.config->emulator_options; option && *option && count < EMULATOR_OPTIONS_MAX; option++)
		count++;
	return count;
}

/* The first usable one of the folders; within one, the name that Debian gives static ones comes first. */
static char *find(const char *folders, const char *machine)
{
	for (const char *part = folders; part;) {
		size_t length = strcspn(part, ":");
		for (unsigned i = 0; i < 2 && length; i++) {
			CLEANUP_TALLOC char *path = mem_printf(NULL, "%.*s/qemu-%s%s", (int)length, part, machine,
							       i == 0 ? "-static" : "");
			CLEANUP_FREE char *real = realpath(path, NULL);
			if (real && is_usable(real))
				return mem_strdup(NULL, real);
		}
		part = part[length] ? part + length + 1 : NULL;
	}
	return NULL;
}

const struct emulator *foreign_emulator(const struct elf *e)
{
	unsigned i = 0;
	while (i < MACHINES && !(machines[i].number == e->machine && machines[i].is_64 == e->is_64 &&
				 machines[i].is_big == e->is_big))
		i++;
	if (i == MACHINES)
		return NULL;
	struct emulator *found = &emulators[i].found;
	if (!emulators[i].is_looked_for) {
		const char *folders = session.config->emulator_folders, *given = session.config->emulator;
		found->machine = machines[i].name;
		found->path = given ? mem_strdup(NULL, given) : folders ? find(folders, found->machine) : NULL;
		if (found->path && stat(found->path, &found->real) < 0)
			found->path = NULL;
		emulators[i].is_looked_for = true;
	}
	if (!found->path)
		missing = found->machine;
	return found->path ? found : NULL;
}

const char *foreign_missing(void)
{
	return missing;
}

bool foreign_is_emulator(const char *host_path)
{
	const char *origin = code_origin(host_path);
	for (unsigned i = 0; i < MACHINES; i++)
		if (emulators[i].found.path && strcmp(emulators[i].found.path, origin ? origin : host_path) == 0)
			return true;
	return false;
}
