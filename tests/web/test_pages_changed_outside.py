"""The choice of what happens to codes that somebody changes in another app, on its page."""

import pytest
from flask import Flask

from portal.extensions import db
from portal.models import RestorePolicy, Role, TimelineEntry
from tests.support.builders import fresh, make_account
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words
from tests.web.troubles import SETTINGS

CHOOSE = f"{SETTINGS}/changed-outside"


def chosen(html: str) -> list[str | None]:
    ticked = [e for e in elements(html, name="policy") if "checked" in e]
    return [e["value"] for e in ticked]


def choose(client: PortalClient, policy: str) -> str:
    return client.send(CHOOSE, policy=policy).location


def history() -> list[tuple[str, str]]:
    db.session.rollback()
    rows = db.session.query(TimelineEntry).filter_by(kind="restore_policy_changed")
    return [(row.actor.partition(":")[0], row.data["policy"]) for row in rows.order_by("id")]


def test_a_code_is_put_back_unless_somebody_chose_to_be_asked(app: Flask) -> None:
    client = browser(app)
    at_first = client.get(SETTINGS).text

    location = choose(client, "ask")
    after = client.get(SETTINGS).text

    assert chosen(at_first) == ["restore"]
    assert location == f"{SETTINGS}#changed-outside"
    assert elements(after, id="changed-outside")
    assert chosen(after) == ["ask"]
    assert "You are asked before a code is put back" in after
    choose(client, "restore")
    assert chosen(client.get(SETTINGS).text) == ["restore"]


def test_who_chose_it_and_when_stands_below(app: Flask) -> None:
    client = browser(app)
    assert "Chosen:" not in client.get(SETTINGS).text

    choose(client, "ask")
    choose(client, "ask")
    choose(client, "restore")

    assert history() == [("manager", "ask"), ("manager", "restore")]
    told = words(element(client.get(SETTINGS).text, id="changed-outside").text)
    assert "Chosen: put codes back by itself" in told
    assert "Chosen: ask first" in told
    assert "Maria Verde" in told


@pytest.mark.parametrize("data", [{}, {"policy": ""}, {"policy": "delete everything"}])
def test_anything_else_is_refused_at_the_field_and_changes_nothing(
    app: Flask, data: dict[str, str]
) -> None:
    account = make_account()
    client = browser(app, account)
    choose(client, "ask")

    answer = client.send(CHOOSE, **data)

    assert answer.status_code == 422
    assert element(answer.text, id="policy-error").text
    assert fresh(account).restore_policy is RestorePolicy.ASK


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 303), (Role.MANAGER, 303), (Role.VIEWER, 403), (Role.STAFF, 403)],
)
def test_who_may_map_locks_may_choose(app: Flask, role: Role, status: int) -> None:
    account = make_account()
    client = browser(app, account, role)

    answer = client.send(CHOOSE, policy="ask")

    assert answer.status_code == status
    assert (fresh(account).restore_policy is RestorePolicy.ASK) is (status == 303)


def test_a_viewer_reads_the_choice_and_has_no_button(app: Flask) -> None:
    html = browser(app, role=Role.VIEWER).get(SETTINGS).text

    told = element(html, id="changed-outside")
    assert "Put the code back by itself" in told.text
    assert "Save" not in told.text


def test_another_account_keeps_its_own_choice_and_history(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")

    choose(browser(app, ours), "ask")

    assert fresh(theirs).restore_policy is RestorePolicy.RESTORE
    html = browser(app, theirs).get(SETTINGS).text
    assert chosen(html) == ["restore"]
    assert "Chosen:" not in html


def test_it_is_not_chosen_without_the_forms_token(app: Flask) -> None:
    account = make_account()

    answer = browser(app, account).post(CHOOSE, data={"policy": "ask"})

    assert answer.status_code == 403
    assert fresh(account).restore_policy is RestorePolicy.RESTORE
