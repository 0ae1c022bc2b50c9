mkdir d links; echo f >f; echo e >d/e; ln -s x links/l
