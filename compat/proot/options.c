/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of PRoot's command line.  A later option takes the place of an earlier one. */
#include "compat/proot/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/options.h"
#include "tracer/base/text.h"

enum { PORT_MAX = 65535, STATUS_OF_PROOT = 1 };

/* What -R and -S bind of the host. */
static const char *const recommended[] = {
	"/etc/host.conf", "/etc/hosts", "/etc/hosts.equiv", "/etc/mtab", "/etc/netgroup", "/etc/networks", "/etc/passwd",
	"/etc/group", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/localtime", "/dev", "/sys", "/proc", "/tmp", "/run",
	"/var/run/dbus/system_bus_socket", "$HOME", NULL,
};
static const char *const recommended_for_root[] = {
	"/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf", "/dev", "/sys", "/proc", "/tmp",
	"/run/shm", "$HOME", NULL,
};

struct row {
	const char *letter, *name; /* with their dashes; NULL: it has none */
	const char *argument;      /* NULL: takes none */
	const char *help;
	int (*take)(struct proot_options *o, const char *value, struct error *err); /* NULL: of no effect */
	bool (*is_value)(const char *word); /* NULL: the next word always is the value */
};

static int take_rootfs(struct proot_options *o, const char *value, struct error *err)
{
	(void)err;
	o->rootfs = value;
	return 0;
}

static void add_binding(struct proot_options *o, const struct proot_binding *b)
{
	o->bindings = mem_grow(o, o->bindings, struct proot_binding, o->binding_count + 1);
	o->bindings[o->binding_count++] = *b;
}

/* HOST[:GUEST[!]] */
static int take_bind(struct proot_options *o, const char *value, struct error *err)
{
	const char *colon = strchr(value, ':');
	char *host = colon ? mem_strndup(o, value, colon - value) : mem_strdup(o, value);
	char *guest = mem_strdup(o, colon ? colon + 1 : value);
	size_t length = strlen(guest);
	bool is_at_link = length > 1 && guest[length - 1] == '!';
	if (is_at_link)
		guest[length - 1] = '\0';
	if (!*host || !*guest)
		return error_set(err, 0, "invalid binding '%s': HOST[:GUEST] is wanted", value);
	/* Bound at "/" it is the root. */
	if (guest[strspn(guest, "/")] == '\0')
		return take_rootfs(o, host, err);
	add_binding(o, &(struct proot_binding){ .host_path = host, .guest_path = guest, .is_at_link = is_at_link });
	return 0;
}

static int take_ids(struct proot_options *o, const char *value, struct error *err)
{
	const char *colon = strchr(value, ':');
	uint64_t uid, gid;
	CLEANUP_TALLOC char *user = colon ? mem_strndup(NULL, value, colon - value) : NULL;
	if (!user || !text_to_number(user, UINT32_MAX - 1, &uid) || !text_to_number(colon + 1, UINT32_MAX - 1, &gid))
		return error_set(err, 0, "invalid ids '%s': UID:GID is wanted", value);
	o->has_ids = true;
	o->uid = uid;
	o->gid = gid;
	return 0;
}

static int take_root_id(struct proot_options *o, const char *value, struct error *err)
{
	(void)value;
	return take_ids(o, "0:0", err);
}

static void add_recommended(struct proot_options *o, const char *const *paths, const char *rootfs)
{
	for (; *paths; paths++) {
		const char *path = strcmp(*paths, "$HOME") == 0 ? getenv("HOME") : *paths;
		if (path && *path == '/')
			add_binding(o, &(struct proot_binding){ .host_path = path, .guest_path = path, .is_optional = true });
	}
	/* Scripts name the root's files by its path on the host. */
	add_binding(o, &(struct proot_binding){ .host_path = rootfs, .guest_path = rootfs, .is_optional = true });
}

static int take_recommended(struct proot_options *o, const char *value, struct error *err)
{
	add_recommended(o, recommended, value);
	return take_rootfs(o, value, err);
}

static int take_recommended_for_root(struct proot_options *o, const char *value, struct error *err)
{
	add_recommended(o, recommended_for_root, value);
	return take_root_id(o, NULL, err) < 0 ? -1 : take_rootfs(o, value, err);
}

static int take_cwd(struct proot_options *o, const char *value, struct error *err)
{
	(void)err;
	o->cwd = value;
	return 0;
}

static int take_qemu(struct proot_options *o, const char *value, struct error *err)
{
	(void)err;
	o->qemu = value;
	return 0;
}

/* A release, or \SYSNAME\NODENAME\RELEASE\VERSION\MACHINE\DOMAINNAME\HWCAP\. */
static int take_kernel(struct proot_options *o, const char *value, struct error *err)
{
	const char **fields[] = { &o->kernel.sysname, &o->hostname,	  &o->kernel.release,
				  &o->kernel.version, &o->kernel.machine, &o->kernel.domain };
	o->kernel = (struct kernel_names){ .release = NULL };
	o->hostname = NULL;
	if (*value != '\\') {
		o->kernel.release = value;
		return *value ? 0 : error_set(err, 0, "invalid kernel release ''");
	}
	const char *at = value + 1;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *end = strchr(at, '\\');
		if (!end)
			return error_set(err, 0, "invalid kernel release '%s': a name or "
						 "\\SYSNAME\\NODENAME\\RELEASE\\VERSION\\MACHINE\\DOMAINNAME\\HWCAP\\ is wanted",
					 value);
		*fields[i] = end > at ? mem_strndup(o, at, end - at) : NULL;
		at = end + 1;
	}
	return 0;
}

static bool read_ports(const char *text, struct port_pair *ret)
{
	const char *colon = strchr(text, ':');
	uint64_t guest, host;
	CLEANUP_TALLOC char *first = colon ? mem_strndup(NULL, text, colon - text) : NULL;
	if (!first || !text_to_number(first, PORT_MAX, &guest) || !text_to_number(colon + 1, PORT_MAX, &host) || !guest || !host)
		return false;
	*ret = (struct port_pair){ guest, host };
	return true;
}

static bool are_ports(const char *word)
{
	/* termux/proot's -p has no value: privileged ports are high ones, which they are here in any case. */
	return word && *word >= '0' && *word <= '9' && strchr(word, ':');
}

static int take_ports(struct proot_options *o, const char *value, struct error *err)
{
	struct port_pair pair;
	if (!value)
		return 0;
	if (!read_ports(value, &pair))
		return error_set(err, 0, "invalid ports '%s': GUEST:HOST is wanted, numbers from 1 to %d", value, PORT_MAX);
	o->ports = mem_grow(o, o->ports, struct port_pair, o->port_count + 1);
	o->ports[o->port_count++] = pair;
	return 0;
}

static int take_netcoop(struct proot_options *o, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	o->is_any_port = true;
	return 0;
}

static int take_kill_on_exit(struct proot_options *o, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	o->is_kill_on_exit = true;
	return 0;
}

static int take_verbosity(struct proot_options *o, const char *value, struct error *err)
{
	char *end;
	long level = strtol(value, &end, 10);
	if (end == value || *end)
		return error_set(err, 0, "invalid verbosity '%s': a number is wanted", value);
	o->verbosity = level < -1 ? -1 : level > 9 ? 9 : (int)level;
	return 0;
}

static int take_version(struct proot_options *o, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	o->asked = PROOT_VERSION;
	return 0;
}

static int take_help(struct proot_options *o, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	o->asked = PROOT_HELP;
	return 0;
}

static const struct row rows[] = {
	{ "-r", "--rootfs", "DIR", "The guest's root, by default the host's own", take_rootfs, NULL },
	{ "-b", "--bind", "HOST[:GUEST[!]]", "Show a file or folder of the host in the guest", take_bind, NULL },
	{ "-m", "--mount", "HOST[:GUEST[!]]", "The same", take_bind, NULL },
	{ "-R", NULL, "DIR", "-r DIR, and what programs need of the host", take_recommended, NULL },
	{ "-S", NULL, "DIR", "-0 -r DIR, and what installing packages needs of it", take_recommended_for_root, NULL },
	{ "-w", "--pwd", "DIR", "Working directory, by default the caller's", take_cwd, NULL },
	{ NULL, "--cwd", "DIR", "The same", take_cwd, NULL },
	{ "-0", "--root-id", NULL, "Be root of the guest", take_root_id, NULL },
	{ "-i", "--change-id", "UID:GID", "Show the invoking user as another one", take_ids, NULL },
	{ "-q", "--qemu", "COMMAND", "Run programs for other machines by this emulator", take_qemu, NULL },
	{ "-k", "--kernel-release", "RELEASE", "What uname -r says, or all that uname says", take_kernel, NULL },
	{ "-p", "--port", "GUEST:HOST", "A port of the guest is another one of the host", take_ports, are_ports },
	{ "-n", "--netcoop", NULL, "Ports that are bound are free ones of the host", take_netcoop, NULL },
	{ NULL, "--kill-on-exit", NULL, "End all processes with the first one", take_kill_on_exit, NULL },
	{ "-v", "--verbose", "LEVEL", "1: tell what is bound; -1: no warnings", take_verbosity, NULL },
	{ "-V", "--version", NULL, "Tell the version", take_version, NULL },
	{ NULL, "--about", NULL, "The same", take_version, NULL },
	{ "-h", "--help", NULL, "Show this", take_help, NULL },
	{ NULL, "--usage", NULL, "The same", take_help, NULL },
	{ "-l", "--link2symlink", NULL, "No effect: hard links are the file system's own", NULL, NULL },
	{ NULL, "--sysvipc", NULL, "No effect: System V IPC is the kernel's own", NULL, NULL },
	{ NULL, "--ashmem-memfd", NULL, "No effect: memfd_create is the kernel's own", NULL, NULL },
	{ NULL, "--mixed-mode", "VALUE", "No effect: the host's programs need no emulator", NULL, NULL },
	{ "-H", NULL, NULL, "No effect: there are no files to hide", NULL, NULL },
	{ "-L", NULL, NULL, "No effect: sizes of symlinks are right", NULL, NULL },
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* Does the word begin with this name, alone or before a separator?  *ret_value: what is behind, or NULL. */
static bool is_named(const char *word, const char *name, char separator, const char **ret_value)
{
	size_t length = name ? strlen(name) : 0;
	if (!name || strncmp(word, name, length) != 0 || (word[length] && word[length] != separator))
		return false;
	*ret_value = word[length] ? word + length + 1 : NULL;
	return true;
}

static int parse_word(struct proot_options *o, int argc, char **argv, int *at, struct error *err)
{
	const char *word = argv[*at], *value = NULL;
	const struct row *row = rows;
	while (row < rows + ROWS && !is_named(word, row->letter, ' ', &value) && !is_named(word, row->name, '=', &value))
		row++;
	if (row == rows + ROWS)
		return error_set(err, 0, "unknown option '%s'", word);
	if (value && !row->argument)
		return error_set(err, 0, "option '%.*s' takes no value", (int)(value - 1 - word), word);
	if (row->argument && !value) {
		const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
		bool is_there = row->is_value ? row->is_value(next) : next != NULL;
		if (!is_there && !row->is_value)
			return error_set(err, 0, "option '%s' needs a value: %s", word, row->argument);
		value = is_there ? next : NULL;
		*at += is_there;
	}
	return row->take ? row->take(o, value, err) : 0;
}

int proot_options_parse(const void *ctx, int argc, char **argv, struct proot_options **ret, int *ret_command,
			struct error *err)
{
	struct proot_options *o = mem_new(ctx, struct proot_options);
	const char *verbosity = getenv("PROOT_VERBOSE");
	int at = 1;
	if (verbosity && take_verbosity(o, verbosity, NULL) < 0)
		o->verbosity = 0;
	for (; at < argc && argv[at][0] == '-' && o->asked == PROOT_RUN; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (parse_word(o, argc, argv, &at, err) < 0) {
			talloc_free(o);
			return error_status(err, STATUS_OF_PROOT);
		}
	}
	*ret = o;
	*ret_command = at;
	return 0;
}

void proot_options_print_help(FILE *out)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		int n = fprintf(out, "  %s%s%s", row->letter ? row->letter : row->name ? "    " : "",
				row->letter && row->name ? ", " : "", row->name ? row->name : "");
		options_print_rest(out, n, row->argument, row->help);
	}
}
