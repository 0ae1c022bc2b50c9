#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py FAKEBUILD [CASE...]: build the cases and compare each image with the record of BuildKit's, field by
field and entry by entry; then build it again, which must be the same from the cache. Speaks TAP.

differences.txt names the differences that are allowed. `errors` for CASE are the wrong Dockerfiles of errors/.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import cases
import image


class Allowed:
    """Lines of differences.txt: CASE PLACE FIELD: reason. CASE is globs, PLACE and FIELD regular expressions."""

    def __init__(self):
        self.rows = []
        with open(os.path.join(cases.HERE, "differences.txt"), encoding="utf-8") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    words, _, _ = line.partition(": ")
                    case, place, field = words.split()
                    self.rows.append((case.split(","), re.compile(place), re.compile(field)))

    def has(self, case, difference):
        where, field, _, _ = difference
        place = where.replace(" ", ":")
        return any(any(fnmatch.fnmatch(case, glob) for glob in globs) and p.fullmatch(place) and f.fullmatch(field)
                   for globs, p, f in self.rows)


class Tap:
    def __init__(self, count):
        self.number = self.failed = 0
        print(f"1..{count}")

    def tell(self, name, problems):
        self.number += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.number} {name}")
        for line in problems[:40]:
            print("  " + str(line).replace("\n", "\n  "))
        if len(problems) > 40:
            print(f"  ... and {len(problems) - 40} more")
        sys.stdout.flush()


class Builder:
    def __init__(self, program, work):
        self.program = program
        self.environment = {**cases.ENVIRONMENT, "FAKEBUILD_ROOT": os.path.join(work, "store")}
        archive = os.path.join(work, "base.tar")
        subprocess.run([sys.executable, os.path.join(cases.HERE, "base.py"), archive], check=True)
        result = self.run(["load", "-i", archive], work)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)

    def run(self, words, folder):
        return subprocess.run([self.program, *words], cwd=folder, env=self.environment, capture_output=True, text=True,
                              errors="backslashreplace", stdin=subprocess.DEVNULL, timeout=120, check=False)

    def build(self, folder, dockerfile, options, output=None):
        words = ["build", "--progress=plain", *options]
        if dockerfile and "-f" not in options:
            words += ["-f", dockerfile]
        if output:
            words += ["-o", f"type=oci,dest={output}"]
        return self.run([*words, "context"], folder)


def show(difference):
    where, field, expected, actual = difference
    return f"{where}: {field}: BuildKit {json.dumps(expected, ensure_ascii=False)}, fakebuild {json.dumps(actual, ensure_ascii=False)}"


def check_message(result, patterns, line):
    """What is wrong with how a build failed that had to."""
    if result.returncode == 0:
        return ["it must fail, and did not"]
    problems = []
    if result.returncode < 0 or result.returncode > 125:
        problems.append(f"status {result.returncode}")
    for pattern in patterns:
        if not re.search(pattern, result.stderr):
            problems.append(f"the message has no {pattern!r}")
    if line and not re.search(rf"(:|line ){line}\b", result.stderr):
        problems.append(f"the message does not tell line {line}")
    return problems + ([result.stderr] if problems else [])


def check_case(builder, case, work, allowed, tap):
    folder = os.path.join(work, case.name)
    case.prepare(folder)
    with open(case.record_path, encoding="utf-8") as f:
        expected = json.load(f)
    if case.must_fail_with():
        result = builder.build(folder, case.dockerfile(), case.options())
        tap.tell(case.name, check_message(result, case.must_fail_with(), expected["line"]))
        return
    for name in (case.name, case.name + " again"):
        output = os.path.join(folder, "image.tar")
        result = builder.build(folder, case.dockerfile(), case.options(), output)
        if result.returncode != 0:
            tap.tell(name, [f"status {result.returncode}", *result.stderr.splitlines()[-12:]])
            continue
        try:
            found = image.compare(expected, case.without_port(image.record_of(output)))
        except (ValueError, KeyError, OSError) as e:
            tap.tell(name, [f"no good image: {e!r}"])
            continue
        tap.tell(name, [show(d) for d in found if not allowed.has(case.name, d)])
        os.remove(output)


def check_errors(builder, work, allowed, tap):
    with open(os.path.join(cases.DATA, "errors.json"), encoding="utf-8") as f:
        expected = json.load(f)
    folder = os.path.join(work, "errors")
    os.makedirs(os.path.join(folder, "context"))
    for name, path in cases.errors().items():
        shutil.copyfile(path, os.path.join(folder, "Dockerfile"))
        result = builder.build(folder, "Dockerfile", [])
        if expected[name]["error"]:
            line = expected[name]["line"]
            if allowed.has("errors", (name, "line", line, None)):
                line = 0
            tap.tell("error " + name, check_message(result, [], line))
        else:
            tap.tell("error " + name, [result.stderr] if result.returncode else [])


def main():
    program, *names = sys.argv[1:]
    program = os.path.realpath(program)
    wanted = [] if names == ["errors"] else cases.all_cases([n for n in names if n != "errors"])
    with_errors = not names or "errors" in names
    count = sum(1 if case.must_fail_with() else 2 for case in wanted) + (len(cases.errors()) if with_errors else 0)
    work = tempfile.mkdtemp(prefix="fakebuild-parity-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    try:
        builder, allowed, tap = Builder(program, work), Allowed(), Tap(count)
        for case in wanted:
            try:
                check_case(builder, case, work, allowed, tap)
            finally:
                case.stop()
        if with_errors:
            check_errors(builder, work, allowed, tap)
        return 1 if tap.failed else 0
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", work], check=False)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
