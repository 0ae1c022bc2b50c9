/* SPDX-License-Identifier: Apache-2.0 */
/* PRoot's command line. */
#include <stdio.h>

#include "compat/program.h"
#include "tracer/base/error.h"

int proot_main(int argc, char **argv)
{
	(void)argc;
	fprintf(stderr, "%s: not made yet\n", argv[0]);
	return EXIT_FAKEBUILD;
}
