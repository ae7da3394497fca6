"""Validates raw responses against botocore's service models.

botocore itself parses leniently: it drops unknown members and fills in missing ones. This module reads the body as it
was sent instead, and reports every member that is not in the model, every required member that is missing, and every
value that violates its type, length, range, pattern or enumeration.
"""

import json
import re
import xml.etree.ElementTree as ElementTree

# Members for which AWS's documented responses violate its own model, each with its source.
BEYOND_THE_MODEL = {
    # "RegistrationsCount": 0 in the AWS CLI's example of describe-activations; the model says at least 1.
    ("RegistrationsCount", "less than 1"),
    # "InvalidParameters": [] in the AWS CLI's example of get-parameters; the model says at least 1.
    ("InvalidParameters", "shorter than 1"),
    ("DeletedParameters", "shorter than 1"),
    # "OutputS3BucketName": "" in the AWS CLI's example of send-command; the model says at least 3.
    ("OutputS3BucketName", "shorter than 3"),
}

# Errors that every service of a protocol may return, although no operation lists them.
COMMON = {
    "json": {
        "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InternalServerError",
        "InvalidSignatureException", "MissingAuthenticationTokenException", "SerializationException",
        "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException", "ValidationException",
    },
    "query": {
        "AccessDenied", "ExpiredToken", "IncompleteSignature", "InternalFailure", "InvalidAction",
        "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAction", "SignatureDoesNotMatch", "Throttling",
        "ValidationError",
    },
}
COMMON["rest-json"] = COMMON["json"]

# Errors that AWS returns although its model does not list them.
UNDECLARED = {("CreateNodegroup", "ResourceNotFoundException")}


def pattern_of(text):
    """Converts a Java pattern for Python's `re`."""
    for java, python in [
        (r"\p{L}", "a-zA-Z\u00aa-\u1fff\u2c00-\ufdff"),
        (r"\p{Z}", r"\s"),
        (r"\p{N}", "0-9"),
        (r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF"),
    ]:
        text = text.replace(java, python)
    return re.compile(text, re.DOTALL)


class Faults(list):
    def add(self, place, what):
        name = place.rsplit(".", 1)[-1].split("[")[0]
        if (name, what.split(":")[0]) not in BEYOND_THE_MODEL:
            self.append(f"{place}: {what}")


def reply(operation, status, headers, body):
    """The faults of one response, as texts. `operation` is a botocore OperationModel."""
    protocol = operation.service_model.metadata["protocol"]
    faults = Faults()
    try:
        if status >= 300:
            error(operation, protocol, headers, body, faults)
        elif protocol in ("json", "rest-json"):
            if operation.output_shape is not None:
                value(operation.output_shape, json.loads(body or b"{}"), operation.name, faults)
        else:
            success_xml(operation, protocol, body, faults)
    except (ValueError, ElementTree.ParseError) as problem:
        faults.append(f"{operation.name}: the body cannot be read: {problem}")
    if not any(name.lower() in ("x-amzn-requestid", "x-amz-request-id") for name in headers):
        faults.append(f"{operation.name}: no request ID in the headers")
    return list(faults)


def error(operation, protocol, headers, body, faults):
    place = f"{operation.name} error"
    known = {shape.error_code: shape for shape in operation.error_shapes}
    if protocol in ("json", "rest-json"):
        members = json.loads(body)
        header = {name.lower(): text for name, text in headers.items()}.get("x-amzn-errortype")
        code = header if protocol == "rest-json" else members.pop("__type", None)
        if not code:
            faults.add(place, "no error code")
        elif code in known:
            value(known[code], members, f"{place} {code}", faults)
        elif code not in COMMON[protocol] and (operation.name, code) not in UNDECLARED:
            faults.add(place, f"{code} is neither the operation's nor common")
        return
    root = strip(ElementTree.fromstring(body))
    if protocol == "ec2":
        # EC2's model lists no errors.
        names = [child.tag for child in root]
        if root.tag != "Response" or names != ["Errors", "RequestID"]:
            faults.add(place, f"not EC2's form: {root.tag} {names}")
        elif [child.tag for child in root[0][0]] != ["Code", "Message"]:
            faults.add(place, "an error has code and message")
        return
    names = [child.tag for child in root]
    if root.tag != "ErrorResponse" or names != ["Error", "RequestId"]:
        faults.add(place, f"not the query protocol's form: {root.tag} {names}")
        return
    members = {child.tag: child.text for child in root[0]}
    if set(members) != {"Type", "Code", "Message"}:
        faults.add(place, f"members {sorted(members)}")
    elif members["Code"] not in known and members["Code"] not in COMMON["query"]:
        faults.add(place, f"{members['Code']} is neither the operation's nor common")


def value(shape, found, place, faults):
    """Validates JSON."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(found, dict):
            return faults.add(place, f"not a structure: {found!r}")
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, inner in found.items():
            if name not in names:
                faults.add(f"{place}.{name}", "the model has no such member")
            elif inner is not None:
                value(names[name], inner, f"{place}.{name}", faults)
        for name in shape.required_members:
            if found.get(shape.members[name].serialization.get("name", name)) is None:
                faults.add(f"{place}.{name}", "required, and absent")
    elif kind == "list":
        if not isinstance(found, list):
            return faults.add(place, f"not a list: {found!r}")
        length(shape, len(found), place, faults)
        for index, inner in enumerate(found):
            value(shape.member, inner, f"{place}[{index}]", faults)
    elif kind == "map":
        if not isinstance(found, dict):
            return faults.add(place, f"not a map: {found!r}")
        for name, inner in found.items():
            value(shape.key, name, f"{place}[{name!r}]", faults)
            value(shape.value, inner, f"{place}[{name!r}]", faults)
    elif kind == "string":
        string(shape, found, place, faults)
    elif kind in ("integer", "long"):
        if not isinstance(found, int) or isinstance(found, bool):
            return faults.add(place, f"not an integer: {found!r}")
        number(shape, found, place, faults)
    elif kind == "boolean":
        if not isinstance(found, bool):
            faults.add(place, f"not a boolean: {found!r}")
    elif kind == "timestamp":
        if not isinstance(found, (int, float)) or isinstance(found, bool):
            faults.add(place, f"not seconds since 1970: {found!r}")
    else:
        faults.add(place, f"no check for type {kind}")


def string(shape, found, place, faults):
    if not isinstance(found, str):
        return faults.add(place, f"not a string: {found!r}")
    length(shape, len(found), place, faults)
    # EC2 answers `available` where the model lists `Available` (example of describe-vpc-endpoints in the CLI reference).
    lenient = shape.enum and shape.name == "State" and found.islower()
    if shape.enum and found not in ([name.lower() for name in shape.enum] if lenient else shape.enum):
        faults.add(place, f"{found!r} is not one of {shape.enum}")
    # "If the plugin has not started to run, the string is empty", says the model of its dates. A duration has their type,
    # too: "ExecutionElapsedTime": "PT0.2S".
    if shape.name == "StringDateTime" and (found == "" or found.startswith("PT")):
        return None
    pattern = shape.metadata.get("pattern")
    if pattern and not pattern_of(pattern).fullmatch(found):
        faults.add(place, f"{found!r} does not fit {pattern}")


def length(shape, found, place, faults):
    if found < shape.metadata.get("min", 0):
        faults.add(place, f"shorter than {shape.metadata['min']}: {found}")
    if found > shape.metadata.get("max", found):
        faults.add(place, f"longer than {shape.metadata['max']}: {found}")


def number(shape, found, place, faults):
    if found < shape.metadata.get("min", found):
        faults.add(place, f"less than {shape.metadata['min']}: {found}")
    if found > shape.metadata.get("max", found):
        faults.add(place, f"more than {shape.metadata['max']}: {found}")


def strip(element):
    """Removes the namespace from every name."""
    for inner in element.iter():
        inner.tag = inner.tag.split("}")[-1]
    return element


def success_xml(operation, protocol, body, faults):
    text = body.decode()
    namespace = operation.service_model.metadata.get("xmlNamespace", "").rstrip("/")
    if namespace and namespace not in text[:400]:
        faults.add(operation.name, f"namespace {namespace} is absent")
    root = strip(ElementTree.fromstring(text))
    if root.tag != f"{operation.name}Response":
        faults.add(operation.name, f"the outermost element is {root.tag}")
    shape = operation.output_shape
    if protocol == "ec2":
        children = [child for child in root if child.tag != "requestId"]
        if shape is None:
            if [child.tag for child in children] != ["return"] or children[0].text != "true":
                faults.add(operation.name, "an operation without output answers <return>true</return>")
            return
        return structure_xml(shape, children, operation.name, faults)
    allowed = ["ResponseMetadata"]
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper")
        allowed.insert(0, wrapper)
        inner = root.find(wrapper)
        if inner is None:
            faults.add(operation.name, f"{wrapper} is absent")
        else:
            structure_xml(shape, list(inner), operation.name, faults)
    names = [child.tag for child in root]
    if names != allowed:
        faults.add(operation.name, f"elements {names} instead of {allowed}")


def structure_xml(shape, children, place, faults):
    names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    seen = set()
    for child in children:
        if child.tag not in names:
            faults.add(f"{place}.{child.tag}", "the model has no such member")
            continue
        if child.tag in seen:
            faults.add(f"{place}.{child.tag}", "given twice")
        seen.add(child.tag)
        element(names[child.tag], child, f"{place}.{child.tag}", faults)
    for name in shape.required_members:
        if shape.members[name].serialization.get("name", name) not in seen:
            faults.add(f"{place}.{name}", "required, and absent")


def element(shape, found, place, faults):
    kind, text = shape.type_name, found.text or ""
    if kind == "structure":
        structure_xml(shape, list(found), place, faults)
    elif kind == "list":
        name = shape.member.serialization.get("name", "member")
        # EC2 names every list entry "item", whatever the model of the shape says.
        length(shape, len(found), place, faults)
        for index, child in enumerate(found):
            if child.tag not in (name, "item" if name != "member" else name):
                faults.add(place, f"an entry is called {child.tag} instead of {name}")
            element(shape.member, child, f"{place}[{index}]", faults)
    elif kind == "string":
        string(shape, text, place, faults)
    elif kind in ("integer", "long"):
        if re.fullmatch(r"-?\d+", text):
            number(shape, int(text), place, faults)
        else:
            faults.add(place, f"not an integer: {text!r}")
    elif kind == "boolean":
        if text not in ("true", "false"):
            faults.add(place, f"not a boolean: {text!r}")
    elif kind == "timestamp":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
            faults.add(place, f"not a time: {text!r}")
    else:
        faults.add(place, f"no check for type {kind}")
