/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the little language of chmod(1). */
#include "builder/build/mode_change.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/base/mem.h"

enum { STANDARD = 06777, STICKY = 01000, ALL = 07777, SET_ID = 06000 };

/* One step: set and clear these bits, or copy those of a class into others. */
struct step {
	char op;        /* '+' or '-'; 'X': set where there is something to execute; 'u', 'g', 'o': copied from */
	char how;       /* of a copy: '+', '-' or '=' */
	unsigned bits;  /* of a copy: which classes, as their rwx */
};

struct mode_change {
	int octal;
	struct step *steps;
	unsigned count;
};

static void add(struct mode_change *c, char op, char how, unsigned bits)
{
	c->steps = mem_grow(c, c->steps, struct step, c->count + 1);
	c->steps[c->count++] = (struct step){ op, how, bits };
}

static void add_bits(struct mode_change *c, char op, unsigned who, unsigned permissions)
{
	if (op == '=') {
		add(c, '-', 0, who ? who : (unsigned)STANDARD);
		op = '+';
	}
	add(c, op, 0, (who ? who : (unsigned)ALL) & permissions);
}

static const char *read_who(const char *at, unsigned *ret)
{
	*ret = 0;
	for (;; at++) {
		switch (*at) {
		case 'a': *ret |= STANDARD; break;
		case 'u': *ret |= S_ISUID | S_IRWXU; break;
		case 'g': *ret |= S_ISGID | S_IRWXG; break;
		case 'o': *ret |= S_IRWXO; break;
		default: return at;
		}
	}
}

/* What follows an operator, to the next operator, comma or end. */
static const char *read_permissions(struct mode_change *c, const char *at, char op, unsigned who)
{
	unsigned permissions = 0, executes = 0;
	bool has_cleared = false, only_others = who && !(who & ~(unsigned)S_IRWXO);
	for (;; at++) {
		switch (*at) {
		case 'r': permissions |= 0444; continue;
		case 'w': permissions |= 0222; continue;
		case 'x': permissions |= 0111; continue;
		case 's':
			permissions |= only_others ? 0 : SET_ID;
			continue;
		case 't':
			if (!only_others) {
				who |= who ? STICKY : 0;
				permissions |= STICKY;
			}
			continue;
		case 'X':
			if (op == '-')
				permissions |= 0111;
			else
				executes = 0111;
			continue;
		case 'u': case 'g': case 'o':
			if (permissions)
				add_bits(c, op, who, permissions);
			if (executes)
				add_bits(c, 'X', who, executes);
			has_cleared = op == '=';
			permissions = executes = 0;
			add(c, *at, op, who ? who & 0777 : 0777);
			continue;
		}
		if (permissions || (op == '=' && !has_cleared))
			add_bits(c, op, who, permissions);
		if (executes)
			add_bits(c, 'X', who, executes);
		return at;
	}
}

static bool parse_symbolic(struct mode_change *c, const char *text)
{
	for (const char *at = text;; at++) {
		unsigned who;
		at = read_who(at, &who);
		if (!*at || !strchr("+-=", *at))
			return false;
		while (*at && strchr("+-=", *at))
			at = read_permissions(c, at + 1, *at, who);
		if (*at != ',')
			return !*at;
	}
}

int mode_change_parse(const void *ctx, const char *text, struct mode_change **ret, struct error *err)
{
	CLEANUP_TALLOC struct mode_change *c = mem_new(NULL, struct mode_change);
	size_t digits = strspn(text, "01234567");
	c->octal = -1;
	if (*text && !text[digits] && digits < 10) {
		c->octal = 0;
		for (const char *at = text; *at; at++)
			c->octal = c->octal * 8 + (*at - '0');
	}
	if (c->octal > ALL || (c->octal < 0 && *text >= '0' && *text <= '9'))
		return error_set(err, 0,
				 "invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777", text);
	if (c->octal < 0 && !parse_symbolic(c, text))
		return error_set(err, 0, "invalid chmod parameter: '%s' is neither octal nor like u=rwx,g+w,o-x", text);
	*ret = talloc_steal(ctx, c);
	c = NULL;
	return 0;
}

int mode_change_octal(const struct mode_change *c)
{
	return c->octal;
}

/* Bits of one class, 0 to 7, in all that are asked for. */
static unsigned spread(unsigned value, unsigned classes)
{
	return (value << 6 | value << 3 | value) & classes;
}

mode_t mode_change_apply(const struct mode_change *c, mode_t mode)
{
	unsigned bits = mode & ALL;
	if (c->octal >= 0)
		return (mode & S_IFMT) | c->octal;
	for (unsigned i = 0; i < c->count; i++) {
		const struct step *s = &c->steps[i];
		unsigned value = bits >> (s->op == 'u' ? 6 : s->op == 'g' ? 3 : 0) & 7;
		if (s->op == '+' || (s->op == 'X' && ((mode & 0111) || S_ISDIR(mode)))) {
			bits |= s->bits;
		} else if (s->op == '-') {
			bits &= ~s->bits;
		} else if (s->op != 'X') {
			if (s->how != '+')
				bits &= ~spread(s->how == '=' ? 7 : value, s->bits);
			if (s->how != '-')
				bits |= spread(value, s->bits);
		}
	}
	return (mode & S_IFMT) | bits;
}
