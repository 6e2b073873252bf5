"""The parts of the Lambda functions and of one command, connected with the providers and the IO."""
