#!/bin/sh
# A whole host: systemd, sshd, containerd and whatever is installed on it, in namespaces of its own.
#
#   whole.sh groups FOLDER ROOTFS NAME ADDRESS GATEWAY GROUP MTU PROGRAMS   in a mount namespace: groups, then the rest
#   whole.sh inside …the same…                                              in all namespaces: files, then systemd
#   whole.sh sweep GROUP                                                    in a mount namespace: removes the groups
#
# FOLDER holds `files`, which are laid over the root file system that all hosts share, and empty folders. GROUP is the name
# of its folder in every hierarchy of control groups: each host has the root of each for its own.
set -eu

# Every hierarchy of version 1 and, last, that of version 2 in addition to them; or version 2 alone. On the machine some are
# not mounted, which are then, here and nowhere else.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  hierarchies=.
else
  hierarchies="cpu cpuacct cpuset memory devices freezer blkio pids hugetlb perf_event net_cls,net_prio systemd unified"
fi

hierarchy() {
  folder_of=/sys/fs/cgroup/$1
  if [ "$1" != . ] && ! mountpoint -q "$folder_of"; then
    mkdir -p "$place/$1"
    folder_of=$place/$1
    mountpoint -q "$folder_of" || mount -t cgroup -o "$1" cgroup "$folder_of" || folder_of=
  fi
}

mount_hierarchy() {
  case $1 in
    .) mount -t cgroup2 -o nsdelegate cgroup2 "$2" ;;
    systemd) mount -t cgroup -o none,name=systemd cgroup "$2" ;;
    unified) mount -t cgroup2 -o nsdelegate cgroup2 "$2" ;;
    *) mount -t cgroup -o "$1" cgroup "$2" ;;
  esac
}

mode=$1
shift
if [ "$mode" = sweep ]; then
  mount -t tmpfs tmpfs /tmp
  place=/tmp
  for one in $hierarchies; do
    hierarchy "$one"
    [ -z "$folder_of" ] || [ ! -d "$folder_of/$1" ] || find "$folder_of/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  exit
fi

folder=$1 rootfs=$2 name=$3 address=$4 gateway=$5 group=$6 mtu=$7 programs=$8

if [ "$mode" = groups ]; then
  place=$folder/groups
  for one in $hierarchies; do
    hierarchy "$one"
    [ -n "$folder_of" ] || continue
    mkdir -p "$folder_of/$group"
    if [ "$one" = cpuset ]; then
      cat "$folder_of/cpuset.cpus" >"$folder_of/$group/cpuset.cpus"
      cat "$folder_of/cpuset.mems" >"$folder_of/$group/cpuset.mems"
    fi
    echo $$ >"$folder_of/$group/cgroup.procs"
  done
  exec unshare --mount --pid --ipc --uts --net --cgroup --fork --kill-child sh "$folder/host.sh" inside "$@"
fi

mount --make-rprivate /
mount -t overlay "$name" -o "lowerdir=$rootfs,upperdir=$folder/layer,workdir=$folder/work" "$folder/root"
cp -a "$folder/files/." "$folder/root/"
cd "$folder/root"
# An overlay cannot be the upper layer of another: containerd's snapshots need a plain file system.
mkdir -p var/lib/containerd sandbox/bin
mount --bind "$folder/containerd" var/lib/containerd
mount --bind "$programs" sandbox/bin
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
if [ "$hierarchies" = . ]; then
  umount sys/fs/cgroup
  mount_hierarchy . sys/fs/cgroup
else
  for one in $hierarchies; do
    mkdir "sys/fs/cgroup/$one"
    mount_hierarchy "$one" "sys/fs/cgroup/$one" || rmdir "sys/fs/cgroup/$one"
  done
fi
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty kmsg; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
# What nodeadm sets for the whole kernel is kept from this machine: the kubelet reads back what was written.
mkdir run/sandbox
chmod 700 run/sandbox
for setting in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
  kept=run/sandbox/$(echo "$setting" | tr / -)
  cat "/proc/sys/$setting" >"$kept"
  mount --bind "$kept" "proc/sys/$setting"
done

until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip link set eth0 mtu "$mtu" up
ip addr add "$address/24" dev eth0
ip route add default via "$gateway"

mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
mount --make-rshared /
hostname "$name"
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init --show-status=1 --log-target=console
