"""The engines behind the gate."""
