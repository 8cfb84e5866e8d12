"""Does this released model give away its training data, and what would stop it?"""

__version__ = "0.3.0"
