"""Create the built stack on an AWS emulator (ministack).

    AWS_ENDPOINT_URL=... python tools/aws/deploy_to_ministack.py BUILT FOLDER

The command runs in the environment of the SAM command line. The emulator supports no transforms, so SAM's translator
turns the template into plain CloudFormation here. The emulator supports neither exec wrappers nor streamed responses
either. The handler therefore gets a shim that joins each response, as the layer's runtime does in its buffered mode,
and the integrations wait for the whole response. Function, layer, roles, routes, secret, table and bucket are those of
the template.

FOLDER receives a copy of the build with the shim. The command prints the outputs of the stack as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]

STACK_NAME, CODE_BUCKET = "retouch", "retouch-code"
_SHIM = """\
import json

import app
from retouch.infrastructure.lambda_runtime import responses


def handler(event, context):
    return json.loads(responses.document(app.handler(event, context)))
"""


def main(built: Path, folder: Path) -> int:
    """Copy the build, package it, translate the template and create the stack. Return the exit status."""
    boto3.client("s3").create_bucket(Bucket=CODE_BUCKET)
    template = package_template(copy_with_shim(built, folder))
    print(json.dumps(create_stack(use_buffered_integrations(translate_template(template)))))
    return 0


def copy_with_shim(built: Path, folder: Path) -> Path:
    """Copy the build, add the shim and return the path of the copied template."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built.parent, folder)
    (folder / "EditsFunction" / "shim.py").write_text(_SHIM)
    copy = folder / built.name
    copy.write_text(copy.read_text().replace("Handler: app.handler", "Handler: shim.handler"))
    return copy


def package_template(template_path: Path) -> dict[str, Any]:
    """Run `sam package`, which puts the code into the bucket, and return the packaged template."""
    out = template_path.with_name("packaged.yaml")
    sam = Path(sys.executable).with_name("sam")
    command: list[str | Path] = [sam, "package", "-t", template_path]
    command += ["--s3-bucket", CODE_BUCKET, "--output-template-file", out]
    subprocess.run(command, check=True, capture_output=True)
    parsed: dict[str, Any] = yaml_parse(out.read_text())
    return parsed


def translate_template(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template as plain CloudFormation, as AWS's transform would produce it."""
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    plain: dict[str, Any] = Translator({}, Parser()).translate(template, defaults)
    return plain


def use_buffered_integrations(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template without the exec wrapper and with integrations that wait for the whole response."""
    del template["Resources"]["EditsFunction"]["Properties"]["Environment"]["Variables"][
        "AWS_LAMBDA_EXEC_WRAPPER"
    ]
    text = json.dumps(template)
    text = text.replace("/response-streaming-invocations", "/invocations")
    text = text.replace("2021-11-15/functions", "2015-03-31/functions")
    buffered: dict[str, Any] = json.loads(text.replace('"responseTransferMode": "STREAM", ', ""))
    return buffered


def create_stack(template: dict[str, Any]) -> dict[str, str]:
    """Create the stack, wait for it and return its outputs."""
    cloudformation = boto3.client("cloudformation")
    body = json.dumps(template)
    cloudformation.create_stack(
        StackName=STACK_NAME, TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
