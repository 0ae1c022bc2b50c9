python3 - <<'P'
import io, tarfile
def entry(t, name, kind=tarfile.REGTYPE, content=b"", **more):
    i = tarfile.TarInfo(name); i.type, i.size, i.mtime = kind, len(content), 1400000000
    for k, v in more.items():
        setattr(i, k, v)
    t.addfile(i, io.BytesIO(content))
with tarfile.open("one.tar", "w", format=tarfile.PAX_FORMAT) as t:
    entry(t, "./", tarfile.DIRTYPE, mode=0o700, uid=5)
    entry(t, "./no/parents/f", content=b"f\n", mode=0o4755, uid=1, gid=2)
    entry(t, "dir", tarfile.DIRTYPE, mode=0o750, uid=9)
    entry(t, "dir/x", content=b"over x\n")
    entry(t, "a", content=b"first\n")
    entry(t, "a", content=b"second\n")
    entry(t, "hard", tarfile.LNKTYPE, linkname="a")
    entry(t, "/rooted", content=b"rooted\n")
    entry(t, "link", tarfile.SYMTYPE, linkname="dir")
    entry(t, "link/through", content=b"t\n")
    entry(t, "capable", content=b"c\n", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04" + "\x00" * 14, "SCHILY.xattr.user.x": "y"})
    entry(t, "fifo", tarfile.FIFOTYPE, mode=0o600)
with tarfile.open("two.tar", "w", format=tarfile.USTAR_FORMAT) as t:
    entry(t, "f", content=b"f\n")
    entry(t, "f", tarfile.DIRTYPE, mode=0o755)
    entry(t, "f/g", content=b"g\n")
    entry(t, ".wh.f", content=b"")
    entry(t, "uname", content=b"u\n", uname="me", gname="mine")
P
