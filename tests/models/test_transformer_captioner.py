"""A captioner with a transformer writes what its probabilities say, from a cache as without one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from telltale.data.captions.vocabulary import END, PAD, START
from telltale.errors import InputError
from telltale.models.caption_writer import LONGEST
from telltale.models.transformer_captioner import TransformerCaptioner
from telltale.models.word_decoder import without_marks
from tests.training.captions import RECORDS, VOCABULARY, batch_of, built
from tests.training.transformers_of_captions import transformer_of


@pytest.fixture(scope="module")
def shown() -> torch.Tensor:
    return batch_of(built()).inputs


@pytest.fixture(scope="module")
def captioner(shown: torch.Tensor) -> TransformerCaptioner:
    """Weights large enough that captions differ between pictures, some with an end and some without."""
    model = built(transformer_of(), seed=1).model
    with torch.no_grad():
        for _ in range(60):
            model.train()(shown)  # for running statistics that tell pictures apart
        for one in model.decoder.blocks.parameters():
            one.mul_(3)
        model.decoder.output.weight.mul_(2)
        model.decoder.output.bias[END] += 1
    return model.eval()  # type: ignore[return-value]


def without_cache(captioner: TransformerCaptioner, shown: torch.Tensor) -> torch.Tensor:
    """Write greedily by running the whole caption through the decoder for each word."""
    rows = torch.full((len(shown), 1), START)
    for _ in range(LONGEST):
        scores = without_marks(captioner.word_logits(shown, rows[:, None])[:, 0, -1].log_softmax(-1))
        word = scores.argmax(-1)
        ended = (rows[:, -1] == END) | (rows[:, -1] == PAD)
        rows = torch.cat([rows, torch.where(ended, PAD, word)[:, None]], 1)
    return rows[:, 1:].masked_fill(rows[:, 1:] == END, PAD)


def test_the_cache_changes_no_caption(captioner: TransformerCaptioner, shown: torch.Tensor) -> None:
    """Catches keys at the wrong place, a position that is one too far, and a picture's prefix seen otherwise."""
    told, _ = captioner.tokens(shown)
    assert torch.equal(told, without_cache(captioner, shown))
    lengths = (told != PAD).sum(1)
    assert len({tuple(row) for row in told.tolist()}) > 3 and lengths.min() < lengths.max()


@pytest.mark.parametrize("beams", [1, 4])
def test_the_probability_of_a_caption_is_that_of_its_words(
    captioner: TransformerCaptioner, shown: torch.Tensor, beams: int
) -> None:
    """Catches kept keys that are not carried along with their beam, and scores told with another's words."""
    told, score = captioner.tokens(shown, beams)
    starts = torch.full((len(told), 1), START)
    ended = torch.cat([starts, told, torch.full_like(starts, PAD)], 1)
    lengths = (told != PAD).sum(1)
    ended[torch.arange(len(told)), lengths + 1] = END
    logs = captioner.word_logits(shown, ended[:, None])[:, 0, :-1].log_softmax(-1).gather(2, ended[:, 1:, None])[..., 0]
    spoken = (torch.arange(LONGEST + 1) <= lengths[:, None]) & (torch.arange(LONGEST + 1) < LONGEST)
    assert torch.allclose((logs * spoken).sum(1), score, atol=1e-4)


def test_one_beam_is_greedy_and_more_are_never_less_probable(
    captioner: TransformerCaptioner, shown: torch.Tensor
) -> None:
    """Catches beams that score or end captions in another way than the greedy loop does."""
    features = captioner(shown)
    told, score = captioner.decoder.greedy(features, LONGEST)
    one, _ = captioner.decoder.beam(features, LONGEST, 1)
    _, wide = captioner.decoder.beam(features, LONGEST, 5)
    assert torch.equal(told, one) and (wide >= score - 1e-5).all() and (wide > score + 1e-3).any()


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_of_a_batch_are_those_of_each_picture_alone(
    captioner: TransformerCaptioner, shown: torch.Tensor, beams: int
) -> None:
    """Catches pictures that see each other."""
    together = captioner.captions(shown, beams).tolist()
    assert together == [captioner.captions(one[None], beams).item() for one in shown]


def test_captions_in_one_row_are_as_probable_as_alone(captioner: TransformerCaptioner, shown: torch.Tensor) -> None:
    """Catches words that see another caption of their picture."""
    first, second = RECORDS.references[0]
    rows = torch.from_numpy(VOCABULARY.rows([(first, second), (second,)]))
    logits = captioner.word_logits(shown[[0, 0]], rows)
    assert torch.allclose(logits[0, 1, :4], logits[1, 0, :4], atol=1e-5)


def test_no_word_sees_what_follows_it(captioner: TransformerCaptioner, shown: torch.Tensor) -> None:
    """Catches a mask that lets a word read its own answer: the loss would be near nothing, and captions empty."""
    rows = torch.from_numpy(VOCABULARY.rows([RECORDS.references[0][:1]]))
    other = rows.clone()
    other[0, 0, 3] = 4 + (int(rows[0, 0, 3]) - 3) % (len(VOCABULARY) - 4)
    one, two = (captioner.word_logits(shown[:1], given) for given in (rows, other))
    assert torch.equal(one[:, :, :3], two[:, :, :3]) and not torch.allclose(one[:, :, 3], two[:, :, 3])


def test_a_transformer_that_overfits_repeats_its_captions() -> None:
    """Catches a decoder that is trained on other inputs than those it writes from."""
    few = RECORDS.take(torch.arange(8).numpy())
    one_each = replace(few, references=tuple(own[:1] for own in few.references))
    model = transformer_of(channels=[8, 16], width=16, hidden=32)
    trained = built(model, batch_size=8, learning_rate=0.01)
    batch, optimizer = batch_of(trained, one_each), trained.optimizer_over(trained.parameters())
    for _ in range(100):
        optimizer.zero_grad()
        trained(batch).backward()
        optimizer.step()
    told = trained.eval().model.captions(batch.inputs).tolist()
    assert told == [own[0] for own in one_each.references]


@pytest.mark.parametrize(
    ("option", "value"),
    [("width", 9), ("heads", 3), ("layers", 0), ("prefix", 0), ("hidden", 0), ("vocabulary", " "), ("width", 0)],
)
def test_an_option_out_of_range_names_its_field(option: str, value: object) -> None:
    """Catches a mistake that ends in a traceback; a width that heads cannot share is said of the width."""
    named = "width" if option == "heads" else option
    with pytest.raises(InputError, match=rf"^model\.{named}="):
        TransformerCaptioner(
            **{name: one for name, one in transformer_of(**{option: value}).items() if name != "_target_"}
        )
