"""Searches that learn: the paper's policy network by soft actor-critic, and by plain policy gradient."""
