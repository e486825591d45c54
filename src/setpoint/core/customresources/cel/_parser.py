"""Tokens to the tree of a CEL expression; macros become nodes of their own here.

Invariant: brackets are nested at most `MAX_DEPTH` deep and trees `MAX_TREE_DEPTH`, so that nothing recurses too far.
Source: the language definition of CEL, "Syntax" and "Macros".
"""

from __future__ import annotations

from setpoint.core.customresources.cel._ast import (
    Call,
    Conditional,
    Index,
    Junction,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    children,
)
from setpoint.core.customresources.cel._errors import CelSyntaxError
from setpoint.core.customresources.cel._lexer import Token, tokenize

MAX_DEPTH = 60
MAX_TREE_DEPTH = 120
MAX_CHAIN = 100
"""Operators of one level in a row that are not `&&` and `||`, such as `a + b + c`."""

_RANKS = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"),
        *("namespace", "return", "var", "void", "while"),
    )
)
_ONE_BODY = frozenset({"all", "exists", "exists_one", "existsOne", "filter"})


class _Parser:
    """Recursive descent with one function for all binary operators."""

    def __init__(self, text: str) -> None:
        self._tokens = tokenize(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        """The whole text as one expression."""
        node = self._expression()
        if self._token.kind != "end":
            raise self._error(f"unexpected {self._token.value!r}")
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _error(self, reason: str) -> CelSyntaxError:
        return CelSyntaxError(f"Syntax error: {reason} (character {self._token.at + 1})")

    def _is(self, *texts: str) -> bool:
        token = self._token
        return token.kind in ("op", "name") and token.value in texts

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error(f"expected {text!r}, found {self._token.value!r}")

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"expressions are nested at most {MAX_DEPTH} deep")
        node = self._binary(1)
        if self._take("?"):
            yes = self._binary(1)
            self._expect(":")
            node = Conditional(node, yes, self._expression())
        self._depth -= 1
        return node

    def _binary(self, rank: int) -> Node:
        if rank > 5:
            return self._unary()
        node = self._binary(rank + 1)
        parts, operator = [node], ""
        while self._token.kind in ("op", "name") and _RANKS.get(self._token.value) == rank:
            operator = self._token.value
            self._at += 1
            right = self._binary(rank + 1)
            parts.append(right)
            if rank > 2:
                if len(parts) > MAX_CHAIN:
                    raise self._error(f"at most {MAX_CHAIN} operators may stand in a row")
                node = Call(operator, None, (node, right))
        if operator and rank <= 2:
            return Junction(operator == "||", tuple(parts))
        return node

    def _unary(self) -> Node:
        operators: list[str] = []
        while self._is("!", "-"):
            operators.append(self._token.value)
            self._at += 1
        if len(operators) > MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} operators may stand in a row")
        if operators and operators[-1] == "-" and self._token.kind == "number":
            operators.pop()
            node: Node = self._members(Literal(-self._token.value), ahead=1)
        else:
            node = self._members(self._primary())
        for operator in reversed(operators):
            node = Call("!" if operator == "!" else "-neg", None, (node,))
        return node

    def _members(self, node: Node, ahead: int = 0) -> Node:
        self._at += ahead
        count = 0
        while self._is(".", ".?", "[", "[?"):
            count += 1
            if count > MAX_CHAIN:
                raise self._error(f"at most {MAX_CHAIN} fields may be followed in a row")
            operator = self._token.value
            self._at += 1
            if operator in ("[", "[?"):
                key = self._expression()
                self._expect("]")
                node = Index(node, key, operator == "[?")
                continue
            name = self._identifier()
            if operator == "." and self._take("("):
                node = self._method(node, name)
            else:
                node = Select(node, name, optional=operator == ".?")
        return node

    def _identifier(self) -> str:
        token = self._token
        if token.kind != "name":
            raise self._error(f"expected a name, found {token.value!r}")
        self._at += 1
        return str(token.value)

    def _arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(end):
            found.append(self._expression())
            if not self._take(","):
                self._expect(end)
                break
        return tuple(found)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in ("string", "number"):
            self._at += 1
            return Literal(token.value)
        if self._take("("):
            node = self._expression()
            self._expect(")")
            return node
        if self._take("["):
            return ListOf(self._arguments("]"))
        if self._take("{"):
            return self._map()
        self._take(".")
        name = self._identifier()
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        if name in _RESERVED or name == "in":
            raise self._error(f"{name!r} is a reserved word")
        if self._take("("):
            return self._function(name, self._arguments(")"))
        return Name(name)

    def _map(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._take("}"):
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression()))
            if not self._take(","):
                self._expect("}")
                break
        return MapOf(tuple(entries))

    def _function(self, name: str, arguments: tuple[Node, ...]) -> Node:
        if name != "has":
            return Call(name, None, arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise self._error("invalid argument to has() macro: it takes one field, such as has(self.name)")
        return Select(arguments[0].operand, arguments[0].field, test=True)

    def _method(self, target: Node, name: str) -> Node:
        arguments = self._arguments(")")
        if isinstance(target, Name) and target.name == "cel" and name == "bind" and len(arguments) == 3:
            return Macro("bind", arguments[1], self._names(arguments[:1]), arguments[2])
        if name in _ONE_BODY and len(arguments) in (2, 3) and (name != "filter" or len(arguments) == 2):
            kind = "exists_one" if name == "existsOne" else name
            return Macro(kind, target, self._names(arguments[:-1]), arguments[-1])
        if name == "map" and len(arguments) in (2, 3):
            test = arguments[1] if len(arguments) == 3 else Literal(True)
            return Macro("map", target, self._names(arguments[:1]), test, arguments[-1])
        if name in ("optMap", "optFlatMap") and len(arguments) == 2:
            return Macro(name, target, self._names(arguments[:1]), arguments[1])
        return Call(name, target, arguments)

    def _names(self, arguments: tuple[Node, ...]) -> tuple[str, ...]:
        names = tuple(item.name for item in arguments if isinstance(item, Name))
        if len(names) < len(arguments):
            raise self._error("argument must be a simple name")
        return names


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises: CelSyntaxError.
    """
    tree = _Parser(text).parse()
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_TREE_DEPTH:
            raise CelSyntaxError(f"an expression is nested at most {MAX_TREE_DEPTH} operators deep: split the rule")
        level = [inner for node in level for inner in children(node)]
    return tree
