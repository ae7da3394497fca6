{{ toJson (fromYaml "m: |\n  a") }}
{{ toJson (fromYamlArray "- |\n  a") }}
{{ toJson (fromYaml "m: |-\n  a") }}
{{ toJson (fromYamlArray "- |-\n  a") }}
{{ toJson (fromYaml "m: |+\n  a") }}
{{ toJson (fromYamlArray "- |+\n  a") }}
{{ toJson (fromYaml "m: |\n  a\n") }}
{{ toJson (fromYamlArray "- |\n  a\n") }}
{{ toJson (fromYaml "m: |\n  a\n ") }}
{{ toJson (fromYamlArray "- |\n  a\n ") }}
{{ toJson (fromYaml "m: |\n  a\n  ") }}
{{ toJson (fromYamlArray "- |\n  a\n  ") }}
{{ toJson (fromYaml "m: |\n  a\n   ") }}
{{ toJson (fromYamlArray "- |\n  a\n   ") }}
{{ toJson (fromYaml "m: |+\n  a\n ") }}
{{ toJson (fromYamlArray "- |+\n  a\n ") }}
{{ toJson (fromYaml "m: |+\n  a\n   ") }}
{{ toJson (fromYamlArray "- |+\n  a\n   ") }}
{{ toJson (fromYaml "m: |-\n  a\n   ") }}
{{ toJson (fromYamlArray "- |-\n  a\n   ") }}
{{ toJson (fromYaml "m: >\n  a\n  b") }}
{{ toJson (fromYamlArray "- >\n  a\n  b") }}
{{ toJson (fromYaml "m: >\n  a\n\n  b") }}
{{ toJson (fromYamlArray "- >\n  a\n\n  b") }}
{{ toJson (fromYaml "m: >-\n  a\n  b") }}
{{ toJson (fromYamlArray "- >-\n  a\n  b") }}
{{ toJson (fromYaml "m: >+\n  a\n  b\n ") }}
{{ toJson (fromYamlArray "- >+\n  a\n  b\n ") }}
{{ toJson (fromYaml "m: >\n  a\n   b") }}
{{ toJson (fromYamlArray "- >\n  a\n   b") }}
{{ toJson (fromYaml "m: >\n  a\n   ") }}
{{ toJson (fromYamlArray "- >\n  a\n   ") }}
{{ toJson (fromYaml "m: |") }}
{{ toJson (fromYamlArray "- |") }}
{{ toJson (fromYaml "m: |+") }}
{{ toJson (fromYamlArray "- |+") }}
{{ toJson (fromYaml "m: |\n") }}
{{ toJson (fromYamlArray "- |\n") }}
{{ toJson (fromYaml "m: |\n ") }}
{{ toJson (fromYamlArray "- |\n ") }}
{{ toJson (fromYaml "m: |+\n ") }}
{{ toJson (fromYamlArray "- |+\n ") }}
{{ toJson (fromYaml "m: |+\n\n") }}
{{ toJson (fromYamlArray "- |+\n\n") }}
{{ toJson (fromYaml "m: >\n\n  a\n\n") }}
{{ toJson (fromYamlArray "- >\n\n  a\n\n") }}
{{ toJson (fromYaml "m: |2\n   a") }}
{{ toJson (fromYamlArray "- |2\n   a") }}
{{ toJson (fromYaml "m: |\n  a\n# c") }}
{{ toJson (fromYamlArray "- |\n  a\n# c") }}
{{ toJson (fromYaml "m: |\n  a\n  # c") }}
{{ toJson (fromYamlArray "- |\n  a\n  # c") }}
{{ toJson (fromYaml "- |\n a\n- b") }}
{{ toJson (fromYamlArray "- |\n a\n- b") }}
{{ toJson (fromYaml "- b\n- |\n a") }}
{{ toJson (fromYamlArray "- b\n- |\n a") }}
{{ toJson (fromYaml "? |\n  a") }}
{{ toJson (fromYamlArray "? |\n  a") }}
{{ toJson (fromYaml "m: |\n  a\n...") }}
{{ toJson (fromYamlArray "- |\n  a\n...") }}
{{ toJson (fromYaml "m: |\n  é") }}
{{ toJson (fromYamlArray "- |\n  é") }}
{{ toJson (fromYaml "m: |\r\n  a") }}
{{ toJson (fromYamlArray "- |\r\n  a") }}
{{ toJson (fromYaml "m: |\n  a\r") }}
{{ toJson (fromYamlArray "- |\n  a\r") }}
{{ toJson (fromYaml "m: |\n \ta") }}
{{ toJson (fromYamlArray "- |\n \ta") }}
{{ toJson (fromYaml "m: |\n  a\n\t") }}
{{ toJson (fromYamlArray "- |\n  a\n\t") }}
{{ toJson (fromYaml "m: 'a") }}
{{ toJson (fromYamlArray "- 'a") }}
{{ toJson (fromYaml "m: \"a") }}
{{ toJson (fromYamlArray "- \"a") }}
{{ toJson (fromYaml "m: 'a\n") }}
{{ toJson (fromYamlArray "- 'a\n") }}
{{ toJson (fromYaml "n: 1\nm: \"a\n") }}
{{ toJson (fromYamlArray "n: 1\n- \"a\n") }}
{{ toJson (fromYaml "n: 1\nm: [a") }}
{{ toJson (fromYamlArray "n: 1\n- [a") }}
{{ toJson (fromYaml "n: 1\nm: [a\n") }}
{{ toJson (fromYamlArray "n: 1\n- [a\n") }}
{{ toJson (fromYaml "n: {a: b") }}
{{ toJson (fromYamlArray "n: {a: b") }}
{{ toJson (fromYaml "n: 1\n  m: 2") }}
{{ toJson (fromYamlArray "n: 1\n  - 2") }}
{{ toJson (fromYaml "n: 1\nm") }}
{{ toJson (fromYamlArray "n: 1\nm") }}
{{ toJson (fromYaml "n: 1\nm\n") }}
{{ toJson (fromYamlArray "n: 1\nm\n") }}
{{ toJson (fromYaml "a: b: c") }}
{{ toJson (fromYamlArray "a: b: c") }}
{{ toJson (fromYaml "&a") }}
{{ toJson (fromYamlArray "&a") }}
{{ toJson (fromYaml "*a") }}
{{ toJson (fromYamlArray "*a") }}
{{ toJson (fromYaml "- a\nb") }}
{{ toJson (fromYamlArray "- a\nb") }}
{{ toJson (fromYaml "a: |\n b\nc") }}
{{ toJson (fromYamlArray "a: |\n b\nc") }}
{{ toJson (fromYaml "!!") }}
{{ toJson (fromYamlArray "!!") }}
{{ toJson (fromYaml "? ") }}
{{ toJson (fromYamlArray "? ") }}
{{ toJson (fromYaml "- ") }}
{{ toJson (fromYamlArray "- ") }}
{{ toJson (fromYaml "a: !!int |\n  12") }}
{{ toJson (fromYamlArray "a: !!int |\n  12") }}
{{ toJson (fromYaml "m: |\n  a\u2028") }}
{{ toJson (fromYamlArray "- |\n  a\u2028") }}
{{ toJson (fromYaml "m: |\n  a\u0085") }}
{{ toJson (fromYamlArray "- |\n  a\u0085") }}
{{ toJson (fromYaml "k: >2\n    a\n   b") }}
{{ toJson (fromYamlArray "k: >2\n    a\n   b") }}
{{ toJson (fromYaml "a: 'b\n") }}
{{ toJson (fromYamlArray "a: 'b\n") }}
{{ toJson (fromYaml "%YAML 1.1") }}
{{ toJson (fromYamlArray "%YAML 1.1") }}
{{ toJson (fromYaml "%YAML 1.1\n---\na: |\n  b") }}
{{ toJson (fromYamlArray "%YAML 1.1\n---\na: |\n  b") }}
{{ toJson (fromYaml "---\n|\n  a") }}
{{ toJson (fromYamlArray "---\n|\n  a") }}
{{ toJson (fromYaml "|\n  a") }}
{{ toJson (fromYamlArray "|\n  a") }}
{{ toJson (fromYaml "|\n a\n b\n  ") }}
{{ toJson (fromYamlArray "|\n a\n b\n  ") }}
{{ toJson (fromYaml "a: [!!str b, c]") }}
{{ toJson (fromYaml "a: !<tag:yaml.org,2002:str> 1") }}
{{ toJson (fromYaml "a: !<tag:yaml.org,2002:str 1") }}
{{ toJson (fromYaml "a: !e%C3%A9 1") }}
{{ toJson (fromYaml "%TAG !e! tag:e,2000:\n---\na: !e!x 1") }}
{{ toJson (fromYaml "\uff01x: 1\n") }}
{{ toJson (fromYaml "\uff01x: |\n  y") }}
{{ toJson (fromYaml "\ufeffx: |\n  y") }}
{{ toJson (fromYaml "\ufffd") }}
{{ toJson (fromYaml "\uff01x: [") }}
