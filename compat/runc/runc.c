/* SPDX-License-Identifier: Apache-2.0 */
/* runc's command line. */
#include <stdio.h>

#include "compat/program.h"
#include "tracer/base/error.h"

int runc_main(int argc, char **argv)
{
	(void)argc;
	fprintf(stderr, "%s: not made yet\n", argv[0]);
	return EXIT_FAKEBUILD;
}
