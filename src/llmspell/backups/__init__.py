"""Backups: archives of a store that are proven to restore, and the way back."""
