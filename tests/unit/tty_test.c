/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build looks like on a terminal: it is shown on a pseudo-terminal, and what comes out is done to a screen
 * here, as a terminal does it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/build/display.h"
#include "builder/build/tail.h"
#include "builder/build/width.h"

enum { COLUMNS_MAX = 200, LINES_MAX = 60, HISTORY_MAX = 400 };

struct screen {
	struct display *d;
	FILE *out;
	int master;
	unsigned columns, lines;
	/* Characters as text; the right half of a wide one is empty. */
	char cells[LINES_MAX][COLUMNS_MAX][8];
	unsigned x, y;
	bool is_cursor_hidden;
	char *history; /* what scrolled off */
	char *raw;     /* all that came */
	char escape[32];
	unsigned escape_size;
	int64_t start_nsec;
};

static void set_size(struct screen *s, unsigned columns, unsigned lines)
{
	struct winsize size = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)lines };
	s->columns = columns;
	s->lines = lines;
	assert_int_equal(ioctl(s->master, TIOCSWINSZ, &size), 0);
}

static void erase(struct screen *s, unsigned y, unsigned x)
{
	for (; x < s->columns; x++)
		snprintf(s->cells[y][x], sizeof(s->cells[y][x]), " ");
}

static struct screen *show(void **state, unsigned columns, unsigned lines)
{
	struct screen *s = mem_new(*state, struct screen);
	char path[64];
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(s->master >= 0);
	assert_int_equal(grantpt(s->master), 0);
	assert_int_equal(unlockpt(s->master), 0);
	assert_int_equal(ptsname_r(s->master, path, sizeof(path)), 0);
	s->out = fopen(path, "r+e");
	assert_non_null(s->out);
	set_size(s, columns, lines);
	for (unsigned y = 0; y < LINES_MAX; y++)
		erase(s, y, 0);
	s->history = mem_strdup(s, "");
	s->raw = mem_strdup(s, "");
	s->start_nsec = event_now() - 10000000000LL;
	s->d = display_new(s, DISPLAY_AUTO, s->out, "Dockerfile");
	return s;
}

static char *row_text(const struct screen *s, unsigned y)
{
	char *text = mem_strdup(s, "");
	for (unsigned x = 0; x < s->columns; x++)
		text = mem_append(text, "%s", s->cells[y][x]);
	size_t size = strlen(text);
	while (size > 0 && text[size - 1] == ' ')
		text[--size] = '\0';
	return text;
}

static void line_feed(struct screen *s)
{
	if (s->y + 1 < s->lines) {
		s->y++;
		return;
	}
	s->history = mem_append(s->history, "%s\n", row_text(s, 0));
	memmove(s->cells[0], s->cells[1], (s->lines - 1) * sizeof(s->cells[0]));
	erase(s, s->y, 0);
}

/* Most terminals fold what is on the screen anew. */
static void resize(struct screen *s, unsigned columns, unsigned lines)
{
	struct strlist *rows = strlist_new(s);
	for (unsigned y = 0; y < s->y; y++)
		strlist_add(rows, row_text(s, y));
	for (unsigned y = 0; y < LINES_MAX; y++)
		erase(s, y, 0);
	s->x = s->y = 0;
	set_size(s, columns, lines);
	for (size_t i = 0; i < rows->count; i++) {
		for (const char *p = rows->items[i]; *p; p++) {
			if (s->x == s->columns) {
				s->x = 0;
				line_feed(s);
			}
			snprintf(s->cells[s->y][s->x++], 8, "%c", *p);
		}
		s->x = 0;
		line_feed(s);
	}
}

static void put_character(struct screen *s, uint32_t point)
{
	enum width_kind width = width_of(point);
	char bytes[5];
	width_encode(point, bytes);
	if (width == WIDTH_COMBINING && s->x > 0) {
		char *cell = s->cells[s->y][s->x - 1];
		snprintf(cell + strlen(cell), 8 - strlen(cell), "%s", bytes);
		return;
	}
	if (width < WIDTH_ONE)
		fail_msg("U+%04X reached the terminal", point);
	if (s->x + (unsigned)width > s->columns) {
		s->x = 0;
		line_feed(s);
	}
	snprintf(s->cells[s->y][s->x++], 8, "%s", bytes);
	if (width == WIDTH_TWO)
		s->cells[s->y][s->x++][0] = '\0';
}

/* Only what display_* needs is known; anything else would be the programs' own, which must not come through. */
static void put_escape(struct screen *s)
{
	const char *e = s->escape;
	char final = e[s->escape_size - 1];
	unsigned n = 0;
	sscanf(e, "[%u", &n);
	if (final == 'A')
		s->y -= n < s->y ? n : s->y;
	else if (final == 'K')
		erase(s, s->y, s->x);
	else if (final == 'J') {
		erase(s, s->y, s->x);
		for (unsigned y = s->y + 1; y < s->lines; y++)
			erase(s, y, 0);
	} else if (strcmp(e, "[?25l") == 0 || strcmp(e, "[?25h") == 0)
		s->is_cursor_hidden = final == 'l';
	else if (final != 'm')
		fail_msg("ESC %s reached the terminal", e);
}

static void receive(struct screen *s)
{
	char buffer[65536];
	ssize_t n;
	while ((n = read(s->master, buffer, sizeof(buffer))) > 0) {
		s->raw = mem_append(s->raw, "%.*s", (int)n, buffer);
		for (const char *p = buffer, *end = buffer + n; p < end;) {
			if (s->escape_size) {
				s->escape[s->escape_size - 1] = *p;
				s->escape[s->escape_size] = '\0';
				if (*p >= '@' && *p != '[') {
					put_escape(s);
					s->escape_size = 0;
				} else if (++s->escape_size == sizeof(s->escape)) {
					fail_msg("an escape sequence does not end: %s", s->escape);
				}
				p++;
				continue;
			}
			uint32_t point = width_decode(&p, end);
			if (point == '\033')
				s->escape_size = 1;
			else if (point == '\r')
				s->x = 0;
			else if (point == '\n')
				line_feed(s);
			else
				put_character(s, point);
		}
	}
}

/* Let the next drawing come. */
static void redraw(struct screen *s)
{
	const struct timespec wait = { 0, 110000000 };
	receive(s);
	nanosleep(&wait, NULL);
	display_tick(s->d);
	receive(s);
	assert_false(s->is_cursor_hidden);
}

/* Running times are not to be foretold: they become "~~~~". */
static char *without_times(const void *ctx, const char *text)
{
	char *out = mem_strdup(ctx, text);
	for (char *p = out; *p; p++) {
		size_t digits = strspn(p, "0123456789.");
		if (digits >= 3 && p[digits] == 's' && memchr(p, '.', digits) && p > out && p[-1] == ' ')
			memset(p, '~', digits + 1);
	}
	return out;
}

/* What scrolled off and the screen, with trailing empty lines left out. */
static void expect(struct screen *s, const char *text)
{
	char *all = mem_strdup(s, s->history);
	unsigned last = s->lines;
	while (last > 0 && !*row_text(s, last - 1))
		last--;
	for (unsigned y = 0; y < last; y++)
		all = mem_append(all, "%s\n", row_text(s, y));
	assert_string_equal(without_times(s, all), text);
}

static void tell(struct screen *s, struct event e, unsigned msec)
{
	e.time_nsec = s->start_nsec + msec * 1000000LL;
	display_event(s->d, &e);
	receive(s);
}

static void started(struct screen *s, unsigned vertex, const char *name)
{
	tell(s, (struct event){ .kind = EVENT_STARTED, .vertex = vertex, .name = name }, 0);
}

static void wrote(struct screen *s, unsigned vertex, const char *text)
{
	tell(s, (struct event){ .kind = EVENT_LOG, .vertex = vertex, .stream = 1, .text = text, .size = strlen(text) },
	     1000);
}

static void ended(struct screen *s, unsigned vertex, bool is_cached)
{
	tell(s, (struct event){ .kind = EVENT_DONE, .vertex = vertex, .is_cached = is_cached, .layer_bytes = -1 }, 3100);
}

static void failed(struct screen *s, unsigned vertex, const char *error)
{
	tell(s, (struct event){ .kind = EVENT_DONE, .vertex = vertex, .has_failed = true, .text = error }, 3100);
}

static void finish(struct screen *s, const char *text)
{
	display_end(s->d);
	receive(s);
	expect(s, text);
	fclose(s->out);
	close(s->master);
}

static void a_build_looks_as_buildkits(void **state)
{
	struct screen *s = show(state, 60, 20);
	started(s, 1, "[internal] load build definition from Dockerfile");
	ended(s, 1, false);
	started(s, 2, "[1/2] FROM docker.io/library/alpine");
	tell(s, (struct event){ .kind = EVENT_STATUS, .vertex = 2, .name = "sha256:aabb", .current_bytes = 1050000,
				.total_bytes = 3210000 }, 500);
	redraw(s);
	expect(s, "[+] Building ~~~~~ (1/3)                         Dockerfile\n"
		  " => [internal] load build definition from Dockerfile   ~~~~\n"
		  " => [1/2] FROM docker.io/library/alpine               ~~~~~\n"
		  " => => sha256:aabb 1.05MB / 3.21MB                     ~~~~\n");
	tell(s, (struct event){ .kind = EVENT_STATUS, .vertex = 2, .name = "sha256:aabb", .current_bytes = 3210000,
				.total_bytes = 3210000 }, 600);
	ended(s, 2, true);
	started(s, 3, "[2/2] RUN make");
	wrote(s, 3, "cc -c a.c\ncc -c b.c\n");
	redraw(s);
	expect(s, "[+] Building ~~~~~ (2/3)                         Dockerfile\n"
		  " => [internal] load build definition from Dockerfile   ~~~~\n"
		  " => CACHED [1/2] FROM docker.io/library/alpine         ~~~~\n"
		  " => => sha256:aabb 3.21MB / 3.21MB                     ~~~~\n"
		  " => [2/2] RUN make                                    ~~~~~\n"
		  " => => # cc -c a.c\n"
		  " => => # cc -c b.c\n");
	tell(s, (struct event){ .kind = EVENT_WARNING, .vertex = 3, .text = "b.c is old" }, 700);
	ended(s, 3, false);
	finish(s, "[+] Building ~~~~~ (3/3) FINISHED                Dockerfile\n"
		  " => [internal] load build definition from Dockerfile   ~~~~\n"
		  " => CACHED [1/2] FROM docker.io/library/alpine         ~~~~\n"
		  " => => sha256:aabb 3.21MB / 3.21MB                     ~~~~\n"
		  " => [2/2] RUN make                                     ~~~~\n"
		  " => WARN: b.c is old                                   ~~~~\n");
	assert_non_null(strstr(s->raw, "\033[34m => [internal] load"));
	assert_non_null(strstr(s->raw, "\033[2m => => # cc -c b.c\033[0m"));
	assert_non_null(strstr(s->raw, "\033[33m => WARN: b.c is old"));
	assert_non_null(strstr(s->raw, " 3.1s\033[0m"));
}

static void the_head_counts_the_steps_of_stages_that_have_begun(void **state)
{
	struct screen *s = show(state, 60, 20);
	started(s, 1, "[internal] load build context");
	ended(s, 1, false);
	started(s, 2, "[linux/arm64 build  1/12] FROM x");
	ended(s, 2, false);
	started(s, 3, "[linux/arm64 build  2/12] RUN make [x 1/9]");
	started(s, 4, "[stage-1 1/3] FROM y");
	redraw(s);
	assert_non_null(strstr(row_text(s, 0), " (2/16)"));
	started(s, 5, "[9/9");
	started(s, 6, "[/9] x");
	started(s, 7, "[x 1/9999999999999999999999] y");
	redraw(s);
	assert_non_null(strstr(row_text(s, 0), " (2/19)"));
	failed(s, 3, "exit code: 1");
	display_end(s->d);
	receive(s);
	assert_non_null(strstr(row_text(s, 0), " (7/19)"));
	assert_null(strstr(s->raw, "FINISHED"));
	fclose(s->out);
	close(s->master);
}

static void a_tail_is_the_last_six_rows_folded(void **state)
{
	struct screen *s = show(state, 30, 20);
	started(s, 1, "[1/1] RUN seq");
	wrote(s, 1, "1\n2\n3\n4\n\n5\n6\n7\n");
	redraw(s);
	expect(s, "[+] Building ~~~~~ (0/1)\n"
		  " => [1/1] RUN seq       ~~~~~\n"
		  " => => # 2\n => => # 3\n => => # 4\n => => # 5\n => => # 6\n => => # 7\n");
	wrote(s, 1, "8 abcdefghijklmnopqrstuvwxyz");
	redraw(s);
	expect(s, "[+] Building ~~~~~ (0/1)\n"
		  " => [1/1] RUN seq       ~~~~~\n"
		  " => => # 4\n => => # 5\n => => # 6\n => => # 7\n"
		  " => => # 8 abcdefghijklmnopqr\n => => # stuvwxyz\n");
	ended(s, 1, false);
	finish(s, "[+] Building ~~~~~ (1/1) FINI\n => [1/1] RUN seq        ~~~~\n");
}

static void logs_cannot_harm_the_screen(void **state)
{
	static const struct {
		const char *bytes, *shown;
	} rows[] = {
		{ "\033[31mred\033[0m and \033[1;44mblue\033[m", "red and blue" },
		{ "\033[2J\033[H\033[5Agone", "gone" },
		{ "\033]0;title\aa\033]8;;http://x\033\\b", "ab" },
		{ "\033Pq#0\033\\sixel", "sixel" },
		{ "\033(B\033=\033>\033cset", "set" },
		{ "\033[999999999999999999Cfar", "far" },
		{ "10%\r20%\r100%", "100%" },
		{ "abcdef\rxy\033[K", "xy" },
		{ "abc\b\bX", "aXc" },
		{ "a\tb", "a       b" },
		{ "a\007\016\177b", "ab" },
		{ "\xff\xc3(\xe6\x97z", "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbdz" },
		{ "\xc2\x9b" "2J", "2J" },
		{ "\xed\xa0\x80\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "safe\xe2\x80\xae" "evil", "safeevil" },
		{ "e\xcc\x81\xcc\x81\xcc\x81!", "e\xcc\x81!" },
		{ "\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac" },
		{ "\xe6\x97\xa5\xe6\x9c\xac\rx", "x \xe6\x9c\xac" },
	};
	struct screen *s = show(state, 40, 10);
	started(s, 1, "[1/1] RUN evil");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CLEANUP_TALLOC char *line = tail_line(NULL, rows[i].bytes, strlen(rows[i].bytes));
		/* What is moved far to the right has blanks before it. */
		if (!strstr(rows[i].shown, "far"))
			assert_string_equal(line, rows[i].shown);
		wrote(s, 1, rows[i].bytes);
		wrote(s, 1, "\n");
		redraw(s);
		char *row = row_text(s, s->y - 1);
		if (!strstr(row, rows[i].shown))
			fail_msg("row %zu: expected \"%s\", got \"%s\"", i, rows[i].shown, row);
	}
	ended(s, 1, false);
	finish(s, "[+] Building ~~~~~ (1/1) FINISHED\n => [1/1] RUN evil                 ~~~~\n");
}

/* A character that comes in two pieces is whole; wide ones do not stand in two rows. */
static void wide_characters_are_counted(void **state)
{
	struct screen *s = show(state, 20, 10);
	started(s, 1, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
	wrote(s, 1, "a\xe6\x97");
	wrote(s, 1, "\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\n");
	redraw(s);
	resize(s, 30, 10);
	redraw(s);
	expect(s, "[+] Building ~~~~~ (0/1)\n"
		  " => \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e        ~~~~~\n"
		  " => => # a\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\n");
	ended(s, 1, false);
	finish(s, "[+] Building ~~~~~ (1/1) FINI\n"
		  " => \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e         ~~~~\n");
}

static void a_terminal_that_changes_its_size_is_followed(void **state)
{
	struct screen *s = show(state, 60, 20);
	started(s, 1, "[1/2] RUN a very long command that does not fit into less columns");
	ended(s, 1, false);
	started(s, 2, "[2/2] RUN sleep");
	redraw(s);
	resize(s, 30, 20);
	redraw(s);
	expect(s, "[+] Building ~~~~~ (1/2)\n => [1/2] RUN a very lo  ~~~~\n => [2/2] RUN sleep     ~~~~~\n");
	resize(s, 50, 20);
	redraw(s);
	ended(s, 2, false);
	finish(s, "[+] Building ~~~~~ (2/2) FINISHED      Dockerfile\n"
		  " => [1/2] RUN a very long command that does  ~~~~\n"
		  " => [2/2] RUN sleep                          ~~~~\n");
}

static void a_low_terminal_shows_what_runs_and_all_at_the_end(void **state)
{
	struct screen *s = show(state, 30, 6);
	started(s, 1, "[a 1/9] RUN long");
	for (unsigned i = 2; i < 9; i++) {
		char name[32];
		snprintf(name, sizeof(name), "[b %u/9] RUN b", i);
		started(s, i, name);
		ended(s, i, false);
		redraw(s);
	}
	wrote(s, 1, "1\n2\n3\n4\n5\n6\n");
	started(s, 9, "[b 9/9] RUN b");
	redraw(s);
	assert_string_equal(s->history, "");
	expect(s, "[+] Building ~~~~~ (7/18)\n => [a 1/9] RUN long    ~~~~~\n => => # 5\n => => # 6\n"
		  " => [b 9/9] RUN b       ~~~~~\n");
	ended(s, 1, false);
	ended(s, 9, false);
	finish(s, "[+] Building ~~~~~ (9/9) FINI\n"
		  " => [a 1/9] RUN long     ~~~~\n => [b 2/9] RUN b        ~~~~\n => [b 3/9] RUN b        ~~~~\n"
		  " => [b 4/9] RUN b        ~~~~\n => [b 5/9] RUN b        ~~~~\n => [b 6/9] RUN b        ~~~~\n"
		  " => [b 7/9] RUN b        ~~~~\n => [b 8/9] RUN b        ~~~~\n => [b 9/9] RUN b        ~~~~\n");
}

static void a_terminal_too_small_does_no_harm(void **state)
{
	struct screen *s = show(state, 1, 1);
	started(s, 1, "[1/1] RUN x");
	wrote(s, 1, "output\n");
	redraw(s);
	resize(s, 12, 2);
	redraw(s);
	ended(s, 1, false);
	display_end(s->d);
	fclose(s->out);
	close(s->master);
}

static void a_failed_step_shows_its_log(void **state)
{
	struct screen *s = show(state, 50, 30);
	started(s, 1, "[1/2] RUN make");
	started(s, 2, "[o 1/1] RUN other");
	for (unsigned i = 1; i <= 12; i++)
		wrote(s, 1, i < 12 ? "cc\n" : "\033[31m10%\r100%\033[0m");
	failed(s, 1, "exit code: 2");
	failed(s, 2, NULL);
	finish(s, "[+] Building ~~~~~ (2/3)               Dockerfile\n"
		  " => ERROR [1/2] RUN make                     ~~~~\n"
		  " => CANCELED [o 1/1] RUN other               ~~~~\n"
		  "------\n > [1/2] RUN make:\n"
		  "1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n1.000 cc\n"
		  "1.000 cc\n1.000 cc\n1.000 100%\n------\n");
	assert_non_null(strstr(s->raw, "\033[31m => ERROR [1/2] RUN make"));
	assert_non_null(strstr(s->raw, "\033[33m => CANCELED [o 1/1]"));
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;
	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

static void drawings_are_few_and_timers_go_on(void **state)
{
	struct screen *s = show(state, 60, 20);
	int64_t begin_nsec = event_now();
	started(s, 1, "[1/1] RUN yes");
	for (unsigned i = 0; i < 2000; i++)
		wrote(s, 1, "y\n");
	int64_t spent_msec = (event_now() - begin_nsec) / 1000000;
	unsigned drawings = count(s->raw, "\033[?25l");
	if (drawings > 1 + spent_msec / 90)
		fail_msg("%u drawings in %d ms", drawings, (int)spent_msec);
	assert_int_equal(display_interval_msec(s->d), 100);
	redraw(s);
	char *before = row_text(s, 0);
	redraw(s);
	assert_string_not_equal(before, row_text(s, 0));
	ended(s, 1, false);
	finish(s, "[+] Building ~~~~~ (1/1) FINISHED                Dockerfile\n"
		  " => [1/1] RUN yes                                      ~~~~\n");
}

static void no_color_and_dumb_terminals_are_obeyed(void **state)
{
	setenv("NO_COLOR", "1", 1);
	struct screen *s = show(state, 60, 20);
	started(s, 1, "[1/1] RUN x");
	wrote(s, 1, "out\n");
	redraw(s);
	ended(s, 1, false);
	display_end(s->d);
	receive(s);
	const char *p = s->raw;
	while ((p = strstr(p, "\033["))) {
		p += strcspn(p, "mAJKhl");
		assert_int_not_equal(*p, 'm');
	}
	setenv("TERM", "dumb", 1);
	struct screen *dumb = show(state, 60, 20);
	started(dumb, 1, "[1/1] RUN x");
	ended(dumb, 1, false);
	display_end(dumb->d);
	receive(dumb);
	assert_string_equal(dumb->raw, "#1 [1/1] RUN x\r\n#1 DONE 3.1s\r\n");
}

static int set_up(void **state)
{
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	unsetenv("BUILDKIT_TTY_LOG_LINES");
	*state = talloc_new(NULL);
	return 0;
}
static int tear_down(void **state)
{
	return talloc_free(*state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_build_looks_as_buildkits),
		TEST(the_head_counts_the_steps_of_stages_that_have_begun),
		TEST(a_tail_is_the_last_six_rows_folded),
		TEST(logs_cannot_harm_the_screen),
		TEST(wide_characters_are_counted),
		TEST(a_terminal_that_changes_its_size_is_followed),
		TEST(a_low_terminal_shows_what_runs_and_all_at_the_end),
		TEST(a_terminal_too_small_does_no_harm),
		TEST(a_failed_step_shows_its_log),
		TEST(drawings_are_few_and_timers_go_on),
		TEST(no_color_and_dumb_terminals_are_obeyed),
	};
	return cmocka_run_group_tests_name("tty", tests, NULL, NULL);
}
