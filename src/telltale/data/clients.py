"""Ways to bring a package's file here without running anything that is in it: pip, source packages, npm, apt."""

from __future__ import annotations

import ast
import html
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATIENCE_S = 3600


class FetchError(Exception):
    """Why a download failed, in one line."""


def pip(requirement: str, folder: Path) -> Path:
    """Download a wheel; source packages are refused, since pip would run their code to learn their name."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    return _run([*command, "--disable-pip-version-check", "--dest", ".", requirement], folder)


def npm(requirement: str, folder: Path) -> Path:
    """Download a package of the npm registry (name@version) as npm is set up, without running its scripts."""
    return _run(["npm", "pack", "--silent", "--ignore-scripts", requirement], folder)


def apt(requirement: str, folder: Path) -> Path:
    """Download a Debian package (name=version) from the sources that apt-get knows; needs no root."""
    return _run(["apt-get", "download", "--quiet", requirement], folder)


def sdist(requirement: str, folder: Path) -> Path:
    """Download a Python source package (name==version) from the index that pip is set up with.

    pip itself would run the package's setup.py; here its file is only looked up in the index (PEP 503).
    """
    name, version = requirement.split("==")
    settings = _pip_settings()
    certificates = settings.get("cert")
    context = ssl.create_default_context(cafile=certificates if certificates and Path(certificates).is_file() else None)
    indexes = [settings.get("index-url", "https://pypi.org/simple"), *settings.get("extra-index-url", "").split()]
    reasons = []
    for index in indexes:
        try:
            page, base = _read(_project_page(index, name), context)
            if (address := _link(page.decode(errors="replace"), base, name, version)) is None:
                reasons.append(f"{_without_password(index)} has no {name}-{version}.tar.gz")
                continue
            content, _ = _read(address, context)
        except (urllib.error.URLError, OSError, ValueError) as error:
            reasons.append(f"{_without_password(index)}: {error}")
            continue
        file = folder / f"{name}-{version}.tar.gz"
        file.write_bytes(content)
        return file
    raise FetchError("; ".join(reasons)[:200])


CLIENTS: dict[str, Callable[[str, Path], Path]] = {"pip": pip, "sdist": sdist, "npm": npm, "apt": apt}
"""Kind of artefact → function that puts the artefact of a requirement into an empty folder and returns its file."""


def _run(command: Sequence[str], folder: Path) -> Path:
    """Run a client in `folder`; return the one file it left there."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except FileNotFoundError:
        raise FetchError(f"the program {command[0]} is not installed here") from None
    files = [file for file in folder.iterdir() if file.is_file()]
    if done.returncode or len(files) != 1:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"(npm )?(E|ERR|error)\b", line, re.IGNORECASE)] or lines[-1:]
        reason = re.sub(r"^(npm )?(E|ERR!?|ERROR|error)(: | )", "", errors[-1]) if errors else "it said nothing"
        raise FetchError(f"{Path(command[0]).name} failed: {reason}"[:200])
    return files[0]


def _pip_settings() -> Mapping[str, str]:
    """Return what pip is set up with, option → value; the environment wins over files, as in pip."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    settings = re.findall(r"^(:env:|global|download|install)\.([\w-]+)=('.*'|\".*\")$", done.stdout, re.MULTILINE)
    order = ("install", "global", "download", ":env:")  # the later wins
    ranked = sorted(settings, key=lambda setting: order.index(setting[0]))
    return {option: str(ast.literal_eval(value)) for _, option, value in ranked}


def _project_page(index: str, name: str) -> str:
    """Return the address of a project's list of files; folders on disk are served as index.html."""
    page = f"{index.rstrip('/')}/{re.sub(r'[-_.]+', '-', name).lower()}/"
    return f"{page}index.html" if page.startswith("file:") else page


def _link(page: str, base: str, name: str, version: str) -> str | None:
    """Return the address of the source package that a page of links names, whichever way its name is spelled."""
    spelled = "[-_.]+".join(re.escape(word) for word in re.split(r"[-_.]+", name))
    file_name = re.compile(rf"{spelled}-{re.escape(version)}\.tar\.gz", re.IGNORECASE)
    for link in re.findall(r"""<a\s[^>]*?href\s*=\s*["']([^"']+)["']""", page, re.IGNORECASE):
        address = urllib.parse.urljoin(base, html.unescape(link))
        file = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rsplit("/", 1)[-1])
        if file_name.fullmatch(file):
            return urllib.parse.urldefrag(address).url
    return None


def _read(address: str, context: ssl.SSLContext) -> tuple[bytes, str]:
    """Return the content and the address after redirections; a user and password in the address are sent."""
    parts = urllib.parse.urlsplit(address)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if parts.username:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        plain = _without_password(address)
        user, password = (urllib.parse.unquote(word or "") for word in (parts.username, parts.password))
        passwords.add_password(None, plain, user, password, is_authenticated=True)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        address = plain
    request = urllib.request.Request(address, headers={"Accept": "text/html"})
    timeout = float(os.environ.get("PIP_DEFAULT_TIMEOUT", "60"))
    with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
        return answer.read(), answer.url


def _without_password(address: str) -> str:
    parts = urllib.parse.urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
