"""The configuration: what can be said in the file, and reading it."""

from llmspell.config.loading import load_settings
from llmspell.config.settings import ScriptSettings, Settings, StateSettings

__all__ = ["ScriptSettings", "Settings", "StateSettings", "load_settings"]
