"""A synthetic city that lives on a moving clock, and a checker that shares no code with the engine it checks."""
