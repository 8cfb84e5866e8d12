"""ChemNet's activations by the weights of the package `fcd_torch`: what its own network says, in less time.

Of the 350 places of a padded SMILES some 40 hold a symbol. Both convolutions have no bias, so that padding stays zero;
the first LSTM reads from the far end, so that all molecules share its states over padding; and the second one's input
over padding is shared with them. What remains are products, on a core a batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

LENGTH = 350  # symbols of a padded SMILES; longer ones are cut
BATCH = 512
SYMBOLS = tuple("C N O H F Cl P B Br S I Si # ( ) + - 1 2 3 4 5 6 7 8 = [ ] @ c n o s X .".split())  # noqa: SIM905 (as read)
UNKNOWN, END = SYMBOLS.index("X"), SYMBOLS.index(".")
SECOND_LETTERS = "ril"  # after which letter does not matter: what has no place among the symbols is unknown


def activations_of(smiles: Sequence[str]) -> np.ndarray:
    """Return ChemNet's activations: (molecules, 512) float32. ValueError for a SMILES that RDKit cannot read."""
    from telltale.threads import one_thread_each  # torch

    network, symbols = _network(), [symbols_of(_canonical(text)) for text in smiles]
    batches = [symbols[start : start + BATCH] for start in range(0, len(symbols), BATCH)]
    with one_thread_each() as pool:  # a batch on each core
        parts = list(pool.map(network.activations, batches))
    return np.concatenate([np.zeros((0, 512), np.float32), *parts])


def symbols_of(smiles: str) -> list[int]:
    """Return the place of each symbol among SYMBOLS, with the end; at most LENGTH.

    >>> [SYMBOLS[place] for place in symbols_of("Clc1[nH]c1")]
    ['Cl', 'c', '1', '[', 'n', 'H', ']', 'c', '1', '.']
    """
    text, places, at = f"{smiles}.", [], 0
    while True:
        width = 2 if text[at + 1] in SECOND_LETTERS else 1
        places.append(_PLACES.get(text[at : at + width], UNKNOWN))
        at += width
        if text[at] == "." or len(places) == LENGTH - 1:
            return [*places, END]


_PLACES = {symbol: place for place, symbol in enumerate(SYMBOLS)}


def _canonical(smiles: str) -> str:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot read the SMILES {smiles!r}")
    written: str = Chem.MolToSmiles(molecule)
    return written


class _Lstm(NamedTuple):
    """Weights of an LSTM with the gates one below the other: (4 width, inputs), (4 width, width), (4 width, 1)."""

    of_input: Any
    of_state: Any
    bias: Any

    @classmethod
    def of(cls, layer: Any) -> _Lstm:
        return cls(layer.weight_ih_l0, layer.weight_hh_l0, (layer.bias_ih_l0 + layer.bias_hh_l0)[:, None])

    def start(self, number: int) -> tuple[Any, Any]:
        """Return the first state and memory of so many molecules: (width, number) each."""
        width = self.of_state.shape[1]
        return self.bias.new_zeros(width, number), self.bias.new_zeros(width, number)

    def step(self, given: Any, state: Any, memory: Any, gates: Any) -> None:
        """Take a step in place; given: what the input adds to the gates, (4 width, molecules or 1)."""
        import torch

        torch.mm(self.of_state, state, out=gates).add_(given)
        let, keep, new, show = gates.chunk(4)
        memory.mul_(keep.sigmoid_()).addcmul_(let.sigmoid_(), new.tanh_())
        torch.tanh(memory, out=state).mul_(show.sigmoid_())


class ChemNet:
    """The network: two convolutions and two LSTMs, of which the second's last state is what is asked for."""

    def __init__(self, layers: Any) -> None:
        convolutions, lstms = layers[:6], [layer for layer in layers if type(layer).__name__ == "LSTM"]
        self.convolutions, self.first, self.second = convolutions, *map(_Lstm.of, lstms)
        self.places = 88  # of a padded SMILES behind the convolutions

    def activations(self, symbols: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the activations of a batch: (molecules, 512)."""
        import torch

        with torch.no_grad():
            inputs = self._convolved(symbols)  # (places, channels, molecules)
            states, far = self._first_states(inputs)
            state, memory = self.second.start(len(symbols))
            gates = state.new_empty(4 * len(state), len(symbols))
            of_input, bias = self.second.of_input, self.second.bias
            given = bias.new_empty(len(bias), len(symbols))
            for own in states:
                self.second.step(torch.addmm(bias, of_input, own, out=given), state, memory, gates)
            for shared in torch.addmm(bias, of_input, far.T).T:
                self.second.step(shared[:, None], state, memory, gates)
            values: np.ndarray = state.T.contiguous().numpy()
            return values

    def _convolved(self, symbols: Sequence[Sequence[int]]) -> Any:
        """Convolve what holds a symbol; the rest is zero. The length has the parity of LENGTH at both convolutions."""
        import torch

        longest = max(len(places) for places in symbols) + 1
        length = min(LENGTH, longest + (LENGTH - longest) % 4)
        one_hot = torch.zeros(len(symbols), len(SYMBOLS), length)
        for row, places in enumerate(symbols):
            one_hot[row, places, range(len(places))] = np.float32(1 / len(SYMBOLS)).item()
        return self.convolutions(one_hot).permute(2, 1, 0).contiguous()

    def _first_states(self, inputs: Any) -> tuple[Any, Any]:
        """Return the first LSTM's states at the near places, (places, width, molecules), and at the far, (rest, width).

        It reads from the far end, where nothing but padding is.
        """
        import torch

        near, _, number = inputs.shape
        far, bias = [], self.first.bias
        state, memory = self.first.start(1)
        gates = state.new_empty(4 * len(state), 1)
        for _ in range(self.places - near):
            self.first.step(bias, state, memory, gates)
            far.append(state[:, 0].clone())
        state, memory = (values.repeat(1, number) for values in (state, memory))
        gates = state.new_empty(4 * len(state), number)
        states = state.new_empty(near, len(state), number)
        for place in reversed(range(near)):
            self.first.step(torch.addmm(bias, self.first.of_input, inputs[place]), state, memory, gates)
            states[place] = state
        return states, torch.stack(far[::-1]) if far else state.new_zeros(0, len(state))


@cache
def _network() -> ChemNet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls retired names
        from fcd_torch import FCD

        return ChemNet(FCD(device="cpu", n_jobs=1).model)
