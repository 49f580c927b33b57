"""`python -m simulator`: the stand-in as a process of its own.

Every option can be given as an environment variable too: `--key-out` is `SIMULATOR_KEY_OUT`. With
`--state` the world survives a restart, and what was set in it holds over `--preset` and `--seed`.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from secrets import randbits

from werkzeug.serving import WSGIRequestHandler, make_server

from simulator.app import create_app
from simulator.clock import RealClock
from simulator.cloud import Cloud
from simulator.demo import load_demo
from simulator.faults import PRESETS
from simulator.runner import Runner, deliver
from simulator.signing import Signer
from simulator.store import FileStore


class QuietHandler(WSGIRequestHandler):
    """Logs no requests: codes and tokens pass through here."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def read_options(arguments: list[str], environ: dict[str, str]) -> argparse.Namespace:
    """The options, from the command line before the environment before the defaults."""

    def given(name: str, otherwise: str) -> str:
        return environ.get(f"SIMULATOR_{name}", otherwise)

    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default=given("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=given("PORT", "8100"))
    parser.add_argument("--preset", choices=PRESETS, default=given("PRESET", "realistic"))
    # A fixed default would give the ids of the last run again to whoever still remembers them.
    parser.add_argument("--seed", type=int, default=given("SEED", str(randbits(32))))
    parser.add_argument("--state", type=Path, default=given("STATE", "") or None)
    parser.add_argument("--key-out", type=Path, default=given("KEY_OUT", "") or None)
    parser.add_argument("--time-scale", type=float, default=given("TIME_SCALE", "1"))
    parser.add_argument("--token-seconds", type=int, default=given("TOKEN_SECONDS", "3600"))
    parser.add_argument("--demo", action="store_true", default=given("DEMO", "") in ("1", "true"))
    parser.add_argument("--client-id", default=given("CLIENT_ID", ""))
    parser.add_argument("--client-secret", default=given("CLIENT_SECRET", ""))
    parser.add_argument("--subscription-key", default=given("SUBSCRIPTION_KEY", ""))
    return parser.parse_args(arguments)


def open_cloud(options: argparse.Namespace, runner: Runner) -> Cloud:
    """The cloud these options ask for, or the one their state file holds, with its key written."""
    store = FileStore(options.state) if options.state else None
    kept = store.load_one("clock") if store else None
    clock = RealClock.from_row(kept) if kept else RealClock(options.time_scale)
    cloud = Cloud(
        clock,
        deliver=deliver,
        dispatch=runner.dispatch,
        faults=options.preset,
        seed=options.seed,
        clients={options.client_id: options.client_secret} if options.client_id else None,
        subscription_key=options.subscription_key,
        token_seconds=options.token_seconds,
        store=store,
    )
    if cloud.webhooks.signer is None:
        cloud.use_key(Signer.generate())
    if options.demo:
        load_demo(cloud)
    if options.key_out and cloud.webhooks.signer:
        options.key_out.write_text(cloud.webhooks.signer.public_pem())
    return cloud


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    options = read_options(sys.argv[1:], dict(os.environ))
    runner = Runner()
    cloud = open_cloud(options, runner)
    app = create_app(cloud, options.key_out)
    server = make_server(
        options.host, options.port, app, threaded=True, request_handler=QuietHandler
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        # From a thread of its own: `shutdown` waits for the loop that the signal interrupts.
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    runner.start(cloud)
    print(f"Schlage simulator on http://{options.host}:{server.port}/", flush=True)
    server.serve_forever()
    runner.stop()
    server.server_close()


if __name__ == "__main__":
    main()
