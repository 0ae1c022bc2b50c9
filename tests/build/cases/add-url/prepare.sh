mkdir d; echo f >d/f; touch -d @1400000000 d/f d; tar --owner=5 --group=6 --mtime=@1400000000 -cf ../www/archive.tar d; rm -r d
