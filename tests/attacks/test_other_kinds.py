"""An attack that does not work on some records names the one that does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

from telltale.errors import InputError
from tests.experiment.commands import ROOT
from tests.experiment.test_next_steps import planned

WORDS = sorted(file.stem for file in (ROOT / "conf/attack").glob("[a-z]*.yaml"))


def class_of(word: str) -> type:
    options = yaml.safe_load((ROOT / f"conf/attack/{word}.yaml").read_text()).get("attack", {})
    return get_object(options["_target_"]) if "_target_" in options else object


@pytest.mark.parametrize("word", [word for word in WORDS if getattr(class_of(word), "other_kinds", {})])
def test_what_an_attack_names_for_other_kinds_works_on_them(word: str, tmp_path: Path) -> None:
    """Catches a word that was renamed, and advice that leads from one refusal to the next."""
    attack = class_of(word)
    for kind, other in attack.other_kinds.items():
        assert kind not in attack.accepts
        assert other in WORDS
        accepts = getattr(class_of(other), "accepts", None)  # None = an option decides
        assert accepts is None or kind in accepts
    planned(f"attack={other}", "scale=smoke", folder=tmp_path)


@pytest.mark.parametrize(
    "words", ["model=dual_encoder", "dataset=scenes", "dataset=scenes model=dual_encoder objective=caption_contrast"]
)
def test_a_dual_encoder_is_led_to_its_own_attack(words: str, tmp_path: Path) -> None:
    """Catches a circle: of a model that takes captions, of an objective that takes molecules, and so on."""
    with pytest.raises(InputError, match=r"(takes|holds) captions") as refused:
        planned("attack=embedding_membership", *words.split(), "scale=smoke", folder=tmp_path)
    assert str(refused.value).endswith("use attack=embedding_membership_captions")
