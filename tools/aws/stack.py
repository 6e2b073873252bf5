"""Creates the built stack on a stand-in for AWS: `AWS_ENDPOINT_URL=... python tools/aws/stack.py BUILT BUCKET`.

Runs in the SAM command line's environment, whose translator turns the template into plain CloudFormation here,
because the stand-in knows no transforms. Nor does it know layers' exec wrappers or streamed answers, so the
function becomes one with a runtime of its own: the same wrapper, layer and handler, started by a `bootstrap`,
answering in one piece. Prints the stack's outputs as JSON.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

STACK = "retouch"
_PYTHON = Path(__file__).resolve().parents[2] / ".work" / "stack" / "bin" / "python"
# The libraries follow the task root, where /opt would be ahead of it: there is no /opt/python here.
_BOOTSTRAP = f"""#!/bin/sh
export PYTHONPATH="$LAMBDA_TASK_ROOT/opt/python" RETOUCH_RESPONSE_MODE=buffer
exec "$LAMBDA_TASK_ROOT/opt/retouch-runtime" "{_PYTHON}"
"""


def main(built: Path, bucket: str) -> int:
    """Package, translate, create; the exit status."""
    boto3.client("s3").create_bucket(Bucket=bucket)
    template = in_one_piece(translated(packaged(built, bucket)))
    with_own_runtime(template, code(built), bucket)
    print(json.dumps(created(template, bucket)))
    return 0


def packaged(built: Path, bucket: str) -> dict[str, Any]:
    """The template with its code in the bucket, by `sam package`."""
    out = built.with_name("packaged.yaml")
    sam = Path(sys.executable).with_name("sam")
    command = [sam, "package", "-t", built, "--s3-bucket", bucket, "--output-template-file", out]
    subprocess.run(command, check=True, capture_output=True)
    parsed: dict[str, Any] = yaml_parse(out.read_text())
    return parsed


def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Plain CloudFormation, as AWS's own transform would make it."""
    defaults = {n: p["Default"] for n, p in template["Parameters"].items()}
    plain: dict[str, Any] = Translator({}, Parser()).translate(template, defaults)
    return plain


def in_one_piece(template: dict[str, Any]) -> dict[str, Any]:
    """The same with integrations that wait for the whole answer."""
    text = json.dumps(template)
    text = text.replace("/response-streaming-invocations", "/invocations")
    text = text.replace("2021-11-15/functions", "2015-03-31/functions")
    whole: dict[str, Any] = json.loads(text.replace('"responseTransferMode": "STREAM", ', ""))
    return whole


def code(built: Path) -> bytes:
    """One archive of function, layer and bootstrap."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        _add(out, built.parent / "EditsFunction", "")
        _add(out, built.parent / "RetouchLayer", "opt/")
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        out.writestr(entry, _BOOTSTRAP)
    return archive.getvalue()


def _add(out: zipfile.ZipFile, folder: Path, prefix: str) -> None:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            out.write(file, prefix + str(file.relative_to(folder)))


def with_own_runtime(template: dict[str, Any], archive: bytes, bucket: str) -> None:
    """Exchange the function's runtime for its bootstrap."""
    boto3.client("s3").put_object(Bucket=bucket, Key="bootstrap.zip", Body=archive)
    function = template["Resources"]["EditsFunction"]["Properties"]
    function["Code"] = {"S3Bucket": bucket, "S3Key": "bootstrap.zip"}
    function["Runtime"] = "provided.al2023"
    del function["Layers"], function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]


def created(template: dict[str, Any], bucket: str) -> dict[str, str]:
    """The outputs of the new stack."""
    boto3.client("s3").put_object(
        Bucket=bucket, Key="template.json", Body=json.dumps(template).encode()
    )
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2]))
