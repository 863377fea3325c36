#!/bin/bash
# Debian hosts with systemd as PID 1 and sshd, each in a network of its own behind a bridge, and a bastion that reaches
# them. All of it lives in namespaces of mounts, processes and network that end with standard input, so that nothing
# outlives whoever started this, however that ended, and nothing on this machine changes meanwhile.
#
#   hosts.sh DIR IMAGE
#
# Writes `ready PID`, a process that stands on the bastion, then takes lines and answers each with `done`:
#   create NAME…    new machines (h1 to h9), in the place of those of the same names
#   reboot NAME     as `systemctl reboot` does it
#   kill NAME       at once, and nothing answers at its address any more
# The PID 1 of a host, as the bastion sees it, stands in DIR/NAME/leader.
# Debian: systemd-container openssh-server iproute2
set -euo pipefail

network=10.99.7

# Around all: what the kernel does not forget by itself is the hosts' control groups.
outside() {
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  groups=/sys/fs/cgroup/whisper-backup-test-$$
  trap forget EXIT
  trap 'exit 143' TERM
  trap 'exit 130' INT
  # Those of a run that was killed with -9.
  local left
  for left in /sys/fs/cgroup/whisper-backup-test-*; do
    kill -0 "${left##*-}" 2>>"$dir/forget.log" || remove_groups "$left" || true
  done
  mkdir "$groups"
  unshare --mount --net --pid --ipc --fork --kill-child=KILL "$BASH" "$0" --bastion "$groups" "$@" <&0 &
  wait $!
}

forget() {
  local pid
  for pid in $(jobs -p); do kill -KILL "$pid" || true; done
  wait
  # The kernel takes a moment to end what was in them.
  for _ in {1..100}; do
    remove_groups "$groups" && break
    sleep 0.05
  done
  rm -rf "$dir"
}

remove_groups() {
  find "$1" -depth -type d -exec rmdir {} + 2>>"$dir/forget.log"
}

bastion() {
  groups=$1
  # Before there is another /proc: the number of this process outside.
  read -r outer_pid _ </proc/self/stat
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /run
  mkdir -p "$dir/bastion" /run/netns /run/sshd
  ssh-keygen -q -t ed25519 -N '' -C bastion -f "$dir/bastion/id"
  ssh-keygen -q -t ed25519 -N '' -C host -f "$dir/bastion/hostkey"

  ip link set lo up
  ip link add bridge type bridge
  ip address add "$network.1/24" dev bridge
  ip link set bridge up

  # The administrator's `ssh h1` works as it does on a real bastion.
  local number
  printf '%s\n' '127.0.0.1 localhost' "$network.1 bastion" >"$dir/bastion/hosts"
  for number in {1..9}; do
    echo "$network.1$number h$number" >>"$dir/bastion/hosts"
    echo "h$number,$network.1$number $(<"$dir/bastion/hostkey.pub")" >>"$dir/bastion/known_hosts"
  done
  mount --bind "$dir/bastion/hosts" /etc/hosts
  mount -t tmpfs tmpfs /etc/ssh
  cat >/etc/ssh/ssh_config <<CONFIG
User root
IdentityFile $dir/bastion/id
IdentitiesOnly yes
UserKnownHostsFile $dir/bastion/known_hosts
StrictHostKeyChecking yes
CONFIG

  echo "ready $outer_pid"
  local command names
  while read -r command names; do
    # shellcheck disable=SC2086 # several names
    case $command in
      create) create $names ;;
      reboot) reboot "$names" ;;
      kill) kill_host "$names" ;;
      *) exit 2 ;;
    esac
    echo 'done'
  done
}

create() {
  local name
  for name in "$@"; do
    [ ! -e "$dir/$name" ] || kill_host "$name"
    ip netns add "$name"
    ip link add "to-$name" type veth peer name host0 netns "$name"
    ip link set "to-$name" master bridge up
    ip -n "$name" link set lo up
    ip -n "$name" address add "$network.1${name#h}/24" dev host0
    ip -n "$name" link set host0 up
    mkdir -p "$dir/$name" "$groups/$name"
    # Its root is an overlay of memory in a mount namespace of its own, and goes when the last process in there ends.
    unshare --mount --propagation private "$BASH" "$0" --boot "$groups/$name" "$dir" "$image" "$name" \
      >"$dir/$name/console.log" 2>&1 </dev/null &
    echo $! >"$dir/$name/machine"
  done
  for name in "$@"; do serving "$name"; done
}

kill_host() {
  local name=$1 pid
  ip link delete "to-$name"
  read -r pid <"$dir/$name/nspawn"
  kill -KILL "$(<"$dir/$name/machine")" "$pid"
  wait "$(<"$dir/$name/machine")" 2>>"$dir/$name/console.log" || true
  ip netns delete "$name"
  rm -rf "${dir:?}/$name"
}

reboot() {
  local name=$1 leader
  read -r leader <"$dir/$name/leader"
  # The host ends the program that asked it to.
  nsenter --target "$leader" --all -- systemctl reboot || true
  for _ in {1..600}; do
    kill -0 "$leader" 2>>"$dir/$name/waiting.log" || break
    sleep 0.05
  done
  serving "$name"
}

# Waits until the host has booted and its sshd answers.
serving() {
  local name=$1 state=none nspawn leader
  for _ in {1..1200}; do
    if read -r nspawn <"$dir/$name/nspawn" && leader=$(pgrep --parent "$nspawn" --exact systemd); then
      echo "$leader" >"$dir/$name/leader"
      state=$(nsenter --target "$leader" --all -- systemctl is-system-running) || true
      case $state in
        running | degraded) (exec 3<>"/dev/tcp/$network.1${name#h}/22") && return 0 ;;
      esac
    fi
    sleep 0.05
  done 2>>"$dir/$name/waiting.log"
  tail -n 20 "$dir/$name/console.log" >&2
  echo "host $name did not come up: $state" >&2
  exit 1
}

# In the mount namespace of one host: made, and booted for as long as it reboots.
boot() {
  local group=$1 name=$4 root=$dir/$4/root status=133 pid
  mkdir "$root"
  mount -t tmpfs -o mode=755 tmpfs "$root"
  mkdir "$root"/{changes,work,all}
  mount -t overlay -o "lowerdir=$image,upperdir=$root/changes,workdir=$root/work" overlay "$root/all"
  furnish "$root/all" "$name"
  echo $$ >"$group/cgroup.procs"
  # Kept in the unit of its caller, systemd-nspawn leaves a reboot to that: it ends with status 133.
  while [ "$status" = 133 ]; do
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --directory="$root/all" --machine="$name" \
      --register=no --keep-unit --network-namespace-path="/run/netns/$name" --resolv-conf=off --timezone=off \
      --link-journal=no --console=passive &
    pid=$!
    echo "$pid" >"$dir/$name/nspawn"
    status=0
    wait "$pid" || status=$?
  done
}

# What makes one machine of the image. Debian's own jobs are off: they would wake up at a time of their choosing.
furnish() {
  local root=$1 name=$2 unit
  echo "$name" >"$root/etc/hostname"
  cp "$dir/bastion/hosts" "$root/etc/hosts"
  # An empty one would be a first boot, which enables every unit there is.
  rm -f "$root/etc/machine-id"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  install -d -m 700 "$root/root/.ssh"
  install -m 600 "$dir/bastion/id.pub" "$root/root/.ssh/authorized_keys"
  rm -f "$root"/etc/ssh/ssh_host_*
  install -m 600 "$dir/bastion/hostkey" "$root/etc/ssh/ssh_host_ed25519_key"
  cat >"$root/etc/ssh/sshd_config.d/test.conf" <<'CONFIG'
PermitRootLogin prohibit-password
PasswordAuthentication no
CONFIG
  rm -f "$root"/etc/systemd/system/timers.target.wants/*
  rm -f "$root/etc/systemd/system/multi-user.target.wants/carbon-cache.service"
  for unit in console-getty.service getty.target systemd-networkd.service systemd-resolved.service \
    systemd-timesyncd.service systemd-udevd.service systemd-tmpfiles-clean.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

case ${1:-} in
  --outside) dir=$2 image=$3 && outside "$2" "$3" ;;
  --bastion) dir=$3 image=$4 && bastion "$2" ;;
  --boot) dir=$3 image=$4 && boot "$2" "$3" "$4" "$5" ;;
  *) exec unshare --mount --propagation private "$BASH" "$0" --outside "$@" ;;
esac
