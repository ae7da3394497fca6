{{ .Values.int }}|{{ .Values.big }}|{{ .Values.huge }}|{{ .Values.float }}|{{ .Values.tiny }}|{{ .Values.negative }}|{{ .Values.octal }}|{{ .Values.yes }}|{{ .Values.nothing }}|{{ .Values.missing }}
{{ .Values.list }}|{{ .Values.map }}|{{ .Values.mixed }}|{{ .Values.emptyList }}|{{ .Values.emptyMap }}
{{ .Values.missing.deeper }}
{{ .Values.text.deeper }}
{{ .Values.nothing.deeper }}
{{ (.Values.missing).deeper }}|x
{{ (.Values.nothing).deeper }}|x
{{ .Values.list.a }}
{{ .Values.map.c.d }}|{{ .Values.map.x }}|{{ .Values.map.c.e }}
{{ .Values.map.c.d.e }}
{{ .Release }}|{{ .Release.Name }}|{{ .Release.Namespace }}|{{ .Release.Revision }}|{{ .Release.IsInstall }}|{{ .Release.Service }}
{{ .Release.Foo }}|{{ .Chart.Name }}|{{ .Chart.Version }}|{{ .Chart.AppVersion }}|{{ .Chart.Type }}|{{ .Chart.IsRoot }}|{{ .Template.Name }}|{{ .Template.BasePath }}
{{ .Chart.Foo }}|{{ .Chart.Annotations }}|{{ .Chart.Maintainers }}|{{ .Chart.Keywords }}
{{ .Foo }}|{{ .Foo.Bar }}
{{ .Capabilities.KubeVersion }}|{{ .Capabilities.KubeVersion.Version }}|{{ .Capabilities.KubeVersion.Major }}|{{ .Capabilities.KubeVersion.Minor }}|{{ .Capabilities.KubeVersion.GitVersion }}|{{ .Capabilities.APIVersions.Has "apps/v1" }}|{{ .Capabilities.APIVersions.Has "x/v1" }}
{{ .Capabilities.KubeVersion.Foo }}
{{ .Capabilities.Foo }}
{{ .Capabilities.KubeVersion.normalizedVersion }}
{{ .Capabilities.APIVersions | first }}|{{ len .Capabilities.APIVersions }}|{{ typeOf .Capabilities.APIVersions }}|{{ typeOf .Capabilities }}|{{ typeOf .Capabilities.KubeVersion }}
{{ .Capabilities.APIVersions.Has }}
{{ .Capabilities.APIVersions.Has 1 }}
{{ .Capabilities.HelmVersion.Version }}|{{ .Capabilities.HelmVersion }}
{{ .Values.AsMap.text }}|{{ typeOf .Values }}|{{ typeOf .Values.AsMap }}|{{ typeOf .Values.map }}|{{ kindOf .Values }}|{{ (.Values.Table "map.c").d }}
{{ .Values.Table "nope" }}
{{ .Values.PathValue "map.c.d" }}|{{ .Values.PathValue "text" }}
{{ .Values.PathValue "map.c" }}
{{ .Values.PathValue "" }}
{{ .Files.Get "data/a.txt" }}|{{ .Files.Get "nope" }}|{{ .Files.Lines "data/a.txt" }}|{{ .Files.Lines "nope" }}|{{ typeOf .Files }}
{{ range $p, $c := .Files.Glob "data/*" }}{{ $p }}={{ $c | toString }};{{ end }}|{{ (.Files.Glob "data/*.txt").AsConfig }}|{{ (.Files.Glob "data/*").AsSecrets }}
{{ .Files.Get "data/bin" | b64enc }}|{{ .Files.Get "data/bin" | sha256sum }}|{{ .Files.GetBytes "data/a.txt" }}|{{ len (.Files.Get "data/bin") }}
{{ .Files.Glob "data/{a,b}.txt" | len }}|{{ .Files.Glob "**" | len }}|{{ .Files.Glob "*" | len }}|{{ .Files.Glob "[" | len }}|{{ (.Files.Glob "nope").AsConfig }}|{{ index .Files "data/a.txt" | toString }}
{{ .Files.Get }}
{{ .Files.Foo }}x
{{ .Subcharts }}|{{ typeOf .Subcharts }}
{{ $.Values.text }}|{{ $x := 1 }}{{ $x }}|{{ $x = "a" }}{{ $x }}|{{ with .Values.map }}{{ .a }}{{ $.Values.text }}{{ end }}
{{ .Values.text 1 }}
{{ .Values.text | .Values.map }}
{{ .Release.Name "x" }}
{{ 1 2 }}
{{ "a" 1 }}
{{ nil }}
{{ .Values.list | nil }}
{{ true }}|{{ 1 }}|{{ 1.5 }}|{{ 'a' }}|{{ "s" }}|{{ `raw\n` }}|{{ 0x1F }}|{{ 1e3 }}|{{ 017 }}|{{ 0b11 }}|{{ 1_000 }}|{{ -5 }}|{{ +5 }}|{{ .5 }}
{{ 9223372036854775807 }}|{{ -9223372036854775808 }}
{{ 9223372036854775808 }}
{{ 99999999999999999999 }}
{{ 1e1000 }}
{{ "\u00e9\x41\101\n" }}
{{ . | typeOf }}|{{ (. | len) }}
{{ .Values.map | len }}|{{ len "héllo" }}|{{ len .Values.list }}
{{ len 5 }}
{{ len nil }}
{{ len .Values.nothing }}
{{ index .Values.list 1 }}|{{ index .Values.map "c" "d" }}|{{ index .Values.map "nope" }}|{{ index "abc" 1 }}|{{ index .Values.mixed 5 "k" }}
{{ index .Values.list 5 }}
{{ index .Values.list 3 }}
{{ index .Values.list -1 }}
{{ index .Values.list "a" }}
{{ index .Values.list 1.0 }}
{{ index .Values.map 1 }}
{{ index .Values.map "x" "y" }}
{{ index .Values.nothing 1 }}
{{ index nil 1 }}
{{ index 5 1 }}
{{ index .Values.list nil }}
{{ index .Values.text 99 }}
{{ index .Values }}
{{ call 1 }}
{{ call nil }}
{{ call }}
{{ lookup "v1" "Secret" "ns" "name" }}|{{ (lookup "v1" "Secret" "ns" "").items }}|{{ len (lookup "v1" "Secret" "ns" "x") }}
{{ lookup "v1" }}
{{ getHostByName "localhost" }}|{{ hello }}
{{ required "need it" .Values.text }}|{{ required "need it" 0 }}|{{ required "need" false }}|{{ required "need" (list) }}
{{ required "need it" .Values.missing }}
{{ required "need it" "" }}
{{ required "multi\nline" nil }}
{{ fail "stop here" }}
{{ fail "with: colon" }}
{{ fail }}
{{ fail 1 }}
{{ tpl .Values.template . }}|{{ tpl "{{ . }}" 5 }}|{{ tpl "" . }}|{{ tpl "{{ .x }}" (dict "x" 1) }}|{{ tpl "{{ nil | quote }}a{{ .missing }}" (dict) }}
{{ tpl "{{ fail \"in tpl\" }}" . }}
{{ tpl "{{ .Values.a.b.c }}" . }}
{{ tpl "{{ nope }}" . }}
{{ tpl "{{ if }}" . }}
{{ tpl "{{ define \"x\" }}X{{ . }}{{ end }}{{ include \"x\" 1 }}{{ template \"x\" 2 }}" . }}|{{ include "helper" 1 }}
{{ tpl "{{ include \"helper\" . }}" 3 }}|{{ tpl "{{ tpl \"{{ . }}\" 7 }}" . }}
{{ tpl 5 . }}
{{ include "helper" . | len | lt 1 }}|{{ include "helper" "x" }}|{{ template "helper" "y" }}
{{ include "nope" . }}
{{ template "nope" . }}
{{ include "boom" . }}
{{ include "boom2" . }}
{{ include "requires" . }}
{{ include "loop" . }}
{{ include "helper" }}
{{ include 5 . }}
{{ .Capabilities }}
{{ range $i, $e := . }}{{ if eq $i "Capabilities" }}{{ $e }}{{ print $e }}{{ end }}{{ end }}
{{ with .Capabilities }}{{ . }}{{ end }}{{ range list .Capabilities }}{{ . }}{{ end }}
