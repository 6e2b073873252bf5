import pytest

from retouch.core.image_formats import detect_format
from retouch.imaging.formats.detect import guess_file_type
from tests.retouch.imaging.samples import ALL_SAMPLE_KINDS, sample_bytes


@pytest.mark.parametrize("kind", ALL_SAMPLE_KINDS)
def test_accepted_format_is_detected_by_first_bytes(kind):
    assert detect_format(sample_bytes(kind)) == kind.partition("-")[0]


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG", b"\x89PNG\n\x1a\n\0", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"WEBPRIFF"]
)
def test_other_bytes_are_not_detected(data):
    assert detect_format(data) is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty"),
        (b"GIF88a", "GIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "Canon CR3"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "MP4 or QuickTime video"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (b"MM\0+\0\x08\0\0", "BigTIFF"),
        (b"BM\x36\0\0\0", "BMP"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\2\0\1\0", "CUR"),
        (b"\0\0\2\0\0\0\0\0", "TGA"),
        (b"P6\n4 4\n255\n\0", "PNM"),
        (b"qoif\0\0\0\4", "QOI"),
        (b"8BPS\0\1", "PSD"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"\n  <!DOCTYPE html><p>", "HTML"),
        (b"<html>", "HTML"),
        (b"<?xml version='1.0'?><Error/>", "XML"),
        (b'{"error": 1}', "JSON text"),
        (b"iVBORw0KGgoAAAANSUhEUg", "base64 text"),
        (b"data:image/png;base64,iVBORw0", "data URL text"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "RIFF (WAV or AVI)"),
        (b"\0\1\2\3", "unknown"),
        (b"hello", "unknown"),
    ],
)
def test_other_file_type_is_named(data, name):
    assert guess_file_type(data) == name
