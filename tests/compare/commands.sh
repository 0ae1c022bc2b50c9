#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What layer.sh has real root do in a chroot and fakebuild in a container: packages with users, set-id files and
# capabilities, then everything that changes what a file is. Times that must be alike are set by touch.
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update
apt-get install -y --no-install-recommends cron sudo iputils-ping dbus openssh-client acl attr libcap2-bin

mkdir /opt/t && cd /opt/t

# Owners and modes, of new files and of the image's.
for mode in 0000 0200 0444 0644 0755 1755 2755 4755 6755 2644 4644; do
	echo "$mode" >"mode-$mode"
	chown daemon:games "mode-$mode"
	chmod "$mode" "mode-$mode"
done
echo chowned-after >set-id-lost && chmod 6755 set-id-lost && chown 12:34 set-id-lost
echo big-ids >big-ids && chown 3000000:4000000000 big-ids
chown daemon /etc/issue
chgrp mail /etc/issue.net
chmod 4711 /usr/bin/wall
chmod 0600 /etc/motd 2>/dev/null || true
chown -R games:games /usr/share/pixmaps /var/mail
chmod 0 /etc/hosts.deny 2>/dev/null || true
mkdir -m 0 d-0000 && mkdir -m 1777 d-1777 && mkdir -m 2775 d-2775 && chgrp audio d-2775
mkdir d-2775/below && touch d-2775/file
mkdir d-2770 && chown backup:video d-2770 && chmod 2770 d-2770 && mkdir -p d-2770/a/b && cp /etc/passwd d-2770/a/b
install -d -o man -g tty -m 3751 d-3751
install -o news -g proxy -m 6510 /bin/true installed
(umask 077 && touch umask-077 && mkdir d-umask-077)
useradd -r -s /usr/sbin/nologin -d /opt/t/home -m someone
su -s /bin/sh someone -c 'echo mine >/opt/t/home/mine && mkdir -m 2700 /opt/t/home/d && ln -s mine /opt/t/home/link'

# Nodes.
mkdir dev
mknod -m 666 dev/null c 1 3 && mknod -m 640 dev/console c 5 1 && mknod -m 660 dev/sda b 8 0 && mknod dev/big c 500 70000
chown root:disk dev/sda && chown 7:8 dev/console
mkfifo -m 622 dev/fifo && chown nobody:nogroup dev/fifo
ln dev/sda dev/sda-too && mv dev/console dev/moved

# Names: hard links, symlinks, moves, removals.
echo linked >one && ln one two && mkdir links && ln one links/three && chown 5:6 two
ln /bin/sleep sleep && ln /bin/date /opt/t/date && chmod 4755 date
ln -s nowhere dangling && chown -h games:mail dangling
ln -s /etc/passwd absolute && ln -s . self
ln dangling dangling-too
rm /etc/debian_version /usr/share/doc/base-files/copyright
rm -r /usr/share/doc/mawk
mv /etc/deluser.conf /etc/deluser.renamed
mv /usr/share/perl5/Debian/AdduserCommon.pm . 2>/dev/null || true
cp -a /usr/share/doc/tar moved-before && mv moved-before moved
rm -r /usr/share/doc/gzip && mkdir /usr/share/doc/gzip && echo new >/usr/share/doc/gzip/only
rm -r /usr/share/doc/sed && echo 'was a directory' >/usr/share/doc/sed
rm /etc/legal 2>/dev/null || true
rm /etc/environment 2>/dev/null || true
mkdir /etc/environment && echo 'was a file' >/etc/environment/file
echo gone >gone && rm gone
mkdir empty
name=$(printf '%0250d' 0)
echo long >"$name" && mkdir -p "deep/$name/$name" && echo deep >"deep/$name/$name/$name"
echo name >'ünïcode ☃' && echo name >"new
line" && echo name >'back\slash' && printf name >"$(printf 'bytes-\377\376')"
ln -s "$(printf '%0300d' 0)" long-target

# Content.
truncate -s 5M sparse && printf end >>sparse
: >empty-file
echo more >>/etc/adduser.conf
truncate -s 10 /etc/login.defs

# Attributes.
cp /bin/true caps && setcap cap_net_raw,cap_net_admin+ep caps
cp /bin/true caps-lost && setcap cap_chown+p caps-lost && chown 1:1 caps-lost
cp /bin/true caps-written && setcap cap_chown+p caps-written && echo x >>caps-written
cp /bin/true caps-linked && ln caps-linked caps-linked-too && setcap cap_kill+eip caps-linked-too
echo user >user-attr && setfattr -n user.comment -v 'some words' user-attr && setfattr -n user.bytes -v 0x000aff00 user-attr
echo trusted >trusted-attr && setfattr -n trusted.words -v yes trusted-attr
setfattr -n user.on-directory -v yes d-1777
setfattr -n user.on-image -v yes /etc/fstab 2>/dev/null || true
setfattr -h -n trusted.on-link -v yes self
echo acl >acl && setfacl -m u:daemon:rw,g:mail:r acl
echo acl >acl-chmod && setfacl -m u:daemon:rwx acl-chmod && chmod 640 acl-chmod
echo acl >acl-minimal && setfacl -m u::r,g::r,o::- acl-minimal
mkdir acl-default && setfacl -d -m u:games:rwx,o::- acl-default
echo inherits >acl-default/file && mkdir acl-default/d && (umask 077 && echo inherits >acl-default/d/file)
mkdir copies && cp -a acl acl-default caps copies
tar --xattrs --acls -cf archive.tar acl caps user-attr mode-6755 dev two one && mkdir untarred &&
	tar --xattrs --xattrs-include='*' --acls -C untarred -xpf archive.tar

# Times.
touch -d '1999-12-31 23:59:59.5' t-1999 && touch -d '1960-01-01' t-1960 && touch -d '2242-01-01' t-2242
touch -h -d '2001-02-03 04:05:06' dangling
touch -d '2010-10-10' moved /usr/share/doc
touch -d '2011-11-11' /etc/hostname.not /etc/adduser.conf
cp -p /etc/passwd t-copied
