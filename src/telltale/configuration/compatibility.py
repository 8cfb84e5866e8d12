"""What goes together is settled before anything is trained: attack, rivals, recipe and data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import psutil
import torch
from hydra.utils import get_object
from omegaconf import DictConfig
from torch.overrides import TorchFunctionMode

from telltale.attacks.base import Attack
from telltale.configuration.building import built, of_part
from telltale.data.captions.withheld import REFERENCES
from telltale.data.downstream import TransferData
from telltale.data.records import Records
from telltale.defenses.augmentation import Augmentation
from telltale.errors import InputError
from telltale.game.game import Game
from telltale.game.world import TARGET_MEMBERS, TARGET_NON_MEMBERS
from telltale.models.trunk_options import trunk_of
from telltale.objectives.caption_contrast import CaptionContrast
from telltale.objectives.captioning import Captioning
from telltale.owner.recipe import Recipe

log = logging.getLogger("telltale")
OF_THE_SAME = ("same_classes", "other_classes", "coarse")  # downstream tasks of the data set itself
PICTURES = ("images", "captions")  # kinds of records that can be flipped and shifted
EVERY_RELEASE = frozenset({"embeddings", "weights"})  # calls that every release can answer
# what is granted beside the model's own calls
BESIDE = frozenset({REFERENCES, TARGET_MEMBERS, TARGET_NON_MEMBERS, "published_records"})


def check_rival(name: str, rival: Attack, game: Game, *, configured: bool) -> None:
    """Refuse, by InputError, a rival that cannot meet this game; the line names it.

    configured: its options are below rivals.*; else they are the attack's own.
    """
    try:
        require_answers("rivals", name, rival, game.recipe)
        rival.check(game.knowledge_of(rival.access))
    except InputError as mistake:
        error = of_part(mistake, f"rivals.{name}") if configured else mistake
        expected = f"{error.expected} (asked by the rival {name}; leave it out, e.g. rivals=none)"
        raise InputError(error.field, error.value, expected) from None


def calls_of(recipe: Recipe) -> tuple[frozenset[str], frozenset[str]]:
    """Return the calls that a release answers, and those of the model that was fine-tuned into it, if any.

    Of the objectives' classes: what goes together is not known yet, so that no network can be built.
    """
    released = get_object(recipe.objective["_target_"]).answers
    return released, calls_of(recipe.start)[0] if recipe.start else frozenset()


def require_answers(field: str, name: str, attack: Attack, recipe: Recipe) -> None:
    """Refuse an attack on class probabilities or labels where the release gives none, or none of the records' own."""
    if attack.before_transfer and recipe.start is None:
        raise InputError(
            field, name, "meets the pre-trained models of a transfer; there is none, try objective=transfer"
        )
    if "published_records" in attack.access and not recipe.publishes:
        expected = (
            "looks at the records that an owner publishes, and this one keeps them; try defense=vae_metric_privacy"
        )
        raise InputError(field, name, expected)
    met = recipe.start if attack.before_transfer and recipe.start else recipe
    if attack.uses_true_labels and met.start is not None:
        expected = "reads the answer at a record's own class, but this release answers with downstream classes"
        raise InputError(field, name, f"{expected}; try rivals=transfer or attack=vector_lira")
    if missing := attack.access - EVERY_RELEASE - BESIDE - met.answers:
        calls = " or ".join(sorted(missing))
        other = "captioning" if missing & Captioning.answers else "classification"
        other = "regression" if "values" in missing else other
        other = "caption_contrast" if missing & CaptionContrast.answers else other
        asks = f"asks for {calls}, which this recipe does not release"
        if "text_log_probs" in met.answers and (field, name) == ("attack", "threshold"):
            raise InputError(field, name, f"{asks}; of a language model use attack.signal=loss attack.per_class=false")
        raise InputError(field, name, f"{asks}; try objective={other}")


def rivals_of(group: DictConfig, attack: Attack, records: Records, recipe: Recipe) -> dict[str, Attack]:
    """Return the attack's own rivals and those that a configuration names, less itself and what needs other data.

    Of equal rivals the one that the configuration names stays, of two that it names the first, which is told. A ceiling
    is left out where nothing was pre-trained, or what was does not answer what it asks. Raises InputError for a rival
    of another kind of evidence.
    """
    for name, options in ((str(name), options) for name, options in group.items()):
        # first: options may follow those of an attack of its kind
        target: Any = get_object(options["_target_"])
        if (handed := getattr(target, "hands_over", None)) is None:
            expected = "no attack; a rival is a word of conf/rivals/"
            raise InputError(f"rivals.{name}._target_", options["_target_"], expected)
        if handed is not attack.hands_over:
            what = f"gives {handed.__name__}, the attack {attack.hands_over.__name__}; use rivals=none"
            raise InputError("rivals", name, what)
    calls = calls_of(recipe)
    chosen = {str(name): built(f"rivals.{name!s}", options, Attack).against(*calls) for name, options in group.items()}
    named: dict[str, Attack] = {}
    for name, rival in chosen.items():
        if same := [other for other, earlier in named.items() if _alike(rival, earlier)]:
            log.info(f"rival {name} is {same[0]} by another name here, and is left out")
        elif not _alike(rival, attack):
            named[name] = rival
    of_attack = {
        name: rival
        for name, rival in attack.rivals().items()
        if not any(_alike(rival, other) for other in named.values())
    }
    return {
        name: rival
        for name, rival in {**of_attack, **named}.items()
        if records.kind in rival.accepts and (not rival.before_transfer or _is_ceiling_of(rival, recipe, calls[1]))
    }


def _is_ceiling_of(rival: Attack, recipe: Recipe, before: frozenset[str]) -> bool:
    """Say whether a ceiling asks for what the pre-trained model answers: embeddings alone where that is all there is.

    before: calls of that model, beside embeddings and weights.
    """
    if recipe.start is None:
        return False
    asked = rival.access - EVERY_RELEASE
    return asked <= before if asked else not before


def _alike(attack: Attack, other: Attack) -> bool:
    """Say whether two attacks are one under two names."""
    return (type(attack), vars(attack)) == (type(other), vars(other))


def require_compatible(
    attack: Attack,
    recipe: Recipe,
    records: Records,
    choices: Mapping[str, str],
    transfer: TransferData | None = None,
) -> None:
    """Refuse, before anything is trained, options out of range and what makes no sense together.

    choices: the word of each group, as the user chose it, for the message.
    """
    kind = records.kind
    _require_kind_of_attack(attack, recipe, records, choices)
    _require_kinds(recipe, records if transfer is None else transfer.downstream, "objective", choices)
    if recipe.start is not None and transfer is not None:
        _require_kinds(recipe.start, transfer.pretraining, "objective.pretraining", choices)
    _require_memory(recipe.model)
    if kind not in attack.accepts:
        _refuse_attack(attack, choices, f"{records.source} holds {kind}", kind)
    for defense in recipe.defenses:
        if defense.stage == "answer" and not attack.access & (protected := getattr(defense, "protects", attack.access)):
            asked_calls, changed_calls = (", ".join(sorted(calls)) for calls in (attack.access, protected))
            expected = f"changes {changed_calls}; attack={choices['attack']} asks for {asked_calls} only"
            raise InputError("defense", choices["defense"], expected)
    for part in (recipe.start, recipe):
        if part is not None:
            part.check()
    require_answers("attack", choices["attack"], attack, recipe)


def require_records(recipe: Recipe, members: int) -> None:
    """Refuse, before anything is trained, defences that cannot be for so many training records a model."""
    last = members if recipe.start is None else int(recipe.finetuning_members(0).sum())
    for part, number in ((recipe.start, members), (recipe, last)):
        if part is not None:
            for code in part.stages:
                code.check_records(part, number)


def _require_kind_of_attack(attack: Attack, recipe: Recipe, records: Records, choices: Mapping[str, str]) -> None:
    """Name the attack that asks the same of what the model takes, or the data hold, where the chosen one cannot."""
    takes = accepted_kinds(get_object(recipe.model["_target_"]))
    for what, kinds in ((f"model={choices['model']} takes", takes), (f"{records.source} holds", {records.kind})):
        if not kinds & attack.accepts and (others := sorted(kinds & attack.other_kinds.keys())):
            _refuse_attack(attack, choices, f"{what} {others[0]}", others[0])


def _refuse_attack(attack: Attack, choices: Mapping[str, str], but: str, kind: str) -> NoReturn:
    other = attack.other_kinds.get(kind)
    expected = f"works on {' or '.join(sorted(attack.accepts))}, but {but}" + (f"; use attack={other}" if other else "")
    raise InputError("attack", choices["attack"], expected)


def accepted_kinds(part: object) -> set[str]:
    """Return the kinds of data that a class of models or objectives says it takes."""
    accepts: Any = getattr(part, "accepts", ())
    return {accepts} if isinstance(accepts, str) else set(accepts)


def _require_kinds(recipe: Recipe, records: Records, group: str, choices: Mapping[str, str]) -> None:
    """Refuse a model or objective that does not work on such records."""
    kind = records.kind
    objective_word = choices.get(group) or choices.get(f"objective@{group}")
    model, objective = (get_object(part["_target_"]) for part in (recipe.model, recipe.objective))
    for field, word, part in (("model", choices["model"], model), (group, objective_word, objective)):
        accepted = accepted_kinds(part)
        if not accepted:
            expected = "its class does not say what data it takes: `accepts`, as the words of conf/ have it"
            raise InputError(field, word, expected)
        if kind not in accepted:
            takes = " or ".join(sorted(accepted))
            expected = f"takes {takes}, but {records.source} holds {kind}; choose a data set of {takes}"
            raise InputError(field, word, expected)
    if objective.supervised and len(getattr(records, "classes", ())) < 2:
        chose = "dataset" if recipe.start is None else "downstream"
        other = "choose another (b3db, …) or label"
        if kind == "text":
            of_its_own = chose == "downstream" and choices[chose] not in OF_THE_SAME
            other = f"name a column of classes ({'downstream.' if of_its_own else ''}dataset.label)"
            other += ", or objective=language_modeling, which needs none" if chose == "dataset" else ""
        expected = f"needs labels of at least 2 classes, {records.source} gives none; {other}"
        raise InputError(chose, choices[chose], expected)
    if objective.learns_values and getattr(records, "values", None) is None:
        expected = f"needs measured values, {records.source} gives none; try dataset=b3db dataset.kind=values"
        raise InputError("dataset", choices["dataset"], expected)
    if kind not in PICTURES:
        _require_no_augmentation(recipe, group, f"{records.source} holds {kind}, not pictures")
    elif trunk_of(recipe.model):
        _require_no_augmentation(recipe, group, "a frozen trunk sees each once; use model=captioner to change them")


def _require_memory(model: Mapping[str, Any]) -> None:
    """Refuse a network whose weights and gradients would not fit: some systems kill without a word what asks for more.

    It is built without any memory behind its weights.
    """
    if trunk_of(model) or "path" in model:  # whose weights are read from files
        return
    with torch.device("meta"), _Undrawn(), torch.random.fork_rng(devices=[]):
        network: torch.nn.Module = built("model", model, torch.nn.Module)
    size, memory = sum(weight.nbytes for weight in network.parameters()), psutil.virtual_memory().total
    if 2 * size > memory:
        expected = f"its weights take {size / 2**30:,.0f} GB, this machine has {memory / 2**30:,.0f}; make it smaller"
        raise InputError("model", str(model["_target_"]).rpartition(".")[2], expected)


class _Undrawn(TorchFunctionMode):
    """Leaves weights undrawn: without memory there is nothing to draw, and torch loads its compiler to do so."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "trunc_normal_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _require_no_augmentation(recipe: Recipe, group: str, why: str) -> None:
    """Refuse changes of pictures, the objective's own or a defence's, where there are none that could be changed."""
    if (augmentation := recipe.objective.get("augmentation", "none")) != "none":
        raise InputError(f"{group}.augmentation", augmentation, f"none: {why}")
    for defense in recipe.defenses:
        if isinstance(defense, Augmentation):
            raise InputError("defense", "augmentation", f"changes pictures, but {why}")
