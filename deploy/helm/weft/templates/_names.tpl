{{/* What the names of all objects begin with. */}}
{{- define "weft.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "weft.selector" -}}
app.kubernetes.io/part-of: weft
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{/* The labels of an object: (dict "root" $ "name" …). */}}
{{- define "weft.labels" -}}
{{ include "weft.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* An image of ours: (dict "root" $ "name" …). */}}
{{- define "weft.image" -}}
image: {{ printf "%s/%s:%s" .root.Values.image.repository .name (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- end }}

{{/* What a workload is set to: the defaults, with its own settings over them, as YAML. */}}
{{- define "weft.settings" -}}
{{ mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .name)) | toYaml }}
{{- end }}

{{- define "weft.secrets" -}}
{{ .Values.secrets.existingSecret | default (printf "%s-secrets" (include "weft.name" .)) }}
{{- end }}

{{- define "weft.databases" -}}
{{ .Values.external.database.existingSecret | default (printf "%s-databases" (include "weft.name" .)) }}
{{- end }}

{{/* Whether a Job of ours has Secrets to make: "true" or nothing. */}}
{{- define "weft.setup" -}}
{{- if or (eq .Values.certificates.source "job") .Values.mysql.enabled (not .Values.secrets.existingSecret) }}true{{ end }}
{{- end }}
