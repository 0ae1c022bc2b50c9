/* SPDX-License-Identifier: Apache-2.0 */
/* Owns how the report looks and what its script does; what it says is report.c's. */
#include "builder/build/page.h"

#include <string.h>

#include "builder/build/width.h"
#include "oci/digest.h"
#include "tracer/base/base64.h"
#include "tracer/base/mem.h"

static const char style[] =
	":root{color-scheme:light dark;--ground:#fbfbfa;--sheet:#fff;--ink:#1d2126;--soft:#5d6671;--line:#e4e5e3;"
	"--ran:#3867a8;--cached:#a9b4c0;--failed:#b3372f;--cancelled:#a8701a;--tint:#eef2f8;--alarm:#fbefee}"
	"@media(prefers-color-scheme:dark){:root{--ground:#14171a;--sheet:#1b1f23;--ink:#e6e8ea;--soft:#9aa4af;"
	"--line:#2c3238;--ran:#7aa7e6;--cached:#6c7885;--failed:#f0857c;--cancelled:#dfae5f;--tint:#232b35;"
	"--alarm:#33201f}}"
	"*{box-sizing:border-box}"
	"body{margin:0;background:var(--ground);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}"
	"main{max-width:1200px;margin:0 auto;padding:2.5rem 2rem 5rem}"
	"h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.01em;margin:0 0 .35rem;"
	"overflow-wrap:anywhere}"
	"h2{font-size:1.15rem;font-weight:650;margin:3rem 0 .85rem}"
	"h3{font-size:.8rem;font-weight:600;color:var(--soft);margin:1.3rem 0 .25rem;overflow-wrap:anywhere}"
	"p{margin:.25rem 0}a{color:inherit;text-decoration:none}a:hover{text-decoration:underline}"
	"code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;"
	"font-size:.8125rem}"
	":focus-visible{outline:2px solid var(--ran);outline-offset:2px;border-radius:3px}"
	".lead{color:var(--soft);margin:0}"
	".state{font-weight:400}.succeeded{color:var(--ran)}.failed .state,.cancelled .state{font-weight:600}"
	".failed .state,.lead .failed{color:var(--failed)}"
	".cancelled .state{color:var(--cancelled)}.cached .state{color:var(--soft)}"
	".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:0 2rem;margin:1.75rem 0 0;"
	"border-top:1px solid var(--line);border-bottom:1px solid var(--line);padding:.9rem 0}"
	".figures div{min-width:0}.figures dt{color:var(--soft);font-size:.8rem}"
	".figures dd{margin:0;font-size:1.3rem;font-weight:600;font-variant-numeric:tabular-nums}"
	".alarm{background:var(--alarm);border-left:4px solid var(--failed);border-radius:4px;"
	"padding:1rem 1.25rem;margin:1.75rem 0 0}"
	".alarm h2{margin:0 0 .35rem;color:var(--failed)}.alarm pre{margin:.8rem 0 0}"
	"pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.55;tab-size:8}"
	"pre i{font-style:normal;color:var(--soft);user-select:none;display:inline-block;min-width:3.4rem}"
	/* timeline */
	".lanes{list-style:none;margin:0;padding:0}"
	".lane,.axis{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr) 11.5rem;gap:0 1.25rem;"
	"align-items:center}"
	".lane{padding:.16rem 0}.lane:hover{background:var(--tint)}"
	".lane a{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;font-size:.8125rem;"
	"overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
	".track{position:relative;height:1.15rem;background-image:linear-gradient(to right,var(--line) 1px,"
	"transparent 1px);background-size:var(--tick) 100%}"
	".bar{position:absolute;top:.15rem;bottom:.15rem;min-width:3px;border-radius:2px;background:var(--ran)}"
	".cached .bar{background:var(--cached)}.failed .bar{background:var(--failed)}"
	".cancelled .bar{background:var(--cancelled)}"
	".when{display:flex;justify-content:space-between;gap:.5rem;font-variant-numeric:tabular-nums;font-size:.85rem;"
	"white-space:nowrap}"
	".when b{font-weight:600}.cached .when b{font-weight:400}.when span{color:var(--soft)}"
	".axis{color:var(--soft);font-size:.75rem;margin-top:.5rem}"
	".axis div{position:relative;height:1.2rem;grid-column:2}"
	".axis span{position:absolute;border-left:1px solid var(--line);padding-left:.3rem;white-space:nowrap;"
	"font-variant-numeric:tabular-nums}"
	".legend{display:flex;flex-wrap:wrap;gap:.2rem 1.25rem;color:var(--soft);font-size:.8rem;padding:0;margin:0;"
	"list-style:none}"
	".legend li::before{content:'';display:inline-block;width:.7rem;height:.7rem;border-radius:2px;"
	"margin-right:.4rem;background:var(--ran);vertical-align:-.05rem}"
	".legend .cached::before{background:var(--cached)}.legend .failed::before{background:var(--failed)}"
	".legend .cancelled::before{background:var(--cancelled)}"
	/* tables */
	"table{border-collapse:collapse;width:100%}"
	"caption{text-align:left;color:var(--soft);font-size:.85rem;padding-bottom:.5rem}"
	"th,td{text-align:left;vertical-align:baseline;padding:.38rem 1rem .38rem 0;border-bottom:1px solid var(--line)}"
	"th:last-child,td:last-child{padding-right:0}"
	"th{font-size:.8rem;font-weight:600;white-space:nowrap;padding-bottom:.3rem}"
	"th button{all:unset;cursor:pointer;color:var(--soft)}th button:hover{color:var(--ink)}"
	"th button:focus-visible{outline:2px solid var(--ran);outline-offset:2px;border-radius:3px}"
	"th button::after{content:'\\2195';opacity:.45;margin-left:.3rem}"
	"th[aria-sort] button{color:var(--ink)}"
	"th[aria-sort=ascending] button::after{content:'\\2191';opacity:1}"
	"th[aria-sort=descending] button::after{content:'\\2193';opacity:1}"
	".number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	"td.mono{overflow-wrap:anywhere}tbody tr:hover{background:var(--tint)}"
	".share{display:inline-block;width:5rem;height:.5rem;border-radius:2px;background:var(--line);margin-left:.7rem;"
	"vertical-align:.05rem;text-align:left;overflow:hidden}"
	".share::before{content:'';display:block;height:100%;width:var(--of);background:var(--cached)}"
	/* logs */
	".tools{display:flex;justify-content:space-between;align-items:baseline;gap:1rem}"
	".tools button{font:inherit;font-size:.85rem;color:var(--ink);background:var(--sheet);"
	"border:1px solid var(--line);border-radius:4px;padding:.15rem .7rem;cursor:pointer}"
	"details{border-bottom:1px solid var(--line)}details:first-of-type{border-top:1px solid var(--line)}"
	"summary{cursor:pointer;padding:.42rem 0;display:flex;gap:.75rem;align-items:baseline}"
	"summary::before{content:'\\25b8';color:var(--soft);width:.8rem;flex:none}"
	"details[open] summary::before{content:'\\25be'}summary::-webkit-details-marker{display:none}"
	"summary:hover{background:var(--tint)}"
	"summary .mono{flex:1;min-width:0;overflow-wrap:anywhere}"
	"summary .state,summary .spent{flex:none;font-size:.85rem;font-variant-numeric:tabular-nums}"
	"summary .spent{width:5rem;text-align:right}"
	".log{padding:.2rem 0 1.2rem 1.55rem;content-visibility:auto}"
	".log .command,.log .output{background:var(--sheet);border:1px solid var(--line);border-radius:4px;"
	"padding:.6rem .8rem;margin:.35rem 0 .6rem}"
	".warning{color:var(--cancelled)}.note{color:var(--soft);font-size:.85rem}.error{color:var(--failed);font-weight:600;overflow-wrap:anywhere}"
	"footer{color:var(--soft);font-size:.8rem;margin-top:3.5rem}"
	"@media(max-width:760px){main{padding:1.5rem 1rem 3rem}h1{font-size:1.4rem}h2{margin-top:2.25rem}"
	".figures{grid-template-columns:repeat(2,minmax(0,1fr));gap:.7rem 1rem}"
	".lane{grid-template-columns:minmax(0,1fr);padding:.45rem 0;border-bottom:1px solid var(--line)}"
	".lane a{white-space:normal;overflow-wrap:anywhere}"
	".axis{grid-template-columns:minmax(0,1fr)}.axis div{grid-column:1}.axis span:nth-child(even){display:none}"
	".minor{display:none}.share{display:none}th,td{padding-right:.7rem}.log{padding-left:0}"
	"summary{flex-wrap:wrap;row-gap:0}summary .mono{flex-basis:calc(100% - 2rem)}"
	"summary .state{margin-left:1.55rem}summary .spent{width:auto}}"
	"@media print{.tools button{display:none}}";

static const char script[] =
	"'use strict';"
	"for(const button of document.querySelectorAll('th button'))button.addEventListener('click',()=>{"
	"const th=button.parentElement,table=th.closest('table'),body=table.tBodies[0],column=th.cellIndex;"
	"const first=th.classList.contains('number')?'descending':'ascending';"
	"const other=first==='ascending'?'descending':'ascending';"
	"const order=th.getAttribute('aria-sort')===first?other:first;"
	"for(const cell of th.parentElement.cells)cell.removeAttribute('aria-sort');"
	"th.setAttribute('aria-sort',order);"
	"const key=row=>row.cells[column].dataset.key??row.cells[column].textContent;"
	"const compare=(a,b)=>th.classList.contains('number')?key(a)-key(b):key(a).localeCompare(key(b));"
	"body.append(...[...body.rows].sort((a,b)=>order==='ascending'?compare(a,b):compare(b,a)));});"
	"const logs=[...document.querySelectorAll('details')],all=document.getElementById('all');"
	"if(all){all.hidden=false;all.addEventListener('click',()=>{const open=logs.some(d=>!d.open);"
	"for(const d of logs)d.open=open;all.textContent=open?'Fold all':'Unfold all';});}"
	"const reveal=()=>{const d=document.getElementById(location.hash.slice(1));"
	"if(d instanceof HTMLDetailsElement){d.open=true;d.scrollIntoView();}};"
	"addEventListener('hashchange',reveal);reveal();";

/* "sha256-" and base64, as a content security policy wants it. */
static char *script_digest(const void *ctx)
{
	char digest[DIGEST_ROOM];
	unsigned char bytes[32];
	digest_of(script, strlen(script), digest);
	const char *hex = digest_hex(digest);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		unsigned byte;
		sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = (unsigned char)byte;
	}
	CLEANUP_TALLOC char *text = base64_encode(NULL, bytes, sizeof(bytes));
	return mem_printf(ctx, "sha256-%s", text);
}

void page_begin(FILE *out, const char *title)
{
	CLEANUP_TALLOC char *digest = script_digest(NULL);
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
		"script-src '%s'; base-uri 'none'; form-action 'none'\">\n<title>",
		digest);
	page_text(out, title);
	fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", style);
}

void page_end(FILE *out)
{
	fprintf(out, "</main>\n<script>%s</script>\n</body>\n</html>\n", script);
}

void page_text(FILE *out, const char *text)
{
	for (const char *p = text, *end = text + strlen(text); p < end;) {
		uint32_t point = width_decode(&p, end);
		char bytes[5];
		switch (point) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			if (point == '\n' || point == '\t' || width_of(point) != WIDTH_INVISIBLE)
				fwrite(bytes, 1, width_encode(point, bytes), out);
		}
	}
}

void page_table(FILE *out, const char *id, const char *caption, const struct page_column *columns, unsigned count)
{
	fprintf(out, "<table id=\"%s\">\n<caption>", id);
	page_text(out, caption);
	fputs("</caption>\n<thead><tr>", out);
	for (unsigned i = 0; i < count; i++)
		fprintf(out, "<th scope=\"col\" class=\"%s%s\"><button type=\"button\">%s</button></th>",
			columns[i].is_number ? "number" : "", columns[i].is_minor ? " minor" : "", columns[i].label);
	fputs("</tr></thead>\n<tbody>\n", out);
}

void page_table_end(FILE *out)
{
	fputs("</tbody>\n</table>\n", out);
}
