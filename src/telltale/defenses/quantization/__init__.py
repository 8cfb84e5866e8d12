"""Weights stored in a few bits: quantizers, the network they are applied to, and the defences made of them."""
