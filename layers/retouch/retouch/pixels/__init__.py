"""Pictures: what they are, whether they are whole, what a mask marks, and how to change them.

Nothing here knows about HTTP or a provider. `inspect` reads headers only and never loads Pillow;
`mask`, `convert` and `erase` decode, and only PNG, JPEG and WebP files that `inspect` let through.
"""
