"""The local gateway: API Gateway and Lambda on this machine, faithful where it matters."""
