"""The style of a letter, written into its HTML once for each shape that letters have, not once for each letter.

Mail programs heed a ``style`` on each element more than a style sheet. Which one an element gets does not depend on
what is said in it: so a page is styled with its words and links taken out, and they are put in again.
"""

import re
from functools import cache, lru_cache
from html import unescape

from css_inline import CSSInliner

_SAID = re.compile(  # a text between two tags, or where a link leads; what a style sheet says is no text
    r'(?P<sheet><style>.*?</style>)|(?<=>)(?P<text>\s*[^<\s][^<]*)|(?<= href=")(?P<link>[^"]*)', re.DOTALL
)
_GAP = "~gap~"


def styled(page: str) -> str:
    """The page with its style sheet applied to each element, and kept for what an element cannot say."""
    said: list[str] = []

    def take_out(found: re.Match[str]) -> str:
        if found["sheet"]:
            return found["sheet"]
        said.append(_as_text(found["text"]) if found["text"] else _as_link(found["link"]))
        return _GAP

    first, *others = _styled_shape(_SAID.sub(take_out, page))
    return first + "".join(text + piece for text, piece in zip(said, others, strict=True))


@lru_cache(maxsize=256)
def _styled_shape(shape: str) -> tuple[str, ...]:
    """What stands around the gaps; a shape holds nobody's words."""
    return tuple(_inliner().inline(shape).split(_GAP))


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


def _as_text(html: str) -> str:
    """As HTML5 wants a text to be written, which is how the inliner writes it."""
    return _as_anything(html).replace("<", "&lt;").replace(">", "&gt;")


def _as_link(html: str) -> str:
    return _as_anything(html).replace('"', "&quot;")


def _as_anything(html: str) -> str:
    return unescape(html).replace("&", "&amp;").replace("\u00a0", "&nbsp;")
