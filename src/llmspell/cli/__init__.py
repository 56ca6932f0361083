"""The command `llmspell`: a door to the store and to scripts for people and shells."""
