{{ toYaml .Values.map }}
{{ toYaml .Values.list }}|{{ toYaml .Values.mixed }}
{{ toYaml .Values.quoted }}
{{ toYaml .Values.blocks }}
{{ toYaml .Values.keys }}
{{ toYaml (dict "long" .Values.long "q" .Values.longQuoted "s" .Values.longSpecial) }}
{{ toYaml (dict "a" (list .Values.long (dict "b" .Values.longQuoted))) }}
{{ toYaml .Values.long }}
{{ toYaml .Values.longkey }}
{{ toYaml (dict "a" (list) "b" (dict) "c" nil "d" "" "e" 0 "f" 1.5 "g" 1e21 "h" 1000000 "i" true) }}
{{ toYaml (list (list 1 2) (list (list 3)) (dict "a" (list 1))) }}
{{ toYaml (dict "a" (dict "b" (dict "c" (list (dict "d" 1 "e" 2))))) }}
{{ toYaml .Values.blocks | nindent 2 }}
{{ toYaml (dict "k" .Values.blocks "m" (dict "n" "a\nb")) }}
{{ toYaml "" }}|{{ toYaml nil }}|{{ toYaml 1 }}|{{ toYaml 1.5 }}|{{ toYaml true }}|{{ toYaml "a" }}|{{ toYaml "1" }}|{{ toYaml (list) }}|{{ toYaml (dict) }}
{{ toYaml .Values.huge }}|{{ toYaml .Values.tiny }}|{{ toYaml .Values.big }}|{{ toYaml 1e20 }}|{{ toYaml 1e19 }}|{{ toYaml 123456789.5 }}|{{ toYaml -0.0 }}|{{ toYaml 9007199254740993 }}
{{ toYaml (dict "a\nb" 1 "c: d" 2 "" 3 "true" 4 "-" 5) }}
{{ toYaml "\u007f" }}|{{ toYaml "\ufeffx" }}|{{ toYaml (dict "a" "\u0085") }}|{{ toYaml "\u2028" }}
{{ toYaml "a\u0000b" }}|{{ toYaml "<a>&" }}
{{ mustToYaml (dict "a" 1) }}|{{ toYaml (regexFindAll "x" "a" -1) }}
{{ toYamlPretty .Values.map }}|{{ toYamlPretty (list 1 (list 2) (dict "a" 1)) }}
{{ toYamlPretty (dict "l" (list "a" "b") "big" .Values.big "s" .Values.long "n" nil "e" (list) "q" .Values.quoted) }}
{{ toYamlPretty .Values.blocks }}
{{ toYamlPretty .Values.keys }}|{{ toYamlPretty (list (dict "a" (list 1 2)) (list (list 1))) }}
{{ fromYaml .Values.yamlText }}|{{ (fromYaml "a: {b: 0644}").a.b }}|{{ fromYaml "" }}|{{ fromYaml "null" }}|{{ fromYaml "a: 1\na: 2" }}
{{ fromYaml "- a" }}
{{ fromYaml "a" }}|{{ fromYaml "1" }}|{{ fromYaml "true" }}
{{ fromYaml "a: b: c" }}|{{ fromYaml "a: [" }}|{{ fromYaml "\ta: 1" }}|{{ fromYaml "a: 'x" }}|{{ fromYaml "a: 1\n b: 2" }}|{{ fromYaml "a: *x" }}|{{ fromYaml "a: &x 1\nb: *x" }}
{{ fromYaml "{a: 1, b: [1, 2], c: {d: e}}" | toJson }}|{{ fromYaml "a: !!str 1\nb: !!int '2'\nc: !!float 3\nd: ! x" | toJson }}
{{ fromYaml "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {b: 4, <<: *x}" | toJson }}
{{ fromYaml "1: a\ntrue: b\n1.5: c\nnull: d" }}
{{ fromYaml "1: a\ntrue: b\n1.5: c\n0x10: d\n1e3: e" | toJson }}
{{ fromYaml "a: |\n  x\n  y\nb: >-\n  p\n  q\n\n  r\nc: |+\n  t\n\n" | toJson }}
{{ fromYaml "a: 2001-01-01\nb: 12:30:45\nc: .inf2\nd: 0o14\ne: 1_000\nf: 08\ng: 0b11\nh: +1\ni: 1e3\nj: ~\nk: Yes\nl: 'yes'\nm: \"\\x41\"\nn: =" | toJson }}
{{ fromYaml "a: .inf" }}|{{ fromYaml "a: .nan" }}
{{ fromYaml "---\na: 1\n---\nb: 2" | toJson }}|{{ fromYaml "# c\na: 1 # d" | toJson }}|{{ fromYaml "a:\n- 1\n- 2\nb:\n  - x" | toJson }}|{{ fromYaml "? a\n: b" | toJson }}
{{ fromYamlArray "[1, a, null]" | toJson }}|{{ fromYamlArray "- a\n- b: 1" }}|{{ fromYamlArray "a: 1" }}|{{ fromYamlArray "[" }}|{{ fromYamlArray "" | toJson }}|{{ fromYamlArray "x" }}
{{ toJson .Values.map }}|{{ toJson .Values.html }}|{{ toRawJson .Values.html }}|{{ toJson 1 }}|{{ toJson nil }}|{{ toJson "a\u2028\u0001\x7f" }}|{{ toJson 1e21 }}|{{ toJson 1e-7 }}|{{ toJson .Values.big }}|{{ toJson .Values.huge }}|{{ toJson 0.1 }}
{{ toPrettyJson .Values.map }}|{{ toPrettyJson (list) }}|{{ toPrettyJson (dict "a" (list) "b" (dict)) }}|{{ mustToJson (list 1) }}|{{ mustToPrettyJson (list 1) }}|{{ mustToRawJson "<" }}
{{ fromJson .Values.jsonText }}|{{ (fromJson "{\"a\":1}").a }}|{{ fromJson "[1]" }}|{{ fromJson "{" }}|{{ fromJson "" }}|{{ fromJson "null" }}|{{ fromJson "{\"a\":}" }}|{{ fromJson "1" }}|{{ fromJson "{\"a\":1}x" }}
{{ fromJsonArray "[1,\"a\",null]" | toJson }}|{{ fromJsonArray "{}" }}|{{ fromJsonArray "[1," }}|{{ fromJsonArray "null" | toJson }}
{{ mustFromJson "[1, {\"a\": 2}]" | toJson }}|{{ mustFromJson "\"x\"" }}|{{ mustFromJson "1" | typeOf }}
{{ mustFromJson "{" }}
{{ mustFromJson "" }}
{{ toToml (dict "a" 1 "b" "x" "c" (list 1 2) "d" (dict "e" 1.0 "f" (dict "g" true)) "h" (list (dict "i" 1) (dict "j" 2)) "k" nil "l m" "q\"") }}
{{ toToml .Values.map }}|{{ toToml (list 1) }}|{{ toToml 1 }}|{{ toToml (dict "a" (list (list 1) (list "x")) "b" (list) "c" (dict)) }}
{{ toToml (dict "a" (list nil)) }}|{{ toToml (dict "t" (dict "l" (list (dict "x" (dict "y" 1))))) }}|{{ toToml nil }}
{{ mustToToml (dict "a" 1) }}|{{ mustToToml (list (dict "a" 1)) }}
{{ fromToml "a = 1\n[b]\nc = \"x\"\nd = [1, 2.5, true]\n" | toJson }}|{{ (fromToml "a = 1").a | typeOf }}|{{ hasKey (fromToml "a = ") "Error" }}|{{ fromToml "" }}|{{ fromToml "[[a]]\nb=1\n[[a]]\nb=2" | toJson }}
{{ (.Files.Glob "data/*.txt").AsConfig | nindent 2 }}|{{ toYaml .Chart.Maintainers }}|{{ toYaml .Release }}|{{ toYaml .Template }}
{{ .Values.YAML | len | lt 100 }}|{{ toJson (dict "b" (index "a" 0) "f" (float64 3) "i" (int64 3)) }}
