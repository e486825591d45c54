"""The grammar of expr-lang: a Pratt parser over its table of precedences.

Loose to tight: `?:`, `let`, `if`; `|`; `or ||`; `and &&`; comparisons and text operators; `..`; `+ -`; `not !`;
`* / %`; sign; `** ^` (from the right); `??`. Invariant: a tree that is returned calls only functions that exist here;
an unknown one is refused by name while parsing. Source: expr-lang 1.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from setpoint.core.expr import _expr_ast as ast
from setpoint.core.expr._errors import MAX_DEPTH, MAX_TEXT, ExpressionError, error_at
from setpoint.core.expr._expr_lexer import Token, TokenKind, tokenize
from setpoint.core.expr._function import Function
from setpoint.core.expr._functions import ARGO_FUNCTIONS, BUILTINS, PREDICATES, SPRIG, refusal
from setpoint.core.expr._re2 import compile_regex

MAX_NODES = 200_000
"""Most parts of one expression."""

_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_BINARY = {
    "|": 0,
    **dict.fromkeys(("or", "||"), 10),
    **dict.fromkeys(("and", "&&"), 15),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "in", "matches", "contains", "startsWith", "endsWith"), 20),
    "..": 25,
    **dict.fromkeys(("+", "-"), 30),
    **dict.fromkeys(("*", "/", "%"), 60),
    **dict.fromkeys(("**", "^"), 100),
    "??": 500,
}
_ORDER = ("<", ">", "<=", ">=")
_NEGATABLE = ("in", "matches", "contains", "startsWith", "endsWith")
_CONSTANTS = {"true": True, "false": False, "nil": None}


@lru_cache(maxsize=4096)
def parse(text: str, argo: bool = True) -> ast.Node:
    """The tree of an expression.

    Args:
        text: The expression.
        argo: Whether Argo's own functions (`asInt`, `sprig.*` and so on) exist where it stands.

    Raises:
        ExpressionError: With the position of what does not fit, or the name of a function that is not there.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"the expression is longer than {MAX_TEXT} characters")
    parser = _Parser(text, argo=argo)
    try:
        node = parser.sequence()
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply", text=text) from None
    if parser.token.kind is not TokenKind.END:
        parser.unexpected()
    _check_size(node, text)
    return node


def _check_size(root: ast.Node, text: str) -> None:
    """Refuse a tree too deep or too large to be walked.

    A chain of many operators is deep too. Nodes are counted as often as they are run: `a < x < b` runs `x` twice, and
    such doublings multiply.
    """
    level = [root]
    count = 0
    for _ in range(2 * MAX_DEPTH):
        level = [child for node in level for child in ast.children(node)]
        count += len(level)
        if not level:
            return
        if count > MAX_NODES:
            raise error_at(f"the expression has more than {MAX_NODES} parts: split it", text, root.at)
    raise error_at(f"the expression is nested deeper than {2 * MAX_DEPTH}: split it", text, level[0].at)


class _Parser:
    def __init__(self, text: str, *, argo: bool) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.predicates = 0
        self.depth = 0
        self.argo = argo

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.token
        if token.kind is TokenKind.END:
            self.unexpected()
        self.index += 1
        return token

    def fail(self, reason: str, token: Token | None = None) -> NoReturn:
        raise error_at(reason, self.text, (token or self.token).at)

    def unexpected(self) -> NoReturn:
        token = self.token
        if token.kind is TokenKind.END:
            self.fail("unexpected end of expression")
        self.fail(f"unexpected {token.kind.value} {token.text!r}")

    def expect(self, *texts: str) -> Token:
        if not self.token.is_(*texts):
            self.unexpected()
        return self.next()

    def accept(self, *texts: str) -> bool:
        if self.token.is_(*texts):
            self.index += 1
            return True
        return False

    def name(self) -> Token:
        if self.token.kind is not TokenKind.NAME:
            self.unexpected()
        return self.next()

    def sequence(self) -> ast.Node:
        """One or more expressions with semicolons between; a trailing one is fine."""
        start = self.token.at
        parts = [self.expression(0)]
        while self.accept(";"):
            if self.token.kind is TokenKind.END or self.token.is_("}", ")"):
                break
            parts.append(self.expression(0))
        return parts[0] if len(parts) == 1 else ast.Sequence(tuple(parts), start)

    def expression(self, precedence: int) -> ast.Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"the expression is nested deeper than {MAX_DEPTH}")
        try:
            if precedence == 0 and self.token.is_("let"):
                return self.let()
            if precedence == 0 and self.token.is_("if"):
                return self.conditional_if()
            node = self.operators(self.primary(), precedence)
            return self.ternary(node) if precedence == 0 else node
        finally:
            self.depth -= 1

    def operators(self, left: ast.Node, precedence: int) -> ast.Node:
        """Binary operators that bind at least as tight as asked for."""
        coalesced = False
        while self.token.kind is TokenKind.OPERATOR:
            token = self.token
            negated = token.is_("not")
            if negated:
                follower = self.tokens[self.index + 1]
                if not follower.is_(*_NEGATABLE):
                    self.index += 1
                    self.unexpected()
                token = follower
            binds = _BINARY.get(token.text, -1)
            if binds < precedence or binds < 0:
                break
            if coalesced and token.text != "??":
                self.fail(
                    f"Operator ({token.text}) and coalesce expressions (??) cannot be mixed. "
                    "Wrap either by parentheses.",
                    token,
                )
            self.index += 2 if negated else 1
            left = self.operation(left, token, binds, negated=negated)
            coalesced = token.text == "??"
        return left

    def operation(self, left: ast.Node, token: Token, binds: int, *, negated: bool) -> ast.Node:
        symbol = token.text
        if symbol == "|":
            return self.postfix(self.call(self.name(), (left,)))
        if symbol in _ORDER:
            return self.comparisons(left, token)
        right = self.expression(binds if symbol in ("**", "^") else binds + 1)
        pattern = None
        if symbol == "matches" and isinstance(right, ast.Literal) and isinstance(right.value, str):
            try:
                pattern = compile_regex(right.value)
            except ExpressionError as error:
                raise error_at(error.reason, self.text, right.at) from error
        node = ast.Binary(symbol, left, right, token.at, pattern)
        return ast.Unary("not", node, token.at) if negated else node

    def comparisons(self, left: ast.Node, token: Token) -> ast.Node:
        """`1 < x < 5` means `1 < x and x < 5`."""
        found: ast.Node | None = None
        while True:
            right = self.expression(_BINARY["<"] + 1)
            comparison = ast.Binary(token.text, left, right, token.at)
            found = comparison if found is None else ast.Binary("&&", found, comparison, token.at)
            left = right
            token = self.token
            if not token.is_(*_ORDER):
                return found
            self.index += 1

    def let(self) -> ast.Node:
        self.expect("let")
        name = self.name()
        if name.text in BUILTINS or name.text in _CONSTANTS or name.text == "$env":
            self.fail(f"cannot redeclare {name.text}", name)
        self.expect("=")
        value = self.expression(0)
        self.expect(";")
        return ast.Let(name.text, value, self.sequence(), name.at)

    def conditional_if(self) -> ast.Node:
        start = self.expect("if")
        condition = self.expression(0)
        self.expect("{")
        yes = self.sequence()
        self.expect("}")
        self.expect("else")
        if self.token.is_("if"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                self.fail(f"the expression is nested deeper than {MAX_DEPTH}")
            no = self.conditional_if()
            self.depth -= 1
        else:
            self.expect("{")
            no = self.sequence()
            self.expect("}")
        return ast.Conditional(condition, yes, no, start.at)

    def ternary(self, node: ast.Node) -> ast.Node:
        while self.token.is_("?"):
            start = self.next()
            if self.accept(":"):
                node = ast.Conditional(node, node, self.expression(0), start.at)
                continue
            yes = self.expression(0)
            self.expect(":")
            node = ast.Conditional(node, yes, self.expression(0), start.at)
        return node

    def primary(self) -> ast.Node:
        token = self.token
        if token.kind is TokenKind.OPERATOR and token.text in _UNARY:
            self.next()
            return self.postfix(ast.Unary(token.text, self.expression(_UNARY[token.text]), token.at))
        if token.is_("("):
            self.next()
            inner = self.sequence()
            self.expect(")")
            return self.postfix(inner)
        if token.is_("#", "."):
            return self.pointer()
        if token.is_("::"):
            self.next()
            name = self.name()
            if name.text not in BUILTINS:
                self.fail(f"unknown built-in function {name.text}", name)
            return self.postfix(self.call(name, ()))
        return self.secondary()

    def pointer(self) -> ast.Node:
        token = self.token
        if not self.predicates:
            self.fail("cannot use pointer accessor outside predicate")
        name = ""
        if token.text == "#":
            self.next()
            follower = self.token
            if follower.kind is TokenKind.NAME and follower.at == token.at + 1:
                name = self.next().text
                if name not in ("index", "acc"):
                    self.fail(f"unknown pointer #{name}", token)
        return self.postfix(ast.Pointer(name, token.at))

    def secondary(self) -> ast.Node:
        token = self.token
        if token.kind is TokenKind.NAME:
            self.next()
            if token.text in _CONSTANTS:
                return ast.Literal(_CONSTANTS[token.text], token.at)
            if self.token.is_("("):
                return self.postfix(self.call(token, ()))
            return self.postfix(ast.Name(token.text, token.at))
        if token.kind is TokenKind.NUMBER:
            self.next()
            return ast.Literal(self.number(token), token.at)
        if token.kind is TokenKind.STRING:
            self.next()
            return self.postfix(ast.Literal(token.text, token.at))
        if token.is_("["):
            return self.postfix(ast.ArrayOf(self.listed("[", "]", lambda: self.expression(0)), token.at))
        if token.is_("{"):
            return self.postfix(self.map_of())
        self.unexpected()

    def number(self, token: Token) -> int | float:
        digits = token.text.replace("_", "").lower()
        try:
            if digits[:2] in ("0x", "0o", "0b"):
                value: int | float = int(digits, 0)
            elif "." in digits or "e" in digits:
                value = float(digits)
            else:
                value = int(digits) if len(digits) < 20 else 1 << 63
        except ValueError:
            self.fail(f"bad number syntax: {token.text!r}", token)
        if (isinstance(value, int) and value >= 1 << 63) or math.isinf(value):
            self.fail("number literal is too large", token)
        return value

    def listed(self, opening: str, closing: str, item: Callable[[], ast.Node]) -> tuple[ast.Node, ...]:
        """Items with commas between, a trailing one allowed."""
        self.expect(opening)
        items: list[ast.Node] = []
        while not self.token.is_(closing):
            if items:
                self.expect(",")
                if self.token.is_(closing):
                    break
            items.append(item())
        self.expect(closing)
        return tuple(items)

    def map_of(self) -> ast.Node:
        start = self.token
        keys: list[ast.Node] = []
        values = self.listed("{", "}", lambda: self.map_value(keys))
        return ast.MapOf(tuple(zip(keys, values, strict=True)), start.at)

    def map_value(self, keys: list[ast.Node]) -> ast.Node:
        token = self.token
        if token.kind in (TokenKind.NUMBER, TokenKind.STRING, TokenKind.NAME):
            self.next()
            keys.append(ast.Literal(token.text, token.at))
        elif token.is_("("):
            keys.append(self.expression(0))
        else:
            self.fail(
                "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses"
            )
        self.expect(":")
        return self.expression(0)

    def postfix(self, node: ast.Node) -> ast.Node:
        while True:
            token = self.token
            if token.is_(".", "?."):
                self.next()
                optional = token.text == "?."
                if optional and self.token.is_("["):
                    node = self.bracketed(node, optional=True)
                else:
                    node = self.member(node, optional=optional)
            elif token.is_("["):
                node = self.bracketed(node, optional=False)
            else:
                return node

    def member(self, node: ast.Node, *, optional: bool) -> ast.Node:
        token = self.token
        word = token.kind is TokenKind.NAME or (token.kind is TokenKind.OPERATOR and token.text.isalpha())
        if not word:
            self.fail("expected name")
        self.next()
        chained = isinstance(node, ast.Chain)
        if isinstance(node, ast.Chain):
            node = node.inner
        if self.token.is_("("):
            node = self.method(node, token, optional=optional)
        else:
            node = ast.Member(node, ast.Literal(token.text, token.at), optional, token.at)
        return ast.Chain(node, token.at) if chained or optional else node

    def method(self, target: ast.Node, token: Token, *, optional: bool) -> ast.Node:
        if self.argo and isinstance(target, ast.Name) and target.name == "sprig":
            return self.function(f"sprig.{token.text}", token, (), SPRIG)
        arguments = self.listed("(", ")", lambda: self.expression(0))
        return ast.Method(target, token.text, arguments, optional, token.at)

    def bracketed(self, node: ast.Node, *, optional: bool) -> ast.Node:
        """An index or a slice."""
        start = self.expect("[")
        low: ast.Node | None = None
        if not self.token.is_(":"):
            low = self.expression(0)
            if not self.token.is_(":"):
                self.expect("]")
                member = ast.Member(node, low, optional, start.at)
                return ast.Chain(member, start.at) if optional else member
        self.expect(":")
        high = None if self.token.is_("]") else self.expression(0)
        self.expect("]")
        return ast.Slice(node, low, high, start.at)

    def call(self, token: Token, piped: tuple[ast.Node, ...]) -> ast.Node:
        if token.text in PREDICATES:
            return self.predicate_call(token, piped)
        known = {**ARGO_FUNCTIONS, **BUILTINS} if self.argo else BUILTINS
        return self.function(token.text, token, piped, known)

    def function(self, name: str, token: Token, piped: tuple[ast.Node, ...], known: dict[str, Function]) -> ast.Node:
        function = known.get(name)
        if function is None:
            self.fail(refusal(name, known), token)
        arguments = (*piped, *self.listed("(", ")", lambda: self.expression(0)))
        most = math.inf if function.most is None else function.most
        if not function.least <= len(arguments) <= most:
            wanted = f"{function.least}" if most == function.least else f"{function.least} or more"
            if function.most is not None and most != function.least:
                wanted = f"{function.least} to {function.most}"
            self.fail(f"invalid number of arguments for {name} (expected {wanted}, got {len(arguments)})", token)
        return ast.Call(name, arguments, token.at)

    def predicate_call(self, token: Token, piped: tuple[ast.Node, ...]) -> ast.Node:
        """The array, a predicate, and for some functions one value more."""
        least, most = PREDICATES[token.text]
        self.expect("(")
        arguments = list(piped)
        while not self.token.is_(")"):
            if len(arguments) > len(piped):
                self.expect(",")
                if self.token.is_(")"):
                    break
            if len(arguments) == most:
                self.fail(f"too many arguments to call {token.text}")
            arguments.append(self.predicate() if len(arguments) == 1 else self.expression(0))
        self.expect(")")
        if len(arguments) < least:
            self.fail(f"expected at least {least} arguments for {token.text}", token)
        return ast.Call(token.text, tuple(arguments), token.at)

    def predicate(self) -> ast.Node:
        start = self.token
        braced = self.accept("{")
        self.predicates += 1
        body = self.sequence() if braced else self.expression(0)
        self.predicates -= 1
        if braced:
            self.expect("}")
        return ast.Predicate(body, start.at)
