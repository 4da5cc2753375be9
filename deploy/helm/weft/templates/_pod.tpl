{{/* What every pod of ours has in common: restricted Pod Security, and no way to the Kubernetes API. */}}
{{- define "weft.pod" -}}
serviceAccountName: {{ .account | default (printf "%s-%s" (include "weft.name" .root) .name) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 65532 }}
  runAsGroup: {{ .user | default 65532 }}
  fsGroup: {{ .user | default 65532 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "weft.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* The environment of a workload's process: (dict "root" $ "name" … "settings" … "migrate" …). */}}
{{- define "weft.env" -}}
{{- $values := .root.Values -}}
{{- $release := include "weft.name" .root -}}
- name: POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
- name: INSTANCE_ID
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: ZONE
  valueFrom: { fieldRef: { fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } }
{{- if eq .settings.kind "grpc" }}
- { name: GRPC_HOST, value: 0.0.0.0 }
- { name: GRPC_PORT, value: "50051" }
- { name: ADVERTISE_HOST, value: $(POD_IP) }
{{- else }}
- { name: HTTP_HOST, value: 0.0.0.0 }
- { name: HTTP_PORT, value: "8080" }
- { name: DESCRIPTORS, value: /weft/proto/gen/descriptors.binpb }
{{- end }}
- { name: ADMIN_HOST, value: 0.0.0.0 }
- { name: ADMIN_PORT, value: "9090" }
- name: REGISTRY
  value: {{ include "weft.registry" .root | quote }}
{{- if and (eq $values.discovery "etcd") $values.external.etcd.existingSecret }}
- { name: REGISTRY_CA_FILE, value: /registry/ca.crt }
{{- if $values.external.etcd.clientCertificate }}
- { name: REGISTRY_CERT_FILE, value: /registry/tls.crt }
- { name: REGISTRY_KEY_FILE, value: /registry/tls.key }
{{- end }}
{{- if $values.external.etcd.user }}
- name: REGISTRY_USER
  valueFrom: { secretKeyRef: { name: {{ $values.external.etcd.existingSecret }}, key: username } }
- name: REGISTRY_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $values.external.etcd.existingSecret }}, key: password } }
{{- end }}
{{- end }}
- { name: CACHE_DIR, value: /cache }
- { name: TLS_CA_FILE, value: /identity/ca.crt }
- { name: TLS_CERT_FILE, value: /identity/tls.crt }
- { name: TLS_KEY_FILE, value: /identity/tls.key }
- name: TRUST_DOMAIN
  value: {{ $values.trustDomain | quote }}
- name: TOKEN_ISSUER
  value: {{ $values.tokens.issuer | quote }}
- name: TOKEN_AUDIENCE
  value: {{ $values.tokens.audience | quote }}
- { name: TOKEN_KEYS, value: shop.identity.v1.KeyService/GetKeySet }
- { name: TOKEN_REVOCATIONS, value: shop.identity.v1.KeyService/WatchRevocations }
- name: LOG_LEVEL
  value: {{ $values.logLevel }}
{{- with $values.telemetry.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $values.telemetry.sampleRatio | quote }}
{{- end }}
{{- if .settings.database }}
- name: DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ include "weft.databases" .root }}, key: {{ .name }} } }
- { name: MIGRATE, value: {{ .migrate }} }
{{- end }}
{{- if eq .name "identity" }}
- { name: KEY_ENCRYPTION_KEY_FILE, value: /secrets/key-encryption.key }
- name: ADMIN_EMAIL
  valueFrom: { secretKeyRef: { name: {{ include "weft.secrets" .root }}, key: email } }
- name: ADMIN_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "weft.secrets" .root }}, key: password } }
{{- end }}
{{- range $variable, $value := .settings.env }}
- name: {{ $variable }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "weft.mounts" -}}
- { name: identity, mountPath: /identity, readOnly: true }
- { name: cache, mountPath: /cache }
{{- if eq .name "identity" }}
- { name: secrets, mountPath: /secrets, readOnly: true }
{{- end }}
{{- if and (eq .root.Values.discovery "etcd") .root.Values.external.etcd.existingSecret }}
- { name: registry, mountPath: /registry, readOnly: true }
{{- end }}
{{- end }}

{{- define "weft.volumes" -}}
- name: identity
  secret: { secretName: {{ include "weft.name" .root }}-{{ .name }}-tls, defaultMode: 0440 }
- name: cache
  emptyDir: { sizeLimit: 16Mi }
{{- if eq .name "identity" }}
- name: secrets
  secret:
    secretName: {{ include "weft.secrets" .root }}
    defaultMode: 0440
    items: [{ key: key-encryption.key, path: key-encryption.key }]
{{- end }}
{{- if and (eq .root.Values.discovery "etcd") .root.Values.external.etcd.existingSecret }}
- name: registry
  secret: { secretName: {{ .root.Values.external.etcd.existingSecret }}, defaultMode: 0440 }
{{- end }}
{{- end }}

{{/* Where instances are found. All of ours listen on the same port, so that one name in DNS fits them all. */}}
{{- define "weft.registry" -}}
{{- if eq .Values.discovery "dns" -}}
dns:{{ include "weft.name" . }}-{workload}.{{ .Release.Namespace }}.svc:50051
{{- else if .Values.etcd.enabled -}}
etcd://{{ include "weft.name" . }}-etcd:2379
{{- else -}}
{{- if not .Values.external.etcd.endpoints }}{{ fail "discovery by etcd needs external.etcd.endpoints, or etcd.enabled for development; discovery: dns needs neither" }}{{ end -}}
etcd{{ if .Values.external.etcd.existingSecret }}s{{ end }}://{{ join "," .Values.external.etcd.endpoints }}
{{- end }}
{{- end }}
