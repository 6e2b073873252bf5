"""Local replacements of AWS services: files and SQLite databases that the worker processes of one machine share."""
