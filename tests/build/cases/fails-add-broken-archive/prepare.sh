mkdir d; head -c 300000 /dev/urandom >d/x; tar czf all.tar.gz d; head -c 200000 all.tar.gz >broken.tar.gz; rm -r d all.tar.gz
