"""Loads a server over a few kept-alive connections, and compares two of them in turns.

The client is ours and bare on purpose: one thread, ready-made requests, no parsing beyond the
status and the length. On a small machine a rich client would be most of what is measured.
"""

import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"
CONNECTIONS: Final = 4
ROUNDS: Final = 9
_ANSWER_SECONDS: Final = 10.0
_HEAD_END: Final = b"\r\n\r\n"


class WrongAnswer(Exception):
    """A server answered something else than what is measured, or nothing in time."""


@dataclass(frozen=True)
class Load:
    """What a server did: requests answered, seconds it took, seconds of its CPU."""

    answered: int
    seconds: float
    cpu_seconds: float | None

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds

    @property
    def cpu_microseconds(self) -> float | None:
        """CPU of the server per request; None where the system does not tell."""
        return None if self.cpu_seconds is None else self.cpu_seconds / self.answered * 1e6


@dataclass(frozen=True)
class Server:
    """A server on this machine: its port, and the process group that all of it runs in."""

    port: int
    process_group: int


def hammer(
    server: Server, requests: Iterator[bytes], status: int, seconds: float | None = None
) -> Load:
    """Sends the requests, each connection its next one when the last is answered.

    Ends with the requests, or after `seconds`. Raises WrongAnswer at the first other status.
    """
    cpu_before = cpu_of(server.process_group)
    began = time.perf_counter()
    deadline = began + seconds if seconds is not None else None
    answered = 0
    with selectors.DefaultSelector() as selector:
        callers = [_Caller(server.port, status) for _ in range(CONNECTIONS)]
        try:
            for caller in callers:
                if caller.send_next(requests):
                    selector.register(caller.socket, selectors.EVENT_READ, caller)
            while selector.get_map():
                ready = selector.select(_ANSWER_SECONDS)
                if not ready:
                    raise WrongAnswer(f"no answer within {_ANSWER_SECONDS:.0f} seconds")
                is_over = deadline is not None and time.perf_counter() >= deadline
                for key, _ in ready:
                    caller = key.data
                    if not caller.receive():
                        continue
                    answered += 1
                    if is_over or not caller.send_next(requests):
                        selector.unregister(caller.socket)
        finally:
            for caller in callers:
                caller.socket.close()
    took = time.perf_counter() - began
    cpu_after = cpu_of(server.process_group)
    cpu = None if cpu_before is None or cpu_after is None else cpu_after - cpu_before
    return Load(answered, took, cpu)


class _Caller:
    """One connection with at most one request under way."""

    def __init__(self, port: int, status: int) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), timeout=_ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expected = str(status).encode()
        self._buffer = b""

    def send_next(self, requests: Iterator[bytes]) -> bool:
        """Whether there was another request to send."""
        request = next(requests, None)
        if request is None:
            return False
        self.socket.sendall(request)
        return True

    def receive(self) -> bool:
        """Whether the answer is complete now."""
        part = self.socket.recv(65536)
        if not part:
            raise WrongAnswer("the server closed the connection")
        self._buffer += part
        head, end, body = self._buffer.partition(_HEAD_END)
        if not end or len(body) < _length(head):
            return False
        if head[9:12] != self._expected:
            raise WrongAnswer(f"expected {self._expected.decode()}, got {head[:60]!r}")
        self._buffer = b""
        return True


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def cpu_of(process_group: int) -> float | None:
    """Seconds of CPU that the living processes of this group have used; None off Linux."""
    if not Path("/proc/self/stat").exists():
        return None
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == process_group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def compare(
    name: str, ours: Callable[[], Load], bare: Callable[[], Load], rounds: int = ROUNDS
) -> dict[str, Any]:
    """One line of results: ours against the bare baseline, in turns, after one round to warm up.

    `median_ratio` is the median over the rounds of ours per second by bare per second: 1 would be
    as fast. `cpu_ratio` is CPU per request, ours by bare: it moves least on a busy machine.
    """
    ours(), bare()
    pairs = []
    for number in range(rounds):
        if number % 2:  # whoever goes second meets a warmer machine: they take turns
            second, first = bare(), ours()
            pairs.append((first, second))
        else:
            pairs.append((ours(), bare()))
    ratios = [mine.per_second / base.per_second for mine, base in pairs]
    costs = [(mine.cpu_microseconds, base.cpu_microseconds) for mine, base in pairs]
    told = [(mine, base) for mine, base in costs if mine and base]
    return {
        "benchmark": name,
        "median_ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ours_per_second": round(median(mine.per_second for mine, _ in pairs)),
        "bare_per_second": round(median(base.per_second for _, base in pairs)),
        "cpu_ratio": round(median(mine / base for mine, base in told), 2) if told else None,
        "ours_cpu_microseconds": round(median(mine for mine, _ in told)) if told else None,
        "bare_cpu_microseconds": round(median(base for _, base in told)) if told else None,
        "rounds": rounds,
        "connections": CONNECTIONS,
    }


def percentile(values: list[float], share: float) -> float:
    """The value that this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 100) * len(ordered) // 100) - 1)]


def tell(line: dict[str, Any]) -> None:
    """Prints one result as a line of JSON, at once."""
    print(json.dumps(line), flush=True)


def raw_request(
    method: str, path: str, port: int, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + _HEAD_END + body
