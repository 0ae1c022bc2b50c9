/* SPDX-License-Identifier: Apache-2.0 */
/* References of any bytes: what is accepted is its own normal form. */
#include <stdlib.h>
#include <string.h>

#include "oci/reference.h"
#include "tests/fuzz/fuzz.h"
#include "tracer/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP_TALLOC char *text = mem_strndup(NULL, (const char *)bytes, size);
	struct reference *first, *again;
	struct error err = ERROR_INIT;
	if (reference_parse(text, text, &first, &err) < 0)
		return 0;
	if (reference_parse(text, first->name, &again, &err) < 0 ||
	    strcmp(first->name, again->name) != 0)
		abort();
	return 0;
}
