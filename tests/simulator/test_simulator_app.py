"""The simulator over HTTP: the vendor's addresses, the sign-in, the operator's API and page."""

from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from simulator.app import create_app
from simulator.oauth import challenge_of
from simulator.signing import Signer
from tests.simulator.worlds import HOOK, KEY, NOON, World, code_body

VERIFIER = "a-verifier-of-at-least-forty-three-characters-x"
ASKED = {
    "response_type": "code",
    "client_id": "our-client",
    "redirect_uri": "http://127.0.0.1:8000/back",
    "state": "xyz",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


class Site:
    """The application over a World, as a browser or a program meets it."""

    def __init__(self, key_out=None, **world):
        self.world = World(**world)
        self.http = create_app(self.world.cloud, key_out).test_client()

    def post(self, path, **fields):
        return self.http.post(f"/admin{path}", json=fields)

    def lock(self):
        return self.http.get("/admin/locks/lock-1").json


def headers(token):
    return {"Authorization": f"Bearer {token}"} | KEY


def test_a_program_signs_in_and_sets_a_code():
    site = Site()
    page = site.http.get("/oauth2/AUTHORIZE", query_string=ASKED)
    back = site.http.post("/OAuth2/authorize", data=ASKED | {"user": "owner"})
    query = parse_qs(urlsplit(back.location).query)
    tokens = site.http.post(
        "/OAuth2/token",
        data={
            "grant_type": "authorization_code",
            "code": query["code"][0],
            "redirect_uri": ASKED["redirect_uri"],
            "client_id": "our-client",
            "code_verifier": VERIFIER,
        },
    ).json

    answer = site.http.post(
        "/Schlage-Home/Devices/lock-1/accesscodes",
        json=code_body("Guest A", "4829"),
        headers=headers(tokens["access_token"]),
    )
    site.world.run(60)
    listed = site.http.get(
        "/schlage-home/devices/lock-1/AccessCodes", headers=headers(tokens["access_token"])
    )

    assert page.status_code == 200
    assert "Allow as owner" in page.text
    assert (back.status_code, query["state"]) == (303, ["xyz"])
    assert answer.status_code == 202
    assert [code["name"] for code in listed.json["accessCodes"]] == ["Guest A"]


def test_a_person_may_say_no():
    back = Site().http.post("/OAuth2/authorize", data=ASKED | {"deny": "1"})

    assert parse_qs(urlsplit(back.location).query) == {"error": ["access_denied"], "state": ["xyz"]}


def test_a_wrong_request_for_consent_is_explained_and_sent_nowhere():
    answer = Site().http.get("/OAuth2/authorize", query_string=ASKED | {"redirect_uri": "nowhere"})

    assert answer.status_code == 400
    assert "redirect_uri must be" in answer.text


def test_consent_needs_a_user_there_is():
    answer = Site().http.post("/OAuth2/authorize", data=ASKED | {"user": "nobody"})

    assert (answer.status_code, answer.location) == (400, None)


def test_no_content_has_no_body_and_throttling_its_header():
    site = Site()
    token = site.world.token
    (subscription,) = site.world.cloud.webhooks.subscriptions
    site.world.lock.script.push("throttled:9")

    gone = site.http.delete(
        f"/schlage-home/Events/subscriptions/{subscription}", headers=headers(token)
    )
    throttled = site.http.post(
        "/schlage-home/Devices/lock-1/accesscodes",
        json=code_body("Guest A", "4829"),
        headers=headers(token),
    )

    assert (gone.status_code, gone.data) == (204, b"")
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "9")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(body):
    site = Site()

    answer = site.http.post(
        "/schlage-home/Devices/lock-1/accesscodes", data=body, headers=headers(site.world.token)
    )

    assert answer.status_code == 400
    assert answer.json["errors"]


@pytest.mark.parametrize("path", ["/nothing", "/schlage-home/nothing", "/oauth2/nothing"])
def test_other_addresses_are_not_found(path):
    site = Site()

    assert site.http.get(path, headers=headers(site.world.token)).status_code == 404


def test_a_lock_is_made_by_an_operator_and_found_by_its_name():
    site = Site()
    site.post("/users", id="second", name="Second")

    made = site.post(
        "/locks", owner_id="second", name="Back Door", code_length=6, zone="Europe/Rome"
    )
    found = site.http.get("/admin/locks/back%20door").json

    assert made.status_code == 201
    assert (found["code_length"], found["zone"], found["owner_id"]) == (6, "Europe/Rome", "second")
    assert site.http.delete(f"/admin/locks/{found['id']}").status_code == 204
    assert site.http.get("/admin/locks/back%20door").status_code == 404


def test_both_lists_are_dumped_and_the_keypad_tried():
    site = Site()
    site.post("/locks/lock-1/phone-codes", name="Cleaner", pin="7305")
    site.post("/locks/lock-1/split-brain", kind="A", name="Ghost", pin="1212")
    site.post("/locks/lock-1/split-brain", kind="b", name="Paper", pin="3434")

    lock = site.lock()
    opens = {
        pin: site.post("/locks/lock-1/keypad", pin=pin).json["opens"]
        for pin in ("7305", "1212", "3434")
    }
    then = site.post(
        "/locks/lock-1/keypad", pin="7305", at=(NOON + timedelta(days=1)).isoformat()
    ).json

    assert [code["name"] for code in lock["server_codes"]] == ["Cleaner", "Paper"]
    assert [code["name"] for code in lock["lock_codes"]] == ["Cleaner", "Ghost"]
    assert opens == {"7305": True, "1212": True, "3434": False}
    assert then == {"opens": True}


def test_a_listed_code_can_be_split_either_way():
    site = Site()
    first = site.world.put_on_lock()
    second = site.world.put_on_lock("Guest B", "7351")

    site.post("/locks/lock-1/split-brain", kind="A", code_id=first)
    site.post("/locks/lock-1/split-brain", kind="B", code_id=second)

    lock = site.lock()
    assert [code["name"] for code in lock["lock_codes"]] == ["Guest A"]
    assert [code["name"] for code in lock["server_codes"]] == ["Guest B"]

    site.post("/locks/lock-1/delete-all")

    assert (site.lock()["lock_codes"], site.lock()["server_codes"]) == ([], [])


def test_a_code_is_edited_and_removed_from_the_phone():
    site = Site()
    (code,) = site.post("/locks/lock-1/phone-codes", name="Cleaner", pin="7305").json["lock_codes"]
    path = f"/admin/locks/lock-1/phone-codes/{code['id']}"

    edited = site.http.put(path, json={"pin": "7306", "schedule": {"scheduleType": "Always"}})
    again = site.post("/locks/lock-1/phone-codes", name="cleaner", pin="9999")
    removed = site.http.delete(path)

    assert edited.json["server_codes"][0]["pin"] == "7306"
    assert again.status_code == 409
    assert "already in use" in again.json["error"]
    assert removed.json["lock_codes"] == []
    assert site.http.delete(path).status_code == 409


def test_the_condition_of_a_lock_is_set():
    site = Site()

    lock = site.post(
        "/locks/lock-1/condition",
        connected=False,
        battery_level=7,
        signal_dbm=-88,
        bolt="Jammed",
        clock_fault=True,
        firmware="11.0",
    ).json
    site.world.run(1)

    assert (lock["connected"], lock["battery_state"], lock["signal_dbm"]) == (
        False,
        "CriticallyLow",
        -88,
    )
    assert (lock["bolt"], lock["clock_offset_minutes"], lock["firmware"]) == (
        "Jammed",
        -300,
        "11.0",
    )
    assert site.lock()["shown_connected"] is False


def test_a_script_is_pushed_read_and_cleared():
    site = Site()

    pushed = site.post("/locks/lock-1/script", faults="timeout_applied", only="add").json
    read = site.http.get("/admin/locks/lock-1/script").json
    cleared = site.http.delete("/admin/locks/lock-1/script").json

    assert pushed == read == [{"faults": "timeout_applied", "only": "add", "until": None}]
    assert cleared == []


def test_faults_are_set_for_all_and_for_one_lock():
    site = Site()

    everywhere = site.post("/faults", preset="harsh", timeout=0.5, latency_median=3).json
    site.post("/faults", lock="lock-1", preset="clean")
    own = site.lock()["faults"]
    site.post("/faults", lock="lock-1", preset="none")

    assert (everywhere["timeout"], everywhere["webhook_lost"]) == (0.5, 0.3)
    assert own["timeout"] == 0
    assert site.lock()["faults"] is None
    assert site.http.get("/admin/state").json["preset"] == "custom"
    assert site.post("/seed", seed=5).json == {"seed": 5}


def test_the_clock_is_advanced_and_what_was_due_has_happened():
    site = Site()
    answer = site.world.add()

    site.post("/clock", advance_seconds=3600)

    assert site.world.state(answer) == "Successful"
    assert site.world.clock.now() == NOON + timedelta(hours=1)


def test_the_api_is_taken_down():
    site = Site()

    site.post("/api", up=False)

    assert site.world.call("GET", "/Devices").status in (502, 504)


def test_tokens_are_given_expired_and_ended():
    site = Site()
    token = site.post("/users/owner/token").json["access_token"]
    statuses = [site.world.call("GET", "/Devices", token=token).status]

    site.post("/users/owner/expire-tokens")
    statuses.append(site.world.call("GET", "/Devices", token=token).status)
    site.post("/users/owner/sign-out")
    site.world.run(0)

    assert statuses == [200, 401]
    assert site.world.triggers() == ["UserSignedOut"]
    assert site.post("/users/nobody/sign-out").status_code == 404


def test_webhooks_are_withheld_released_replayed_and_made_up():
    site = Site()
    site.post("/webhooks", withhold=True)
    site.world.put_on_lock()
    waiting = site.http.get("/admin/state").json["webhooks"]
    released = site.post("/webhooks/release").json
    site.world.run(0)
    (kept,) = site.http.get("/admin/webhooks").json
    replayed = site.post(f"/webhooks/{kept['event_id']}/replay").json
    made_up = site.post("/webhooks/send", event={"eventId": "x", "trigger": "Odd"}).json
    site.world.run(0)

    assert waiting == {"on": True, "withheld": True, "waiting": 1}
    assert (released, replayed, made_up) == ({"released": 1}, {"sent": 1}, {"sent": 1})
    assert site.world.triggers() == ["CommandSucceeded", "CommandSucceeded", "Odd"]
    assert (kept["url"], kept["tries"], kept["status"]) == (HOOK, 1, 204)
    assert site.post("/webhooks/none/replay").status_code == 404
    assert site.post("/webhooks", on=False).json == {"on": False, "withheld": False}


def test_a_new_key_replaces_the_file(tmp_path):
    site = Site(tmp_path / "key.pem", signer=Signer.generate())
    old = site.http.get("/admin/key").text

    new = site.post("/key/rotate").json["public_key"]

    assert old != new
    assert (tmp_path / "key.pem").read_text() == new == site.http.get("/admin/key").text


def test_commands_are_listed_with_their_faults():
    site = Site()
    site.world.lock.script.push("nack")
    site.world.add()
    site.world.run(10)

    (command,) = site.http.get("/admin/commands").json

    assert (command["state"], command["faults"], command["code_name"]) == (
        "Nack",
        {"nack": ""},
        "Guest A",
    )


@pytest.mark.parametrize(
    ("path", "fields", "status", "told"),
    [
        ("/locks/none/keypad", {"pin": "1"}, 404, "no lock is called none"),
        ("/locks/lock-1/keypad", {}, 400, "pin is missing"),
        ("/locks/lock-1/script", {"faults": "explode"}, 400, "no fault is called 'explode'"),
        ("/locks/lock-1/split-brain", {"kind": "C", "pin": "1"}, 400, "kind must be A or B"),
        ("/locks/lock-1/condition", {"battery_level": "full"}, 400, "full"),
        ("/faults", {"preset": "sunny"}, 400, "no preset is called 'sunny'"),
        ("/locks", {"owner_id": "nobody", "name": "x"}, 404, "no user is called nobody"),
        ("/locks/lock-1/phone-codes", {"name": "x", "pin": "12"}, 409, "4 to 8 digits"),
    ],
)
def test_an_operators_mistake_is_told(path, fields, status, told):
    answer = Site().post(path, **fields)

    assert answer.status_code == status
    assert told in answer.json["error"]


class Forms(HTMLParser):
    """Every form of a page, as its address."""

    def __init__(self, html):
        super().__init__()
        self.actions = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "form":
            self.actions.append(dict(attrs)["action"])


def test_the_page_shows_both_lists_and_has_no_script():
    site = Site()
    site.world.put_on_lock("<b>Guest</b>")
    site.world.cloud.people.split_a(site.world.lock, None, "Ghost", "1212")
    site.post("/locks/lock-1/script", faults="timeout_applied", only="add")

    html = site.http.get("/").text

    assert "&lt;b&gt;Guest&lt;/b&gt;" in html
    assert html.count("Ghost") == 1
    assert "only here" in html
    assert "timeout_applied" in html
    assert "<script" not in html
    assert "style=" not in html


def test_every_form_of_the_page_leads_somewhere():
    site = Site()
    site.world.put_on_lock()
    actions = Forms(site.http.get("/").text).actions
    urls = site.http.application.url_map.bind("localhost")

    assert len(actions) > 10
    assert all(urls.match(action, "POST")[0].startswith("admin_") for action in actions)


def test_a_form_comes_back_to_the_page_with_a_sentence():
    site = Site()

    good = site.http.post("/admin/locks/lock-1/keypad", data={"pin": "1234"})
    bad = site.http.post("/admin/locks/lock-1/phone-codes", data={"name": "x", "pin": "1"})

    assert (good.status_code, bad.status_code) == (303, 303)
    assert "stayed shut" in site.http.get(good.location).text
    assert "4 to 8 digits" in site.http.get(bad.location).text
