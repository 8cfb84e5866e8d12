"""Tiny language models in folders, made and saved by the package transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXT = "a quick brown fox jumps over the lazy dog and sleeps all day long"
WORDS = ["<s>", "</s>", "<unk>", *TEXT.split()]
SIZES = {"vocab_size": len(WORDS), "bos_token_id": 0, "eos_token_id": 1}


def network_of(kind: str) -> Any:
    import torch
    from transformers import (
        BertConfig,
        BertLMHeadModel,
        BloomConfig,
        BloomForCausalLM,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        OPTConfig,
        OPTForCausalLM,
    )

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "gpt2":
        dropout = {"attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
        made: Any = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=12, **SIZES, **dropout))
    elif kind == "llama":  # its head has weights of its own
        made = LlamaForCausalLM(LlamaConfig(max_position_embeddings=12, **sizes, **SIZES))
    elif kind == "bloom":
        made = BloomForCausalLM(BloomConfig(hidden_size=16, n_layer=2, n_head=2, **SIZES))
    elif kind == "opt":  # its embeddings are narrower than its states
        shape = {"hidden_size": 16, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        narrow = {"word_embed_proj_dim": 8, "do_layer_norm_before": False, "max_position_embeddings": 12}
        made = OPTForCausalLM(OPTConfig(**shape, **narrow, pad_token_id=1, dropout=0.0, **SIZES))
    else:
        made = BertLMHeadModel(BertConfig(max_position_embeddings=12, **sizes, **SIZES))
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim > 1:
                weight.mul_(4)  # so that answers differ between texts
    return made


def saved(folder: Path, kind: str = "gpt2", words: list[str] = WORDS) -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    numbers = {word: place for place, word in enumerate(words)}
    cut: Any = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=cut, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    network_of(kind).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
