#!/usr/bin/env bash
# The simulator as a pod, in the place of OpenWeather, and with it a channel for alerts, which prints them.
#
#   simulator.sh certificate DIR      makes ca.crt, tls.crt and tls.key in DIR, for 30 days
#   simulator.sh deploy DIR IMAGE     deploys it into namespace simulator, and waits until it answers
#
# Terraform is then to have (see environment): TF_VAR_ca_file=DIR/ca.crt, the address in TF_VAR_settings, the channel in
# TF_VAR_alert_urls, ports 8443 and 8081 of namespace simulator in TF_VAR_egress_allow.
#   eval "$(simulator.sh environment DIR)"
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
host=simulator.simulator.svc.cluster.local

certificate() { # DIR
  cd "$1"
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.crt -subj "/CN=simulator's authority" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=simulator 2>/dev/null
  openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out tls.crt \
    -extfile <(printf 'subjectAltName=DNS:%s' "$host") 2>/dev/null
  chmod 600 ./*.key
}

environment() { # DIR
  printf 'export TF_VAR_ca_file=%q\n' "$(cd "$1" && pwd)/ca.crt"
  # enough attempts to outlast the minute in which the simulator starts
  printf 'export TF_VAR_settings=%q\n' "{\"SOURCES__WEATHER__BASE_URL\": \"https://$host:8443\", \"SOURCES__WEATHER__CALLS_PER_MINUTE\": \"600\"}"
  printf 'export TF_VAR_egress_allow=%q\n' '[{"namespace": "simulator", "ports": [8443, 8081]}]'
  printf 'export TF_VAR_alert_urls=%q\n' "[\"json://$host:8081\"]"
  printf 'export TF_VAR_openweather_api_key=%q\n' 5e171e15ec7e15ec7e15ec7e15ec7e15
}

deploy() { # DIR IMAGE
  kubectl create namespace simulator
  kubectl -n simulator create secret generic tls --from-file="$1/tls.crt" --from-file="$1/tls.key"
  kubectl -n simulator create configmap proxy --from-file="$here/tls_proxy.py" --from-file="$here/alert_receiver.py"
  kubectl apply -f - <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: simulator, namespace: simulator}
spec:
  selector: {matchLabels: {app: simulator}}
  template:
    metadata: {labels: {app: simulator}}
    spec:
      terminationGracePeriodSeconds: 1 # neither process has anything to finish
      securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001}
      containers:
        - name: simulator
          image: "$2"
          imagePullPolicy: IfNotPresent
          command: [python, -m, dlt_sources.openweather_simulator]
          volumeMounts: [{name: tmp, mountPath: /tmp}]
        - name: proxy
          image: "$2"
          imagePullPolicy: IfNotPresent
          command: [python, /proxy/tls_proxy.py]
          ports: [{name: https, containerPort: 8443}]
          readinessProbe: {tcpSocket: {port: https}, periodSeconds: 1}
          volumeMounts: [{name: tls, mountPath: /tls}, {name: proxy, mountPath: /proxy}]
        - name: alerts
          image: "$2"
          imagePullPolicy: IfNotPresent
          command: [python, /proxy/alert_receiver.py]
          ports: [{name: alerts, containerPort: 8081}]
          readinessProbe: {tcpSocket: {port: alerts}, periodSeconds: 1}
          volumeMounts: [{name: proxy, mountPath: /proxy}]
      volumes:
        - {name: tmp, emptyDir: {}}
        - {name: tls, secret: {secretName: tls, defaultMode: 0440}}
        - {name: proxy, configMap: {name: proxy}}
---
apiVersion: v1
kind: Service
metadata: {name: simulator, namespace: simulator}
spec:
  selector: {app: simulator}
  ports: [{name: https, port: 8443, targetPort: https}, {name: alerts, port: 8081, targetPort: alerts}]
YAML
  kubectl -n simulator rollout status deployment/simulator --timeout=180s
}

"$@"
