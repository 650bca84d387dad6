"""The evaluator of network policies: Kubernetes's rules, one by one."""

from __future__ import annotations

import copy

import pytest

from tests.infra.network_policies import OUTSIDE, Peer, is_allowed, surprises

CLIENT = Peer("10.244.0.3", "weather", {"app": "client"})
DATABASE = Peer("10.244.0.4", "database", {"app": "database"})


def policy(direction, *rules, namespace="weather", selector=None):
    spec = {"podSelector": selector or {}, "policyTypes": [direction], direction.lower(): list(rules)}
    return {"kind": "NetworkPolicy", "metadata": {"namespace": namespace}, "spec": spec}


def rule(*peers, ports=(), direction="to"):
    return {direction: list(peers), "ports": [{"port": str(port), "protocol": "TCP"} for port in ports]}


TO_DATABASE = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "database"}},
    "podSelector": {"matchLabels": {"app": "database"}},
}
INTERNET = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.0.0/16"]}}


def test_a_pod_that_no_policy_selects_may_do_everything():
    assert is_allowed([policy("Egress", namespace="other")], CLIENT, DATABASE, 5432)


def test_a_pod_that_a_policy_selects_may_do_what_one_of_them_allows():
    policies = [policy("Egress"), policy("Egress", rule(TO_DATABASE, ports=[5432]))]
    assert is_allowed(policies, CLIENT, DATABASE, 5432)
    assert not is_allowed(policies, CLIENT, DATABASE, 22)
    assert not is_allowed(policies, CLIENT, DATABASE, 5432, "UDP")
    assert not is_allowed(policies, CLIENT, OUTSIDE["internet"], 5432)


def test_both_ends_must_allow_a_connection():
    egress = policy("Egress", rule(TO_DATABASE, ports=[5432]))
    assert not is_allowed([egress, policy("Ingress", namespace="database")], CLIENT, DATABASE, 5432)
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "weather"}}}
    ingress = policy("Ingress", rule(peer, ports=[5432], direction="from"), namespace="database")
    assert is_allowed([egress, ingress], CLIENT, DATABASE, 5432)


def test_a_pods_selector_alone_means_pods_of_the_same_namespace():
    policies = [policy("Egress", rule({"podSelector": {"matchLabels": {"app": "database"}}}, ports=[5432]))]
    assert not is_allowed(policies, CLIENT, DATABASE, 5432)
    assert is_allowed(policies, CLIENT, DATABASE._replace(namespace="weather"), 5432)


@pytest.mark.parametrize(
    ("target", "expected"),
    [("internet", True), ("metadata of the cloud", False), ("private network", False), ("another pod", False)],
)
def test_the_internet_is_all_addresses_but_exceptions(target, expected):
    assert is_allowed([policy("Egress", rule(INTERNET, ports=[443]))], CLIENT, OUTSIDE[target], 443) is expected


def test_a_rule_without_peers_is_open_to_pods_too():
    assert is_allowed([policy("Egress", {"ports": [{"port": "443"}]})], CLIENT, OUTSIDE["another pod"], 443)


def platform(internet):
    labels = {"app.kubernetes.io/part-of": "weather", "app.kubernetes.io/component": "run"}
    pod = {"kind": "Pod", "metadata": {"namespace": "weather", "labels": labels}}
    to_dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    return [pod, policy("Ingress"), policy("Egress", internet, rule(to_dns, ports=[53]))]


def test_what_is_open_and_should_not_be_is_named():
    internet = rule(INTERNET, {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7"]}}, ports=[443, 587])
    assert surprises(platform(internet)) == []
    without_peers = copy.deepcopy(internet)
    del without_peers["to"]
    found = surprises(platform(without_peers))
    assert "run to another pod, HTTPS: open" in found
    assert "run to metadata of the cloud, HTTPS: open" in found


def test_nothing_to_judge_is_a_surprise():
    assert surprises([]) == ["there are no pods, or no policies"]
