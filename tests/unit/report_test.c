/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of --report: read as a browser reads it where chromium is there, so that what a name or a log holds can
 * be seen not to become markup and the page's own script to run; else as it was written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/build/display.h"
#include "tests/unit/own_memory.h"
#include "tracer/base/io.h"

/* 2023-11-14T22:13:20Z */
static const int64_t start_nsec = 1700000000000000000;
static const char hostile[] = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\xff\xe2\x80\xae";

struct page {
	struct report *report;
	char folder[64];
	char *path, *text;
	bool is_dom; /* text is what a browser made of the page */
};

static struct page *page_new(void **state, const char *title)
{
	struct page *p = mem_new(*state, struct page);
	snprintf(p->folder, sizeof(p->folder), "/tmp/report-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	p->path = mem_printf(p, "%s/report.html", p->folder);
	p->report = report_new(p, title);
	return p;
}

static void tell(struct page *p, struct event e, unsigned msec)
{
	e.time_nsec = start_nsec + msec * 1000000LL;
	report_event(p->report, &e);
}

static void started(struct page *p, unsigned vertex, unsigned msec, const char *stage, const char *name)
{
	tell(p, (struct event){ .kind = EVENT_STARTED, .vertex = vertex, .stage = stage, .name = name, .line = vertex,
				.command = name }, msec);
}

static void wrote(struct page *p, unsigned vertex, unsigned msec, const char *text)
{
	tell(p, (struct event){ .kind = EVENT_LOG, .vertex = vertex, .text = text, .size = strlen(text) }, msec);
}

static void ended(struct page *p, unsigned vertex, unsigned msec, int64_t layer_bytes)
{
	char layer[32];
	snprintf(layer, sizeof(layer), "snapshots/%u", vertex);
	tell(p, (struct event){ .kind = EVENT_DONE, .vertex = vertex, .layer_bytes = layer_bytes, .layer = layer }, msec);
}

/* The document that a browser has after the page's script ran; false: there is no browser. */
static bool read_dom(struct page *p, const char *fragment)
{
	CLEANUP_TALLOC char *command = mem_printf(
		NULL, "exec 2>/dev/null; command -v chromium >&2 && exec timeout 60 chromium --headless --no-sandbox "
		      "--disable-gpu --user-data-dir=%s/browser --dump-dom 'file://%s%s'", p->folder, p->path, fragment);
	FILE *browser = popen(command, "re");
	char buffer[65536];
	size_t n;
	assert_non_null(browser);
	char *text = mem_strdup(p, "");
	while ((n = fread(buffer, 1, sizeof(buffer), browser)) > 0)
		text = mem_append(text, "%.*s", (int)n, buffer);
	bool is_read = pclose(browser) == 0 && strstr(text, "</html>");
	p->text = is_read ? text : p->text;
	return is_read;
}

/* Write the page and read it, shown at #fragment. */
static void show(struct page *p, const char *fragment)
{
	struct error err = ERROR_INIT;
	if (report_write(p->report, p->path, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(io_read_file(p, -1, p->path, 1 << 24, &p->text, NULL, &err), 0);
	p->is_dom = read_dom(p, fragment);
	if (!p->is_dom)
		print_message("chromium is not there or cannot run: the page is read as it was written\n");
	io_remove_tree(-1, p->folder);
}

static unsigned count(const struct page *p, const char *text)
{
	unsigned n = 0;
	for (const char *at = p->text; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void has(const struct page *p, const char *text)
{
	if (!count(p, text))
		fail_msg("the page lacks: %s", text);
}

static void comes_before(const struct page *p, const char *a, const char *b)
{
	has(p, a);
	has(p, b);
	if (strstr(p->text, a) > strstr(p->text, b))
		fail_msg("'%s' should come before '%s'", a, b);
}

static void a_build_is_told_step_by_step(void **state)
{
	struct page *p = page_new(state, "app:1");
	started(p, 1, 0, NULL, "load context");
	ended(p, 1, 100, -1);
	started(p, 2, 100, "build", "[build 1/2] FROM x");
	tell(p, (struct event){ .kind = EVENT_DONE, .vertex = 2, .is_cached = true, .layer_bytes = 5000000 }, 200);
	started(p, 3, 200, "2", "[stage-2 1/1] FROM y");
	started(p, 4, 200, "build", "[build 2/2] RUN make");
	wrote(p, 4, 500, "\033[1;31mcc\033[0m a.c\r10%\r\033[Kcc b.c\nhalf");
	tell(p, (struct event){ .kind = EVENT_WARNING, .vertex = 4, .text = "b.c is old" }, 600);
	ended(p, 4, 3300, 1200);
	ended(p, 3, 65000, 0);
	tell(p, (struct event){ .kind = EVENT_WARNING, .text = "FROM is odd" }, 1);
	report_file(p->report, "/small", 10, "snapshots/4");
	report_file(p->report, "/large", 20000000, "snapshots/3");
	report_file(p->report, "/inherited", 500, "layers/99");
	show(p, "#step-4");
	has(p, "<h1>app:1</h1>");
	has(p, "Build succeeded");
	has(p, "<dd>1m 05s</dd>");
	has(p, "<dt>From the cache</dt><dd>1</dd>");
	has(p, "<dd>5MB</dd>");
	/* Steps by stage, with their times as text. */
	comes_before(p, "<h3>Outside of stages</h3>", "<h3>Stage build</h3>");
	comes_before(p, "<h3>Stage build</h3>", "<h3>Stage 2</h3>");
	has(p, "title=\"0.2s to 3.3s, 3.1s: ran\"");
	has(p, "<span>0.2s \xe2\x80\x93 3.3s</span><b class=\"state\">3.1s</b>");
	has(p, "<li class=\"lane cached\"><a href=\"#step-2\"");
	comes_before(p, "/large</td>", "/inherited</td>");
	comes_before(p, "/inherited</td>", "/small</td>");
	has(p, "<td>the base image</td>");
	has(p, "style=\"--of:100.0%\"></span></td><td class=\"mono\"><a href=\"#step-3\">");
	has(p, "<i>0.300</i> cc b.c\n<i>0.300</i> half\n");
	has(p, "<li class=\"warning\">FROM is odd</li>");
	has(p, "Warning: b.c is old");
	assert_int_equal(count(p, "<details id="), 4);
	assert_int_equal(count(p, "<th scope=\"col\""), 11);
	assert_int_equal(count(p, "http"), 1); /* http-equiv: nothing is fetched */
	if (p->is_dom) {
		/* Its script ran: a link to a step unfolds it. */
		has(p, "<details id=\"step-4\" class=\"ran\" open=\"\">");
		has(p, "<button type=\"button\" id=\"all\">");
	}
}

static void a_failed_step_comes_first(void **state)
{
	struct page *p = page_new(state, "app:1");
	started(p, 1, 0, "a", "[a 1/2] FROM x");
	ended(p, 1, 100, 10);
	started(p, 7, 100, "a", "[a 2/2] RUN make");
	wrote(p, 7, 200, "no rule\n");
	started(p, 8, 100, "b", "[b 1/1] RUN sleep");
	tell(p, (struct event){ .kind = EVENT_DONE, .vertex = 7, .has_failed = true, .text = "exit code: 2" }, 300);
	show(p, "");
	has(p, "Build failed");
	comes_before(p, "id=\"failure\"", "id=\"timeline\"");
	has(p, "<p class=\"error\">exit code: 2</p>");
	has(p, "Line 7 of the Dockerfile");
	comes_before(p, "<details id=\"step-7\"", "<details id=\"step-1\"");
	has(p, p->is_dom ? "<details id=\"step-7\" class=\"failed\" open=\"\">" :
			   "<details id=\"step-7\" class=\"failed\" open>");
	has(p, "<details id=\"step-8\" class=\"cancelled\">");
}

static void hostile_text_stays_text(void **state)
{
	struct page *p = page_new(state, hostile);
	started(p, 1, 0, hostile, hostile);
	wrote(p, 1, 1, hostile);
	tell(p, (struct event){ .kind = EVENT_WARNING, .vertex = 1, .text = hostile }, 2);
	tell(p, (struct event){ .kind = EVENT_DONE, .vertex = 1, .has_failed = true, .text = hostile }, 3);
	report_file(p->report, hostile, 10, hostile);
	show(p, "");
	assert_int_equal(count(p, "<script"), 1);
	assert_int_equal(count(p, "<img"), 0);
	assert_int_equal(count(p, "\xe2\x80\xae"), 0);
	assert_int_equal(count(p, "\xff"), 0);
	has(p, "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;");
	has(p, "&amp;\xef\xbf\xbd");
}

static void nothing_is_a_page_too(void **state)
{
	struct page *p = page_new(state, "empty");
	struct error err = ERROR_INIT;
	assert_int_equal(report_write(p->report, "/nonexistent/report.html", &err), -1);
	assert_non_null(strstr(err.text, "cannot write the report"));
	assert_non_null(strstr(err.text, "/nonexistent/report.html"));
	show(p, "");
	has(p, "<h1>empty</h1>");
	assert_int_equal(count(p, "<details id="), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_build_is_told_step_by_step),
		TEST(a_failed_step_comes_first),
		TEST(hostile_text_stays_text),
		TEST(nothing_is_a_page_too),
	};
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
