mkdir dir dir-with-links; echo f >dir/f; echo file >file
ln -s file to-file; ln -s dir to-dir; ln -s to-file chain; ln -s /file absolute; ln -s ../../file up
ln -s ../file dir-with-links/l; ln -s nowhere dir-with-links/dangling; ln -s .. dir-with-links/loop
