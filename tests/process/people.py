"""Who talks to the running product: a manager with a browser, a program, and Schlage's owner."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.web.pages import elements

SETTINGS: Final = "/settings/door-locks/schlage"
TIMEOUT: Final = 20


class Api:
    """A program with a token."""

    def __init__(self, address: str, token: str = "") -> None:
        self._base = f"{address}/api/v1"
        self._http = requests.Session()
        if token:
            self._http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """The answer; a program that was too quick waits as it is told to, and asks again."""
        while True:
            answer = self._http.request(method, self._base + path, timeout=TIMEOUT, **options)
            if answer.status_code != 429:
                return answer
            time.sleep(int(answer.headers["Retry-After"]))

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.ok, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, json=body)
        assert answer.ok, answer.text
        return answer.json()


class Manager:
    """A manager in a browser without JavaScript: pages, links, and forms with their tokens."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = requests.Session()

    def sign_in(self, email: str, password: str) -> None:
        done = self.submit("/sign-in", "/sign-in", email=email, password=password)
        assert done.status_code == 303, done.text

    def page(self, path: str) -> str:
        """The HTML of a page that is there."""
        answer = self.http.get(urljoin(self.address, path), timeout=TIMEOUT)
        assert answer.ok, (path, answer.status_code, answer.text)
        return answer.text

    def submit(self, page: str, action: str, files: Any = None, **fields: Any) -> requests.Response:
        """The answer to a form of `page` sent to `action`; redirects are not followed."""
        token = elements(self.page(page), name="csrf_token")[0]["value"]
        return self.http.post(
            urljoin(self.address, action),
            data={"csrf_token": token, **fields},
            files=files,
            allow_redirects=False,
            timeout=TIMEOUT,
        )

    def connect_schlage(self) -> None:
        """Connects as a person would: to Schlage's page, its button, and back."""
        away = self.http.get(
            urljoin(self.address, f"{SETTINGS}/connect"), allow_redirects=False, timeout=TIMEOUT
        )
        url = urlsplit(away.headers["Location"])
        form = {name: values[0] for name, values in parse_qs(url.query).items()}
        back = requests.post(
            url._replace(query="").geturl(), data=form, allow_redirects=False, timeout=TIMEOUT
        )
        done = self.http.get(back.headers["Location"], allow_redirects=False, timeout=TIMEOUT)
        assert "#connection-" in done.headers["Location"], done.text

    def row(self, guest: str) -> str:
        """The HTML of the arrivals page on which this guest alone is listed."""
        return self.page(f"/?q={guest}")


class Owner:
    """The owner of the locks, and fate: the operator's side of the simulator."""

    def __init__(self, simulator: str, memory: Path) -> None:
        self._base = f"{simulator}/admin"
        self._http = requests.Session()
        self._memory = memory

    def get(self, path: str) -> Any:
        return self._checked(self._http.get(self._base + path, timeout=TIMEOUT))

    def post(self, path: str, **body: Any) -> Any:
        return self._checked(self._http.post(self._base + path, json=body, timeout=TIMEOUT))

    def delete(self, path: str) -> Any:
        return self._checked(self._http.delete(self._base + path, timeout=TIMEOUT))

    def lock(self, name: str) -> Any:
        """The lock with both of its lists: the server's and its own."""
        return self.get(f"/locks/{name}")

    def commands(self, name: str) -> list[dict[str, Any]]:
        """The lock's commands, oldest first."""
        lock_id = self.lock(name)["id"]
        return [command for command in self.get("/commands") if command["lock_id"] == lock_id]

    def script(self, name: str, faults: str, only: str | None = None) -> None:
        """This goes wrong with the lock's next command (of that kind)."""
        self.post(f"/locks/{name}/script", faults=faults, only=only)

    def webhooks_of(self, command_id: str) -> list[dict[str, Any]]:
        """What was sent about a command, oldest first."""
        return [sent for sent in self.get("/webhooks") if command_id in sent["body"]]

    def tokens(self) -> set[str]:
        """The tokens that Schlage's stand-in has given to the portal and still honours."""
        with closing(sqlite3.connect(self._memory)) as memory:
            rows = memory.execute("SELECT row FROM thing WHERE kind = 'grant'").fetchall()
        grants = [json.loads(row) for (row,) in rows]
        return {grant[name] for grant in grants for name in ("access_token", "refresh_token")}

    @staticmethod
    def _checked(answer: requests.Response) -> Any:
        assert answer.ok, answer.text
        return answer.json()
