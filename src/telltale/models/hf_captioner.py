"""A captioner that a user has in a folder, as the package `transformers` saved it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from telltale.data.captions.vocabulary import END, MARKS, START
from telltale.errors import InputError
from telltale.models.caption_writer import CaptionWriter
from telltale.models.hf_folder import (
    CONFIG,
    FIELD,
    OFFLINE,
    digest_of,
    first_of,
    library,
    read,
    require_own_files,
    require_whole,
    saved_in,
    unreadable,
)
from telltale.models.token_vocabulary import TokenVocabulary
from telltale.models.word_decoder import Memory, WordDecoder

KIND, PICTURES = "vision-encoder-decoder", "preprocessor_config.json"
TOKENS = ("tokenizer.json", "vocab.json", "vocab.txt")
IMPOSSIBLE = -1e4  # logit of what no caption has


class HFCaptioner(CaptionWriter):
    """A `VisionEncoderDecoderModel` that training goes on from; nothing is fetched, unpickled or run from the folder.

    path: folder with config.json, model.safetensors (or its parts with their index), the tokenizer's files and
    preprocessor_config.json. Raises InputError for a folder that lacks one or some of the weights, asks for code of its
    own, holds another kind of model or tokens that it does not know, and where the extra `hf` is not installed.
    """

    accepts = frozenset({"captions"})
    stacks = False

    def __init__(self, path: str | None = None) -> None:
        super().__init__()
        folder = folder_of(path)
        transformers = library(path)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **OFFLINE)
            network, loaded = transformers.VisionEncoderDecoderModel.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **OFFLINE
            )
        except Exception as error:
            raise unreadable(error, path) from None
        require_whole(loaded, path)
        if (tokens := len(tokenizer)) > network.config.decoder.vocab_size:
            expected = f"its tokenizer has {tokens} tokens, its decoder {network.config.decoder.vocab_size}"
            raise InputError(FIELD, path, expected)
        self.decoder = TokenDecoder(network, tokenizer, path)
        self.vocabulary = TokenVocabulary("", tokenizer, network.config.decoder.vocab_size)
        self.look = look_of(folder, network.config.encoder, path)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode pictures (records, 1 or 3, height, width), values from 0 to 1: (records, positions, width)."""
        network: Any = self.decoder.network
        states: Tensor = network.encoder(pixel_values=self.prepared(pictures)).last_hidden_state
        return states

    def prepared(self, pictures: Tensor) -> Tensor:
        """Resize pictures and take mean and deviation off: (records, 3, side, side)."""
        side, mean, deviation = self.look
        shown = interpolate(pictures, size=side, mode="bilinear", antialias=True, align_corners=False)
        if shown.shape[1] == 1:
            shown = shown.expand(-1, 3, -1, -1)
        scale = shown.new_tensor([mean, deviation])[..., None, None]
        return (shown - scale[0]) / scale[1]


class TokenDecoder(WordDecoder):
    """The network's decoder on numbers of ours: marks first, then its tokens in their order."""

    def __init__(self, network: Any, tokenizer: Any, path: str | None) -> None:
        super().__init__()
        self.network, self.output = network, nn.Identity()
        config = network.config
        start = config.decoder_start_token_id
        end = first_of(config.eos_token_id, config.decoder.eos_token_id, tokenizer.eos_token_id, tokenizer.sep_token_id)
        start = first_of(start, config.decoder.bos_token_id, tokenizer.bos_token_id, tokenizer.cls_token_id)
        if start is None or end is None:
            raise InputError(FIELD, path, "its config.json does not say with which token captions begin and end")
        pad = first_of(config.pad_token_id)
        for token in (start, end, end if pad is None else pad):
            if not 0 <= token < config.decoder.vocab_size:
                expected = f"marks captions by token {token}, its decoder has {config.decoder.vocab_size}"
                raise InputError(FIELD, path, expected)
        self.of_marks: tuple[int, ...] = (end if pad is None else pad, start, end, end if pad is None else pad)

    def states(self, features: Tensor, words: Tensor) -> Tensor:
        """Ask the network for logits at once, as `WordDecoder.states`; each caption by itself."""
        captions = words.shape[1]
        return self._logits(features.repeat_interleave(captions, 0), words.flatten(0, 1)).unflatten(0, (-1, captions))

    def first(self, features: Tensor) -> tuple[Tensor, Memory]:
        """Start a caption of each picture: log-probabilities (captions, words) of its first word."""
        begin = torch.full((len(features), 0), START, dtype=torch.int64, device=features.device)
        return self.next(begin.new_full((len(features),), START), (features, begin))

    def next(self, words: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Go on after a word a caption: log-probabilities (captions, words) of the next.

        memory: what the encoder makes of pictures, and the words so far, which are read again.
        """
        features, before = memory
        sofar = torch.cat([before, words[:, None]], 1)
        return self._logits(features, sofar)[:, -1].log_softmax(-1), (features, sofar)

    def _logits(self, features: Tensor, captions: Tensor) -> Tensor:
        """Ask the network: (captions, length, marks and tokens)."""
        marks = captions.new_tensor(self.of_marks)
        tokens = torch.where(captions < len(MARKS), marks[captions.clamp_max(len(MARKS) - 1)], captions - len(MARKS))
        told = self.network(
            encoder_outputs=(features,),
            decoder_input_ids=tokens,
            decoder_attention_mask=torch.ones_like(tokens),
            use_cache=False,
        ).logits
        end: int = self.of_marks[END]
        never = torch.full_like(told[..., :1], IMPOSSIBLE)
        others = told.index_fill(-1, captions.new_tensor([end]), IMPOSSIBLE)
        return torch.cat([never, never, told[..., end : end + 1], never, others], -1)


def folder_of(path: str | None) -> Path:
    """Return the folder of a captioner. Raises InputError for what is none, or would run code of its own."""
    folder = saved_in(path, "a captioner", TOKENS, (PICTURES,))
    kind = read(folder / CONFIG).get("model_type")
    if kind != KIND:
        raise InputError(FIELD, path, f"a model_type of {KIND}, its {CONFIG} says {kind}")
    require_own_files(folder, path)
    return folder


def look_of(folder: Path, encoder: Any, path: str | None) -> tuple[tuple[int, int], list[float], list[float]]:
    """Read how pictures are made ready: size, and the mean and deviation of each channel, of values from 0 to 1.

    Where values are not to be divided by 255, but by another number or not at all, mean and deviation are by as much.
    """
    said = read(folder / PICTURES)
    size = (said.get("crop_size") if said.get("do_center_crop") else None) or said.get("size") or encoder.image_size
    if isinstance(size, dict):
        size = [size.get(side, size.get("shortest_edge")) for side in ("height", "width")]
    sides = [size, size] if isinstance(size, int) else size
    if not (
        isinstance(sides, list | tuple) and len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)
    ):
        raise InputError(FIELD, path, f"its {PICTURES} says no height and width of pictures: size is {size}")
    height, width = sides
    wanted = getattr(encoder, "image_size", None)
    if isinstance(wanted, int) and (height, width) != (wanted, wanted):
        expected = f"its {PICTURES} makes pictures of {height} x {width}, its encoder takes {wanted} x {wanted}"
        raise InputError(FIELD, path, expected)
    normed = said.get("do_normalize", True)
    mean, deviation = (said.get(f"image_{name}") if normed else None for name in ("mean", "std"))
    mean, deviation = [0.0] * 3 if mean is None else mean, [1.0] * 3 if deviation is None else deviation
    factor = said.get("rescale_factor", 1 / 255) if said.get("do_rescale", True) else 1
    if not (are_numbers(mean, 3) and are_numbers(deviation, 3) and are_numbers([factor], 1)) or 0 in (
        *deviation,
        factor,
    ):
        expected = (
            f"its {PICTURES} says no mean and deviation of three channels: {mean} and {deviation}, times {factor}"
        )
        raise InputError(FIELD, path, expected)
    scale = 255 * factor
    return (height, width), [value / scale for value in mean], [value / scale for value in deviation]


def are_numbers(values: Any, count: int) -> bool:
    """Say whether so many finite numbers are listed."""
    numbers = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
    return numbers and len(values) == count and all(map(math.isfinite, values))


def document_of_folder(options: dict[str, Any]) -> dict[str, Any]:
    """Return what stands for the option `path` in a model's key: what the folder holds, wherever it lies."""
    if options.get("_target_") != f"{__name__}.{HFCaptioner.__qualname__}":
        return {}
    return {"path": digest_of(folder_of(options.get("path")))}
