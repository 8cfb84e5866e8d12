"""The documentation builds into a site without a warning, and its pages of Python and papers say what there is."""

from __future__ import annotations

import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import telltale
from scripts.docs_site import as_page, fitted

ROOT = Path(__file__).parents[2]
PYTHON = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_site_builds_and_every_link_on_it_leads_somewhere(tmp_path: Path) -> None:
    """Catches a page that only the repository's own view can show: a link, an anchor, a picture that the site lacks."""
    if find_spec("material") is None or find_spec("mkdocs") is None:
        pytest.skip('mkdocs-material is not installed: pip install "telltale[docs]"')
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    pages = {page.relative_to(tmp_path).as_posix(): page for page in tmp_path.rglob("*.html")}
    named = {page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")}
    assert named | {"index.html", "SECURITY.html", "examples/audit_a_classifier.html"} <= pages.keys()
    text = {name: page.read_text(encoding="utf-8") for name, page in pages.items()}
    assert 'href="SECURITY.html"' in text["quick_start.html"] and "needs-your-files" not in text["quick_start.html"]
    loaded = re.compile(r'<(?:script|img)[^>]*src="?https?:|<link[^>]*rel="?stylesheet"?[^>]*href="?https?:')
    assert [name for name, page in text.items() if loaded.search(page)] == []


@pytest.mark.parametrize(
    ("of_the_root", "written", "on_the_site"),
    [
        (True, "[a](docs/guide.md#x) ![b](docs/b.png)", "[a](guide.md#x) ![b](b.png)"),
        (True, "[a](SECURITY.md)", "[a](SECURITY.md)"),
        (False, "[a](../SECURITY.md) [b](../examples/n.ipynb)", "[a](SECURITY.md) [b](examples/n.md)"),
        (False, "[a](https://x.example/docs/../y.ipynb)", "[a](https://x.example/docs/../y.ipynb)"),
        (False, "```\n[a](../b.md)\n```\n[a](../b.md)", "```\n[a](../b.md)\n```\n[a](b.md)"),
    ],
)
def test_links_are_fitted(of_the_root: bool, written: str, on_the_site: str) -> None:
    """Catches a link of the repository's own view that leads nowhere on the site."""
    assert fitted(written, of_the_root) == on_the_site


def test_a_notebook_is_a_page_of_texts_and_code() -> None:
    """Catches code that is shown as text."""
    page = as_page(ROOT / "examples" / "audit_a_classifier.ipynb")
    assert page.startswith("# Does this classifier") and "\n```python\nimport numpy" in page


@pytest.mark.parametrize("name", ["audit", "score", "run"])
def test_the_page_lists_exactly_the_arguments_of_a_call(name: str) -> None:
    """Catches an argument or a default that only the code knows."""
    section = PYTHON.partition(f"## telltale.{name}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.+?)`)? ?\| ", section, re.MULTILINE)
    parameters = inspect.signature(getattr(telltale, name)).parameters.values()
    assert rows == [(one.name, "" if one.default is one.empty else repr(one.default)) for one in parameters]


def test_the_page_lists_exactly_what_a_result_has() -> None:
    """Catches an attribute that was renamed, and one that nobody can find."""
    rows = re.findall(r"^\| `(\w+)` \| ", PYTHON.partition("\n## Result\n")[2], re.MULTILINE)
    there = {name for name in dir(telltale.Result) if not name.startswith("_")}
    assert sorted(rows) == sorted(there | set(telltale.Result.__dataclass_fields__))


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches an example that a changed interface has broken."""
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PYTHON, re.MULTILINE | re.DOTALL):
        exec(block, names)
    said = capsys.readouterr().out
    assert said.startswith("leaks ") and "member" in said and len(said.splitlines()) == 2


def test_every_paper_of_ours_is_on_the_page_of_papers() -> None:
    """Catches a paper that can be reproduced and that no page names."""
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    assert [file.stem for file in (ROOT / "conf" / "paper").glob("*.yaml") if f"`{file.stem}`" not in page] == []
    words = {file.stem for file in (ROOT / "conf" / "attack").glob("[!_]*.yaml")}
    assert words - set(re.findall(r"`(\w+)`", page.partition("## Attacks")[2])) == set()
