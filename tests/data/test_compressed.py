"""Files that unpack to more than was allowed for are refused before they take the memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telltale.data import own_arrays
from telltale.data.compressed import GIB, LARGEST, read_npz, require_size
from telltale.data.images.idx import read_idx
from telltale.data.molecules import moleculenet, smiles, zinc15
from telltale.data.tables import adult
from telltale.data.tables.csv_files import read_frame
from telltale.data.tables.shokri2017 import load_location30
from telltale.errors import InputError
from telltale.game.answer_files import read_answers

MIB = 2**20
BOMB = 32 * MIB  # of one letter: some 30 kB as .gz
SMALL = 4 * MIB / GIB


def plant(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def tar_of(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("bangkok")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def tar_with_a_hole(size: int) -> bytes:
    """Pack a file that is one hole of `size` bytes, which no compression has to do with."""
    packed, told = io.BytesIO(), "GNU.sparse."
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo("GNUSparseFile.0/bangkok")
        entry.pax_headers = {f"{told}major": "1", f"{told}minor": "0", f"{told}name": "bangkok"}
        entry.pax_headers[f"{told}realsize"] = str(size)
        where = f"1\n{size}\n0\n".encode().ljust(512, b"\0")  # how many pieces, and place and length of each
        entry.size = len(where)
        tar.addfile(entry, io.BytesIO(where))
    return packed.getvalue()


def npz_of(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """Pack arrays whose heads ask for `shape` floats of eight bytes, whatever there is of them."""
    packed, head = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("features", "labels"):
            archive.writestr(f"{name}.npy", head.getvalue() + content)
    return packed.getvalue()


READERS: dict[str, tuple[str, Callable[[], bytes], Callable[[str], object]]] = {
    "smiles": ("a.smi.gz", lambda: gzip.compress(b"C" * BOMB), lambda file: smiles.load(file, largest=SMALL)),
    "moleculenet": (
        "bace.csv.gz",
        lambda: gzip.compress(b"mol,Class\n" + b"C" * BOMB),
        lambda file: moleculenet.load(file, largest=SMALL),
    ),
    "zinc15": (
        "a.csv.gz",
        lambda: gzip.compress(b"smiles\n" + b"C\n" * (BOMB // 2)),
        lambda file: zinc15.load(file, largest=SMALL),
    ),
    "adult": (
        "adult.data.gz",
        lambda: gzip.compress(b"a" * BOMB),
        lambda file: adult.load(str(Path(file).parent), largest=SMALL),
    ),
    "tar": ("a.tgz", lambda: tar_of(b"1," * (BOMB // 2)), lambda file: load_location30(file, largest=SMALL)),
    "tar with a hole": ("a.tgz", lambda: tar_with_a_hole(BOMB), lambda file: load_location30(file, largest=SMALL)),
    "npz": ("a.npz", lambda: npz_of((BOMB // 8,)), lambda file: load_location30(file, largest=SMALL)),
    "arrays": ("a.npz", lambda: npz_of((BOMB // 8,)), lambda file: own_arrays.load(file, largest=SMALL)),
    "idx": ("a.gz", lambda: gzip.compress(bytes(BOMB)), lambda file: read_idx(Path(file), SMALL)),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_refuses_what_unpacks_to_too_much(tmp_path: Path, name: str) -> None:
    """Catches a reader that unpacks first and asks afterwards."""
    file_name, content, load = READERS[name]
    file = plant(tmp_path, file_name, content())
    told = rf"^dataset\.largest=0\.0039\d*: .*{file_name}\S* holds more than 0\.0039"
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=told):
            load(str(file))
        assert tracemalloc.get_traced_memory()[1] < BOMB / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress])
def test_the_limit_is_exact(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    """Catches a limit on the packed size, and one that is off by a piece."""
    file = plant(tmp_path, "a", compress(bytes(3 * MIB)))
    require_size(file, 3 * MIB / GIB)
    with pytest.raises(InputError, match="holds more than"):
        require_size(file, (3 * MIB - 1) / GIB)


def test_a_plain_file_of_any_size_is_no_affair_of_the_limit(tmp_path: Path) -> None:
    require_size(plant(tmp_path, "a.csv", bytes(MIB)), 0.5 * MIB / GIB)


def test_a_head_that_asks_for_more_than_the_file_holds_is_told(tmp_path: Path) -> None:
    """Catches an array of gigabytes made for a file of a few hundred bytes."""
    file = plant(tmp_path, "a.npz", npz_of((1000, 446), bytes(80)))
    with pytest.raises(InputError, match=r"features is cut short or damaged: .* its head says 3,568,000"):
        load_location30(str(file))
    with pytest.raises(InputError, match=r"^dataset\.largest=8: "):
        read_npz(plant(tmp_path, "b.npz", npz_of((2**31,))), ["features"], LARGEST)


def test_a_parquet_file_of_endless_repetition_is_refused(tmp_path: Path) -> None:
    """Catches a column that one run-length stands for: its pages are small, its rows are not."""
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"smiles": pa.array(["CCO"]).take(pa.array(np.zeros(2 * MIB, np.int8)))}), file)
    assert file.stat().st_size < MIB / 2
    with pytest.raises(InputError, match=r"^dataset\.largest=.*a\.parquet holds more than"):
        smiles.load(str(file), largest=MIB / GIB)


def test_a_parquet_file_of_constant_columns_and_scores_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches 44 kB that are 72 MB in memory, eight bytes a cell, and scores that nobody limits."""
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: np.zeros(MIB // 8, np.int64) for name in "abcdefgh"}), file)
    assert file.stat().st_size < MIB / 8
    read_frame(file, 8 * MIB / GIB)
    with pytest.raises(InputError, match=r"^dataset\.largest=.*a\.parquet holds more than"):
        read_frame(file, (8 * MIB - 1) / GIB)
    monkeypatch.setattr("telltale.game.answer_files.LARGEST", SMALL)
    with pytest.raises(InputError, match=r"^scores=.*b\.npz: holds more than"):
        read_answers(plant(tmp_path, "b.npz", npz_of((BOMB // 8,))))


@pytest.mark.parametrize(
    ("name", "module", "load"),
    [
        ("a.smi.gz", "telltale.data.molecules.rows", lambda file: smiles.load(file)),
        ("adult.data.gz", "telltale.data.tables.cells", lambda file: adult.load(str(Path(file).parent))),
        ("bangkok", "telltale.data.tables.shokri2017", load_location30),
    ],
)
def test_a_file_that_does_not_fit_into_memory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, load: Callable[[str], object]
) -> None:
    """Catches Python's own words, which name neither the file nor what to do."""

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"{module}.require_size", full)
    with pytest.raises(InputError, match=rf"^dataset\.root=.*{name}: a file that fits into memory; dataset\.largest"):
        load(str(plant(tmp_path, name, gzip.compress(b"CCO\n"))))


@pytest.mark.parametrize("largest", [0, -1, "much", None, float("nan"), True])
def test_a_limit_that_is_no_size_is_refused(tmp_path: Path, largest: object) -> None:
    with pytest.raises(InputError, match=r"^dataset\.largest=.*a number of GiB above 0"):
        smiles.load(str(plant(tmp_path, "a.smi", b"CCO\nCC\n")), largest=largest)  # type: ignore[arg-type]
