"""Networks of others whose weights are public, rebuilt so that their state dicts fit: `target.architecture`."""
