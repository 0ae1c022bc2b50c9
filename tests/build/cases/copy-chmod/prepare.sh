echo x >x; chmod 755 x; ln -s f l
