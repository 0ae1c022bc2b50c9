echo a >a; ln a b; mkdir d; ln a d/c; echo x >suid; chmod 4755 suid; mkdir -m 1777 sticky; mkdir -m 700 private; echo p >private/p
chmod 600 a; mkdir -m 2755 setgid; echo g >setgid/g; chmod 2711 setgid/g
