"""AWS, sockets, the Lambda runtime and telemetry. Only this package does IO."""
