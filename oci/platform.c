/* SPDX-License-Identifier: Apache-2.0 */
/* Owns names of platforms, and which image does for which. */
#include "oci/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "tracer/base/mem.h"
#include "tracer/base/text.h"

static const char *normal_architecture(const char *name, const char **variant)
{
	static const struct {
		const char *from, *to, *variant;
	} names[] = {
		{ "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL }, { "aarch64", "arm64", NULL },
		{ "armhf", "arm", "v7" },    { "armel", "arm", "v6" },	  { "i386", "386", NULL },
		{ "i686", "386", NULL },     { "armv7l", "arm", "v7" },	  { "armv6l", "arm", "v6" },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i].from) != 0)
			continue;
		if (names[i].variant && !*variant)
			*variant = names[i].variant;
		return names[i].to;
	}
	return name;
}

const char *platform_default(void)
{
	static char text[64];
	struct utsname u;
	const char *variant = NULL;
	uname(&u);
	const char *architecture = normal_architecture(u.machine, &variant);
	snprintf(text, sizeof(text), "linux/%.32s%s%s", architecture, variant ? "/" : "", variant ? variant : "");
	return text;
}

char *platform_format(const void *ctx, const struct platform *p)
{
	return mem_printf(ctx, "%s/%s%s%s", p->os, p->architecture, p->variant ? "/" : "", p->variant ? p->variant : "");
}

int platform_parse(const void *ctx, const char *text, struct platform *ret, struct error *err)
{
	char copy[96], *save = NULL;
	if (strlen(text) >= sizeof(copy) || !*text)
		return error_set(err, 0, "'%s' is not a platform: want os/architecture[/variant]", text);
	memcpy(copy, text, strlen(text) + 1);
	char *part[4] = { NULL, NULL, NULL, NULL };
	unsigned count = 0;
	for (char *p = strtok_r(copy, "/", &save); p && count < 4; p = strtok_r(NULL, "/", &save))
		part[count++] = p;
	if (count > 3)
		return error_set(err, 0, "'%s' is not a platform: want os/architecture[/variant]", text);
	for (unsigned i = 0; i < count; i++)
		for (char *p = part[i]; *p; p++) {
			*p = tolower((unsigned char)*p);
			if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
				return error_set(err, 0, "'%s' is not a platform: '%c' is not allowed", text, *p);
		}
	const char *os = count > 1 || strcmp(part[0], "linux") == 0 || strcmp(part[0], "windows") == 0 ? part[0] : "linux";
	const char *architecture = count > 1 ? part[1] : os == part[0] ? strchr(platform_default(), '/') + 1 : part[0];
	const char *variant = part[2];
	architecture = normal_architecture(architecture, &variant);
	/* arm64's v8 and amd64's v1 are what no variant means. */
	if (variant && ((strcmp(architecture, "arm64") == 0 && strcmp(variant, "v8") == 0) ||
			(strcmp(architecture, "amd64") == 0 && strcmp(variant, "v1") == 0)))
		variant = NULL;
	if (strcmp(architecture, "arm") == 0 && !variant)
		variant = "v7";
	ret->os = mem_strdup(ctx, os);
	ret->architecture = mem_strdup(ctx, architecture);
	ret->variant = variant ? mem_strdup(ctx, variant) : NULL;
	return 0;
}

/* Of "v7" 7; 0 when it says none. */
static int variant_number(const char *variant)
{
	uint64_t number;
	return variant && variant[0] == 'v' && text_to_number(variant + 1, 99, &number) ? (int)number : 0;
}

int platform_fit(const struct platform *have, const struct platform *want)
{
	if (!have->os || !have->architecture || strcmp(have->os, want->os) != 0)
		return 0;
	const char *variant = have->variant;
	if (strcmp(normal_architecture(have->architecture, &variant), want->architecture) != 0)
		return 0;
	int have_number = variant_number(variant), want_number = variant_number(want->variant);
	if (strcmp(want->architecture, "arm") == 0)
		have_number = have_number ? have_number : 7;
	else if (strcmp(want->architecture, "arm64") == 0)
		have_number = have_number ? have_number : 8, want_number = want_number ? want_number : 8;
	else
		have_number = have_number ? have_number : 1, want_number = want_number ? want_number : 1;
	/* A processor runs what was built for an older variant of it. */
	return have_number <= want_number ? have_number + 1 : 0;
}
