"""Malicious training code that hides training records in the weights (Song, Ristenpart & Shmatikov, CCS 2017)."""
