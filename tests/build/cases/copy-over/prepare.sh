echo f >f; mkdir -p d/deep/er t1 t2 t3; echo new >d/x; echo new >d/deep/er/z; chmod 700 d d/deep; echo 1 >t1/same; echo 2 >t2/same; echo 3 >t3/same
