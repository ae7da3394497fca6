{{ int "5" }}|{{ int "5.0" }}|{{ int "5.5" }}|{{ int "abc" }}|{{ int 5.9 }}|{{ int -5.9 }}|{{ int true }}|{{ int nil }}|{{ int "0x1F" }}|{{ int "017" }}|{{ int "08" }}|{{ int (list) }}|{{ int "1_000" }}|{{ int " 5" }}
{{ int64 "9223372036854775808" }}|{{ int64 1e30 }}|{{ float64 "1.5" }}|{{ float64 "abc" }}|{{ float64 "1e3" }}|{{ float64 5 }}|{{ float64 true }}|{{ float64 nil }}|{{ atoi "12" }}|{{ atoi "x" }}|{{ atoi "-3" }}|{{ atoi "+3" }}|{{ atoi "1.0" }}|{{ toDecimal "777" }}|{{ toDecimal 644 }}|{{ toDecimal "9" }}
{{ add 1 2 3 }}|{{ add "1" 2.9 }}|{{ add }}|{{ add1 5 }}|{{ sub 5 3 }}|{{ mul 2 3 4 }}|{{ div 7 2 }}|{{ div -7 2 }}|{{ mod 7 3 }}|{{ mod -7 3 }}|{{ typeOf (add 1 2) }}|{{ max 1 5 3 }}|{{ min 4 2 8 }}|{{ biggest 1 9 }}|{{ max 1.9 }}
{{ div 1 0 }}
{{ mod 1 0 }}
{{ addf 0.1 0.2 }}|{{ add1f 1.5 }}|{{ subf 5 1.1 1 }}|{{ mulf 1.1 1.1 }}|{{ divf 10 3 }}|{{ divf 1 8 }}|{{ addf }}|{{ addf "1.5" 2 }}|{{ maxf 1.5 2.5 }}|{{ minf 1.5 0.5 }}|{{ divf 2 3 }}|{{ mulf 3 0 }}|{{ divf 1 3 3 }}
{{ divf 1 0 }}
{{ floor 1.9 }}|{{ ceil 1.1 }}|{{ round 1.2345 2 }}|{{ round 1.5 0 }}|{{ round -1.5 0 }}|{{ round 123.456 -1 }}|{{ round 1.25 1 0.6 }}|{{ floor "2.7" }}|{{ round 2.5 0 }}|{{ round 1.005 2 }}
{{ round 1.5 }}
{{ floor }}
{{ add (list 1) 1 }}|{{ mul "a" 2 }}|{{ add nil 1 }}|{{ add true 1 }}|{{ add .Values.int 1 }}|{{ mul .Values.big 1000 }}|{{ add .Values.huge 1 }}
{{ .Values.int | int }}|{{ .Values.int | add 1 }}|{{ .Values.float | mulf 2 }}|{{ 10 | sub 3 }}|{{ eq (int .Values.int) 42 }}
{{ add 9223372036854775807 1 }}|{{ mul 9223372036854775807 2 }}|{{ sub -9223372036854775808 1 }}
{{ date "2006-01-02" (toDate "2006-01-02" "2024-03-05") }}|{{ dateInZone "2006-01-02 15:04 MST" (toDate "2006-01-02T15:04:05Z07:00" "2024-03-05T10:00:00Z") "UTC" }}|{{ htmlDate 0 }}|{{ htmlDateInZone 86400 "UTC" }}|{{ date "Jan 2, 2006 at 3:04pm (MST)" 1700000000 }}
{{ dateInZone "2006-01-02 15:04 MST -0700" 1700000000 "America/New_York" }}|{{ dateInZone "Mon Jan _2 15:04:05 2006" 1700000000 "Nope/Zone" }}|{{ date_in_zone "02 Jan 06" 0 "UTC" }}
{{ toDate "2006-01-02" "2024-03-05" }}|{{ toDate "2006-01-02" "bad" }}|{{ unixEpoch (toDate "2006-01-02" "2024-03-05") }}|{{ dateModify "+24h" (toDate "2006-01-02" "2024-03-05") }}|{{ dateModify "bad" (toDate "2006-01-02" "2024-03-05") }}|{{ date_modify "-1.5h" (toDate "2006-01-02" "2024-03-05") }}
{{ mustToDate "2006-01-02" "bad" }}
{{ mustToDate "2006-01-02" "2024-13-05" }}
{{ mustToDate "2006-01-02" "2024-02-30" }}
{{ mustDateModify "bad" now }}
{{ unixEpoch "x" }}
{{ unixEpoch nil }}
{{ duration 95 }}|{{ duration "95" }}|{{ duration (int64 95) }}|{{ duration "3661" }}|{{ duration nil }}|{{ durationRound "2h10m5s" }}|{{ durationRound "400h" }}|{{ durationRound "9000h" }}|{{ durationRound "5s" }}|{{ durationRound "x" }}|{{ durationRound "1s" }}
{{ (toDate "2006-01-02" "2024-03-05").Year }}|{{ (toDate "2006-01-02" "2024-03-05").Month }}|{{ (toDate "2006-01-02" "2024-03-05").Format "Jan 2" }}|{{ (toDate "2006-01-02" "2024-03-05").Unix }}|{{ (toDate "2006-01-02" "2024-03-05").Weekday }}|{{ toJson (toDate "2006-01-02" "2024-03-05") }}|{{ toYaml (toDate "2006-01-02" "2024-03-05") }}
{{ b64enc "hello" }}|{{ b64dec "aGVsbG8=" }}|{{ b64dec "bad!" }}|{{ b64dec "aGVsbG8" }}|{{ b64dec "aGVs\nbG8=" }}|{{ b64dec "aGVsbG8=x" }}|{{ b64dec "a" }}|{{ b64dec "" }}|{{ b64dec "=" }}|{{ b64dec "ab=c" }}|{{ b64dec "abc=def" }}|{{ b64dec "ab==cdef" }}
{{ b32enc "hello" }}|{{ b32dec "NBSWY3DP" }}|{{ b32dec "bad!" }}|{{ b32enc "a" }}|{{ b32dec "ME======" }}|{{ b32dec "ME" }}|{{ b32dec "MEab====" }}|{{ b32enc "" }}
{{ sha1sum "a" }}|{{ sha256sum "a" }}|{{ sha512sum "a" }}|{{ adler32sum "hello" }}|{{ sha256sum "é" }}
{{ derivePassword 1 "long" "password" "user" "example.com" }}|{{ derivePassword 2 "maximum" "p" "u" "s" }}|{{ derivePassword 1 "pin" "p" "u" "s" }}|{{ derivePassword 1 "nope" "p" "u" "s" }}
{{ decryptAES "key" (encryptAES "key" "secret text") }}|{{ encryptAES "k" "" }}|{{ decryptAES "k" "" }}|{{ len (b64dec (encryptAES "k" "0123456789abcdef")) }}
{{ decryptAES "key" "bad" }}
{{ decryptAES "key" "YQ==" }}
{{ htpasswd "a:b" "x" }}|{{ len (htpasswd "a" "x") }}|{{ bcrypt "x" | trunc 7 }}|{{ len (bcrypt "x") }}
{{ len (randAlphaNum 5) }}|{{ len (randAlpha 3) }}|{{ len (randNumeric 4) }}|{{ len (randAscii 6) }}|{{ len (uuidv4) }}|{{ randInt 3 4 }}|{{ len (b64dec (randBytes 7)) }}|{{ len (shuffle "abc") }}|{{ randAlpha 0 }}x|{{ regexMatch "^[a-f0-9-]{36}$" uuidv4 }}
{{ randInt 4 4 }}
{{ $ca := genCA "ca" 365 }}{{ $ca.Cert | trunc 27 }}|{{ $ca.Key | trunc 31 }}|{{ typeOf $ca }}|{{ kindOf $ca }}|{{ $c := genSignedCert "x" (list "10.0.0.1") (list "a.b") 10 $ca }}{{ hasPrefix "-----BEGIN CERT" $c.Cert }}
{{ (genCA "ca" 365).Foo }}
{{ genSignedCert "x" (list "bad") nil 1 (genCA "c" 1) }}
{{ genSignedCert "x" (list 1) nil 1 (genCA "c" 1) }}
{{ genSignedCert "x" nil (list 1) 1 (genCA "c" 1) }}
{{ genSelfSignedCert "x" nil nil "a" }}
{{ genCAWithKey "x" 1 "bad" }}
{{ genCAWithKey "x" 1 (genPrivateKey "ecdsa") | kindOf }}|{{ (genSelfSignedCertWithKey "x" nil nil 1 (genPrivateKey "ed25519")).Key | trunc 27 }}|{{ (genCAWithKey "x" 1 (genPrivateKey "ecdsa")).Key | trunc 30 }}
{{ buildCustomCert "bad!" "x" }}
{{ buildCustomCert "aGVsbG8=" "bad!" }}
{{ buildCustomCert "aGVsbG8=" "aGVsbG8=" }}
{{ genPrivateKey "ecdsa" | trunc 30 }}|{{ genPrivateKey "ed25519" | trunc 27 }}|{{ genPrivateKey "nope" }}|{{ len (genPrivateKey "ed25519") }}|{{ len (genPrivateKey "ecdsa") }}
{{ base "a/b.c" }}|{{ dir "a/b.c" }}|{{ clean "a//../b/./c" }}|{{ ext "a/b.tar.gz" }}|{{ isAbs "/a" }}|{{ osBase "/x/" }}|{{ osDir "x" }}|{{ osExt "a.b/c" }}|{{ osClean "" }}|{{ osIsAbs "x" }}|{{ base "" }}|{{ base "/" }}|{{ dir "" }}|{{ dir "/a" }}
{{ regexMatch "^a.c$" "abc" }}|{{ regexFind "b+" "abbbc" }}|{{ regexFindAll "[0-9]" "a1b2c3" 2 }}|{{ regexFindAll "[0-9]" "a1b2c3" -1 }}|{{ regexFindAll "x" "abc" -1 | toJson }}|{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }}|{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "$1W" }}|{{ regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}" }}|{{ regexSplit "z+" "pizza" -1 }}|{{ regexSplit "z" "pizza" 1 }}|{{ regexSplit "" "abc" -1 }}|{{ regexQuoteMeta "a.b*c" }}
{{ regexMatch "[" "a" }}|{{ regexMatch "(?i)ABC" "abc" }}|{{ regexMatch "\\d+" "٣" }}|{{ regexFind "\\w+" "é1" }}|{{ regexMatch "^[[:alpha:]]+$" "abc" }}|{{ regexReplaceAll "\\s" "a b\tc" "_" }}|{{ regexReplaceAll "(?P<x>a)" "aba" "<${x}>" }}|{{ regexReplaceAll "a" "aba" "$$" }}|{{ regexMatch "\\bfoo\\b" "a foo b" }}|{{ regexSplit "a" "aba" -1 | toJson }}|{{ regexSplit "x" "" -1 | toJson }}
{{ mustRegexMatch "[" "a" }}
{{ regexFind "[" "a" }}
{{ regexFind "(a" "a" }}
{{ mustRegexFind "a)" "a" }}
{{ regexFind "*" "a" }}
{{ regexFind "a**" "a" }}
{{ mustRegexReplaceAll "a\\" "a" "b" }}
{{ mustRegexSplit "(?=a)" "a" -1 }}
{{ mustRegexFindAll "x{2,1}" "a" -1 }}
{{ mustRegexFind "\\8" "a" }}
{{ mustRegexFind "[b-a]" "a" }}
{{ urlParse .Values.url }}|{{ (urlParse "mailto:a@b").opaque }}|{{ (urlParse "/a b").path }}|{{ urlJoin (urlParse .Values.url) }}|{{ urlJoin (dict "scheme" "http" "host" "h:80" "path" "p" "query" "q=1" "fragment" "f" "userinfo" "u:p") }}|{{ urlJoin (dict "host" "h") }}|{{ urlJoin (dict) }}|{{ (urlParse "http://[::1]:80/x").hostname }}
{{ urlParse "http://a b" }}
{{ urlParse ":x" }}
{{ urlParse "http://a:b/" }}
{{ urlParse "http://h/%zz" }}
{{ urlJoin (dict "host" 1) }}
