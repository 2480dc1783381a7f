"""Rules about the code base itself, so that nobody has to remember them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "jackfield"
MODULES = sorted(SOURCE.rglob("*.py"))
EVERY = (
    MODULES + sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").glob("*.py"))
)

LONGEST_MODULE = 300
LONGEST_FUNCTION = 35

LONG_MODULES = {
    "storage/tables.py": "the whole schema is read in one piece",
    "storage/migrations/versions/0001_first_schema.py": "the whole schema, as it once was",
}
LONG_FUNCTIONS = {
    "storage/migrations/versions/0001_first_schema.py": "lists of tables, with nothing to follow",
    "metrics.py": "one list of all there is to count",
    "app.py": "names every part once and connects it",
    "http_side.py": "the same, of what answers HTTP",
}

STATUS_NUMBERS_ARE_ABOUT = {
    "api": "what callers are told",
    "sandbox": "what a stand-in answers",
    "cli": "what a caller of ours reads",
    "delivery/sender.py": "what receivers answer",
}


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def tracked() -> list[Path]:
    """Return every file of the repository, those not yet added too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- wherever it is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no clone: without git nobody knows which files belong to it")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def words_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_every_module_opens_with_one_sentence_that_says_its_job() -> None:
    faults = []
    for path in EVERY:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        if path.stat().st_size and not re.fullmatch(r'"""[A-Z0-9`].*[.?!](""")?', first):
            faults.append(f"{path.relative_to(ROOT)}: {first[:60]}")

    assert faults == []


def test_every_module_of_tests_has_a_name_of_its_own() -> None:
    """Of two with one name, a run of everything takes up only the first, and fails."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, number in names.items() if number > 1] == []


def test_a_module_can_be_read_in_one_sitting() -> None:
    long = {
        name(path): lines
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    }

    assert long.keys() - LONG_MODULES.keys() == set()
    assert LONG_MODULES.keys() - long.keys() == set(), "no longer long: take it off the list"


def test_a_function_fits_in_view() -> None:
    """What it takes in and its docstring do not count: they are read apart from what it does."""
    long: dict[str, list[str]] = {}
    for path in MODULES:
        for function in ast.walk(tree(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = lines_of_body(function)
                if lines > LONGEST_FUNCTION:
                    long.setdefault(name(path), []).append(f"{function.name}: {lines} lines")

    unexpected = {path: found for path, found in long.items() if path not in LONG_FUNCTIONS}
    assert unexpected == {}
    assert LONG_FUNCTIONS.keys() - long.keys() == set(), "no longer long: take it off the list"


def lines_of_body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_only_settings_reads_the_environment() -> None:
    readers = {name(path) for path in MODULES if any(reads_environment(tree(path)))}

    assert {reader.partition("/")[0] for reader in readers} == {"settings"}


def reads_environment(module: ast.Module) -> Iterator[bool]:
    doors = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id == "os" and node.attr in doors
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield any(alias.name in doors for alias in node.names)


def test_status_numbers_live_at_the_edges() -> None:
    faults = []
    for path in MODULES:
        if not name(path).startswith(tuple(STATUS_NUMBERS_ARE_ABOUT)):
            faults += [f"{name(path)}:{line}" for line in lines_with_status(tree(path))]

    assert faults == []


def lines_with_status(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        match node:
            case ast.Compare():
                said = ast.unparse(node)
                parts = [node.left, *node.comparators]
                if "status" in said and any(map(is_status_number, parts)):
                    yield node.lineno
            case ast.keyword(arg="status" | "status_code", value=value):
                if is_status_number(value):
                    yield value.lineno
            case ast.ImportFrom(module="http") | ast.Attribute(attr="HTTPStatus"):
                yield node.lineno


def is_status_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Set | ast.Tuple | ast.List):
        return any(map(is_status_number, node.elts))
    return isinstance(node, ast.Constant) and type(node.value) is int and 100 <= node.value < 600


def test_a_next_command_is_worded_in_one_place() -> None:
    """Put together elsewhere, it lacks --data, and what a shell would take apart is not quoted."""
    faults = [
        f"{name(path)}:{line}"
        for path in MODULES
        if name(path).startswith("cli/")
        for line in lines_with_commands(tree(path))
    ]

    assert faults == []


def lines_with_commands(module: ast.Module) -> Iterator[int]:
    """Give where a command stands within a text; its words alone are what is handed over."""
    helps = {id(text) for node in ast.walk(module) for text in helps_of(node)}
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in helps:
                is_within = re.search(r"\bjackfield [a-z]", text)
                if is_within and not re.fullmatch(r"jackfield( [a-z-]+)+", text):
                    yield node.lineno


def helps_of(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.keyword(arg="help", value=text):
            yield text
        case ast.Module() | ast.FunctionDef() | ast.ClassDef() if ast.get_docstring(node):
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            yield first.value


_EXCEPTION = re.compile(r"# (?:noqa|type: ignore|pragma: no cover).*")
_WITH_REASON = re.compile(
    r"# (noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* -{1,2} \S"
    r"|type: ignore\[[a-z-]+(, ?[a-z-]+)*\] +# \S"
    r"|pragma: no cover -{1,2} \S)"
)


def test_every_exception_to_a_check_carries_its_reason() -> None:
    """It stands behind the exception, or once before several in adjacent lines."""
    faults = []
    for path in [one for one in EVERY if one != Path(__file__)]:
        has_reason = False
        for number, line in enumerate(words_of(path).splitlines(), start=1):
            exception = _EXCEPTION.search(line)
            if exception is None:
                has_reason = line.lstrip().startswith("# ")
            elif _WITH_REASON.match(exception[0]):
                has_reason = True
            elif not has_reason:
                faults.append(f"{path.relative_to(ROOT)}:{number}: {exception[0]}")

    assert faults == []


def test_the_documented_layers_are_those_that_are_kept() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```layers\n(.*?)^```$", document, flags=re.DOTALL | re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = [one for one in contracts if one["type"] == "layers"]

    assert block.splitlines() == layers["layers"]
    assert layers["exhaustive"] is True


def test_every_decision_is_in_the_index() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "README.md").read_text(encoding="utf-8")

    records = {path.name for path in decisions.glob("[0-9]*.md")}

    assert set(re.findall(r"\]\(([0-9][^)]*\.md)\)", index)) == records


def test_every_link_between_documents_leads_somewhere() -> None:
    faults = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", words_of(path))
        if not (path.parent / target).exists()
    ]

    assert faults == []


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            package, _, version = line.partition("==")
            found[canonicalize_name(package)] = version
    return found


def test_the_constraints_are_exact_versions_and_no_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    faults = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.+!]+", line)]

    assert faults == []
    assert len(pins()) == len([line for line in lines if not line.startswith("#")])


def test_the_constraints_pin_everything_that_is_installed_for_the_project() -> None:
    wanted = dict(needed("jackfield", frozenset({"dev"}), {}))
    del wanted["jackfield"]

    known = pins()

    assert {package: known.get(package) for package in wanted} == wanted


def needed(package: str, extras: frozenset[str], found: dict[str, str]) -> dict[str, str]:
    """Return the versions of a package and of all that it asks for, as far as installed."""
    try:
        there = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return found
    is_new = canonicalize_name(package) not in found
    found[canonicalize_name(package)] = there.version
    for line in there.requires or [] if is_new or extras else []:
        asked = Requirement(line)
        markers = [{"extra": extra} for extra in ("", *extras)]
        if asked.marker is None or any(asked.marker.evaluate(one) for one in markers):
            needed(asked.name, frozenset(asked.extras), found)
    return found


def test_on_sqlite_it_delivers_before_anything_is_loaded_that_it_needs_not() -> None:
    """Imports are most of a start, and what an earlier process left waits for them."""
    code = "import json, sys, jackfield.cli.serving; print(json.dumps([*sys.modules]))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 -- ours

    loaded = set(json.loads(told.stdout))

    assert {"jackfield.delivery.dispatcher", "aiohttp", "sqlalchemy"} <= loaded
    needless = {"starlette", "uvicorn", "asyncpg", "sqlalchemy.dialects.postgresql", "alembic"}
    needless |= {"cryptography.x509", "jackfield.api.routes", "jackfield.console.commands"}
    assert needless & loaded == set()


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of one machine", r"(?<![\w.:/])/(?:work|root|tmp|home/\w+|Users/\w+)/\w"),
        (
            "the address of a package index",
            r"(?i)--(extra-)?index-url|\bpypi\.|/simple/?\b(?=[\"'\s])",
        ),
    ],
)
def test_no_file_names(what: str, pattern: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for path in tracked()
        for number, line in enumerate(words_of(path).splitlines(), start=1)
        if re.search(pattern, line) and path != Path(__file__)
    ]

    assert faults == []
