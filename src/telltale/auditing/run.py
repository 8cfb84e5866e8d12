"""The flow where membership is given, not drawn: scores of another tool, or a model that exists."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from telltale.attacks.base import Attack
from telltale.auditing.judging import Manner, judged
from telltale.auditing.next_steps import Typed, after_audit, after_scores
from telltale.auditing.released import ask, training_of, with_shadows
from telltale.auditing.sides import one_record_an_id
from telltale.checks import whole_number
from telltale.configuration.command_line import check_options
from telltale.configuration.parsed import attacks_of
from telltale.configuration.parts import store_of
from telltale.data.given import Given
from telltale.data.loaded import Loaded
from telltale.errors import InputError
from telltale.evaluation.answer import Standards
from telltale.game.answer_files import read_answers
from telltale.game.answers import Answers
from telltale.reporting.masking import masked
from telltale.reporting.report import report
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.summary import Summary
from telltale.targets.target import Target
from telltale.writing import counted

if TYPE_CHECKING:
    from telltale.auditing.stand_in import StandIn

log = logging.getLogger("telltale")


@dataclass(frozen=True)
class Subject:
    """What a run was about, for its title; see `report.Subject`."""

    source: str
    available: int
    member_count: int
    auxiliary: Sequence[Any] = ()

    @classmethod
    def of(cls, answers: Answers) -> Subject:
        """Describe answers."""
        held = 0 if answers.population is None else answers.population.shape[1]
        return cls(answers.source, answers.points + held, int(answers.membership[0].sum()))


@dataclass(frozen=True)
class Scores:
    """What a run that judges a file is made of."""

    answers: Answers
    notes: tuple[str, ...]
    attacks: Mapping[str, Attack]
    manner: Manner

    @classmethod
    def of(cls, cfg: DictConfig) -> Scores:
        """Read the file. Raises InputError for what cannot be judged."""
        whole_number("seed", cfg.seed, 0)
        answers = read_answers(cfg.scores.file, cfg.scores.layout)
        if cfg.scores.split is not None:
            answers = replace(answers, split=cfg.scores.split)
        answers, notes = one_record_an_id(answers)
        return cls(answers, notes, attacks_of(cfg), manner_of(cfg))


def run_scores(cfg: DictConfig, show: bool = True) -> Summary:
    """Judge scores or answers of a file; show: print the report. Returns what it says."""
    hydra = HydraConfig.get()
    with folder_of(cfg) as job:
        with job.stage("data"):
            scores = Scores.of(cfg)
            answers = scores.answers
        job.accept()
        with job.stage("attack"):
            outcome = judged(answers, scores.attacks, scores.manner, notes=scores.notes)
        what = f"{answers.gives} of {counted(answers.models, 'model')}, layout {cfg.scores.layout}"
        choices = {**hydra.runtime.choices, "attack": outcome.attack}
        return report(job, outcome, Subject.of(answers), choices, what, after_scores(answers, typed_of(job)), show)


@dataclass(frozen=True)
class Audited:
    """What an audit is made of.

    given      the user's records; available: how many a recipe of ours would find
    stand_in   trains shadow models in the place of the user's code; None = nothing does
    """

    target: Target
    given: Given
    available: int | None
    stand_in: StandIn | None
    attacks: Mapping[str, Attack]
    manner: Manner

    @classmethod
    def of(cls, cfg: DictConfig, folder: Path) -> Audited:
        """Read the records and what is audited; nothing is asked. Raises InputError for what cannot be audited.

        folder: where records that are left out are written down
        """
        choices = HydraConfig.get().runtime.choices
        whole_number("seed", cfg.seed, 0)
        if choices["target"] == "recipe":
            raise InputError(
                "target", "recipe", "a model that exists, e.g. target=function target.call=serve.py:predict"
            )
        check_options(cfg, report=Standards)
        target, manner = instantiate(cfg.target), manner_of(cfg)
        target.store = store_of(cfg)
        training_of(target)  # code that is not there is told before anything is asked
        given, available = given_of(cfg, folder)
        return cls(target, given, available, _stand_in(cfg, target, given), attacks_of(cfg), manner)


def run_audit(cfg: DictConfig, show: bool = True) -> Summary:
    """Audit a model that exists; show: print the report. Returns what it says."""
    with folder_of(cfg) as job:
        with job.stage("data"):
            audited = Audited.of(cfg, job.folder)
            target = audited.target
            if target.store is not None:
                job.entries = target.store.served
        job.accept()
        with job.stage("asking"):
            stand_in = None if audited.stand_in is None else audited.stand_in.shadows
            asked = with_shadows(target, ask(target, audited.given, cfg.seed), stand_in)
        with job.stage("attack"):
            records = asked.challenge if asked.challenge.records is None else asked.challenge.records
            outcome = judged(
                asked.answers,
                audited.attacks,
                audited.manner,
                challenge=records,
                success=asked.success,
                notes=asked.notes,
            )
        if audited.manner.standards.answers:
            asked.answers.save(job.folder / "answers.npz")
        what = f"audit of {target.name}, which gives {target.gives}"
        named = {**HydraConfig.get().runtime.choices, "attack": outcome.attack}
        steps = after_audit(asked.answers, typed_of(job, audited.available))
        return report(job, outcome, Subject.of(asked.answers), named, what, steps, show)


def manner_of(cfg: DictConfig) -> Manner:
    """Say how answers are judged."""
    return Manner(cfg.seed, cfg.evaluation.replicates, Standards(**cfg.report))


def _stand_in(cfg: DictConfig, target: Target, given: Given) -> StandIn | None:
    if not target.training.stand_in:
        return None
    from telltale.auditing.stand_in import stand_in_of  # brings all that trains

    return stand_in_of(cfg, HydraConfig.get().runtime.choices, target, given)


def folder_of(cfg: DictConfig) -> RunFolder:
    """Return the folder of a run."""
    hydra = HydraConfig.get()
    place, in_sweep = Path(hydra.runtime.output_dir), hydra.mode == RunMode.MULTIRUN
    return RunFolder(place, cfg, hydra.overrides.task, hydra.runtime.choices, in_sweep)


def loaded_of(cfg: DictConfig, folder: Path) -> Loaded[Any]:
    """Read a data set as its owner has it; what was left out or inferred is said, and listed in the folder."""
    loaded: Loaded[Any] = instantiate(cfg.dataset, _convert_="all")
    if loaded.invalid or loaded.dropped:
        loaded.write_invalid(folder / "invalid_records.csv")
    for line in loaded.account(as_given=True):
        log.warning(line)
    return loaded


def given_of(cfg: DictConfig, folder: Path) -> tuple[Given, int | None]:
    """Read the user's records, and count those of a recipe of ours, if any; what was left out or inferred is said."""
    loaded = loaded_of(cfg, folder)
    if loaded.given is None:
        if "members" in cfg.dataset:
            expected = "which records the model was trained on: a column, a folder, or a file of ids"
            raise InputError("dataset.members", "null", expected)
        expected = "a data set of your own whose members you know: arrays, csv, image_folder, smiles"
        raise InputError("dataset", HydraConfig.get().runtime.choices["dataset"], expected)
    return loaded.given, None if loaded.records is None else len(loaded.records)


def typed_of(job: RunFolder, available: int | None = None) -> Typed:
    """Return what was typed, without secrets, and how many records a recipe of ours would find."""
    settings: Any = OmegaConf.to_container(job.cfg, resolve=True)
    return Typed(masked(job.overrides), sys.argv, job.words, masked(settings), available)
