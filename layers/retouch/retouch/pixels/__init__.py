"""Pictures: what they are, whether they are whole, what a mask marks, and how to change them.

Nothing here knows about HTTP or a provider. `inspect` reads headers only and never loads Pillow. All
else decodes, and only PNG, JPEG and WebP files that `inspect` let through:

- masks: `mask` and `shapes` read them, `rim` moves their edge, `mask_out` writes them for providers;
- geometry and colour: `convert`, `frame`, `colour`, `squeeze`;
- what is done with them: `keep` puts the caller's own pixels back, `erase` fills a hole.
"""
