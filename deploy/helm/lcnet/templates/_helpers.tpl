{{- define "lcnet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 54 characters, so that "-headless" fits behind it. */}}
{{- define "lcnet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains (include "lcnet.name" .) .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "lcnet.name" .) | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "lcnet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lcnet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lcnet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "lcnet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "lcnet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "lcnet.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* Whether calls are taken: of gRPC's own health service, which kubelet can only ask without TLS. */}}
{{- define "lcnet.readiness" -}}
{{- if .Values.security.tlsSecret }}
httpGet:
  path: /readyz
  port: http
  scheme: HTTPS
{{- else }}
grpc:
  port: 8001
  service: lcnet.v1.Classifier
{{- end }}
{{- end }}

{{/* A setting's value as text. Helm reads every number as a float and would print 8388608 as 8.388608e+06, which the server refuses. */}}
{{- define "lcnet.setting" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}
{{- int64 . }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}

{{/* Seconds, as hours, minutes and seconds. */}}
{{- define "lcnet.duration" -}}
{{- $seconds := int64 . -}}
{{- printf "%02d:%02d:%02d" (div $seconds 3600) (mod (div $seconds 60) 60) (mod $seconds 60) }}
{{- end }}
