"""The development server: emulates API Gateway and Lambda on this machine."""
