"""Words of attacks on language models: which attack meets which model, and what is refused before any training."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig

from telltale.configuration.arguments import of_texts
from telltale.configuration.assembly import Plan, assemble
from telltale.configuration.model_secrets import tell_secrets
from telltale.configuration.parsed import composed
from telltale.data.pools import PoolSizes, deal
from telltale.errors import InputError
from tests.models.hf_language import WORDS, saved

SPEAKER = ("dataset=wordnet", "model=transformer", "objective=language_modeling", "rivals=none", "controls=none")


def unheard(values: Mapping[str, float], step: int | None = None) -> None:
    """Hear of no epoch."""


def plan_of(folder: Path, *words: str) -> Plan:
    with composed([*words, "scale=smoke", f"paths.outputs={folder}"], folder) as (cfg, _):
        plan = assemble(cfg, HydraConfig.get().runtime.choices, folder, unheard)
        plan.check()
        return plan


def test_words_of_classifiers_read_texts_where_a_language_model_is_released(tmp_path: Path) -> None:
    """Catches a word that asks a language model for classes, and the attack that is run as its own rival."""
    plan = plan_of(tmp_path, "attack=lira", *SPEAKER, "rivals=language")
    assert type(plan.attack).__name__ == "TextLiRA"
    assert "text_lira" not in plan.rivals and len(plan.rivals) == 10
    assert not any(rival.before_transfer for rival in plan.rivals.values())
    with pytest.raises(InputError, match="probabilities"):
        plan_of(tmp_path, "attack=shadow_classifier", *SPEAKER)


def own_texts(folder: Path, each: int = 3) -> list[str]:
    """A file of texts, so many of each author, and the words that read it."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[3:], 20)) for _ in range(1500)]
    rows = [json.dumps({"text": text, "who": f"a{number // each}"}) for number, text in enumerate(texts)]
    (folder / "own.jsonl").write_text("\n".join([*rows, "{}"]))
    return ["dataset=text", f"dataset.file={folder / 'own.jsonl'}", "dataset.group=who", "dataset.vocabulary=260"]


def test_the_report_says_how_texts_were_read_and_dealt_out(tmp_path: Path) -> None:
    """Catches what only the console said, and an ε of one text taken for that of an author."""
    plan = plan_of(tmp_path, "attack=lira", *own_texts(tmp_path), *SPEAKER[1:])
    told = "\n".join(plan.notes())
    assert "1 of 1,501 records could not be read" in told and "documents of own.jsonl are public" in told
    assert "were cut to 16 tokens" in told
    sizes = np.unique(plan.pools.challenge.groups, return_counts=True)[1]
    assert f"challenge records are of {len(sizes)} groups" in told and f"of {sizes.max()} at most" in told


@pytest.mark.parametrize("each", [3, 25])
def test_sizes_that_are_offered_can_be_dealt(tmp_path: Path, each: int) -> None:
    """Catches an offer that forgets that an author is in one pool only: it was refused, and nothing else offered."""
    records = plan_of(tmp_path, "attack=lira", *own_texts(tmp_path, each), *SPEAKER[1:]).records
    refusals = 0
    for total, seed in itertools.product((len(records), 2 * len(records)), range(20)):  # groups lose some; too few
        part = total // 8
        of_one_size = dict.fromkeys(("members", "non_members", "auxiliary", "disjoint", "population", "public"), part)
        asked = PoolSizes(**of_one_size, test=total - 6 * part)
        try:
            deal(records, asked, seed)
        except InputError as refused:
            words = refused.expected.split(" ask for fewer, e.g. ")[1].split()
            offered = [word.removeprefix("pools.").split("=") for word in words]
            pools = deal(records, PoolSizes(**{name: int(size) for name, size in offered}), seed)
            assert 0.5 * len(records) < 4 * len(pools.challenge) <= len(records)
            refusals += 1
    assert refusals > 30


def test_a_model_of_another_kind_of_records_is_named_first(tmp_path: Path) -> None:
    """Catches a model that was forgotten, told as a task of pictures that nobody chose."""
    with pytest.raises(InputError, match=r"model=mlp: takes .* holds text; .* or model=transformer"):
        plan_of(tmp_path, "attack=tmi", "dataset=wordnet")
    with pytest.raises(InputError, match=r"model=mlp: takes .* holds captions; choose a data set of images or table$"):
        plan_of(tmp_path, "attack=tmi", "dataset=scenes")
    with pytest.raises(InputError, match=r"model=transformer: takes text, but .* holds molecules; .* or model=gin"):
        plan_of(tmp_path, *of_texts(["attack=tmi", "dataset=b3db", "model=transformer"]))


def test_a_column_of_classes_is_asked_for_where_it_belongs(tmp_path: Path) -> None:
    """Catches advice that is refused: `same_classes` has no data set of its own."""
    words = of_texts(["attack=tmi", *own_texts(tmp_path), "model=transformer", "downstream=same_classes"])
    with pytest.raises(InputError, match=r"name a column of classes \(dataset\.label\)$"):
        plan_of(tmp_path, *words)


def test_low_rank_updates_are_of_a_rank_that_their_layers_can_have(tmp_path: Path) -> None:
    """Catches updates of full rank that are called low."""
    words = of_texts(["attack=tmi", "dataset=wordnet", "model=transformer", "objective.tune=lora"])
    with pytest.raises(InputError, match=r"objective\.rank=33: at most 32"):
        plan_of(tmp_path, *words, "objective.rank=33")


def test_a_signal_of_classes_is_advised_to_be_the_loss_of_texts(tmp_path: Path) -> None:
    """Catches advice to train another model, where the attack has an option for this one."""
    with pytest.raises(InputError, match=r"use attack\.signal=loss attack\.per_class=false$"):
        plan_of(tmp_path, "attack=threshold", *SPEAKER)
    plan_of(tmp_path, "attack=threshold", *SPEAKER, "attack.signal=loss", "attack.per_class=false")
    with pytest.raises(InputError, match=r"try objective=classification$"):
        plan_of(tmp_path, "attack=base", *SPEAKER)  # which has no such options


def test_a_secret_in_a_configuration_is_told_by_its_name_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches a folder that is passed on with the key of somebody's account in it, and a key that is logged."""
    secrets = {"hf_token": "hidden-1", "api_keys": ["hidden-2"], "passwd": "hidden-3", "token": "hidden-4"}
    secrets |= {"mirrors": ["https://me:hidden-5@there.org"], "client-secret": "hidden-6"}
    others = {"bos_token": "<s>", "pad_token": "[PAD]", "unk_token": "UNK", "max_tokens": 512, "model_type": "gpt2"}
    (tmp_path / "config.json").write_text(json.dumps({"inside": secrets} | others))
    (tmp_path / "generation_config.json").write_text("no JSON")
    with caplog.at_level("WARNING", "telltale"):
        tell_secrets(tmp_path)
    assert f"({', '.join(secrets)})" in caplog.text and "hidden" not in caplog.text


def test_a_report_on_a_model_that_came_trained_says_what_is_not_asked(tmp_path: Path) -> None:
    """Catches a model that knows all texts by heart from before, whose owner reads of a proof and of no leak."""
    pytest.importorskip("transformers")
    folder = saved(tmp_path / "model")
    words = [*own_texts(tmp_path)[:3], "model=hf", f"model.path={folder}", f"dataset.tokenizer={folder}"]
    notes = plan_of(tmp_path, "attack=lira", *words, *SPEAKER[2:], "dataset.context=12").notes()
    assert notes[0].startswith(f"the models attacked began with the weights in {folder}")


def test_one_attack_under_two_names_is_met_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches a rival that is counted twice in a correction for many, or left out without a word."""
    with caplog.at_level("INFO", "telltale"):
        words = ("attack=tmi", "dataset=wordnet", "model=transformer", "rivals=[transfer,language]", "controls=none")
        plan = plan_of(tmp_path, *of_texts(words))
    assert "ceiling" in plan.rivals and "text_lira" not in plan.rivals and "text_lira_fixed" in plan.rivals
    assert "rival text_lira is ceiling by another name here, and is left out" in caplog.text


def test_behind_a_fine_tuned_classifier_they_are_ceilings(tmp_path: Path) -> None:
    """Catches rivals that ask the classifier for tokens, and one that is counted among its attacks."""
    plan = plan_of(tmp_path, "attack=tmi", "dataset=wordnet", "model=transformer", "rivals=[transfer,language]")
    named = {name for name, rival in plan.rivals.items() if rival.before_transfer}
    assert {"ceiling", "text_rmia", "min_k_plus_plus", "reference"} <= named and "tmi_standardised" not in named
