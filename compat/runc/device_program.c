/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the translation of rules for devices to BPF, and bpf(2). */
#include "compat/runc/device_program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

/* linux/bpf.h, linux/bpf_common.h: what is younger than the oldest headers. */
enum { PROGRAM_LOAD = 5, PROGRAM_ATTACH = 8, PROGRAM_DETACH = 9, PROGRAM_FD_BY_ID = 13, PROGRAM_QUERY = 16 };
enum { TYPE_DEVICE = 15, AT_DEVICE = 6, ALLOWS_MORE = 2 /* BPF_F_ALLOW_MULTI */ };
enum { LOAD_WORD = 0x61, SET = 0xb7, AND = 0x57, AND_32 = 0x54, SHIFT_RIGHT_32 = 0x74, EXIT = 0x95 };
enum { JUMP = 0x05, JUMP_IF_SET = 0x45, JUMP_UNLESS = 0x55 };
enum { RESULT, CONTEXT, KIND, ACCESS, MAJOR, MINOR }; /* registers */
enum { IS_BLOCK = 1, IS_CHARACTER = 2 };             /* BPF_DEVCG_DEV_* */
enum { RULE_MAX = 8, FRAME = 8, PROGRAMS_MAX = 64 /* BPF_CGROUP_MAX_PROGS */ };

static void put(struct device_program *p, uint8_t code, unsigned registers, int16_t offset, int32_t value)
{
	p->items[p->count++] = (struct device_instruction){ code, (uint8_t)registers, offset, value };
}

/* Leave out `length` instructions unless the register is this. */
static void put_test(struct device_program *p, unsigned number, uint32_t value, size_t end)
{
	put(p, JUMP_UNLESS, number, (int16_t)(end - p->count - 1), (int32_t)value);
}

/* An instruction for each thing that is compared, then the verdict. */
static void put_rule(struct device_program *p, const struct device_rule *rule)
{
	size_t verdict = rule->is_allowed ? 4 : 3;
	size_t end = p->count + (rule->kind != 'a') + (rule->major >= 0) + (rule->minor >= 0) + verdict;
	if (rule->kind != 'a')
		put_test(p, KIND, rule->kind == 'b' ? IS_BLOCK : IS_CHARACTER, end);
	if (rule->major >= 0)
		put_test(p, MAJOR, (uint32_t)rule->major, end);
	if (rule->minor >= 0)
		put_test(p, MINOR, (uint32_t)rule->minor, end);
	if (!rule->is_allowed) {
		put(p, JUMP_IF_SET, ACCESS, 1, (int32_t)rule->access);
		put(p, JUMP, 0, 1, 0);
		put(p, EXIT, 0, 0, 0);
		return;
	}
	/* What is left to be decided. */
	put(p, AND, ACCESS, 0, (int32_t)~rule->access);
	put(p, JUMP_UNLESS, ACCESS, 2, 0);
	put(p, SET, RESULT, 0, 1);
	put(p, EXIT, 0, 0, 0);
}

struct device_program *device_program_make(const void *ctx, const struct device_rules *rules)
{
	struct device_program *p = mem_new(ctx, struct device_program);
	p->items = mem_array(p, struct device_instruction, rules->count * RULE_MAX + FRAME);
	/* struct bpf_cgroup_dev_ctx: the access above the kind, major, minor */
	put(p, LOAD_WORD, ACCESS | CONTEXT << 4, 0, 0);
	put(p, LOAD_WORD, KIND | CONTEXT << 4, 0, 0);
	put(p, SHIFT_RIGHT_32, ACCESS, 0, 16);
	put(p, AND_32, KIND, 0, 0xffff);
	put(p, LOAD_WORD, MAJOR | CONTEXT << 4, 4, 0);
	put(p, LOAD_WORD, MINOR | CONTEXT << 4, 8, 0);
	put(p, SET, RESULT, 0, 0);
	for (size_t i = rules->count; i-- > 0;)
		put_rule(p, &rules->items[i]);
	put(p, EXIT, 0, 0, 0);
	return p;
}

/* ---- bpf(2) ---- */

static long call(int command, void *attributes, size_t size)
{
	long r = syscall(SYS_bpf, command, attributes, size);
	return r < 0 ? -errno : r;
}

static int load(const struct device_program *program)
{
	static const char license[] = "Apache-2.0";
	struct {
		uint32_t type, count;
		uint64_t instructions, license;
		uint32_t log_level, log_size;
		uint64_t log;
		uint32_t kernel_version, flags;
	} attributes = { .type = TYPE_DEVICE, .count = (uint32_t)program->count,
			 .instructions = (uintptr_t)program->items, .license = (uintptr_t)license };
	struct rlimit saved, raised;
	/* Before 5.11 programs are locked memory. */
	bool is_raised = getrlimit(RLIMIT_MEMLOCK, &saved) == 0;
	raised = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	is_raised = is_raised && setrlimit(RLIMIT_MEMLOCK, &raised) == 0;
	int fd = (int)call(PROGRAM_LOAD, &attributes, sizeof(attributes));
	if (is_raised)
		setrlimit(RLIMIT_MEMLOCK, &saved);
	return fd;
}

/* PROGRAM_ATTACH, or PROGRAM_DETACH. */
static int attach(int command, int folder_fd, int program_fd)
{
	uint32_t attributes[4] = { (uint32_t)folder_fd, (uint32_t)program_fd, AT_DEVICE, command == PROGRAM_ATTACH ? ALLOWS_MORE : 0 };
	return (int)call(command, attributes, sizeof(attributes));
}

/* All programs on a group must agree, so those of before go when the new one is there. */
static void detach_old(int folder_fd, const uint32_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t attributes[3] = { ids[i], 0, 0 };
		CLEANUP_CLOSE int fd = (int)call(PROGRAM_FD_BY_ID, attributes, sizeof(attributes));
		if (fd >= 0)
			attach(PROGRAM_DETACH, folder_fd, fd);
	}
}

int device_program_put(const char *folder, const struct device_rules *rules, struct error *err)
{
	CLEANUP_TALLOC struct device_program *program = device_program_make(NULL, rules);
	uint32_t ids[PROGRAMS_MAX];
	struct {
		uint32_t folder_fd, at, query_flags, attach_flags;
		uint64_t ids;
		uint32_t count, unused;
	} query = { .at = AT_DEVICE, .ids = (uintptr_t)ids, .count = PROGRAMS_MAX };
	CLEANUP_CLOSE int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0)
		return error_set(err, errno, "cannot open '%s'", folder);
	query.folder_fd = (uint32_t)folder_fd;
	if (call(PROGRAM_QUERY, &query, sizeof(query)) < 0)
		query.count = 0;
	CLEANUP_CLOSE int fd = load(program);
	if (fd < 0)
		return error_set(err, -fd, "cannot load a program of %zu instructions for them", program->count);
	int r = attach(PROGRAM_ATTACH, folder_fd, fd);
	if (r < 0)
		return error_set(err, -r, "cannot put a program for them on '%s'", folder);
	detach_old(folder_fd, ids, query.count);
	return 0;
}
