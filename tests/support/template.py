"""Parts of the template: statements of policies, lifecycle rules, permissions."""

import json


def policy_statements(resources, role):
    for policy in resources[role]["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def lifecycle_rules(resources):
    """Return the lifecycle rules of the bucket, with those that a parameter turns on."""
    rules = resources["ResultsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    return [rule["Fn::If"][1] if "Fn::If" in rule else rule for rule in rules]


def as_list(value):
    return value if isinstance(value, list) else [value]


def permissions(resources, role):
    """Return the pairs of an action and a resource that a role permits."""
    return {
        (action, json.dumps(resource))
        for statement in policy_statements(resources, role)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
