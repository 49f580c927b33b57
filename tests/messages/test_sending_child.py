"""Messages sent by the real child: over the wire to this machine, and nowhere else it must not go.

The servers are sockets of this test; the child is a process of its own with Apprise in it.
"""

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from portal.domain.guest_sending import Way
from portal.domain.secret import Secret
from portal.messages.addresses import mail_address
from portal.messages.child import Text, may_be_taken, send
from portal.models import GuestWay
from portal.network.errors import CallFailed, CallProblem, CallRefused
from portal.services import guest_ways

TEXT = Text("Ana Guest, tonight", "The code is not confirmed.\nYour one step: call.")


@contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """The port of a server with this handler."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def web(got: list[Any], status: int = 200, location: str = "") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler


class Mailbox(socketserver.StreamRequestHandler):
    """As much of a mail server as one message needs."""

    got: list[str] = []
    refuses_sign_in = False

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            verb = line.strip().upper()
            if verb.startswith(b"EHLO"):
                self._say("250-here\r\n250 AUTH PLAIN LOGIN")
            elif verb.startswith(b"AUTH"):
                self._say("535 5.7.8 no" if self.refuses_sign_in else "235 yes")
            elif verb == b"DATA":
                self._say("354 go on")
                self.got.append(self._message())
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _message(self) -> str:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.decode())
        return "".join(lines)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


def mail_to(port: int, user: str = "", password: str = "") -> Secret:
    return Secret(
        mail_address(
            server="127.0.0.1",
            port=port,
            security="insecure",
            user=user,
            password=password,
            sender="portal@example.com",
            recipients=["night@example.com"],
        )
    )


def problem_of(call: Callable[[], None]) -> CallProblem:
    with pytest.raises(CallProblem) as failed:
        call()
    return failed.value


def test_a_message_arrives_with_title_and_body() -> None:
    got: list[Any] = []
    with serving(web(got)) as port:
        send(Secret(f"json://127.0.0.1:{port}/t0ken"), TEXT, allow_private=True)

    assert [(each["title"], each["message"]) for each in got] == [(TEXT.title, TEXT.body)]
    assert got[0]["attachments"] == []


def test_a_mail_arrives_with_title_and_body() -> None:
    box = type("Box", (Mailbox,), {"got": []})
    with serving(box) as port:
        send(mail_to(port), TEXT, allow_private=True)

    (message,) = box.got
    assert "Subject: Ana Guest, tonight" in message
    assert "To: night@example.com" in message
    assert "Your one step: call." in message


def test_a_mail_server_that_refuses_the_sign_in_is_told_so() -> None:
    box = type("Box", (Mailbox,), {"got": [], "refuses_sign_in": True})
    with serving(box) as port:
        problem = problem_of(
            lambda: send(mail_to(port, "maria", "t0ken"), TEXT, allow_private=True)
        )

    assert problem.key == "sign_in"
    assert "t0ken" not in problem.words


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refusal_is_told_by_its_number_and_nothing_the_other_side_said(status: int) -> None:
    with serving(web([], status)) as port:
        address = Secret(f"json://127.0.0.1:{port}/t0ken")
        problem = problem_of(lambda: send(address, TEXT, allow_private=True))

    assert isinstance(problem, CallFailed)
    assert problem.key == f"http_{status}"
    assert "t0ken" not in problem.words


def test_nobody_there_is_told_so() -> None:
    problem = problem_of(lambda: send(Secret("json://127.0.0.1:9/"), TEXT, allow_private=True))

    assert problem.key == "no_connection"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        # Names by their looks, which a resolver takes for addresses of this machine.
        ("jsons://127.1:{port}/", "bad_address"),
        ("mailtos://me:t0ken@0x7f.1:587?mode=starttls&to=a@example.com", "bad_address"),
        # The option that turns the real server away from the one that is shown.
        (
            "mailtos://me:t0ken@example.com?smtp=127.0.0.1&mode=starttls&to=a@b.co",
            "private_address",
        ),
    ],
)
def test_what_leads_into_a_private_network_is_not_called(address: str, key: str) -> None:
    got: list[Any] = []
    with serving(web(got)) as port:
        problem = problem_of(lambda: send(Secret(address.format(port=port)), TEXT))

    assert isinstance(problem, CallRefused)
    assert problem.key == key
    assert got == []


def test_a_redirect_does_not_lead_where_a_call_may_not() -> None:
    with serving(web([], 307, "http://169.254.169.254/latest/meta-data")) as port:
        address = Secret(f"json://127.0.0.1:{port}/")
        problem = problem_of(lambda: send(address, TEXT, allow_private=True))

    assert problem.key == "private_address"


@pytest.mark.parametrize("address", ["dbus://", "file:///etc/passwd", "syslog://", "slack://x"])
def test_an_address_that_got_past_the_form_is_refused_by_the_child_too(address: str) -> None:
    problem = problem_of(lambda: send(Secret(address), TEXT, allow_private=True))

    assert isinstance(problem, CallRefused)
    assert problem.key == "bad_address"


def test_a_service_that_never_answers_is_ended_at_the_deadline() -> None:
    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1024):
                pass

    with serving(Silent) as port:
        address = Secret(f"json://127.0.0.1:{port}/")
        problem = problem_of(lambda: send(address, TEXT, allow_private=True, wall_seconds=2))

    assert problem.key == "timeout"


def test_a_mail_keeps_its_lines() -> None:
    box = type("Box", (Mailbox,), {"got": []})
    with serving(box) as port:
        send(mail_to(port), Text("Ana", "One\nTwo <3\n\nFour"), allow_private=True)

    (message,) = box.got
    assert "text/plain" in message
    assert "text/html" not in message
    assert "One\r\nTwo <3\r\n\r\nFour" in message


class Choosy(Mailbox):
    """A mail server that knows no such person."""

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            verb = line.strip().upper()
            if verb.startswith(b"RCPT"):
                self._say("550 5.1.1 no such user")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")


class Hasty(Mailbox):
    """A mail server that hangs up with the message in its hands."""

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            verb = line.strip().upper()
            if verb == b"DATA":
                self._say("354 go on")
                self._message()
                return
            self._say("250 ok")


@pytest.mark.parametrize(
    ("server", "key", "may_be"), [(Choosy, "recipient", False), (Hasty, "broke_off", True)]
)
def test_what_surely_failed_is_told_from_what_may_have_arrived(
    server: type[Mailbox], key: str, may_be: bool
) -> None:
    with serving(server) as port:
        problem = problem_of(lambda: send(mail_to(port), TEXT, allow_private=True))

    assert problem.key == key
    assert may_be_taken(problem) is may_be


def test_a_server_that_encrypts_otherwise_is_told_so() -> None:
    with serving(Mailbox) as port:
        address = mail_to(port).reveal().replace("mailto://", "mailtos://")
        order = Secret(address.replace("mode=insecure", "mode=starttls"))
        problem = problem_of(lambda: send(order, TEXT, allow_private=True))

    assert problem.key == "no_tls"
    assert not may_be_taken(problem)


def test_a_text_prints_its_title_and_never_its_body() -> None:
    assert "call" not in repr(TEXT)


@pytest.mark.parametrize(
    "name", ["Casa Verde", "O'Neil & Søren, Beach Homes", 'A "quoted" <name>; (x)', ""]
)
def test_a_mail_to_a_guest_comes_from_its_host_whatever_the_host_is_called(name: str) -> None:
    box = type("Box", (Mailbox,), {"got": []})
    with serving(box) as port:
        settings = {
            "server": "127.0.0.1",
            "port": port,
            "security": "insecure",
            "sender": "host@example.com",
            "sender_name": name,
        }
        way = GuestWay(way=Way.EMAIL, settings=Secret(json.dumps(settings)))
        send(guest_ways.apprise_address(way, "ana@example.com"), TEXT, allow_private=True)

    message = email.message_from_string(box.got[0], policy=email.policy.default)
    assert message["To"] == "ana@example.com"
    assert message["From"].addresses[0].addr_spec == "host@example.com"
    assert name[:1] in message["From"].addresses[0].display_name
