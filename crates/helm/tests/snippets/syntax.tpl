a{{- " b " -}}c|a {{- "b" -}} c|{{/* c */}}x|{{- /* c */ -}} y|a {{ "b" }} c
{{ if 1 }}a{{ else }}b{{ end }}|{{ if 0 }}a{{ else if 1 }}b{{ else }}c{{ end }}|{{ if nil }}a{{ end }}x|{{ if .Values.emptyList }}a{{ else }}b{{ end }}|{{ if not .Values.no }}y{{ end }}
{{ with 1 }}{{ . }}{{ else }}no{{ end }}|{{ with 0 }}a{{ else with 2 }}{{ . }}{{ else }}c{{ end }}|{{ with $x := 5 }}{{ $x }}{{ end }}|{{ with .Values.missing }}a{{ else }}{{ .Values.text }}{{ end }}
{{ range .Values.list }}{{ . }},{{ end }}|{{ range $i, $e := .Values.list }}{{ $i }}{{ $e }},{{ end }}|{{ range $e := .Values.list }}{{ $e }}{{ end }}|{{ range .Values.emptyList }}a{{ else }}none{{ end }}|{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }};{{ end }}
{{ range 3 }}{{ . }}{{ end }}|{{ range $i := 3 }}{{ $i }}{{ end }}|{{ range 0 }}a{{ else }}z{{ end }}|{{ range nil }}a{{ else }}z{{ end }}|{{ range .Values.missing }}a{{ end }}x
{{ range $i, $e := 3 }}{{ end }}
{{ range "abc" }}{{ . }}{{ end }}
{{ range 1.5 }}{{ end }}
{{ range true }}{{ end }}
{{ range .Values.int }}{{ end }}
{{ range .Values.list }}{{ if eq . "b" }}{{ break }}{{ end }}{{ . }}{{ end }}|{{ range .Values.list }}{{ if eq . "b" }}{{ continue }}{{ end }}{{ . }}{{ end }}|{{ range $i, $e := .Values.list }}{{ $i = 9 }}{{ $i }}{{ end }}
{{ $x := 0 }}{{ range .Values.list }}{{ $x = add $x 1 }}{{ end }}{{ $x }}|{{ $i := 7 }}{{ $e := 0 }}{{ range $i, $e = .Values.list }}{{ end }}{{ $i }}{{ $e }}|{{ $y := 1 }}{{ if true }}{{ $y := 2 }}{{ $y }}{{ end }}{{ $y }}
{{ range .Values.list }}{{ .name }}{{ end }}
{{ range .Values.mixed }}{{ .k }}{{ end }}
{{ with .Values.text }}{{ .name }}{{ end }}
{{ range $k, $v := .Values.map }}{{ $v.d }}{{ end }}
{{ range .Values.mixed }}{{ trim . }}{{ end }}
{{ define "own" }}<{{ . }}>{{ end }}{{ template "own" 1 }}{{ template "own" }}{{ include "own" nil }}
{{ block "blk" .Values.text }}[{{ . }}]{{ end }}|{{ template "blk" 2 }}
{{ template "own2" . }}{{ define "own2" }}{{ .Template.Name }}{{ end }}
{{ "a" | upper | lower | printf "%s-%s" "x" }}|{{ (printf "%d" 1) }}|{{ print (len "abc") (add 1 2) }}|{{ ((1)) }}|{{ (dict "a" (dict "b" 1)).a.b }}|{{ (list 1 2) | first }}
{{ .Values.map.a | add 1 | toString | quote }}|{{ printf "%s" (.Values.text) }}|{{ index (list 1 2) 1 | add 5 }}
{{ $undefined }}
{{ $x = 1 }}
{{ if }}a{{ end }}
{{ if 1 }}a
{{ end }}
{{ else }}
{{ range }}{{ end }}
{{ nope 1 }}
{{ .Values.text | nope }}
{{ "unterminated }}
{{ 'ab' }}
{{ `raw
{{ 1abc }}
{{ (1 }}
{{ 1) }}
{{ ( }}
{{ () }}
{{ | upper }}
{{ "a" | }}
{{ "a" | 1 }}
{{ .Values..text }}
{{ .Values.text! }}
{{ a.b }}
{{ "a".b }}
{{ 1.b }}
{{ true.x }}
{{ nil.x }}
{{ . .x }}
{{ /* c }}
{{/* c */ x }}
{{ break }}
{{ continue }}
{{ define "x" }}
{{ define x }}{{ end }}
{{ template }}
{{ template x }}
{{ template "helper" 1 2 }}
{{ block "b" }}{{ end }}
{{ with }}{{ end }}
{{ $a, $b := 1 }}
{{ range $a, $b, $c := .Values.list }}{{ end }}
{{ range $a, := .Values.list }}{{ end }}
{{ $x : 1 }}
{{ # }}
{{ @ }}
{{ é }}
{{ "\q" }}
{{ 0x }}
{{ 1.2.3 }}
{{ 09 }}
{{ end }}{{ end }}
{{ if 1 }}{{ else }}{{ else }}{{ end }}
{{ range .Values.list }}{{ else if 1 }}{{ end }}
{{ "" -}}   x   {{- "" }}|{{- 3 }}|{{ -3 }}|{{ - 3 }}
{{3}}|{{-3}}|{{"a"}}|{{- "a" -}}|{{"a" -}} b
{{	"tab"	}}|{{ "a"|upper }}|{{ list 1 2|len }}|{{ (list 1 2).x }}
{{ .Values.text | trim | }}
{{ len (.Values.list }}
{{ printf "%s" "a" ,"b" }}
{{ eq 1 1 | not }}|{{ not (eq 1 2) | ternary "a" "b" }}|{{ if and (eq 1 1) (or false true) }}ok{{ end }}
{{ include "helper" (dict "a" (list 1 2)) }}|{{ include "multi" . | nindent 2 }}|{{ template "multi" . }}
{{ $f := .Files }}{{ $f.Get "data/a.txt" }}|{{ $v := .Values }}{{ $v.map.c.d }}|{{ $m := .Values.map }}{{ $m.c.e }}
{{ $v := .Values.map.c }}{{ $v.d.x }}
{{ $v := .Values.list }}{{ $v.x }}
{{ $d := dict "n" nil }}{{ $d.n.x }}
{{ $d := dict "n" nil }}{{ $d.n }}|{{ $d.q }}|{{ ($d.n).x }}|{{ with $d.n }}a{{ end }}
{{ $s := split "," "a" }}{{ $s._0 }}|{{ $s._9 }}|{{ $s._0.x }}
