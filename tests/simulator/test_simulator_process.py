"""The simulator as a real process: its options, its files, real webhooks, a kill, a new start."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue

import pytest
import requests

from simulator.__main__ import read_options
from tests.simulator.test_simulator_webhooks import verify
from tests.simulator.worlds import KEY, Letter, code_body

ROOT = Path(__file__).parents[2]


class Receiver:
    """A subscriber on a free port, which keeps what it gets."""

    def __init__(self):
        got = self.got = Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_OPTIONS(self):  # noqa: N802  # the name http.server asks for
                self.send_response(204)
                self.end_headers()

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.put(Letter(None, "POST", self.path, dict(self.headers), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Process:
    """`python -m simulator` with its files in one directory."""

    def __init__(self, directory, *arguments):
        self.key = directory / "key.pem"
        environment = {"PATH": os.environ["PATH"], "SIMULATOR_STATE": str(directory / "state")}
        command = (sys.executable, "-m", "simulator", "--port", "0", "--key-out", str(self.key))
        self.process = subprocess.Popen(
            (*command, *arguments), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.base = re.search(r"http://\S+?(?=/$)", line.strip())[0]

    def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} | KEY
        return requests.request(
            method, f"{self.base}{path}", headers=headers, timeout=10, **options
        )

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=20)
        self.process.stdout.close()
        return self.process.returncode


@pytest.mark.process
def test_a_world_survives_a_kill(tmp_path):
    receiver = Receiver()
    first = Process(tmp_path, "--demo", "--preset", "clean")
    lock = "/schlage-home/Devices/5d1f7a52-0001-4c1e-9a10-6b2f3d8e0001"
    token = first.call("POST", "/admin/users/demo/token").json()["access_token"]
    subscription = first.call(
        "POST", "/schlage-home/Events/subscriptions", token, json={"url": receiver.url}
    )
    body = code_body("Guest A", "4829", {"scheduleType": "Always"})
    accepted = first.call("POST", f"{lock}/accesscodes", token, json=body)
    letter = receiver.got.get(timeout=20)
    pem = first.key.read_text()

    first.end(signal.SIGKILL)
    second = Process(tmp_path, "--demo", "--preset", "realistic")
    listed = second.call("GET", f"{lock}/accesscodes", token).json()["accessCodes"]
    state = second.call("GET", "/admin/state").json()
    returned = second.end()
    receiver.close()

    assert (subscription.status_code, accepted.status_code) == (201, 202)
    assert json.loads(letter.body)["data"]["commandId"] == accepted.json()["commandId"]
    verify(pem, letter)
    assert second.key.read_text() == pem
    assert [code["name"] for code in listed] == ["Guest A"]
    assert state["preset"] == "clean"
    assert returned == 0


def test_options_come_from_the_command_line_before_the_environment():
    environment = {"SIMULATOR_PORT": "9000", "SIMULATOR_SEED": "7", "SIMULATOR_DEMO": "1"}

    options = read_options(["--port", "9001"], environment)

    assert (options.port, options.seed, options.demo) == (9001, 7, True)
    assert (options.preset, options.state, options.time_scale) == ("realistic", None, 1.0)
