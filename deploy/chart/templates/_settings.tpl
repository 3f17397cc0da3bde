{{/* Labels of an object. Takes a list of the root and the component, `agent` or `ca`. */}}
{{- define "sds-node-agent.labels" -}}
{{- $root := index . 0 -}}
{{ include "sds-node-agent.selector" . }}
app.kubernetes.io/part-of: sds-node-agent
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
{{- end }}

{{/* The labels that pods are found by, which must never change. */}}
{{- define "sds-node-agent.selector" -}}
app.kubernetes.io/name: sds-node-agent
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The image. Istio's own node agent, where old values name it, is replaced by this one. */}}
{{- define "sds-node-agent.image" -}}
{{- $given := .Values.nodeagent.image | default "" -}}
{{- if and (contains "/" $given) (not (contains "node-agent-k8s" $given)) -}}
{{ $given }}
{{- else if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The preset's name, from values of today or from Istio's. */}}
{{- define "sds-node-agent.preset" -}}
{{- $env := .Values.nodeagent.env | default dict -}}
{{- $provider := $env.CA_PROVIDER | default "" | toString -}}
{{- if .Values.preset -}}
{{ .Values.preset }}
{{- else if eq $provider "Citadel" -}}
istiod
{{- else if eq $provider "VaultCA" -}}
vault
{{- else if $provider -}}
{{- fail (printf "nodeagent.env.CA_PROVIDER is %q, which this agent does not have: it has Citadel and VaultCA from Istio's time; choose one of the presets" $provider) -}}
{{- else -}}
ca
{{- end -}}
{{- end }}

{{/* The settings that a preset stands for. */}}
{{- define "sds-node-agent.preset-settings" -}}
{{- $preset := include "sds-node-agent.preset" . -}}
{{- if eq $preset "ca" }}
CA_PROVIDER: Citadel
CA_ADDR: sds-node-agent-ca.{{ .Release.Namespace }}.svc:15012
{{- else if eq $preset "istiod" }}
CA_PROVIDER: Citadel
CA_ADDR: istiod.istio-system.svc:15012
CLUSTER_ID: Kubernetes
{{- else if eq $preset "istio-csr" }}
CA_PROVIDER: Citadel
CA_ADDR: cert-manager-istio-csr.cert-manager.svc:443
CLUSTER_ID: Kubernetes
{{- else if eq $preset "vault" }}
CA_PROVIDER: VaultCA
{{- else if eq $preset "embedded" }}
CA_PROVIDER: Embedded
STATE_DIR: /var/lib/sds-node-agent
{{- end }}
{{- end }}

{{/* The ConfigMap with the root of the CA's server certificate: its name, a blank, its key. Nothing where there is none. */}}
{{- define "sds-node-agent.ca-root" -}}
{{- $preset := include "sds-node-agent.preset" . -}}
{{- $configMap := "" -}}
{{- if eq $preset "ca" }}{{ $configMap = "sds-node-agent-ca-root" }}{{ end -}}
{{- if has $preset (list "istiod" "istio-csr") }}{{ $configMap = "istio-ca-root-cert" }}{{ end -}}
{{- with .Values.caRoot.configMap | default $configMap -}}
{{ . }} {{ $.Values.caRoot.key | default "root-cert.pem" }}
{{- end -}}
{{- end }}

{{/* What Istio's values say, as settings. Names that are no settings are left out; NOTES.txt lists them. */}}
{{- define "sds-node-agent.istio-settings" -}}
{{- $names := .Files.Get "files/settings.json" | fromJsonArray -}}
{{- $env := .Values.nodeagent.env | default dict -}}
{{- if $env.PLUGINS -}}
{{- fail (printf "nodeagent.env.PLUGINS is %q: this agent exchanges no tokens before it asks a CA; leave it out" ($env.PLUGINS | toString)) -}}
{{- end -}}
{{- $settings := dict -}}
{{- range $name, $value := $env -}}
{{- if and (ne ($value | toString) "") (or (has $name $names) (hasPrefix "CA_HEADER_" $name)) -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- end -}}
{{- $sds := .Values.global.sds | default dict -}}
{{- $token := $sds.token | default dict -}}
{{- with .Values.global.trustDomain }}{{ $_ := set $settings "TRUST_DOMAIN" . }}{{ end -}}
{{- with $token.aud }}{{ $_ := set $settings "TOKEN_AUDIENCES" . }}{{ end -}}
{{- with $sds.udsPath }}{{ $_ := set $settings "SDS_UDS_PATH" (trimPrefix "unix:" .) }}{{ end -}}
{{ $settings | toYaml }}
{{- end }}

{{/* Every setting of the agents that is not as the agent has it by itself, as a map. */}}
{{- define "sds-node-agent.settings" -}}
{{- $settings := dict "TOKEN_VERIFIER" "kubernetes" -}}
{{- if .Values.tokenless }}{{ $settings = merge $settings (dict "WORKLOAD_TOKENS" "request" "PEER_ATTESTATION" "enforce") }}{{ end -}}
{{- with .Values.gatewaySecrets }}
{{- if .namespace }}{{ $settings = merge $settings (dict "GATEWAY_SECRETS_NAMESPACE" .namespace "GATEWAY_SDS_UDS_PATH" .socket) }}{{ end -}}
{{- end -}}
{{- if .Values.policy }}{{ $_ := set $settings "POLICY_FILE" "/etc/sds-node-agent/policy/policy.json" }}{{ end -}}
{{- if include "sds-node-agent.ca-root" . }}{{ $_ := set $settings "CA_ROOT_CA" "/var/run/secrets/sds-node-agent/ca/root-cert.pem" }}{{ end -}}
{{- $settings = mustMergeOverwrite $settings (include "sds-node-agent.preset-settings" . | fromYaml) (include "sds-node-agent.istio-settings" . | fromYaml) .Values.settings -}}
{{- if not $settings.CA_PROVIDER }}{{ fail "preset is custom, but settings.CA_PROVIDER is not set" }}{{ end -}}
{{- if eq (include "sds-node-agent.preset" .) "vault" -}}
{{- range list "VAULT_ADDR" "VAULT_ROLE" "VAULT_SIGN_CSR_PATH" -}}
{{- if not (get $settings .) }}{{ fail (printf "preset vault needs settings.%s" .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{ $settings | toYaml }}
{{- end }}

{{/* A map of settings as the environment of a container. */}}
{{- define "sds-node-agent.environment" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- /* A whole number comes as a float, which would be written 1e+06. */}}
  {{- if and (kindIs "float64" $value) (eq (float64 (int64 $value)) $value) }}
  value: {{ $value | int64 | toString | quote }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The directories of the sockets that pods connect to, as a list. */}}
{{- define "sds-node-agent.socket-directories" -}}
{{- $settings := include "sds-node-agent.settings" . | fromYaml -}}
{{- $directories := list (dir ($settings.SDS_UDS_PATH | default "/var/run/sds/uds_path")) -}}
{{- range list "GATEWAY_SDS_UDS_PATH" "WORKLOAD_API_UDS_PATH" -}}
{{- with get $settings . }}{{ $directories = append $directories (dir .) }}{{ end -}}
{{- end -}}
{{ $directories | uniq | toYaml }}
{{- end }}

{{/* Nothing where Istio's values have switched the node agent off. */}}
{{- define "sds-node-agent.enabled" -}}
{{- if ne (toString .Values.nodeagent.enabled) "false" }}true{{ end -}}
{{- end }}

{{- define "sds-node-agent.has-ca" -}}
{{- if and (include "sds-node-agent.enabled" .) (eq (include "sds-node-agent.preset" .) "ca") }}true{{ end -}}
{{- end }}

{{/* The monitoring port that a map of settings has. */}}
{{- define "sds-node-agent.monitoring-port" -}}
{{ get . "MONITORING_PORT" | default 15014 | int }}
{{- end }}

{{/* Probes of agent and CA alike. */}}
{{- define "sds-node-agent.probes" -}}
startupProbe:
  httpGet: {path: /healthz/live, port: monitoring}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz/live, port: monitoring}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /healthz/ready, port: monitoring}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{/* Rights of a container: none. */}}
{{- define "sds-node-agent.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "sds-node-agent.pod-security" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
seccompProfile: {type: RuntimeDefault}
{{- with .Values.seLinuxOptions }}
seLinuxOptions: {{ toJson . }}
{{- end }}
{{- end }}
