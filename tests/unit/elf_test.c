/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of programs: what is known of a file is used only while it must be that same file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/io.h"
#include "tracer/elf.h"

static const struct elf program = { .machine = EM_X86_64, .is_64 = true };

static struct stat unchanged_for(time_t seconds)
{
	struct stat st;
	memset(&st, 0, sizeof(st));
	st.st_dev = 7;
	st.st_ino = 12;
	st.st_size = 4711;
	st.st_mtim.tv_sec = st.st_ctim.tv_sec = time(NULL) - seconds;
	return st;
}

static void a_file_is_recalled_by_its_path(void **state)
{
	(void)state;
	struct stat st = unchanged_for(100);
	elf_remember("/lib/ld.so", &st, &program);
	const struct elf *e = elf_recall("/lib/ld.so", &st);
	assert_non_null(e);
	assert_int_equal(e->machine, EM_X86_64);
	/* Perhaps by way of a mount that allows no programs. */
	assert_null(elf_recall("/mnt/ld.so", &st));
}

static void a_changed_file_is_not_recalled(void **state)
{
	(void)state;
	struct stat st = unchanged_for(100), other;
	elf_remember("/lib/ld.so", &st, &program);
	other = st;
	other.st_ctim.tv_nsec++;
	assert_null(elf_recall("/lib/ld.so", &other));
	other = st;
	other.st_mtim.tv_nsec++;
	assert_null(elf_recall("/lib/ld.so", &other));
	other = st;
	other.st_size++;
	assert_null(elf_recall("/lib/ld.so", &other));
	other = st;
	other.st_dev++;
	assert_null(elf_recall("/lib/ld.so", &other));
	assert_non_null(elf_recall("/lib/ld.so", &st));
}

static void a_file_that_has_just_changed_is_not_kept(void **state)
{
	(void)state;
	struct stat st = unchanged_for(0);
	st.st_ino = 13;
	elf_remember("/lib/ld.so", &st, &program);
	assert_null(elf_recall("/lib/ld.so", &st));
}

static void an_interpreter_is_read_wherever_it_lies(void **state)
{
	(void)state;
	static const char name[] = "/lib/ld.so";
	const unsigned places[] = { 512, ELF_READ_AT_ONCE - 4, 3 * ELF_READ_AT_ONCE };
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char template[] = "/tmp/elf_test-XXXXXX", image[4096] = "", got[PATH_MAX];
		CLEANUP_CLOSE int fd = mkstemp(template);
		assert_true(fd >= 0);
		unlink(template);
		Elf64_Ehdr head = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64,
				    .e_phoff = i == 2 ? 2 * ELF_READ_AT_ONCE : sizeof(head),
				    .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
		head.e_ident[EI_CLASS] = ELFCLASS64;
		head.e_ident[EI_DATA] = ELFDATA2LSB;
		Elf64_Phdr part = { .p_type = PT_INTERP, .p_offset = places[i], .p_filesz = sizeof(name) };
		memcpy(image, &head, sizeof(head));
		memcpy(image + head.e_phoff, &part, sizeof(part));
		memcpy(image + places[i], name, sizeof(name));
		assert_int_equal(pwrite(fd, image, sizeof(image), 0), sizeof(image));
		struct elf e;
		assert_int_equal(elf_read(fd, &e), 0);
		assert_int_equal(elf_interpreter(fd, &e, got), 0);
		assert_string_equal(got, name);
	}
}

static void a_file_that_ends_before_its_table_is_no_program(void **state)
{
	(void)state;
	char template[] = "/tmp/elf_test-XXXXXX", got[PATH_MAX];
	CLEANUP_CLOSE int fd = mkstemp(template);
	assert_true(fd >= 0);
	unlink(template);
	Elf64_Ehdr head = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64, .e_phoff = UINT64_MAX - 8,
			    .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	struct elf e;
	assert_int_equal(elf_read(fd, &e), 0);
	assert_int_equal(elf_interpreter(fd, &e, got), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_recalled_by_its_path),
		cmocka_unit_test(a_changed_file_is_not_recalled),
		cmocka_unit_test(a_file_that_has_just_changed_is_not_kept),
		cmocka_unit_test(an_interpreter_is_read_wherever_it_lies),
		cmocka_unit_test(a_file_that_ends_before_its_table_is_no_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
