"""Who sits in front of the browser."""

from playwright.sync_api import Page

from portal.models import Manager
from tests.support.builders import make_manager
from tests.support.client import PASSWORD


def sign_in(page: Page, site: str, manager: Manager | None = None) -> None:
    """The manager, or an owner made for it, is signed in and sees the arrivals."""
    email = (manager or make_manager()).email
    page.goto(f"{site}/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/")
