"""Which suffixes are those of clips."""

# Read by FFmpeg, and no picture by another reader. GIF is one too, and a picture.
CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".apng")
# What is written: suffix -> FFmpeg's name of the container.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
