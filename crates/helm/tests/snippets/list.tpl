{{ list 1 "a" nil }}|{{ tuple 1 2 }}|{{ list }}|{{ first .Values.list }}|{{ last .Values.list }}|{{ rest .Values.list }}|{{ initial .Values.list }}|{{ first (list) }}|{{ rest (list) | toJson }}|{{ initial (list) | toJson }}
{{ append .Values.list "d" }}|{{ push (list) 1 }}|{{ prepend .Values.list "z" }}|{{ append (splitList "," "a,b") 1 | toJson }}|{{ append .Values.emptyList nil | toJson }}
{{ append 1 2 }}
{{ append nil 2 }}
{{ append .Values.map 2 }}
{{ mustAppend "a" 2 }}
{{ prepend "a" 1 }}
{{ first "a" }}
{{ first nil }}
{{ mustFirst 1 }}
{{ last .Values.map }}
{{ rest 1 }}
{{ initial 1 }}
{{ reverse 1 }}
{{ uniq 1 }}
{{ compact 1 }}
{{ without 1 2 }}
{{ has 1 2 }}
{{ has 1 nil }}|{{ has nil (list nil) }}|{{ has 1 (list 1.0) }}|{{ has 1.0 (list 1.0) }}|{{ has "a" .Values.list }}|{{ has 3 .Values.numbers }}|{{ has (list 1) (list (list 1)) }}
{{ reverse .Values.list }}|{{ uniq (list 1 1 "1" 1.0 nil nil) | toJson }}|{{ compact (list 0 1 "" "a" nil false (list) (dict)) | toJson }}|{{ without .Values.list "a" "c" }}|{{ without (list 1 2 3) 2 }}
{{ slice .Values.list 1 }}|{{ slice .Values.list 1 2 }}|{{ slice .Values.list }}|{{ slice .Values.list 0 0 }}|{{ slice (list) 0 | toJson }}|{{ mustSlice .Values.list 0 2 }}
{{ slice .Values.list 1 9 }}
{{ slice .Values.list 2 1 }}
{{ slice .Values.list -1 }}
{{ slice "abc" 1 }}
{{ slice nil 1 }}
{{ concat .Values.list (list 1) .Values.numbers }}|{{ concat | toJson }}|{{ concat (list) | toJson }}
{{ concat .Values.list 1 }}
{{ concat nil }}
{{ chunk 2 (list 1 2 3) }}|{{ chunk 2 (list) | toJson }}|{{ chunk 5 (list 1) | toJson }}|{{ typeOf (chunk 1 (list 1)) }}
{{ chunk 0 (list 1) }}
{{ chunk 2 "a" }}
{{ sortAlpha (list "b" "a" 3 nil) }}|{{ sortAlpha "x" }}|{{ sortAlpha .Values.list }}|{{ sortAlpha nil }}
{{ until 3 }}|{{ until 0 }}|{{ until -3 }}|{{ untilStep 1 10 3 }}|{{ untilStep 10 1 -4 }}|{{ untilStep 1 10 -1 }}|{{ untilStep 1 10 0 }}|{{ typeOf (until 1) }}
{{ seq 5 }}|{{ seq -3 }}|{{ seq 2 5 }}|{{ seq 5 2 }}|{{ seq 1 2 7 }}|{{ seq 7 -2 1 }}|{{ seq 7 2 1 }}|{{ seq 0 }}|{{ seq }}|{{ seq 1 2 3 4 }}
{{ seq "a" }}
{{ until "a" }}
{{ until .Values.int }}
{{ toJson (splitList "," "a") }}|{{ typeOf (splitList "," "a") }}|{{ kindOf (list) }}|{{ len (until 4) }}
{{ dict "a" 1 "b" }}|{{ dict }}|{{ dict 1 2 nil 3 }}|{{ get (dict "a" 1) "a" }}|{{ get (dict) "a" }}x|{{ get .Values.map "nope" | quote }}|{{ hasKey .Values.map "a" }}|{{ hasKey .Values "nope" }}
{{ $d := dict "a" 1 }}{{ $_ := set $d "b" 2 }}{{ $d }}|{{ $_ = unset $d "a" }}{{ $d }}|{{ set $d "c" nil | toJson }}
{{ keys .Values.other | sortAlpha }}|{{ keys | toJson }}|{{ values (dict "a" 1) }}|{{ pick .Values.map "a" "nope" }}|{{ omit .Values.map "a" "c" }}|{{ pluck "b" .Values.map .Values.other (dict) }}
{{ get nil "a" }}x|{{ hasKey nil "a" }}|{{ keys nil }}|{{ values nil }}|{{ pick nil "a" }}|{{ omit nil }}|{{ pluck "a" nil }}
{{ set nil "a" 1 }}
{{ set .Values.missing "a" 1 }}
{{ get .Values.text "a" }}
{{ get .Values.missing "a" }}
{{ hasKey .Values.list "a" }}
{{ dig "c" "d" "def" .Values.map }}|{{ dig "c" "x" "def" .Values.map }}|{{ dig "nope" "x" "def" .Values.map }}|{{ dig "a" "def" (dict "a" nil) }}
{{ dig "a" "b" "def" .Values.map }}
{{ dig "a" .Values.map }}
{{ dig "a" "def" .Values }}
{{ dig 1 "def" .Values.map }}
{{ dig "a" "def" 5 }}
{{ dig "a" "b" "def" (dict "a" nil) }}
{{ merge (dict "a" 1 "n" nil "m" (dict "x" 1) "l" (list 1)) (dict "a" 2 "b" 3 "n" 5 "m" (dict "y" 2 "x" 9) "l" (list 2)) | toJson }}
{{ mergeOverwrite (dict "a" 1 "m" (dict "x" 1) "l" (list 1)) (dict "a" 2 "b" nil "m" (dict "y" 2 "x" 9) "l" (list 2) "e" "") (dict "a" "" "f" false) | toJson }}
{{ merge (dict "a" "" "b" 0 "c" false "l" (list) "m" (dict)) (dict "a" "x" "b" 1 "c" true "l" (list 1) "m" (dict "k" 1)) | toJson }}
{{ merge (dict "a" 1) (dict "a" (dict "x" 1)) | toJson }}|{{ merge (dict "a" (dict "x" 1)) (dict "a" 1) | toJson }}|{{ mergeOverwrite (dict "a" (dict "x" 1)) (dict "a" 1) | toJson }}|{{ mergeOverwrite (dict "a" 1) (dict "a" (dict "x" 1)) | toJson }}
{{ merge (dict) nil | toJson }}|{{ mustMerge (dict "a" 1) (dict "b" 2) | toJson }}|{{ mustMergeOverwrite (dict "a" 1) (dict "a" 2) | toJson }}|{{ merge nil (dict "a" 1) | toJson }}
{{ $a := dict "m" (dict "x" 1) }}{{ $b := merge (dict) $a }}{{ $_ := set $b.m "y" 2 }}{{ toJson $a }}
{{ $a := dict "m" (dict "x" 1) }}{{ $b := deepCopy $a }}{{ $_ := set $b.m "y" 2 }}{{ toJson $a }}{{ toJson $b }}|{{ deepCopy (list 1 (dict "a" 1)) | toJson }}
{{ deepCopy nil }}x
{{ deepEqual (list 1) (list 1) }}|{{ deepEqual (dict "a" 1) (dict "a" 1.0) }}|{{ deepEqual nil nil }}|{{ deepEqual 1 1.0 }}|{{ deepEqual "a" "a" }}
{{ typeOf 1 }}|{{ typeOf 1.5 }}|{{ typeOf "a" }}|{{ typeOf nil }}|{{ typeOf (list) }}|{{ typeOf (dict) }}|{{ typeOf true }}|{{ typeOf (int64 1) }}|{{ typeOf 'a' }}|{{ typeOf .Values.int }}|{{ typeOf (index "a" 0) }}|{{ typeOf now }}|{{ typeOf (semver "1.2.3") }}
{{ kindOf 1 }}|{{ kindOf nil }}|{{ kindOf now }}|{{ kindOf (semver "1.2.3") }}|{{ kindOf .Capabilities }}|{{ kindIs "map" (dict) }}|{{ typeIs "string" "a" }}|{{ typeIsLike "semver.Version" (semver "1.2.3") }}|{{ kindIs "invalid" nil }}|{{ kindIs "slice" .Values.list }}|{{ kindIs "float64" .Values.int }}
{{ default "d" .Values.missing }}|{{ default "d" "" }}|{{ default "d" 0 }}|{{ default "d" false }}|{{ default "d" "x" }}|{{ "x" | default "d" }}|{{ default "d" }}|{{ default 1 2 3 }}|{{ default "d" (list) }}|{{ default "d" .Values.emptyMap }}
{{ default }}
{{ empty 0 }}|{{ empty "" }}|{{ empty nil }}|{{ empty (list) }}|{{ empty now }}|{{ empty "a" }}|{{ coalesce 0 "" nil "x" "y" }}|{{ coalesce | quote }}|{{ coalesce 0 | quote }}|{{ all 1 "a" }}|{{ all 1 0 }}|{{ any 0 "" 1 }}|{{ any }}|{{ all }}
{{ ternary "a" "b" true }}|{{ ternary "a" "b" false }}|{{ true | ternary 1 2 }}
{{ ternary "a" "b" 1 }}
{{ ternary "a" "b" .Values.yes }}|{{ .Values.no | ternary "a" "b" }}
{{ ternary "a" "b" .Values.missing }}
{{ ternary "a" "b" nil }}
{{ ternary "a" "b" .Values.int }}
{{ and 1 2 }}|{{ and 0 2 }}|{{ or 0 "" }}|{{ or 0 2 }}|{{ not 0 }}|{{ not "a" }}|{{ and 0 (fail "no") }}|{{ or 1 (fail "no") }}|{{ 5 | and 1 }}|{{ 0 | or 0 3 }}|{{ and nil }}x|{{ or nil nil }}x
{{ and }}
{{ not }}
{{ not 1 2 }}
{{ eq 1 1 }}|{{ eq 1 2 1 }}|{{ eq "a" "a" }}|{{ eq nil nil }}|{{ eq .Values.nothing nil }}|{{ eq 1 nil }}|{{ eq "" nil }}|{{ ne 1 2 }}|{{ eq .Values.int 42.0 }}|{{ eq true true }}
{{ eq .Values.int 42 }}
{{ eq 1 "1" }}
{{ eq 1 1.0 }}
{{ eq (list 1) (list 1) }}
{{ eq (dict) (list) }}
{{ eq .Values.map .Values.map }}
{{ eq 1 (list) }}
{{ eq 1 }}
{{ eq }}
{{ ne 1 }}
{{ lt 1 2 }}|{{ lt 2 1 }}|{{ le 1 1 }}|{{ gt 2 1 }}|{{ ge 1 1 }}|{{ lt "a" "b" }}|{{ lt 1.5 2.5 }}|{{ gt .Values.int 41.5 }}
{{ lt 1 "a" }}
{{ lt .Values.int 43 }}
{{ lt true false }}
{{ lt (list) 1 }}
{{ lt nil 1 }}
{{ gt .Values.missing 1 }}
{{ lt 1 }}
{{ semverCompare ">=1.2.0" "1.3.0" }}|{{ semverCompare "^1.0" "v1.9" }}|{{ semverCompare "<1.0 || >=2.0" "2.0.0" }}|{{ semverCompare ">=1.0.0" "1.1.0-alpha" }}|{{ semverCompare ">=1.0.0-0" "1.1.0-alpha" }}
{{ semverCompare "foo" "1.0.0" }}
{{ semverCompare ">=1" "foo" }}
{{ (semver "v1.2.3-rc.1+b").Major }}|{{ (semver "1.2.3-rc.1+b").Prerelease }}|{{ (semver "1.2.3-rc.1+b").Metadata }}|{{ (semver "v1.2").Original }}|{{ semver "v1.2" }}|{{ (semver "1.2.3").IncMinor }}|{{ (semver "1.2.3").Compare (semver "1.3.0") }}|{{ toJson (semver "1.2.3") }}
{{ semver "1.2.3.4" }}
{{ (semver "1.2.3").Foo }}
{{ eq (semver "1.2.3").Major 1 }}|{{ (semver "1.2.3").LessThan (semver "1.2.4") }}|{{ typeOf (semver "1.2.3").Major }}|{{ printf "%s %v" (semver "1.2.3") (semver "2.0.0") }}
