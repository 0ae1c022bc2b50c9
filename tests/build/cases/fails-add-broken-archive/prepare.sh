mkdir d; head -c 100000 /dev/urandom >d/x; tar czf all.tar.gz d; head -c 50000 all.tar.gz >broken.tar.gz; rm -r d all.tar.gz
