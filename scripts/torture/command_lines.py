"""Command lines that nobody should type, aimed and at random: each is refused in one line, or is ready to train.

Where training would begin a trial ends: what comes before it may take 30 s and print no traceback.
"""

from __future__ import annotations

import os
import random
import resource
import string
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from scripts.torture.fork import Ended, begin, call
from scripts.torture.row import Row
from telltale.configuration.command_line import configuration_folder, register_resolvers
from telltale.configuration.words import groups_of

LIMIT_S = 30
MEMORY = 12 * 2**30  # bytes of address space: what asks for more is to say so, not to be killed
READY = "ready to train"
BASES = (
    *("attack=lira dataset=census", "attack=lira model=cnn dataset=digits", "attack=rmia", "attack=threshold"),
    *("attack=canary_audit", "attack=tmi", "attack=weight_encoding", "attack=quantized_encoding", "attack=m4i_metric"),
    *("attack=nearest_synthetic", "attack=embedding_membership dataset=nci", "attack=label_only", "attack=vector_lira"),
    *("attack=molextract dataset=nci pools.members=100 pools.auxiliary=100", "attack=lira defense=dp_sgd"),
)
NUMBERS = "0 -1 1 3 10 100 0.5 2.5 1e308 -1e308 inf -inf nan 1e-320 1000000000 2147483648 99999999999999999999999999"
PARTS = "[] {} [1,2] [[1]] [null] {a:1} {_target_:os.system} {_target_:3} ??? ${x} ${seed} ${oc.env:HOME} ${ [open 0,1"
TEXTS = (
    "'' null true maybe ~/x ~ data/epoch=3/x дані it's \" 50% choice(1,2) .. /dev/null /proc/self/mem 🐶 - + ~x # a:b"
)
OTHERS = ("", "a b (c).csv", "a, b (c)", "\udce9", "x" * 300, "\n", "\t", "\\", "telltale.models.mlp.MLP")
VALUES = (*NUMBERS.split(), *PARTS.split(), *TEXTS.split(), *OTHERS)
WORDS = ("lira", "=", "=1", "a=b=c", "-m", "+", "~", "~x", "seed", "++seed=1", "+x=1", "~seed", "a..b=1", ".=1", "[]")
# nonsense that has been accepted, or has ended in a traceback or in no end at all
AIMED = tuple(
    line.strip()
    for line in """
    attack=threshold rivals.rmia_offline=1.5
    attack=lira +rivals.x=null
    attack=lira +controls.x=null
    attack=lira +rivals.evil={_target_:os.system,command:ls}
    attack=weight_encoding dataset._target_=-1
    attack=weight_encoding objective._target_=true
    attack=nearest_synthetic defense.mechanism.norm._target_=3
    attack=weight_encoding dataset._target_=../../etc
    attack=[]
    ~attack
    ~dataset
    ~rivals
    ~pools.test
    attack=lira evaluation.replicates=99999999999999999999999999
    attack=lira evaluation.replicates=1000000000
    attack=lira shadow_models=100000000
    attack=lira victims=100000000
    attack=lira victims=9999999999999999
    attack=lira paths.outputs=
    attack=lira paths.store=''
    attack=lira hydra.run.dir=''
    attack=lira +x=1
    attack=lira downstream_share=x
    attack=lira downstream_share=nan
    attack=rmia attack.gamma=inf
    attack=lira objective.learning_rate=inf
    attack=lira objective.weight_decay=inf
    attack=lira paths=null
    attack=lira model.widths=[1000000000]
    attack=lira +variants.x=1
    attack=lira ~pools.members
    attack=
    attack=lira rivals=lira_offline rivals.lira_offline.online=yes_please
    attack=lira seed=0,1
    lira
    attack=lira rivals=rmia +rivals.rmia.gamma=[1,2]
    attack=lira rivals=rmia +rivals.rmia.gamma=inf
    attack=lira variants=compression variants.compression.modes=2147483648
    attack=lira model.weights=x
    attack=embedding_membership dataset=nci attack.views=1000000000
    attack=lira dataset=gaussian_mean seed=-1
""".strip().splitlines()
)


def run(trials: int, seed: int, folder: Path) -> list[Row]:
    """Give so many command lines: all that are aimed first, then random ones."""
    rng = random.Random(seed)
    aimed = AIMED if trials >= len(AIMED) else rng.sample(AIMED, trials)
    log, places = folder / "warm.log", _places(folder)
    before = [call([*base.split(), *places], log, 300, _stop_at_training, folder) for base in BASES]
    if unready := [base for base, ended in zip(BASES, before, strict=True) if READY not in ended.output]:
        return [Row("command lines", len(unready), 0, len(unready), note=f"do not start: {unready}")]
    random_lines = [_random_line(rng) for _ in range(trials - len(aimed))]
    rows = [_row("aimed command lines", [line.split() for line in aimed], folder, may_start=False)]
    return [*rows, _row("random command lines", random_lines, folder, may_start=True)] if random_lines else rows


def _row(test: str, lines: Sequence[Sequence[str]], folder: Path, *, may_start: bool) -> Row:
    refused = started = hung = silent = tracebacks = unclear = 0
    for line, ended in _ended(lines, folder):
        is_ready = READY in ended.output
        started += is_ready
        refused += ended.is_one_line
        hung += ended.code is None
        tracebacks += ended.has_traceback
        silent += is_ready and not may_start
        is_unclear = not (is_ready or ended.is_one_line or ended.code is None or ended.has_traceback)
        unclear += is_unclear
        if ended.has_traceback or ended.code is None or is_unclear or (is_ready and not may_start):
            _tell(line, ended)
    survived = refused + (started if may_start else 0)
    note = f"{refused} refused in one line, {started} ready to train, {hung} over {LIMIT_S} s, {unclear} said otherwise"
    return Row(test, len(lines), survived, hung + unclear, silent, tracebacks, note)


def _ended(lines: Sequence[Sequence[str]], folder: Path) -> Iterator[tuple[Sequence[str], Ended]]:
    """Give the lines, as many at once as there are cores, and yield how each ended."""
    at_once = os.cpu_count() or 1
    for start in range(0, len(lines), at_once):
        children = []
        for number, line in enumerate(lines[start : start + at_once]):
            own = folder / f"at_once_{number}"
            own.mkdir(exist_ok=True)
            words = [*line, *_places(folder, line)]
            children.append((line, begin(words, own / "trial.log", _stop_at_training, own)))
        for line, child in children:
            yield line, child.wait(LIMIT_S)


def _tell(line: Sequence[str], ended: Ended) -> None:
    last = (ended.output.strip().splitlines() or [""])[-1]
    print(f"{line!a}: code {ended.code}, {ended.seconds:.0f} s: {last!a}"[:600], file=sys.stderr, flush=True)


def _places(folder: Path, line: Sequence[str] = ()) -> list[str]:
    """Keep what a trial writes in the folder; what the line itself says of places stands."""
    written = {word.lstrip("+~").partition("=")[0] for word in line}
    places = {"paths.outputs": folder / "outputs", "hydra.run.dir": "run", "paths.cache": folder / "cache"}
    base = ["scale=smoke", "logger=none", "trainer=cpu"]
    fixed = [word for word in base if word.partition("=")[0] not in {name.partition(".")[0] for name in written}]
    return [*fixed, *(f"{name}={place}" for name, place in places.items() if name not in written)]


def _stop_at_training() -> None:
    """End the process where training would begin; fetch nothing; ask for no more memory than there may be."""
    from telltale.data import fetch
    from telltale.data.clients import FetchError
    from telltale.owner.owner import Owner

    def ready(*_: Any, **__: Any) -> None:
        print(READY, flush=True)
        os._exit(0)

    def offline(*_: Any, **__: Any) -> Path:
        raise FetchError("this trial fetches nothing")

    Owner.train_many = ready  # type: ignore[method-assign,assignment]
    for kind in fetch.CLIENTS:
        fetch.CLIENTS[kind] = offline
    os.environ["HOME"] = str(Path.cwd())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _random_line(rng: random.Random) -> list[str]:
    """Return a command that would start, with one to three words that spoil it, or do not."""
    base = rng.choice(BASES)
    return [*base.split(), *(_random_word(rng, base) for _ in range(rng.choice((1, 1, 2, 3))))]


def _random_word(rng: random.Random, base: str) -> str:
    kind = rng.random()
    if kind < 0.08:
        return rng.choice(WORDS)
    if kind < 0.25:
        groups = {name: group for name, group in groups_of([configuration_folder()]).items() if name != "paper"}
        group = rng.choice(sorted(groups))
        return f"{group}={rng.choice([*groups[group].lines, *VALUES])}"
    name = rng.choice(_options(base))
    if kind < 0.35:
        at = rng.randrange(len(name))
        name = name[:at] + rng.choice([*string.ascii_lowercase, ".", "_", ""]) + name[at + 1 :]
    value = rng.choice(VALUES) if rng.random() < 0.8 else "".join(rng.choices(string.printable.strip(), k=6))
    return rng.choice(("", "", "", "", "+", "++", "~")) + f"{name}={value}"


@cache
def _options(base: str) -> list[str]:
    """Return every option of a command, and every group of options, by its dotted name."""
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(configuration_folder()), version_base="1.3"):
        cfg = compose("config", [*base.split(), "scale=smoke"])
    return list(_named(cfg, ""))


def _named(node: DictConfig, above: str) -> list[str]:
    names: list[str] = []
    for key in map(str, node):
        names.append(f"{above}{key}")
        value = node._get_node(key)
        if isinstance(value, DictConfig) and not value._is_none():
            names += _named(value, f"{above}{key}.")
    return names
