/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzzer over its corpus where there is no clang: one TAP line a file of the folder named. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

int main(int argc, char **argv)
{
	enum { MAX_BYTES = 16 << 20 };
	struct dirent **entries;
	int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
	if (count < 0) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	/* A crash shows the last file named. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0, number = 0; i < count; i++) {
		if (entries[i]->d_name[0] == '.')
			continue;
		CLEANUP_TALLOC char *path = mem_printf(NULL, "%s/%s", argv[1], entries[i]->d_name);
		char *bytes;
		size_t size;
		struct error err = ERROR_INIT;
		printf("# %s\n", path);
		if (io_read_file(path, AT_FDCWD, path, MAX_BYTES, &bytes, &size, &err) < 0) {
			printf("not ok %d %s\n", ++number, err.text);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
		printf("ok %d %s\n", ++number, entries[i]->d_name);
	}
	return 0;
}
