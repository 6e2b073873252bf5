"""The plan of an edit. Only this package decides what is applied, mapped or refused."""
