"""Every error a caller of the library can catch. Messages say what was wrong, what was given and what to do."""


class EnhancerError(Exception):
    """Base of all errors this library raises for a mistake or a missing thing outside it.

    Attributes:
        message: The sentence, in English. It is an `enhancer.messages.Message` where a visitor of a page may read it.
    """

    def __init__(self, message: str) -> None:
        """Take the sentence."""
        super().__init__(message)
        self.message = message


class FileError(EnhancerError):
    """A file or folder cannot be read or written."""


class ImageError(EnhancerError):
    """A picture cannot be read, or its size or content is not one we can work on."""


class SplatError(EnhancerError):
    """A file is no cloud of Gaussians that can be rendered here, or a camera cannot see one."""


class VideoError(EnhancerError):
    """A clip cannot be read or written, or what was given beside it does not fit it."""


class LabelError(EnhancerError):
    """A label map or a parser's label names do not fit the region table."""


class SettingsError(EnhancerError):
    """A preset, strength, seed or other setting is not one that exists or lies outside its range."""


class CheckpointError(EnhancerError):
    """A checkpoint folder is incomplete, foreign or does not fit the model it describes."""


class UnavailableError(EnhancerError):
    """Weights are missing: they are not on disk, and the network does not give them."""


class HubError(UnavailableError):
    """The Hub was asked and said no, or does not answer; the message tells which, and what to do."""
