"""A server on loopback that answers as a test says, over TLS with a certificate of its own."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC_ADDRESS = "93.184.216.34"
HOST = "calendar.example.com"

Behaviour = Callable[[socket.socket, bytes], None]


@dataclass
class Certificate:
    """The files of one self-signed certificate."""

    certificate: str
    key: str


def make_certificate(folder: Path, host: str = HOST) -> Certificate:
    """A certificate for `host` that is its own authority, valid for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = Certificate(str(folder / f"{host}.pem"), str(folder / f"{host}.key"))
    Path(paths.certificate).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    Path(paths.key).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@dataclass
class Server:
    """A running server: its port, the requests it got, and a stop for endless answers."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def connector(self, address: str, _port: int, seconds: float) -> socket.socket:
        """Stands for the internet: the public address is this server, all else is unreachable."""
        if address != PUBLIC_ADDRESS:
            raise ConnectionRefusedError(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)


@contextmanager
def serve(behaviour: Behaviour, certificate: Certificate | None = None) -> Iterator[Server]:
    """A server that lets `behaviour` answer every connection, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            plain = context.wrap_socket(connection, server_side=True) if context else connection
            with plain:
                request = _request(plain)
                server.requests.append(request)
                behaviour(plain, request)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=answer, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

    threads: list[threading.Thread] = []
    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.stopping.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join(5)


def _request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = connection.recv(65536)
        if not chunk:
            break
        request += chunk
    return request


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP answer of `body` with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answering(*answers: bytes) -> Behaviour:
    """Sends one answer after the other, and the last one from then on."""
    left = list(answers)

    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return behave
