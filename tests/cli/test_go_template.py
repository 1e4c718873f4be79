"""Go's templates: what docker's users write prints what docker prints; what is not known is refused by name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.go_template import Template, TemplateError
from eventstore.errors import InvalidError
from tests.cli.invoking import Layerlog

DOCUMENT = {
    "Id": "sha256:ab", "Name": "web", "Size": 7, "Tags": ["a:1", "b:2"], "None": None, "On": True, "Off": False, "Empty": [],
    "Config": {"Env": ["A=b", "C=d"], "Labels": {"z": "1", "a": "2"}, "Cmd": None},
    "Ports": {"80/tcp": [{"HostPort": "8080"}]}, "Odd": "\x1b[2J",
}  # fmt: skip
FILLED = {
    "{{.Name}}": "web", "{{ .Id }} x": "sha256:ab x", "{{.Config.Labels.z}}": "1", "{{.None}}": "<no value>", "{{.On}}": "true",
    "{{.Tags}}": "[a:1 b:2]", "{{.Config.Labels}}": "map[a:2 z:1]", "{{.Odd}}": r"\x1b[2J", "plain": "plain",
    "{{json .Tags}}": '["a:1", "b:2"]', "{{.Tags | json}}": '["a:1", "b:2"]', "{{json .None}}": "null", "{{len .Tags}}": "2",
    "{{len .None}}": "0", "{{index .Tags 1}}": "b:2", '{{index .Config.Labels "z"}}': "1", '{{index .Ports "80/tcp" 0}}': "map[HostPort:8080]",
    '{{(index (index .Ports "80/tcp") 0)}}': "map[HostPort:8080]", '{{join .Tags ", "}}': "a:1, b:2", "{{join .Tags `;`}}": "a:1;b:2",
    '{{join .None ","}}': "", "{{if .On}}yes{{end}}": "yes", "{{if .Empty}}yes{{else}}no{{end}}": "no", "{{if .None}}a{{else if .On}}b{{else}}c{{end}}": "b",
    '{{if eq .Name "web"}}=={{end}}': "==", '{{if eq .Name "a" "web"}}=={{end}}': "==", "{{if ne .Size 7}}x{{else}}y{{end}}": "y",
    "{{if and .On .Off}}x{{else}}y{{end}}": "y", "{{if or .Off .On}}x{{end}}": "x", "{{if not .Off}}x{{end}}": "x",
    "{{range .Tags}}<{{.}}>{{end}}": "<a:1><b:2>", "{{range .Empty}}x{{else}}none{{end}}": "none", "{{range .Config.Labels}}{{.}} {{end}}": "2 1 ",
    "{{range .Tags}}{{$.Name}}/{{.}} {{end}}": "web/a:1 web/b:2 ", "{{range .Config.Env}}{{println .}}{{end}}": None,
    "a {{- .Name -}} b": "awebb", "{{/* why */}}x": "x", "{{.Name | upper}}": "WEB", "{{upper .Name | lower}}": "web", '{{index (split .Id ":") 1}}': "ab",
    "{{title .Name}}": "Web", "{{`{{`}}": "{{", '{{"a\\tb"}}': "a\\tb", "{{if true}}{{if false}}x{{else}}y{{end}}{{end}}": "y",
}  # fmt: skip
REFUSED = {
    "{{println .Name}}": "println is not known", "{{.Nmae}}": "there is no field .Nmae; there are Id, ", "{{with .Config}}x{{end}}": "with is not known",
    "{{$x := 1}}": "is not known", "{{if .On}}": "has no {{end}}", "{{end}}": "{{end}} without an if", "{{else}}": "{{else}} without", "{{.Name": "not closed",
    "{{}}": "an action is empty", "{{.Name |}}": "an action is empty", "{{(.Name}}": "a ( is not closed", "{{.Name)}}": "a ) too many",
    "{{range .Name}}{{end}}": "range goes over a list or a map", "{{index .Tags 9}}": "index: not with 2", "{{join .Tags}}": "join: not with 1",
    "{{len .Size}}": "len: not with 1", "{{upper .Tags}}": "upper: not with 1", "{{.Name .Id}}": "takes no arguments", '{{template "x"}}': "template is not known",
    "{{json len .Tags}}": "needs parentheses", "{{eq .Name}}": "eq: not with 1",
}  # fmt: skip


@pytest.mark.parametrize("text", [text for text, found in FILLED.items() if found is not None])
def test_a_template_is_filled_as_go_does_it(text: str) -> None:
    assert Template(text).filled(DOCUMENT) == FILLED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_known_is_refused_by_name(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(text).filled(DOCUMENT)
    assert REFUSED[text] in str(caught.value)


@given(st.text(st.sampled_from('{}.|()"`$ -/*ifrangeendelsejson\\0189ATagsNm'), max_size=60))
def test_any_text_is_filled_or_refused(text: str) -> None:
    with suppress(InvalidError):
        Template(text).filled(DOCUMENT)


@given(st.integers(0, 2000))
def test_deep_templates_are_refused(depth: int) -> None:
    for text in ("{{if .On}}" * depth + "{{end}}" * depth, "{{" + "(" * depth + ".On" + ")" * depth + "}}"):
        with suppress(TemplateError):
            Template(text).filled(DOCUMENT)


# -- in listings


def test_every_listing_takes_a_template(ll: Layerlog) -> None:
    assert ll.lines("images", "--format", "{{.Repository}}:{{.Tag}}") == ["base:1"]
    assert ll.lines("ps", "--format", "{{.Names}} {{.Name}}") == ["web web"]
    [identity] = ll.lines("images", "-q")
    assert ll.lines("images", "--format", "{{.ID}}") == [identity]
    assert ll.lines("ls", "--format", "{{.Name}}/", "web:/usr") == ["bin/", "lib/"]
    assert ll.lines("reflog", "--format", "{{.Point}}") == ["base:1@{0}"]


def test_a_table_has_headers_and_columns(ll: Layerlog) -> None:
    ll("create", "--name", "another-name", "base:1")
    assert ll.lines("ps", "--format", r"table {{.Names}}\t{{.Image}}") == ["NAMES         IMAGE", "another-name  base:1", "web           base:1"]
    assert ll.lines("ps", "--format", r"{{.Names}}\t{{.Image}}")[0] == "another-name\tbase:1"


def test_a_format_that_is_none_is_refused(ll: Layerlog) -> None:
    assert "'foo' is not table, json or a template" in ll.run("ps", "--format", "foo").stderr
    assert "there is no field .Foo; there are" in ll.refused("ps", "--format", "{{.Foo}}")
