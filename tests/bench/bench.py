#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Side-by-side benchmark of root-emulating executors against a native chroot.

Every workload runs inside the same Debian guest, under every executor in turn
(A B C A B C ...), so that a drift of the machine's speed hits them all alike.
The native column is a real chroot(2) run by root: the physical limit.  All other
executors run as an unprivileged user, on a copy of the guest that this user owns.
Printed: the median over the rounds of (executor seconds / native seconds).

  sudo ./bench.py                                   native, proot, fakebuild
  sudo ./bench.py --executor 'new=/tmp/fb run --rootfs {root} --'   add one
  sudo ./bench.py --only stat,exec --rounds 5
  sudo ./bench.py --json out.json --max 'fakebuild:stat=1.5'        exit 1 when above

Needs root (for the native column and for the guest), mmdebstrap, util-linux.
A workload that fails under an executor shows as FAIL, never as a time.
"""
import argparse, json, os, pwd, shlex, shutil, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ENV = ["/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
       "HOME=/root", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"]
EXECUTORS = {
    "native": "chroot {root}",
    "proot": "proot -0 -r {root} -b /dev -b /proc -w /",
    "fakebuild": "fakebuild run --rootfs {root} --",
}
# name: (set-up outside the clock, timed part); both run by sh -ec inside the guest
WORKLOADS = {
    "start":     ("", "true"),
    "stat":      ("", "for i in 1 2 3; do find / -xdev -printf '%u %g %m %s %p\\n' >/dev/null; done"),
    "stat-abs":  ("find /usr -xdev -type f >/tmp/list", "for i in 1 2 3; do xargs -a /tmp/list stat -c '%u %a %n' >/dev/null; done"),
    "read":      ("find /usr -xdev -type f | head -n 6000 >/tmp/list", "xargs -a /tmp/list cat >/dev/null"),
    "exec":      ("", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"),
    "untar":     ("tar cf /tmp/u.tar /usr/share; rm -rf /tmp/u; mkdir /tmp/u", "tar xf /tmp/u.tar -C /tmp/u"),
    "chown":     ("rm -rf /tmp/c; cp -a /usr/share /tmp/c", "chown -R 33:33 /tmp/c; find /tmp/c -uid 33 >/dev/null"),
    "rm":        ("rm -rf /tmp/r; cp -a /usr/share /tmp/r", "rm -rf /tmp/r"),
    "apt":       ("", "apt-get install -y --no-install-recommends --no-download python3 git perl build-essential >/dev/null 2>&1"),
    "git":       ("rm -rf /tmp/g; mkdir /tmp/g; cp -a /usr/share/perl /usr/lib/python3* /tmp/g; cd /tmp/g; git init -q .; git add -A; git -c user.name=x -c user.email=x@x commit -qm x",
                  "cd /tmp/g; for i in 1 2 3 4 5; do git status >/dev/null; done; rm -rf perl; git checkout -q ."),
    "configure": ("rm -rf /tmp/h; mkdir /tmp/h; tar xf /bench/hello.tar.gz -C /tmp/h --strip-components=1", "cd /tmp/h; ./configure >/dev/null 2>&1"),
    "make":      ("", "cd /tmp/h; make -j2 >/dev/null 2>&1"),
    "python":    ("rm -rf /tmp/p; mkdir /tmp/p; cp -a /usr/lib/python3.*/. /tmp/p", "python3 -m compileall -q -f /tmp/p/json /tmp/p/asyncio /tmp/p/email; for i in 1 2 3 4 5 6 7 8 9 10; do python3 -c 'import asyncio, email, json, http.client, unittest'; done"),
}


def sh(*args, **kw):
    return subprocess.run(args, check=True, **kw)


def make_guest(work):
    """A minimal Debian with the packages that `apt` installs already downloaded."""
    tar = os.path.join(work, "guest.tar")
    if os.path.exists(tar):
        return tar
    root = os.path.join(work, "guest.tmp")
    shutil.rmtree(root, ignore_errors=True)
    print("building the guest (once) ...", file=sys.stderr)
    sh("mmdebstrap", "--variant=minbase", "--quiet", "bookworm", root)
    script = """set -e
      sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/*.sources 2>/dev/null || true
      sed 's/^deb /deb-src /' /etc/apt/sources.list >>/etc/apt/sources.list 2>/dev/null || true
      apt-get update -qq
      apt-get install -y -qq --no-install-recommends --download-only python3 git perl build-essential >/dev/null
      mkdir -p /bench && cd /bench
      apt-get source -qq --download-only hello >/dev/null 2>&1 || true
      mv hello_*.orig.tar.gz hello.tar.gz"""
    if os.path.exists("/etc/resolv.conf"):
        shutil.copy("/etc/resolv.conf", root + "/etc/resolv.conf")
    sh("chroot", root, *ENV, "sh", "-c", script)
    sh("tar", "-C", root, "--exclude=./dev/*", "-cf", tar + ".part", ".")
    os.rename(tar + ".part", tar)
    shutil.rmtree(root)
    return tar


class Executor:
    def __init__(self, name, template, user, work, tar):
        self.name, self.native, self.user = name, name == "native", user
        self.root = os.path.join(work, "root-" + name)
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        extract = ["tar", "-C", self.root, "-xf", tar]
        if not self.native:
            shutil.chown(self.root, user, user)
            extract = self.as_user() + extract + ["--no-same-owner"]
        sh(*extract)
        if self.native:
            sh("mount", "-t", "proc", "proc", self.root + "/proc")
            sh("mount", "--bind", "/dev", self.root + "/dev")
        self.prefix = shlex.split(template.format(root=self.root))

    def as_user(self):
        who = pwd.getpwnam(self.user)
        return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups",
                "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                "env", "HOME=" + who.pw_dir, "USER=" + self.user]

    def run(self, script, limit):
        argv = ([] if self.native else self.as_user()) + self.prefix + ENV + ["sh", "-ec", script]
        began = time.monotonic()
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, cwd="/", timeout=limit)
        except subprocess.TimeoutExpired:
            return None, f"over {limit} s"
        seconds = time.monotonic() - began
        if done.returncode:
            return None, done.stderr.decode(errors="replace").strip()[-300:] or f"exit {done.returncode}"
        return seconds, ""

    def close(self):
        if self.native:
            for m in ("/dev", "/proc"):
                subprocess.run(["umount", self.root + m], stderr=subprocess.DEVNULL)
        sh("rm", "-rf", "--one-file-system", self.root)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--executor", action="append", default=[], metavar="NAME=COMMAND", help="{root} is the guest's folder")
    ap.add_argument("--skip", default="", help="executors to leave out, comma-separated")
    ap.add_argument("--only", default="", help="workloads, comma-separated")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--limit", type=int, default=300, help="seconds for one run")
    ap.add_argument("--user", default="fakebuild-bench")
    ap.add_argument("--work", default="/var/tmp/fakebuild-bench")
    ap.add_argument("--json")
    ap.add_argument("--max", action="append", default=[], metavar="EXEC:WORKLOAD=RATIO")
    args = ap.parse_args()
    if os.geteuid():
        sys.exit("bench.py: needs root: the native column is a real chroot")
    os.makedirs(args.work, exist_ok=True)
    os.chmod(args.work, 0o755)
    try:
        pwd.getpwnam(args.user)
    except KeyError:
        sh("useradd", "-m", args.user)
    chosen = dict(EXECUTORS, **dict(e.split("=", 1) for e in args.executor))
    for name in filter(None, args.skip.split(",")):
        chosen.pop(name, None)
    for name in [n for n, t in chosen.items() if not shutil.which(shlex.split(t)[0])]:
        print(f"{name}: not installed, left out", file=sys.stderr)
        chosen.pop(name)
    names = [w for w in WORKLOADS if not args.only or w in args.only.split(",")]
    tar = make_guest(args.work)
    executors = []
    times, why = {}, {}
    try:
        for n, t in chosen.items():
            executors.append(Executor(n, t, args.user, args.work, tar))
        need_apt = set(names) & {"git", "configure", "make", "python"} and "apt" not in names
        for ex in executors if need_apt else []:
            ex.run(WORKLOADS["apt"][1], args.limit)
        for name in names:
            setup, timed = WORKLOADS[name]
            rounds = 1 if name == "apt" else args.rounds
            for _ in range(rounds):
                for ex in executors:
                    if setup:
                        ok, err = ex.run(setup, args.limit)
                        if ok is None:
                            why[ex.name, name] = "set-up: " + err
                            continue
                    if name == "make":
                        ex.run("cd /tmp/h; make clean >/dev/null 2>&1", args.limit)
                    if name == "apt":
                        ex.run("rm -f /tmp/list; sync", args.limit)
                    s, err = ex.run(timed, args.limit)
                    if s is None:
                        why[ex.name, name] = err
                    else:
                        times.setdefault((ex.name, name), []).append(s)
    finally:
        for ex in executors:
            ex.close()
    ratio = {}
    print("%-10s %10s" % ("workload", "native s") + "".join("%12s" % e.name for e in executors if not e.native))
    for name in names:
        base = times.get(("native", name))
        row = "%-10s %10s" % (name, "%.3f" % statistics.median(base) if base else "FAIL")
        for ex in executors:
            if ex.native:
                continue
            mine = times.get((ex.name, name))
            if mine and base and (ex.name, name) not in why:
                r = statistics.median(a / b for a, b in zip(mine, base))
                ratio[f"{ex.name}:{name}"] = round(r, 3)
                row += "%11.2fx" % r
            else:
                row += "%12s" % "FAIL"
        print(row)
    for (e, w), text in sorted(why.items()):
        print(f"FAIL {e} {w}: {text}")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"ratio": ratio, "seconds": {f"{e}:{w}": t for (e, w), t in times.items()},
                       "failed": {f"{e}:{w}": t for (e, w), t in why.items()}}, f, indent=1)
    over = []
    for spec in args.max:
        key, limit = spec.split("=")
        if ratio.get(key, 1e9) > float(limit):
            over.append(f"{key} is {ratio.get(key, 'FAIL')}, limit {limit}")
    for line in over:
        print("above: " + line)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
