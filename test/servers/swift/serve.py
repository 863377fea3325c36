"""Runs the servers of a small Swift: memcached and the account, container, object and proxy servers, one device.

serve.py DIRECTORY MEMCACHED ACCOUNT CONTAINER OBJECT PROXY    (ports on 127.0.0.1)

DIRECTORY/etc holds the configuration. Says `ready` when all serve, then takes `kill` (the proxy server, with -9) and
`start` as lines, and answers `done`. Ends when its standard input does.
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

from swift.common import utils

directory = sys.argv[1]
ports = dict(zip(('memcached', 'account', 'container', 'object', 'proxy'), map(int, sys.argv[2:])))
etc = os.path.join(directory, 'etc')

# Otherwise it is /etc/swift, whatever a server's own configuration says. Before the modules that read it when loaded.
utils.set_swift_dir(etc)

from swift.common import constraints, storage_policy  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import run_wsgi  # noqa: E402
import swift.account.server  # noqa: E402,F401
import swift.container.server  # noqa: E402,F401
import swift.obj.server  # noqa: E402
import swift.proxy.server  # noqa: E402,F401

storage_policy.reload_storage_policies()
constraints.reload_constraints()


def make_ring(kind):
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    builder.add_dev({
        'region': 1, 'zone': 1, 'weight': 1.0, 'device': 'd1', 'meta': '',
        'ip': '127.0.0.1', 'port': ports[kind], 'replication_ip': '127.0.0.1', 'replication_port': ports[kind],
    })
    builder.rebalance()
    builder.get_ring().save(os.path.join(etc, kind + '.ring.gz'))


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start_server(kind):
    pid = os.fork()
    if pid != 0:
        return pid
    # Of its own, for it signals its whole group when it ends.
    os.setsid()
    die_with_parent()
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    name = kind + '-server'
    more = {'global_conf_callback': swift.obj.server.global_conf_callback} if kind == 'object' else {}
    os._exit(run_wsgi(os.path.join(etc, name + '.conf'), name, verbose=True, **more) or 0)


def start_memcached():
    command = ['memcached', '-l', '127.0.0.1', '-p', str(ports['memcached']), '-U', '0', '-m', '64', '-u', 'nobody']
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=die_with_parent).pid


def wait_for(port, pids):
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended:
            sys.exit('%s ended with %s' % (pids.get(ended), status))
        time.sleep(0.05)
    sys.exit('port %d did not open' % port)


try:
    os.setxattr(os.path.join(directory, 'node'), 'user.swift.test', b'x' * 2000)
except OSError as error:
    sys.exit('%s: no room for user xattrs here (%s): set TMPDIR to a directory on ext4 or xfs' % (directory, error))

pids = {start_memcached(): 'memcached'}
try:
    for kind in ('account', 'container', 'object'):
        make_ring(kind)
    for kind in ('account', 'container', 'object', 'proxy'):
        pids[start_server(kind)] = kind
    for port in ports.values():
        wait_for(port, pids)
    print('ready', flush=True)
    for line in iter(sys.stdin.readline, ''):
        command = line.strip()
        if command == 'kill':
            proxy = next(pid for pid, kind in pids.items() if kind == 'proxy')
            os.kill(proxy, signal.SIGKILL)
            os.waitpid(proxy, 0)
            del pids[proxy]
        elif command == 'start':
            pids[start_server('proxy')] = 'proxy'
            wait_for(ports['proxy'], pids)
        else:
            sys.exit('no command: ' + command)
        print('done', flush=True)
finally:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
