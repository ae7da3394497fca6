{{ abbrev }}
{{ abbrev nil }}
{{ abbrev (list) (dict) 1 2 3 4 }}
{{ abbrev .Values.map }}
{{ abbrevboth }}
{{ abbrevboth nil }}
{{ abbrevboth (list) (dict) 1 2 3 4 }}
{{ abbrevboth .Values.map }}
{{ add }}
{{ add nil }}
{{ add (list) (dict) 1 2 3 4 }}
{{ add .Values.map }}
{{ add1 }}
{{ add1 nil }}
{{ add1 (list) (dict) 1 2 3 4 }}
{{ add1 .Values.map }}
{{ add1f }}
{{ add1f nil }}
{{ add1f (list) (dict) 1 2 3 4 }}
{{ add1f .Values.map }}
{{ addf }}
{{ addf nil }}
{{ addf (list) (dict) 1 2 3 4 }}
{{ addf .Values.map }}
{{ adler32sum }}
{{ adler32sum nil }}
{{ adler32sum (list) (dict) 1 2 3 4 }}
{{ adler32sum .Values.map }}
{{ ago (list) (dict) 1 2 3 4 }}
{{ all }}
{{ all nil }}
{{ all (list) (dict) 1 2 3 4 }}
{{ all .Values.map }}
{{ and }}
{{ and nil }}
{{ and (list) (dict) 1 2 3 4 }}
{{ and .Values.map }}
{{ any }}
{{ any nil }}
{{ any (list) (dict) 1 2 3 4 }}
{{ any .Values.map }}
{{ append }}
{{ append nil }}
{{ append (list) (dict) 1 2 3 4 }}
{{ append .Values.map }}
{{ atoi }}
{{ atoi nil }}
{{ atoi (list) (dict) 1 2 3 4 }}
{{ atoi .Values.map }}
{{ b32dec }}
{{ b32dec nil }}
{{ b32dec (list) (dict) 1 2 3 4 }}
{{ b32dec .Values.map }}
{{ b32enc }}
{{ b32enc nil }}
{{ b32enc (list) (dict) 1 2 3 4 }}
{{ b32enc .Values.map }}
{{ b64dec }}
{{ b64dec nil }}
{{ b64dec (list) (dict) 1 2 3 4 }}
{{ b64dec .Values.map }}
{{ b64enc }}
{{ b64enc nil }}
{{ b64enc (list) (dict) 1 2 3 4 }}
{{ b64enc .Values.map }}
{{ base }}
{{ base nil }}
{{ base (list) (dict) 1 2 3 4 }}
{{ base .Values.map }}
{{ bcrypt (list) (dict) 1 2 3 4 }}
{{ biggest }}
{{ biggest nil }}
{{ biggest (list) (dict) 1 2 3 4 }}
{{ biggest .Values.map }}
{{ buildCustomCert }}
{{ buildCustomCert nil }}
{{ buildCustomCert (list) (dict) 1 2 3 4 }}
{{ buildCustomCert .Values.map }}
{{ call }}
{{ call nil }}
{{ call (list) (dict) 1 2 3 4 }}
{{ call .Values.map }}
{{ camelcase }}
{{ camelcase nil }}
{{ camelcase (list) (dict) 1 2 3 4 }}
{{ camelcase .Values.map }}
{{ cat }}
{{ cat nil }}
{{ cat (list) (dict) 1 2 3 4 }}
{{ cat .Values.map }}
{{ ceil }}
{{ ceil nil }}
{{ ceil (list) (dict) 1 2 3 4 }}
{{ ceil .Values.map }}
{{ chunk }}
{{ chunk nil }}
{{ chunk (list) (dict) 1 2 3 4 }}
{{ chunk .Values.map }}
{{ clean }}
{{ clean nil }}
{{ clean (list) (dict) 1 2 3 4 }}
{{ clean .Values.map }}
{{ coalesce }}
{{ coalesce nil }}
{{ coalesce (list) (dict) 1 2 3 4 }}
{{ coalesce .Values.map }}
{{ compact }}
{{ compact nil }}
{{ compact (list) (dict) 1 2 3 4 }}
{{ compact .Values.map }}
{{ concat }}
{{ concat nil }}
{{ concat (list) (dict) 1 2 3 4 }}
{{ concat .Values.map }}
{{ contains }}
{{ contains nil }}
{{ contains (list) (dict) 1 2 3 4 }}
{{ contains .Values.map }}
{{ date }}
{{ date nil }}
{{ date (list) (dict) 1 2 3 4 }}
{{ date .Values.map }}
{{ dateInZone }}
{{ dateInZone nil }}
{{ dateInZone (list) (dict) 1 2 3 4 }}
{{ dateInZone .Values.map }}
{{ dateModify }}
{{ dateModify nil }}
{{ dateModify (list) (dict) 1 2 3 4 }}
{{ dateModify .Values.map }}
{{ date_in_zone }}
{{ date_in_zone nil }}
{{ date_in_zone (list) (dict) 1 2 3 4 }}
{{ date_in_zone .Values.map }}
{{ date_modify }}
{{ date_modify nil }}
{{ date_modify (list) (dict) 1 2 3 4 }}
{{ date_modify .Values.map }}
{{ decryptAES }}
{{ decryptAES nil }}
{{ decryptAES (list) (dict) 1 2 3 4 }}
{{ decryptAES .Values.map }}
{{ deepCopy }}
{{ deepCopy nil }}
{{ deepCopy (list) (dict) 1 2 3 4 }}
{{ deepCopy .Values.map }}
{{ deepEqual }}
{{ deepEqual nil }}
{{ deepEqual (list) (dict) 1 2 3 4 }}
{{ deepEqual .Values.map }}
{{ default }}
{{ default nil }}
{{ default (list) (dict) 1 2 3 4 }}
{{ default .Values.map }}
{{ derivePassword }}
{{ derivePassword nil }}
{{ derivePassword (list) (dict) 1 2 3 4 }}
{{ derivePassword .Values.map }}
{{ dict }}
{{ dict nil }}
{{ dict (list) (dict) 1 2 3 4 }}
{{ dict .Values.map }}
{{ dig }}
{{ dig nil }}
{{ dig (list) (dict) 1 2 3 4 }}
{{ dig .Values.map }}
{{ dir }}
{{ dir nil }}
{{ dir (list) (dict) 1 2 3 4 }}
{{ dir .Values.map }}
{{ div }}
{{ div nil }}
{{ div (list) (dict) 1 2 3 4 }}
{{ div .Values.map }}
{{ divf }}
{{ divf nil }}
{{ divf (list) (dict) 1 2 3 4 }}
{{ divf .Values.map }}
{{ duration }}
{{ duration nil }}
{{ duration (list) (dict) 1 2 3 4 }}
{{ duration .Values.map }}
{{ durationRound }}
{{ durationRound nil }}
{{ durationRound (list) (dict) 1 2 3 4 }}
{{ durationRound .Values.map }}
{{ empty }}
{{ empty nil }}
{{ empty (list) (dict) 1 2 3 4 }}
{{ empty .Values.map }}
{{ encryptAES (list) (dict) 1 2 3 4 }}
{{ eq }}
{{ eq nil }}
{{ eq (list) (dict) 1 2 3 4 }}
{{ eq .Values.map }}
{{ ext }}
{{ ext nil }}
{{ ext (list) (dict) 1 2 3 4 }}
{{ ext .Values.map }}
{{ fail }}
{{ fail nil }}
{{ fail (list) (dict) 1 2 3 4 }}
{{ fail .Values.map }}
{{ first }}
{{ first nil }}
{{ first (list) (dict) 1 2 3 4 }}
{{ first .Values.map }}
{{ float64 }}
{{ float64 nil }}
{{ float64 (list) (dict) 1 2 3 4 }}
{{ float64 .Values.map }}
{{ floor }}
{{ floor nil }}
{{ floor (list) (dict) 1 2 3 4 }}
{{ floor .Values.map }}
{{ fromJson }}
{{ fromJson nil }}
{{ fromJson (list) (dict) 1 2 3 4 }}
{{ fromJson .Values.map }}
{{ fromJsonArray }}
{{ fromJsonArray nil }}
{{ fromJsonArray (list) (dict) 1 2 3 4 }}
{{ fromJsonArray .Values.map }}
{{ fromToml }}
{{ fromToml nil }}
{{ fromToml (list) (dict) 1 2 3 4 }}
{{ fromToml .Values.map }}
{{ fromYaml }}
{{ fromYaml nil }}
{{ fromYaml (list) (dict) 1 2 3 4 }}
{{ fromYaml .Values.map }}
{{ fromYamlArray }}
{{ fromYamlArray nil }}
{{ fromYamlArray (list) (dict) 1 2 3 4 }}
{{ fromYamlArray .Values.map }}
{{ ge }}
{{ ge nil }}
{{ ge (list) (dict) 1 2 3 4 }}
{{ ge .Values.map }}
{{ genCA (list) (dict) 1 2 3 4 }}
{{ genCAWithKey (list) (dict) 1 2 3 4 }}
{{ genPrivateKey (list) (dict) 1 2 3 4 }}
{{ genSelfSignedCert (list) (dict) 1 2 3 4 }}
{{ genSelfSignedCertWithKey (list) (dict) 1 2 3 4 }}
{{ genSignedCert (list) (dict) 1 2 3 4 }}
{{ genSignedCertWithKey (list) (dict) 1 2 3 4 }}
{{ get }}
{{ get nil }}
{{ get (list) (dict) 1 2 3 4 }}
{{ get .Values.map }}
{{ getHostByName (list) (dict) 1 2 3 4 }}
{{ gt }}
{{ gt nil }}
{{ gt (list) (dict) 1 2 3 4 }}
{{ gt .Values.map }}
{{ has }}
{{ has nil }}
{{ has (list) (dict) 1 2 3 4 }}
{{ has .Values.map }}
{{ hasKey }}
{{ hasKey nil }}
{{ hasKey (list) (dict) 1 2 3 4 }}
{{ hasKey .Values.map }}
{{ hasPrefix }}
{{ hasPrefix nil }}
{{ hasPrefix (list) (dict) 1 2 3 4 }}
{{ hasPrefix .Values.map }}
{{ hasSuffix }}
{{ hasSuffix nil }}
{{ hasSuffix (list) (dict) 1 2 3 4 }}
{{ hasSuffix .Values.map }}
{{ hello }}
{{ hello nil }}
{{ hello (list) (dict) 1 2 3 4 }}
{{ hello .Values.map }}
{{ html }}
{{ html nil }}
{{ html (list) (dict) 1 2 3 4 }}
{{ html .Values.map }}
{{ htmlDate }}
{{ eq (htmlDate nil) (htmlDate now) }}
{{ htmlDate (list) (dict) 1 2 3 4 }}
{{ eq (htmlDate .Values.map) (htmlDate now) }}
{{ htmlDateInZone }}
{{ htmlDateInZone nil }}
{{ htmlDateInZone (list) (dict) 1 2 3 4 }}
{{ htmlDateInZone .Values.map }}
{{ htpasswd (list) (dict) 1 2 3 4 }}
{{ include }}
{{ include nil }}
{{ include (list) (dict) 1 2 3 4 }}
{{ include .Values.map }}
{{ indent }}
{{ indent nil }}
{{ indent (list) (dict) 1 2 3 4 }}
{{ indent .Values.map }}
{{ index }}
{{ index nil }}
{{ index (list) (dict) 1 2 3 4 }}
{{ index .Values.map }}
{{ initial }}
{{ initial nil }}
{{ initial (list) (dict) 1 2 3 4 }}
{{ initial .Values.map }}
{{ initials }}
{{ initials nil }}
{{ initials (list) (dict) 1 2 3 4 }}
{{ initials .Values.map }}
{{ int }}
{{ int nil }}
{{ int (list) (dict) 1 2 3 4 }}
{{ int .Values.map }}
{{ int64 }}
{{ int64 nil }}
{{ int64 (list) (dict) 1 2 3 4 }}
{{ int64 .Values.map }}
{{ isAbs }}
{{ isAbs nil }}
{{ isAbs (list) (dict) 1 2 3 4 }}
{{ isAbs .Values.map }}
{{ join }}
{{ join nil }}
{{ join (list) (dict) 1 2 3 4 }}
{{ join .Values.map }}
{{ js }}
{{ js nil }}
{{ js (list) (dict) 1 2 3 4 }}
{{ js .Values.map }}
{{ kebabcase }}
{{ kebabcase nil }}
{{ kebabcase (list) (dict) 1 2 3 4 }}
{{ kebabcase .Values.map }}
{{ keys }}
{{ keys nil }}
{{ keys (list) (dict) 1 2 3 4 }}
{{ kindIs }}
{{ kindIs nil }}
{{ kindIs (list) (dict) 1 2 3 4 }}
{{ kindIs .Values.map }}
{{ kindOf }}
{{ kindOf nil }}
{{ kindOf (list) (dict) 1 2 3 4 }}
{{ kindOf .Values.map }}
{{ last }}
{{ last nil }}
{{ last (list) (dict) 1 2 3 4 }}
{{ last .Values.map }}
{{ le }}
{{ le nil }}
{{ le (list) (dict) 1 2 3 4 }}
{{ le .Values.map }}
{{ len }}
{{ len nil }}
{{ len (list) (dict) 1 2 3 4 }}
{{ len .Values.map }}
{{ list }}
{{ list nil }}
{{ list (list) (dict) 1 2 3 4 }}
{{ list .Values.map }}
{{ lookup }}
{{ lookup nil }}
{{ lookup (list) (dict) 1 2 3 4 }}
{{ lookup .Values.map }}
{{ lower }}
{{ lower nil }}
{{ lower (list) (dict) 1 2 3 4 }}
{{ lower .Values.map }}
{{ lt }}
{{ lt nil }}
{{ lt (list) (dict) 1 2 3 4 }}
{{ lt .Values.map }}
{{ max }}
{{ max nil }}
{{ max (list) (dict) 1 2 3 4 }}
{{ max .Values.map }}
{{ maxf }}
{{ maxf nil }}
{{ maxf (list) (dict) 1 2 3 4 }}
{{ maxf .Values.map }}
{{ merge }}
{{ merge nil }}
{{ merge (list) (dict) 1 2 3 4 }}
{{ merge .Values.map }}
{{ mergeOverwrite }}
{{ mergeOverwrite nil }}
{{ mergeOverwrite (list) (dict) 1 2 3 4 }}
{{ mergeOverwrite .Values.map }}
{{ min }}
{{ min nil }}
{{ min (list) (dict) 1 2 3 4 }}
{{ min .Values.map }}
{{ minf }}
{{ minf nil }}
{{ minf (list) (dict) 1 2 3 4 }}
{{ minf .Values.map }}
{{ mod }}
{{ mod nil }}
{{ mod (list) (dict) 1 2 3 4 }}
{{ mod .Values.map }}
{{ mul }}
{{ mul nil }}
{{ mul (list) (dict) 1 2 3 4 }}
{{ mul .Values.map }}
{{ mulf }}
{{ mulf nil }}
{{ mulf (list) (dict) 1 2 3 4 }}
{{ mulf .Values.map }}
{{ mustAppend }}
{{ mustAppend nil }}
{{ mustAppend (list) (dict) 1 2 3 4 }}
{{ mustAppend .Values.map }}
{{ mustChunk }}
{{ mustChunk nil }}
{{ mustChunk (list) (dict) 1 2 3 4 }}
{{ mustChunk .Values.map }}
{{ mustCompact }}
{{ mustCompact nil }}
{{ mustCompact (list) (dict) 1 2 3 4 }}
{{ mustCompact .Values.map }}
{{ mustDateModify }}
{{ mustDateModify nil }}
{{ mustDateModify (list) (dict) 1 2 3 4 }}
{{ mustDateModify .Values.map }}
{{ mustDeepCopy }}
{{ mustDeepCopy nil }}
{{ mustDeepCopy (list) (dict) 1 2 3 4 }}
{{ mustDeepCopy .Values.map }}
{{ mustFirst }}
{{ mustFirst nil }}
{{ mustFirst (list) (dict) 1 2 3 4 }}
{{ mustFirst .Values.map }}
{{ mustFromJson }}
{{ mustFromJson nil }}
{{ mustFromJson (list) (dict) 1 2 3 4 }}
{{ mustFromJson .Values.map }}
{{ mustHas }}
{{ mustHas nil }}
{{ mustHas (list) (dict) 1 2 3 4 }}
{{ mustHas .Values.map }}
{{ mustInitial }}
{{ mustInitial nil }}
{{ mustInitial (list) (dict) 1 2 3 4 }}
{{ mustInitial .Values.map }}
{{ mustLast }}
{{ mustLast nil }}
{{ mustLast (list) (dict) 1 2 3 4 }}
{{ mustLast .Values.map }}
{{ mustMerge }}
{{ mustMerge nil }}
{{ mustMerge (list) (dict) 1 2 3 4 }}
{{ mustMerge .Values.map }}
{{ mustMergeOverwrite }}
{{ mustMergeOverwrite nil }}
{{ mustMergeOverwrite (list) (dict) 1 2 3 4 }}
{{ mustMergeOverwrite .Values.map }}
{{ mustPrepend }}
{{ mustPrepend nil }}
{{ mustPrepend (list) (dict) 1 2 3 4 }}
{{ mustPrepend .Values.map }}
{{ mustPush }}
{{ mustPush nil }}
{{ mustPush (list) (dict) 1 2 3 4 }}
{{ mustPush .Values.map }}
{{ mustRegexFind }}
{{ mustRegexFind nil }}
{{ mustRegexFind (list) (dict) 1 2 3 4 }}
{{ mustRegexFind .Values.map }}
{{ mustRegexFindAll }}
{{ mustRegexFindAll nil }}
{{ mustRegexFindAll (list) (dict) 1 2 3 4 }}
{{ mustRegexFindAll .Values.map }}
{{ mustRegexMatch }}
{{ mustRegexMatch nil }}
{{ mustRegexMatch (list) (dict) 1 2 3 4 }}
{{ mustRegexMatch .Values.map }}
{{ mustRegexReplaceAll }}
{{ mustRegexReplaceAll nil }}
{{ mustRegexReplaceAll (list) (dict) 1 2 3 4 }}
{{ mustRegexReplaceAll .Values.map }}
{{ mustRegexReplaceAllLiteral }}
{{ mustRegexReplaceAllLiteral nil }}
{{ mustRegexReplaceAllLiteral (list) (dict) 1 2 3 4 }}
{{ mustRegexReplaceAllLiteral .Values.map }}
{{ mustRegexSplit }}
{{ mustRegexSplit nil }}
{{ mustRegexSplit (list) (dict) 1 2 3 4 }}
{{ mustRegexSplit .Values.map }}
{{ mustRest }}
{{ mustRest nil }}
{{ mustRest (list) (dict) 1 2 3 4 }}
{{ mustRest .Values.map }}
{{ mustReverse }}
{{ mustReverse nil }}
{{ mustReverse (list) (dict) 1 2 3 4 }}
{{ mustReverse .Values.map }}
{{ mustSlice }}
{{ mustSlice nil }}
{{ mustSlice (list) (dict) 1 2 3 4 }}
{{ mustSlice .Values.map }}
{{ mustToDate }}
{{ mustToDate nil }}
{{ mustToDate (list) (dict) 1 2 3 4 }}
{{ mustToDate .Values.map }}
{{ mustToJson }}
{{ mustToJson nil }}
{{ mustToJson (list) (dict) 1 2 3 4 }}
{{ mustToJson .Values.map }}
{{ mustToPrettyJson }}
{{ mustToPrettyJson nil }}
{{ mustToPrettyJson (list) (dict) 1 2 3 4 }}
{{ mustToPrettyJson .Values.map }}
{{ mustToRawJson }}
{{ mustToRawJson nil }}
{{ mustToRawJson (list) (dict) 1 2 3 4 }}
{{ mustToRawJson .Values.map }}
{{ mustToToml }}
{{ mustToToml nil }}
{{ mustToToml (list) (dict) 1 2 3 4 }}
{{ mustToToml .Values.map }}
{{ mustToYaml }}
{{ mustToYaml nil }}
{{ mustToYaml (list) (dict) 1 2 3 4 }}
{{ mustToYaml .Values.map }}
{{ mustUniq }}
{{ mustUniq nil }}
{{ mustUniq (list) (dict) 1 2 3 4 }}
{{ mustUniq .Values.map }}
{{ mustWithout }}
{{ mustWithout nil }}
{{ mustWithout (list) (dict) 1 2 3 4 }}
{{ mustWithout .Values.map }}
{{ must_date_modify }}
{{ must_date_modify nil }}
{{ must_date_modify (list) (dict) 1 2 3 4 }}
{{ must_date_modify .Values.map }}
{{ ne }}
{{ ne nil }}
{{ ne (list) (dict) 1 2 3 4 }}
{{ ne .Values.map }}
{{ nindent }}
{{ nindent nil }}
{{ nindent (list) (dict) 1 2 3 4 }}
{{ nindent .Values.map }}
{{ nospace }}
{{ nospace nil }}
{{ nospace (list) (dict) 1 2 3 4 }}
{{ nospace .Values.map }}
{{ not }}
{{ not nil }}
{{ not (list) (dict) 1 2 3 4 }}
{{ not .Values.map }}
{{ now (list) (dict) 1 2 3 4 }}
{{ omit }}
{{ omit nil }}
{{ omit (list) (dict) 1 2 3 4 }}
{{ omit .Values.map }}
{{ or }}
{{ or nil }}
{{ or (list) (dict) 1 2 3 4 }}
{{ or .Values.map }}
{{ osBase }}
{{ osBase nil }}
{{ osBase (list) (dict) 1 2 3 4 }}
{{ osBase .Values.map }}
{{ osClean }}
{{ osClean nil }}
{{ osClean (list) (dict) 1 2 3 4 }}
{{ osClean .Values.map }}
{{ osDir }}
{{ osDir nil }}
{{ osDir (list) (dict) 1 2 3 4 }}
{{ osDir .Values.map }}
{{ osExt }}
{{ osExt nil }}
{{ osExt (list) (dict) 1 2 3 4 }}
{{ osExt .Values.map }}
{{ osIsAbs }}
{{ osIsAbs nil }}
{{ osIsAbs (list) (dict) 1 2 3 4 }}
{{ osIsAbs .Values.map }}
{{ pick }}
{{ pick nil }}
{{ pick (list) (dict) 1 2 3 4 }}
{{ pick .Values.map }}
{{ pluck }}
{{ pluck nil }}
{{ pluck (list) (dict) 1 2 3 4 }}
{{ pluck .Values.map }}
{{ plural }}
{{ plural nil }}
{{ plural (list) (dict) 1 2 3 4 }}
{{ plural .Values.map }}
{{ prepend }}
{{ prepend nil }}
{{ prepend (list) (dict) 1 2 3 4 }}
{{ prepend .Values.map }}
{{ print }}
{{ print nil }}
{{ print (list) (dict) 1 2 3 4 }}
{{ print .Values.map }}
{{ printf }}
{{ printf nil }}
{{ printf (list) (dict) 1 2 3 4 }}
{{ printf .Values.map }}
{{ println }}
{{ println nil }}
{{ println (list) (dict) 1 2 3 4 }}
{{ println .Values.map }}
{{ push }}
{{ push nil }}
{{ push (list) (dict) 1 2 3 4 }}
{{ push .Values.map }}
{{ quote }}
{{ quote nil }}
{{ quote (list) (dict) 1 2 3 4 }}
{{ quote .Values.map }}
{{ randAlpha (list) (dict) 1 2 3 4 }}
{{ randAlphaNum (list) (dict) 1 2 3 4 }}
{{ randAscii (list) (dict) 1 2 3 4 }}
{{ randBytes (list) (dict) 1 2 3 4 }}
{{ randInt (list) (dict) 1 2 3 4 }}
{{ randNumeric (list) (dict) 1 2 3 4 }}
{{ regexFind }}
{{ regexFind nil }}
{{ regexFind (list) (dict) 1 2 3 4 }}
{{ regexFind .Values.map }}
{{ regexFindAll }}
{{ regexFindAll nil }}
{{ regexFindAll (list) (dict) 1 2 3 4 }}
{{ regexFindAll .Values.map }}
{{ regexMatch }}
{{ regexMatch nil }}
{{ regexMatch (list) (dict) 1 2 3 4 }}
{{ regexMatch .Values.map }}
{{ regexQuoteMeta }}
{{ regexQuoteMeta nil }}
{{ regexQuoteMeta (list) (dict) 1 2 3 4 }}
{{ regexQuoteMeta .Values.map }}
{{ regexReplaceAll }}
{{ regexReplaceAll nil }}
{{ regexReplaceAll (list) (dict) 1 2 3 4 }}
{{ regexReplaceAll .Values.map }}
{{ regexReplaceAllLiteral }}
{{ regexReplaceAllLiteral nil }}
{{ regexReplaceAllLiteral (list) (dict) 1 2 3 4 }}
{{ regexReplaceAllLiteral .Values.map }}
{{ regexSplit }}
{{ regexSplit nil }}
{{ regexSplit (list) (dict) 1 2 3 4 }}
{{ regexSplit .Values.map }}
{{ repeat }}
{{ repeat nil }}
{{ repeat (list) (dict) 1 2 3 4 }}
{{ repeat .Values.map }}
{{ replace }}
{{ replace nil }}
{{ replace (list) (dict) 1 2 3 4 }}
{{ replace .Values.map }}
{{ required }}
{{ required nil }}
{{ required (list) (dict) 1 2 3 4 }}
{{ required .Values.map }}
{{ rest }}
{{ rest nil }}
{{ rest (list) (dict) 1 2 3 4 }}
{{ rest .Values.map }}
{{ reverse }}
{{ reverse nil }}
{{ reverse (list) (dict) 1 2 3 4 }}
{{ reverse .Values.map }}
{{ round }}
{{ round nil }}
{{ round (list) (dict) 1 2 3 4 }}
{{ round .Values.map }}
{{ semver }}
{{ semver nil }}
{{ semver (list) (dict) 1 2 3 4 }}
{{ semver .Values.map }}
{{ semverCompare }}
{{ semverCompare nil }}
{{ semverCompare (list) (dict) 1 2 3 4 }}
{{ semverCompare .Values.map }}
{{ seq }}
{{ seq nil }}
{{ seq (list) (dict) 1 2 3 4 }}
{{ seq .Values.map }}
{{ set }}
{{ set nil }}
{{ set (list) (dict) 1 2 3 4 }}
{{ set .Values.map }}
{{ sha1sum }}
{{ sha1sum nil }}
{{ sha1sum (list) (dict) 1 2 3 4 }}
{{ sha1sum .Values.map }}
{{ sha256sum }}
{{ sha256sum nil }}
{{ sha256sum (list) (dict) 1 2 3 4 }}
{{ sha256sum .Values.map }}
{{ sha512sum }}
{{ sha512sum nil }}
{{ sha512sum (list) (dict) 1 2 3 4 }}
{{ sha512sum .Values.map }}
{{ shuffle (list) (dict) 1 2 3 4 }}
{{ slice }}
{{ slice nil }}
{{ slice (list) (dict) 1 2 3 4 }}
{{ slice .Values.map }}
{{ snakecase }}
{{ snakecase nil }}
{{ snakecase (list) (dict) 1 2 3 4 }}
{{ snakecase .Values.map }}
{{ sortAlpha }}
{{ sortAlpha nil }}
{{ sortAlpha (list) (dict) 1 2 3 4 }}
{{ sortAlpha .Values.map }}
{{ split }}
{{ split nil }}
{{ split (list) (dict) 1 2 3 4 }}
{{ split .Values.map }}
{{ splitList }}
{{ splitList nil }}
{{ splitList (list) (dict) 1 2 3 4 }}
{{ splitList .Values.map }}
{{ splitn }}
{{ splitn nil }}
{{ splitn (list) (dict) 1 2 3 4 }}
{{ splitn .Values.map }}
{{ squote }}
{{ squote nil }}
{{ squote (list) (dict) 1 2 3 4 }}
{{ squote .Values.map }}
{{ sub }}
{{ sub nil }}
{{ sub (list) (dict) 1 2 3 4 }}
{{ sub .Values.map }}
{{ subf }}
{{ subf nil }}
{{ subf (list) (dict) 1 2 3 4 }}
{{ subf .Values.map }}
{{ substr }}
{{ substr nil }}
{{ substr (list) (dict) 1 2 3 4 }}
{{ substr .Values.map }}
{{ swapcase }}
{{ swapcase nil }}
{{ swapcase (list) (dict) 1 2 3 4 }}
{{ swapcase .Values.map }}
{{ ternary }}
{{ ternary nil }}
{{ ternary (list) (dict) 1 2 3 4 }}
{{ ternary .Values.map }}
{{ title }}
{{ title nil }}
{{ title (list) (dict) 1 2 3 4 }}
{{ title .Values.map }}
{{ toDate }}
{{ toDate nil }}
{{ toDate (list) (dict) 1 2 3 4 }}
{{ toDate .Values.map }}
{{ toDecimal }}
{{ toDecimal nil }}
{{ toDecimal (list) (dict) 1 2 3 4 }}
{{ toDecimal .Values.map }}
{{ toJson }}
{{ toJson nil }}
{{ toJson (list) (dict) 1 2 3 4 }}
{{ toJson .Values.map }}
{{ toPrettyJson }}
{{ toPrettyJson nil }}
{{ toPrettyJson (list) (dict) 1 2 3 4 }}
{{ toPrettyJson .Values.map }}
{{ toRawJson }}
{{ toRawJson nil }}
{{ toRawJson (list) (dict) 1 2 3 4 }}
{{ toRawJson .Values.map }}
{{ toString }}
{{ toString nil }}
{{ toString (list) (dict) 1 2 3 4 }}
{{ toString .Values.map }}
{{ toStrings }}
{{ toStrings nil }}
{{ toStrings (list) (dict) 1 2 3 4 }}
{{ toStrings .Values.map }}
{{ toToml }}
{{ toToml nil }}
{{ toToml (list) (dict) 1 2 3 4 }}
{{ toToml .Values.map }}
{{ toYaml }}
{{ toYaml nil }}
{{ toYaml (list) (dict) 1 2 3 4 }}
{{ toYaml .Values.map }}
{{ toYamlPretty }}
{{ toYamlPretty nil }}
{{ toYamlPretty (list) (dict) 1 2 3 4 }}
{{ toYamlPretty .Values.map }}
{{ tpl }}
{{ tpl nil }}
{{ tpl (list) (dict) 1 2 3 4 }}
{{ tpl .Values.map }}
{{ trim }}
{{ trim nil }}
{{ trim (list) (dict) 1 2 3 4 }}
{{ trim .Values.map }}
{{ trimAll }}
{{ trimAll nil }}
{{ trimAll (list) (dict) 1 2 3 4 }}
{{ trimAll .Values.map }}
{{ trimPrefix }}
{{ trimPrefix nil }}
{{ trimPrefix (list) (dict) 1 2 3 4 }}
{{ trimPrefix .Values.map }}
{{ trimSuffix }}
{{ trimSuffix nil }}
{{ trimSuffix (list) (dict) 1 2 3 4 }}
{{ trimSuffix .Values.map }}
{{ trimall }}
{{ trimall nil }}
{{ trimall (list) (dict) 1 2 3 4 }}
{{ trimall .Values.map }}
{{ trunc }}
{{ trunc nil }}
{{ trunc (list) (dict) 1 2 3 4 }}
{{ trunc .Values.map }}
{{ tuple }}
{{ tuple nil }}
{{ tuple (list) (dict) 1 2 3 4 }}
{{ tuple .Values.map }}
{{ typeIs }}
{{ typeIs nil }}
{{ typeIs (list) (dict) 1 2 3 4 }}
{{ typeIs .Values.map }}
{{ typeIsLike }}
{{ typeIsLike nil }}
{{ typeIsLike (list) (dict) 1 2 3 4 }}
{{ typeIsLike .Values.map }}
{{ typeOf }}
{{ typeOf nil }}
{{ typeOf (list) (dict) 1 2 3 4 }}
{{ typeOf .Values.map }}
{{ uniq }}
{{ uniq nil }}
{{ uniq (list) (dict) 1 2 3 4 }}
{{ uniq .Values.map }}
{{ unixEpoch }}
{{ unixEpoch nil }}
{{ unixEpoch (list) (dict) 1 2 3 4 }}
{{ unixEpoch .Values.map }}
{{ unset }}
{{ unset nil }}
{{ unset (list) (dict) 1 2 3 4 }}
{{ unset .Values.map }}
{{ until }}
{{ until nil }}
{{ until (list) (dict) 1 2 3 4 }}
{{ until .Values.map }}
{{ untilStep }}
{{ untilStep nil }}
{{ untilStep (list) (dict) 1 2 3 4 }}
{{ untilStep .Values.map }}
{{ untitle }}
{{ untitle nil }}
{{ untitle (list) (dict) 1 2 3 4 }}
{{ untitle .Values.map }}
{{ upper }}
{{ upper nil }}
{{ upper (list) (dict) 1 2 3 4 }}
{{ upper .Values.map }}
{{ urlJoin }}
{{ urlJoin nil }}
{{ urlJoin (list) (dict) 1 2 3 4 }}
{{ urlJoin .Values.map }}
{{ urlParse }}
{{ urlParse nil }}
{{ urlParse (list) (dict) 1 2 3 4 }}
{{ urlParse .Values.map }}
{{ urlquery }}
{{ urlquery nil }}
{{ urlquery (list) (dict) 1 2 3 4 }}
{{ urlquery .Values.map }}
{{ uuidv4 (list) (dict) 1 2 3 4 }}
{{ values }}
{{ values nil }}
{{ values (list) (dict) 1 2 3 4 }}
{{ without }}
{{ without nil }}
{{ without (list) (dict) 1 2 3 4 }}
{{ without .Values.map }}
{{ wrap }}
{{ wrap nil }}
{{ wrap (list) (dict) 1 2 3 4 }}
{{ wrap .Values.map }}
{{ wrapWith }}
{{ wrapWith nil }}
{{ wrapWith (list) (dict) 1 2 3 4 }}
{{ wrapWith .Values.map }}
{{ ago (toDate "2006-01-02" "2000-01-02") | contains "h" }}
{{ (buildCustomCert (b64enc "x") (b64enc "y")).Cert }}
{{ call .Values.text }}
{{ mustAppend (list 1) 2 }} {{ mustPrepend (list 1) 2 }} {{ mustPush (list 1) 2 }} {{ mustChunk 2 (list 1 2 3) }} {{ mustCompact (list 1 "" 3) }} {{ mustDeepCopy (dict "a" 1) }}
{{ mustFirst (list 1 2) }} {{ mustRest (list 1 2) }} {{ mustLast (list 1 2) }} {{ mustInitial (list 1 2) }} {{ mustReverse (list 1 2) }} {{ mustUniq (list 1 1) }} {{ mustWithout (list 1 2) 1 }} {{ mustHas 1 (list 1) }}
{{ mustRegexFind "a+" "baab" }} {{ mustRegexFindAll "a" "baab" -1 }} {{ mustRegexMatch "^a" "ba" }} {{ mustRegexReplaceAll "a(b)" "ab" "${1}c" }} {{ mustRegexReplaceAllLiteral "a" "ab" "${1}" }} {{ mustRegexSplit "a" "bac" -1 }}
{{ mustRegexFind "(" "x" }}
{{ mustRegexFindAll "(" "x" 1 }}
{{ mustRegexMatch "(" "x" }}
{{ mustRegexReplaceAll "(" "x" "y" }}
{{ mustRegexReplaceAllLiteral "(" "x" "y" }}
{{ mustRegexSplit "(" "x" 1 }}
{{ regexFind "(" "x" }}
{{ mustToDate "2006-01-02" "2017-12-31" | date "02/01/2006" }}
{{ mustToDate "2006-01-02" "nonsense" }}
{{ mustDateModify "-1h" (toDate "2006-01-02" "2017-12-31") | date "2006-01-02 15:04" }} {{ must_date_modify "2h" (toDate "2006-01-02" "2017-12-31") | date "15:04" }}
{{ mustDateModify "nonsense" (toDate "2006-01-02" "2017-12-31") }}
{{ mustToToml (dict "a" (dict "b" 1)) }}
{{ mustChunk 2 5 }}
{{ mustCompact 5 }}
{{ mustUniq "x" }}
{{ mustWithout "x" 1 }}
{{ mustHas 1 "x" }}
{{ mustSlice (list 1 2 3) 1 5 }}
{{ slice (list 1 2 3) 2 1 }}
{{ index (list 1) 3 }}
{{ index (dict "a" 1) 3 }}
{{ substr 5 2 "abc" }}
{{ semver "x" }}
{{ semverCompare "x" "1.0.0" }}
{{ semverCompare ">1" "x" }}
{{ b64dec "%" }}
{{ b32dec "%" }}
{{ decryptAES "key" "nonsense" }}
{{ genPrivateKey "nonsense" }}
{{ genCA "x" "y" }}
{{ fromJson "{" }}
{{ mustFromJson "{" }}
{{ fromYaml "{" }}
{{ fromYamlArray "a: 1" }}
{{ fromJsonArray "{}" }}
{{ toDecimal "9" }}
{{ atoi "x" }} {{ int "x" }} {{ int64 "0x1f" }} {{ float64 "x" }}
{{ div 1 0 }}
{{ mod 1 0 }}
{{ divf 1 0 }}
{{ repeat -1 "x" }}
{{ required "a message" "" }}
{{ fail "a message" }}
{{ tpl "{{ .x" . }}
{{ include "nothing" . }}
{{ template "nothing" . }}
{{ dig "a" "b" (dict "a" 5) }}
{{ dig "a" }}
{{ hasKey 5 "a" }}
{{ get (list) "a" }}
{{ set nil "a" 1 }}
{{ pluck "a" 5 }}
{{ keys 5 }}
{{ ternary 1 2 3 }}
{{ until -3 }} {{ untilStep 5 0 -2 }} {{ untilStep 0 5 0 }} {{ seq 5 }} {{ seq 1 2 3 4 }}
{{ duration "95" }} {{ duration "x" }} {{ durationRound "2h10m5s" }} {{ durationRound "x" }}
{{ urlParse "http://a/%zz" }}
{{ urlJoin 5 }}
{{ dateInZone "2006" (toDate "2006-01-02" "2017-12-31") "Nowhere/Land" }}
{{ derivePassword 1 "nonsense" "a" "b" "c" }}
