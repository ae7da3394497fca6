{{ regexMatch "^[\\w-\\.]+$" "mymaster" }}
{{ regexReplaceAll "[^\\w-.]" "a b/c-d.e" "_" }}
{{ regexMatch "\\$(?:__(?:env|file))?{[^}]+}" "$__env{P}" }}
{{ regexFindAll "{{.*?}}" "a {{ b }} {{ c }}" -1 }}
{{ regexMatch "a{" "a{" }}{{ regexMatch "x{,3}" "x{,3}" }}
{{ regexReplaceAll "\\<" "a <b>" "&lt;" }}
{{ regexReplaceAll "[\\<\\>]" "a <b>" "" }}
{{ regexReplaceAll "\\B" "éa" "-" }}
{{ regexMatch "\\101[\\0-\\07]" "A\x00" }}
{{ regexReplaceAll "(?P<1a>x)" "x" "<$1a>" }}
{{ regexReplaceAll "(?P<a>x)|(?P<a>y)" "xy" "<$a>" }}
{{ regexFindAll "\\p{^L}" "a1" -1 }}
{{ regexMatch "(?x)a b" "ab" }}
{{ mustRegexMatch "(?x)a b" "ab" }}
{{ mustRegexMatch "(?u)a" "a" }}
{{ mustRegexMatch "[[:foo:]]" "a" }}
{{ mustRegexMatch "x{2}{3}" "x" }}
{{ mustRegexMatch "x{1}*" "x" }}
{{ mustRegexMatch "[\\Q]\\E]" "x" }}
{{ mustRegexMatch "(?<=a)b" "ab" }}
{{ mustRegexMatch "\\p{Grek}" "β" }}
{{ regexFindAll "(?i)k" "kK\u212a" -1 }}
{{ regexSplit "x*" "axbxc" -1 }}
{{ .Files.Glob "d/**/x.txt" | len }}{{ regexQuoteMeta "a.b{" }}
{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W$1W$$" }}
