"""A captioner writes what its probabilities say: greedy, by beams, and many pictures at once."""

from __future__ import annotations

import pytest
import torch

from telltale.data.captions.vocabulary import PAD
from telltale.errors import InputError
from telltale.models.caption_writer import LONGEST
from telltale.models.captioner import Captioner
from telltale.models.picture_encoders import ENCODERS
from tests.training.captions import RECORDS, VOCABULARY, batch_of, built, model_of


@pytest.fixture(scope="module")
def captioner(shown: torch.Tensor) -> Captioner:
    """Weights large enough that captions differ between pictures, some with an end and some without."""
    model = built(seed=3).model
    with torch.no_grad():
        for _ in range(60):
            model.train()(shown)  # for running statistics that tell pictures apart
        for one in model.decoder.parameters():
            one.mul_(4)
    return model.eval()


@pytest.fixture(scope="module")
def shown() -> torch.Tensor:
    return batch_of(built()).inputs


def test_one_beam_is_greedy(captioner: Captioner, shown: torch.Tensor) -> None:
    """Catches beams that score or end captions in another way than the greedy loop does."""
    features = captioner(shown)
    told, score = captioner.decoder.greedy(features, LONGEST)
    beam, beam_score = captioner.decoder.beam(features, LONGEST, 1)
    assert torch.equal(told, beam) and torch.allclose(score, beam_score, atol=1e-5)
    assert len({tuple(row) for row in told.tolist()}) > 3


def test_a_wider_beam_is_never_less_probable_and_here_more_so(captioner: Captioner, shown: torch.Tensor) -> None:
    """Catches memories that are not carried along with their captions, and a best one that is not the best."""
    (_, greedy), (_, beam) = captioner.tokens(shown, 1), captioner.tokens(shown, 5)
    assert (beam >= greedy - 1e-5).all() and (beam > greedy + 1e-3).any()


def test_the_probability_of_a_beam_is_that_of_its_caption(captioner: Captioner, shown: torch.Tensor) -> None:
    """Catches scores of one caption that are told with the words of another."""
    told, score = captioner.tokens(shown, 4)
    for picture, words, total in zip(shown, told.tolist(), score.tolist(), strict=True):
        features, expected, length = captioner(picture[None]), 0.0, sum(word != PAD for word in words)
        log_probs, memory = captioner.decoder.first(features)
        for word in [*words[:length], 2][:LONGEST]:  # 2 = <end>
            expected += log_probs[0, word].item()
            log_probs, memory = captioner.decoder.next(torch.tensor([word]), memory)
        assert total == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_of_a_batch_are_those_of_each_picture_alone(
    captioner: Captioner, shown: torch.Tensor, beams: int
) -> None:
    """Catches pictures that see each other, and a loop that ends when the first caption has."""
    together = captioner.captions(shown, beams).tolist()
    assert together == [captioner.captions(one[None], beams).item() for one in shown]


def test_captions_in_one_row_are_as_probable_as_alone(captioner: Captioner, shown: torch.Tensor) -> None:
    """Catches a memory that is not emptied between the captions of a picture."""
    first, second = RECORDS.references[0]
    rows = torch.from_numpy(VOCABULARY.rows([(first, second), (second,)]))
    logits = captioner.word_logits(shown[[0, 0]], rows)
    assert torch.allclose(logits[0, 1, :4], logits[1, 0, :4], atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_every_encoder_gives_features(encoder: str, norm: str, shown: torch.Tensor) -> None:
    """Catches a width that is not what the encoder hands over."""
    model = built(model_of(encoder=encoder, norm=norm)).model
    assert model(shown).shape == (len(shown), model.output_width)


@pytest.mark.parametrize(
    ("option", "value"),
    [("encoder", "transformer"), ("channels", []), ("channels", [4] * 4), ("vocabulary", " "), ("hidden", 0)],
)
def test_an_option_out_of_range_names_its_field(option: str, value: object) -> None:
    """Catches a mistake that ends in a traceback."""
    with pytest.raises(InputError, match=rf"^model\.{option}="):
        Captioner(**{name: one for name, one in model_of(**{option: value}).items() if name != "_target_"})
