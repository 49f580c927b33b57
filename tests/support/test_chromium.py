"""The browser fixture does what it says: skips with a remedy, fails in CI, and sees breaches."""

from pathlib import Path

import pytest

from tests.support import chromium as support

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
NO_INLINE_SCRIPT = """<meta http-equiv="Content-Security-Policy" content="script-src 'self'">"""
TEST = """
from tests.support.chromium import chromium, page

def test_page(page):
    page.set_content({content!r})
"""


@pytest.fixture
def without_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.usefixtures("without_chromium")
def test_without_a_browser_the_test_is_skipped_and_says_how_to_get_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(TEST.format(content="<p>hello</p>"))

    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*apt install chromium*"])


@pytest.mark.usefixtures("without_chromium")
def test_without_a_browser_in_ci_the_test_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(TEST.format(content="<p>hello</p>"))

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(errors=1)


@pytest.mark.browser
@pytest.mark.skipif(support.find() is None, reason=support.HOW_TO_GET_IT)
@pytest.mark.parametrize(
    ("content", "errors"),
    [
        ("<p>hello</p>", 0),
        ("<script>throw new Error('broken')</script>", 1),
        (NO_INLINE_SCRIPT + "<script>document.title = 'inline'</script>", 1),
    ],
    ids=["fine", "script-error", "breach-of-the-policy"],
)
def test_script_errors_and_breaches_of_the_policy_fail_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, content: str, errors: int
) -> None:
    # A process of its own, because one cannot hold two Playwrights.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(TEST.format(content=content))

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1, errors=errors)
