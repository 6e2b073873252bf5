"""The order of an edit request: how it begins and ends, also for jobs and batches."""
