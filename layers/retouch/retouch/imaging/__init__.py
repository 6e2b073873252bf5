"""Images and masks: reading, checking, editing and writing them."""
