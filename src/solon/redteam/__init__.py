"""The red team: goals × attacks × budget → attempts → findings."""
