"""What network policies let through, by the rules of Kubernetes: a connection needs leave at both ends.

Judges objects of a plan or of a cluster, so it says what policies mean, not whether a network plugin enforces them:

    kubectl get networkpolicies,pods --all-namespaces -o json | python -m tests.infra.network_policies
    python -m tests.infra.network_policies manifests/*.json
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Object = Mapping[str, Any]


class Peer(NamedTuple):
    """One end of a connection: a pod, or an address outside the cluster, which has no namespace."""

    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = {}


def is_allowed(policies: Iterable[Object], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Return whether policies let a connection through."""
    policies = list(policies)
    way = (port, protocol)
    return _may(policies, "Egress", source, target, way) and _may(policies, "Ingress", target, source, way)


def _may(policies: list[Object], direction: str, pod: Peer, other: Peer, way: tuple[int, str]) -> bool:
    chosen = [policy["spec"] for policy in policies if _selects(policy, direction, pod)]
    field, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    rules = [rule for spec in chosen for rule in spec.get(field) or []]
    return not chosen or any(_has_port(rule, *way) and _has_peer(rule.get(peers), pod, other) for rule in rules)


def _selects(policy: Object, direction: str, pod: Peer) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        direction in types
        and policy["metadata"]["namespace"] == pod.namespace
        and _matches(spec.get("podSelector"), pod.labels)
    )


def _has_port(rule: Object, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(int(its["port"]) == port and its.get("protocol", "TCP") == protocol for its in ports)


def _has_peer(peers: list[Object] | None, pod: Peer, other: Peer) -> bool:
    return not peers or any(_is_peer(peer, pod, other) for peer in peers)


def _is_peer(peer: Object, pod: Peer, other: Peer) -> bool:
    if block := peer.get("ipBlock"):
        return _is_in(other.address, block["cidr"]) and not any(
            _is_in(other.address, cidr) for cidr in block.get("except") or []
        )
    if other.namespace is None:
        return False
    # a namespace's only label that is relied upon is the one that Kubernetes gives it
    in_namespace = (
        _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
        if peer.get("namespaceSelector") is not None
        else other.namespace == pod.namespace
    )
    return in_namespace and _matches(peer.get("podSelector"), other.labels)


def _is_in(address: str, cidr: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def _matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    selector = selector or {}
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or []:
        if expression["operator"] != "In":
            raise NotImplementedError(f"operator {expression['operator']}")
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


# --- the platform's own

OUTSIDE = {
    "internet": Peer("104.18.0.1"),
    "internet over IPv6": Peer("2606:4700::1"),
    "metadata of the cloud": Peer("169.254.169.254"),
    "private network": Peer("10.1.2.3"),
    "private network over IPv6": Peer("fd12::1"),
    "another pod": Peer("10.244.0.9", "other", {"app": "other"}),
    "DNS": Peer("10.244.0.2", "kube-system", {"k8s-app": "kube-dns"}),
}
PORTS = {"DNS": 53, "HTTP": 80, "HTTPS": 443, "SMTP": 587, "UI": 3000, "code": 4000, "PostgreSQL": 5432, "API": 6443}
INTERNET = {(name, port) for name in ("internet", "internet over IPv6") for port in ("HTTPS", "SMTP")}
KUBERNETES = {
    (name, port)
    for name in ("private network", "private network over IPv6", "another pod", "DNS", "database", "code")
    for port in ("HTTPS", "API")
}
# pods of ours let in at one port only
INSIDE = {("database", "PostgreSQL"), ("code", "code")}
EXPECTED = {
    "database": set(),
    "backup": {("database", "PostgreSQL")},
    "ingestor": {("database", "PostgreSQL")} | INTERNET,
    "run": {("database", "PostgreSQL")} | INTERNET,
    "code": {("database", "PostgreSQL")} | INTERNET,
    "daemon": INSIDE | {way for way in KUBERNETES if way[0] not in ("database", "code")},
    "webserver": INSIDE | {way for way in KUBERNETES if way[0] not in ("database", "code")},
}


def pods_of(objects: Iterable[Object]) -> Iterator[tuple[str, Peer]]:
    """Return the platform's pods by component: those of a cluster, or those that a plan's workloads would make."""
    for item in objects:
        spec, template = item.get("spec") or {}, item
        if item["kind"] == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
        elif item["kind"] in ("Deployment", "StatefulSet"):
            template = spec["template"]
        elif item["kind"] != "Pod":
            continue
        labels = template["metadata"].get("labels") or {}
        component = labels.get("app.kubernetes.io/component")
        if labels.get("app.kubernetes.io/part-of") == "weather" and component in EXPECTED:
            yield component, Peer("10.244.0.7", item["metadata"]["namespace"], labels)


def surprises(objects: list[Object]) -> list[str]:
    """Return the connections that are open and should not be, or the other way round."""
    policies = [item for item in objects if item["kind"] == "NetworkPolicy"]
    pods = dict(pods_of(objects))
    targets = OUTSIDE | {name: pods[name] for name in ("database", "code", "webserver") if name in pods}
    found = []
    for component, source in pods.items():
        for name, target in targets.items():
            for label, port in PORTS.items():
                open_ = is_allowed(policies, source, target, port)
                expected = (name, label) in EXPECTED[component] or (name, label) == ("DNS", "DNS")
                if open_ != expected and name != component:
                    found.append(f"{component} to {name}, {label}: {'open' if open_ else 'closed'}")
    for name, target in pods.items():
        found += [
            f"another pod to {name}, {label}: open"
            for label, port in PORTS.items()
            if is_allowed(policies, OUTSIDE["another pod"], target, port)
        ]
    return found if pods and policies else ["there are no pods, or no policies"]


def main() -> None:
    """Judge the objects of files, or a list of them on standard input, and exit with 1 if there is a surprise."""
    files = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    found = surprises(files or json.load(sys.stdin)["items"])
    said = found or ["the network policies let through what they should, and nothing else"]
    sys.stdout.writelines(f"{line}\n" for line in said)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
