"""Reads the imports of a source tree and names those that break the project's layers."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# From the bottom up. What stands in a row may import rows further down, and itself, nothing else:
# neither rows above nor its neighbours. `portal` alone is create_app().
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "portal.domain portal.jitter portal.runtime",
        "portal.clock portal.crypto portal.queue portal.logging portal.zones portal.network",
        "portal.config",
        "portal.models portal.schlage portal.feeds portal.messages",
        "portal.extensions portal.tenancy",
        "portal.unit_of_work",
        "portal.metrics",
        "portal.services",
        "portal.views portal.cli",
        "portal",
        "jobs wsgi",
    )
)
# These live by themselves: the simulator is the other side of the wire, and has to be free of what
# it tests; nothing may lean on benchmarks or tests, which may use everything.
ISLANDS = frozenset({"simulator"})
LOOKS_ON = frozenset({"benchmarks", "tests", "docs"})
OURS = frozenset({"portal", "jobs", "wsgi"}) | ISLANDS | LOOKS_ON

# The domain decides, and does nothing: no clock, no disk, no network, no threads.
IMPURE = frozenset(
    {
        "asyncio",
        "concurrent",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
    }
)
CLOCK = "portal.clock"


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, whether it is a package, and its syntax tree."""

    name: str
    is_package: bool
    path: Path
    tree: ast.Module


def violations(root: Path) -> list[str]:
    """One line for each import under `root` that breaks a rule, with its file, line and reason."""
    modules = list(_modules(root))
    names = {module.name for module in modules}
    found = []
    for module in modules:
        for line, reason in _broken_rules(module, names):
            found.append(f"{module.path.relative_to(root)}:{line}: {reason}")
    return found


def _modules(root: Path) -> Iterator[Module]:
    folders = sorted(OURS - {"tests", "docs"})
    for path in sorted(p for name in folders for p in _sources(root, name)):
        relative = path.relative_to(root).with_suffix("")
        is_package = relative.name == "__init__"
        parts = relative.parts[:-1] if is_package else relative.parts
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        yield Module(".".join(parts), is_package, path, tree)


def _sources(root: Path, name: str) -> list[Path]:
    single = root / f"{name}.py"
    return [single] if single.exists() else list((root / name).rglob("*.py"))


def _broken_rules(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    for node, is_inside_function in _walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if is_inside_function:
                yield node.lineno, "imports inside a function"
            for imported in _imported(node, module, names):
                reason = _why_not(module.name, imported)
                if reason:
                    yield node.lineno, reason
        elif isinstance(node, ast.Name | ast.Attribute) and _last_name(node) == "TYPE_CHECKING":
            yield node.lineno, "hides an import behind TYPE_CHECKING"
        elif isinstance(node, ast.Call) and _reads_the_time(node) and _has_our_clock(module.name):
            yield node.lineno, "reads the time itself: ask portal.clock.now(), or take `now`"


def _walk(tree: ast.AST, is_inside_function: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    for node in ast.iter_child_nodes(tree):
        yield node, is_inside_function
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(node, is_inside_function or is_function)


def _imported(node: ast.Import | ast.ImportFrom, module: Module, names: set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        kept = parts[: len(parts) - node.level + module.is_package]
        base = ".".join([*kept, base] if base else kept)
    # `from portal import clock` is an import of portal.clock, not of portal.
    return [full if (full := f"{base}.{alias.name}") in names else base for alias in node.names]


def _why_not(importer: str, imported: str) -> str | None:
    """Why `importer` may not import `imported`, or None where it may."""
    top = imported.partition(".")[0]
    if _is_domain(importer):
        if top not in sys.stdlib_module_names and not _is_domain(imported):
            return f"the domain imports {imported}, and may import the standard library only"
        if top in IMPURE:
            return f"the domain imports {imported}, and does no I/O"
    if top not in OURS or importer.partition(".")[0] in LOOKS_ON:
        return None
    if top in LOOKS_ON:
        return f"{importer} leans on {imported}"
    if importer.partition(".")[0] in ISLANDS or top in ISLANDS:
        return None if importer.partition(".")[0] == top else f"{importer} imports {imported}"
    return _against_the_layers(importer, imported)


def _against_the_layers(importer: str, imported: str) -> str | None:
    own, other = _layer(importer), _layer(imported)
    unknown = next((name for name in (own, other) if _row(name) is None), None)
    if unknown:
        return f"{unknown} has no layer: give it one in LAYERS (tests/support/layers.py)"
    own_row, other_row = _row(own), _row(other)
    if own == other or (own_row is not None and other_row is not None and other_row < own_row):
        return None
    return f"{importer} imports {imported}, which is not below it"


def _layer(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "portal" else parts[0]


def _row(layer: str) -> int | None:
    return next((number for number, row in enumerate(LAYERS) if layer in row), None)


def _is_domain(module: str) -> bool:
    return _layer(module) == "portal.domain"


def _has_our_clock(module: str) -> bool:
    return module.partition(".")[0] in {"portal", "jobs"} and module != CLOCK


def _reads_the_time(call: ast.Call) -> bool:
    """Whether this is datetime.now(), datetime.utcnow(), datetime.today() or date.today()."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in {"now", "utcnow", "today"}
        and _last_name(function.value) in {"datetime", "date"}
    )


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
