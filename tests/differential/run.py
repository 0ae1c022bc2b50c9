#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the differential tester (differential.h): natively as real root and under fakebuild as an unprivileged
user, and compare what it says: with the fast path, and by turns without it, with one call in three fallen
through, and verifying (tests/README.md).  Needs root.

    run.py --calls PROGRAM --fakebuild PROGRAM [--seeds FROM-TO] [--steps N] [--mode rootfs|root] [--plain]
           [--seconds S] [--failures N] [--way WAY,...] [--shrink] [--user NAME] [--work DIR]

With --seconds it goes on with new seeds until the time is over.  --shrink finds the steps that matter for
the first difference.  The user is $FAKEBUILD_TEST_USER or nobody.  The last line is "N passed, M failed".
"""
import argparse
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time


# Options and environment.
WAYS = {
    'fast': ([], {}),
    'slow': (['--no-fast-path'], {}),
    'falling': ([], {'FAKEBUILD_TEST_FALL_THROUGH': '3'}),
    'verifying': ([], {'FAKEBUILD_TEST_VERIFY': '1'}),
}
BY_TURNS = ('slow', 'falling', 'verifying')


class Sides:
    """The two ways to run a seed."""

    def __init__(self, options):
        self.options = options
        self.work = options.work or tempfile.mkdtemp(prefix='differential-', dir='/var/tmp')
        os.chmod(self.work, 0o755)
        self.user = pwd.getpwnam(options.user)
        # The user may not be able to reach the tree that this is built in.
        self.fakebuild = os.path.join(self.work, 'fakebuild')
        shutil.copy(options.fakebuild, self.fakebuild)
        os.chmod(self.fakebuild, 0o755)
        self.flags = self.probe()

    def probe(self):
        out = subprocess.run([self.options.calls, '--probe'], cwd=self.work, stdout=subprocess.PIPE, check=True)
        return out.stdout.decode().split()

    def fresh_root(self, name, owner):
        path = os.path.join(self.work, name)
        subprocess.run(['rm', '-rf', path], check=True)
        os.mkdir(path, 0o755)
        # With what fakebuild mounts on, so that link counts agree.
        for below in ('proc', 'sys', 'dev', 'etc'):
            os.mkdir(os.path.join(path, below), 0o755)
        shutil.copy(self.options.calls, path + '/calls')
        for below in ('', 'calls', 'proc', 'sys', 'dev', 'etc'):
            os.chown(os.path.join(path, below), owner, owner)
            os.chmod(os.path.join(path, below), 0o755)
        return path

    def run(self, command, env):
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                             env=env, timeout=600)
        text = out.stdout.decode(errors='replace')
        return text if out.returncode == 0 else text + 'exit status %d\n' % out.returncode

    def arguments(self, seed, steps, only, root):
        given = ['--seed', str(seed), '--steps', str(steps)] + self.flags
        if self.options.mode == 'root':
            given += ['--no-proc', '--no-chroot']
        if self.options.plain:
            given += ['--plain', '--no-chroot']
        if only is not None:
            with open(root + '/only', 'w') as out:
                out.write('\n'.join(str(n) for n in only))
            os.chmod(root + '/only', 0o644)
            given += ['--only', '/only']
        return given

    def native(self, seed, steps, only=None):
        root = self.fresh_root('native', 0)
        given = self.arguments(seed, steps, only, root)
        return self.run([self.options.calls, '--root', root] + given, {})

    def faked(self, seed, steps, only=None, way='fast'):
        root = self.fresh_root('faked', self.user.pw_uid)
        given = self.arguments(seed, steps, only, root)
        # With the store go the notes on files that have been deleted from outside.
        home = os.path.join(self.work, 'home')
        subprocess.run(['rm', '-rf', home], check=True)
        os.mkdir(home)
        os.chown(home, self.user.pw_uid, self.user.pw_gid)
        way_options, env = WAYS[way]
        command = ['setpriv', '--reuid', str(self.user.pw_uid), '--regid', str(self.user.pw_gid), '--clear-groups',
                   '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', self.fakebuild]
        if self.options.mode == 'root':
            command += ['root'] + way_options + ['--', root + '/calls', '--chroot', root] + given
        else:
            command += ['run'] + way_options + ['--rootfs', root, '--', '/calls'] + given
        return self.run(command, dict(env, HOME=home, PATH='/usr/bin:/bin', FAKEBUILD_ROOT=home + '/store'))


def first_difference(a, b):
    """The number of the first line that differs, or None."""
    a, b = a.splitlines(), b.splitlines()
    for i in range(max(len(a), len(b))):
        if i >= len(a) or i >= len(b) or a[i] != b[i]:
            return i
    return None


def tell(seed, way, a, b, at):
    a, b = a.splitlines() + [''], b.splitlines() + ['']
    print('seed %d, %s, line %d:' % (seed, way, at + 1))
    for line in a[max(0, at - 3):at]:
        print('          ' + line)
    print('  native  ' + a[min(at, len(a) - 1)])
    print('  faked   ' + b[min(at, len(b) - 1)])


def number_of(text, at):
    """The step that a line belongs to."""
    lines = text.splitlines()
    while at >= 0:
        word = lines[at].split(' ', 1)[0] if at < len(lines) else ''
        if word.isdigit():
            return int(word)
        at -= 1
    return 0


def kind_of(text, at):
    """The call that a line is about: the difference must stay the same while shrinking."""
    lines = text.splitlines()
    words = lines[at].split(' ') if at < len(lines) else ['']
    return words[2].split('(')[0] if words[0].isdigit() and len(words) > 2 else words[0].split(':')[0][:4]


def shrink(sides, seed, way, steps, a, at):
    kind = kind_of(a, at)

    def differs(only):
        x, y = sides.native(seed, steps, only), sides.faked(seed, steps, only, way)
        where = first_difference(x, y)
        return where is not None and kind_of(x, where) == kind

    last = steps - 1 if kind == 'tree' or kind.startswith('/') else number_of(a, at)
    kept = list(range(last + 1))
    if not differs(kept):
        print('  (not found again by steps)')
        return None
    size = max(1, len(kept) // 2)
    while size:
        start = 0
        while start < len(kept):
            without = kept[:start] + kept[start + size:]
            if without and differs(without):
                kept = without
            else:
                start += size
        size //= 2
    return kept


def differs(sides, options, seed, way, a):
    """Compare with what native has said; tell of the first difference."""
    b = sides.faked(seed, options.steps, way=way)
    at = first_difference(a, b)
    if at is None:
        return False
    tell(seed, way, a, b, at)
    kept = shrink(sides, seed, way, options.steps, a, at) if options.shrink else None
    if kept:
        x, y = sides.native(seed, options.steps, kept), sides.faked(seed, options.steps, kept, way)
        print('shrunk to steps %s' % ' '.join(map(str, kept)))
        where = first_difference(x, y)
        for line in x.splitlines()[:where]:
            print('          ' + line)
        tell(seed, way, x, y, where)
    sys.stdout.flush()
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--calls', required=True)
    parser.add_argument('--fakebuild', required=True)
    parser.add_argument('--seeds', default='1-24')
    parser.add_argument('--steps', type=int, default=1500)
    parser.add_argument('--mode', default='rootfs', choices=('rootfs', 'root'))
    parser.add_argument('--plain', action='store_true', help='root only: what the fast path answers')
    parser.add_argument('--way', help='of %s; several with commas between' % ', '.join(WAYS))
    parser.add_argument('--seconds', type=int, default=0)
    parser.add_argument('--shrink', action='store_true')
    parser.add_argument('--user', default=os.environ.get('FAKEBUILD_TEST_USER', 'nobody'))
    parser.add_argument('--work')
    parser.add_argument('--failures', type=int, default=10, help='stop after so many')
    options = parser.parse_args()
    options.calls = os.path.abspath(options.calls)
    options.fakebuild = os.path.abspath(options.fakebuild)
    if os.getuid() != 0:
        sys.exit('run.py: the oracle is real root: run it as root')
    sides = Sides(options)
    first, _, last = options.seeds.partition('-')
    seed, last = int(first), int(last or first)
    passed = failed = 0
    end = time.time() + options.seconds
    while (time.time() < end if options.seconds else seed <= last) and failed < options.failures:
        a = sides.native(seed, options.steps)
        if a.startswith('differential: making a mount namespace'):
            print('    skipped: root may not make namespaces here')
            break
        if a.startswith('differential: '):
            sys.exit(a)
        ways = options.way.split(',') if options.way else ['fast', BY_TURNS[seed % len(BY_TURNS)]]
        wrong = [way for way in ways if differs(sides, options, seed, way, a)]
        passed += not wrong
        failed += bool(wrong)
        seed += 1
    if not options.work:
        shutil.rmtree(sides.work, ignore_errors=True)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
