"""What keeps a run correct: sizes, schedule, precision, how Accelerate is started, the run folder."""
