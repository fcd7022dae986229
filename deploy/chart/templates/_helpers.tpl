{{- define "wolkvox-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name alone where it has the chart's in it. Cut at 63 letters, which a label may have. */}}
{{- define "wolkvox-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "wolkvox-exporter.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "wolkvox-exporter.labels" -}}
helm.sh/chart: {{ include "wolkvox-exporter.chart" . }}
{{ include "wolkvox-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "wolkvox-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wolkvox-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "wolkvox-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "wolkvox-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "wolkvox-exporter.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "wolkvox-exporter.webConfigArg" -}}
--web.config.file=/run/secrets/wolkvox-web/web.yml
{{- end }}

{{/* How a health check asks. */}}
{{- define "wolkvox-exporter.probe" -}}
{{- $web := .root.Values.webConfig }}
{{- if and $web.existingSecret $web.clientCertificates -}}
exec:
  command: [/usr/bin/wolkvox-exporter, health, "--web.listen-address=:10077", {{ include "wolkvox-exporter.webConfigArg" .root | quote }}]
timeoutSeconds: 5
{{- else -}}
httpGet: { path: {{ .path }}, port: metrics{{ if $web.existingSecret }}, scheme: {{ $web.scheme }}{{ end }} }
{{- end }}
{{- end }}
