"""Runs a small Keystone: SQLite, Fernet tokens, threads of one process.

serve.py DIRECTORY PORT PASSWORD    (of the user admin; the port is on 127.0.0.1)

DIRECTORY/keystone.conf holds the configuration. Says `ready` when it serves. Ends when its standard input does.
"""
import grp
import os
import pwd
import sqlite3
import sys
import threading

import keystone.conf
from keystone.cmd import cli
from keystone.server.flask import core
from werkzeug.serving import WSGIRequestHandler, make_server

directory, port, password = sys.argv[1], int(sys.argv[2]), sys.argv[3]
configuration = os.path.join(directory, 'keystone.conf')


def manage(*arguments):
    """What the program keystone-manage does, without the seconds that it takes to load."""
    keystone.conf.CONF.reset()
    try:
        keystone.conf.CONF.unregister_opt(cli.command_opt)
    except Exception:
        pass  # Not registered before the first time.
    cli.main(argv=['keystone-manage', '--config-file', configuration, *arguments], developer_config_file=None)


def set_up():
    manage('db_sync')
    with sqlite3.connect(os.path.join(directory, 'keystone.db')) as database:
        # Or threads get in each other's way: database is locked.
        database.execute('PRAGMA journal_mode=WAL')
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    for keys in ('fernet_setup', 'credential_setup'):
        manage(keys, '--keystone-user', user, '--keystone-group', group)
    manage('bootstrap', '--bootstrap-password', password, '--bootstrap-region-id', 'RegionOne',
           '--bootstrap-public-url', 'http://127.0.0.1:%d/v3' % port)


class Quiet(WSGIRequestHandler):
    def log(self, *arguments):
        pass


# Apart, for it leaves its options and connections behind.
pid = os.fork()
if pid == 0:
    os.dup2(2, 1)
    set_up()
    os._exit(0)
if os.waitpid(pid, 0)[1] != 0:
    sys.exit('the set-up failed')

# Keystone takes them for its own.
del sys.argv[1:]
application = core.initialize_application('public', config_files=[configuration])
server = make_server('127.0.0.1', port, application, threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print('ready', flush=True)
sys.stdin.read()
os._exit(0)
