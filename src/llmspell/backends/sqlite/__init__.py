"""The embedded engine: SQLite through apsw, on disk or in memory."""
