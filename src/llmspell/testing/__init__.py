"""What others can test their own parts with: the suite that every backend passes. Needs pytest."""
