"""The reference of the API as a page, made from the OpenAPI document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]
_METHODS = ("post", "get", "put", "delete")
_EXAMPLE = """\
```
curl -s http://127.0.0.1:8787/v1/images/edits -F image=@events/photo.png -F mask=@events/mask.png \\
  -F prompt="remove the ball" -F response_format=url
curl -s http://127.0.0.1:8787/openapi.json     # this page as an OpenAPI document
```"""
_MAX_VALUES = 8  # of an enumeration that a table shows


@dataclass(frozen=True)
class ApiReference:
    """The page of an OpenAPI document: a section for each route, and one for each object with fields."""

    document: Node

    def render(self) -> str:
        """Return the page as Markdown."""
        return "\n\n".join(
            ["# API reference", self.document["info"]["description"], _EXAMPLE, *self._sections()]
        )

    def _sections(self) -> Iterator[str]:
        for path, item in self.document["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield from self._operation(f"{method.upper()} {path}", item[method])
        yield "## Objects"
        for name, schema in self.document["components"]["schemas"].items():
            if schema.get("properties"):
                yield from (f"### {name}", self._fields_table(schema))

    def _operation(self, title: str, operation: Node) -> Iterator[str]:
        yield f"## {title}"
        yield ". ".join(filter(None, (operation.get("summary"), operation.get("description"))))
        parameters = [self._resolve(one) for one in operation.get("parameters", ())]
        if parameters:
            rows = [
                (f"`{one['name']}`", one["in"], self._type(one["schema"]), _description(one))
                for one in parameters
            ]
            yield _table(("parameter", "in", "type", "meaning"), rows)
        body = self._resolve(operation.get("requestBody", {}))
        for content_type, media in body.get("content", {}).items():
            yield f"Body, `{content_type}`: {self._type(media.get('schema', {}))}"
        responses = operation["responses"].items()
        yield _table(
            ("status", "meaning"),
            [(f"`{status}`", _description(self._resolve(one))) for status, one in responses],
        )

    def _fields_table(self, schema: Node) -> str:
        required = schema.get("required", ())
        rows = [
            (
                f"`{name}`",
                "yes" if name in required else "",
                self._type(node),
                _description(node) or _description(self._resolve(node)),
            )
            for name, node in schema["properties"].items()
        ]
        return _table(("field", "required", "type", "meaning"), rows)

    def _resolve(self, node: Node) -> Node:
        """Return the node that a reference names, or the node itself."""
        while "$ref" in node:
            target: Node = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _type(self, schema: Node) -> str:
        """Return the type of a value in words. An object with fields is a link to its section."""
        if "$ref" in schema:
            name, target = schema["$ref"].rpartition("/")[2], self._resolve(schema)
            return f"[{name}](#{name.lower()})" if "properties" in target else self._type(target)
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            texts = [f"`{value}`" for value in values[:_MAX_VALUES]]
            return ", ".join([*texts, *(["…"] if len(values) > _MAX_VALUES else [])])
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return " or ".join(map(self._type, schema[word]))
        if schema.get("type") == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        types = schema.get("type", "any")
        return types if isinstance(types, str) else " or ".join(types)


def _description(node: Node) -> str:
    return str(node.get("description", ""))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_escape_cell, line)) + " |" for line in lines)


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
