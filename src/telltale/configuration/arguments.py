"""The words of a command as a shell hands them over, made readable for Hydra, whose grammar is stricter than a path.

A value that Hydra cannot read is taken as the text it is: `dataset.root=/data/set (1).csv` means that file. Told in one
line instead is what could mean two things: commas, which also part the values of a sweep, and lists left open.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString
from hydra.errors import HydraException

from telltale.configuration.words import configuration_folder, groups_of
from telltale.errors import InputError

WITH_VALUE = (
    *("-c", "--cfg", "-i", "--info", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name"),
    *("-cd", "--config-dir", "--experimental-rerun"),
)
SWEEP = ("-m", "--multirun", "hydra.mode=MULTIRUN")
TEXT_MODELS = ("transformer", "hf")
# attacks on what was fine-tuned -> what is left open where the model is one of texts; those cost more than networks
# of pictures do, so that at small there are half as many, of half the records
OBJECTIVE = "transfer_texts"
OF_TEXTS = {
    "tmi": (
        *(f"objective={OBJECTIVE}", "downstream=other_classes"),
        *("victims=${by_scale:6,12,32}", "shadow_models=${by_scale:2,20,33}", "pools.members=${by_scale:50,250,5000}"),
        *("model.pooling=mean", "objective.pretraining.epochs=${by_scale:2,12,20}"),
    )
}
# data set -> what differs where it is the one of pre-training: of SpamAssassin there are 3,504 mails of two classes,
# longer than glosses
OF_DATASETS = {
    "tmi": {
        "spamassassin": (
            *("downstream=same_classes", "dataset.context=${by_scale:32,64,256}"),
            *("victims=${by_scale:6,8,32}", "shadow_models=${by_scale:2,14,33}"),
            "pools.members=${by_scale:50,250,300}",
            *("pools.auxiliary=${by_scale:100,250,250}", "pools.population=${by_scale:100,500,500}"),
            *("pools.test=${by_scale:100,500,500}", "pools.finetune=${by_scale:300,900,900}"),
            "pools.finetune_test=${by_scale:100,400,400}",
        )
    }
}
OF_HEADS = {"tmi": ("objective.epochs=${by_scale:5,100,100}", "objective.learning_rate=0.01")}  # on fixed features
IN_SHORT = {"scores": "scores.file", "sweep": "sweep.name"}
ONE_PLACE = re.compile(r"\.(file|path|root)$")  # takes no list
PLACES = re.compile(
    r"paths\.(outputs|store|cache)$|hydra\.(run\.dir|sweep\.)"
)  # options that need a text: an empty one is the folder /


def in_full(word: str) -> str:
    """Spell out what may be said in short.

    >>> in_full("-v"), in_full("scores=answers.npz")
    ('verbose=true', 'scores.file=answers.npz')
    """
    if word in ("-v", "--verbose"):
        return "verbose=true"
    option, equals, value = word.partition("=")
    return f"{IN_SHORT[option]}={value}" if equals and option in IN_SHORT and value[:1] != "{" else word


def of_texts(words: Sequence[str]) -> list[str]:
    """Say what a model of texts is trained for, and how many are, where a command leaves it open.

    It is a language model first and then tells classes apart.

    >>> of_texts(["attack=tmi", "dataset=wordnet", "model=transformer", "downstream=same_classes"])[4:6]
    ['objective=transfer_texts', 'victims=${by_scale:6,12,32}']
    """
    chosen = {word.partition("=")[0].lstrip("+"): _unquoted(word.partition("=")[2]) for word in words}
    attack = chosen.get("attack", "") if chosen.get("model") in TEXT_MODELS else ""
    groups = chosen.keys() - {"model", "dataset"}  # these are chosen whenever this is asked
    of_dataset = OF_DATASETS.get(attack, {}).get(chosen.get("dataset", ""), ())
    replaced = {word.partition("=")[0] for word in of_dataset}
    defaults = [word for word in OF_TEXTS.get(attack, ()) if word.partition("=")[0] not in replaced]
    if chosen.get("objective") == OBJECTIVE:  # said, and the one that is meant
        groups -= {"objective"}

    def left_open(defaults: Sequence[str]) -> list[str]:
        options = [word.partition("=")[0] for word in defaults]
        taken = [option in chosen or option.partition(".")[0] in groups for option in options]
        return [word for word, given in zip(defaults, taken, strict=True) if not given]

    tuned = re.sub(r"^choice\((.*)\)$", r"\1", chosen.get("objective.tune", "head")).split(",")
    of_heads = left_open(OF_HEADS.get(attack, ())) if "head" in map(_unquoted, tuned) else []
    if of_heads and len(tuned) > 1:
        own = " and ".join(word.partition("=")[0] for word in of_heads)
        expected = f"head alone, as heads have epochs and a step size of their own, or with {own}"
        raise InputError("objective.tune", chosen["objective.tune"], expected)
    return [*words, *left_open([*defaults, *of_dataset]), *of_heads]


def left_open_by(words: Sequence[str]) -> set[str]:
    """Return the options of a readable command that `of_texts` has added at its end.

    >>> said = ["attack=tmi", "model=transformer", "victims=3", "objective.tune=all"]
    >>> sorted(left_open_by(of_texts(said)))[:3]
    ['downstream', 'model.pooling', 'objective']
    >>> left_open_by(["attack=lira", "model=mlp", "objective.learning_rate=0.01"])
    set()
    """
    for said in range(len(words) + 1):
        with suppress(InputError):  # without an option that the user gave to a sweep
            if of_texts(words[:said]) == list(words):
                return {word.partition("=")[0] for word in words[said:]}
    return set()


def _unquoted(value: str) -> str:
    return value.strip().strip("'\"").strip()


def readable(words: Sequence[str]) -> list[str]:
    """Return the words so that Hydra reads what was meant, flags first; raises InputError for the first that is none.

    >>> readable(["dataset.root=/data/set (1).csv", "seed=1"])
    ['dataset.root="/data/set (1).csv"', 'seed=1']
    """
    parser, sweeps = OverridesParser.create(), any(word in SWEEP for word in words)
    flags: list[str] = []
    options: list[str] = []
    words = of_texts([part for word in words for part in _of_several(word)])
    for word, before in zip(words, ["", *words], strict=False):
        if before in WITH_VALUE:
            flags.append(word)
        elif word.startswith("-"):
            flag, equals, value = word.partition("=")
            flags.append(flag + equals + _at_home(value, False))
        else:
            options.append(_made_readable(word, parser, sweeps))
    return [*flags, *options]


def _of_several(word: str) -> tuple[str, ...]:
    """Spell out a list of run loggers: Hydra would merge their files into one.

    >>> _of_several("logger=[csv,wandb]")
    ('logger=several', 'logger.names=[csv,wandb]')
    """
    return ("logger=several", f"logger.names={word[7:]}") if re.match(r"logger=\[.*\]$", word) else (word,)


def _made_readable(word: str, parser: OverridesParser, sweeps: bool) -> str:
    marked, equals, value = word.partition("=")
    if re.fullmatch(r"~[\w./@:]+", word):  # leaves an option or a group out
        return word
    if not equals or not re.fullmatch(r"(\+\+|\+|~)?[\w./@:$-]+", marked):
        raise InputError("command line", word, f"expected option=value, as in attack=lira or seed=1{_meant(word)}")
    key = marked.lstrip("+~")
    value = _at_home(value, sweeps)
    try:
        override = parser.parse_override(f"{marked}={value}")
    except HydraException:
        return _quoted(marked, value, parser, sweeps)
    if override.is_sweep_override() and not sweeps:
        as_one = f"as one value: {_shown(marked, value)}" if override.is_choice_sweep() else ""
        listed = f"a list: {shlex.quote(f'{marked}=[{value}]')}; " if as_one and not ONE_PLACE.search(key) else ""
        expected = f"several values; a sweep needs -m; {listed}{as_one}".rstrip("; ")
        raise InputError(key, value, expected)
    if override.is_sweep_override() and key.startswith("sweep."):
        raise InputError(key, value, "one value, for the sweep as a whole")
    _require_text(key, value, override)
    return f"{marked}={value}"


def _require_text(key: str, value: str, override: Override) -> None:
    """Refuse an option of nothing; null too where a folder is made of it."""
    if override.is_delete():
        return
    whole = None if override.is_range_sweep() else override.value()
    for one in whole.list if isinstance(whole, ChoiceSweep) else [whole]:
        plain = one.text if isinstance(one, QuotedString) else one
        if PLACES.match(key) and (plain is None or not str(plain).strip()):
            raise InputError(key, "null" if plain is None else f"'{plain}'", "the name of a folder")
        if isinstance(plain, str) and not plain.strip() and not key.startswith("hydra."):
            raise InputError(key, f"'{plain}'", "an empty text; leave it out, or write null where there may be none")


def _meant(word: str) -> str:
    """Name the option whose word it is, where one forgot to say of what."""
    groups = groups_of([configuration_folder()])
    found = [f"{name}={word}" for name, group in groups.items() if word in group.lines and name != "paper"]
    return f" (did you mean {' or '.join(found)}?)" if found and word != "none" else ""


def _at_home(value: str, sweeps: bool) -> str:
    """Put the home folder in the place of a `~` that begins a path, also of each value of a sweep."""
    begins = r"""(^["']?|,["']?)""" if sweeps else r"""(^["']?)"""
    return re.sub(rf"""{begins}(~\w*)(?=/|["']|,|$)""", lambda found: found[1] + _home(found[2]), value)


def _home(user: str) -> str:
    try:
        return str(Path(user).expanduser())
    except RuntimeError:  # there is no such user: it is the name of a file
        return user


def _quoted(marked: str, value: str, parser: OverridesParser, sweeps: bool) -> str:
    """Return the option with its value as a quoted text, where that is the only thing it can mean."""
    key = marked.lstrip("+~")
    opened = value[:1] in ("[", "{", '"', "'") or re.match(r"(choice|range|interval|glob|shuffle|sort)\(", value)
    if sweeps and "," in value:
        parts = ",".join(_in_quotes(part) for part in value.split(","))
        expected = f"quote it: {_shown(marked, value)}, or each value of the sweep: {shlex.quote(f'{marked}={parts}')}"
        raise InputError(key, value, expected)
    if opened:
        raise InputError(key, value, f"cannot be read; if it is a text, quote it: {_shown(marked, value)}")
    made = f"{marked}={_in_quotes(value)}"
    try:
        if parser.parse_override(made).value() == value:
            return made
    except HydraException:
        pass
    raise InputError(key, value.encode("unicode_escape").decode(), "holds a character that no option can")


def _in_quotes(text: str) -> str:
    return QuotedString(text, Quote.double).with_quotes()


def _shown(marked: str, value: str) -> str:
    """Return the option as one types it in a shell."""
    return shlex.quote(f"{marked}={_in_quotes(value)}")
