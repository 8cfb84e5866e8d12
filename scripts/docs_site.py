"""What the site (`make docs`) has beside docs/: pages of the root, and notebooks, read as pages.

MkDocs calls these hooks (mkdocs.yml). Pages are written for the repository's own view, where docs/ lies below the root;
on the site all stand in one folder, so links are fitted here, and nowhere else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OF_THE_ROOT = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff")
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
FENCE = re.compile(r"^(```+ ?console) .*$", re.MULTILINE)
CODE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the root, the notebooks and the programs of examples/ to the files of docs/."""
    from mkdocs.structure.files import File

    for name in OF_THE_ROOT:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        files.append(File.generated(config, f"examples/{notebook.stem}.md", content=as_page(notebook)))
    for program in sorted((ROOT / "examples").glob("*.py")):
        files.append(File.generated(config, f"examples/{program.name}", content=program.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fit a page's links, and take off the marks by which tests know blocks of commands."""
    return FENCE.sub(r"\1", fitted(markdown, of_the_root=page.file.src_uri in OF_THE_ROOT))


def fitted(markdown: str, of_the_root: bool) -> str:
    """Return a page with its links as they are on the site; what stands in blocks of code is left as it is.

    of_the_root: the page lies beside docs/, not in it.
    """
    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [LINK.sub(lambda link: _moved(link, of_the_root), markdown[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, LINK.sub(lambda link: _moved(link, of_the_root), markdown[end:])])


def _moved(link: re.Match[str], of_the_root: bool) -> str:
    before, address, after = link.groups()
    if "://" not in address:
        address = address.removeprefix("docs/") if of_the_root else address.removeprefix("../")
        address = re.sub(r"\.ipynb$", ".md", address)
    return before + address + after


def as_page(notebook: Path) -> str:
    """Return a notebook as a page: its texts, its code in blocks, and where the notebook itself is."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = [
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell in cells
        for text in ["".join(cell["source"])]
    ]
    return "\n\n".join(
        [*texts, f"*This page is `examples/{notebook.name}`, which a test runs from top to bottom.*", ""]
    )
