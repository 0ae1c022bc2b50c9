#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record.py ADDRESS [--check] [CASE...]: what BuildKit at ADDRESS makes of the cases, into tests/data/build/.

With --check nothing is written: it builds again and shows what differs from the record, which must be nothing.
record.sh starts a buildkitd and this.
"""
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile

import cases
import compare
import image

# Option of `fakebuild build`: what `buildctl build` takes for it.
PLAIN = {
    "--target": "target", "--platform": "platform", "--add-host": "add-hosts", "--network": "force-network-mode",
    "--shm-size": "shm-size", "--ulimit": "ulimit",
}


def split_pair(text):
    key, _, value = text.partition("=")
    return key, value


class Builder:
    def __init__(self, address, work):
        self.address, self.layout = address, os.path.join(work, "images")
        archive = os.path.join(work, "base.tar")
        subprocess.run([sys.executable, os.path.join(cases.HERE, "base.py"), archive], check=True)
        with tarfile.open(archive) as tar:
            tar.extractall(self.layout)
        with open(os.path.join(self.layout, "index.json"), encoding="utf-8") as f:
            self.images = {m["annotations"]["io.containerd.image.name"]: m["digest"] for m in json.load(f)["manifests"]}

    def translated(self, options):
        """Options of `fakebuild build` as words of `buildctl build`, and the Dockerfile that -f names."""
        words, dockerfile, left = [], None, list(options)
        while left:
            option = left.pop(0)
            if option.startswith("--") and "=" in option and option.split("=")[0] in PLAIN:
                option, value = option.split("=", 1)
                left.insert(0, value)
            value = left.pop(0)
            if option in ("--build-arg", "--label"):
                key, text = split_pair(value)
                words += ["--opt", f"{option[2:]}:{key}={text}"]
            elif option == "-f":
                dockerfile = value
            elif option in ("--secret", "--ssh", "--allow"):
                words += [option, value]
            elif option == "--build-context":
                name, source = split_pair(value)
                if source.startswith("docker-image://"):
                    words += ["--opt", f"context:{name}=oci-layout://images@{self.images[source[15:]]}"]
                else:
                    words += ["--local", f"{name}={source}", "--opt", f"context:{name}=local:{name}"]
            elif option in PLAIN:
                words += ["--opt", f"{PLAIN[option]}={value}"]
            else:
                raise ValueError(f"no way to give {option} to buildctl")
        return words, dockerfile

    def build(self, work, context, dockerfile, options, output):
        """The error, or None."""
        words, other = self.translated(options)
        path = os.path.join(work, other or dockerfile or "context/Dockerfile")
        command = ["buildctl", "--addr", self.address, "build", "--progress=plain", "--frontend=dockerfile.v0",
                   "--no-cache", "--local", f"context={context}", "--local", f"dockerfile={os.path.dirname(path)}",
                   "--opt", f"filename={os.path.basename(path)}", "--oci-layout", f"images={self.layout}"]
        for name, digest in self.images.items():
            command += ["--opt", f"context:{name}=oci-layout://images@{digest}"]
        if output:
            command += ["--output", f"type=oci,dest={output},compression=uncompressed"]
        result = subprocess.run([*command, *words], cwd=work, capture_output=True, text=True, check=False,
                                env=cases.ENVIRONMENT, stdin=subprocess.DEVNULL)
        if result.returncode == 0:
            return None
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        place = re.search(r"^[^ ]*Dockerfile:(\d+)$", result.stderr, re.MULTILINE)
        message = re.sub(r"^(error: )?(failed to solve: )?", "", lines[-1] if lines else "no message")
        for volatile in (r"of ref [^ ]+", re.escape(os.path.dirname(work)) + r"[^ ]*/", r"/[^ ]*/cachemounts/buildkit\d+"):
            message = re.sub(volatile, "", message)
        return {"line": int(place[1]) if place else 0, "error": message}

    def record(self, case, work):
        context = case.prepare(work)
        output = os.path.join(work, "image.tar")
        try:
            error = self.build(work, context, case.dockerfile(), case.options(), output)
            return case.without_port(error or image.record_of(output))
        finally:
            case.stop()


def recorded(case):
    with open(case.record_path, encoding="utf-8") as f:
        return json.load(f)


def record_errors(builder, work):
    found = {}
    for name, path in cases.errors().items():
        folder = os.path.join(work, "errors-" + name)
        os.makedirs(os.path.join(folder, "context"))
        with open(path, "rb") as f, open(os.path.join(folder, "Dockerfile"), "wb") as g:
            g.write(f.read())
        found[name] = builder.build(folder, os.path.join(folder, "context"), "Dockerfile", [], None) or {"error": ""}
        print(f"{name}: {found[name]}")
    return found


def main():
    arguments = sys.argv[1:]
    checks = "--check" in arguments
    address, *names = [a for a in arguments if a != "--check"]
    os.makedirs(cases.DATA, exist_ok=True)
    status, allowed = 0, compare.Allowed()
    with tempfile.TemporaryDirectory(prefix="fakebuild-record-") as work:
        builder = Builder(address, work)
        for case in cases.all_cases([n for n in names if n != "errors"]) if names != ["errors"] else []:
            record = builder.record(case, os.path.join(work, case.name))
            if bool(record.get("error")) != bool(case.must_fail_with()):
                print(f"{case.name}: {'must fail, and did not' if case.must_fail_with() else record['error']}")
                status = 1
            elif checks:
                differences = [] if "error" in record else image.compare(recorded(case), record)
                differences = [d for d in differences if not allowed.has(case.name, d)]
                print(f"{case.name}: {len(differences)} differences", *differences, sep="\n   ")
                status |= bool(differences)
            else:
                image.write_record(record, case.record_path)
                print(f"{case.name}: recorded {record.get('error', '')}")
        if not checks and (not names or "errors" in names):
            with open(os.path.join(cases.DATA, "errors.json"), "w", encoding="utf-8") as f:
                json.dump(record_errors(builder, work), f, indent=1, ensure_ascii=False)
                f.write("\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
