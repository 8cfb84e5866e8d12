"""The checkout's door, `python -m src.run`; without this file a foreign `src` in site-packages would win."""
