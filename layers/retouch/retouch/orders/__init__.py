"""Orders: an edit that is paid for at most once. Repetitions of a request find its order and get the same answer."""
