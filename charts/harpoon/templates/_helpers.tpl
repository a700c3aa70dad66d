{{- define "harpoon.name" -}}
{{- if contains "harpoon" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-harpoon" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "harpoon.selector" -}}
app.kubernetes.io/name: harpoon-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "harpoon.labels" -}}
{{ include "harpoon.selector" . }}
app.kubernetes.io/part-of: harpoon
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "harpoon.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "harpoon.name" .) }}
{{- end }}

{{/* repository:tag or repository@digest; takes a list of the image and the chart's version */}}
{{- define "harpoon.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}
