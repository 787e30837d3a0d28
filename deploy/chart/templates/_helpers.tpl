{{- define "inn.name" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "inn.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "inn.name" .) "default") }}
{{- end }}

{{/* Those below take a list: the chart's context, and the component. */}}

{{- define "inn.selector" -}}
app.kubernetes.io/name: inn
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "inn.labels" -}}
{{ include "inn.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{- define "inn.metadata" -}}
name: {{ include "inn.name" (index . 0) }}{{ with index . 1 }}-{{ . }}{{ end }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "inn.labels" . | nindent 2 }}
{{- end }}

{{/* Numbers as they were written, not as 1e+07. */}}
{{- define "inn.data" -}}
{{- range $name, $value := . -}}
{{ $name }}: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{ end }}
{{- end }}

{{/* The secrets of a component, as JSON: a setting, and the Secret and key that hold it. */}}
{{- define "inn.secrets" -}}
{{- $ := index . 0 }}
{{- $function := eq (index . 1) "function" }}
{{- $secrets := list }}
{{- range $.Values.secret.keys }}
{{- $broker := hasPrefix "RABBITMQ_" . }}
{{- $tokens := eq "HTTP_TOKENS" . }}
{{- if not (or (and $function $broker) (and $tokens (or (not $function) $.Values.knative.enabled))) }}
{{- $place := get $.Values.secret.from . | default dict }}
{{- $secrets = append $secrets (dict "setting" . "name" ($place.name | default $.Values.secret.name) "key" ($place.key | default .)) }}
{{- end }}
{{- end }}
{{- toJson $secrets }}
{{- end }}

{{/* Changes with whatever a process reads once at its start. Secrets are seen where Helm asks a cluster. */}}
{{- define "inn.checksum" -}}
{{- $ := index . 0 }}
{{- $versions := list }}
{{- range include "inn.secrets" . | fromJsonArray }}
{{- $versions = append $versions (dig "metadata" "resourceVersion" "" (lookup "v1" "Secret" $.Release.Namespace .name)) }}
{{- end }}
{{- $settings := list $.Values.settings (eq (index . 1) "consumer" | ternary $.Values.consumer.settings dict) }}
{{- list $settings $versions | toJson | sha256sum }}
{{- end }}

{{- define "inn.podMetadata" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "inn.selector" . | nindent 2 }}
  {{- with $.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/settings: {{ include "inn.checksum" . }}
  {{- if not $.Values.podMonitor.enabled }}
  prometheus.io/scrape: "true"
  prometheus.io/port: "8080"
  prometheus.io/path: /metrics
  {{- end }}
  {{- with $.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What a pod of a Deployment and one of Knative have in common. */}}
{{- define "inn.pod" -}}
{{- $ := index . 0 }}
{{- $component := index . 1 }}
{{- $knative := and $.Values.knative.enabled (eq $component "function") }}
{{- $secrets := include "inn.secrets" . | fromJsonArray -}}
serviceAccountName: {{ include "inn.serviceAccount" $ }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
containers:
  - name: {{ $component }}
    image: {{ $.Values.image.repository }}{{ with $.Values.image.digest }}@{{ . }}{{ else }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}{{ end }}
    imagePullPolicy: {{ $.Values.image.pullPolicy }}
    args:
      - {{ eq $component "function" | ternary "serve" "consume" }}
    ports:
      - name: {{ $knative | ternary "http1" "http" }}
        containerPort: 8080
    envFrom:
      - configMapRef:
          name: {{ include "inn.name" $ }}
      {{- if eq $component "consumer" }}
      - configMapRef:
          name: {{ include "inn.name" $ }}-consumer
      {{- end }}
    env:
      - name: HTTP_HOST
        value: 0.0.0.0
      - name: HTTP_PORT
        value: "8080"
      {{- if $.Values.extraCA.configMap }}
      - name: SSL_CERT_FILE
        value: /etc/inn/ca/{{ $.Values.extraCA.key }}
      {{- end }}
      {{- range $secrets }}
      {{- if $.Values.secret.asFiles }}
      - name: {{ .setting }}_FILE
        value: /run/secrets/inn/{{ .setting }}
      {{- else }}
      - name: {{ .setting }}
        valueFrom:
          secretKeyRef:
            name: {{ .name }}
            key: {{ .key }}
      {{- end }}
      {{- end }}
    {{- /* The probes answer while the servers are still being looked for: a server that is down makes the pod not
           ready, and never restarts it. Knative has no startup probe of its own, and calls the port by its number. */}}
    {{- if not $knative }}
    startupProbe:
      httpGet: {path: /livez, port: http}
      periodSeconds: 1
      failureThreshold: 30
    {{- end }}
    livenessProbe:
      httpGet: {path: /livez, port: {{ $knative | ternary 8080 "http" }}}
      periodSeconds: 10
      timeoutSeconds: 3
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: {{ $knative | ternary 8080 "http" }}}
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    {{- if and (eq $component "function") (not $knative) }}
    lifecycle:
      preStop:
        # Until no proxy sends new requests here.
        sleep: {seconds: 5}
    {{- end }}
    resources:
      {{- toYaml (index $.Values $component).resources | nindent 6 }}
    # The image names its user; a cluster that gives each namespace its own, as OpenShift, may choose another.
    securityContext:
      runAsNonRoot: true
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- if $.Values.secret.asFiles }}
      - name: secrets
        mountPath: /run/secrets/inn
        readOnly: true
      {{- end }}
      {{- if $.Values.extraCA.configMap }}
      - name: ca
        mountPath: /etc/inn/ca
        readOnly: true
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 16Mi}
  {{- if $.Values.secret.asFiles }}
  - name: secrets
    projected:
      sources:
        {{- range $secrets }}
        - secret:
            name: {{ .name }}
            items: [{key: {{ .key }}, path: {{ .setting }}}]
        {{- end }}
  {{- end }}
  {{- if $.Values.extraCA.configMap }}
  - name: ca
    configMap:
      name: {{ $.Values.extraCA.configMap }}
  {{- end }}
{{- end }}

{{- define "inn.deployment" -}}
{{- $ := index . 0 }}
{{- $component := index . 1 -}}
selector:
  matchLabels:
    {{- include "inn.selector" . | nindent 4 }}
strategy:
  rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
template:
  metadata:
    {{- include "inn.podMetadata" . | nindent 4 }}
  spec:
    # Above what is still to be done after SIGTERM: requests and fetches of the function, the drain of the consumer.
    terminationGracePeriodSeconds: {{ eq $component "function" | ternary 90 120 }}
    topologySpreadConstraints:
      {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
      - maxSkew: 1
        topologyKey: {{ . }}
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            {{- include "inn.selector" (list $ $component) | nindent 12 }}
        matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- include "inn.pod" . | nindent 4 }}
{{- end }}

{{- define "inn.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "inn.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ (index . 0).Values.podDisruptionBudget.maxUnavailable }}
  # A pod that is not ready, for a server is down, must not hold up the drain of its node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "inn.selector" . | nindent 6 }}
{{- end }}
