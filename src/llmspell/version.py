"""Which version of llmspell is this?"""

__version__ = "0.1.0"
