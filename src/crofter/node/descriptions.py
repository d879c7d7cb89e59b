"""What each setting does, read from where it is declared: the string under a field is its description."""

import ast
import inspect
import textwrap
from functools import cache


@cache
def field_descriptions(settings_class: type) -> dict[str, str]:
    """Field name to the docstring below it, for the fields `settings_class` declares itself."""
    body = ast.parse(textwrap.dedent(inspect.getsource(settings_class))).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{settings_class} is not declared by a class statement")
    found: dict[str, str] = {}
    for statement, following in zip(body.body, [*body.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                found[statement.target.id] = inspect.cleandoc(text)
            case _:
                continue
    return found
