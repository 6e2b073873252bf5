"""Edits of objects in a bucket: a photo below inbox/<recipe>/ becomes an image below outbox/<recipe>/."""
