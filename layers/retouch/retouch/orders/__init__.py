"""Orders: one wish for one edit, which is bought at most once. Repetitions find the same order and the same answer."""
