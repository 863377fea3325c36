#!/bin/bash
# A real Ceph radosgw on one address, with S3 and Swift v1 APIs: one monitor, one OSD that keeps its data in memory, one
# gateway, as plain processes below a scratch directory. They run as long as standard input is open, so that none of
# them outlives whoever started this, however that ended. The directory goes with them.
#
#   radosgw.sh DIR ADDRESS PORT TLS_PORT MONITOR_PORT
#
# Writes `ready` when it serves, then takes `kill` (the gateway, with -9) and `start` as lines, and answers `done`.
# Debian: ceph-mon ceph-osd radosgw ceph-common openssl
set -euo pipefail

dir=$1 address=$2 port=$3 tls_port=$4 monitor_port=$5
conf=$dir/ceph.conf
declare -A pids=()

stop() {
  local name pid
  for name in gateway osd monitor; do
    pid=${pids[$name]:-}
    [ -n "$pid" ] || continue
    kill -KILL "$pid" 2>>"$dir/stop.log" || true
    wait "$pid" 2>>"$dir/stop.log" || true
  done
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

run() {
  local name=$1
  shift
  "$@" >>"$dir/$name.out" 2>&1 </dev/null &
  pids[$name]=$!
}

# Waits until a process of ours listens.
listening() {
  local name=$1 at=$2 on=$3
  for _ in {1..1200}; do
    (exec 3<>"/dev/tcp/$at/$on") 2>>"$dir/waiting.log" && return 0
    kill -0 "${pids[$name]}" || break
    sleep 0.05
  done
  tail -n 20 "$dir/$name.out" >&2
  echo "the $name did not come up" >&2
  return 1
}

admin() {
  radosgw-admin --conf "$conf" --name client.rgw --admin-socket= --log-file= "$@" >>"$dir/admin.out" 2>&1
}

start_gateway() {
  rm -f "$dir"/client.rgw.asok
  run gateway radosgw --conf "$conf" --name client.rgw --foreground
  listening gateway "$address" "$port"
}

mkdir -p "$dir"/{monitor,osd,gateway}
fsid=$(</proc/sys/kernel/random/uuid)
osd_id=$(</proc/sys/kernel/random/uuid)

cat >"$conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$monitor_port]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
run dir = $dir
log file = $dir/\$name.log
pid file =
admin socket = $dir/\$name.asok
crash dir = $dir
setuser match path =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
osd min pg log entries = 10
[mon]
mon data = $dir/monitor
mon data avail warn = 1
mon data avail crit = 1
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 4294967296
memstore page set = false
osd class load list = *
osd class default list = *
osd op num threads per shard = 1
osd op num shards = 2
[client.rgw]
rgw frontends = beast endpoint=$address:$port ssl_endpoint=$address:$tls_port ssl_certificate=$dir/tls.pem
rgw data = $dir/gateway
rgw enable usage log = false
rgw thread pool size = 64
rgw swift account in url = true
rgw run sync thread = false
rgw override bucket index max shards = 1
rgw dynamic resharding = false
CONF

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext "subjectAltName=IP:$address,DNS:localhost" -keyout "$dir/key.pem" -out "$dir/ca.pem" 2>>"$dir/openssl.out"
cat "$dir/ca.pem" "$dir/key.pem" >"$dir/tls.pem"

monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor_port]" "$dir/monmap" >>"$dir/monitor.out"
ceph-mon --conf "$conf" --id a --mkfs --monmap "$dir/monmap" >>"$dir/monitor.out" 2>&1
run monitor ceph-mon --conf "$conf" --id a --foreground
listening monitor 127.0.0.1 "$monitor_port"
timeout 60 ceph --conf "$conf" osd new "$osd_id" 0 >>"$dir/osd.out" 2>&1
ceph-osd --conf "$conf" --id 0 --mkfs --osd-uuid "$osd_id" >>"$dir/osd.out" 2>&1
run osd ceph-osd --conf "$conf" --id 0 --foreground
start_gateway

admin user create --uid=test --display-name=test --access-key=testkey --secret=testsecret
admin subuser create --uid=test --subuser=test:swift --access=full --key-type=swift --secret=testing
admin user create --uid=other --display-name=other --access-key=otherkey --secret=othersecret
echo ready

while read -r command; do
  case $command in
    kill)
      kill -KILL "${pids[gateway]}"
      wait "${pids[gateway]}" 2>>"$dir/stop.log" || true
      ;;
    start) start_gateway ;;
    *) exit 2 ;;
  esac
  echo 'done'
done
