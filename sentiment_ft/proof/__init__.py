"""`verify`: that the same recipe gives the same training in one process, in several, and under ZeRO."""
