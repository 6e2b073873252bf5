"""The mirror: pictures behind URLs, copied into the bucket once each. Pure; the world is handed in."""
