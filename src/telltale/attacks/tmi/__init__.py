"""TMI: membership in pre-training data, seen through a fine-tuned model (Abascal et al., PoPETs 2024)."""
