# SPDX-License-Identifier: Apache-2.0
# Calls on files, with what each gave: proot.bats compares a run as the user with one under proot.  argv[1] is an
# empty folder.
import ctypes
import errno
import os
import stat
import sys

os.chdir(sys.argv[1])
os.umask(0o027)
libc = ctypes.CDLL(None, use_errno=True)


def show(what, call, *args, **named):
    try:
        result = call(*args, **named)
    except OSError as error:
        result = errno.errorcode[error.errno]
    if isinstance(result, os.stat_result):
        result = (oct(result.st_mode), result.st_uid, result.st_gid, result.st_nlink, result.st_size, result.st_rdev)
    print(what, result)


def close(fd):
    os.close(fd)


def make(path, mode=0o666):
    close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


def fchmod(path, mode):
    fd = os.open(path, os.O_RDONLY)
    os.fchmod(fd, mode)
    close(fd)


def write_to(path):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, b"x")
    close(fd)


for mode in (0o666, 0o400, 0o000, 0o755, 0o4755, 0o2755, 0o1777):
    name = "f%o" % mode
    show("create " + name, make, name, mode)
    show("stat", os.stat, name)
    show("write", write_to, name)
    show("read", open, name, "rb") if mode == 0 else None
    for mask in (os.R_OK, os.W_OK, os.X_OK, os.F_OK):
        show("access %d" % mask, os.access, name, mask)
for mode in (0o777, 0o700, 0o000, 0o3777):
    name = "d%o" % mode
    show("mkdir " + name, os.mkdir, name, mode)
    show("stat", os.stat, name)
    show("make in it", make, name + "/f")
    show("stat in it", os.stat, name + "/f")
    show("list", os.listdir, name)
show("exists", os.mkdir, "d777")
show("mkdir slash", os.mkdir, "new/")
show("mkdir below file", os.mkdir, "f666/x")
show("chmod", os.chmod, "f666", 0o6751)
show("stat", os.stat, "f666")
show("fchmod", fchmod, "f666", 0o604)
show("chmod of /etc", os.chmod, "/etc", 0o755)
for ids in ((0, 0), (os.getuid(), os.getgid()), (-1, -1), (os.getuid() + 1, -1), (-1, 0)):
    show("chown %s" % (ids[0] == os.getuid()), os.chown, "f666", *ids)
show("chown of /etc", os.chown, "/etc", -1, -1)
show("lchown", os.lchown, "nowhere", 0, 0)
show("link", os.link, "f666", "l")
show("stat", os.lstat, "l")
show("link of a folder", os.link, "d777", "l2")
show("symlink", os.symlink, "f666", "s")
show("symlink slash", os.symlink, "f666", "s2/")
show("lstat", os.lstat, "s")
show("stat", os.stat, "s")
show("readlink", os.readlink, "s")
show("loop", os.symlink, "loop", "loop")
show("open loop", os.open, "loop", os.O_RDONLY)
show("open nofollow", os.open, "s", os.O_RDONLY | os.O_NOFOLLOW)
show("open creat dir", os.open, "d777", os.O_CREAT | os.O_RDWR)
show("open excl", os.open, "f666", os.O_CREAT | os.O_EXCL)
show("open slash", os.open, "f666/", os.O_RDONLY)
show("creat slash", os.open, "g/", os.O_CREAT | os.O_WRONLY)
show("creat through link", os.symlink, "made", "to-make")
show("creat", make, "to-make")
show("creat", lambda: close(os.open("to-make", os.O_CREAT | os.O_WRONLY, 0o600)))
show("stat", os.stat, "made")
show("noatime", lambda: close(os.open("/etc/passwd", os.O_RDONLY | os.O_NOATIME)))
show("rename", os.rename, "made", "d777/moved")
show("rename over", os.rename, "d777/moved", "f755")
show("rename of a folder", os.rename, "d700", "d777")
show("rename in /", os.rename, "/etc", "/etc2")
show("unlink", os.unlink, "l")
show("unlink a folder", os.unlink, "d777")
show("rmdir a file", os.rmdir, "f755")
show("unlink in /etc", os.unlink, "/etc/passwd")
show("write to /etc", make, "/etc/new-file-of-the-test")
show("mkfifo", os.mkfifo, "fifo", 0o622)
show("stat", os.stat, "fifo")
show("mknod", os.mknod, "node", stat.S_IFCHR | 0o666, os.makedev(1, 3))
show("mknod file", os.mknod, "plain", stat.S_IFREG | 0o640)
show("truncate", os.truncate, "f755", 10)
show("truncate a folder", os.truncate, "d777", 0)
show("truncate of /etc/passwd", os.truncate, "/etc/passwd", 0)
show("utime", os.utime, "f755", (1, 2))
show("utime of /etc/passwd", os.utime, "/etc/passwd", (1, 2))
show("utime now of /etc/passwd", os.utime, "/etc/passwd")
show("utime of a link", os.utime, "s", (3, 4), follow_symlinks=False)
show("getxattr", os.getxattr, "f755", "user.none")
show("setxattr trusted", os.setxattr, "f755", "trusted.a", b"1")
show("setxattr security", os.setxattr, "f755", "security.capability", b"1")
show("listxattr", os.listxattr, "f755")
try:
    os.setxattr("f755", "user.a", b"1")
    show("getxattr", os.getxattr, "f755", "user.a")
    show("listxattr", os.listxattr, "f755")
    show("removexattr", os.removexattr, "f755", "user.a")
except OSError:
    pass
show("tmpfile", lambda: oct(os.fstat(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o444)).st_mode))
show("shadow", os.open, "/etc/shadow", os.O_RDONLY)
show("root", os.listdir, "/root")
show("ids", lambda: (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()), os.getresuid()))
show("setuid 0", os.setuid, 0)
show("setuid own", os.setuid, os.getuid())
show("setgroups", os.setgroups, [0])
show("chroot", os.chroot, ".")
show("sethostname", os.system, "hostname other 2>/dev/null")
show("nice", os.nice, 1)
show("nice", os.nice, -1)
show("kill init", os.kill, 1, 0) if len(sys.argv) > 2 else None
show("mount", libc.mount, b"none", b"/mnt", b"tmpfs", 0, None)
show("pipe", lambda: [os.fstat(fd).st_uid == os.getuid() for fd in os.pipe()])
for name in sorted(os.listdir(".")):
    show(name, os.lstat, name)
