"""Encoders that others released as targets: what extraction ranks first, and who is in a fine-tuning set."""
