/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: which face it shows, by the name it is called by or by its first word, so that one file under
 * several names is all there is to install.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "builder/program.h"
#include "compat/program.h"

static const struct {
	const char *name; /* of the file, or of a link to it */
	const char *word; /* after `fakebuild`; NULL: none */
	int (*main)(int argc, char **argv);
} faces[] = {
	{ "fakebuild-runc", "runc", runc_main },
	{ "runc", NULL, runc_main },
	{ "proot", "proot", proot_main },
};
enum { FACES = sizeof(faces) / sizeof(*faces) };

/* Descriptors 0, 1 and 2 must be taken, or a file that we open would become the guest's output. */
static void take_standard_descriptors(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	take_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < FACES; i++)
		if (strcmp(name, faces[i].name) == 0)
			return faces[i].main(argc, argv);
	for (size_t i = 0; i < FACES && argc > 1; i++)
		if (faces[i].word && strcmp(argv[1], faces[i].word) == 0)
			return faces[i].main(argc - 1, argv + 1);
	return builder_main(argc, argv);
}
