"""Molextract: training molecules out of a pre-trained encoder (Huang et al. 2024)."""
