"""Text files are UTF-8 by name: what the locale says is another machine's, or a container's that says nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.rules.house import FILES

OPENING = {"read_text": 0, "write_text": 1, "open": 0, "fdopen": 1}  # arguments before the encoding, mode aside
NO_FILES = {"os", "tarfile", "gzip", "Image", "lzma", "zipfile"}


def without_encoding(tree: ast.AST) -> list[int]:
    """Return the lines that open a text file without saying its encoding."""
    return [
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and (name := opener(call)) and not is_binary(call, name) and not says(call, name)
    ]


def opener(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id if function.id == "open" else ""
    if not isinstance(function, ast.Attribute) or function.attr not in OPENING:
        return ""
    if function.attr == "open" and any(key.arg == "timeout" for key in call.keywords):
        return ""  # an address
    on = function.value
    return "" if function.attr == "open" and isinstance(on, ast.Name) and on.id in NO_FILES else function.attr


def is_binary(call: ast.Call, name: str) -> bool:
    given = [*call.args, *(key.value for key in call.keywords)]
    texts = [part.value for part in given if isinstance(part, ast.Constant)]
    return name in ("open", "fdopen") and any(isinstance(text, str) and "b" in text and len(text) < 4 for text in texts)


def says(call: ast.Call, name: str) -> bool:
    given = any(key.arg == "encoding" for key in call.keywords)
    return given or (name in ("read_text", "write_text") and len(call.args) > OPENING[name])


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("Path(x).read_text()", 1),
        ("Path(x).read_text('utf-8')", 0),
        ("x.write_text(y)", 1),
        ("x.write_text(y, encoding='utf-8')", 0),
        ("x.open('w', newline='')", 1),
        ("x.open('rb')", 0),
        ("open(x)", 1),
        ("os.fdopen(x, 'w', encoding='utf-8')", 0),
        ("Image.open(x)", 0),
    ],
)
def test_the_rule_tells_them_apart(code: str, found: int) -> None:
    """Catches a rule that finds nothing."""
    assert len(without_encoding(ast.parse(code))) == found


def test_every_text_file_is_opened_as_utf8() -> None:
    """Catches a file that a C locale, or Windows, reads and writes otherwise."""
    lines = {module: without_encoding(ast.parse(Path(file).read_text("utf-8"))) for module, file in FILES.items()}
    assert not {module: found for module, found in lines.items() if found}
