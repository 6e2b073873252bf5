"""Creates the built stack on a stand-in for AWS: `AWS_ENDPOINT_URL=... python tools/aws/stand_in.py BUILT FOLDER`.

Runs in the SAM command line's environment, whose translator turns the template into plain CloudFormation here,
because the stand-in knows no transforms. Nor does it know exec wrappers and streamed answers, so the handler gets
a shim that puts each answer together, as the layer's runtime does in its buffered mode, and integrations that
wait for the whole answer. Function, layer, roles, routes, secret, table and bucket are the template's own.

FOLDER gets a copy of the build with the shim. Prints the stack's outputs as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

STACK, CODE = "retouch", "retouch-code"
_SHIM = """\
import json

import app
from retouch.runtime import answers


def handler(event, context):
    return json.loads(answers.document(app.handler(event, context)))
"""


def main(built: Path, folder: Path) -> int:
    """Copy, package, translate, create; the exit status."""
    boto3.client("s3").create_bucket(Bucket=CODE)
    template = packaged(with_shim(built, folder))
    print(json.dumps(created(in_one_piece(translated(template)))))
    return 0


def with_shim(built: Path, folder: Path) -> Path:
    """The copied template."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built.parent, folder)
    (folder / "EditsFunction" / "shim.py").write_text(_SHIM)
    copy = folder / built.name
    copy.write_text(copy.read_text().replace("Handler: app.handler", "Handler: shim.handler"))
    return copy


def packaged(built: Path) -> dict[str, Any]:
    """The template with its code in the bucket, by `sam package`."""
    out = built.with_name("packaged.yaml")
    sam = Path(sys.executable).with_name("sam")
    command = [sam, "package", "-t", built, "--s3-bucket", CODE, "--output-template-file", out]
    subprocess.run(command, check=True, capture_output=True)
    parsed: dict[str, Any] = yaml_parse(out.read_text())
    return parsed


def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Plain CloudFormation, as AWS's own transform would make it."""
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    plain: dict[str, Any] = Translator({}, Parser()).translate(template, defaults)
    return plain


def in_one_piece(template: dict[str, Any]) -> dict[str, Any]:
    """The same without the wrapper, and with integrations that wait for the whole answer."""
    del template["Resources"]["EditsFunction"]["Properties"]["Environment"]["Variables"][
        "AWS_LAMBDA_EXEC_WRAPPER"
    ]
    text = json.dumps(template)
    text = text.replace("/response-streaming-invocations", "/invocations")
    text = text.replace("2021-11-15/functions", "2015-03-31/functions")
    whole: dict[str, Any] = json.loads(text.replace('"responseTransferMode": "STREAM", ', ""))
    return whole


def created(template: dict[str, Any]) -> dict[str, str]:
    """The outputs of the new stack."""
    cloudformation = boto3.client("cloudformation")
    body = json.dumps(template)
    cloudformation.create_stack(StackName=STACK, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
