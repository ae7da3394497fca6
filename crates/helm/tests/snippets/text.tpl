{{ trim "  a b \n" }}|{{ trim "" }}
{{ upper "straße ǆ é" }}|{{ lower "ÀÉ İI" }}|{{ title "hello wOrld foo-bar a.b x_y éa" }}|{{ untitle "Hello World" }}
{{ trimAll "-" "--a-b--" }}|{{ trimall "ab" "abcba" }}|{{ trimPrefix "a" "aab" }}|{{ trimSuffix "b" "abb" }}
{{ trunc 3 "hello" }}|{{ trunc -3 "hello" }}|{{ trunc 0 "hello" }}|{{ trunc 10 "hello" }}|{{ trunc -10 "hello" }}
{{ trunc 1 "é" }}
{{ trunc 1 "é" | quote }}
{{ substr 1 3 "hello" }}|{{ substr -1 3 "hello" }}|{{ substr 2 -1 "hello" }}|{{ substr 0 99 "hello" }}
{{ substr 3 1 "hello" }}
{{ substr 9 -1 "hello" }}
{{ substr -1 9 "hello" }}
{{ repeat 3 "ab" }}|{{ repeat 0 "ab" }}
{{ repeat -1 "ab" }}
{{ replace "l" "L" "hello" }}|{{ replace "" "-" "abc" }}|{{ contains "ell" "hello" }}|{{ hasPrefix "he" "hello" }}|{{ hasSuffix "lo" "hello" }}
{{ quote "a" 1 nil true 1.5 "x\"y" }}|{{ squote "a" nil 2 "it's" }}|{{ quote }}|{{ quote "\t\x00\u00a0é😀" }}
{{ quote .Values.nothing }}|{{ quote .Values.missing }}|{{ quote .Values.list }}|{{ quote .Values.map }}
{{ cat "a" 1 nil "b" }}|{{ cat }}|{{ cat "a%d" 1 }}
{{ indent 2 "a\nb" }}|{{ nindent 2 "a\n\nb" }}|{{ indent 0 "x" }}
{{ indent -1 "x" }}
{{ plural "one" "many" 1 }}|{{ plural "one" "many" 2 }}|{{ plural "one" "many" 0 }}
{{ join "," .Values.list }}|{{ join "-" .Values.mixed }}|{{ join "," "x" }}|{{ join "," 5 }}|{{ join "," nil }}|{{ join "," .Values.emptyList }}
{{ splitList "," "a,b,,c" }}|{{ splitList "" "abc" }}|{{ splitList "," "" }}|{{ len (splitList "," "") }}
{{ (split "," "a,b")._1 }}|{{ split "," "a,b" }}|{{ (split "," "a")._3 }}x|{{ typeOf (split "," "a") }}
{{ splitn "," 2 "a,b,c" }}|{{ splitn "," 0 "a,b" }}|{{ splitn "," -1 "a,b" }}
{{ abbrev 5 "hello world" }}|{{ abbrev 3 "hello" }}|{{ abbrev 20 "hello" }}|{{ abbrevboth 5 10 "1234 5678 9123" }}|{{ abbrevboth 0 8 "hello world foo" }}|{{ abbrevboth 2 6 "abc" }}
{{ initials "First Try now" }}|{{ nospace " a b\tc " }}|{{ nospace "é x" }}|{{ swapcase "aBc DeF gHI" }}
{{ snakecase "FirstName" }}|{{ snakecase "HTTPServer2" }}|{{ camelcase "http_server" }}|{{ kebabcase "FirstName" }}|{{ camelcase "a-b c_d" }}|{{ snakecase "a1B2c3" }}|{{ kebabcase "http2Server-x y" }}
{{ camelcase "__a" }}|{{ camelcase "__" }}|{{ snakecase "__a__b" }}|{{ snakecase "Ab.Cd!E" }}|{{ camelcase "ABC_DEF" }}
{{ wrap 5 "hello big wide world" }}|{{ wrapWith 4 "\n-" "abcdefghij kl" }}|{{ wrap 3 "" }}|{{ wrap 0 "a b" }}
{{ toString 1.0 }}|{{ toString nil }}|{{ toString .Values.list }}|{{ toStrings .Values.mixed }}|{{ toString (list 1 "a" nil) }}
{{ trim 5 }}
{{ trim .Values.int }}
{{ trim .Values.nothing }}
{{ trim .Values.missing }}
{{ trim nil }}
{{ trim }}
{{ trim "a" "b" }}
{{ "a" | trim "b" }}
{{ trunc "a" "b" }}
{{ trunc 1.5 "b" }}
{{ .Values.int | trunc 3 }}
{{ trunc .Values.int "abc" }}
{{ nindent "2" "x" }}
{{ replace "a" "b" }}
{{ upper (list 1) }}
{{ hasPrefix 1 "a" }}
{{ quote (dict "a" 1) (list 1 2) }}
{{ print "a" "b" 1 2 "c" 3.0 nil true }}|{{ println "a" 1 nil }}|{{ print nil nil }}|{{ print }}
{{ html .Values.html }}|{{ js .Values.html }}|{{ urlquery "a b&c/é" }}|{{ html 1 2 }}|{{ js "\u2028é=" }}
{{ printf "%s %d %v %q %5d|%-5d|%05d %x %t %%" "a" 1 2.5 "q" 3 4 5 255 true }}
{{ printf "%d" "x" }}|{{ printf "%s" 1 }}|{{ printf "%d" 1.5 }}|{{ printf "%t" 1 }}|{{ printf "%d" }}|{{ printf "x" 1 }}|{{ printf "%z" 1 }}|{{ printf "%!" }}|{{ printf "%" }}
{{ printf "%v %v %v %v" nil (list 1 "a" nil) (dict "a" nil "b" 1) true }}|{{ printf "%s" nil }}|{{ printf "%d" nil }}
{{ printf "%s" (list "a" 1) }}|{{ printf "%d" (list 1 "a") }}|{{ printf "%q" (list "a" 1) }}|{{ printf "%x" (list "ab" 255) }}
{{ printf "%#v" (list 1 "a" nil (dict "k" 1.5)) }}|{{ printf "%+v" (dict "a" 1) }}|{{ printf "%T %T %T %T" 1 "a" (list) nil }}
{{ printf "%6.2f|%-8.3f|%08.2f|%+.1e|%g|%G" 3.14159 2.0 -1.5 12345.678 1e21 1e-10 }}
{{ printf "%c %U %#U %q %b %o %O %X %#x" 65 9731 9731 65 5 8 8 255 255 }}
{{ printf "%s|%10s|%-10s|%.2s|%q|%+q|%#q|% x|%X" "a" "b" "c" "défg" "é\n" "é" "a`b" "abc" "xyz" }}
{{ printf "%[2]s %[1]s" "a" "b" }}|{{ printf "%[3]s" "a" }}|{{ printf "%*d" 5 1 }}|{{ printf "%-*d|" 5 1 }}|{{ printf "%.*f" 2 1.0 }}|{{ printf "%[1]d %d" 1 2 }}
{{ printf "%v" .Values.int }}|{{ printf "%d" .Values.int }}|{{ printf "%d" (int .Values.int) }}|{{ printf "%.0f" .Values.big }}|{{ printf "%v" .Values.big }}|{{ printf "%v" .Values.huge }}|{{ printf "%v" .Values.tiny }}
{{ printf 5 }}
{{ printf "%5t|%-7t|%5v" true false nil }}|{{ printf "%5s" (list "a" "b") }}|{{ printf "%03d" (list 1 2) }}|{{ printf "% d|%+d" 5 5 }}
