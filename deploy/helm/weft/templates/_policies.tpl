{{/* The pods of migrations, whichever service they are of. */}}
{{- define "weft.migrations" -}}
app.kubernetes.io/part-of: weft
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migration
{{- end }}

{{- define "weft.toDatabase" -}}
{{- if .Values.mysql.enabled -}}
- ports: [{ protocol: TCP, port: 3306 }]
  to:
    - podSelector:
        matchLabels: {{- include "weft.selector" (dict "root" $ "name" "mysql") | nindent 10 }}
{{- else -}}
{{- include "weft.egressTo" (dict "port" .Values.external.database.port "peers" .Values.external.database.peers) }}
{{- end }}
{{- end }}

{{/* A rule for a server outside: its peers, or whoever has its port. */}}
{{- define "weft.egressTo" -}}
- ports: [{ protocol: TCP, port: {{ .port }} }]
  {{- with .peers }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
