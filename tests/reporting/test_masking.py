"""Secrets are shown as *** wherever a run leaves something behind; the run has the real ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser

from telltale.reporting.masking import HIDDEN, hidden_dirname, is_secret, masked, masked_text
from tests.experiment.commands import Ended, command

TOKEN = "hf_" + "aB3" * 8
PASSWORD = "open-sesame"
TEXTS = {
    f"https://me:{PASSWORD}@host/data.csv": f"https://me:{HIDDEN}@host/data.csv",
    f"s3://me:{PASSWORD}@host": f"s3://me:{HIDDEN}@host",
    "postgres://me:p@ss/w0rd@host/x": f"postgres://me:{HIDDEN}@host/x",
    "AccountName=me;AccountKey=abcdefghijkl==;Endpoint=a": f"AccountName=me;AccountKey={HIDDEN};Endpoint=a",
    "Authorization: Basic dXNlcjpwYXNz": f"Authorization: Basic {HIDDEN}",
    f"me:{PASSWORD}@host:/data": f"me:{HIDDEN}@host:/data",
    f"https://{'x1' * 12}@host/x": f"https://{HIDDEN}@host/x",
    "https://host/x?a=1&sig=abc%3D&b=2": f"https://host/x?a=1&sig={HIDDEN}&b=2",
    TOKEN: HIDDEN,
    f"token {TOKEN}, said twice: {TOKEN}": f"token {HIDDEN}, said twice: {HIDDEN}",
    "ghp_" + "a1" * 18: HIDDEN,
    "AKIA" + "ABCD1234EFGH5678": HIDDEN,
    "0123456789abcdef" * 2 + "01234567": HIDDEN,  # W&B's
    "sk-" + "proj-abcdefghij0123456789": HIDDEN,
    "Authorization: Bearer abcdefgh.ijkl": f"Authorization: Bearer {HIDDEN}",
}
PLAIN = (
    *("https://host/data.csv", "ray://host:10001", "localhost:6379", "a/b@c", "at 12:30", "outputs/store/release/0123"),
    *(
        "0123456789abcdef" * 4,
        "CC(=O)[O-]",
        "telltale.models.gin.GIN",
        "sk-learn",
        "http://host:80/a@b",
        "hf_small",
    ),
)


@pytest.mark.parametrize("text", TEXTS)
def test_what_looks_like_a_secret_is_hidden_and_the_rest_is_left(text: str) -> None:
    """Catches a kind of token that is shown, and an address of which nothing is left to recognise it by."""
    assert masked_text(text) == masked(text) == TEXTS[text]


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_is_left(text: str) -> None:
    """Catches digests, addresses and molecules that are hidden, too."""
    assert masked_text(text) == masked(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "logger.token",
        "hub.accessToken",
        "WANDB_API_KEY",
        "secrets.x",
        "my-password",
        "pass",
        "x.passcode",
        "x.auth",
        "bearer",
    ],
)
def test_names_of_options_tell_secrets(name: str) -> None:
    """Catches a secret of a kind nobody knows, under a name that everybody does."""
    assert masked({name: "abc"}) == {name: HIDDEN} and masked([f"+{name}=abc=d"]) == [f"+{name}={HIDDEN}"]
    assert masked({"x": [{name: "abc"}]}) == {"x": [{name: HIDDEN}]}
    assert masked([f"+hub={{{name}: abc, seed: 1}}"]) == [f"+hub={{{name}: {HIDDEN}, seed: 1}}"]


@pytest.mark.parametrize(
    ("word", "shown"),
    {
        "+hub={token:{value:abc,n:1},seed:1}": "+hub={token:{value:***,n:***},seed:1}",
        "+hub={apikey:[abc, 'd,e'],url:http://x}": "+hub={apikey:[***, ***],url:http://x}",
        "+hub=[{user:me,pass:abc},2]": "+hub=[{user:me,pass:***},2]",
        "x.hf_token=abcdef,ghijkl": "x.hf_token=***",
    }.items(),
)
def test_secrets_inside_a_word_are_hidden(word: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a secret that stands below, or in a list under, the name that tells it."""
    assert masked([word]) == [shown]
    monkeypatch.setattr("sys.argv", ["run", word.replace("abc", "swordfish")])
    if word != "x.hf_token=abcdef,ghijkl":
        assert masked_text("it was swordfish") == f"it was {HIDDEN}"
    else:
        assert masked_text("it was ghijkl") == f"it was {HIDDEN}"


def test_an_error_that_names_a_short_secret_hides_it() -> None:
    """Catches `field=value: what is wrong`, of a value too short to be looked for in every text."""
    assert masked_text("error: model.password=abc12: no such key") == f"error: model.password={HIDDEN}: no such key"
    assert masked_text("error: model.max_tokens=5: too few; seed=1") == "error: model.max_tokens=5: too few; seed=1"


def test_a_folder_of_a_sweep_is_named_after_no_secret() -> None:
    """Catches `override_dirname`, which stands in folders, the console and summary.csv."""
    words = ["model.password=abc12", "seed=1", "hub={token:{value:xyz}}", "x.token='ab,c=d'"]
    named = get_overrides_dirname(OverridesParser.create().parse_overrides(words), [], "__", ":")
    assert hidden_dirname(named, words) == "hub:hidden__model.password:hidden__seed:1__x.token:hidden"


def test_other_names_and_what_holds_nothing_are_left() -> None:
    """Catches a size or a switch that is hidden, and a word that only contains one of those words."""
    plain = {"max_tokens": 5, "monkey": "abc", "tokenizer": "abc", "keyboard": "abc", "password": None, "secret": False}
    assert masked(plain) == plain and masked(["attack=lira", "seed=1"]) == ["attack=lira", "seed=1"]
    assert masked(["target.bearer=MY_VARIABLE"]) == ["target.bearer=MY_VARIABLE"]
    assert is_secret("password", 1234) and not is_secret("keys", 1234)


def test_a_secret_that_the_environment_names_is_hidden_in_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches `${oc.env:…}`, after which nothing tells the value from any other."""
    monkeypatch.setitem(os.environ, "MY_TOKEN", "swordfish")
    assert masked({"dataset": {"root": "/data/swordfish/x"}}) == {"dataset": {"root": f"/data/{HIDDEN}/x"}}


def leaks(folder: Path, ended: Ended) -> list[str]:
    """Return the files below a folder, and streams, in which a secret stands."""
    secrets = (TOKEN, PASSWORD)
    files = [file for file in folder.rglob("*") if file.is_file()]
    found = [str(file) for file in files if any(secret.encode() in file.read_bytes() for secret in secrets)]
    return [*found, *(text for text in (ended.out, ended.err) if any(secret in text for secret in secrets))]


def joined(log: bytes) -> bytes:
    """Put together what the blocks of W&B's file part: 32 KiB each, seven bytes of header first."""
    return b"".join(log[start + 7 : start + 32768] for start in range(0, len(log), 32768))


def test_a_run_has_its_secrets_and_shows_none(tmp_path: Path) -> None:
    """Catches a file, a page or a record of W&B's with a secret in it, and a mask that the run itself is given."""
    words = (
        "attack=threshold",
        "rivals=none",
        "controls=none",
        "scale=smoke",
        "evaluation.replicates=10",
        "logger=wandb",
    )
    places = (f"paths.store={tmp_path}/{TOKEN}", f"hydra.run.dir={tmp_path}/run", "hydra.output_subdir=.hydra")
    ended = command(*words, *places, "victims=4", "objective.epochs=1", f"+hydra.job.env_set.MY_PASSWORD={PASSWORD}")
    assert ended.code == 0 and list((tmp_path / TOKEN / "release").iterdir())
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    shown = {
        file.name if file.suffix != ".wandb" else "W&B's"
        for file in files
        if HIDDEN.encode() in file.read_bytes() or HIDDEN.encode() in joined(file.read_bytes())
    }
    assert {"config.yaml", "run.json", "report.html", "hydra.yaml", "W&B's"} <= shown
    assert not leaks(tmp_path / "run", ended)


def test_a_sweep_that_fails_shows_no_secret(tmp_path: Path) -> None:
    """Catches the words of a job that Hydra prints and keeps by itself."""
    words = (
        "-m",
        "attack=threshold",
        "scale=smoke",
        "logger=none",
        "objective.epochs=0",
        f"hydra.sweep.dir={tmp_path}/s",
        "hydra.sweep.subdir=${hydra.job.override_dirname}",
        f"paths.cache=me:{PASSWORD}@host",
    )
    ended = command(*words, f"+hydra.job.env_set.MY_PASSWORD={PASSWORD}", f"paths.store=https://me:{PASSWORD}@host")
    assert ended.code == 2 and (tmp_path / "s" / "multirun.yaml").exists()
    assert not leaks(tmp_path, ended)
    assert list(tmp_path.rglob("*paths.cache=hidden,*")) and not list(tmp_path.rglob(f"*{PASSWORD}*"))


def test_a_sweep_that_is_refused_shows_no_secret(tmp_path: Path) -> None:
    """Catches the sweep's own file where no job has begun."""
    words = ("-m", "attack=threshold", "scale=smoke", f"hydra.sweep.dir={tmp_path}/s", "model=mlp,nosuch")
    ended = command(*words, f"+hydra.job.env_set.MY_PASSWORD={PASSWORD}")
    assert ended.code == 2 and (tmp_path / "s" / "multirun.yaml").exists()
    assert not leaks(tmp_path, ended)
