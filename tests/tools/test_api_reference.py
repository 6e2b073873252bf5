from tools.api_reference import ApiReference

DOCUMENT = {
    "info": {"description": "Edits images."},
    "paths": {
        "/edits": {
            "parameters": [],
            "post": {
                "summary": "Edit",
                "parameters": [{"$ref": "#/components/parameters/Key"}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Edit"}}
                    }
                },
                "responses": {"200": {"description": "The image | the plan"}},
            },
        }
    },
    "components": {
        "parameters": {"Key": {"name": "Key", "in": "header", "schema": {"type": "string"}}},
        "schemas": {
            "Size": {"type": ["string", "null"], "description": "Width and height"},
            "Kind": {"enum": [str(number) for number in range(9)]},
            "Edit": {
                "required": ["size"],
                "properties": {
                    "size": {"$ref": "#/components/schemas/Size"},
                    "kinds": {"type": "array", "items": {"$ref": "#/components/schemas/Kind"}},
                    "inner": {"anyOf": [{"$ref": "#/components/schemas/Edit"}, {"type": "null"}]},
                },
            },
        },
    },
}


def test_reference_lists_parameters_bodies_responses_and_fields():
    lines = ApiReference(DOCUMENT).render().splitlines()
    assert "## POST /edits" in lines
    assert "| `Key` | header | string |  |" in lines
    assert "Body, `application/json`: [Edit](#edit)" in lines
    assert r"| `200` | The image \| the plan |" in lines
    assert "| `size` | yes | string or null | Width and height |" in lines
    kinds = ", ".join(f"`{number}`" for number in range(8))
    assert f"| `kinds` |  | list of {kinds}, … |  |" in lines
    assert "| `inner` |  | [Edit](#edit) or null |  |" in lines
    assert "### Size" not in lines
