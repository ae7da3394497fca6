#!/bin/sh
# Run by `unshare` in namespaces of its own: makes the root file system of a fast host and becomes its first process.
#
#   enter.sh FOLDER ROOTFS NAME ADDRESS GATEWAY DISK MTU
#
# FOLDER holds `files`, which are laid over the root file system that all hosts share, and two empty folders. What the
# host writes is in its memory, and gone with its mount namespace; DISK is a size as tmpfs knows it.
set -eu
folder=$1 rootfs=$2 name=$3 address=$4 gateway=$5 disk=$6 mtu=$7

mount --make-rprivate /
mount -t tmpfs -o "size=$disk,mode=755" tmpfs "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work"
mount -t overlay "$name" -o "lowerdir=$rootfs,upperdir=$folder/layer/upper,workdir=$folder/layer/work" "$folder/root"
cp -a "$folder/files/." "$folder/root/"
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
# Files that keep the host going are here: a full disk does not end it.
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
hostname "$name"

# The sandbox puts the interface here as soon as it sees the namespace.
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip link set eth0 mtu "$mtu" up
ip addr add "$address/24" dev eth0
ip route add default via "$gateway"

mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /bin/sh /sandbox/init
