"""Molecules grown over several steps: what is joined, what a step is worth, and how the best are searched for."""
