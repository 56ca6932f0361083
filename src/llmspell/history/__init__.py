"""History: what the store was at earlier versions and moments."""
