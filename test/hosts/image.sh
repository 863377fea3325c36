#!/bin/bash
# Prints the directory of the image that the hosts boot from: Debian as a Graphite host has it, without Node. Made once
# below the cache directory, in under a minute, from the packages of this machine's own Debian, and read-only from then.
#
#   image.sh CACHE
#
# Debian: mmdebstrap
set -euo pipefail

packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,python3-minimal,python3-apt,ca-certificates,iproute2
packages+=,logrotate,graphite-carbon,sudo

. /etc/os-release
sources=()
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  if [ -s "$file" ]; then
    sources=("$file")
    break
  fi
done
made_of=$(sha256sum "$0" | cut -c 1-12)
image=$1/debian-$VERSION_CODENAME-$(dpkg --print-architecture)-$made_of
mkdir -p "$1"

# Whoever comes second waits for the first.
exec 9>"$1/lock"
flock 9
if [ ! -d "$image" ]; then
  log=$1/image.log
  rm -rf "$1"/new.*
  new=$(mktemp -d "$1/new.XXXXXX")
  chmod 755 "$new"
  if ! mmdebstrap --variant=minbase --mode=root --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$VERSION_CODENAME" "$new" "${sources[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
  fi
  mv "$new" "$image"
fi
echo "$image"
