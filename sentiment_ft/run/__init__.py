"""What keeps a run correct: schedule, precision, state, the run folder."""
