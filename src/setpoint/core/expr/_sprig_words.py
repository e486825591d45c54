"""sprig's functions that change the case of words, wrap lines, and take URLs apart.

Source: sprig 3.3 with huandu/xstrings 1.5 (case), Masterminds/goutils (lines) and Go's net/url.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._expr_values import checked_text
from setpoint.core.expr._function import Function, typed

_CONNECTORS = re.compile(r"([-_\s]+)")
_TOKENS = re.compile(r"c+|p+|u+(?=ul)|ul+|u+|l+|n+|o+")
_BREAKS = ("", "c", "p")
_CJK = re.compile("[\u4e00-\u9fcc\u3400-\u4d85\U00020000-\U0002b81d]")


def _class(char: str) -> str:
    """One letter for the kind of a character: connector, punctuation, upper case, other letter, number, other."""
    if char in "-_" or char.isspace():
        return "c"
    category = unicodedata.category(char)
    if category.startswith("P"):
        return "p"
    if category == "Lu":
        return "u"
    if category.startswith("L") and not _CJK.match(char):
        return "l"
    return "n" if category.startswith("N") else "o"


def _words(text: str) -> list[tuple[str, str]]:
    """(kind, word) of a text: `HTTPServer 2` is HTTP, Server, the blank, 2."""
    classes = "".join(map(_class, text))
    return [(found[0][0], text[found.start() : found.end()]) for found in _TOKENS.finditer(classes)]


def _joined_words(text: str, connector: str) -> str:
    """Words in lower case with the connector between; a number belongs to the letters behind it, else to those before.

    `HTTP2xx` is `http_2xx`, `Bld4Floor` is `bld4_floor`.
    """
    words = _words(text)
    kinds = [kind for kind, _ in words] + ["", ""]
    parts: list[str] = []
    at = 0
    while at < len(words):
        kind, word = words[at]
        at += 1
        if kind == "c":
            parts.append(connector * len(word))
            continue
        parts.append(word.lower() if kind == "u" else word)
        if kind == "p":
            continue
        if kind != "n" and kinds[at] == "n" and kinds[at + 1] != "l":
            parts.append(words[at][1])
            at += 1
            if at < len(words) and kinds[at] not in _BREAKS:
                parts.append(connector)
            continue
        if kind == "n" or kinds[at] == "n":
            if kind != "n":
                parts.append(connector)
            while kinds[at] in ("l", "n"):
                parts.append(words[at][1])
                at += 1
        if kinds[at] not in _BREAKS:
            parts.append(connector)
    return "".join(parts)


def _camel(text: str) -> str:
    """`some_words` is `SomeWords`; connectors at the ends stay, of several between words all but one."""
    parts = _CONNECTORS.split(text)
    for index, part in enumerate(parts):
        if index % 2 and 1 < index + 1 < len(parts) and parts[index - 1] and parts[index + 1]:
            parts[index] = part[:-1]
        elif index % 2 == 0 and part:
            run = _leading_capitals(part)
            parts[index] = _upper(part[0]) + part[1:run].lower() + part[max(run, 1) :]
    return "".join(parts)


def _leading_capitals(word: str) -> int:
    count = 0
    while count < len(word) and word[count].isupper():
        count += 1
    return count


def _upper(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 else char


def _wrap(width: int, text: str, newline: str, *, long_words: bool) -> str:
    """Lines of at most `width` bytes, broken at blanks; longer words are broken or left as they are."""
    data, mark = text.encode("utf-8", "replace"), newline.encode("utf-8", "replace") or b"\n"
    width = max(width, 1)
    parts: list[bytes] = []
    at = 0
    while len(data) - at > width:
        if data[at : at + 1] == b" ":
            at += 1
            continue
        space = data.rfind(b" ", at, at + width + 1)
        if space < at and not long_words:
            space = data.find(b" ", at + width)
            if space < 0:
                break
        end = space if space >= at else at + width
        parts += (data[at:end], mark)
        at = end + (1 if space >= at else 0)
    return checked_text((b"".join(parts) + data[at:]).decode("utf-8", "replace"))


def _url_parse(text: str) -> dict[str, str]:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ExpressionError(f"unable to parse url: {text!r} holds control characters")
    scheme, colon, rest = text.partition(":")
    if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) and rest and not rest.startswith(("/", "?", "#")):
        opaque, _, tail = rest.partition("#")
        opaque, _, query = opaque.partition("?")
        return _url(scheme.lower(), query=query, fragment=unquote(tail), opaque=opaque)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ExpressionError(f"unable to parse url: {error}") from None
    user, _, host = parts.netloc.rpartition("@")
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return _url(
        parts.scheme,
        host=host,
        hostname=name,
        path=unquote(parts.path),
        query=parts.query,
        fragment=unquote(parts.fragment),
        userinfo=user,
    )


def _url(scheme: str, **parts: str) -> dict[str, str]:
    names = ("host", "hostname", "path", "query", "opaque", "fragment", "userinfo")
    return {"scheme": scheme, **{name: parts.get(name, "") for name in names}}


def _url_join(parts: Mapping[str, Any]) -> str:
    for key, value in parts.items():
        if not isinstance(value, str):
            raise ExpressionError(f"unable to parse {key} key, must be of type string")
    scheme, host, user = parts.get("scheme", ""), parts.get("host", ""), parts.get("userinfo", "")
    path = quote(parts.get("path", ""), safe="/!$&'()*+,;=:@-._~")
    text = f"{scheme}:" if scheme else ""
    if parts.get("opaque"):
        text += parts["opaque"]
    else:
        if (scheme or host or user) and (host or path or user):
            text += "//" + (f"{user}@" if user else "") + host
        text += f"/{path}" if path and not path.startswith("/") and host else path
    text += f"?{parts['query']}" if parts.get("query") else ""
    return text + (f"#{quote(parts['fragment'], safe='/!$&()*+,;=:@?-._~')}" if parts.get("fragment") else "")


_RUNS: dict[str, tuple[str, Any, str]] = {
    "snakecase": ("s", lambda text: _joined_words(text, "_"), "string"),
    "kebabcase": ("s", lambda text: _joined_words(text, "-"), "string"),
    "camelcase": ("s", _camel, "string"),
    "wrap": ("is", lambda width, text: _wrap(width, text, "\n", long_words=False), "string"),
    "wrapWith": ("iss", lambda width, newline, text: _wrap(width, text, newline, long_words=True), "string"),
    "urlParse": ("s", _url_parse, "map"),
    "urlJoin": ("m", _url_join, "string"),
}

WORD_FUNCTIONS: dict[str, Function] = {
    name: typed(f"sprig.{name}", kinds, run, result) for name, (kinds, run, result) in _RUNS.items()
}
