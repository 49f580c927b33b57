"""The stylesheet holds no class that no page uses."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"\.([a-z][\w-]*)")
NO_RULE = re.compile(r"/\*.*?\*/|url\([^)]*\)", re.DOTALL)


def classes() -> set[str]:
    css = (ROOT / "static" / "css" / "latchboard.css").read_text(encoding="utf-8")
    return set(NAME.findall(NO_RULE.sub("", css)))


def pages() -> str:
    """Everything that can name a class."""
    files = (
        *(ROOT / "templates").rglob("*.html"),
        *(ROOT / "portal").rglob("*.py"),
        *(ROOT / "static" / "js").glob("*.js"),
    )
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def is_used(name: str, text: str) -> bool:
    """By its whole name, or composed in a template as `stem--{{ … }}`."""
    stem, _, variant = name.partition("--")
    whole = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    composed = rf"(?<![\w-]){re.escape(stem)}--\{{"
    return bool(re.search(whole, text) or (variant and re.search(composed, text)))


def test_every_class_of_the_stylesheet_is_on_some_page() -> None:
    text = pages()

    assert [name for name in sorted(classes()) if not is_used(name, text)] == []
