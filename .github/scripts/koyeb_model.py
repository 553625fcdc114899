"""Holds koyeb.yaml, and what the deploy script takes from Koyeb's API, against Koyeb's own model (the PyPI package koyeb-sdk).

    python3 .github/scripts/koyeb_model.py        (needs koyeb-sdk and pyyaml)
"""
import copy
import inspect
import re
import sys
import typing
from pathlib import Path

import yaml
from koyeb.api.api import deployments_api, services_api
from koyeb.api.models.create_compose import CreateCompose
from koyeb.api.models.deployment import Deployment
from koyeb.api.models.deployment_definition import DeploymentDefinition
from koyeb.api.models.deployment_status import DeploymentStatus
from koyeb.api.models.docker_source import DockerSource
from koyeb.api.models.service import Service
from koyeb.api.models.update_service import UpdateService
from pydantic import BaseModel, ValidationError

REPOSITORY = Path(__file__).parents[2]


def model_in(annotation):
    """The model of a field: `Optional[List[Model]]` and the like have at most one."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, typing.get_args(annotation))), None)


def unknown(value, model, where="koyeb.yaml"):
    """The keys that the model does not have, which it would ignore by itself."""
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in unknown(item, model, f"{where}[{at}]")]
    if not isinstance(value, dict) or model is None:
        return []
    fields = {field.alias or name: model_in(field.annotation) for name, field in model.model_fields.items()}
    found = [f"{where}: {model.__name__} has no {key!r}" for key in value if key not in fields]
    return found + [more for key in value if key in fields for more in unknown(value[key], fields[key], f"{where}.{key}")]


def findings(compose):
    found = unknown(compose, CreateCompose)
    try:
        CreateCompose.model_validate(compose)
    except ValidationError as error:
        found += [f"koyeb.yaml: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return found


def script():
    """What the deploy scripts name of the API."""
    text = "".join((REPOSITORY / ".github/scripts" / name).read_text() for name in ("koyeb.mjs", "deploy.mjs"))
    sets = dict(re.findall(r"const (FAILED|HEALTHY) = new Set\(\[([^\]]*)\]\)", text))
    ended = {word for words in sets.values() for word in re.findall(r'"(\w+)"', words)} | {"STASHED"}
    # All other statuses are in progress; check new statuses of Koyeb here.
    statuses = ended | {"PENDING", "PROVISIONING", "SCHEDULED", "ALLOCATING", "STARTING"}
    found = [f"koyeb.mjs: the status {word} is not the same in both" for word in statuses ^ {status.value for status in DeploymentStatus}]
    used = [
        (Service, {"active_deployment_id", "latest_deployment_id"}),
        (Deployment, {"status", "messages", "definition"}),
        (DeploymentDefinition, {"docker", "git", "archive"}),
        (DockerSource, {"image"}),
        (UpdateService, {"definition"}),
    ]
    for model, fields in used:
        found += [f"{model.__name__} has no {field}" for field in fields - set(model.model_fields)]
        found += [f"the scripts do not use {field}" for field in fields if field not in text]
    paths = set(re.findall(r"""resource_path=["']([^"']+)["']""", inspect.getsource(services_api) + inspect.getsource(deployments_api)))
    called = {re.sub(r"\$\{[^}]*\}", "{id}", path) for path in re.findall(r"`(/v1/[^`]+)`", text)}
    found += [f"koyeb.mjs: Koyeb has no {path}" for path in called - paths]
    return found + ([] if len(called) == 3 else [f"koyeb.mjs: {sorted(called)} are not the three paths that are looked for"])


compose = yaml.safe_load((REPOSITORY / "koyeb.yaml").read_text())
found = findings(compose) + script()

# Self-test: it must find a deeply nested unknown key and a value of a wrong type.
for change in [lambda definition: definition["health_checks"][0]["http"].update(paht="/"), lambda definition: definition["scalings"][0].update(min="one")]:
    wrong = copy.deepcopy(compose)
    change(wrong["services"][0]["definition"])
    if len(findings(wrong)) != len(findings(compose)) + 1:
        found.append(f"what is wrong is not found: {findings(wrong)}")

print("\n".join(found) or "koyeb.yaml and the deploy script fit Koyeb's model")
sys.exit(1 if found else 0)
