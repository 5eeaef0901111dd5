"""The Jupyter server's extension: a kernel's answers are sent at once, and nothing else changes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from marginlib.jupyter.server import _jupyter_server_extension_points, _load_jupyter_server_extension, _prompt

ROOT = Path(__file__).resolve().parents[1]
SETTING = "kernel_websocket_connection_class"
# A real server, a real kernel, a real websocket; printed is TCP_NODELAY of the server's end of it.
PROBE = """
import asyncio, json, os, socket, sys, threading, urllib.request
from jupyter_server.serverapp import ServerApp
from tornado.websocket import websocket_connect

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
words = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
words += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
app = ServerApp.instance()
app.initialize([*words, f"--ServerApp.root_dir={sys.argv[1]}",
                "--ServerApp.jpserver_extensions={'marginlib.jupyter.server': True}"])

def server_end(port):
    for number in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(number))) as end:
                if end.family == socket.AF_INET and end.getpeername()[1] == port:
                    return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        except OSError:
            pass

async def talk():
    base = f"127.0.0.1:{app.port}"
    start = urllib.request.Request(f"http://{base}/api/kernels", data=b"{}", method="POST")
    kernel = json.load(await asyncio.to_thread(urllib.request.urlopen, start))["id"]
    line = await websocket_connect(f"ws://{base}/api/kernels/{kernel}/channels?session_id=s")
    port = line.protocol.stream.socket.getsockname()[1]
    header = {"msg_id": "1", "msg_type": "kernel_info_request", "session": "s", "username": "", "version": "5.3"}
    ask = {"header": header, "parent_header": {}, "metadata": {}, "content": {}, "channel": "shell", "buffers": []}
    await line.write_message(json.dumps(ask))
    while json.loads(await line.read_message())["msg_type"] != "kernel_info_reply":
        pass
    print(server_end(port), flush=True)

def client():
    try:
        asyncio.run(talk())
    finally:
        app.io_loop.add_callback(app.stop)

app.io_loop.add_callback(threading.Thread(target=client).start)
app.start()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open sockets the way Linux shows them")
def test_a_real_server_sends_at_once(tmp_path):
    pytest.importorskip("jupyter_server")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROBE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=180,
    )
    assert done.stdout.split() == ["True"], done.stdout + done.stderr
    assert "sliders may lag" not in done.stderr


class Log(list):
    def warning(self, *words):
        self.append(words)


def test_the_extension_is_found_by_the_name_that_an_earlier_version_left_in_a_servers_settings():
    earlier = vars(import_module("marginlib._jupyter"))
    assert earlier["_load_jupyter_server_extension"] is _load_jupyter_server_extension


def test_the_extension_has_a_place():
    assert _jupyter_server_extension_points() == [{"module": "marginlib.jupyter.server"}]


def test_a_server_that_has_changed_is_left_alone_with_a_warning():
    server = SimpleNamespace(web_app=SimpleNamespace(settings={}), log=Log())
    _load_jupyter_server_extension(server)
    assert server.web_app.settings == {}
    assert len(server.log) == 1


def test_a_connection_that_has_changed_still_connects():
    class Connection:
        def connect(self):
            return "connected"

    log = Log()
    assert _prompt(Connection, log)().connect() == "connected"
    assert len(log) == 1
    assert "sliders may lag" in log[0][0]
