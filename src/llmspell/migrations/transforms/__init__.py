"""What can one step of a migration do? One class a transform; `table.py` knows them by name."""
