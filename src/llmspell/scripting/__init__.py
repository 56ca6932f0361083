"""The languages that scripts are written in, and what a script may do."""
