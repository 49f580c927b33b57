"""The Markdown pages of this checkout, and what is in them."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"))
    if not any(part.startswith(".") for part in path.relative_to(CHECKOUT).parts)
)
OPERATIONS = CHECKOUT / "docs" / "operations.md"
README = CHECKOUT / "README.md"


def links_of(text: str) -> list[str]:
    """Where the page's links and images lead, those in code left out."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


def code_of(text: str) -> list[str]:
    """Everything on the page that is written as code: spans, and the lines of blocks."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [*spans, *(line for block in blocks for line in block.splitlines())]
