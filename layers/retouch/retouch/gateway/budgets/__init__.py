"""The budgets of an edit: held before its provider is called, and settled at its end."""
