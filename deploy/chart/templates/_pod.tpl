{{/* What every pod of octyseg has around its one container. Given: root, the chart's own; sees history, whether it does. */}}

{{- define "octyseg.annotations" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "octyseg.pod" -}}
{{- $root := .root -}}
automountServiceAccountToken: false
# Kubernetes would set OCTYSEG_API_SERVICE_HOST and the like, and unknown settings are refused.
enableServiceLinks: false
{{- with $root.Values.serviceAccount.name }}
serviceAccountName: {{ . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
# A worker commits and ends within 15 s.
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: work
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  {{- if .history }}
  - name: history
    persistentVolumeClaim: {claimName: {{ include "octyseg.historyClaim" $root }}}
  {{- end }}
{{- end }}

{{- define "octyseg.container" -}}
{{- $root := .root -}}
image: "{{ $root.Values.image.repository }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}"
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
env:
  - name: OCTYSEG_INSTANCE_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
envFrom:
  - configMapRef: {name: {{ include "octyseg.name" $root }}}
  {{- with $root.Values.existingSecret }}
  - secretRef: {name: {{ . }}}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: work, mountPath: /var/lib/octyseg}
  - {name: tmp, mountPath: /tmp}
  {{- if .history }}
  - {name: history, mountPath: /var/lib/octyseg/history}
  {{- end }}
{{- end }}
