"""A causal language model that a user has in a folder, as the package `transformers` saved it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from telltale.data.texts.folder_tokenizer import FILE, MARKS, FolderTokens, in_folder
from telltale.data.texts.records import END
from telltale.errors import InputError
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
from telltale.models.text_backbone import TextBackbone

IMPOSSIBLE = -1e4  # logit of what no text has
ADAPTER = "adapter_config.json"  # of updates to a model that lies elsewhere
CLOSE = 1e-3  # of logits computed in two ways, relative to the largest


class HFLanguageModel(TextBackbone):
    """A causal language model that training goes on from; nothing is fetched, unpickled or run from the folder.

        path        folder with config.json, model.safetensors (or its parts with their index) and tokenizer.json
        pooling     last | mean: a text's feature is the state of its last token, or the mean over its tokens
        vocabulary  number of tokens of the data set, PAD, START and END among them; the experiment fills it in
        tokenizer   digest of the data set's tokenizer, which has to be the folder's; the experiment fills it in
        shape       of one text, (context,)

    START is its token that begins texts, END the one that ends them. Raises InputError for a folder that lacks a file
    or some of the weights, asks for code of its own, holds another kind of model, or came with another tokenizer than
    the texts; and where the extra `hf` is not installed.
    """

    def __init__(
        self,
        path: str | None = None,
        pooling: str = "last",
        vocabulary: int | None = None,
        tokenizer: str | None = None,
        shape: Sequence[int] | None = None,
    ) -> None:
        folder = folder_of(path)
        network = _network(folder, path)
        table = network.get_input_embeddings()
        head = network.get_output_embeddings()
        super().__init__(vocabulary, head.weight is table.weight, pooling, shape)
        codec = _require_texts_for(network, folder, tokenizer, self.vocabulary, self.shape, path)
        _plain(network)
        self.network = network.base_model
        self.output_width, self._own_head = table.weight.shape[1], [] if self.tied else [head]
        self._placed = "position_ids" in inspect.signature(self.network.forward).parameters
        self.marks = (0, 0, 0)  # until it is known to be of a kind that has some
        self._require_causal(network, path)
        self.marks = _marks(network.config, table.num_embeddings, codec, path)

    @property
    def embedding(self) -> nn.Embedding:  # type: ignore[override]
        """Return the table of its tokens."""
        table: nn.Embedding = self.network.get_input_embeddings()
        return table

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """Return the embeddings and all that is asked before the blocks, then these, the last with what comes after."""
        layers = self._layers()
        inside = {id(part) for part in layers.modules()}
        leaves = [(name, part) for name, part in self.network.named_modules() if not list(part.children())]
        outside = [
            (name in self._first or isinstance(part, nn.Embedding), part)
            for name, part in leaves
            if id(part) not in inside
        ]
        before, after = ([part for first, part in outside if first is side] for side in (True, False))
        return [nn.ModuleList(before), *layers[:-1], nn.ModuleList([layers[-1], *after])]

    def _layers(self) -> nn.ModuleList:
        number = self.network.config.num_hidden_layers
        return next(part for part in self.network.modules() if isinstance(part, nn.ModuleList) and len(part) == number)

    def projections(self) -> Mapping[str, Sequence[str]]:
        """Name the linear layers of all blocks."""
        linear = [name for name, part in self.named_modules() if isinstance(part, nn.Linear)]
        attention = [name for name in linear if "attn" in name or "attention" in name]
        return {"attention": attention, "network": [name for name in linear if name not in attention]}

    def states(self, tokens: Tensor) -> Tensor:
        """Compute one state a token: (texts, length) -> (texts, length, output_width)."""
        marks = tokens.new_tensor(self.marks)
        own = torch.where(tokens < MARKS, marks[tokens.clamp_max(MARKS - 1)], tokens - MARKS)
        places = torch.arange(tokens.shape[-1], device=tokens.device).expand_as(tokens)
        more = {"position_ids": places} if self._placed else {}
        states: Tensor = self.network(input_ids=own, use_cache=False, **more).last_hidden_state
        return states

    def own_head(self) -> nn.Module | None:
        """Return the linear layer that the network has for its logits, where these are not by the embeddings."""
        return self._own_head[0] if self._own_head else None

    def arranged(self, logits: Tensor) -> Tensor:
        """Put the logits of its own tokens where texts have them: marks first. PAD and START follow no token."""
        end = self.marks[END]
        never = torch.full_like(logits[..., :1], IMPOSSIBLE)
        others = logits.index_fill(-1, torch.tensor([end], device=logits.device), IMPOSSIBLE)
        return torch.cat([never, never, logits[..., end : end + 1], others], -1)

    def _require_causal(self, network: Any, path: str | None) -> None:
        """Ask the network about two texts that differ in their last token only, and compare its own logits."""
        network.eval()
        tokens = (torch.arange(8).view(2, 4) * 7 + MARKS) % (MARKS + self.embedding.num_embeddings - 1) + 1
        tokens[1, :3] = tokens[0, :3]
        with torch.no_grad():
            states, self._first = self._in_order(tokens)
            own_head = self.own_head()
            logits = states @ self.embedding.weight.mT if own_head is None else own_head(states)
            expected = network(input_ids=tokens.clamp_min(MARKS) - MARKS).logits
        network.train()
        scale = CLOSE * float(expected.abs().max().clamp_min(1))
        if not torch.allclose(states[0, :3], states[1, :3], rtol=0, atol=CLOSE * float(states.abs().max())):
            raise InputError(FIELD, path, "a causal model: states of this one depend on later tokens")
        if not torch.allclose(logits[(tokens >= MARKS)], expected[(tokens >= MARKS)], rtol=0, atol=scale):
            raise InputError(FIELD, path, "a model whose logits are one linear layer of its states; this one's are not")

    def _in_order(self, tokens: Tensor) -> tuple[Tensor, frozenset[str]]:
        """Compute the states, and name the parts that are asked before the first block."""
        asked: list[str] = []
        name = {id(part): name for name, part in self.network.named_modules()}
        first = self._layers()[0]
        hooks = [
            part.register_forward_pre_hook(lambda part, _: asked.append(name[id(part)]))
            for part in self.network.modules()
        ]
        states = self.states(tokens)
        for hook in hooks:
            hook.remove()
        return states, frozenset(asked[: asked.index(name[id(first)])])


def folder_of(path: str | None) -> Path:
    """Return the folder of a language model. Raises InputError for what is none, or would run code of its own."""
    folder = saved_in(path, "a causal language model", (FILE,))
    require_own_files(folder, path)
    if (folder / ADAPTER).is_file():
        raise InputError(FIELD, path, f"a whole model: its {ADAPTER} names one that lies elsewhere, and is not opened")
    if "quantization_config" in read(folder / CONFIG):
        raise InputError(FIELD, path, f"weights that can be trained: its {CONFIG} says that they are quantised")
    return folder


def document_of_folder(options: dict[str, Any]) -> dict[str, Any]:
    """Return what stands for the option `path` in a model's key: what the folder holds, wherever it lies."""
    if options.get("_target_") != f"{__name__}.{HFLanguageModel.__qualname__}":
        return {}
    return {"path": digest_of(folder_of(options.get("path")))}


def _network(folder: Path, path: str | None) -> Any:
    transformers = library(path)
    kinds = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if (kind := read(folder / CONFIG).get("model_type")) not in kinds:
        raise InputError(FIELD, path, f"a causal language model, e.g. gpt2 or llama: its {CONFIG} says {kind}")
    try:
        network, loaded = transformers.AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **OFFLINE
        )
    except Exception as error:
        raise unreadable(error, path) from None
    require_whole(loaded, path)
    if not isinstance(network.get_output_embeddings(), nn.Linear):
        raise InputError(FIELD, path, "a model whose logits are one linear layer of its states; this one's are not")
    if broken := [name for name, weight in network.named_parameters() if not weight.isfinite().all()]:
        raise InputError(FIELD, path, f"{len(broken)} of its weights hold what is no finite number, as {broken[0]}")
    return network.float()


def _require_texts_for(
    network: Any, folder: Path, tokenizer: str | None, vocabulary: int, shape: Sequence[int], path: str | None
) -> FolderTokens:
    """Return the folder's tokenizer. InputError for texts cut by another, or longer than the model knows places."""
    codec = in_folder(folder, FIELD)
    if tokenizer != codec.digest:
        expected = f"the texts are cut by another tokenizer than the model came with: give dataset.tokenizer={path}"
        raise InputError(FIELD, path, expected)
    if vocabulary > (most := MARKS + network.get_input_embeddings().num_embeddings):
        expected = f"its tokenizer has {vocabulary - MARKS} tokens, its network {most - MARKS}"
        raise InputError(FIELD, path, expected)
    longest = first_of(getattr(network.config, "max_position_embeddings", None))
    if longest is not None and shape[0] > longest:
        raise InputError("dataset.context", shape[0], f"at most {longest}, the places that the model in {path} knows")
    return codec


def _marks(config: Any, tokens: int, codec: FolderTokens, path: str | None) -> tuple[int, int, int]:
    """Return its own tokens for PAD, START and END; states of PAD are never looked at."""
    said = config.eos_token_id
    end = first_of(*(said if isinstance(said, list) else [said]))
    start = first_of(config.bos_token_id, end)
    if start is None or end is None:
        raise InputError(FIELD, path, f"its {CONFIG} does not say with which token texts end (eos_token_id)")
    for token in (start, end):
        if not 0 <= token < tokens:
            raise InputError(FIELD, path, f"marks texts by token {token}, its network has {tokens}")
    if codec.is_word(end):  # which would be impossible inside a text
        expected = f"ends texts with token {end} (eos_token_id), which its tokenizer makes of words, too"
        raise InputError(FIELD, path, expected)
    return end, start, end


def _plain(network: nn.Module) -> None:
    """Put linear layers where GPT-2 has the same with weights turned round, which few of our tools know."""
    for part in network.modules():
        for name, layer in list(part.named_children()):
            if type(layer).__name__ == "Conv1D":
                turned: Any = layer
                before, after = turned.weight.shape
                linear = nn.Linear(before, after)
                linear.weight = nn.Parameter(turned.weight.detach().mT.contiguous())
                linear.bias = nn.Parameter(turned.bias.detach().clone())
                setattr(part, name, linear)
