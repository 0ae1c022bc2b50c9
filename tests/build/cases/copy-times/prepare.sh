echo o >old; echo n >new; mkdir d; echo e >d/e; ln -s e d/l
touch -d @1000000000 old; touch -d '@1450000000.999999999' new d/e; touch -h -d @1200000000 d/l; touch -d @1100000000 d
