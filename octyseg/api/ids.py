"""The id of a profile in a path: any text, with slashes and line feeds, so that what is none is said to be none."""

from starlette.convertors import Convertor, register_url_convertor


class _Anything(Convertor[str]):
    """Starlette's own `path` ends at a line feed, and the next best route answers."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """It is text."""
        return value

    def to_string(self, value: str) -> str:
        """It is text."""
        return value


register_url_convertor("anything", _Anything())
PROFILE_ID = "{profile_id:anything}"
