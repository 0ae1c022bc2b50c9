mkdir t t/d; echo f >t/f; echo g >t/d/g; chmod 640 t/f; ln t/f t/h; ln -s f t/l; chmod 2750 t/d; mkdir dir; touch -d @1400000000 t/f t/d/g t/d t
python3 - <<'P'
import tarfile
with tarfile.open("t.tar", "w", format=tarfile.GNU_FORMAT) as t:
    def own(i):
        i.uid, i.gid, i.uname, i.gname, i.mtime = 33, 44, "x", "y", 1400000000
        return i
    t.add("t", ".", filter=own)
    n = tarfile.TarInfo("null"); n.type, n.devmajor, n.devminor, n.mode, n.mtime = tarfile.CHRTYPE, 1, 3, 0o666, 1400000000
    t.addfile(n)
P
rm -r t
gzip -nk t.tar; bzip2 -k t.tar; xz -k t.tar; zstd -q t.tar; cp t.tar.gz misnamed; cp t.tar dir/
echo 'no archive' >not.tar; echo text | gzip -n >text.gz; head -c 10240 /dev/zero >empty.tar; echo f >f
