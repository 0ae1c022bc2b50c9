#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the examples as who runs them would.

examples.py check              the pods keep to the restricted Pod Security Standard, all scripts are shell
examples.py pod                of the Kubernetes Job: a word of `docker run` a line, then --, then its command
examples.py script gitlab      the shell lines of the GitLab job
examples.py script github      those of the GitHub workflow
examples.py options github     the options of its container, a word a line
"""
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
GITLAB = EXAMPLES / "gitlab/.gitlab-ci.yml"
GITHUB = EXAMPLES / "github/image.yml"
JOB = EXAMPLES / "kubernetes/job.yaml"


def pod():
    return yaml.safe_load(JOB.read_text())["spec"]["template"]["spec"]


def offences(spec):
    """Of kubernetes.io/docs/concepts/security/pod-security-standards, "Restricted"."""
    common = spec.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{key} is set"
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    for volume in spec["volumes"]:
        if not set(volume) - {"name"} <= allowed:
            yield f"volume {volume['name']} is of another type"
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        both = {**common, **own}
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            yield "privileges may be gained"
        if "ALL" not in own.get("capabilities", {}).get("drop", []) or own["capabilities"].get("add"):
            yield "capabilities are kept"
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield "it may be root"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield "no seccomp profile"
        if own.get("readOnlyRootFilesystem") is not True:
            yield "the root can be written"  # not of the standard, but of our promise


def pod_flags():
    spec = pod()
    container, common = spec["containers"][0], spec["securityContext"]
    own = container["securityContext"]
    yield f"--user={common['runAsUser']}:{common['runAsGroup']}"
    yield f"--group-add={common['fsGroup']}"
    for capability in own["capabilities"]["drop"]:
        yield f"--cap-drop={capability}"
    if own["allowPrivilegeEscalation"] is False:
        yield "--security-opt=no-new-privileges"
    if own["readOnlyRootFilesystem"]:
        yield "--read-only"
    yield from (f"--env={variable['name']}={variable['value']}" for variable in container["env"])
    for mount in container["volumeMounts"]:
        yield f"--volume=$VOLUMES/{mount['name']}:{mount['mountPath']}" + (":ro" if mount.get("readOnly") else "")
    yield "--"
    yield from container["command"]


def script(where):
    if where == "gitlab":
        return "\n".join(yaml.safe_load(GITLAB.read_text())["image"]["script"])
    steps = yaml.safe_load(GITHUB.read_text())["jobs"]["image"]["steps"]
    return "\n".join(step["run"] for step in steps if "run" in step)


def check():
    failures = list(offences(pod()))
    for text in (script("gitlab"), script("github")):
        if subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode:
            failures.append(f"no shell: {text}")
        if re.search(r"\$\{\{", text):
            failures.append(f"an expression in a script can be code of who wrote its value: {text}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def main(words):
    if words == ["check"]:
        return check()
    if words == ["pod"]:
        print("\n".join(pod_flags()))
    elif len(words) == 2 and words[0] == "script":
        print(script(words[1]))
    elif words == ["options", "github"]:
        print("\n".join(shlex.split(yaml.safe_load(GITHUB.read_text())["jobs"]["image"]["container"]["options"])))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
